/* SPDX-License-Identifier: MIT */
#include "virtsim/hist.h"

#include <stdlib.h>
#include <string.h>

#define OCTAVES (sizeof((struct vs_hist *)0)->octave / sizeof((struct vs_hist *)0)->octave[0])

/* An empty histogram, or NULL without memory. */
struct vs_hist *vs_hist_create(void)
{
    return calloc(1, sizeof(struct vs_hist));
}

/* Frees a histogram; NULL is allowed. */
void vs_hist_destroy(struct vs_hist *h)
{
    if (h) {
        for (size_t i = 0; i < OCTAVES; i++) {
            free(h->octave[i]);
        }
        free(h);
    }
}

/* Empties a histogram and keeps its memory. */
void vs_hist_clear(struct vs_hist *h)
{
    for (size_t i = 0; i < OCTAVES; i++) {
        if (h->octave[i]) {
            memset(h->octave[i], 0, VS_HIST_SUB * sizeof *h->octave[i]);
        }
    }
    h->n = 0;
}

/* Makes the buckets of an octave at its first use. */
uint64_t *vs__hist_octave(struct vs_hist *h, uint32_t octave)
{
    h->octave[octave] = calloc(VS_HIST_SUB, sizeof *h->octave[octave]);
    return h->octave[octave];
}

uint64_t vs_hist_low(uint32_t bucket)
{
    uint32_t octave = bucket >> VS_HIST_SUB_SHIFT, sub = bucket & (VS_HIST_SUB - 1u);
    return octave ? (uint64_t)(VS_HIST_SUB + sub) << (octave - 1u) : sub;
}

uint64_t vs_hist_mid(uint32_t bucket)
{
    uint32_t octave = bucket >> VS_HIST_SUB_SHIFT;
    uint64_t width = octave ? (uint64_t)1 << (octave - 1u) : 1u;
    return vs_hist_low(bucket) + width / 2u;
}

uint64_t vs_hist_quantile(const struct vs_hist *h, uint32_t per_mille)
{
    if (!h->n) {
        return 0;
    }
    /* the smallest value with at least q of all at or below it */
    uint64_t rank = h->n / 1000u * per_mille + (h->n % 1000u * per_mille + 999u) / 1000u, seen = 0;
    rank = rank ? rank : 1;
    for (uint32_t o = 0; o < OCTAVES; o++) {
        if (!h->octave[o]) {
            continue;
        }
        for (uint32_t s = 0; s < VS_HIST_SUB; s++) {
            seen += h->octave[o][s];
            if (seen >= rank) {
                return vs_hist_mid((o << VS_HIST_SUB_SHIFT) + s);
            }
        }
    }
    return 0;
}
