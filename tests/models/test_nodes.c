/* SPDX-License-Identifier: MIT */
/* Memory nodes: which line is remote, what that costs, and where tables are put. */
#include "guest_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MEMORY (8ull << 30)

static void a_line_is_remote_from_its_nodes_first_to_its_last(void **state)
{
    (void)state;
    for (uint64_t nodes = 1; nodes <= 4; nodes *= 2) {
        for (uint64_t node = 0; node < nodes; node++) {
            struct vs_ledger *l = vs_ledger_create(1);
            struct vs_memory_config c;
            static struct vs_memory m;
            static struct vs_memory_core core;
            struct vs_l1 data, fetch;
            memset(&data, 0, sizeof data);
            memset(&fetch, 0, sizeof fetch);
            vs_defaults(&vs_memory_desc, &c);
            c.nodes = nodes;
            c.l1d_size = c.l1i_size = c.l2_size = c.llc_size = 0;
            c.dram_page = 1; /* closed: every access finds the row closed */
            assert_int_equal(vs_memory_init(&m, &c, l, vs_clock_mhz(2600), NULL, MEMORY, 1), VS_OK);
            vs_memory_place(&m, MEMORY, node);
            assert_int_equal(vs_memory_core_init(&core, &m, &data, &fetch), VS_OK);
            struct vs_mem_port port = vs_memory_core_port(&core);
            struct vs_txn t;
            vs_ps zero = {0};
            vs_txn_begin(&t, l, vs_ledger_actor(l, "a"), zero);
            uint64_t size = MEMORY / nodes;
            for (uint64_t other = 0; other < nodes; other++) {
                const uint64_t at[2] = {other * size, (other + 1u) * size - 64u};
                for (int i = 0; i < 2; i++) {
                    uint64_t before = t.now_ps;
                    vs_hpa h = {at[i]};
                    port.touch(port.ctx, &t, h, VS_REF_READ);
                    assert_int_equal(t.now_ps - before,
                                     c.dram_row_miss + (other != node ? c.remote_latency : 0));
                }
            }
            assert_int_equal(core.count[VS_CNT_memory_dram_remote], 2u * (nodes - 1u));
            vs_txn_end(&t);
            assert_int_equal(vs_ledger_unbalanced(l, NULL, 0), 0);
            vs_memory_core_free(&core);
            vs_memory_free(&m);
            vs_ledger_destroy(l);
        }
    }
}

/* Three pools: EPT tables, guest tables, data. Each thing lies in its own. */
static void tables_and_data_lie_where_they_are_put(void **state)
{
    (void)state;
    static const unsigned host_shift[] = {12, 21};
    for (int k = 0; k < 2; k++) {
        struct vs_phys *phys = vs_phys_create(MEMORY);
        struct vs_frames pool[3];
        struct vs_vm vm;
        struct vs_space s;
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(
                vs_frames_init(&pool[i], (i + 1u) << 30, 1u << 30, VS_FRAMES_RANDOM, i), VS_OK);
        }
        assert_int_equal(
            vs_vm_init(&vm, phys, &pool[0], 1u << 30, host_shift[k], VS_FRAMES_RANDOM, 9), VS_OK);
        vs_vm_place(&vm, &pool[2], &pool[1]);
        assert_int_equal(vs_space_init(&s, phys, &vm, &pool[1]), VS_OK);
        assert_int_equal(vm.ept_root >> 30, 1);
        for (uint64_t page = 0; page < 1000; page++) {
            uint64_t gva = GUEST_MACHINE_BASE + page * 4096 * 37, gpa, hpa;
            uint64_t at[VS_RADIX_LEVELS + 1u];
            assert_int_equal(vs_space_touch(&s, gva, 12, true, true), VS_OK);
            assert_true(vs_space_locate(&s, gva, &gpa, &hpa));
            assert_int_equal(hpa >> 30, 3);
            assert_int_equal(vs_space_path(&s, gva, at), 1);
            for (unsigned level = 1; level <= 4; level++) {
                assert_true(vs_vm_locate(&vm, at[level], &hpa));
                assert_int_equal(hpa >> 30, 2);
            }
            vs_hpa entry;
            unsigned level;
            assert_true(vs_radix_find(phys, &vm.format, vm.ept_root, gpa, NULL, &entry, &level));
            assert_int_equal(entry.v >> 30, 1);
        }
        vs_vm_free(&vm);
        for (int i = 0; i < 3; i++) {
            vs_frames_free(&pool[i]);
        }
        vs_phys_destroy(phys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_remote_from_its_nodes_first_to_its_last),
        cmocka_unit_test(tables_and_data_lie_where_they_are_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
