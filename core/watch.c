/* SPDX-License-Identifier: MIT */
/* A table that is watched: it holds everything, and how deep what is found lay is noted. */
#include "virtsim/stack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t key, payload;
    bool there;
};

struct vs_watch {
    struct entry *entry; /* by number; those that are gone keep theirs */
    uint32_t n, cap;
    uint32_t *slot; /* a hash of keys: 1 + number; 0: free */
    uint64_t mask;
    size_t n_sets;
    struct vs_divider by_sets[VS_WATCH_SETS];
    struct vs_stack *stack[VS_WATCH_SETS];
    struct {
        uint64_t *at;
        size_t n;
    } depth[VS_WATCH_SETS];
    uint64_t (*hits)(const void *ctx);
    const void *ctx;
    bool asked; /* what was found last is not noted yet */
    uint64_t before, found[VS_WATCH_SETS];
};

struct vs_watch *vs_watch_create(const uint64_t *sets, size_t n, uint64_t (*hits)(const void *ctx),
                                 const void *ctx)
{
    struct vs_watch *w = calloc(1, sizeof *w);
    assert(n <= VS_WATCH_SETS);
    if (!w) {
        return NULL;
    }
    w->hits = hits;
    w->ctx = ctx;
    w->mask = 4095u;
    w->slot = calloc(w->mask + 1u, sizeof *w->slot);
    bool good = w->slot != NULL;
    for (size_t i = 0; i < n; i++) {
        w->by_sets[i] = vs_divider_of(sets[i]);
        w->stack[i] = vs_stack_create(sets[i]);
        good = good && w->stack[i];
    }
    w->n_sets = n;
    if (!good) {
        vs_watch_free(w);
        return NULL;
    }
    return w;
}

void vs_watch_free(struct vs_watch *w)
{
    if (w) {
        for (size_t i = 0; i < w->n_sets; i++) {
            vs_stack_free(w->stack[i]);
            free(w->depth[i].at);
        }
        free(w->entry);
        free(w->slot);
        free(w);
    }
}

/* ---- by key ---- */

/* The slot of the hash that has a key, or where it would go. */
static uint64_t slot_of(const struct vs_watch *w, uint64_t key)
{
    uint64_t x = key * UINT64_C(0x9e3779b97f4a7c15), i = (x ^ x >> 29) & w->mask;
    while (w->slot[i] && w->entry[w->slot[i] - 1u].key != key) {
        i = (i + 1u) & w->mask;
    }
    return i;
}

/* Makes the hash twice as large. */
static void rehash(struct vs_watch *w)
{
    free(w->slot);
    w->mask = 2u * w->mask + 1u;
    w->slot = calloc(w->mask + 1u, sizeof *w->slot);
    assert(w->slot);
    for (uint32_t i = 0; i < w->n; i++) {
        w->slot[slot_of(w, w->entry[i].key)] = i + 1u;
    }
}

/* Its number; the entry may be gone. UINT32_MAX: it never was there. */
static uint32_t number_of(const struct vs_watch *w, uint64_t key)
{
    return w->slot[slot_of(w, key)] - 1u;
}

/* The number of a key, given to it when it is new. */
static uint32_t make(struct vs_watch *w, uint64_t key)
{
    uint32_t id = number_of(w, key);
    if (id != UINT32_MAX) {
        return id;
    }
    if (w->n == w->cap) {
        uint32_t cap = w->cap ? 2u * w->cap : 1024u;
        struct entry *grown = realloc(w->entry, cap * sizeof *grown);
        assert(grown);
        w->entry = grown;
        w->cap = cap;
    }
    if (2u * (uint64_t)w->n > w->mask) {
        rehash(w);
    }
    w->entry[w->n] = (struct entry){.key = key};
    w->slot[slot_of(w, key)] = w->n + 1u;
    return w->n++;
}

/* The entry of a key that is in the structure now, or NULL. */
static struct entry *there(const struct vs_watch *w, uint64_t key)
{
    uint32_t id = number_of(w, key);
    return id != UINT32_MAX && w->entry[id].there ? &w->entry[id] : NULL;
}

/* ---- depths ---- */

