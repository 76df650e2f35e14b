/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include "box.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* base of base of ... */

static const struct {
    const char *key, *folder;
} parts[] = {{"cpu", "cpus"},
             {"memory", "memories"},
             {"hypervisor", "hypervisors"},
             {"iommu", "iommus"},
             {"nic", "nics"}};

struct leaf {
    char *path, *value, *source;
    enum vs_evidence grade;
};

struct loader {
    const char *home;
    struct vs_box *box;
    struct vs_knobs *knobs;
    struct vs_errors *errors;
    struct vs_machine_info *info;
    const char *file; /* being read */
    struct leaf *leaf;
    size_t n_leaf;
    size_t failures;
    int depth;
};

static char *copy(const char *s)
{
    size_t n = strlen(s) + 1;
    char *c = malloc(n);
    return c ? memcpy(c, s, n) : NULL;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

static void fail(struct loader *ld, const char *path, const char *what)
{
    ld->failures++;
    vs_error(ld->errors, "%s: %s: %s", ld->file, path, what);
}

/* The value at the top of the stack is { value, "source", "grade" }. */
static void add_leaf(struct loader *ld, const char *path)
{
    lua_State *L = ld->box->L;
    struct leaf l = {NULL, NULL, NULL, VS_GRADE_assumed};
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    lua_rawgeti(L, -3, 3);
    const char *source = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL,
               *grade = lua_tostring(L, -1);
    /* a number becomes "1e+06" or "3.0" here: both are read back the same */
    const char *value =
        lua_isboolean(L, -3) ? (lua_toboolean(L, -3) ? "1" : "0") : lua_tostring(L, -3);
    if (!value) {
        fail(ld, path, "the value must be a number, a string or a boolean");
    } else if (!source || !*source) {
        fail(ld, path, "a number without a source; write { value, \"source\", \"grade\" }");
    } else if (!grade || !vs_evidence_parse(grade, &l.grade)) {
        fail(ld, path, "the grade must be measured, derived, documented or assumed");
    } else {
        l.path = copy(path);
        l.value = copy(value);
        l.source = copy(source);
        struct leaf *grown = realloc(ld->leaf, (ld->n_leaf + 1) * sizeof *grown);
        ld->leaf = grown ? grown : ld->leaf;
        if (grown && l.path && l.value && l.source) {
            ld->leaf[ld->n_leaf++] = l;
        } else {
            free(l.path);
            free(l.value);
            free(l.source);
            fail(ld, path, "out of memory");
        }
    }
}

static void flatten(struct loader *ld, const char *prefix, int depth)
{
    lua_State *L = ld->box->L;
    if (depth > DEPTH_MAX || !lua_checkstack(L, 16)) {
        fail(ld, prefix, "nested too deeply");
        return;
    }
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        char path[256];
        if (lua_type(L, -2) != LUA_TSTRING) {
            fail(ld, prefix, "knob names are strings");
            lua_pop(L, 1);
            continue;
        }
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", lua_tostring(L, -2));
        if (!lua_istable(L, -1)) {
            fail(ld, path, "a number without a source; write { value, \"source\", \"grade\" }");
        } else {
            int top = lua_gettop(L);
            bool is_leaf = lua_rawgeti(L, -1, 1) != LUA_TNIL;
            lua_pop(L, 1);
            if (is_leaf) {
                add_leaf(ld, path);
            } else {
                flatten(ld, path, depth + 1);
            }
            lua_settop(L, top);
        }
        lua_pop(L, 1);
    }
}

static void apply(struct loader *ld)
{
    char who[300];
    snprintf(who, sizeof who, "machine %s (%s)", ld->info->name, ld->file);
    if (ld->n_leaf) {
        qsort(ld->leaf, ld->n_leaf, sizeof *ld->leaf, by_path);
    }
    for (size_t i = 0; i < ld->n_leaf; i++) {
        struct vs_origin origin = {VS_RANK_MACHINE, who, ld->leaf[i].source, ld->leaf[i].grade};
        if (ld->knobs &&
            vs_knobs_set(ld->knobs, ld->leaf[i].path, ld->leaf[i].value, &origin, ld->errors)) {
            ld->failures++;
        }
        free(ld->leaf[i].path);
        free(ld->leaf[i].value);
        free(ld->leaf[i].source);
    }
    free(ld->leaf);
    ld->leaf = NULL;
    ld->n_leaf = 0;
}

static void load_file(struct loader *ld, const char *folder, const char *name);

/* Removes `key` from the table just below the top. */
static void drop(lua_State *L, const char *key)
{
    lua_pushstring(L, key);
    lua_pushnil(L);
    lua_rawset(L, -4);
}

/* Takes a string field out of the table on top, so that flatten does not see it. */
static bool take_string(lua_State *L, const char *key, char *out, size_t bytes)
{
    lua_pushstring(L, key);
    bool found = lua_rawget(L, -2) == LUA_TSTRING;
    if (found) {
        snprintf(out, bytes, "%s", lua_tostring(L, -1));
        drop(L, key);
    }
    lua_pop(L, 1);
    return found;
}

