/* SPDX-License-Identifier: MIT */
/*
 * What a host can fetch before a walk needs it: the lines of simulated memory with the leaf
 * entries. A table's place is remembered, not each page's: what is known about all pages of a guest
 * would be as large as its page tables, and the host's caches are what is short here.
 */
#include "ept_impl.h"

#include <stdlib.h>

/* Leaf entries of aligned 2 MiB of addresses stand in a row. */
#define REGION_SHIFT 21u
#define REGION_REST ((1ull << REGION_SHIFT) - 1u)
#define REGIONS 16384u /* 32 GiB; more fall together, and hints of the others are wrong */

struct row {
    uint32_t line;  /* host-physical / 64 of the region's first entry */
    uint32_t shift; /* log2 of a page */
};
struct vs_ept_hints {
    struct row guest[REGIONS]; /* by guest-virtual address */
    struct row slat[REGIONS];  /* by guest-physical address: the second dimension's */
    uint32_t table[REGIONS];   /* by guest-virtual address: the line with the nested leaf entry of
                                * its last table */
};

struct vs_ept_hints *vs__ept_hints_create(void)
{
    return calloc(1, sizeof(struct vs_ept_hints));
}

/* The region that an address is hashed to. */
static uint32_t region(uint64_t address)
{
    return address >> REGION_SHIFT & (REGIONS - 1u);
}
/* The address of the entry for an address in a remembered row. */
static vs_hpa entry_of(const struct row *r, uint64_t address)
{
    vs_hpa at = {((uint64_t)r->line << 6) + ((address & REGION_REST) >> r->shift) * 8u};
    return at;
}
/* The row in which an entry lies. */
static struct row row_of(uint64_t entry, uint64_t address, unsigned shift)
{
    return (struct row){(uint32_t)((entry - ((address & REGION_REST) >> shift) * 8u) >> 6), shift};
}
/* Where an entry leads an address. */
static uint64_t target(uint64_t entry, uint64_t mask, unsigned shift, uint64_t address)
{
    uint64_t low = (1ull << shift) - 1u;
    return (entry & mask & ~low) | (address & low);
}

void vs__ept_hints_learn(struct vs_ept *e, uint64_t gva)
{
    struct vs_ept_hints *h = e->hints;
    h->guest[region(gva)] = row_of(e->guest_leaf, gva, e->guest_shift);
    if (e->now.eptp) {
        if (e->table_leaf) { /* 0: a walk cache knew where the table is */
            h->table[region(gva)] = (uint32_t)(e->table_leaf >> 6);
            e->table_leaf = 0;
        }
        h->slat[region(e->slat_gpa)] = row_of(e->slat_leaf, e->slat_gpa, e->slat_shift);
    }
}

void vs__ept_announce(void *ctx, const uint64_t *gva, uint32_t n)
{
    const struct vs_ept *e = ctx;
    for (uint32_t i = 0; i < n; i++) {
        vs_phys_prefetch(e->phys, entry_of(&e->hints->guest[region(gva[i])], gva[i]));
        vs_settab_prefetch(&e->l2, vs__ept_second_key(e, &e->l2, gva[i], 12, e->tag_now));
    }
}

/* Where the guest's tables map gva to. */
static uint64_t guest_target(const struct vs_ept *e, uint64_t gva)
{
    const struct row *r = &e->hints->guest[region(gva)];
    return target(vs_phys_read64(e->phys, entry_of(r, gva)), e->guest.address, r->shift, gva);
}

void vs__ept_foretell(void *ctx, vs_gva at)
{
    const struct vs_ept *e = ctx;
    if (e->now.eptp &&
        !vs_settab_peek_first(&e->l2, vs__ept_second_key(e, &e->l2, at.v, 12, e->tag_now))) {
        uint64_t gpa = guest_target(e, at.v);
        vs_hpa table = {(uint64_t)e->hints->table[region(at.v)] << 6};
        vs_phys_prefetch(e->phys, entry_of(&e->hints->slat[region(gpa)], gpa));
        vs_phys_prefetch(e->phys, table);
    }
}

uint32_t vs__ept_expect(void *ctx, vs_gva at, uint64_t hpa[VS_EXPECTED])
{
    const struct vs_ept *e = ctx;
    const struct vs_ept_hints *h = e->hints;
    const uint64_t *p =
        vs_settab_peek_first(&e->l2, vs__ept_second_key(e, &e->l2, at.v, 12, e->tag_now));
    if (p) {
        hpa[0] = (*p & VS_RADIX_ADDRESS) | (at.v & 0xfffu);
        return 1;
    }
    uint64_t gpa = guest_target(e, at.v);
    hpa[1] = entry_of(&h->guest[region(at.v)], at.v).v;
    if (!e->now.eptp) {
        hpa[0] = gpa;
        return 2;
    }
    const struct row *r = &h->slat[region(gpa)];
    vs_hpa nested = entry_of(r, gpa);
    hpa[0] = target(vs_phys_read64(e->phys, nested), e->second.address, r->shift, gpa);
    hpa[2] = nested.v; /* the line in h->table is one of few, and near */
    return 3;
}
