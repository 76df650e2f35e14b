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
