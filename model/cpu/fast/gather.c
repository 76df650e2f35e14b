/* SPDX-License-Identifier: MIT */
#include "cpu/fast/gather.h"

#include <string.h>

uint64_t vs__gather_room(const struct vs_cpu *c, const struct vs_cpu_bulk *b, uint64_t ps)
{
    return c->exact || !c->gathers || b->ref > VS_REF_WRITE
               ? 0
               : ps / (c->worst_gathered_ps + b->instructions * (c->instruction_q + 1u));
}

bool vs__gather_begin(struct vs__gathering *g, struct vs_cpu *c, uint32_t ref)
{
    struct vs_txn *t = c->txn;
    g->access = vs__cpu_acc(t, ref);
    g->walk = vs_ledger_acc(t->ledger, t->actor, VS_OP_WALK);
    if (g->walk->sampler || !c->fast_port.mmu.plain(c->fast_port.mmu.ctx)) {
        return false;
    }
    g->lines = c->fast_port.lines.gather(c->fast_port.lines.ctx, (enum vs_ref)ref);
    g->n_hits = g->n_walks = 0;
    g->faulted = NULL;
    return g->lines != NULL;
}

/* The access turned out to fault: what it has booked beside its walk is access.faulted's. */
static void faulted(struct vs__gathering *g, struct vs_cpu *c, uint32_t ref,
                    const struct vs_l1_tlb *tlb)
{
    struct vs_booked attempt;
    vs__attempt_single(c, c->txn, ref, tlb, &attempt);
    attempt.child = NULL; /* counted at the end */
    g->faulted = vs_ledger_acc(c->txn->ledger, c->txn->actor, VS_OP_ACCESS_FAULTED);
    vs_count_move(g->access, g->faulted, &attempt);
}

/* After a miss of both TLB levels. */
static bool walk(struct vs__gathering *g, struct vs_cpu *c, const struct vs_l1_tlb *tlb,
                 uint64_t gva, uint32_t ref, uint32_t right, uint64_t *hpa)
{
    struct vs_txn *t = c->txn;
    struct vs_op_acc *outer = t->acc;
    struct vs__gathered_walk *one = &g->walked[g->n_walks++];
    struct vs_translation out;
    vs_gva at = {gva};
    uint64_t from = t->now_ps;
    one->first = (uint16_t)g->lines->n;
    t->acc = g->access;
    vs__cpu_charge(t, &tlb->lookup[VS_L1_SIZES]);
    uint64_t began = c->fast_port.mmu.walk_plain(c->fast_port.mmu.ctx, t, g->walk, g->lines, at,
                                                 (enum vs_ref)right, &out);
    t->acc = outer;
    one->ps = began - from;
    one->walk_ps = t->now_ps - began;
    one->own = (uint16_t)g->lines->n;
    if (out.fault != VS_FAULT_NONE) {
        c->fault = out;
        faulted(g, c, ref, tlb);
        c->count[VS_CNT_cpu_faults]++;
        return false;
    }
    vs__cpu_count_walk(c, tlb);
    *hpa = out.hpa.v;
    return true;
}

/* Notes a hit among the gathered lines. */
static void hit(struct vs__gathering *g, uint32_t tlb)
{
    g->hit[g->n_hits++] = (struct vs__gathered_hit){(uint16_t)g->lines->n, (uint8_t)tlb};
}

bool vs__gather_access(struct vs__gathering *g, struct vs_cpu *c, uint64_t gva, uint32_t ref,
                       uint32_t right)
{
    struct vs_l1 *l = &c->data;
    struct vs_l1_tlb *tlb = vs_l1_tlb(l, right == VS_REF_WRITE);
    uint64_t hpa;
    unsigned shift;
    const uint64_t *p = vs_l1_translate(l, tlb, gva, &shift);
    if (p && (right != VS_REF_WRITE || (*p & VS_L1_WRITE))) {
        hit(g, tlb->last_table);
        hpa = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1u));
    } else {
        struct vs_translation out;
        vs_gva at = {gva};
        c->missed = p == NULL;
        if (c->mmu.probe(c->mmu.ctx, at, (enum vs_ref)right, &out)) {
            vs__cpu_count_miss(tlb);
            hit(g, VS_CPU_TLB_SECOND + out.second);
            hpa = out.hpa.v;
        } else if (!walk(g, c, tlb, gva, ref, right, &hpa)) {
            return false;
        }
    }
    g->lines->own[g->lines->n_own++] = (uint16_t)g->lines->n;
    vs_gather_note(g->lines, hpa >> l->line_shift, right == VS_REF_WRITE);
    return true;
}

