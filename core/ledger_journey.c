/* SPDX-License-Identifier: MIT */
/* Exposure and journeys: waiting for somebody else's recorded work, tiled exactly. */
#include "ledger_impl.h"

#include <assert.h>
#include <stdlib.h>

/* Room for more entries. */
void vs__tape_grow(struct vs_tape *tape)
{
    size_t cap = tape->cap ? 2 * tape->cap : 64;
    struct vs_tape_entry *grown = realloc(tape->e, cap * sizeof *grown);
    assert(grown);
    tape->e = grown;
    tape->cap = cap;
}

/* Empties a tape and keeps its memory. */
void vs_tape_clear(struct vs_tape *tape)
{
    tape->n = 0;
}

/* Frees a tape's memory. */
void vs_tape_free(struct vs_tape *tape)
{
    free(tape->e);
    *tape = (struct vs_tape){NULL, 0, 0};
}

/* Calls add() with consecutive pieces of [from, until): the tape's charges in order of time, the
 * gap account between them. A charge before `from`, or overlapping the one before it, is cut. */
static vs_inlined void tile(const struct vs_tape *tape, uint64_t from, uint64_t until, uint16_t gap,
                            void (*add)(void *ctx, uint16_t account, uint64_t ps), void *ctx)
{
    uint64_t at = from;
    const struct vs_tape_entry *i = tape && at < until ? tape->e : NULL,
                               *end = i ? i + tape->n : NULL;
    for (; i != end; i++) {
        uint64_t s = i->start_ps, e = s + i->ps;
        if (e <= at) {
            continue;
        }
        if (s >= until) {
            break;
        }
        if (s > at) {
            add(ctx, gap, s - at);
            at = s;
        }
        if (e >= until) {
            add(ctx, i->account, until - at);
            return;
        }
        add(ctx, i->account, e - at);
        at = e;
    }
    if (at < until) {
        add(ctx, gap, until - at);
    }
}

/* Exposes time in the open operation of a transaction, and moves its clock. */
static void expose_txn(void *ctx, uint16_t account, uint64_t ps)
{
    struct vs_txn *t = ctx;
    struct vs_part *p = &t->acc->exposed[account];
    p->n++;
    p->ps += ps;
    if (t->tape) {
        vs__tape_add(t->tape, t->now_ps, ps, account, t->depth);
    }
    t->now_ps += ps;
}

void vs_expose(struct vs_txn *t, const struct vs_tape *tape, uint16_t gap, vs_ps when)
{
    vs_txn_settle(t);
    tile(tape, t->now_ps, when.v, gap, expose_txn, t);
}

void vs_expose_ahead(struct vs_txn *t, const struct vs_tape *tape, uint64_t from, uint16_t gap,
                     vs_ps when)
{
    assert(!t->tape);
    tile(tape, from, when.v, gap, expose_txn, t);
}

void vs_journey_begin(struct vs_journey *j, vs_ps start)
{
    j->start_ps = j->now_ps = start.v;
    j->n = 0;
}

/* Pieces of one account become one. */
static __attribute__((noinline)) void merge(struct vs_journey *j)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->n; i++) {
        uint32_t k = 0;
        while (k < n && (uint32_t)j->piece[k].what != (uint32_t)j->piece[i].what) {
            k++;
        }
        if (k < n) {
            j->piece[k].what += j->piece[i].what & ~(VS_JOURNEY_ONE - 1u);
            j->piece[k].ps += j->piece[i].ps;
        } else {
            j->piece[n++] = j->piece[i];
        }
    }
    assert(n <= VS_JOURNEY_PARTS);
    j->n = n;
}

/* Adds a piece of time to a journey, and moves its clock. */
static inline void journey_add(struct vs_journey *j, uint32_t what, uint64_t ps)
{
    if (vs_unlikely(j->n == VS_JOURNEY_PIECES)) {
        merge(j);
    }
    j->piece[j->n++] = (struct vs_journey_piece){VS_JOURNEY_ONE | what, ps};
    j->now_ps += ps;
}

/* Exposes time in a journey. */
static void expose_journey(void *ctx, uint16_t account, uint64_t ps)
{
    journey_add(ctx, account | VS_JOURNEY_EXPOSED, ps);
}

/* A piece of exposed time. */
static inline struct vs_journey_piece exposed(uint16_t account, uint64_t ps)
{
    return (struct vs_journey_piece){VS_JOURNEY_ONE | VS_JOURNEY_EXPOSED | account, ps};
}

/* tile() where there is room for all of it from `next` on, and where the last piece ends: most
 * charges begin where the one before them ended. */
static inline struct vs_journey_piece *tile_usual(const struct vs_tape *tape, uint64_t at,
                                                  uint64_t until, uint16_t gap,
                                                  struct vs_journey_piece *next)
{
    const struct vs_tape_entry *i = tape ? tape->e : NULL, *end = i ? i + tape->n : NULL;
    for (; i != end; i++) {
        uint64_t s = i->start_ps, e = s + i->ps;
        if (e <= at) {
            continue;
        }
        if (vs_unlikely(s > at)) {
            if (s >= until) {
                break;
            }
            *next++ = exposed(gap, s - at);
            at = s;
        }
        if (e >= until) {
            *next++ = exposed(i->account, until - at);
            return next;
        }
        *next++ = exposed(i->account, e - at);
        at = e;
    }
    *next++ = exposed(gap, until - at);
    return next;
}

void vs_journey_charge(struct vs_journey *j, uint16_t account, vs_ps d)
{
    journey_add(j, account, d.v);
}

void vs_journey_wait(struct vs_journey *j, uint16_t account, vs_ps until)
{
    if (until.v > j->now_ps) {
        journey_add(j, account, until.v - j->now_ps);
    }
}

/* vs_journey_expose where there may be no room for all of it. */
static __attribute__((noinline)) void
expose_crowded(struct vs_journey *j, const struct vs_tape *tape, uint16_t gap, uint64_t until_ps)
{
    tile(tape, j->now_ps, until_ps, gap, expose_journey, j);
}

void vs_journey_expose(struct vs_journey *j, const struct vs_tape *tape, uint16_t gap, vs_ps until)
{
    if (until.v <= j->now_ps) {
        return;
    }
    size_t most = j->n + (tape ? 2u * tape->n : 0u) + 1u; /* a gap before each charge */
    if (vs_unlikely(most > VS_JOURNEY_PIECES)) {
        expose_crowded(j, tape, gap, until.v);
        return;
    }
    j->n = (uint32_t)(tile_usual(tape, j->now_ps, until.v, gap, &j->piece[j->n]) - j->piece);
    j->now_ps = until.v; /* tiled */
}

void vs_journey_end(struct vs_journey *j, struct vs_op_acc *acc)
{
    uint64_t d = j->now_ps - j->start_ps;
    struct vs_part *const parts[2] = {acc->work, acc->exposed};
    for (const struct vs_journey_piece *i = j->piece, *end = i + j->n; i != end; i++) {
        uint32_t what = (uint32_t)i->what;
        struct vs_part *p = parts[what / VS_JOURNEY_EXPOSED] + (uint16_t)what;
        p->n += i->what >> 32;
        p->ps += i->ps;
    }
    vs__acc_sum(acc, 1, d, d, d);
    vs_hist_add(acc->hist, d, 1);
}

void vs_journey_open(struct vs_op_acc *acc)
{
    acc->open_ops++;
}
