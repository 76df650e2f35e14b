/* SPDX-License-Identifier: MIT */
/* ept.verify: the result of every walk beside an untimed lookup of the same tables. */
#include "ept_impl.h"

/* Where an address leads through one dimension: tables found by `locate`, no cache, no flags. */
static bool lead(const struct vs_ept *e, const struct vs_radix_format *f, uint64_t root,
                 const struct vs_radix_alloc *alloc, uint64_t address, uint64_t *to)
{
    vs_hpa at;
    unsigned level;
    if (!vs_radix_find(e->phys, f, root, address, alloc, &at, &level)) {
        return false;
    }
    uint64_t low = (1ull << vs_radix_level_shift(f, level)) - 1u;
    *to = (vs_phys_read64(e->phys, at) & f->address & ~low) | (address & low);
    return true;
}

/* Where an address of the guest lies, by the tables alone. */
static uint64_t locate(void *ctx, uint64_t value)
{
    const struct vs_ept *e = ctx;
    uint64_t hpa = value;
    if (e->now.eptp) {
        (void)lead(e, &e->second, e->now.eptp & VS_RADIX_ADDRESS, NULL, value, &hpa);
    }
    return hpa;
}

void vs__ept_verify(struct vs_ept *e, uint64_t gva, const struct vs_translation *out)
{
    bool upper = vs__ept_upper(e, gva);
    const struct vs_radix_format *f = upper ? &e->upper : &e->guest;
    uint64_t cr3 = (upper ? e->now.upper : e->now.cr3) & VS_RADIX_ADDRESS, gpa = 0,
             at = upper ? gva & ((1ull << f->input_bits) - 1u) : gva;
    struct vs_radix_alloc through = {e, NULL, locate, cr3};
    bool same = lead(e, f, locate(e, cr3), &through, at, &gpa) && locate(e, gpa) == out->hpa.v;
    e->count[same ? VS_CNT_ept_verified : VS_CNT_ept_disagreements]++;
}
