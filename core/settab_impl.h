/* SPDX-License-Identifier: MIT */
/* Inside of the set-associative table: what its variants share. */
#ifndef VIRTSIM_CORE_SETTAB_IMPL_H
#define VIRTSIM_CORE_SETTAB_IMPL_H

#include "virtsim/settab.h"

/* ---- LRU of one large set: a ring through the ways, closed by the number behind the last ---- */

static inline void vs__settab_move(struct vs_settab *s, uint32_t w, uint32_t after)
{
    uint32_t *next = s->next, *prev = s->prev;
    next[prev[w]] = next[w];
    prev[next[w]] = prev[w];
    next[w] = next[after];
    prev[w] = after;
    prev[next[after]] = w;
    next[after] = w;
}

static inline void vs__settab_newest(struct vs_settab *s, uint32_t w)
{
    if (s->newest != w) {
        vs__settab_move(s, w, s->ways);
        s->newest = w;
    }
}

/* settab_avx512.c: functions for the shapes it knows, the others stay; false: not on this host. */
bool vs__settab_avx512(struct vs_settab *s);

#endif