static void load_table(struct loader *ld, const char *folder, const char *shown)
{
    lua_State *L = ld->box->L;
    char word[128], text[400];
    const char *outer = ld->file;
    ld->file = shown;
    if (take_string(L, "base", word, sizeof word)) {
        load_file(ld, folder, word);
    }
    for (size_t i = 0; !strcmp(folder, "machines") && i < sizeof parts / sizeof parts[0]; i++) {
        if (take_string(L, parts[i].key, word, sizeof word)) {
            load_file(ld, parts[i].folder, word);
        }
    }
    if (take_string(L, "text", text, sizeof text) && !strcmp(folder, "machines")) {
        snprintf(ld->info->text, sizeof ld->info->text, "%s", text);
    }
    take_string(L, "borrows", text, sizeof text);
    if (take_string(L, "calibrated", text, sizeof text)) {
        size_t at = strlen(ld->info->calibrated);
        snprintf(ld->info->calibrated + at, sizeof ld->info->calibrated - at, "%s%s", at ? " " : "",
                 text);
    }
    /* set = { cpu = { ... } }: where a machine names a part and still overrides knobs of that
     * prefix */
    lua_pushliteral(L, "set");
    if (lua_rawget(L, -2) == LUA_TTABLE) {
        flatten(ld, "", 0);
        drop(L, "set");
    }
    lua_pop(L, 1);
    flatten(ld, "", 0);
    apply(ld);
    ld->file = outer;
}

struct names {
    const char *name[256];
    size_t n;
};

static void collect(void *ctx, const char *name, const char *path)
{
    struct names *n = ctx;
    (void)path;
    if (n->n < 256 && (n->name[n->n] = copy(name))) {
        n->n++;
    }
}

static bool is_path(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strchr(name, '/') || (dot && !strcmp(dot, ".lua"));
}

static void each(const char *home, const char *folder,
                 void (*visit)(void *ctx, const char *name, const char *path), void *ctx);

/* The file of a name; false and a message with the nearest name when there is none. */
static bool locate(struct loader *ld, const char *folder, const char *name, char *path,
                   size_t bytes)
{
    if (is_path(name)) {
        snprintf(path, bytes, "%s", name);
        return true;
    }
    snprintf(path, bytes, "%s/scripts/lua/%s/%s.lua", ld->home, folder, name);
    FILE *f = fopen(path, "rb");
    if (f) {
        fclose(f);
        return true;
    }
    struct names all = {{NULL}, 0};
    each(ld->home, folder, collect, &all);
    const char *near = vs_nearest(name, all.name, all.n);
    if (!strcmp(folder, "machines")) {
        vs_error(ld->errors,
                 near ? "unknown machine '%s'; did you mean '%s'?"
                      : "unknown machine '%s'; 'virtsim list machines' names them all",
                 name, near);
    } else {
        vs_error(ld->errors,
                 near ? "%s: nothing called '%s' in scripts/lua/%s; did you mean '%s'?"
                      : "%s: nothing called '%s' in scripts/lua/%s",
                 ld->file, name, folder, near);
    }
    for (size_t i = 0; i < all.n; i++) {
        free((void *)(uintptr_t)all.name[i]);
    }
    return false;
}

static void load_file(struct loader *ld, const char *folder, const char *name)
{
    char file[4096];
    int rc;
    if (++ld->depth > DEPTH_MAX) {
        fail(ld, name, "descriptions that build on each other in a circle");
    } else if (!locate(ld, folder, name, file, sizeof file) ||
               vs_box_load(ld->box, file, ld->errors)) {
        ld->failures++;
    } else if ((rc = vs_box_call(ld->box, 0, 1)) != LUA_OK) {
        vs_box_report(ld->box->L, rc, name, ld->errors);
        ld->failures++;
    } else {
        /* what is left runs outside lua_pcall: room for its strings, whatever the script has taken
         */
        ld->box->cap_bytes = ld->box->used_bytes + VS_BOX_MEMORY_BYTES;
        char shown[300];
        bool plain = is_path(name);
        snprintf(shown, sizeof shown, plain ? "%s%s" : "%s/%s.lua", plain ? "" : folder, name);
        if (lua_istable(ld->box->L, -1)) {
            load_table(ld, folder, shown);
        } else {
            vs_error(ld->errors, "%s: must return a table of knobs", shown);
            ld->failures++;
        }
        lua_pop(ld->box->L, 1);
    }
    ld->depth--;
}

enum vs_status vs_machine_load(const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors)
{
    struct vs_machine_info local;
    struct loader ld = {
        .home = home, .knobs = knobs, .errors = errors, .info = info ? info : &local, .file = name};
    memset(ld.info, 0, sizeof *ld.info);
    const char *slash = strrchr(name, '/');
    snprintf(ld.info->name, sizeof ld.info->name, "%s", slash ? slash + 1 : name);
    char *dot = strrchr(ld.info->name, '.');
    if (dot && !strcmp(dot, ".lua")) {
        *dot = '\0';
    }
    char path[4096];
    if (!locate(&ld, "machines", name, path, sizeof path)) {
        return VS_E_UNKNOWN;
    }
    ld.box = vs_box_open(0);
    if (!ld.box) {
        vs_error(errors, "%s: out of memory", name);
        return VS_E_NOMEM;
    }
    load_file(&ld, "machines", name);
    vs_box_close(ld.box);
    return ld.failures ? VS_E_CONFIG : VS_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void each(const char *home, const char *of,
                 void (*visit)(void *ctx, const char *name, const char *path), void *ctx)
{
    char folder[4096], path[4600], name[256];
    snprintf(folder, sizeof folder, "%s/scripts/lua/%s", home, of);
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
    each(home, "machines", visit, ctx);
}
