/* SPDX-License-Identifier: MIT */
/* Entries of a set that a mark in their payload tells from the others: what has a share of its ways
 * only gives up one of its own. */
#include "virtsim/settab.h"

uint32_t vs_settab_marked(struct vs_settab *s, uint64_t key, uint64_t marks, uint64_t *leaves)
{
    uint64_t set;
    uint32_t n = 0;
    if (s->watch || s->listed || !s->entries) {
        return 0;
    }
    (void)vs_div(&s->by_sets, key, &set);
    const uint64_t *tag = s->tag + set * s->ways, *payload = s->payload + set * s->ways;
    bool by_age = s->policy == VS_POLICY_LRU || s->policy == VS_POLICY_FIFO;
    for (uint32_t w = 0; w < s->ways; w++) {
        if (tag[w] != VS_SETTAB_EMPTY && (payload[w] & marks)) {
            n++;
            *leaves = by_age || vs_rng_below(&s->rng, n) == 0 ? tag[w] : *leaves;
        }
    }
    return n;
}
