/* SPDX-License-Identifier: MIT */
/* Deterministic random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna). Never
 * libc's. */
#ifndef VIRTSIM_RNG_H
#define VIRTSIM_RNG_H

#include "virtsim/units.h"

__extension__ typedef unsigned __int128 vs_u128;

struct vs_rng {
    uint64_t s[4];
};

/* The next number of SplitMix64, from which seeds are made. */
static inline uint64_t vs_splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
/* `stream` separates the users of one seed (actors), so that adding one changes no other. */
static inline void vs_rng_seed(struct vs_rng *r, uint64_t seed, uint64_t stream)
{
    uint64_t x = seed ^ (stream * 0xd1342543de82ef95u);
    for (int i = 0; i < 4; i++) {
        r->s[i] = vs_splitmix(&x);
    }
}
/* The next number of xoshiro256**. */
static inline uint64_t vs_rng_next(struct vs_rng *r)
{
    uint64_t *s = r->s, m = s[1] * 5u, out = ((m << 7) | (m >> 57)) * 9u, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return out;
}
/* Uniform in [0, n) without division (Lemire); bias below 2^-64 x n. */
static inline uint64_t vs_rng_below(struct vs_rng *r, uint64_t n)
{
    return (uint64_t)(((vs_u128)vs_rng_next(r) * n) >> 64);
}
/* Uniform in [0, 1). */
static inline double vs_rng_unit(struct vs_rng *r)
{
    return (double)(vs_rng_next(r) >> 11) * 0x1p-53;
}

#endif
