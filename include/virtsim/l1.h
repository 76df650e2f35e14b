/* SPDX-License-Identifier: MIT */
/*
 * First level of one side (data or fetch) of one core: its TLBs by page size and its cache, laid
 * out so that a hit in both is one inline function. The cpu owns it; the mmu fills tlb[], the
 * memory fills cache; each sets the fields marked as its own when it is attached. Stores may have
 * TLBs of their own, and pages of several sizes one table.
 *
 * TLB key:     (gva >> page shift) | context | page size << VS_L1_SIZE_SHIFT, where context is the
 *              address-space number << VS_L1_CONTEXT_SHIFT and a page size one of VS_L1_SMALL to
 * _HUGE TLB payload: host-physical page base | VS_L1_* flags (base has its low 12 bits free)
 */
#ifndef VIRTSIM_L1_H
#define VIRTSIM_L1_H

#include "virtsim/linetab.h"
#include "virtsim/port/line.h"
#include "virtsim/port/mmu.h"
#include "virtsim/settab.h"

/* Above every page number, whatever the address: kernels live in negative ones. 10 bits of context
 * fit below the size. */
#define VS_L1_CONTEXT_SHIFT 52u
#define VS_L1_SIZE_SHIFT 62u
#define VS_L1_WRITE 1u /* writes may pass: permitted, and dirty is set where it is kept */
#define VS_L1_FLAGS 0xfffu

/* Page sizes: 4K, 2M and 1G, or those of Arm's larger granules: 16K and 32M, 64K and 512M. */
enum { VS_L1_SMALL, VS_L1_LARGE, VS_L1_HUGE, VS_L1_SIZES };

/* The TLBs that one kind of access goes through: the mmu's. */
struct vs_l1_tlb {
    struct vs_settab table[VS_L1_SIZES];
    uint8_t shift[VS_L1_SIZES];               /* log2 of each page size */
    uint8_t table_of[VS_L1_SIZES];            /* by page size */
    uint8_t held;                             /* bit = page size; the others come as pieces */
    struct vs_lookup lookup[VS_L1_SIZES + 1]; /* hit, by table; last: a miss, which waits for all */
    uint64_t *hits; /* its counters, added to when hits are priced; may be NULL */
    uint64_t *misses;
    uint64_t *second_misses; /* of the level that is asked when it misses; may be NULL */
    uint32_t sizes;          /* bit = page size ever filled: only these are looked for */
    uint32_t own;            /* those of pages that an address space has for itself, */
    uint32_t shared;         /* and those of pages that all of them share */
    uint32_t last;           /* page size of the last hit, and its table: looked at first */
    uint32_t last_table;     /* the cpu's */
};

struct vs_l1 {
    /* the mmu's */
    struct vs_l1_tlb tlb[2]; /* [0] data or fetch, [1] stores where they have their own */
    uint32_t stores;         /* which of them stores use */
    uint64_t context;        /* shifted; or-ed into every key */
    uint64_t global_context; /* the same of pages that other address spaces share; with globals */
    bool globals;            /* some were filled: looked for where `context` has nothing */
    /* the memory's */
    struct vs_linetab cache;
    uint32_t line_shift;
    struct vs_line_port lines; /* level 0 = this cache */
    uint64_t *cache_hits[3];   /* by enum vs_ref */
    /* the cpu's */
    bool fast; /* geometry and policies allow the inline path */
};

/* Each size has a table of its own, or all of them the first. */
static inline void vs_l1_share(struct vs_l1_tlb *t, bool shared)
{
    for (uint32_t k = 0; k < VS_L1_SIZES; k++) {
        t->table_of[k] = shared ? 0 : (uint8_t)k;
    }
}

/* Sets the three page sizes of a first-level TLB, as shifts. */
static inline void vs_l1_sizes(struct vs_l1_tlb *t, unsigned small, unsigned large, unsigned huge)
{
    t->shift[VS_L1_SMALL] = (uint8_t)small;
    t->shift[VS_L1_LARGE] = (uint8_t)large;
    t->shift[VS_L1_HUGE] = (uint8_t)huge;
}

