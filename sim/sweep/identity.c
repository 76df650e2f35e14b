/* SPDX-License-Identifier: MIT */
#include "sweep/identity.h"

#include "home.h"
#include "trace/memo.h"
#include "virtsim/version.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BLOCK (256u << 10)

/* Of a whole file. */
static bool hash_file(const char *path, uint64_t *hash)
{
    FILE *f = fopen(path, "rb");
    char *block = f ? malloc(BLOCK) : NULL;
    XXH64_state_t *state = block ? XXH64_createState() : NULL;
    bool good = state != NULL;
    if (good) {
        XXH64_reset(state, 0);
        for (size_t n; (n = fread(block, 1, BLOCK, f)) > 0;) {
            XXH64_update(state, block, n);
        }
        good = !ferror(f);
        *hash = XXH64_digest(state);
    }
    XXH64_freeState(state);
    free(block);
    if (f) {
        fclose(f);
    }
    return good;
}

/* Files that were hashed before in this process: a sweep's points share their inputs. */
struct known {
    char *path;
    struct stat what;
    uint64_t hash;
    struct known *next;
};

/* The hash of an input file, computed once for each content in this process. */
static enum vs_status content(const char *name, uint64_t *hash, struct vs_errors *errors)
{
    static struct known *all;
    char path[4096];
    struct stat what;
    vs_home_path(name, path, sizeof path);
    bool there = !stat(path, &what);
    for (const struct known *k = all; there && k; k = k->next) {
        if (!strcmp(k->path, path) && vs_trace_same_content(&k->what, &what)) {
            *hash = k->hash;
            return VS_OK;
        }
    }
    if (!there || !hash_file(path, hash)) {
        vs_error(errors, "%s: cannot be read: %s", name, strerror(errno));
        return VS_E_INPUT;
    }
    struct known *k = calloc(1, sizeof *k);
    char *copy = strdup(path);
    if (k && copy) { /* otherwise it is hashed again */
        *k = (struct known){copy, what, *hash, all};
        all = k;
    } else {
        free(k);
        free(copy);
    }
    return VS_OK;
}

/* Adds a word to an identity with its closing zero, so that "ab","c" and "a","bc" differ. */
static void add_text(XXH3_state_t *h, const char *text)
{
    XXH3_128bits_update(h, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Adds a number to an identity. */
static void add_number(XXH3_state_t *h, uint64_t v)
{
    XXH3_128bits_update(h, &v, sizeof v);
}

/* Adds the content of a file, not its name, to an identity. */
static enum vs_status add_file(XXH3_state_t *h, const char *name, struct vs_errors *errors)
{
    uint64_t hash = 0;
    enum vs_status st = content(name, &hash, errors);
    add_number(h, hash);
    return st;
}

/* Adds what is run: the command, the trace's format, and every input file by its content. */
static enum vs_status add_inputs(XXH3_state_t *h, const struct vs_session_request *r,
                                 struct vs_errors *errors)
{
    add_text(h, r->is_trace ? "replay" : "run");
    add_text(h, r->trace_format);
    enum vs_status st = add_file(h, r->input, errors);
    for (size_t i = 0; !st && i < r->n_further; i++) {
        st = add_file(h, r->further[i], errors);
    }
    return !st && r->tables ? add_file(h, r->tables, errors) : st;
}

/* Adds the options a run was given, except those its inputs or the run itself decide. */
static void add_options(XXH3_state_t *h, const struct vs_session *s,
                        const struct vs_session_request *r)
{
    struct vs_run_option option[VS_SESSION_OPTIONS];
    size_t n = vs_session_options(s, option);
    for (size_t i = 0; i < n; i++) {
        /* only the run knows where its region of interest begins; tables are in by their content */
        if (strcmp(option[i].option, "roi") != 0 && strcmp(option[i].option, "tables") != 0) {
            add_text(h, option[i].option);
            add_text(h, option[i].value);
        }
    }
    if (r->options.sites) { /* no result depends on it, but a run without has no places */
        add_text(h, "where");
        add_number(h, r->options.sites);
    }
    add_text(h, "seed");
    add_number(h, vs_session_seed(s));
    add_text(h, r->shares);
}

enum vs_status vs_identity(const struct vs_session *s, const struct vs_session_request *r,
                           unsigned char out[VS_IDENTITY_BYTES], struct vs_errors *errors)
{
    XXH3_state_t *h = XXH3_createState();
    char text[64];
    if (!h) {
        return VS_E_NOMEM;
    }
    XXH3_128bits_reset(h);
    enum vs_status st = add_inputs(h, r, errors);
    add_options(h, s, r);
    add_text(h, vs_session_machine(s)->name);
    const struct vs_knobs *knobs = vs_session_knobs(s);
    for (size_t i = 0; i < vs_knobs_count(knobs); i++) {
        const struct vs_knob *k = vs_knobs_at(knobs, i);
        add_text(h, k->desc->path);
        add_text(h, vs_knob_text(k, text, sizeof text));
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(h));
    memcpy(out, canonical.digest, VS_IDENTITY_BYTES);
    XXH3_freeState(h);
    return st;
}

const char *vs_identity_text(const unsigned char identity[VS_IDENTITY_BYTES],
                             char out[VS_IDENTITY_TEXT])
{
    for (unsigned i = 0; i < VS_IDENTITY_BYTES; i++) {
        snprintf(out + 2u * i, 3, "%02x", identity[i]);
    }
    return out;
}

const char *vs_build(void)
{
    static char text[128];
    uint64_t hash = 0;
    if (!*text) {
        bool exact = !VS_DIRTY && strcmp(VS_COMMIT, "unknown") != 0;
        snprintf(text, sizeof text, "%s %s", VS_VERSION, VS_COMMIT);
        if (!exact && hash_file("/proc/self/exe", &hash)) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, " modified %016" PRIx64, hash);
        }
    }
    return text;
}
