/* SPDX-License-Identifier: MIT */
/* Whether two machines have booked and counted the same. */
#ifndef VIRTSIM_TESTS_SAME_BOOKS_H
#define VIRTSIM_TESTS_SAME_BOOKS_H

#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What is booked for one operation. */
struct book {
    uint64_t n, total, low, high, open, parts, part_n, exposed, children, child_n, quantile[9];
};
struct books {
    size_t n_accounts;
    struct book op[VS_OPS];
};

static inline void take_book(void *ctx, const struct vs_op_acc *a)
{
    struct books *b = ctx;
    struct book *o = &b->op[a->op];
    *o = (struct book){
        .n = a->n, .total = a->total_ps, .low = a->min_ps, .high = a->max_ps, .open = a->open_ops};
    for (uint32_t q = 0; q < 9; q++) {
        o->quantile[q] = vs_hist_quantile(a->hist, 100u * (q + 1u));
    }
    for (size_t i = 0; i < b->n_accounts; i++) { /* order matters: a checksum of every account */
        o->parts = o->parts * 31u + a->work[i].ps;
        o->part_n = o->part_n * 31u + a->work[i].n;
        o->exposed = o->exposed * 31u + a->exposed[i].ps * 3u + a->exposed[i].n;
    }
    for (uint32_t i = 0; i < a->n_child; i++) {
        o->children += a->child[i].ps * (a->child[i].op->op + 1u);
        o->child_n += a->child[i].n * (a->child[i].op->op + 1u);
    }
}

/* Books and counters of two machines are the same. */
static inline void assert_same_books(struct guest_machine *a, struct guest_machine *b)
{
    static struct books x, y;
    memset(&x, 0, sizeof x);
    memset(&y, 0, sizeof y);
    x.n_accounts = y.n_accounts = vs_ledger_n_accounts(a->ledger);
    vs_ledger_each(a->ledger, take_book, &x);
    vs_ledger_each(b->ledger, take_book, &y);
    assert_memory_equal(&x, &y, sizeof x);
    assert_memory_equal(a->cpu.counts, b->cpu.counts, sizeof a->cpu.counts);
    assert_memory_equal(a->core.counts, b->core.counts, sizeof a->core.counts);
    assert_memory_equal(a->ept.counts, b->ept.counts, sizeof a->ept.counts);
}

#endif