/* What was found before this counts if somebody has counted it. */
static void note(struct vs_watch *w)
{
    if (!w->asked) {
        return;
    }
    w->asked = false;
    if (w->hits(w->ctx) == w->before) {
        return;
    }
    for (size_t i = 0; i < w->n_sets; i++) {
        uint64_t d = w->found[i];
        if (d >= w->depth[i].n) {
            size_t n = 2u * (size_t)d + 64u;
            uint64_t *at = realloc(w->depth[i].at, n * sizeof *at);
            assert(at);
            memset(at + w->depth[i].n, 0, (n - w->depth[i].n) * sizeof *at);
            w->depth[i].at = at;
            w->depth[i].n = n;
        }
        w->depth[i].at[d]++;
    }
}

/* Notes a use of an entry in the stack of every number of sets. */
static void touch(struct vs_watch *w, uint32_t id)
{
    for (size_t i = 0; i < w->n_sets; i++) {
        uint64_t set;
        (void)vs_div(&w->by_sets[i], w->entry[id].key, &set);
        w->found[i] = vs_stack_touch(w->stack[i], set, id);
    }
}

/* Drops an entry out of every stack. */
static void drop(struct vs_settab *s, struct entry *e)
{
    struct vs_watch *w = s->watch;
    for (size_t i = 0; i < w->n_sets; i++) {
        uint64_t set;
        (void)vs_div(&w->by_sets[i], e->key, &set);
        vs_stack_drop(w->stack[i], set, (uint32_t)(e - w->entry));
    }
    e->there = false;
    s->used--;
}

void vs_watch_cut(struct vs_watch *w)
{
    w->asked = false;
    for (size_t i = 0; i < w->n_sets; i++) {
        if (w->depth[i].n) {
            memset(w->depth[i].at, 0, w->depth[i].n * sizeof *w->depth[i].at);
        }
    }
}

const uint64_t *vs_watch_depths(struct vs_watch *w, size_t i, size_t *n)
{
    note(w);
    *n = w->depth[i].n;
    return w->depth[i].at;
}

/* ---- in place of the table's own functions ---- */

/* Finds a key in a watched structure as the structure itself would. */
static uint64_t *watch_find(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    struct vs_watch *w = s->watch;
    (void)tag;
    note(w);
    struct entry *e = there(w, key);
    if (!e) {
        return NULL;
    }
    touch(w, (uint32_t)(e - w->entry));
    w->asked = true;
    w->before = w->hits(w->ctx);
    return &e->payload;
}

void vs__watch_put(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload)
{
    struct vs_watch *w = s->watch;
    (void)tag;
    note(w);
    uint32_t id = make(w, key);
    s->used += !w->entry[id].there;
    w->entry[id].there = true;
    w->entry[id].payload = payload;
    touch(w, id);
}

uint64_t *vs__watch_peek(struct vs_settab *s, uint64_t key)
{
    struct entry *e = there(s->watch, key);
    return e ? &e->payload : NULL;
}

bool vs__watch_drop(struct vs_settab *s, uint64_t key)
{
    struct entry *e = there(s->watch, key);
    note(s->watch);
    if (e) {
        drop(s, e);
    }
    return e != NULL;
}

uint64_t vs__watch_drop_if(struct vs_settab *s,
                           bool (*pred)(void *ctx, uint64_t key, uint64_t payload), void *ctx)
{
    struct vs_watch *w = s->watch;
    uint64_t n = 0;
    note(w);
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->entry[i].there && pred(ctx, w->entry[i].key, w->entry[i].payload)) {
            drop(s, &w->entry[i]);
            n++;
        }
    }
    return n;
}

void vs__watch_clear(struct vs_settab *s)
{
    struct vs_watch *w = s->watch;
    note(w);
    for (uint32_t i = 0; i < w->n; i++) {
        w->entry[i].there = false;
    }
    for (size_t i = 0; i < w->n_sets; i++) {
        vs_stack_clear(w->stack[i]);
    }
    s->used = 0;
}

void vs_settab_watch(struct vs_settab *s, struct vs_watch *w)
{
    assert(s->entries && !s->used);
    s->watch = w;
    s->at_once = false; /* nothing is found before `find` is asked */
    s->find = watch_find;
    s->put = vs__watch_put;
}
