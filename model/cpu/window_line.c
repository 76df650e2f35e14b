/* SPDX-License-Identifier: MIT */
/* Many accesses to the lines of one page enter the window in one loop. */
#include "cpu/window.h"

#define LINES_AHEAD 8u /* whose tags the host fetches in advance */

/* What such a run books. It is sums, so that the moment does not matter: kept here until its end.
 */
struct run {
    struct vs_cpu *c;
    struct vs_op_acc *acc;
    uint64_t level[VS_LINE_LEVELS]; /* accesses that waited, by who answered */
    uint64_t waits, wait_ps, merges, merge_ps;
    /* lengths in one bucket of the histogram, not yet booked */
    uint64_t n, sum, least, most, low, next_low;
};

static void flush_lengths(struct run *r)
{
    vs_count_alike(&r->c->window->beside, r->acc, r->n, r->sum, r->least, r->most);
    r->n = r->sum = 0;
}

static inline void length(struct run *r, uint64_t ps)
{
    if (vs_unlikely(!r->n || ps < r->low || ps >= r->next_low)) {
        flush_lengths(r);
        uint32_t bucket = vs_hist_bucket(ps);
        r->low = vs_hist_low(bucket);
        r->next_low = vs_hist_low(bucket + 1u);
        r->least = r->most = ps;
    }
    r->n++;
    r->sum += ps;
    r->least = ps < r->least ? ps : r->least;
    r->most = ps > r->most ? ps : r->most;
}

static void part(struct run *r, uint16_t account, uint64_t n, uint64_t ps)
{
    r->acc->work[account].n += n;
    r->acc->work[account].ps += ps;
}

static void flush(struct run *r, uint32_t ref, bool translated)
{
    struct vs_cpu *c = r->c;
    const struct vs_l1 *l = &c->data;
    uint64_t n = 0;
    flush_lengths(r);
    for (uint32_t i = 0; i < VS_LINE_LEVELS; i++) {
        if (r->level[i]) {
            n += r->level[i];
            part(r, l->lines.account[i], r->level[i], r->level[i] * l->lines.ps[i]);
        }
    }
    if (translated && n) {
        part(r, l->tlb_account, n, n * l->tlb_ps.v);
        if (l->tlb_hits) {
            *l->tlb_hits += n;
        }
    }
    part(r, vs__window_account(c, VS_ACC_cpu_mshr_wait), r->waits, r->wait_ps);
    part(r, vs__window_account(c, VS_ACC_cpu_mshr_merge), r->merges, r->merge_ps);
    c->count[VS_CNT_cpu_loads + (int)ref] += n;
}

uint64_t vs__window_lines(struct vs_cpu *c, uint64_t gva, uint32_t ref, uint64_t n, uint64_t stride,
                          uint64_t instructions, uint64_t until_ps)
{
    struct vs_cpu_window *w = c->window;
    struct vs_l1 *l = &c->data;
    uint64_t hpa = gva, end = UINT64_MAX;
    bool write = ref == VS_REF_WRITE, translated = c->cfg.translation != 0;
    const struct vs_op_acc *listened = c->txn->by_op[vs__window_op[ref]];
    if (ref == VS_REF_FETCH || c->depends || w->again || !l->cache.tag || !listened ||
        listened->sampler || w->walks_until_ps > vs_cpu_now_ps(c) ||
        (translated && !vs_l1_page(l, gva, write, &hpa, &end))) {
        return 0;
    }
    uint64_t size = 1ull << l->line_shift, step = stride < size ? size : stride;
    uint64_t in_page = (end - gva + stride - 1u) / stride;
    n = n < in_page ? n : in_page;
    vs__window_actor(c);
    struct run r = {.c = c, .acc = w->beside.by_op[vs__window_op[ref]]};
    uint32_t tlb = translated ? VS_CPU_TLB_L1 : VS_CPU_TLB_NONE;
    uint64_t lookup = translated ? l->tlb_ps.v : 0, l1_ps = l->lines.ps[0], hits = 0, again = 0,
             last = UINT64_MAX, ready = 0, i = 0;
    for (; i < n && vs_cpu_now_ps(c) < until_ps; i++) {
        vs__window_room(c);
        uint64_t start = vs_cpu_now_ps(c), at = start + lookup,
                 line = (hpa + i * stride) >> l->line_shift;
        struct vs_window_fill f = {.ps = l1_ps};
        if (line == last && vs_linetab_first(&l->cache, line, write)) {
            f.merged = ready > at + l1_ps;
            f.wait_ps = f.merged ? ready - at - l1_ps : 0;
            again++;
        } else {
            uint64_t ahead = gva + i * stride + LINES_AHEAD * step;
            if (ahead < end && l->lines.prefetch) {
                l->lines.prefetch(l->lines.ctx, line + (LINES_AHEAD * step >> l->line_shift));
            }
            f = vs__window_fetch(c, l, line, ref, at);
            r.waits += f.wait_ps && !f.merged;
            r.wait_ps += f.merged ? 0 : f.wait_ps;
            last = line;
            ready = w->lines_until_ps > at ? vs__window_arrives(w, line) : 0;
        }
        if (f.merged) {
            r.merges++;
            r.merge_ps += f.wait_ps;
        }
        uint64_t done = at + f.wait_ps + f.ps;
        if (f.wait_ps) {
            length(&r, done - start);
            r.level[f.level]++;
        } else if (f.level) {
            vs__cpu_count(c, ref, tlb, f.level);
        } else {
            hits++;
        }
        if (done > w->done_ps) {
            struct vs_tape *tape = &w->ring[w->tail & w->mask].tape;
            tape->n = 0;
            at = start;
            vs__window_note(tape, &at, l->tlb_account, lookup);
            vs__window_note(tape, &at, vs__window_wait_account(c, &f), f.wait_ps);
            vs__window_note(tape, &at, l->lines.account[f.level], f.ps);
        }
        vs__window_entered(w, done, ref);
        if (!instructions) {
            vs__window_issue(c);
        } else if (vs__window_roomy(c, instructions, false)) {
            vs__cpu_instructions(c, instructions);
            w->entries += instructions;
        } else {
            vs__window_instructions(c, instructions);
        }
    }
    c->pending[ref][tlb][0] += hits;
    c->pending_mask[ref] |= hits ? 1ull << (tlb * VS_LINE_LEVELS) : 0;
    if (l->cache_hits[ref]) {
        *l->cache_hits[ref] += again;
    }
    c->count[VS_CNT_cpu_mshr_merges] += r.merges;
    flush(&r, ref, translated);
    return i;
}