/* The key under which a page of a size is held. */
static inline uint64_t vs_l1_key(const struct vs_l1 *l, const struct vs_l1_tlb *t, uint64_t gva,
                                 uint32_t size)
{
    return gva >> t->shift[size] | l->context | (uint64_t)size << VS_L1_SIZE_SHIFT;
}

/* The TLB that serves an access: stores may have one of their own. */
static inline struct vs_l1_tlb *vs_l1_tlb(struct vs_l1 *l, bool write)
{
    return &l->tlb[write ? l->stores : 0];
}

/* To be called when everything above is attached. */
static inline void vs_l1_ready(struct vs_l1 *l)
{
    l->fast = l->cache.tag != NULL;
    for (uint32_t i = 0; i <= l->stores; i++) {
        struct vs_l1_tlb *t = &l->tlb[i];
        t->last = VS_L1_SMALL;
        t->last_table = t->table_of[VS_L1_SMALL];
        for (uint32_t k = 0; k < VS_L1_SIZES; k++) {
            l->fast = l->fast && t->table[k].at_once;
        }
    }
}

/* The newest way of the set of a key; NULL: it holds another one. */
static inline const uint64_t *vs_l1_newest_of(const struct vs_settab *s, uint64_t key)
{
    uint64_t set;
    (void)vs_div(&s->by_sets, key, &set);
    size_t first = set * s->ways + s->newest;
    return vs_likely(s->tag[first] == key) ? &s->payload[first] : NULL;
}

/* vs_l1_newest_in where the number of sets is no power of two. */
const uint64_t *vs__l1_newest_odd(const struct vs_l1 *l, const struct vs_settab *s, uint64_t key);

/* The same, of the address space's own pages, then of those that all of them share: both are in one
 * set where that is in the lowest bits of a key, which say nothing of address spaces. */
static vs_inlined const uint64_t *vs_l1_newest_in(const struct vs_l1 *l, const struct vs_settab *s,
                                                  uint64_t key)
{
    if (vs_unlikely(s->by_sets.inverse != 0)) {
        return vs__l1_newest_odd(l, s, key);
    }
    size_t first = (key & (s->by_sets.n - 1u)) * s->ways + s->newest;
    uint64_t tag = s->tag[first];
    return vs_likely(tag == key) || (l->globals && tag == (key ^ l->context ^ l->global_context))
               ? &s->payload[first]
               : NULL;
}

/* The newest way of the set where the size that hit last would be. */
static inline const uint64_t *vs_l1_newest(const struct vs_l1 *l, const struct vs_l1_tlb *t,
                                           uint64_t gva)
{
    return vs_l1_newest_in(l, &t->table[t->last_table], vs_l1_key(l, t, gva, t->last));
}

/* The newest way of the set of gva for another size than hit last; it is the last one then. */
static inline const uint64_t *vs_l1_newest_other(const struct vs_l1 *l, struct vs_l1_tlb *t,
                                                 uint64_t gva)
{
    for (uint32_t left = t->sizes & ~(1u << t->last); left; left &= left - 1u) {
        uint32_t k = (uint32_t)__builtin_ctz(left);
        const uint64_t *p = vs_l1_newest_in(l, &t->table[t->table_of[k]], vs_l1_key(l, t, gva, k));
        if (p) {
            t->last = k;
            t->last_table = t->table_of[k];
            return p;
        }
    }
    return NULL;
}

/* The newest way of the set of gva for any size, the one that hit last first; it is the last one
 * then. Where the inline path serves, what is found is found first by every lookup. */
static inline const uint64_t *vs_l1_recent(const struct vs_l1 *l, struct vs_l1_tlb *t, uint64_t gva)
{
    const uint64_t *p = vs_l1_newest(l, t, gva);
    return p ? p : vs_l1_newest_other(l, t, gva);
}