/* Equal charges by level, and operations of different lengths. */
struct sums {
    uint64_t level[VS_LINE_LEVELS];
    uint64_t n, ps, least, most;
};

/* Adds one access to the sums of its kind. */
static inline void add(struct sums *s, struct vs_op_acc *acc, uint64_t ps)
{
    s->ps += ps;
    s->least = ps < s->least ? ps : s->least;
    s->most = ps > s->most ? ps : s->most;
    vs_hist_add(acc->hist, ps, 1);
}

/* The last walk, which failed: its access is one that faulted. */
static void squash(struct vs__gathering *g, struct vs_txn *t, uint64_t ps, uint64_t walk_ps)
{
    vs_ps walk = {walk_ps}, all = {ps + walk_ps};
    struct vs_op_acc *outer = t->acc;
    t->acc = g->faulted;
    vs_count_op(t, g->walk, 1, walk);
    t->acc = outer;
    vs_count_op(t, g->faulted, 1, all);
}

/* Books the sums of a kind of access. */
static void book(struct vs_cpu *c, struct vs_op_acc *acc, const struct sums *s)
{
    const struct vs_line_port *lines = &c->data.lines;
    for (uint32_t level = 0; level < VS_LINE_LEVELS; level++) {
        if (s->level[level]) {
            vs_ps each = {lines->ps[level]};
            vs_count_part(c->txn, acc, lines->account[level], s->level[level], each);
        }
    }
}

/* Those that need no operation of their own to be booked. */
static void book_hits(const struct vs__gathering *g, struct vs_cpu *c, uint32_t ref)
{
    for (uint32_t i = 0; i < g->n_hits; i++) {
        uint32_t tlb = g->hit[i].tlb, level = g->lines->level[g->hit[i].own];
        vs__cpu_count(c, ref, tlb, level);
        c->pending_ps += c->price[ref][tlb][level];
    }
}

/* Walks, and the accesses that needed them. */
static void book_walks(struct vs__gathering *g, struct vs_cpu *c, uint32_t ref)
{
    struct vs_txn *t = c->txn;
    const struct vs_line_port *lines = &c->data.lines;
    const struct vs_gather *made = g->lines;
    uint64_t until[VS_GATHER + 1u]; /* what the references before it take */
    until[0] = 0;
    for (uint32_t i = 0; i < made->n; i++) {
        until[i + 1u] = until[i] + lines->ps[made->level[i]];
    }
    uint32_t n = g->n_walks - (g->faulted ? 1u : 0u);
    struct sums access = {.n = n, .least = UINT64_MAX}, walk = {.n = n, .least = UINT64_MAX};
    memcpy(walk.level, made->walked, sizeof walk.level); /* those of the one that failed, too */
    for (uint32_t i = 0; i < n; i++) {
        const struct vs__gathered_walk *one = &g->walked[i];
        uint64_t walk_ps = one->walk_ps + until[one->own] - until[one->first];
        add(&walk, g->walk, walk_ps);
        access.level[made->level[one->own]]++;
        add(&access, g->access, one->ps + walk_ps + lines->ps[made->level[one->own]]);
    }
    if (g->faulted) {
        const struct vs__gathered_walk *one = &g->walked[n];
        squash(g, t, one->ps, one->walk_ps + until[one->own] - until[one->first]);
    }
    book(c, g->walk, &walk);
    book(c, g->access, &access);
    struct vs_op_acc *outer = t->acc;
    t->acc = g->access;
    vs_count_ops(t, g->walk, walk.n, walk.ps, walk.least, walk.most);
    t->acc = outer;
    vs_count_ops(t, g->access, access.n, access.ps, access.least, access.most);
    c->count[VS_CNT_cpu_loads + (int)ref] += access.n;
}

void vs__gather_end(struct vs__gathering *g, struct vs_cpu *c, uint32_t ref)
{
    c->fast_port.lines.gathered(c->fast_port.lines.ctx);
    book_hits(g, c, ref);
    if (g->n_walks) {
        book_walks(g, c, ref);
    }
}
