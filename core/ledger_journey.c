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

void vs_tape_clear(struct vs_tape *tape)
{
    tape->n = 0;
}

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
    j->seen[0] = j->seen[1] = 0;
}

/* The part of an account that may have one; j->n: it has none. */
static uint32_t find_part(const struct vs_journey *j, uint16_t account, uint16_t exposed)
{
    uint32_t i = 0;
    while (i < j->n && (j->part[i].account != account || j->part[i].exposed != exposed)) {
        i++;
    }
    return i;
}

static inline void journey_add(struct vs_journey *j, uint16_t account, uint16_t exposed,
                               uint64_t ps)
{
    uint32_t place = account % VS_JOURNEY_GUESSES, bit = 1u << place;
    uint32_t i = j->seen[exposed] & bit ? j->guess[exposed][place] : j->n;
    if (i < j->n && j->part[i].account != account) { /* another one's */
        i = find_part(j, account, exposed);
    }
    j->now_ps += ps;
    if (i < j->n) {
        j->part[i].ps += ps;
        j->part[i].count++;
        return;
    }
    assert(i < VS_JOURNEY_PARTS);
    j->part[i].account = account;
    j->part[i].exposed = exposed;
    j->part[i].ps = ps;
    j->part[i].count = 1;
    j->n++;
    j->seen[exposed] |= bit;
    j->guess[exposed][place] = (uint8_t)i;
}

static void expose_journey(void *ctx, uint16_t account, uint64_t ps)
{
    journey_add(ctx, account, 1, ps);
}

void vs_journey_charge(struct vs_journey *j, uint16_t account, vs_ps d)
{
    journey_add(j, account, 0, d.v);
}

void vs_journey_wait(struct vs_journey *j, uint16_t account, vs_ps until)
{
    if (until.v > j->now_ps) {
        journey_add(j, account, 0, until.v - j->now_ps);
    }
}

void vs_journey_expose(struct vs_journey *j, const struct vs_tape *tape, uint16_t gap, vs_ps until)
{
    tile(tape, j->now_ps, until.v, gap, expose_journey, j);
}

void vs_journey_end(struct vs_journey *j, struct vs_op_acc *acc)
{
    uint64_t d = j->now_ps - j->start_ps;
    for (uint32_t i = 0; i < j->n; i++) {
        struct vs_part *p = &(j->part[i].exposed ? acc->exposed : acc->work)[j->part[i].account];
        p->n += j->part[i].count;
        p->ps += j->part[i].ps;
    }
    acc->n++;
    acc->total_ps += d;
    acc->min_ps = d < acc->min_ps ? d : acc->min_ps;
    acc->max_ps = d > acc->max_ps ? d : acc->max_ps;
    vs_hist_add(acc->hist, d, 1);
}

void vs_journey_open(struct vs_op_acc *acc)
{
    acc->open_ops++;
}
