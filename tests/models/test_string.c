/* SPDX-License-Identifier: MIT */
/* A string instruction's stores overlap where other accesses block, and are the same stores. */
#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAPPED (1u << 20)
#define LINES 64u
#define DRAM_PS 80000u

static const vs_gva page = {GUEST_MACHINE_BASE + 7 * 4096};

/* Behind L1 only DRAM of one latency. */
static struct guest_machine *create(uint64_t string_stores, uint64_t mshrs, uint64_t width)
{
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.string_stores = string_stores;
    c.cpu.mshrs = mshrs;
    c.cpu.string_width = width;
    c.memory.l2_size = c.memory.llc_size = 0;
    c.memory.dram_row_hit = c.memory.dram_row_miss = c.memory.dram_row_conflict = DRAM_PS;
    struct guest_machine *g = malloc(sizeof *g);
    assert_non_null(g);
    assert_true(guest_machine_make(g, MAPPED, &c));
    /* the translation is there and the page dirty, so that only lines are left to wait for */
    assert_int_equal(vs_cpu_access(&g->cpu, (vs_gva){page.v + 4096 - 64}, 8, VS_REF_WRITE),
                     VS_CPU_DONE);
    return g;
}

static void destroy(struct guest_machine *g)
{
    vs_ps now = vs_now(&g->t);
    vs_txn_end(&g->t);
    char why[200] = "";
    if (vs_ledger_unbalanced(g->ledger, why, sizeof why)) {
        fail_msg("%s", why);
    }
    vs_txn_begin(&g->t, g->ledger, g->t.actor, now); /* for guest_machine_free to end */
    guest_machine_free(g);
    free(g);
}

/* The actor of its strings. */
static uint16_t strings(struct guest_machine *g)
{
    char name[64];
    snprintf(name, sizeof name, "%s/string", vs_ledger_actor_name(g->ledger, g->t.actor));
    return vs_ledger_actor(g->ledger, name);
}

static uint64_t store(struct guest_machine *g, uint64_t lines)
{
    uint64_t from = vs_now(&g->t).v, done;
    assert_int_equal(vs_cpu_store_string(&g->cpu, page, lines * 64, &done), VS_CPU_DONE);
    assert_int_equal(done, lines * 64);
    return vs_now(&g->t).v - from;
}

static uint64_t one_by_one(uint64_t lines)
{
    struct guest_machine *g = create(0, 10, 32);
    uint64_t from = vs_now(&g->t).v;
    for (uint64_t i = 0; i < lines; i++) {
        assert_int_equal(vs_cpu_access(&g->cpu, (vs_gva){page.v + i * 64}, 8, VS_REF_WRITE),
                         VS_CPU_DONE);
    }
    uint64_t ps = vs_now(&g->t).v - from;
    destroy(g);
    return ps;
}

static void lines_overlap_as_far_as_there_are_mshrs(void **state)
{
    (void)state;
    uint64_t before = UINT64_MAX;
    for (uint64_t mshrs = 1; mshrs <= 16; mshrs *= 2) {
        struct guest_machine *g = create(1, mshrs, 64);
        uint64_t n = LINES - 1u, cycle = g->cpu.clock.period_ps, ps = store(g, n);
        uint64_t rounds = (n + mshrs - 1u) / mshrs;
        assert_true(ps >= n * DRAM_PS / mshrs);
        assert_true(ps <= rounds * (DRAM_PS + 10u * cycle) + (n + 10u) * cycle);
        assert_true(ps < before);
        before = ps;
        destroy(g);
    }
}

static void without_string_stores_they_are_stores_one_after_the_other(void **state)
{
    (void)state;
    struct guest_machine *g = create(0, 10, 32);
    assert_int_equal(store(g, LINES - 1u), one_by_one(LINES - 1u));
    destroy(g);
}

static void lines_in_the_first_level_enter_at_the_width_of_its_stores(void **state)
{
    (void)state;
    for (uint64_t width = 16; width <= 64; width *= 2) {
        struct guest_machine *g = create(1, 10, width);
        (void)store(g, LINES);
        uint64_t cycle = g->cpu.clock.period_ps, entering = LINES * 64u * cycle / width,
                 ps = store(g, LINES);
        assert_true(ps >= entering);
        assert_true(ps <= entering + 10u * cycle);
        destroy(g);
    }
}

static void the_same_lines_are_stored_and_counted_either_way(void **state)
{
    (void)state;
    struct guest_machine *g[2] = {create(0, 10, 32), create(1, 10, 32)};
    for (int round = 0; round < 3; round++) {
        uint64_t serial = store(g[0], LINES), string = store(g[1], LINES);
        assert_true(string < serial || round);
    }
    for (int i = 0; i < 2; i++) { /* what follows blocks again */
        vs_ps from = vs_now(&g[i]->t);
        vs_gva far = {page.v + 64 * 4096};
        assert_int_equal(vs_cpu_access(&g[i]->cpu, far, 8, VS_REF_READ), VS_CPU_DONE);
        assert_true(vs_now(&g[i]->t).v - from.v > DRAM_PS);
    }
    assert_memory_equal(g[0]->core.counts, g[1]->core.counts, sizeof g[0]->core.counts);
    assert_memory_equal(g[0]->ept.counts, g[1]->ept.counts, sizeof g[0]->ept.counts);
    assert_int_equal(g[0]->cpu.count[VS_CNT_cpu_stores], 3 * LINES + 1);
    assert_int_equal(g[1]->cpu.count[VS_CNT_cpu_stores], 3 * LINES + 1);
    /* beside the line, and so apart from the stores that are on it */
    assert_int_equal(vs_ledger_acc(g[1]->ledger, g[1]->t.actor, VS_OP_ACCESS_STORE)->n, 1);
    assert_int_equal(vs_ledger_acc(g[1]->ledger, strings(g[1]), VS_OP_ACCESS_STORE)->n, 3 * LINES);
    destroy(g[0]);
    destroy(g[1]);
}

static void a_string_goes_on_where_it_faulted(void **state)
{
    (void)state;
    struct guest_machine *g = create(1, 10, 32);
    vs_gva last = {GUEST_MACHINE_BASE + MAPPED - 4096};
    uint64_t done;
    assert_int_equal(vs_cpu_store_string(&g->cpu, last, 8192, &done), VS_CPU_FAULT);
    assert_int_equal(done, 4096);
    assert_int_equal(g->cpu.fault.gva.v, last.v + 4096);
    assert_int_equal(vs_space_touch(&g->space, last.v + 4096, 12, true, true), VS_OK);
    last.v += done;
    assert_int_equal(vs_cpu_store_string(&g->cpu, last, 4096, &done), VS_CPU_DONE);
    const struct vs_op_acc *a = vs_ledger_acc(g->ledger, strings(g), VS_OP_ACCESS_STORE),
                           *f = vs_ledger_acc(g->ledger, strings(g), VS_OP_ACCESS_FAULTED);
    assert_int_equal(a->n, 2 * LINES);
    assert_int_equal(f->n, 1);
    destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_overlap_as_far_as_there_are_mshrs),
        cmocka_unit_test(without_string_stores_they_are_stores_one_after_the_other),
        cmocka_unit_test(lines_in_the_first_level_enter_at_the_width_of_its_stores),
        cmocka_unit_test(the_same_lines_are_stored_and_counted_either_way),
        cmocka_unit_test(a_string_goes_on_where_it_faulted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
