/* SPDX-License-Identifier: MIT */
/* Every first- and second-level TLB is paid for by who used it, however accesses are booked. */
#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SMALL (1u << 20)
#define LARGE (GUEST_MACHINE_BASE + (1ull << 30) + (2u << 20))
#define PAGES 40u

enum mode { COUNTED, EXACT, WINDOW_OF_ONE, MODES };

static struct guest_machine_config priced(enum mode mode, bool stores, bool shared)
{
    struct guest_machine_config c = guest_machine_defaults();
    c.cpu.window = mode == WINDOW_OF_ONE;
    c.ept.d4k_latency = 2;
    c.ept.d2m_latency = 3;
    c.ept.d1g_latency = 5;
    c.ept.i4k_latency = 7;
    c.ept.i2m_latency = 11;
    c.ept.store_entries = stores ? 16 : 0;
    c.ept.store_latency = 13;
    c.ept.d_shared = shared;
    c.ept.l2_latency = 17;
    c.ept.l2_1g_latency = 19;
    c.ept.l2_entries = 64;
    c.ept.l2_ways = 4;
    return c;
}

static struct guest_machine *create(const struct guest_machine_config *c, enum mode mode)
{
    struct guest_machine *g = malloc(sizeof *g);
    assert_non_null(g);
    assert_true(guest_machine_make(g, SMALL, c));
    for (uint64_t at = 0; at <= PAGES; at++) { /* the first makes the tables, in small pages */
        assert_int_equal(vs_space_touch(&g->space, LARGE - (2u << 20) + (at << 21), 21, true, true),
                         VS_OK);
        g->vm.host_shift = 21;
    }
    g->cpu.exact = mode == EXACT;
    g->cpu.data.fast = g->cpu.data.fast && mode == COUNTED;
    g->cpu.fetch.fast = g->cpu.fetch.fast && mode == COUNTED;
    return g;
}

static void run(struct guest_machine *g, uint64_t n)
{
    struct vs_rng rng;
    vs_rng_seed(&rng, 7, 1);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t x = vs_rng_below(&rng, 1000);
        vs_gva at = {x < 600 ? GUEST_MACHINE_BASE + vs_rng_below(&rng, SMALL / 8) * 8
                             : LARGE + vs_rng_below(&rng, ((uint64_t)PAGES << 21) / 8) * 8};
        at.v = x < 100 ? GUEST_MACHINE_BASE + x * 8 : at.v; /* some that hit at once */
        enum vs_ref ref = (enum vs_ref)vs_rng_below(&rng, 3);
        assert_int_equal(vs_cpu_access(&g->cpu, at, 8, ref), VS_CPU_DONE);
    }
    vs_txn_settle(&g->t);
}

static struct vs_part paid(struct guest_machine *g, unsigned account)
{
    static const enum vs_op op[] = {VS_OP_ACCESS_LOAD, VS_OP_ACCESS_STORE, VS_OP_ACCESS_FETCH};
    struct vs_part sum = {0, 0};
    for (int i = 0; i < 3; i++) {
        const struct vs_op_acc *a = vs_ledger_acc(g->ledger, g->t.actor, op[i]);
        sum.n += a->work[g->ept.account + account].n;
        sum.ps += a->work[g->ept.account + account].ps;
    }
    return sum;
}

static void each_table_is_paid_by_its_own_hits(void **state)
{
    (void)state;
    static const struct {
        unsigned account, cycles;
    } of[] = {{VS_ACC_ept_dtlb_4k, 2}, {VS_ACC_ept_dtlb_2m, 3},   {VS_ACC_ept_dtlb_1g, 5},
              {VS_ACC_ept_itlb_4k, 7}, {VS_ACC_ept_itlb_2m, 11},  {VS_ACC_ept_dtlb_store, 13},
              {VS_ACC_ept_l2_tlb, 17}, {VS_ACC_ept_l2_tlb_1g, 19}};
    for (int stores = 0; stores < 2; stores++) {
        for (int shared = 0; shared < 2; shared++) {
            struct guest_machine_config c = priced(COUNTED, stores, shared);
            struct guest_machine *g = create(&c, COUNTED);
            run(g, 20000);
            uint64_t n = 0;
            const uint64_t *count = g->ept.counts[0];
            uint64_t period = g->cpu.clock.period_ps;
            for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
                struct vs_part p = paid(g, of[i].account);
                assert_int_equal(p.ps, p.n * of[i].cycles * period);
                n += i < 6 ? p.n : 0;
            }
            assert_int_equal(n, 20000); /* one lookup of the first level each */
            /* a miss waits for the slowest table that exists */
            uint64_t data = count[VS_CNT_ept_dtlb_misses], store = count[VS_CNT_ept_store_misses],
                     fetch = count[VS_CNT_ept_itlb_misses];
            assert_true(paid(g, VS_ACC_ept_itlb_2m).n >= fetch && fetch > 100);
            assert_int_equal(paid(g, VS_ACC_ept_dtlb_1g).n,
                             shared ? 0
                                    : data + g->cpu.counts[0][VS_CNT_cpu_dirty_walks] * !stores);
            assert_int_equal(paid(g, VS_ACC_ept_dtlb_store).n,
                             stores ? g->cpu.counts[0][VS_CNT_cpu_stores] : 0);
            assert_true(stores ? store > 100 : store == 0);
            assert_true(shared ? paid(g, VS_ACC_ept_dtlb_2m).n == 0
                               : paid(g, VS_ACC_ept_dtlb_2m).n > 100);
            guest_machine_free(g);
            free(g);
        }
    }
}

static void the_books_are_the_same_however_they_are_kept(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct guest_machine *g[MODES];
        for (int mode = 0; mode < MODES; mode++) {
            struct guest_machine_config c =
                priced((enum mode)mode, variant & 1, (variant & 2) != 0);
            g[mode] = create(&c, (enum mode)mode);
            run(g[mode], 10000);
            assert_memory_equal(g[mode]->ept.counts, g[0]->ept.counts, sizeof g[0]->ept.counts);
            for (unsigned k = 0; k < VS_ACC_ept_N; k++) {
                assert_int_equal(paid(g[mode], k).n, paid(g[0], k).n);
                assert_int_equal(paid(g[mode], k).ps, paid(g[0], k).ps);
            }
            if (mode != WINDOW_OF_ONE) { /* there fetches run beside the last data access */
                assert_int_equal(vs_now(&g[mode]->t).v, vs_now(&g[0]->t).v);
            }
        }
        for (int mode = 0; mode < MODES; mode++) {
            guest_machine_free(g[mode]);
            free(g[mode]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_table_is_paid_by_its_own_hits),
        cmocka_unit_test(the_books_are_the_same_however_they_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
