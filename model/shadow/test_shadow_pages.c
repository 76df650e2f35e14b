/* SPDX-License-Identifier: MIT */
/* Laws of shadow pages: who shares them, which faults and exits their making and keeping in line
 * costs, what ends them. */
#include "shadow/test_shadow_guest.h"

/* KVM finds shadow pages by guest frame, whichever vCPU made them. */
static void test_vcpus_of_one_address_space_share_its_shadow(void **state)
{
    (void)state;
    struct machine *m = malloc(sizeof *m);
    uint64_t hpa;
    assert_non_null(m);
    start_many(m, 2, 1, false, 64, 2); /* two roots are kept */
    poke(m, m->l1[0], 600ull << 12 | 7u);
    assert_int_equal(reach(&m->cpu[0], va_of(0), true, &hpa), DONE);
    assert_int_equal(vs_shadow_root(&m->cpu[0].s), vs_shadow_root(&m->cpu[1].s));
    assert_int_equal(reach(&m->cpu[1], va_of(0), true, &hpa), DONE);
    assert_int_equal(m->cpu[1].s.count[VS_CNT_shadow_faults], 0);
    assert_int_equal(m->cpu[1].s.count[VS_CNT_shadow_pages_made], 0);
    /* and a root that the other one uses outlives its eviction here */
    switch_to(&m->cpu[0], 1, false);
    switch_to(&m->cpu[0], 2, false);
    switch_to(&m->cpu[0], 1, false);
    switch_to(&m->cpu[0], 2, false);
    assert_true(m->cpu[0].s.count[VS_CNT_shadow_evicted] > 0);
    flush(&m->cpu[1], NULL, VS_SHADOW_FLUSH_VCPU, (vs_gva){0});
    assert_int_equal(reach(&m->cpu[1], va_of(0), true, &hpa), DONE);
    assert_int_equal(m->cpu[1].s.count[VS_CNT_shadow_faults], 0);
    stop(m);
    free(m);
}

/* INVVPID and the ASID's flush know no PCID and no global pages. */
static void
test_a_mov_to_cr3_drops_every_translation_of_its_vcpu_and_keeps_them_when_asked(void **state)
{
    (void)state;
    struct machine *m = malloc(sizeof *m);
    uint64_t hpa;
    assert_non_null(m);
    start_many(m, 2, 1, false, 64, 1);
    poke(m, m->l1[0], 600ull << 12 | 0x107u); /* global */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(reach(&m->cpu[i], va_of(0), false, &hpa), DONE);
        assert_int_equal(m->cpu[i].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page,
                         (va_of(0) >> 12) + 1u);
    }
    switch_to(&m->cpu[0], 0, true);
    assert_int_not_equal(m->cpu[0].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page, 0);
    switch_to(&m->cpu[0], 1, false);
    assert_int_equal(m->cpu[0].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page, 0);
    assert_int_not_equal(m->cpu[1].tlb[0][(va_of(0) >> 12) * 2654435761u % 512u].page, 0);
    stop(m);
    free(m);
}

static void test_a_page_is_read_only_until_its_first_write_sets_the_dirty_flag(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 0, false, 64, 1);
    poke(&m, m.l1[0], 600ull << 12 | 7u);
    assert_int_equal(reach(&m.cpu[0], va_of(0), false, &hpa), DONE);
    assert_int_equal(load(&m, m.l1[0]) & 0x60u, 0x20u);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], 1);
    assert_int_equal(reach(&m.cpu[0], va_of(0), true, &hpa), DONE);
    assert_int_equal(load(&m, m.l1[0]) & 0x60u, 0x60u);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_dirty], 1);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], 2);
    stop(&m);
}

static void test_faults_end_when_the_guest_stands_still(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 1, false, 64, 2);
    for (unsigned k = 0; k < PAGES; k++) {
        uint64_t at = m.l1[k % TABLES] + k / 6u * 3u * 8u;
        poke(&m, at, (600ull + k) << 12 | 7u);
    }
    for (unsigned k = 0; k < PAGES; k++) {
        (void)reach(&m.cpu[0], va_of(k), true, &hpa);
    }
    uint64_t before = m.cpu[0].s.count[VS_CNT_shadow_hidden];
    flush(&m.cpu[0], NULL, VS_SHADOW_FLUSH_VCPU, (vs_gva){0}); /* TLB misses walk the shadow */
    for (unsigned k = 0; k < PAGES; k++) {
        (void)reach(&m.cpu[0], va_of(k), true, &hpa);
    }
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], before);
    stop(&m);
}

