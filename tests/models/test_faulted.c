/* SPDX-License-Identifier: MIT */
/* What an access that faults has taken is booked as access.faulted, whole and nowhere else: loads,
 * stores and fetches are those that complete. */
#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAPPED (1u << 20)
#define END (GUEST_MACHINE_BASE + MAPPED) /* the first page that is not there */

enum mode { COUNTED, EXACT, WINDOW, SAMPLED, MODES };

static struct guest_machine *create(enum mode mode)
{
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.window = mode == WINDOW ? 64 : 0;
    c.ept.d4k_latency = 2;
    c.ept.i4k_latency = 3;
    c.ept.l2_latency = 7;
    c.ept.walkers = 1;
    struct guest_machine *g = malloc(sizeof *g);
    assert_non_null(g);
    assert_true(guest_machine_make(g, MAPPED, &c));
    g->cpu.exact = mode == EXACT;
    g->cpu.data.fast = g->cpu.data.fast && mode != EXACT;
    if (mode == SAMPLED) {
        vs_ledger_sample(g->ledger, 2);
    }
    return g;
}

static struct vs_op_acc *acc(struct guest_machine *g, enum vs_op op)
{
    return vs_ledger_acc(g->ledger, g->t.actor, op);
}

/* The line has to end first. */
static void destroy(struct guest_machine *g)
{
    vs_ps now = vs_now(&g->t);
    vs_txn_end(&g->t);
    char why[200] = "";
    size_t bad = vs_ledger_unbalanced(g->ledger, why, sizeof why);
    if (bad) {
        fail_msg("%s", why);
    }
    vs_txn_begin(&g->t, g->ledger, g->t.actor, now); /* for guest_machine_free to end */
    guest_machine_free(g);
    free(g);
}

static uint64_t parts(struct guest_machine *g, const struct vs_op_acc *a)
{
    uint64_t n = 0;
    for (size_t i = 0; i < vs_ledger_n_accounts(g->ledger); i++) {
        n += a->work[i].n;
    }
    return n;
}

static const enum vs_op op_of[] = {VS_OP_ACCESS_LOAD, VS_OP_ACCESS_STORE, VS_OP_ACCESS_FETCH};

/* One page, then two of which the second is missing: nothing is left in the operation that the
 * attempt began as. */
static void nothing_of_an_attempt_that_faulted_stays_elsewhere(void **state)
{
    (void)state;
    for (enum mode mode = 0; mode < MODES; mode++) {
        for (unsigned ref = 0; ref < 3; ref++) {
            for (unsigned before = 0; before <= 4; before += 4) {
                struct guest_machine *g = create(mode);
                vs_gva at = {END - before};
                assert_int_equal(vs_cpu_access(&g->cpu, at, 8, (enum vs_ref)ref), VS_CPU_FAULT);
                uint64_t now = vs_now(&g->t).v;
                const struct vs_op_acc *f = acc(g, VS_OP_ACCESS_FAULTED), *a = acc(g, op_of[ref]);
                assert_int_equal(a->n + a->total_ps + a->open_ops + a->n_child, 0);
                assert_int_equal(parts(g, a), 0);
                assert_int_equal(f->n, 1);
                assert_int_equal(f->total_ps, now);
                assert_int_equal(f->min_ps, now);
                assert_int_equal(f->max_ps, now);
                assert_int_equal(f->child[0].n, before ? 2 : 1);
                assert_int_equal(acc(g, VS_OP_WALK)->total_ps, f->child[0].ps);
                destroy(g);
            }
        }
    }
}

