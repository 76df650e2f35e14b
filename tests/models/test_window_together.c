/* SPDX-License-Identifier: MIT */
/* Law of bulk operations in the out-of-order window: what is taken together books what single
 * accesses book. */
#include "effort.h"
#include "models/window_machine.h"

/* A bulk of strides, whose accesses to one line and lines of one page are taken together, and the
 * same with spans, where each is booked by itself. Same books. */
static void assert_same_books(const struct guest_machine_config *c, bool write, uint64_t bytes,
                              uint64_t stride, uint64_t n)
{
    struct guest_machine *g[2];
    struct vs_op_acc *a[2];
    uint64_t now[2];
    for (int alone = 0; alone < 2; alone++) {
        g[alone] = create(c);
        vs_ledger_sample(g[alone]->ledger, (uint32_t)alone);
        struct vs_cpu_bulk b;
        assert_int_equal(vs_bulk_stride(&b, &g[alone]->cpu, write ? VS_REF_WRITE : VS_REF_READ,
                                        heap, bytes, stride, n),
                         VS_OK);
        assert_int_equal(vs_cpu_bulk_run(&g[alone]->cpu, &b, forever), VS_CPU_DONE);
        now[alone] = vs_now(&g[alone]->t).v;
        a[alone] = vs_ledger_acc(g[alone]->ledger, g[alone]->t.actor,
                                 write ? VS_OP_ACCESS_STORE : VS_OP_ACCESS_LOAD);
    }
    assert_int_equal(now[0], now[1]);
    assert_int_equal(a[0]->n, a[1]->n);
    assert_int_equal(a[0]->total_ps, a[1]->total_ps);
    assert_int_equal(a[0]->min_ps, a[1]->min_ps);
    assert_int_equal(a[0]->max_ps, a[1]->max_ps);
    for (uint32_t q = 1; q < 1000; q++) {
        assert_int_equal(vs_hist_quantile(a[0]->hist, q), vs_hist_quantile(a[1]->hist, q));
    }
    for (size_t k = 0; k < vs_ledger_n_accounts(g[0]->ledger); k++) {
        assert_int_equal(a[0]->work[k].n, a[1]->work[k].n);
        assert_int_equal(a[0]->work[k].ps, a[1]->work[k].ps);
        assert_int_equal(g[0]->t.acc->exposed[k].n, g[1]->t.acc->exposed[k].n);
        assert_int_equal(g[0]->t.acc->exposed[k].ps, g[1]->t.acc->exposed[k].ps);
        assert_int_equal(g[0]->t.acc->work[k].n, g[1]->t.acc->work[k].n);
        assert_int_equal(g[0]->t.acc->work[k].ps, g[1]->t.acc->work[k].ps);
    }
    assert_memory_equal(g[0]->cpu.counts, g[1]->cpu.counts, sizeof g[0]->cpu.counts);
    assert_memory_equal(g[0]->core.counts, g[1]->core.counts, sizeof g[0]->core.counts);
    assert_memory_equal(g[0]->ept.counts, g[1]->ept.counts, sizeof g[0]->ept.counts);
    destroy(g[0]);
    destroy(g[1]);
}

static void accesses_taken_together_are_the_same(void **state)
{
    (void)state;
    static const uint64_t window[] = {1, 2, 7, 64, 224, 64, 224, 224, 64, 9, 64, 224, 224, 64},
                          stride[] = {8, 8, 8, 8, 8, 64, 128, 24, 4096, 40, 8, 16, 16, 24};
    for (int i = 0; i < 14; i++) {
        bool cached = i >= 10 && i < 12; /* lines stay, translations do not: only walks wait */
        struct guest_machine_config c = guest_machine_defaults();
        c.cpu.window = window[i];
        c.cpu.bulk_instructions = i < 5 ? 1 + window[i] % 2 : (uint64_t)i % 3u;
        c.cpu.ipc = 1300;
        c.memory.l1d_ways = i < 12 ? c.memory.l1d_ways : 1;
        c.memory.l1d_size = i < 12 ? c.memory.l1d_size : 1024; /* 16 lines, no more */
        c.ept.d4k_entries = cached ? 2 : c.ept.d4k_entries;
        c.ept.d4k_ways = cached ? 0 : c.ept.d4k_ways;
        c.ept.l2_entries = cached ? 0 : c.ept.l2_entries;
        c.ept.d4k_latency = (uint64_t)i % 4u;
        c.ept.d2m_latency = 4; /* of no page here, but a miss waits for it */
        c.ept.store_entries = i % 2 ? 16 : 0;
        c.ept.store_latency = 5;
        for (int write = 0; write < 2; write++) {
            assert_same_books(&c, write, cached ? 12288 : 300000, stride[i], effort(80000));
        }
    }
}

/* Whatever a stream is short of: entries, load buffers, MSHRs, bandwidth of instructions. */
static void streams_taken_together_are_the_same(void **state)
{
    (void)state;
    static const uint64_t ipc[] = {250, 1000, 2000, 4000, 1300}, stride[] = {8, 16, 32, 64, 192},
                          size[] = {30000, 300000, 1200000};
    struct vs_rng r;
    vs_rng_seed(&r, 5, 6);
    for (uint64_t i = effort(120); i; i--) {
        struct guest_machine_config c = guest_machine_defaults();
        c.cpu.window = 1u + vs_rng_below(&r, 300);
        c.cpu.load_queue = 1u + vs_rng_below(&r, 100);
        c.cpu.mshrs = 1u + vs_rng_below(&r, 16);
        c.cpu.ipc = ipc[vs_rng_below(&r, 5)];
        c.cpu.bulk_instructions = vs_rng_below(&r, 4);
        c.memory.l2_size = vs_rng_below(&r, 2) ? 65536 : c.memory.l2_size;
        c.memory.l2_ways = 16;
        c.memory.l2_latency = vs_rng_below(&r, 4) ? c.memory.l2_latency : 0; /* no slower than L1 */
        c.ept.d4k_latency = vs_rng_below(&r, 3);
        c.ept.l2_entries = vs_rng_below(&r, 3) ? c.ept.l2_entries : 0; /* walks again and again */
        assert_same_books(&c, vs_rng_below(&r, 3) == 0, size[vs_rng_below(&r, 3)],
                          stride[vs_rng_below(&r, 5)], 10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_taken_together_are_the_same),
        cmocka_unit_test(streams_taken_together_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