/* With trap each store to a table in use exits; with unsync one does until the next INVLPG. */
static void test_unsync_lets_stores_through_until_tables_are_brought_in_line(void **state)
{
    (void)state;
    for (uint64_t sync = 0; sync < 2; sync++) {
        struct machine m;
        uint64_t hpa;
        start(&m, sync, false, 64, 1);
        m.mmu.cfg.flood = 0;
        poke(&m, m.l1[0], 600ull << 12 | 7u);
        (void)reach(&m.cpu[0], va_of(0), true, &hpa);
        for (uint64_t i = 0; i < 10; i++) {
            edit(&m.cpu[0], m.l1[0] + 8u + i * 8u, (700u + i) << 12 | 7u);
        }
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_writes], sync ? 0 : 10);
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_unsyncs], sync);
        assert_true(vs_shadow_cr3(&m.cpu[0].s, NULL, m.cr3[0], false));
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_syncs], sync);
        edit(&m.cpu[0], m.l1[0] + 8u, 0);
        assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_unsyncs], sync * 2u);
        stop(&m);
    }
}

static void test_a_root_too_many_costs_its_shadow(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 1, false, 64, 2); /* two roots are kept */
    poke(&m, m.l1[0], 600ull << 12 | 7u);
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    uint64_t made = m.cpu[0].s.count[VS_CNT_shadow_pages_made];
    switch_to(&m.cpu[0], 1, false);
    switch_to(&m.cpu[0], 0, false);
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_pages_made], made + 1u); /* the other's root */
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_evicted], 0);
    switch_to(&m.cpu[0], 1, false);
    switch_to(&m.cpu[0], 2, false);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_evicted], 1);
    switch_to(&m.cpu[0], 0, false);
    uint64_t faults = m.cpu[0].s.count[VS_CNT_shadow_hidden];
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    assert_int_equal(m.cpu[0].s.count[VS_CNT_shadow_hidden], faults + 1u);
    stop(&m);
}

/* The upper table was zapped, so that INVLPG found no way to the table out of sync below it. */
static void test_an_invalidation_reaches_tables_whose_way_was_zapped(void **state)
{
    (void)state;
    struct machine m;
    uint64_t hpa;
    start(&m, 1, false, 64, 1);
    poke(&m, m.l1[0], 600ull << 12 | 7u);
    (void)reach(&m.cpu[0], va_of(0), true, &hpa);
    poke(&m, m.l1[0] + 3u * 8u, 610ull << 12 | 7u);
    (void)reach(&m.cpu[0], va_of(6), true, &hpa);
    edit(&m.cpu[0], m.l1[0], 601ull << 12 | 7u); /* out of sync */
    m.mmu.cfg.flood = 1;
    uint64_t l3 = load(&m, m.cr3[0]) & VS_RADIX_ADDRESS;
    edit(&m.cpu[0], l3 + 8u * 8u, 0); /* another entry of the level-3 table: its shadow goes */
    vs_gva at = {va_of(0)};
    vs_shadow_invlpg(&m.cpu[0].s, NULL, at);
    (void)reach(&m.cpu[0], va_of(6), false, &hpa); /* its neighbour leads there again */
    assert_int_equal(reach(&m.cpu[0], va_of(0), false, &hpa), DONE);
    assert_int_equal(hpa, hpa_of(&m, 601ull << 12));
    stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vcpus_of_one_address_space_share_its_shadow),
        cmocka_unit_test(
            test_a_mov_to_cr3_drops_every_translation_of_its_vcpu_and_keeps_them_when_asked),
        cmocka_unit_test(test_a_page_is_read_only_until_its_first_write_sets_the_dirty_flag),
        cmocka_unit_test(test_faults_end_when_the_guest_stands_still),
        cmocka_unit_test(test_unsync_lets_stores_through_until_tables_are_brought_in_line),
        cmocka_unit_test(test_a_root_too_many_costs_its_shadow),
        cmocka_unit_test(test_an_invalidation_reaches_tables_whose_way_was_zapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
