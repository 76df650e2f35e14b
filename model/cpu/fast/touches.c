/* SPDX-License-Identifier: MIT */
/*
 * A run of touches, as a hypervisor's path makes them: its code is fetched line by line, its data
 * read line by line, and nearly all of it is in L1.
 *
 * While the page of a run is the newest entry of its TLB set, looking it up changes nothing, so one
 * look serves all lines of the page. Lines that hit are then taken at once (vs_linetab_hits): each
 * becomes the newest of its set, as it would one by one, and they are counted as inline hits. The
 * line that ends them goes the ordinary way to the levels below, and the next hits follow.
 */
#include "cpu/fast/fast.h"

#define TOUCH_SHIFT 6u
_Static_assert(VS_TOUCH_BYTES == 1u << TOUCH_SHIFT, "lines as long as what is touched");

/* A line that L1 does not have, and what follows it: n lines of the page that translated last by
 * table `tlb`. */
static __attribute__((noinline)) void with_misses(struct vs_cpu *c, struct vs_l1 *l, uint64_t line,
                                                  uint32_t n, uint32_t ref, uint32_t tlb)
{
    uint32_t flags = ref == VS_REF_WRITE ? VS_LINE_DIRTY : 0;
    while (n) {
        uint32_t level = l->lines.access(l->lines.ctx, line, (enum vs_ref)ref);
        vs__cpu_count(c, ref, tlb, level);
        c->pending_ps += c->price[ref][tlb][level];
        uint32_t hits = vs_linetab_hits(&l->cache, line + 1u, n - 1u, flags);
        c->fast[ref][tlb] += hits;
        c->pending_ps += hits * c->price[ref][tlb][0];
        line += hits + 1u;
        n -= hits + 1u;
    }
}

/* How many of n touches are made here; 0: the first has to be made by itself. */
static inline uint64_t in_page(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint64_t n,
                               uint32_t ref)
{
    const struct vs_l1_tlb *t = vs_l1_tlb(l, ref == VS_REF_WRITE);
    const uint64_t *entry = vs_l1_newest(l, t, gva);
    if (!entry || (ref == VS_REF_WRITE && !(*entry & VS_L1_WRITE))) {
        return 0;
    }
    uint64_t low = (1ull << t->shift[t->last]) - 1u, at = gva & low,
             left = ((low - at) / VS_TOUCH_BYTES) + 1u;
    n = n < left ? n : left;
    uint32_t tlb = t->last_table;
    uint64_t line = ((*entry & ~(uint64_t)VS_L1_FLAGS) | at) >> TOUCH_SHIFT;
    uint32_t hits =
        vs_linetab_hits(&l->cache, line, (uint32_t)n, ref == VS_REF_WRITE ? VS_LINE_DIRTY : 0);
    c->fast[ref][tlb] += hits;
    c->pending_ps += hits * c->price[ref][tlb][0];
    if (vs_unlikely(hits < n)) {
        with_misses(c, l, line + hits, (uint32_t)n - hits, ref, tlb);
    }
    return n;
}

void vs__fast_touches(void *cpu, struct vs_txn *t, vs_gva at, uint64_t bytes, enum vs_ref ref)
{
    struct vs_cpu *c = cpu;
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    bool together =
        l->fast && !c->window && l->line_shift == TOUCH_SHIFT && !vs__cpu_listened(c, ref);
    (void)t; /* a core has one time line */
    for (uint64_t n = (bytes + VS_TOUCH_BYTES - 1u) / VS_TOUCH_BYTES, done; n; n -= done) {
        done = together ? in_page(c, l, at.v, n, ref) : 0;
        if (!done) { /* which makes its page the newest entry, unless it faults */
            (void)vs_cpu_access(c, at, 1, ref);
            done = 1;
        }
        at.v += done * VS_TOUCH_BYTES;
    }
}
