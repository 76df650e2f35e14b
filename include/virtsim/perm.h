/* SPDX-License-Identifier: MIT */
/*
 * A seeded permutation of [0, n) without a table: a four-round Feistel network over the next even
 * number of bits, walked along its cycles until the result is inside. At most about four steps.
 */
#ifndef VIRTSIM_PERM_H
#define VIRTSIM_PERM_H

#include "virtsim/rng.h"

struct vs_perm {
    uint64_t n;
    uint32_t half_bits;
    uint32_t half_mask;
    uint64_t key[4];
};

/* Prepares a permutation of the numbers below n, which is at most 2^62. */
static inline void vs_perm_init(struct vs_perm *p, uint64_t n, uint64_t seed) /* n <= 2^62 */
{
    p->n = n;
    p->half_bits = 1;
    while (p->half_bits < 31u && (1ull << (2u * p->half_bits)) < n) {
        p->half_bits++;
    }
    p->half_mask = (uint32_t)((1ull << p->half_bits) - 1u);
    for (int i = 0; i < 4; i++) {
        p->key[i] = vs_splitmix(&seed) | 1u;
    }
}
/* i must be below n. */
static inline uint64_t vs_perm_at(const struct vs_perm *p, uint64_t i)
{
    do {
        uint32_t l = (uint32_t)(i >> p->half_bits), r = (uint32_t)i & p->half_mask;
        for (int k = 0; k < 4; k++) {
            uint64_t x = (r + p->key[k]) * 0x9e3779b97f4a7c15u;
            x = (x ^ (x >> 29)) * p->key[k];
            uint32_t f = (uint32_t)(x >> 32) & p->half_mask, t = l ^ f;
            l = r;
            r = t;
        }
        i = ((uint64_t)l << p->half_bits) | r;
    } while (i >= p->n);
    return i;
}

#endif
