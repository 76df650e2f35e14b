/* SPDX-License-Identifier: MIT */
/* Inside of the set-associative table: policies that keep bits for each set. */
#ifndef VIRTSIM_CORE_SETTAB_IMPL_H
#define VIRTSIM_CORE_SETTAB_IMPL_H

#include "virtsim/settab.h"

/* Whether the ways of such a table can make trees. */
bool vs__settab_tree_shape(struct vs_settab *s);
/* The way that the next entry of a set takes: a free one where the policy points to (in a large or
 * uneven tree the first that is free), else the one it gives up. */
uint32_t vs__settab_tree_choose(const struct vs_settab *s, size_t set, const uint64_t *tag);
/* A way was hit or filled. Where it is now: 0 in a table that is turned. */
uint32_t vs__settab_tree_touch(struct vs_settab *s, size_t set, uint32_t way);
/* On a host with AVX2: functions of their own for the shapes that processors' TLBs have. */
void vs__settab_tree_avx2(struct vs_settab *s);

/* Swaps two words. */
static inline void vs__settab_swap(uint64_t *a, uint64_t *b)
{
    uint64_t x = *a;
    *a = *b;
    *b = x;
}

/* A turned set of four ways, the first level's: way w comes to place 0, and every other to its
 * number exclusive-or w. Nodes 1 and 2 turn away from there; the other half keeps its node. */
static inline void vs__settab_turn4(struct vs_settab *s, size_t set, uint32_t w)
{
    uint64_t *tag = s->tag + set * 4u, *payload = s->payload + set * 4u, old = s->tree[set];
    if (w) {
        uint32_t a = w == 1u ? 2u : 1u, b = a ^ w;
        vs__settab_swap(&tag[0], &tag[w]);
        vs__settab_swap(&payload[0], &payload[w]);
        vs__settab_swap(&tag[a], &tag[b]);
        vs__settab_swap(&payload[a], &payload[b]);
    }
    s->tree[set] = (((old >> (w < 2u ? 3u : 2u)) ^ w) & 1u) << 3u | 6u;
}

/* Says whether a policy keeps a tree of bits for each set. */
static inline bool vs__settab_tree(const struct vs_settab *s)
{
    return s->policy == VS_POLICY_TREE_PLRU || s->policy == VS_POLICY_MRU3_PLRU;
}

#endif
