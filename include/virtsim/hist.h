/* SPDX-License-Identifier: MIT */
/*
 * Log-bucket histogram of durations in ps: 128 buckets an octave, so a quantile is within 1 %.
 * Exact below 128 ps. Octaves are allocated when first used.
 */
#ifndef VIRTSIM_HIST_H
#define VIRTSIM_HIST_H

#include "virtsim/units.h"

#define VS_HIST_SUB_SHIFT 7u
#define VS_HIST_SUB (1u << VS_HIST_SUB_SHIFT)
#define VS_HIST_BUCKETS ((64u - VS_HIST_SUB_SHIFT + 1u) << VS_HIST_SUB_SHIFT)

struct vs_hist {
    uint64_t n;
    uint64_t *octave[64u - VS_HIST_SUB_SHIFT + 1u];
};

struct vs_hist *vs_hist_create(void);
void vs_hist_destroy(struct vs_hist *h);
void vs_hist_clear(struct vs_hist *h);

/* The bucket of a value. */
static inline uint32_t vs_hist_bucket(uint64_t v)
{
    if (v < VS_HIST_SUB) {
        return (uint32_t)v;
    }
    uint32_t e = 63u - (uint32_t)__builtin_clzll(v) -
                 VS_HIST_SUB_SHIFT; /* 0: the first octave with sub-buckets of 1 */
    return ((e + 1u) << VS_HIST_SUB_SHIFT) + (uint32_t)((v >> e) & (VS_HIST_SUB - 1u));
}
/* Smallest value of a bucket, and the value it is reported as (its middle). */
uint64_t vs_hist_low(uint32_t bucket);
uint64_t vs_hist_mid(uint32_t bucket);

uint64_t *vs__hist_octave(struct vs_hist *h, uint32_t octave);
/* How often a value's bucket was added to; NULL: its octave has not been used yet. */
static inline uint64_t *vs_hist_at(const struct vs_hist *h, uint64_t value)
{
    uint64_t *o = h->octave[0];
    if (vs_likely(value >= VS_HIST_SUB)) { /* as vs_hist_bucket, octave and rest apart */
        uint32_t e = ((uint32_t)__builtin_clzll(value) ^ 63u) - VS_HIST_SUB_SHIFT;
        o = h->octave[e + 1u];
        value = value >> e & (VS_HIST_SUB - 1u);
    }
    return o ? o + value : NULL;
}
/* Adds a value n times. */
static inline void vs_hist_add(struct vs_hist *h, uint64_t value, uint64_t n)
{
    uint64_t *at = vs_hist_at(h, value);
    if (vs_unlikely(!at)) {
        if (!vs__hist_octave(h, vs_hist_bucket(value) >> VS_HIST_SUB_SHIFT)) {
            return;
        }
        at = vs_hist_at(h, value);
    }
    *at += n;
    h->n += n;
}
/* For a caller that counts values of one octave itself, from least to most: v in
 * counter[v >> shift & (VS_HIST_SUB - 1)], and how many in h->n. */
struct vs_hist_octave {
    uint64_t least, most;
    uint64_t *counter; /* NULL: out of memory */
    uint32_t shift;
};
/* The octave of a value with its bounds, for who adds many values within it. */
static inline struct vs_hist_octave vs_hist_octave_of(struct vs_hist *h, uint64_t value)
{
    uint32_t b = vs_hist_bucket(value) >> VS_HIST_SUB_SHIFT;
    struct vs_hist_octave o = {.shift = b ? b - 1u : 0};
    o.least = b ? (uint64_t)VS_HIST_SUB << o.shift : 0;
    o.most = (((uint64_t)VS_HIST_SUB << o.shift) - 1u) + o.least;
    o.counter = h->octave[b] ? h->octave[b] : vs__hist_octave(h, b);
    return o;
}
/* q in per mille: 500 = median. 0 for an empty histogram. */
uint64_t vs_hist_quantile(const struct vs_hist *h, uint32_t per_mille);

#endif
