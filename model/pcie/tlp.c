/* SPDX-License-Identifier: MIT */
#include "pcie/tlp.h"

#define DWORD 4u
#define PAGE 4096u /* no request crosses a multiple of it */

/* Bytes from `at` to the next multiple of `step`, which is a power of two. */
static uint64_t to_multiple(uint64_t at, uint64_t step)
{
    return step - (at & (step - 1u));
}

/* The most bytes that a packet from here on may have. A boundary is at most the smallest payload
 * limit there is, so that every completion reaches one. */
static uint64_t most(const struct vs_tlps *t, const struct vs_tlp_limits *l)
{
    uint64_t limit = t->kind == VS_TLP_READ ? l->mrrs : l->mps;
    limit -= t->at & (DWORD - 1u); /* the length is counted in dwords */
    if (t->kind != VS_TLP_COMPLETION) {
        uint64_t page = to_multiple(t->at, PAGE);
        return limit < page ? limit : page;
    }
    /* one of several goes back to the last boundary that it reaches */
    return t->left <= limit ? limit : limit - ((t->at + limit) & (l->rcb - 1u));
}

bool vs_tlp_next(struct vs_tlps *t, const struct vs_tlp_limits *limits, struct vs_tlp *out)
{
    if (t->begun && !t->left) {
        return false;
    }
    uint64_t bytes = most(t, limits);
    bytes = bytes < t->left ? bytes : t->left;
    uint64_t first = t->at & ~(uint64_t)(DWORD - 1u),
             end = (t->at + (bytes ? bytes : 1u) + DWORD - 1u) & ~(uint64_t)(DWORD - 1u);
    out->at = t->at;
    out->bytes = (uint32_t)bytes;
    out->payload = t->kind == VS_TLP_READ ? 0 : (uint32_t)(end - first);
    t->at += bytes;
    t->left -= bytes;
    t->begun = true;
    return true;
}

uint64_t vs_tlp_count(enum vs_tlp_kind kind, uint64_t at, uint64_t bytes,
                      const struct vs_tlp_limits *limits, uint64_t *payload)
{
    struct vs_tlps t = vs_tlps_of(kind, at, bytes);
    struct vs_tlp tlp;
    uint64_t n = 0, sum = 0;
    while (vs_tlp_next(&t, limits, &tlp)) {
        n++;
        sum += tlp.payload;
    }
    if (payload) {
        *payload = sum;
    }
    return n;
}