/* Whether an entry with this key translates now, as far as address spaces go. */
static inline bool vs_l1_in_context(const struct vs_l1 *l, uint64_t key)
{
    const uint64_t mask = (1ull << VS_L1_SIZE_SHIFT) - (1ull << VS_L1_CONTEXT_SHIFT);
    const uint64_t context = key & mask;
    return context == l->context || (l->globals && context == l->global_context);
}

/* vs_l1_hit, by what vs_l1_newest has found. */
static inline bool vs_l1_hit_by(struct vs_l1 *l, const struct vs_l1_tlb *t, uint64_t gva,
                                bool write, const uint64_t *entry)
{
    if (vs_unlikely(!entry) || vs_unlikely(write && !(*entry & VS_L1_WRITE))) {
        return false;
    }
    uint64_t hpa = (*entry & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << t->shift[t->last]) - 1u));
    return vs_linetab_first(&l->cache, hpa >> l->line_shift, write);
}

/* The hot path: the most recent entry of the TLB set and of the cache set. True = both hit; all
 * that the access changes is then done, apart from counting it on t->last_table. t: vs_l1_tlb. */
static inline bool vs_l1_hit(struct vs_l1 *l, const struct vs_l1_tlb *t, uint64_t gva, bool write)
{
    return vs_l1_hit_by(l, t, gva, write, vs_l1_newest(l, t, gva));
}

/* Whether the most recent entry of the TLB set translates gva: then where to, and where its page
 * ends. Changes nothing. */
static inline bool vs_l1_page(const struct vs_l1 *l, uint64_t gva, bool write, uint64_t *hpa,
                              uint64_t *end)
{
    const struct vs_l1_tlb *t = &l->tlb[write ? l->stores : 0];
    const uint64_t *entry = vs_l1_newest(l, t, gva);
    if (!entry || (write && !(*entry & VS_L1_WRITE))) {
        return false;
    }
    unsigned shift = t->shift[t->last];
    *hpa = (*entry & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
    *end = ((gva >> shift) + 1u) << shift;
    return true;
}

/* Finds an address under any page size, the size found last first. */
static inline const uint64_t *vs_l1_look_up(const struct vs_l1 *l, struct vs_l1_tlb *t,
                                            uint64_t gva, uint64_t other, uint32_t sizes,
                                            unsigned *shift)
{
    uint32_t k = t->last; /* first, then the others */
    for (uint32_t left = sizes; left; left &= ~(1u << k)) {
        k = left >> k & 1u ? k : (uint32_t)__builtin_ctz(left);
        const uint64_t *p =
            vs_settab_find(&t->table[t->table_of[k]], vs_l1_key(l, t, gva, k) ^ other);
        if (p) {
            t->last = k;
            t->last_table = t->table_of[k];
            *shift = t->shift[k];
            return p;
        }
    }
    return NULL;
}

/* vs_l1_translate where vs_l1_newest has found nothing, or the inline path does not serve. */
static inline const uint64_t *vs_l1_translate_beyond(const struct vs_l1 *l, struct vs_l1_tlb *t,
                                                     uint64_t gva, unsigned *shift)
{
    if (vs_likely(!l->globals)) {
        return vs_l1_look_up(l, t, gva, 0, t->own, shift);
    }
    /* in the order of the inline path, so that both find the same where more than one would serve
     */
    const uint64_t *p = l->fast ? vs_l1_newest_other(l, t, gva) : NULL;
    if (p) {
        *shift = t->shift[t->last];
        return p;
    }
    p = vs_l1_look_up(l, t, gva, 0, t->own, shift);
    return p ? p : vs_l1_look_up(l, t, gva, l->context ^ l->global_context, t->shared, shift);
}

/* The TLBs alone, any way of the set: payload or NULL. A hit is in t->last_table. */
static inline const uint64_t *vs_l1_translate(const struct vs_l1 *l, struct vs_l1_tlb *t,
                                              uint64_t gva, unsigned *shift)
{
    const uint64_t *p = l->globals && l->fast ? vs_l1_newest(l, t, gva) : NULL;
    if (p) {
        *shift = t->shift[t->last];
        return p;
    }
    return vs_l1_translate_beyond(l, t, gva, shift);
}

#endif
