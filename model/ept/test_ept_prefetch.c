/* SPDX-License-Identifier: MIT */
/* Laws of the next-page prefetcher. */
#include "test_ept.h"

#define PAGES 64u

static void begin(struct fixture *f, unsigned pages)
{
    struct vs_ept_config c;
    vs_ps zero = {0};
    vs_defaults(&vs_ept_desc, &c);
    start(f, &c, 12, 12);
    for (uint64_t page = 1; page < pages; page++) {
        assert_int_equal(vs_space_touch(&f->space, VA + page * 4096, 12, true, true), VS_OK);
    }
    vs_ept_prefetcher(&f->ept, f->ledger, vs_ledger_actor(f->ledger, "vcpu0/prefetch"), zero);
}

static void end(struct fixture *f)
{
    vs_ept_prefetcher_end(&f->ept);
    stop(f);
}

/* Entries that the program's own walks have loaded. */
static uint64_t own_loads(const struct fixture *f)
{
    return f->t.by_op[VS_OP_WALK]->work[f->memory.account].n;
}

static void compute(struct fixture *f)
{
    vs_ps us = {1000000};
    vs_charge(&f->t, f->memory.account, us);
}

static void test_misses_to_pages_in_a_row_load_nothing_after_the_first(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, PAGES);
    (void)walk(&f, VA, VS_REF_READ);
    uint64_t loads = own_loads(&f), walks = f.ept.count[VS_CNT_ept_walks];
    for (uint64_t page = 1; page < PAGES; page++) {
        uint64_t gpa, hpa;
        compute(&f);
        assert_false(probe(&f, VA + page * 4096, VS_REF_READ)); /* the buffer is no TLB */
        assert_true(vs_space_locate(&f.space, VA + page * 4096 + 8, &gpa, &hpa));
        assert_int_equal(walk(&f, VA + page * 4096 + 8, VS_REF_READ).hpa.v, hpa);
        assert_true(probe(&f, VA + page * 4096, VS_REF_READ));
    }
    assert_int_equal(own_loads(&f), loads);
    assert_int_equal(f.ept.count[VS_CNT_ept_walks], walks);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_hits], PAGES - 1);
    end(&f);
}

static void test_a_miss_waits_for_what_is_left_of_the_prefetch(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    (void)walk(&f, VA, VS_REF_READ);
    uint64_t ready = f.ept.prefetch.txn.now_ps;
    assert_true(ready > f.t.now_ps);
    (void)walk(&f, VA + 4096, VS_REF_READ);
    assert_int_equal(f.t.now_ps, ready); /* the second-level lookup is hidden in the wait */
    uint16_t wait = (uint16_t)(f.ept.account + VS_ACC_ept_prefetch_wait);
    assert_int_equal(f.t.by_op[VS_OP_WALK]->work[wait].n, 1);
    end(&f);
}

static void test_a_prefetch_that_faults_is_nobodys_fault(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1);
    assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_NONE);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetches], 1);
    assert_int_equal(f.ept.count[VS_CNT_ept_page_faults], 0);
    assert_int_equal(walk(&f, VA + 4096, VS_REF_READ).fault, VS_FAULT_PAGE);
    assert_int_equal(f.ept.count[VS_CNT_ept_page_faults], 1);
    end(&f);
}

static void test_a_prefetched_page_is_not_dirty_and_not_kept_over_an_invalidation(void **state)
{
    (void)state;
    struct fixture f;
    vs_gva none = {0};
    begin(&f, 2);
    (void)walk(&f, VA, VS_REF_READ);
    compute(&f);
    uint64_t hits = f.ept.count[VS_CNT_ept_prefetch_hits];
    (void)walk(&f, VA + 4096, VS_REF_WRITE); /* has to set D: a walk of its own */
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_hits], hits);
    end(&f);
    begin(&f, 2);
    (void)walk(&f, VA, VS_REF_READ);
    compute(&f);
    (void)vs_ept_flush(&f.ept, &f.t, VS_FLUSH_VPID, 1, 0, 0, none);
    (void)walk(&f, VA + 4096, VS_REF_READ);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_hits], hits);
    end(&f);
}

static void test_a_prefetched_page_serves_its_own_address_space_only(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    (void)walk(&f, VA, VS_REF_READ);
    compute(&f);
    struct vs_ept_context other = f.context;
    other.pcid = 1;
    vs_ept_context(&f.ept, &other);
    (void)walk(&f, VA + 4096, VS_REF_READ);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_hits], 0);
    end(&f);
}

static void test_the_second_walker_makes_one_walk_at_a_time(void **state)
{
    (void)state;
    struct fixture f;
    vs_ps us = {1000000};
    begin(&f, 8);
    (void)walk(&f, VA, VS_REF_READ);
    vs_charge(&f.ept.prefetch.txn, f.memory.account, us); /* a long one */
    (void)walk(&f, VA + 4 * 4096, VS_REF_READ);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetches], 1);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_busy], 1);
    (void)walk(&f, VA + 4096, VS_REF_READ); /* what it was at is not lost */
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_hits], 1);
    end(&f);
}

static void test_what_the_second_level_holds_is_not_fetched_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    (void)walk(&f, VA + 4096, VS_REF_READ);
    compute(&f);
    uint64_t before = f.ept.count[VS_CNT_ept_prefetches];
    (void)walk(&f, VA, VS_REF_READ);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetches], before);
    end(&f);
}

static void test_the_next_page_begins_where_a_large_one_ends(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_ept_config c;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 21, 21);
    assert_int_equal(vs_space_touch(&f.space, VA + (2u << 20), 21, true, true), VS_OK);
    vs_ept_prefetcher(&f.ept, f.ledger, vs_ledger_actor(f.ledger, "vcpu0/prefetch"), (vs_ps){0});
    (void)walk(&f, VA + 4096, VS_REF_READ);
    compute(&f);
    (void)walk(&f, VA + (2u << 20) + 8, VS_REF_READ);
    assert_int_equal(f.ept.count[VS_CNT_ept_prefetch_hits], 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misses_to_pages_in_a_row_load_nothing_after_the_first),
        cmocka_unit_test(test_a_miss_waits_for_what_is_left_of_the_prefetch),
        cmocka_unit_test(test_a_prefetch_that_faults_is_nobodys_fault),
        cmocka_unit_test(test_a_prefetched_page_is_not_dirty_and_not_kept_over_an_invalidation),
        cmocka_unit_test(test_a_prefetched_page_serves_its_own_address_space_only),
        cmocka_unit_test(test_the_second_walker_makes_one_walk_at_a_time),
        cmocka_unit_test(test_what_the_second_level_holds_is_not_fetched_again),
        cmocka_unit_test(test_the_next_page_begins_where_a_large_one_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
