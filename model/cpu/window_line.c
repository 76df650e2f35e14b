/* SPDX-License-Identifier: MIT */
/* Many accesses to one line enter the window in one step. */
#include "cpu/window.h"

/* How many of k accesses, each with its instructions, enter before the window or the load queue is
 * full. */
static uint64_t fits(struct vs_cpu *c, uint64_t k, uint64_t entries_each)
{
    struct vs_cpu_window *w = c->window;
    uint64_t left = w->size, places = w->queue;
    while (w->head != w->tail && w->ring[w->head & w->mask].done_ps <= vs_cpu_now_ps(c)) {
        w->head++;
    }
    if (w->head != w->tail) {
        const struct vs_window_slot *s = &w->ring[w->head & w->mask];
        left -= w->entries - s->entry;
        places -= w->accesses - s->access;
    }
    left /= entries_each;
    k = k < left ? k : left;
    return k < places ? k : places;
}

uint64_t vs__window_same_line(struct vs_cpu *c, uint64_t gva, uint32_t ref, uint64_t k,
                              uint64_t instructions)
{
    struct vs_cpu_window *w = c->window;
    struct vs_l1 *l = &c->data;
    struct vs_txn *x = &w->beside;
    uint64_t hpa = gva, end, hits = 0, merges = 0, waited = 0;
    bool write = ref == VS_REF_WRITE, translated = c->cfg.translation != 0;
    const struct vs_op_acc *listened = c->txn->by_op[vs__window_op[ref]];
    if (ref == VS_REF_FETCH || c->depends || !instructions || !l->cache.tag || !listened ||
        listened->sampler || w->walks_until_ps > vs_cpu_now_ps(c) ||
        (translated && !vs_l1_page(l, gva, write, &hpa, &end)) ||
        (k = fits(c, k, 1u + instructions)) == 0 ||
        !vs_linetab_first(&l->cache, hpa >> l->line_shift, write)) {
        return 0;
    }
    vs__window_actor(c);
    struct vs_op_acc *a = x->by_op[vs__window_op[ref]];
    uint32_t tlb = translated ? VS_CPU_TLB_L1 : VS_CPU_TLB_NONE;
    uint64_t each = c->price[ref][tlb][0], lookup = translated ? l->tlb_ps.v : 0,
             ready = vs__window_arrives(w, hpa >> l->line_shift);
    for (uint64_t i = 0; i < k; i++) {
        uint64_t at = vs_cpu_now_ps(c), done = at + each;
        if (ready > done) {
            vs_ps total = {ready - at};
            vs_count_op(x, a, 1, total);
            waited += ready - done;
            merges++;
            done = ready;
        } else {
            hits++;
        }
        if (done > w->done_ps) { /* only a hit can be later than all before it */
            struct vs_tape *tape = &w->ring[w->tail & w->mask].tape;
            tape->n = 0;
            vs__window_note(tape, &at, l->tlb_account, lookup);
            vs__window_note(tape, &at, l->lines.account[0], l->lines.ps[0]);
        }
        vs__window_entered(w, done, ref);
        vs__cpu_instructions(c, instructions);
        w->entries += instructions;
    }
    c->pending[ref][tlb][0] += hits;
    c->pending_mask[ref] |= hits ? 1ull << (tlb * VS_LINE_LEVELS) : 0;
    if (l->cache_hits[ref]) {
        *l->cache_hits[ref] += k;
    }
    if (merges) {
        vs_ps line = {l->lines.ps[0]};
        if (translated) {
            vs_count_part(x, a, l->tlb_account, merges, l->tlb_ps);
            if (l->tlb_hits) {
                *l->tlb_hits += merges;
            }
        }
        vs_count_part(x, a, l->lines.account[0], merges, line);
        struct vs_part *p = &a->work[vs__window_account(c, VS_ACC_cpu_mshr_merge)];
        p->n += merges;
        p->ps += waited;
        c->count[VS_CNT_cpu_mshr_merges] += merges;
        c->count[VS_CNT_cpu_loads + (int)ref] += merges;
    }
    return k;
}
