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
#include "cpu/fast/touches.h"

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

/* How many of n touches are made here: those of the page that translated last. */
static inline uint64_t in_page(struct vs_cpu *c, struct vs_l1 *l, uint64_t gva, uint64_t n,
                               uint32_t ref)
{
    struct vs_l1_tlb *t = vs_l1_tlb(l, ref == VS_REF_WRITE);
    const uint64_t *entry = l->globals ? vs_l1_recent(l, t, gva) : vs_l1_newest(l, t, gva);
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

/* Whether hits of this kind may be taken at once. */
static inline bool together(struct vs_cpu *c, uint32_t ref)
{
    const struct vs_l1 *l = vs__cpu_l1(c, ref);
    return l->fast && !c->window && l->line_shift == TOUCH_SHIFT && !vs__cpu_listened(c, ref);
}

uint64_t vs__fast_touches(struct vs_cpu *c, uint64_t at, uint64_t n, uint32_t ref)
{
    return together(c, ref) ? in_page(c, vs__cpu_l1(c, ref), at, n, ref) : 0;
}

bool vs__fast_turn_to(struct vs_l1 *l, uint64_t at, uint32_t ref, struct vs_cpu_page *p)
{
    const struct vs_l1_tlb *t = vs_l1_tlb(l, ref == VS_REF_WRITE);
    const uint64_t *entry = vs_l1_newest(l, t, at);
    if (!entry || (ref == VS_REF_WRITE && !(*entry & VS_L1_WRITE))) {
        return false;
    }
    const struct vs_settab *s = &t->table[t->last_table];
    p->bytes = 1ull << t->shift[t->last];
    p->first = at & ~(p->bytes - 1u);
    p->line = (*entry & ~(uint64_t)VS_L1_FLAGS) >> TOUCH_SHIFT;
    p->payload_at = entry;
    p->payload = *entry;
    p->tag_at = s->tag + (entry - s->payload);
    p->tag = *p->tag_at;
    p->newest = s->newest;
    p->last = t->last;
    p->tlb = t->last_table;
    return true;
}

/* Counts the hits of the current page, and prices them. */
static inline void count_hits(struct vs_cpu *c, uint32_t ref)
{
    struct vs_cpu_page *p = &c->page[ref];
    c->fast[ref][p->tlb] += p->hits;
    c->pending_ps += p->hits * c->price[ref][p->tlb][0];
    p->hits = 0;
}

/* A touch that is made by itself, after which no page is known. */
static void touch_singly(struct vs_cpu *c, uint64_t at, uint32_t ref)
{
    vs_gva gva = {at};
    for (uint32_t i = 0; i < 3u; i++) {
        count_hits(c, i);
        c->page[i].bytes = 0;
    }
    (void)vs_cpu_access(c, gva, 1, ref);
}

/* n lines of the page of *p, the first of which is `line`. */
static inline void touch_lines(struct vs_cpu *c, struct vs_l1 *l, struct vs_cpu_page *p,
                               uint64_t line, uint32_t n, uint32_t ref)
{
    uint32_t hits = vs_linetab_hits(&l->cache, line, n, ref == VS_REF_WRITE ? VS_LINE_DIRTY : 0);
    p->hits += hits;
    if (vs_unlikely(hits < n)) {
        with_misses(c, l, line + hits, n - hits, ref, p->tlb);
    }
}

/* A run that leaves the page of the run before it. */
static __attribute__((noinline)) void touch_on(struct vs_cpu *c, uint64_t at, uint32_t n,
                                               uint32_t ref)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    struct vs_cpu_page *p = &c->page[ref];
    for (uint32_t done; n; n -= done, at += (uint64_t)done * VS_TOUCH_BYTES) {
        if (at - p->first >= p->bytes) {
            count_hits(c, ref);
            if (!vs__fast_turn_to(l, at, ref, p)) {
                touch_singly(c, at, ref);
                done = 1;
                continue;
            }
        }
        uint64_t off = at - p->first, left = (p->bytes - 1u - off) / VS_TOUCH_BYTES + 1u;
        done = n < left ? n : (uint32_t)left;
        touch_lines(c, l, p, p->line + (off >> TOUCH_SHIFT), done, ref);
    }
}

/* Touches of any kind may be taken at once. */
bool vs__fast_unwatched(struct vs_cpu *c)
{
    const struct vs_txn *t = c->txn;
    const struct vs_op_acc *const *by_op = (const struct vs_op_acc *const *)t->by_op;
    if (c->exact || t->tape || c->window || !c->data.fast || !c->fetch.fast ||
        c->data.line_shift != TOUCH_SHIFT || c->fetch.line_shift != TOUCH_SHIFT) {
        return false;
    }
    for (uint32_t ref = 0; ref < 3u; ref++) {
        const struct vs_op_acc *a = by_op[VS_OP_ACCESS_LOAD + ref];
        if ((vs_likely(a != NULL) ? a : vs__cpu_acc(t, ref))->sampler) {
            return false;
        }
    }
    return true;
}

/* A run, or what is left of it. */
static inline void touch_run(struct vs_cpu *c, uint64_t at, uint32_t n, uint32_t ref)
{
    struct vs_cpu_page *p = &c->page[ref];
    uint64_t off = at - p->first, to = off + ((uint64_t)n << TOUCH_SHIFT);
    if (vs_unlikely(off >= p->bytes || to > p->bytes)) {
        touch_on(c, at, n, ref);
    } else {
        touch_lines(c, vs__cpu_l1(c, ref), p, p->line + (off >> TOUCH_SHIFT), n, ref);
    }
}

void vs__fast_touch_on(struct vs_cpu *c, const struct vs_core_run *r, const struct vs_core_run *end,
                       uint32_t off)
{
    for (; r != end; r++, off = 0) {
        touch_run(c, r->at + ((uint64_t)off << TOUCH_SHIFT), r->n - off, r->ref);
    }
    for (uint32_t i = 0; i < 3u; i++) {
        count_hits(c, i);
    }
}

bool vs__fast_runs(struct vs_cpu *c, const struct vs_core_run *r, size_t n)
{
    if (!vs__fast_unwatched(c)) {
        return false;
    }
    for (uint32_t i = 0; i < 3u; i++) {
        c->page[i].bytes = vs__fast_still(vs__cpu_l1(c, i), i, &c->page[i]) ? c->page[i].bytes : 0;
    }
    vs__fast_touch_on(c, r, r + n, 0);
    return true;
}