/* A store through a translation that it may not use: neither a miss nor a first store is left. */
static void a_store_that_is_not_allowed_counts_as_a_fault_alone(void **state)
{
    (void)state;
    for (enum mode mode = 0; mode < MODES; mode++) {
        struct guest_machine *g = create(mode);
        vs_gva at = {END - 4096};
        unsigned shift;
        assert_true(vs_space_protect(&g->space, at.v, VS_RIGHT_READ, &shift));
        assert_int_equal(vs_cpu_access(&g->cpu, at, 8, VS_REF_READ), VS_CPU_DONE);
        assert_int_equal(vs_cpu_access(&g->cpu, at, 8, VS_REF_WRITE), VS_CPU_FAULT);
        vs_txn_settle(&g->t);
        assert_int_equal(g->cpu.counts[0][VS_CNT_cpu_dirty_walks], 0);
        assert_int_equal(g->cpu.counts[0][VS_CNT_cpu_faults], 1);
        assert_int_equal(g->cpu.counts[0][VS_CNT_cpu_stores], 0);
        assert_int_equal(acc(g, VS_OP_ACCESS_FAULTED)->n, 1);
        destroy(g);
    }
}

/* The same instruction again, once the page is there. */
static void an_access_issued_again_counts_once_and_takes_what_it_then_takes(void **state)
{
    (void)state;
    for (enum mode mode = 0; mode < MODES; mode++) {
        struct guest_machine *g = create(mode);
        for (uint64_t page = 0; page < 16; page++) {
            vs_gva at = {END + page * 4096 - 4};
            uint64_t from = vs_now(&g->t).v;
            assert_int_equal(vs_cpu_access(&g->cpu, at, 8, VS_REF_READ), VS_CPU_FAULT);
            uint64_t faulted = vs_now(&g->t).v;
            assert_int_equal(acc(g, VS_OP_ACCESS_FAULTED)->n, page + 1u);
            assert_true(acc(g, VS_OP_ACCESS_FAULTED)->max_ps >= faulted - from);
            assert_int_equal(vs_space_touch(&g->space, at.v + 4, 12, true, true), VS_OK);
            assert_int_equal(vs_cpu_access(&g->cpu, at, 8, VS_REF_READ), VS_CPU_DONE);
            assert_int_equal(acc(g, VS_OP_ACCESS_LOAD)->n, page + 1u);
        }
        vs_txn_settle(&g->t);
        assert_int_equal(acc(g, VS_OP_ACCESS_LOAD)->n, 16);
        assert_int_equal(acc(g, VS_OP_ACCESS_LOAD)->open_ops, 0);
        destroy(g);
    }
}

static void count(void *ctx, const struct vs_op_acc *a, const struct vs_span *s)
{
    unsigned *n = ctx;
    uint64_t ps = 0;
    for (size_t i = 0; i < s->tape.n; i++) {
        ps += s->tape.e[i].ps;
    }
    assert_int_equal(ps, s->total_ps);
    n[a->op]++;
}

static void a_sampled_span_belongs_to_what_the_attempt_turned_out_to_be(void **state)
{
    (void)state;
    struct guest_machine *g = create(SAMPLED);
    unsigned n[VS_OPS] = {0};
    for (uint64_t i = 0; i < 8; i++) {
        vs_gva missing = {END + i * 4096}, there = {GUEST_MACHINE_BASE + i * 4096};
        assert_int_equal(vs_cpu_access(&g->cpu, missing, 8, VS_REF_READ), VS_CPU_FAULT);
        assert_int_equal(vs_cpu_access(&g->cpu, there, 8, VS_REF_READ), VS_CPU_DONE);
    }
    vs_ledger_each_span(g->ledger, count, n);
    assert_true(n[VS_OP_ACCESS_FAULTED] >= 2);
    assert_true(n[VS_OP_ACCESS_LOAD] >= 2);
    destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_an_attempt_that_faulted_stays_elsewhere),
        cmocka_unit_test(a_store_that_is_not_allowed_counts_as_a_fault_alone),
        cmocka_unit_test(an_access_issued_again_counts_once_and_takes_what_it_then_takes),
        cmocka_unit_test(a_sampled_span_belongs_to_what_the_attempt_turned_out_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
