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

/* Lines of the page that translated last, from hpa on, n of them. */
static void lines_of_page(struct vs_cpu *c, struct vs_l1 *l, uint64_t hpa, uint64_t n, uint32_t ref)
{
    uint32_t tlb = vs_l1_tlb(l, ref == VS_REF_WRITE)->last_table, left = (uint32_t)n;
    for (uint64_t line = hpa >> l->line_shift; left; line++, left--) {
        uint32_t hits =
            vs_linetab_hits(&l->cache, line, left, ref == VS_REF_WRITE ? VS_LINE_DIRTY : 0u);
        c->fast[ref][tlb] += hits;
        c->pending_ps += hits * c->price[ref][tlb][0];
        line += hits;
        left -= hits;
        if (!left) {
            return;
        }
        uint32_t level = l->lines.access(l->lines.ctx, line, (enum vs_ref)ref);
        vs__cpu_count(c, ref, tlb, level);
        c->pending_ps += c->price[ref][tlb][level];
    }
}

void vs__fast_touches(struct vs_cpu *c, uint64_t gva, uint64_t bytes, uint32_t ref)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    uint64_t line = 1ull << l->line_shift, hpa, end, last = gva + bytes;
    bool together = l->fast && !c->window && line == VS_TOUCH_BYTES && !vs__cpu_listened(c, ref);
    while (gva < last) {
        if (!together || !vs_l1_page(l, gva, ref == VS_REF_WRITE, &hpa, &end)) {
            vs_gva at = {gva}; /* which makes its page the newest entry, unless it faults */
            (void)vs_cpu_access(c, at, 1, (enum vs_ref)ref);
            gva += VS_TOUCH_BYTES;
            continue;
        }
        uint64_t n = ((end < last ? end : last) - gva + line - 1u) >> l->line_shift;
        lines_of_page(c, l, hpa, n, ref);
        gva += n << l->line_shift;
    }
}
