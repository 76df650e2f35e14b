/* SPDX-License-Identifier: MIT */
#include "pcie/way.h"

#include <stdbool.h>
#include <string.h>

/* A stretch more at position i; the oldest makes room for it. */
static void insert(struct vs_way *w, uint32_t i, uint64_t from_ps, uint64_t to_ps)
{
    if (w->n == VS_WAY_SPANS) {
        w->first++;
        w->n--;
        i -= i > 0;
    }
    if (w->first + w->n == sizeof w->busy / sizeof *w->busy) { /* back to the beginning */
        memmove(w->busy, &w->busy[w->first], w->n * sizeof *w->busy);
        w->first = 0;
    }
    struct vs_way_span *at = &w->busy[w->first + i];
    if (i < w->n) {
        memmove(at + 1, at, (w->n - i) * sizeof *at);
    }
    *at = (struct vs_way_span){from_ps, to_ps};
    w->n++;
}

/* Enters a stretch before position i, as one with neighbours that it touches. */
static void take(struct vs_way *w, uint32_t i, uint64_t from_ps, uint64_t to_ps)
{
    struct vs_way_span *at = &w->busy[w->first + i];
    bool after = i > 0 && at[-1].to_ps == from_ps, before = i < w->n && at->from_ps == to_ps;
    if (after && before) {
        at[-1].to_ps = at->to_ps;
        memmove(at, at + 1, (w->n - i - 1u) * sizeof *at);
        w->n--;
    } else if (after) {
        at[-1].to_ps = to_ps;
    } else if (before) {
        at->from_ps = from_ps;
    } else {
        insert(w, i, from_ps, to_ps);
    }
}

/* Finds the first gap that is long enough among what is granted already. */
uint64_t vs__way_among(struct vs_way *w, uint64_t at_ps, uint64_t ps)
{
    const struct vs_way_span *busy = &w->busy[w->first];
    uint64_t start = at_ps;
    uint32_t i = w->n;
    while (i > 0 && busy[i - 1u].to_ps > at_ps) {
        i--;
    }
    for (; i < w->n && start + ps > busy[i].from_ps; i++) {
        start = start > busy[i].to_ps ? start : busy[i].to_ps;
    }
    if (ps) {
        take(w, i, start, start + ps);
    }
    return start;
}

/* The first stretch that ends behind a time. */
static uint32_t behind(const struct vs_way *w, uint64_t at_ps)
{
    uint32_t i = w->n;
    while (i > 0 && w->busy[w->first + i - 1u].to_ps > at_ps) {
        i--;
    }
    return i;
}

/* A stretch that was granted is free again, in whichever it has become a part of. */
static void give_back(struct vs_way *w, uint64_t from_ps, uint64_t to_ps)
{
    uint32_t i = behind(w, from_ps);
    struct vs_way_span *at = &w->busy[w->first + i];
    if (i == w->n || at->from_ps > from_ps || at->to_ps < to_ps) {
        return; /* it is not remembered any more */
    }
    struct vs_way_span all = *at;
    if (all.from_ps == from_ps && all.to_ps == to_ps) {
        memmove(at, at + 1, (w->n - i - 1u) * sizeof *at);
        w->n--;
    } else if (all.from_ps == from_ps) {
        at->from_ps = to_ps;
    } else {
        at->to_ps = from_ps;
        if (to_ps < all.to_ps) {
            insert(w, i + 1u, to_ps, all.to_ps);
        }
    }
}

void vs_way_correct(struct vs_way *w, uint64_t from_ps, uint64_t ps, uint64_t to_ps)
{
    if (to_ps < from_ps + ps) {
        give_back(w, to_ps, from_ps + ps);
        return;
    }
    for (uint64_t at = from_ps + ps; at < to_ps;) { /* gap by gap */
        uint32_t i = behind(w, at);
        struct vs_way_span next = {to_ps, to_ps};
        if (i < w->n && w->busy[w->first + i].from_ps < to_ps) {
            next = w->busy[w->first + i];
        }
        if (at < next.from_ps) {
            take(w, i, at, next.from_ps);
        }
        at = next.to_ps;
    }
}
