/* SPDX-License-Identifier: MIT */
/*
 * Sampled spans: the first n operations of a kind and a seeded reservoir of n later ones keep the
 * list of their charges. Whether an operation is kept is known when it opens, so the others pay
 * one test.
 */
#include "ledger_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void vs_ledger_sample(struct vs_ledger *l, uint32_t n)
{
    l->spans = n;
    for (size_t a = 0; a < l->n_actors; a++) {
        for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
            if (l->by_actor[a][o]) {
                vs__sampler_free(l->by_actor[a][o]->sampler);
                l->by_actor[a][o]->sampler = NULL;
                vs__sampler_attach(l, l->by_actor[a][o]);
            }
        }
    }
}

/* FNV-1a: which operations are kept does not depend on what others are registered. */
static uint64_t name_hash(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    }
    return h;
}

void vs__sampler_attach(struct vs_ledger *l, struct vs_op_acc *acc)
{
    /* a time line is one span as long as the run: its list would be a trace, not a sample */
    if (!l->spans || acc->op == VS_OP_TIMELINE) {
        return;
    }
    struct vs_sampler *s = calloc(1, sizeof *s);
    assert(s);
    s->n = l->spans;
    s->slot = calloc(2u * (size_t)s->n, sizeof *s->slot);
    assert(s->slot);
    vs_rng_seed(&s->rng, l->seed, name_hash(vs_op_name((enum vs_op)acc->op)) + acc->actor);
    acc->sampler = s;
}

void vs__sampler_free(struct vs_sampler *s)
{
    if (s) {
        for (uint32_t i = 0; i < 2u * s->n; i++) {
            vs_tape_free(&s->slot[i].tape);
            free(s->slot[i].note);
        }
        free(s->slot);
        free(s);
    }
}

void vs__sampler_reset(struct vs_ledger *l, struct vs_op_acc *acc)
{
    if (acc->sampler) {
        vs__sampler_free(acc->sampler);
        acc->sampler = NULL;
        vs__sampler_attach(l, acc);
    }
}

/* Where the next operation is kept; NULL: it is not. */
static struct vs_span *next_slot(struct vs_sampler *s, uint64_t *ordinal)
{
    *ordinal = s->seen++;
    if (*ordinal < s->n) {
        return &s->slot[*ordinal];
    }
    uint64_t later = *ordinal - s->n;
    uint64_t j = later < s->n ? later : vs_rng_below(&s->rng, later + 1);
    return j < s->n ? &s->slot[s->n + j] : NULL;
}

void vs__span_open(struct vs_ledger *l, struct vs_txn *t, struct vs_frame *f)
{
    (void)l;
    uint64_t ordinal;
    struct vs_span *span = next_slot(f->acc->sampler, &ordinal);
    /* an operation that nests inside itself keeps the outer span only */
    for (uint32_t d = 0; span && d + 1 < t->depth; d++) {
        if (t->frame[d].span == span) {
            span = NULL;
        }
    }
    if (!span) {
        return;
    }
    span->ordinal = ordinal;
    span->start_ps = t->now_ps;
    span->total_ps = 0;
    span->tape.n = 0;
    span->n_notes = 0;
    span->own_tape = t->tape == NULL;
    if (span->own_tape) {
        t->tape = &span->tape;
    }
    span->mark = t->tape->n;
    f->span = span;
}

void vs__span_close(struct vs_txn *t, struct vs_frame *f)
{
    struct vs_span *s = f->span;
    f->span = NULL;
    s->total_ps = t->now_ps - s->start_ps;
    if (s->own_tape) {
        t->tape = NULL;
        return;
    }
    for (size_t i = s->mark; t->tape && i < t->tape->n; i++) {
        const struct vs_tape_entry *e = &t->tape->e[i];
        vs__tape_add(&s->tape, e->start_ps, e->ps, e->account, e->depth);
    }
}

void vs__span_move(struct vs_txn *t, struct vs_frame *f, struct vs_op_acc *to)
{
    struct vs_span *s = f->span, *kept = NULL;
    struct vs_sampler *from = f->acc->sampler;
    uint64_t ordinal = 0;
    vs__span_close(t, f);
    if (s->ordinal + 1u == from->seen && s->ordinal < from->n) {
        from->seen--; /* its slot is free again */
    }
    if (to->sampler) {
        kept = next_slot(to->sampler, &ordinal);
    }
    if (kept) {
        struct vs_span swap = *kept;
        *kept = *s;
        kept->ordinal = ordinal;
        s->tape = swap.tape;
        s->note = swap.note;
    }
    s->total_ps = 0;
    s->tape.n = 0;
    s->n_notes = 0;
}

void vs_txn_note(struct vs_txn *t, const struct vs_note *notes, unsigned n)
{
    struct vs_span *s = t->depth ? t->frame[t->depth - 1u].span : NULL;
    if (!s) {
        return;
    }
    s->note = s->note ? s->note : calloc(VS_NOTES, sizeof *s->note);
    assert(s->note);
    for (unsigned i = 0; i < n && s->n_notes < VS_NOTES; i++) {
        s->note[s->n_notes++] = notes[i];
    }
}

void vs_ledger_each_span(const struct vs_ledger *l, vs_span_visitor *visit, void *ctx)
{
    for (size_t a = 0; a < l->n_actors; a++) {
        for (size_t o = 0, ops = vs_op_count(); o < ops; o++) {
            const struct vs_op_acc *acc = l->by_actor[a][o];
            const struct vs_sampler *s = acc ? acc->sampler : NULL;
            for (uint32_t i = 0; s && i < 2u * s->n; i++) {
                if (s->slot[i].total_ps) {
                    visit(ctx, acc, &s->slot[i]);
                }
            }
        }
    }
}
