/* SPDX-License-Identifier: MIT */
#include "pcie/way.h"

#include <string.h>

/* A stretch more at position i; the oldest makes room for it. */
static void insert(struct vs_way *w, uint32_t i, uint64_t from_ps, uint64_t to_ps)
{
    if (w->n == VS_WAY_SPANS) {
        memmove(&w->busy[0], &w->busy[1], (w->n - 1u) * sizeof w->busy[0]);
        w->n--;
        i -= i > 0;
    }
    memmove(&w->busy[i + 1u], &w->busy[i], (w->n - i) * sizeof w->busy[0]);
    w->busy[i].from_ps = from_ps;
    w->busy[i].to_ps = to_ps;
    w->n++;
}

/* Enters a stretch before position i, as one with neighbours that it touches. */
static void take(struct vs_way *w, uint32_t i, uint64_t from_ps, uint64_t to_ps)
{
    int after = i > 0 && w->busy[i - 1u].to_ps == from_ps,
        before = i < w->n && w->busy[i].from_ps == to_ps;
    if (after && before) {
        w->busy[i - 1u].to_ps = w->busy[i].to_ps;
        memmove(&w->busy[i], &w->busy[i + 1u], (w->n - i - 1u) * sizeof w->busy[0]);
        w->n--;
    } else if (after) {
        w->busy[i - 1u].to_ps = to_ps;
    } else if (before) {
        w->busy[i].from_ps = from_ps;
    } else {
        insert(w, i, from_ps, to_ps);
    }
}

uint64_t vs_way_grant(struct vs_way *w, uint64_t at_ps, uint64_t ps)
{
    uint64_t start = at_ps;
    uint32_t i = w->n;
    while (i > 0 && w->busy[i - 1u].to_ps > at_ps) {
        i--;
    }
    for (; i < w->n && start + ps > w->busy[i].from_ps; i++) {
        start = start > w->busy[i].to_ps ? start : w->busy[i].to_ps;
    }
    if (ps) {
        take(w, i, start, start + ps);
    }
    return start;
}
