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

/* The rank of two random numbers. What the second leaves over is in *rest, uniform again: so no
 * draw waits for what the one before has chosen. */
static inline uint64_t vs__zipf_rank(const struct vs_zipf *z, uint64_t first, uint64_t second,
                                     uint64_t *rest)
{
    vs_u128 x = (vs_u128)first * z->n;
    const struct vs__zipf_slot *s = &z->slot[(uint64_t)(x >> 64)];
    uint32_t k = (uint64_t)x > s->threshold;
    vs_u128 in = (vs_u128)second * s->span[k];
    *rest = (uint64_t)in;
    return s->first[k] + (uint64_t)(in >> 64);
}

#endif
