/* SPDX-License-Identifier: MIT */
#include "machine_files.h"

#include "machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key, *folder;
} slots[VS_SLOT_N + 1] = {[VS_SLOT_CPU] = {"cpu", "cpus"},
                          [VS_SLOT_MEMORY] = {"memory", "memories"},
                          [VS_SLOT_HYPERVISOR] = {"hypervisor", "hypervisors"},
                          [VS_SLOT_IOMMU] = {"iommu", "iommus"},
                          [VS_SLOT_NIC] = {"nic", "nics"},
                          [VS_SLOT_KERNEL] = {"kernel", "kernels"},
                          [VS_SLOT_MACHINE] = {"machine", "machines"}};

const char *vs_machine_folder(enum vs_slot slot)
{
    return slots[slot].folder;
}

const char *vs_machine_slot(enum vs_slot slot)
{
    return slots[slot].key;
}

/* Orders the files of a folder by their names. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls visit for each description in a folder of scripts/lua, in name order. */
static void each(const char *home, enum vs_slot slot,
                 void (*visit)(void *ctx, const char *name, const char *path), void *ctx)
{
    char folder[4096], path[4600], name[256];
    snprintf(folder, sizeof folder, "%s/scripts/lua/%s", home, slots[slot].folder);
    struct dirent **list = NULL;
    int n = scandir(folder, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(list[i]->d_name, '.');
        if (dot && !strcmp(dot, ".lua")) {
            snprintf(name, sizeof name, "%.*s", (int)(dot - list[i]->d_name), list[i]->d_name);
            snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
            visit(ctx, name, path);
        }
        free(list[i]);
    }
    free(list);
}

void vs_machine_each(const char *home, void (*visit)(void *ctx, const char *name, const char *path),
                     void *ctx)
{
    each(home, VS_SLOT_MACHINE, visit, ctx);
}

void vs_machine_each_file(const char *home,
                          void (*visit)(void *ctx, const char *name, const char *path), void *ctx)
{
    for (int i = 0; i <= VS_SLOT_N; i++) {
        each(home, (enum vs_slot)i, visit, ctx);
    }
}

/* Names of descriptions, for a hint. */
struct names {
    const char *name[256];
    size_t n;
};

/* Adds a copy of a name. */
static void collect(void *ctx, const char *name, const char *path)
{
    struct names *all = ctx;
    size_t n = strlen(name) + 1;
    char *c = all->n < 256 ? malloc(n) : NULL;
    (void)path;
    if (c) {
        all->name[all->n++] = memcpy(c, name, n);
    }
}

bool vs_machine_is_path(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strchr(name, '/') || (dot && !strcmp(dot, ".lua"));
}

/* A path is relative to the file that names it; one of the request is left as it is, and reading it
 * says whether it is there. */
static bool locate_path(const struct vs_file_asked *asked, const char *name, char *path,
                        size_t bytes)
{
    const char *slash = asked->at && *name != '/' ? strrchr(asked->at, '/') : NULL;
    snprintf(path, bytes, "%.*s%s", slash ? (int)(slash + 1 - asked->at) : 0,
             slash ? asked->at : "", name);
    FILE *there = asked->at ? fopen(path, "rb") : NULL;
    if (asked->at && !there) {
        vs_error(asked->errors,
                 "%s: %s: there is no file %.2000s; a path is relative to the file that names it",
                 asked->file, name, path);
    }
    return !asked->at || (there && !fclose(there));
}

bool vs_machine_locate(const struct vs_file_asked *asked, enum vs_slot slot, const char *name,
                       char *path, size_t bytes)
{
    if (vs_machine_is_path(name)) {
        return locate_path(asked, name, path, bytes);
    }
    snprintf(path, bytes, "%s/scripts/lua/%s/%s.lua", asked->home, slots[slot].folder, name);
    FILE *f = fopen(path, "rb");
    if (f) {
        fclose(f);
        return true;
    }
    struct names all = {{NULL}, 0};
    each(asked->home, slot, collect, &all);
    char hint[VS_SUGGEST];
    if (slot == VS_SLOT_MACHINE) {
        vs_error(asked->errors, "unknown machine '%s'; %s", name,
                 vs_suggest(name, all.name, all.n, "'virtsim list machines' names them all", hint,
                            sizeof hint));
    } else {
        vs_error(asked->errors, "%s: nothing called '%s' in scripts/lua/%s; %s", asked->file, name,
                 slots[slot].folder, vs_suggest(name, all.name, all.n, NULL, hint, sizeof hint));
    }
    for (size_t i = 0; i < all.n; i++) {
        free((void *)(uintptr_t)all.name[i]);
    }
    return false;
}
