/* SPDX-License-Identifier: MIT */
/* Laws of the second-level instruction TLB. */
#include "test_ept.h"

#define PAGE(i) (VA + (uint64_t)(i)*4096)
#define LARGE (VA + GIB)
#define HUGE (VA + 2 * GIB)

static void begin(struct fixture *f, const struct vs_ept_config *c)
{
    start(f, c, 12, 0);
    for (unsigned i = 1; i < 8; i++) {
        assert_int_equal(vs_space_touch(&f->space, PAGE(i), 12, true, true), VS_OK);
    }
    assert_int_equal(vs_space_touch(&f->space, LARGE, 21, true, true), VS_OK);
    assert_int_equal(vs_space_touch(&f->space, HUGE, 30, true, true), VS_OK);
}

static void test_fetches_and_data_do_not_meet_where_each_has_its_table(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.l2_entries = c.l2i_entries = 4;
    begin(&f, &c);
    (void)walk(&f, PAGE(0), VS_REF_FETCH);
    assert_true(probe(&f, PAGE(0), VS_REF_FETCH));
    assert_false(probe(&f, PAGE(0), VS_REF_READ));
    for (unsigned i = 1; i < 8; i++) { /* more data pages than both have entries */
        (void)walk(&f, PAGE(i), VS_REF_READ);
        assert_false(probe(&f, PAGE(i), VS_REF_FETCH));
    }
    assert_true(probe(&f, PAGE(0), VS_REF_FETCH));
    for (unsigned i = 1; i < 5; i++) { /* and one fetch more than it has */
        (void)walk(&f, PAGE(i), VS_REF_FETCH);
    }
    assert_false(probe(&f, PAGE(0), VS_REF_FETCH));
    assert_true(probe(&f, PAGE(7), VS_REF_READ));
    stop(&f);
}

static void test_without_entries_fetches_share_the_table_of_data(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.l2_entries = 4;
    begin(&f, &c);
    (void)walk(&f, PAGE(0), VS_REF_FETCH);
    assert_true(probe(&f, PAGE(0), VS_REF_READ));
    for (unsigned i = 1; i < 5; i++) {
        (void)walk(&f, PAGE(i), VS_REF_READ);
    }
    assert_false(probe(&f, PAGE(0), VS_REF_FETCH));
    stop(&f);
}

static void test_hits_and_misses_of_fetches_are_counted_and_priced_apart(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.l2_entries = c.l2i_entries = 16;
    c.l2_latency = 9;
    c.l2i_latency = 5;
    c.walk_start = 0;
    begin(&f, &c);
    for (int fetch = 0; fetch < 2; fetch++) {
        enum vs_ref ref = fetch ? VS_REF_FETCH : VS_REF_READ;
        assert_false(probe(&f, PAGE(fetch), ref));
        uint64_t before = f.t.now_ps;
        f.memory.loads = f.memory.stores = 0;
        (void)walk(&f, PAGE(fetch), ref);
        assert_int_equal(f.t.now_ps - before,
                         (fetch ? 5u : 9u) * 500u + (f.memory.loads + f.memory.stores) * 1000);
        struct vs_translation out;
        vs_gva at = {PAGE(fetch)};
        assert_true(f.port.probe(f.port.ctx, at, ref, &out));
        assert_int_equal(f.port.probed[out.second].ps.v, (fetch ? 5u : 9u) * 500u);
        assert_int_equal(f.port.probed[out.second].account,
                         f.ept.account + (fetch ? VS_ACC_ept_l2_itlb : VS_ACC_ept_l2_tlb));
    }
    assert_int_equal(f.ept.count[VS_CNT_ept_l2_hits], 1);
    assert_int_equal(f.ept.count[VS_CNT_ept_l2i_hits], 1);
    /* misses are the core's to count, when a walk has succeeded */
    assert_ptr_equal(f.data.tlb[0].second_misses, &f.ept.count[VS_CNT_ept_l2_misses]);
    assert_ptr_equal(f.fetch.tlb[0].second_misses, &f.ept.count[VS_CNT_ept_l2i_misses]);
    stop(&f);
}

static void test_it_holds_large_pages_or_not_and_huge_ones_as_pieces(void **state)
{
    (void)state;
    for (uint64_t large = 0; large < 2; large++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.l2i_entries = 16;
        c.l2i_large = large;
        begin(&f, &c);
        (void)walk(&f, LARGE, VS_REF_FETCH);
        (void)walk(&f, HUGE + 8, VS_REF_FETCH);
        (void)walk(&f, PAGE(0), VS_REF_FETCH);
        assert_int_equal(probe(&f, LARGE + (2u << 20) - 8, VS_REF_FETCH), large);
        assert_int_equal(probe(&f, HUGE + (2u << 20) - 8, VS_REF_FETCH), large);
        assert_false(probe(&f, HUGE + (2u << 20), VS_REF_FETCH));
        assert_true(probe(&f, PAGE(0), VS_REF_FETCH));
        stop(&f);
    }
}

static void test_every_invalidation_reaches_it(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.l2i_entries = 16;
        begin(&f, &c);
        (void)walk(&f, PAGE(0), VS_REF_FETCH);
        (void)walk(&f, HUGE, VS_REF_FETCH);
        vs_gva at = {how ? PAGE(0) : HUGE + GIB / 2}; /* one address drops every piece */
        switch (how) {
        case 0:
        case 1:
            (void)vs_ept_invlpg(&f.ept, NULL, at);
            break;
        case 2:
            (void)vs_ept_mov_cr3(&f.ept, NULL, 0, false);
            break;
        default: { /* a page fault drops its own page */
            vs_hpa entry = {f.ept.guest_leaf};
            (void)walk(&f, PAGE(0), VS_REF_FETCH);
            entry.v = f.ept.guest_leaf;
            vs_phys_write64(f.phys, entry, 0);
            assert_int_equal(walk(&f, PAGE(0), VS_REF_FETCH).fault, VS_FAULT_PAGE);
        }
        }
        assert_int_equal(probe(&f, PAGE(0), VS_REF_FETCH), how == 0);
        assert_int_equal(probe(&f, HUGE, VS_REF_FETCH), how == 1 || how == 3);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetches_and_data_do_not_meet_where_each_has_its_table),
        cmocka_unit_test(test_without_entries_fetches_share_the_table_of_data),
        cmocka_unit_test(test_hits_and_misses_of_fetches_are_counted_and_priced_apart),
        cmocka_unit_test(test_it_holds_large_pages_or_not_and_huge_ones_as_pieces),
        cmocka_unit_test(test_every_invalidation_reaches_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
