/* SPDX-License-Identifier: MIT */
/* Inside of the cpu: ranks drawn from a Zipf distribution. */
#ifndef VIRTSIM_MODEL_CPU_ZIPF_H
#define VIRTSIM_MODEL_CPU_ZIPF_H

#include "virtsim/rng.h"

/* Alias table (Walker, Vose) over single ranks, then groups of ranks. */
struct vs_zipf {
    uint32_t n;
    struct vs__zipf_slot {
        uint64_t threshold; /* below: own, else the alias; in 2^-64 */
        uint64_t first[2];  /* first rank of own and of alias group */
        uint32_t span[2];   /* ranks in it */
    } * slot;
};

/* P(rank) ~ 1 / (rank + 1)^theta for ranks 0 .. ranks - 1. NULL: no memory. */
struct vs_zipf *vs__zipf_create(uint64_t ranks, double theta);
void vs__zipf_free(struct vs_zipf *z);

/* A second number is drawn only for a group. Which it is cannot be predicted, so it is chosen
 * without a branch. */
static inline uint64_t vs__zipf_rank(const struct vs_zipf *z, struct vs_rng *rng)
{
    vs_u128 x = (vs_u128)vs_rng_next(rng) * z->n;
    const struct vs__zipf_slot *s = &z->slot[(uint64_t)(x >> 64)];
    uint32_t k = (uint64_t)x > s->threshold, span = s->span[k];
    struct vs_rng drawn = *rng;
    uint64_t in_group = vs_rng_below(&drawn, span), use = 0 - (uint64_t)(span != 1u);
    for (int i = 0; i < 4; i++) {
        rng->s[i] ^= (rng->s[i] ^ drawn.s[i]) & use;
    }
    return s->first[k] + in_group; /* of one: 0 */
}

#endif
