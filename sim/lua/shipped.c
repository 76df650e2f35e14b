/* SPDX-License-Identifier: MIT */
#include "shipped.h"

#include "machine_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

/* The hash so far, and whether all could be read. */
struct hashed {
    XXH64_state_t *state;
    bool readable;
};

/* Takes a description's name and text into the hash. */
static void take_file(void *ctx, const char *name, const char *path)
{
    struct hashed *h = ctx;
    char text[16384];
    ssize_t n = -1;
    int f = open(path, O_RDONLY | O_CLOEXEC);
    XXH64_update(h->state, name, strlen(name) + 1u);
    while (f >= 0 && (n = read(f, text, sizeof text)) > 0) {
        XXH64_update(h->state, text, (size_t)n);
    }
    h->readable = h->readable && !n;
    if (f >= 0) {
        close(f);
    }
}

/* A hash of nothing yet. */
static struct hashed begin(void)
{
    struct hashed h = {XXH64_createState(), true};
    h.readable = h.state && XXH64_reset(h.state, 0) != XXH_ERROR;
    return h;
}

/* The hash of all that was taken; false: something could not be read. */
static bool end(struct hashed *h, uint64_t *hash)
{
    *hash = h->readable ? XXH64_digest(h->state) : 0;
    XXH64_freeState(h->state);
    return h->readable;
}

bool vs_shipped_hash(const char *home, uint64_t *hash)
{
    struct hashed h = begin();
    if (h.readable) {
        vs_machine_each_file(home, take_file, &h);
    }
    return end(&h, hash);
}

bool vs_shipped_hash_files(const char *home, const char *files, uint64_t *hash)
{
    struct hashed h = begin();
    char path[4600];
    while (h.readable && *files) {
        size_t n = strcspn(files, " ");
        int at = snprintf(path, sizeof path, "%s/scripts/lua/", home);
        snprintf(path + at, sizeof path - (size_t)at, "%.*s", (int)n, files);
        take_file(&h, path + at, path);
        files += n + (files[n] == ' ');
    }
    return end(&h, hash);
}

bool vs_shipped_holds(const struct vs_shipped *shipped, const char *home)
{
    uint64_t hash;
    return vs_shipped_hash(home, &hash) && hash == shipped->hash;
}

/* What the build has read of a machine, if that is what is there; NULL: it has to be read. */
static const struct vs_shipped_machine *known(const struct vs_shipped *shipped, const char *home,
                                              const char *name)
{
    uint64_t hash;
    for (size_t i = 0; i < shipped->n; i++) {
        const struct vs_shipped_machine *m = &shipped->machine[i];
        if (!strcmp(m->name, name)) {
            return vs_shipped_hash_files(home, m->files, &hash) && hash == m->hash ? m : NULL;
        }
    }
    return NULL;
}

enum vs_status vs_shipped_take(const struct vs_shipped_machine *m, vs_programs_of *programs,
                               struct vs_knobs *knobs, struct vs_machine_info *info,
                               struct vs_errors *errors)
{
    struct vs_description d;
    vs_machine_begin(info, m->name);
    bool whole = vs_description_read(&d, info, m->said, m->bytes, programs);
    size_t failures = whole ? vs_description_settle(&d, knobs, info, 0, errors) : 0;
    vs_description_free(&d);
    return !whole ? VS_E_NOMEM : failures ? VS_E_CONFIG : VS_OK;
}

enum vs_status vs_shipped_load(const struct vs_shipped *shipped, vs_programs_of *programs,
                               const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors)
{
    const struct vs_shipped_machine *m = known(shipped, home, name);
    enum vs_status st = m ? vs_shipped_take(m, programs, knobs, info, errors) : VS_E_NOMEM;
    return st == VS_E_NOMEM ? vs_machine_load(home, name, knobs, info, errors) : st;
}
