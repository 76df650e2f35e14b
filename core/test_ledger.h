/* SPDX-License-Identifier: MIT */
/* The ledger's tests: a toy component, one vCPU whose line begins at 100 ps; books must balance
 * when a test ends. */
#ifndef VIRTSIM_CORE_TEST_LEDGER_H
#define VIRTSIM_CORE_TEST_LEDGER_H

#include "virtsim/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct vs_account_desc accounts[] = {{"toy.a", "toy.a.latency", false, ""},
                                                  {"toy.b", "", false, ""},
                                                  {"toy.queue", "", true, ""},
                                                  {NULL, NULL, false, NULL}};
static const struct vs_counter_desc counters[] = {{"toy.hits", "hit", ""}};
static const struct vs_component_desc toy = {"toy", NULL, 0, accounts, 3, counters, 1, 0};
enum { A, B, QUEUE };

struct fixture {
    struct vs_ledger *l;
    struct vs_txn t;
    uint16_t base, actor, host;
    uint64_t hits[1];
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->l = vs_ledger_create(7);
    f->base = vs_ledger_accounts(f->l, &toy);
    uint16_t line = vs_ledger_actor(f->l, "vcpu0");
    f->actor = vs_ledger_actor(f->l, "vcpu0/guest");
    f->host = vs_ledger_actor(f->l, "vcpu0/host");
    vs_ledger_counters(f->l, f->actor, &toy, f->hits);
    vs_txn_begin(&f->t, f->l, line, (vs_ps){100});
    vs_txn_actor(&f->t, f->actor);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char why[200];
    if (f->t.depth) {
        vs_txn_end(&f->t);
    }
    assert_int_equal(vs_ledger_unbalanced(f->l, why, sizeof why), 0);
    vs_ledger_destroy(f->l);
    free(f);
    return 0;
}

static inline uint16_t acc(const struct fixture *f, int which)
{
    return (uint16_t)(f->base + which);
}

#define LAW(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

#endif
