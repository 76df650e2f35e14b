/* SPDX-License-Identifier: MIT */
/* Machines for the laws of the out-of-order window. */
#ifndef VIRTSIM_TESTS_WINDOW_MACHINE_H
#define VIRTSIM_TESTS_WINDOW_MACHINE_H

#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REGION (16ull << 20)
#define LATENCY 100000u /* of every DRAM access here, in ps */

static const vs_gva heap = {GUEST_MACHINE_BASE};
static const vs_ps forever = {UINT64_MAX};

/* Behind L1 only DRAM of one latency; entering the window takes no time. */
static inline struct guest_machine_config plain(uint64_t window, uint64_t mshrs)
{
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.window = window;
    c.cpu.load_queue = 4096;
    c.cpu.mshrs = mshrs;
    c.cpu.issue_width = 0;
    c.cpu.bulk_instructions = 0;
    c.memory.l2_size = c.memory.llc_size = 0;
    c.memory.dram_row_hit = c.memory.dram_row_miss = c.memory.dram_row_conflict = LATENCY;
    return c;
}

static inline struct guest_machine *create(const struct guest_machine_config *c)
{
    struct guest_machine *g = calloc(1, sizeof *g);
    assert_non_null(g);
    assert_true(guest_machine_make(g, REGION, c));
    return g;
}

static inline void destroy(struct guest_machine *g)
{
    vs_txn_settle(&g->t);
    uint64_t now = g->t.now_ps;
    struct vs_ledger *l = g->ledger;
    const struct vs_op_acc *line = g->t.frame[0].acc;
    vs_txn_end(&g->t);
    assert_int_equal(line->total_ps, now); /* the stack is as high as the time */
    char why[200] = "";
    assert_int_equal(vs_ledger_unbalanced(l, why, sizeof why), 0);
    vs_txn_begin(&g->t, l, g->t.actor, (vs_ps){now}); /* for guest_machine_free to end */
    guest_machine_free(g);
    free(g);
}

#endif
