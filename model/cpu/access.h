/* SPDX-License-Identifier: MIT */
/* Inside of the cpu: the hot path that single accesses and bulk operations share. */
#ifndef VIRTSIM_MODEL_CPU_ACCESS_H
#define VIRTSIM_MODEL_CPU_ACCESS_H

#include "cpu/cpu.h"

/* Everything but the inline hit. False: fault. */
bool vs__cpu_access_rest(struct vs_cpu *c, uint64_t gva, uint32_t ref);
/* The same behind the inline path, with what vs_l1_newest has found; NULL: nothing. */
bool vs__cpu_access_beyond(struct vs_cpu *c, uint64_t gva, uint32_t ref, const uint64_t *newest);

/* Counted accesses of one kind: booked on t, whose clock moves. */
void vs__cpu_settle_ref(struct vs_cpu *c, struct vs_txn *t, uint32_t ref);
void vs__cpu_settle_instructions(struct vs_cpu *c, struct vs_txn *t);
/* What is booked for accesses of t's actor. */
struct vs_op_acc *vs__cpu_acc(const struct vs_txn *t, uint32_t ref);
/* A walk has translated what c->missed says of the lookup before it: nothing was found, or an entry
 * that is clean. What faults is not counted: it is looked up again. */
void vs__cpu_count_walk(struct vs_cpu *c, const struct vs_l1_tlb *tlb);
/* What an attempt has booked, needed only if it faults: NULL for an access inside one line, which
 * can have booked nothing but lookups and the walk that failed. */
void vs__attempt_walked(const struct vs_cpu *c, const struct vs_txn *t, uint32_t ref,
                        const struct vs_translation *walk, struct vs_booked *attempt);
/* The attempt of an access inside one line, whose walk failed (c->fault). */
void vs__attempt_single(const struct vs_cpu *c, const struct vs_txn *t, uint32_t ref,
                        const struct vs_l1_tlb *tlb, struct vs_booked *attempt);
/* Notes a part of an access that may have to be taken back. */
static inline void vs__attempt_part(struct vs_booked *attempt, uint16_t account, vs_ps d)
{
    if (vs_unlikely(attempt != NULL)) {
        vs_booked_part(attempt, account, d);
    }
}
/* After c->fault: ends the open access of t as one that faulted. */
void vs__cpu_squash(struct vs_cpu *c, struct vs_txn *t, uint32_t ref,
                    const struct vs_booked *attempt);

/* The first level that serves an access. */
static inline struct vs_l1 *vs__cpu_l1(struct vs_cpu *c, uint32_t ref)
{
    return ref == VS_REF_FETCH ? &c->fetch : &c->data;
}

/* Something is counted and not yet priced. */
static inline bool vs__cpu_counted(const struct vs_cpu *c, uint32_t ref)
{
    return (c->pending_mask[ref] | c->fast[ref][0] | c->fast[ref][1] | c->fast[ref][2]) != 0;
}

/* Counts hits of a first-level TLB. */
static inline void vs__cpu_count_hits(const struct vs_l1_tlb *tlb, uint64_t n)
{
    if (tlb->hits) {
        *tlb->hits += n;
    }
}

/* The first level had nothing that serves, another level or a walk had. */
static inline void vs__cpu_count_miss(const struct vs_l1_tlb *tlb)
{
    if (tlb->misses) {
        ++*tlb->misses;
    }
}

/* A walk is about to begin. */
static inline void vs__cpu_announce_walk(struct vs_cpu *c, vs_gva at)
{
    if (vs_unlikely(c->before_walk != NULL)) {
        c->before_walk(c->before_walk_ctx, at);
    }
}

/* ---- accesses over several lines ---- */

/* Pages are that large at least, so that one translation holds for all lines of such a piece. */
#define VS__PIECE 4096u
#define VS__PIECES (VS_CPU_ACCESS_MAX / VS__PIECE + 1u)

/* The answer for a piece of an access that crosses lines. */
static inline uint64_t *vs__piece(uint64_t *piece, uint64_t gva, uint64_t at)
{
    return &piece[at / VS__PIECE - gva / VS__PIECE];
}

/* Lookups below that address were counted by an attempt of the same access before; 0: none. */
static inline uint64_t vs__cpu_halfway(const struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    return c->halfway.gva == gva && c->halfway.ref == ref ? c->halfway.until : 0;
}
/* Remembers how far an access has come that stops here. */
static inline void vs__cpu_stop_halfway(struct vs_cpu *c, uint64_t gva, uint64_t until,
                                        uint32_t ref)
{
    c->halfway = (struct vs_cpu_halfway){gva, until, ref};
}
/* It has completed. */
static inline void vs__cpu_count_straddle(struct vs_cpu *c)
{
    c->halfway.until = 0;
    c->count[VS_CNT_cpu_straddles]++;
}

