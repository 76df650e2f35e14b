/* SPDX-License-Identifier: MIT */
/*
 * First level of one side (data or fetch) of one core: its TLBs by page size and its cache, laid
 * out so that a hit in both is one inline function. The cpu owns it; the mmu fills tlb[], the
 * memory fills cache; each sets the fields marked as its own when it is attached.
 *
 * TLB key:     (gva >> page shift) | context, context = address-space number << VS_L1_CONTEXT_SHIFT
 * TLB payload: host-physical page base | VS_L1_* flags (base has its low 12 bits free)
 */
#ifndef VIRTSIM_L1_H
#define VIRTSIM_L1_H

#include "virtsim/linetab.h"
#include "virtsim/port.h"
#include "virtsim/settab.h"

/* Above every page number, whatever the address: kernels live in negative ones. 10 bits of context
 * fit below bit 62. */
#define VS_L1_CONTEXT_SHIFT 52u
#define VS_L1_WRITE 1u /* writes may pass: permitted, and dirty is set where it is kept */
#define VS_L1_FLAGS 0xfffu

enum { VS_L1_4K, VS_L1_2M, VS_L1_1G, VS_L1_SIZES };
static const unsigned vs_l1_shift[VS_L1_SIZES] = {VS_PAGE_4K_SHIFT, VS_PAGE_2M_SHIFT,
                                                  VS_PAGE_1G_SHIFT};

struct vs_l1 {
    /* the mmu's */
    struct vs_settab tlb[VS_L1_SIZES];
    uint64_t context;   /* shifted; or-ed into every key */
    uint64_t *tlb_hits; /* its counters, added to when hits are priced; may be NULL */
    uint64_t *tlb_misses;
    uint16_t
        tlb_account; /* every access pays the lookup: usually 0 ps, hidden behind the cache's */
    vs_ps tlb_ps;
    /* the memory's */
    struct vs_linetab cache;
    uint32_t line_shift;
    struct vs_line_port lines; /* level 0 = this cache */
    uint64_t *cache_hits[3];   /* by enum vs_ref */
    /* the cpu's */
    uint32_t last; /* page size of the last hit: looked at first */
    bool fast;     /* geometry and policies allow the inline path */
};

/* To be called when everything above is attached. */
static inline void vs_l1_ready(struct vs_l1 *l)
{
    l->last = VS_L1_4K;
    l->fast = l->cache.tag != NULL;
    for (uint32_t k = 0; k < VS_L1_SIZES; k++) {
        l->fast = l->fast && l->tlb[k].at_once;
    }
}

/* The hot path: the most recent entry of the TLB set and of the cache set. True = both hit; all
 * that the access changes is then done, apart from counting it. */
static inline bool vs_l1_hit(struct vs_l1 *l, uint64_t gva, bool write)
{
    const struct vs_settab *t = &l->tlb[l->last];
    unsigned shift = vs_l1_shift[l->last];
    uint64_t key = (gva >> shift) | l->context, set;
    (void)vs_div(&t->by_sets, key, &set);
    size_t first = set * t->ways + t->newest;
    if (vs_unlikely(t->tag[first] != key)) {
        return false;
    }
    uint64_t entry = t->payload[first];
    if (vs_unlikely(write && !(entry & VS_L1_WRITE))) {
        return false;
    }
    uint64_t hpa = (entry & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
    return vs_linetab_first(&l->cache, hpa >> l->line_shift, write);
}

/* Whether the most recent entry of the TLB set translates gva: then where to, and where its page
 * ends. Changes nothing. */
static inline bool vs_l1_page(const struct vs_l1 *l, uint64_t gva, bool write, uint64_t *hpa,
                              uint64_t *end)
{
    const struct vs_settab *t = &l->tlb[l->last];
    unsigned shift = vs_l1_shift[l->last];
    uint64_t key = (gva >> shift) | l->context, set;
    (void)vs_div(&t->by_sets, key, &set);
    size_t first = set * t->ways + t->newest;
    if (!t->entries || t->tag[first] != key || (write && !(t->payload[first] & VS_L1_WRITE))) {
        return false;
    }
    *hpa = (t->payload[first] & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
    *end = ((gva >> shift) + 1u) << shift;
    return true;
}

/* The TLBs alone, any way of the set: payload or NULL. */
static inline const uint64_t *vs_l1_translate(struct vs_l1 *l, uint64_t gva, unsigned *shift)
{
    for (uint32_t i = 0; i < VS_L1_SIZES; i++) {
        uint32_t k = i == 0         ? l->last
                     : i <= l->last ? i - 1u
                                    : i; /* the last size first, then the others */
        if (!l->tlb[k].used) {
            continue;
        }
        uint64_t *p = vs_settab_find(&l->tlb[k], (gva >> vs_l1_shift[k]) | l->context);
        if (p) {
            l->last = k;
            *shift = vs_l1_shift[k];
            return p;
        }
    }
    return NULL;
}

#endif
