/* SPDX-License-Identifier: MIT */
/* Inside of the window: many accesses to the lines of one page, which enter in one loop. */
#ifndef VIRTSIM_MODEL_CPU_WINDOW_RUN_H
#define VIRTSIM_MODEL_CPU_WINDOW_RUN_H

#include "cpu/window.h"

/* What such a run books. It is sums, so that the moment does not matter: kept here until its end.
 */
struct vs_run {
    struct vs_cpu *c;
    struct vs_op_acc *acc;
    uint32_t tlb;
    struct vs_lookup lookup;
    uint64_t hits, again; /* that did not wait; that found the line the last one had used */
    uint64_t level[VS_LINE_LEVELS]; /* accesses that waited, by who answered */
    uint64_t waits, wait_ps, merges, merge_ps, walks, walk_ps;
    uint64_t n, sum, least, most; /* lengths, which are in the histogram */
};

/* The clock of entry in registers: each access takes q + r / base ps, the fraction carried on. */
struct vs_pace {
    uint64_t q, r;
    struct vs_divider base;
};
/* The time of the next step, carrying the rest. */
static inline uint64_t vs__tick(const struct vs_pace *p, uint64_t *carry)
{
    *carry += p->r;
    uint64_t more = *carry >= p->base.n;
    *carry -= more ? p->base.n : 0;
    return p->q + more;
}

/* As last worked out, or anew: mostly a line begins where the one before began in its cycle. */
static inline const struct vs_window_row *
/* The times after each of k steps, made once and kept. */
vs__row_of(struct vs_window_row *row, const struct vs_pace *p, uint64_t k, uint64_t carry)
{
    if (row->k != k || row->carry != carry || row->q != p->q || row->r != p->r ||
        row->base != p->base.n) {
        *row = (struct vs_window_row){
            .k = (uint32_t)k, .carry = carry, .q = p->q, .r = p->r, .base = p->base.n};
        for (uint64_t i = 0; i < k; i++) {
            row->after[i] = row->took;
            row->sum += row->took;
            row->took += vs__tick(p, &carry);
        }
        row->carried = carry;
    }
    return row;
}

/* What accesses of one run have in common. */
struct vs_run_common {
    uint64_t instructions, lookup, l1_ps;
    uint64_t page_ps, line_ps;  /* when their page's walk has ended, and their line is there */
    uint8_t known[VS_LINE_RUN]; /* who answers the next lines, which have been asked for */
    uint32_t at, asked;
    uint64_t until_ps;
    struct vs_pace pace;
};

/* Adds an access of that length to the run. */
static inline void vs__run_length(struct vs_run *r, uint64_t ps)
{
    vs_hist_add(r->acc->hist, ps, 1);
    r->n++;
    r->sum += ps;
    r->least = ps < r->least ? ps : r->least;
    r->most = ps > r->most ? ps : r->most;
}

/* What an access that begins at `at` does, on the tape of the slot that it takes; wait_for: which
 * of the cpu's accounts its wait for the line is on. */
static inline void vs__run_record(const struct vs_run *r, const struct vs_run_common *m,
                                  uint64_t at, uint64_t walk, unsigned wait_for, uint64_t wait,
                                  uint32_t level)
{
    const struct vs_cpu *c = r->c;
    const struct vs_line_port *l = &c->data.lines;
    struct vs_tape *kept = &c->window->ring[c->window->tail & c->window->mask].tape,
                   tape = {.e = kept->e};
    vs__window_note(&tape, &at, r->lookup.account, m->lookup);
    vs__window_note(&tape, &at, vs__window_account(c, VS_ACC_cpu_walk_merge), walk);
    vs__window_note(&tape, &at, vs__window_account(c, wait_for), wait);
    vs__window_note(&tape, &at, l->account[level], l->ps[level]);
    kept->n = tape.n;
}

/* So many accesses have entered with their instructions, which took so long. */
static inline void vs__run_entered(struct vs_cpu *c, const struct vs_run_common *m, uint64_t n,
                                   uint64_t ps)
{
    c->pending_ps += ps;
    if (m->instructions) {
        c->pending_instructions += n * m->instructions;
        c->pending_instruction_ps += ps;
    } else {
        c->window->issued += n;
        c->window->issued_ps += ps;
    }
}

/* Whole new lines, `each` accesses to one, of which it is known that a level below L1 answers, as
 * one by one: as long as the others wait for the first's line, for the same walk or none, and only
 * the first for room. How many lines. */
uint64_t vs__run_stream(struct vs_run *r, struct vs_run_common *m, uint32_t ref, uint64_t each,
                        uint64_t lines, uint64_t step, uint64_t line);

#endif