/* Charges a lookup. */
static inline void vs__cpu_charge(struct vs_txn *t, const struct vs_lookup *k)
{
    vs_charge(t, k->account, k->ps);
}
/* Charges a lookup that may have to be taken back. */
static inline void vs__attempt_charge(struct vs_booked *attempt, struct vs_txn *t,
                                      const struct vs_lookup *k)
{
    vs__attempt_part(attempt, k->account, k->ps);
    vs_charge(t, k->account, k->ps);
}

/* ---- where in the program (site.c) ---- */

void vs__cpu_enter_site(struct vs_cpu *c, uint64_t gva, uint32_t ref);
void vs__cpu_leave_site(struct vs_cpu *c);
/* An access to gva begins. What a handler does belongs to where the program was: that is inside an
 * operation of the line. */
static inline void vs__cpu_at(struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    if (vs_unlikely(c->txn->site != NULL)) {
        vs__cpu_enter_site(c, gva, ref);
    }
}
/* It has completed. */
static inline void vs__cpu_left(struct vs_cpu *c)
{
    if (vs_unlikely(c->txn->site != NULL)) {
        vs__cpu_leave_site(c);
    }
}

/* Somebody wants each charge at its place: a tape runs, or spans of this operation are kept. */
_Static_assert(VS_OP_ACCESS_STORE == VS_OP_ACCESS_LOAD + VS_REF_WRITE &&
                   VS_OP_ACCESS_FETCH == VS_OP_ACCESS_LOAD + VS_REF_FETCH,
               "operations of accesses stand in the order of enum vs_ref");
/* Says whether anybody looks at each single access. */
static inline bool vs__cpu_listened(const struct vs_cpu *c, uint32_t ref)
{
    const struct vs_txn *t = c->txn;
    const struct vs_op_acc *a = t->by_op[VS_OP_ACCESS_LOAD + ref];
    return c->exact || t->tape || (vs_likely(a != NULL) ? a : vs__cpu_acc(t, ref))->sampler;
}

/* As what an access is translated: one that modifies what it loads, as a store. */
static inline uint32_t vs__cpu_right(const struct vs_cpu *c, uint32_t ref)
{
    return vs_unlikely(c->modifies) ? (uint32_t)VS_REF_WRITE : ref;
}

/* vs_cpu_modify without what comes with an access in the window. */
bool vs__cpu_modify(struct vs_cpu *c, uint64_t gva, uint32_t bytes);

/* One access inside one line. */
static inline bool vs__cpu_access_line(struct vs_cpu *c, uint64_t gva, uint32_t ref)
{
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    bool write = ref == VS_REF_WRITE;
    const struct vs_l1_tlb *t = vs_l1_tlb(l, write);
    if (vs_unlikely(!l->fast)) {
        return vs__cpu_access_rest(c, gva, ref);
    }
    const uint64_t *newest = vs_l1_newest(l, t, gva);
    if (vs_likely(vs_l1_hit_by(l, t, gva, write, newest))) {
        c->fast[ref][t->last_table]++;
        c->pending_ps += c->price[ref][t->last_table][0];
        return true;
    }
    return vs__cpu_access_beyond(c, gva, ref, newest);
}

/* n accesses of this composition are priced when somebody looks. */
static inline void vs__cpu_count_n(struct vs_cpu *c, uint32_t ref, uint32_t tlb, uint32_t level,
                                   uint64_t n)
{
    c->pending[ref][tlb][level] += n;
    c->pending_mask[ref] |= 1ull << level | 1ull << (VS_LINE_LEVELS + tlb);
}

/* Counts a hit that is booked later. */
static inline void vs__cpu_count(struct vs_cpu *c, uint32_t ref, uint32_t tlb, uint32_t level)
{
    vs__cpu_count_n(c, ref, tlb, level, 1);
}

/* How long n more instructions take; what is no whole picosecond is carried over. */
static inline uint64_t vs__cpu_instructions_ps(struct vs_cpu *c, uint64_t n)
{
    uint64_t ps = n * c->instruction_q;
    c->carry += n * c->instruction_r;
    if (vs_unlikely(c->carry >= c->cfg.ipc)) {
        ps += c->carry / c->cfg.ipc;
        c->carry %= c->cfg.ipc;
    }
    return ps;
}

/* Adds instructions that are booked later. */
static inline void vs__cpu_instructions(struct vs_cpu *c, uint64_t n)
{
    uint64_t ps = vs__cpu_instructions_ps(c, n);
    c->pending_instructions += n;
    c->pending_instruction_ps += ps;
    c->pending_ps += ps;
}

#endif
