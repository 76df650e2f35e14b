/* SPDX-License-Identifier: MIT */
/* The fast models count exactly what the straightforward version of the same structures counts. */
#include "effort.h"
#include "guest_machine.h"
#include "straight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REGION (256ull << 20)
#define ACCESSES effort(400000)

static uint64_t address(struct vs_rng *r, int pattern, uint64_t i)
{
    uint64_t offset = pattern == 0   ? i * 8
                      : pattern == 1 ? i * 64
                      : pattern == 2 ? vs_rng_below(r, REGION / 8) * 8
                                     : vs_rng_below(r, 1 + vs_rng_below(r, REGION / 8)) * 8;
    return GUEST_MACHINE_BASE + offset % REGION;
}

static void compare(int pattern)
{
    struct guest_machine g;
    struct straight s;
    struct vs_rng a, b;
    /* two machines of the same seed have the same tables; each walks, and marks, its own */
    struct guest_machine twin;
    assert_true(guest_machine_init(&g, REGION));
    assert_true(guest_machine_init(&twin, REGION));
    struct vs_memory_config m;
    vs_defaults(&vs_memory_desc, &m);
    straight_init(&s, twin.phys, twin.space.cr3, twin.vm.ept_root, m.llc_size, m.llc_ways);
    vs_rng_seed(&a, 5, 1);
    vs_rng_seed(&b, 5, 1);
    for (uint64_t i = 0; i < ACCESSES; i++) {
        vs_gva at = {address(&a, pattern, i)};
        assert_int_equal(vs_cpu_access(&g.cpu, at, 8, VS_REF_READ), VS_CPU_DONE);
        straight_load(&s, address(&b, pattern, i));
    }
    vs_txn_settle(&g.t);
    const uint64_t *e = g.ept.count, *c = g.core.count;
    assert_int_equal(e[VS_CNT_ept_dtlb_misses], s.l1_tlb.misses);
    assert_int_equal(e[VS_CNT_ept_dtlb_hits], s.l1_tlb.hits);
    assert_int_equal(e[VS_CNT_ept_l2_misses], s.l2_tlb.misses);
    assert_int_equal(e[VS_CNT_ept_walks], s.walks);
    assert_int_equal(e[VS_CNT_ept_refs_guest], s.guest_refs);
    assert_int_equal(e[VS_CNT_ept_refs_nested], s.nested_refs);
    assert_int_equal(c[VS_CNT_memory_l1_read_misses] + c[VS_CNT_memory_l1_walk_misses],
                     s.l1.misses);
    assert_int_equal(c[VS_CNT_memory_l2_read_misses] + c[VS_CNT_memory_l2_walk_misses],
                     s.l2.misses);
    assert_int_equal(c[VS_CNT_memory_llc_read_misses] + c[VS_CNT_memory_llc_walk_misses],
                     s.llc.misses);
    straight_free(&s);
    guest_machine_free(&twin);
    guest_machine_free(&g);
}

static void test_sequential_words_count_as_the_plain_version(void **state)
{
    (void)state;
    compare(0);
}
static void test_sequential_lines_count_as_the_plain_version(void **state)
{
    (void)state;
    compare(1);
}
static void test_random_words_count_as_the_plain_version(void **state)
{
    (void)state;
    compare(2);
}
static void test_skewed_words_count_as_the_plain_version(void **state)
{
    (void)state;
    compare(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequential_words_count_as_the_plain_version),
        cmocka_unit_test(test_sequential_lines_count_as_the_plain_version),
        cmocka_unit_test(test_random_words_count_as_the_plain_version),
        cmocka_unit_test(test_skewed_words_count_as_the_plain_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
