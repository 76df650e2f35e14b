/* SPDX-License-Identifier: MIT */
#include "cpu/zipf.h"

#include <math.h>
#include <stdlib.h>

#define ZIPF_SINGLE 1024u

/* The end of the group of ranks that are drawn as one. */
static uint64_t zipf_group_end(uint64_t first, uint64_t ranks)
{
    uint64_t step = first < ZIPF_SINGLE ? 1u : first / 64u, end = first + step;
    return end < ranks ? end : ranks;
}

struct vs_zipf *vs__zipf_create(uint64_t ranks, double theta)
{
    uint32_t n = 0;
    for (uint64_t r = 0; r < ranks; r = zipf_group_end(r, ranks)) {
        n++;
    }
    n = n ? n : 1;
    struct vs_zipf *z = calloc(1, sizeof *z);
    double *weight = calloc(n, sizeof *weight);
    uint32_t *work = calloc(2u * (size_t)n, sizeof *work), small = 0, large = n;
    struct vs__zipf_slot *slot = calloc(n, sizeof *slot);
    if (!z || !weight || !work || !slot) {
        free(z);
        free(weight);
        free(work);
        free(slot);
        return NULL;
    }
    double sum = 0;
    uint64_t r = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t end = zipf_group_end(r, ranks);
        double middle = (double)r + (double)(end - r + 1u) / 2.0; /* ranks count from 1 */
        weight[i] = (double)(end - r) * pow(middle, -theta);
        sum += weight[i];
        slot[i].first[0] = slot[i].first[1] = r;
        slot[i].span[0] = slot[i].span[1] = (uint32_t)(end - r);
        slot[i].threshold = UINT64_MAX;
        r = end;
    }
    for (uint32_t i = 0; i < n; i++) {
        weight[i] *= (double)n / sum;
        if (weight[i] < 1.0) {
            work[small++] = i;
        } else {
            work[n + --large] = i;
        }
    }
    while (small && large < n) {
        uint32_t a = work[--small], b = work[n + large];
        slot[a].threshold = (uint64_t)(weight[a] * 0x1p63) << 1;
        slot[a].first[1] = slot[b].first[0];
        slot[a].span[1] = slot[b].span[0];
        weight[b] -= 1.0 - weight[a];
        if (weight[b] < 1.0) {
            large++;
            work[small++] = b;
        }
    }
    free(weight);
    free(work);
    z->n = n;
    z->slot = slot;
    return z;
}

void vs__zipf_free(struct vs_zipf *z)
{
    if (z) {
        free(z->slot);
        free(z);
    }
}
