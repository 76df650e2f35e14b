/* SPDX-License-Identifier: MIT */
#include "virtsim/stack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FREE UINT32_MAX        /* of a time: nobody's last use */
#define HOLE (UINT32_MAX - 1u) /* a way that is free */
#define FIRST 32u              /* times that a set begins with */

struct set {
    uint32_t *who;  /* by time: whose last use it was, HOLE, FREE */
    uint32_t *tree; /* Fenwick: how many of the times up to there are not FREE; from 1 on */
    uint32_t *hole; /* a heap of times, the latest first */
    uint32_t n, cap, live, n_holes;
};

struct vs_stack {
    struct set *set;
    uint64_t sets;
    uint32_t *at; /* by entry: 1 + the time of its last use; 0: it is not there */
    uint32_t entries;
};

struct vs_stack *vs_stack_create(uint64_t sets)
{
    struct vs_stack *s = calloc(1, sizeof *s);
    if (s) {
        s->sets = sets;
        s->set = calloc(sets, sizeof *s->set);
    }
    if (s && !s->set) {
        free(s);
        s = NULL;
    }
    return s;
}

/* Frees the trees of all sets. */
static void free_sets(struct vs_stack *s)
{
    for (uint64_t i = 0; i < s->sets; i++) {
        free(s->set[i].who);
        free(s->set[i].tree);
        free(s->set[i].hole);
    }
}

void vs_stack_free(struct vs_stack *s)
{
    if (s) {
        free_sets(s);
        free(s->set);
        free(s->at);
        free(s);
    }
}

void vs_stack_clear(struct vs_stack *s)
{
    free_sets(s);
    memset(s->set, 0, s->sets * sizeof *s->set);
    memset(s->at, 0, s->entries * sizeof *s->at);
}

/* Adds to the count at a time in a set's tree of sums. */
static void add(struct set *k, uint32_t time, int32_t by)
{
    for (uint32_t i = time + 1u; i <= k->cap; i += i & (~i + 1u)) {
        k->tree[i] += (uint32_t)by;
    }
}

/* How many ways are taken by times up to this one. */
static uint32_t up_to(const struct set *k, uint32_t time)
{
    uint32_t sum = 0;
    for (uint32_t i = time + 1u; i; i &= i - 1u) {
        sum += k->tree[i];
    }
    return sum;
}

/* Puts a hole onto the heap, whose top is the latest. */
static void heap_push(struct set *k, uint32_t time)
{
    uint32_t i = k->n_holes++;
    for (; i && k->hole[(i - 1u) / 2u] < time; i = (i - 1u) / 2u) {
        k->hole[i] = k->hole[(i - 1u) / 2u];
    }
    k->hole[i] = time;
}

/* Takes the latest hole off the heap. */
static uint32_t heap_pop(struct set *k)
{
    uint32_t top = k->hole[0], last = k->hole[--k->n_holes], i = 0;
    for (uint32_t c = 1; c < k->n_holes; c = 2u * i + 1u) {
        c += c + 1u < k->n_holes && k->hole[c + 1u] > k->hole[c];
        if (k->hole[c] <= last) {
            break;
        }
        k->hole[i] = k->hole[c];
        i = c;
    }
    if (k->n_holes) {
        k->hole[i] = last;
    }
    return top;
}

/* The times are used up: those that are somebody's move together. */
static void renumber(struct vs_stack *s, struct set *k)
{
    uint32_t cap = 2u * k->live > FIRST ? 2u * k->live : FIRST, n = 0, holes = 0;
    uint32_t *who = malloc(cap * sizeof *who), *tree = calloc(cap + 1u, sizeof *tree),
             *hole = malloc(cap * sizeof *hole);
    assert(who && tree && hole);
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->who[i] == FREE) {
            continue;
        }
        who[n] = k->who[i];
        if (who[n] == HOLE) {
            hole[holes++] = n;
        } else {
            s->at[who[n]] = n + 1u;
        }
        n++;
    }
    for (uint32_t i = 0; i < holes / 2u; i++) { /* latest first is a heap */
        uint32_t t = hole[i];
        hole[i] = hole[holes - 1u - i];
        hole[holes - 1u - i] = t;
    }
    for (uint32_t i = 1; i <= cap; i++) {
        uint32_t up = i + (i & (~i + 1u));
        tree[i] += i <= n;
        if (up <= cap) {
            tree[up] += tree[i];
        }
    }
    free(k->who);
    free(k->tree);
    free(k->hole);
    *k = (struct set){who, tree, hole, n, cap, n, holes};
}

/* Makes room for an entry's number. */
static void know(struct vs_stack *s, uint32_t id)
{
    if (id >= s->entries) {
        uint32_t entries = 2u * id + 64u;
        uint32_t *at = realloc(s->at, entries * sizeof *at);
        assert(at);
        memset(at + s->entries, 0, (entries - s->entries) * sizeof *at);
        s->at = at;
        s->entries = entries;
    }
}

/* The way of this time is nobody's. */
static void vacate(struct set *k, uint32_t time)
{
    k->who[time] = FREE;
    add(k, time, -1);
    k->live--;
}

uint64_t vs_stack_touch(struct vs_stack *s, uint64_t set, uint32_t id)
{
    struct set *k = &s->set[set];
    uint64_t depth = 0;
    know(s, id);
    if (k->n == k->cap) {
        renumber(s, k);
    }
    if (s->at[id]) {
        uint32_t time = s->at[id] - 1u;
        depth = (uint64_t)k->live - up_to(k, time) + 1u;
        if (k->n_holes && k->hole[0] > time) {
            vacate(k, heap_pop(k));
            k->who[time] = HOLE;
            heap_push(k, time);
        } else {
            vacate(k, time);
        }
    } else if (k->n_holes) {
        vacate(k, heap_pop(k));
    }
    k->who[k->n] = id;
    add(k, k->n, 1);
    k->live++;
    s->at[id] = ++k->n;
    return depth;
}

void vs_stack_drop(struct vs_stack *s, uint64_t set, uint32_t id)
{
    know(s, id);
    if (s->at[id]) {
        struct set *k = &s->set[set];
        k->who[s->at[id] - 1u] = HOLE;
        heap_push(k, s->at[id] - 1u);
        s->at[id] = 0;
    }
}
