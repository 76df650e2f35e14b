/* SPDX-License-Identifier: MIT */
/* Laws of single structures: what each holds, replaces and costs by itself. */
#include "test_ept.h"

#define PAGE(i) (VA + (uint64_t)(i)*4096)
#define LARGE(i) (VA + GIB + (uint64_t)(i) * (2u << 20))
#define HUGE(i) (VA + ((uint64_t)(i) + 2) * GIB)

/* `small` pages of 4 KiB from PAGE(0), 8 of 2 MiB and 2 of 1 GiB, natively. */
static void begin(struct fixture *f, const struct vs_ept_config *c, unsigned small)
{
    start(f, c, 12, 0);
    for (unsigned i = 1; i < small; i++) {
        assert_int_equal(vs_space_touch(&f->space, PAGE(i), 12, true, true), VS_OK);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(vs_space_touch(&f->space, LARGE(i), 21, true, true), VS_OK);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vs_space_touch(&f->space, HUGE(i), 30, true, true), VS_OK);
    }
}

/* Whether the first level translates it, without a trace of the question but its recency. */
static bool first_level(struct fixture *f, uint64_t at, enum vs_ref ref)
{
    struct vs_l1 *l = ref == VS_REF_FETCH ? &f->fetch : &f->data;
    unsigned shift;
    uint64_t gpa, hpa;
    const uint64_t *p = vs_l1_translate(l, vs_l1_tlb(l, ref == VS_REF_WRITE), at, &shift);
    if (p) {
        assert_true(vs_space_locate(&f->space, at, &gpa, &hpa));
        assert_int_equal((*p & ~(uint64_t)VS_L1_FLAGS) | (at & ((1ull << shift) - 1)), hpa);
    }
    return p != NULL;
}

/* Every TLB but the first level empty. */
static void first_level_only(struct vs_ept_config *c)
{
    everything_off(c);
    c->d4k_ways = c->d2m_ways = c->d1g_ways = c->i4k_ways = c->i2m_ways = 0;
}

static void test_a_store_tlb_holds_stores_and_nothing_else(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    first_level_only(&c);
    c.store_entries = 4;
    begin(&f, &c, 8);
    (void)walk(&f, PAGE(0), VS_REF_READ);
    assert_true(first_level(&f, PAGE(0), VS_REF_READ));
    assert_false(first_level(&f, PAGE(0), VS_REF_WRITE));
    for (unsigned i = 1; i <= 4; i++) {
        (void)walk(&f, PAGE(i), VS_REF_WRITE);
        assert_false(first_level(&f, PAGE(i), VS_REF_READ));
    }
    for (unsigned i = 1; i <= 4; i++) {
        assert_true(first_level(&f, PAGE(i), VS_REF_WRITE));
    }
    (void)walk(&f, PAGE(5), VS_REF_WRITE); /* one more than there are entries */
    assert_false(first_level(&f, PAGE(1), VS_REF_WRITE));
    assert_true(first_level(&f, PAGE(2), VS_REF_WRITE));
    assert_true(first_level(&f, PAGE(0), VS_REF_READ));
    stop(&f);
}

static void test_a_store_tlb_holds_pages_of_every_size(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    first_level_only(&c);
    c.store_entries = 3;
    begin(&f, &c, 2);
    uint64_t at[] = {PAGE(0), LARGE(0), HUGE(0)};
    for (unsigned i = 0; i < 3; i++) {
        (void)walk(&f, at[i], VS_REF_WRITE);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(first_level(&f, at[i], VS_REF_WRITE));
    }
    assert_true(first_level(&f, LARGE(1) - 8, VS_REF_WRITE));
    assert_true(first_level(&f, HUGE(1) - 8, VS_REF_WRITE));
    assert_true(first_level(&f, PAGE(0), VS_REF_WRITE));
    (void)walk(&f, PAGE(1), VS_REF_WRITE);
    assert_false(first_level(&f, LARGE(0), VS_REF_WRITE)); /* the oldest, whatever its size */
    assert_true(first_level(&f, HUGE(0), VS_REF_WRITE));
    stop(&f);
}

static void test_an_invalidation_reaches_the_store_tlb(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    first_level_only(&c);
    c.store_entries = 4;
    begin(&f, &c, 2);
    vs_gva at = {PAGE(0)};
    (void)walk(&f, PAGE(0), VS_REF_WRITE);
    (void)walk(&f, PAGE(0), VS_REF_READ);
    (void)walk(&f, PAGE(1), VS_REF_WRITE);
    assert_int_equal(vs_ept_invlpg(&f.ept, NULL, at), 2);
    assert_false(first_level(&f, PAGE(0), VS_REF_WRITE));
    assert_false(first_level(&f, PAGE(0), VS_REF_READ));
    assert_true(first_level(&f, PAGE(1), VS_REF_WRITE));
    assert_int_equal(vs_ept_mov_cr3(&f.ept, NULL, 0, false), 1);
    assert_false(first_level(&f, PAGE(1), VS_REF_WRITE));
    stop(&f);
}

static void test_pages_of_all_sizes_compete_for_a_shared_table(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    for (int shared = 0; shared < 2; shared++) {
        first_level_only(&c);
        c.d_shared = (uint64_t)shared;
        c.d4k_entries = 4;
        begin(&f, &c, 8);
        for (unsigned i = 0; i < 2; i++) {
            (void)walk(&f, LARGE(i), VS_REF_READ);
        }
        (void)walk(&f, PAGE(0), VS_REF_READ);
        (void)walk(&f, PAGE(1), VS_REF_READ);
        for (unsigned i = 0; i < 2; i++) { /* four entries: a large page takes one */
            assert_true(first_level(&f, LARGE(i), VS_REF_READ));
            assert_true(first_level(&f, LARGE(i + 1) - 8, VS_REF_READ));
            assert_true(first_level(&f, PAGE(i), VS_REF_READ));
        }
        (void)walk(&f, PAGE(2), VS_REF_READ);
        assert_int_equal(first_level(&f, LARGE(0), VS_REF_READ), !shared);
        assert_true(first_level(&f, LARGE(1), VS_REF_READ));
        stop(&f);
    }
}

/* 0 entries of a size: the shared table holds it as pieces of the next smaller one it has. */
static void test_a_shared_table_breaks_down_what_it_does_not_hold(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct vs_ept_config c;
        struct fixture f;
        uint64_t piece = both ? 4096 : 2u << 20;
        first_level_only(&c);
        c.d_shared = 1;
        c.d1g_entries = 0;
        c.d2m_entries = both ? 0 : c.d2m_entries;
        begin(&f, &c, 1);
        (void)walk(&f, HUGE(0) + 8, VS_REF_READ);
        assert_true(first_level(&f, HUGE(0) + piece - 8, VS_REF_READ));
        assert_false(first_level(&f, HUGE(0) + piece, VS_REF_READ));
        stop(&f);
    }
}

/* One entry for a page of the granule, and one for its block; a smaller granule behind it leaves
 * pieces of that size. */
static void test_a_first_level_entry_is_as_large_as_the_granules_page(void **state)
{
    (void)state;
    static const struct {
        unsigned granule, page, want, second; /* second: log2 of stage 2's granule, 0: none */
    } cases[] = {{12, 12, 12, 0},  {12, 21, 21, 0},  {12, 30, 30, 0},  {14, 14, 14, 0},
                 {14, 25, 25, 0},  {16, 16, 16, 0},  {16, 29, 29, 0},  {16, 16, 16, 16},
                 {16, 29, 16, 16}, {16, 16, 12, 12}, {14, 14, 14, 16}, {16, 16, 14, 14}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vs_ept_config c;
        struct vs_radix_format g, n = vs_radix_ept;
        struct vs_errors errors = {NULL, 0};
        struct fixture f;
        unsigned second = cases[i].second, want = cases[i].want;
        vs_radix_arm(&g, 1, cases[i].granule, 16, 0, &errors);
        if (second) {
            vs_radix_arm(&n, 2, second, 24, 1, &errors);
        }
        assert_int_equal(errors.n, 0);
        first_level_only(&c);
        start_formats(&f, &c, &g, &n, cases[i].page, second);
        (void)walk(&f, VA + 8, VS_REF_READ);
        assert_true(first_level(&f, VA + (1ull << want) - 8, VS_REF_READ));
        assert_int_equal(vs_settab_used(&f.data.tlb[0].table[VS_L1_SMALL]) +
                             vs_settab_used(&f.data.tlb[0].table[VS_L1_LARGE]) +
                             vs_settab_used(&f.data.tlb[0].table[VS_L1_HUGE]),
                         1);
        assert_false(first_level(&f, VA + (1ull << want), VS_REF_READ));
        stop(&f);
    }
}

/* 4 KiB page number n and 2 MiB page number n are different pages. */
static void test_a_shared_table_tells_sizes_apart(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    first_level_only(&c);
    c.d_shared = 1;
    begin(&f, &c, 1);
    (void)walk(&f, LARGE(0), VS_REF_READ);
    (void)walk(&f, HUGE(0), VS_REF_READ);
    assert_false(first_level(&f, LARGE(0) >> 9, VS_REF_READ));
    assert_false(first_level(&f, HUGE(0) >> 18, VS_REF_READ));
    assert_false(first_level(&f, HUGE(0) >> 9, VS_REF_READ));
    vs_gva at = {LARGE(1) - 8};
    assert_int_equal(vs_ept_invlpg(&f.ept, NULL, at), 1);
    assert_false(first_level(&f, LARGE(0), VS_REF_READ));
    assert_true(first_level(&f, HUGE(0), VS_REF_READ));
    stop(&f);
}

static void test_every_structure_replaces_by_its_own_policy(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    for (int k = 0; k < 4; k++) { /* one of them FIFO, the others LRU */
        first_level_only(&c);
        c.d4k_entries = c.d2m_entries = c.i4k_entries = c.store_entries = 2;
        *(k == 0   ? &c.d4k_policy
          : k == 1 ? &c.d2m_policy
          : k == 2 ? &c.i4k_policy
                   : &c.store_policy) = VS_POLICY_FIFO;
        begin(&f, &c, 3);
        const struct {
            enum vs_ref ref;
            uint64_t page[3];
        } of[] = {{VS_REF_READ, {PAGE(0), PAGE(1), PAGE(2)}},
                  {VS_REF_READ, {LARGE(0), LARGE(1), LARGE(2)}},
                  {VS_REF_FETCH, {PAGE(0), PAGE(1), PAGE(2)}},
                  {VS_REF_WRITE, {PAGE(0), PAGE(1), PAGE(2)}}};
        for (int i = 0; i < 4; i++) {
            (void)walk(&f, of[i].page[0], of[i].ref);
            (void)walk(&f, of[i].page[1], of[i].ref);
            assert_true(first_level(&f, of[i].page[0], of[i].ref)); /* used again: LRU's newest */
            (void)walk(&f, of[i].page[2], of[i].ref);
            assert_int_equal(first_level(&f, of[i].page[0], of[i].ref), i != k);
        }
        stop(&f);
    }
}

static void test_a_huge_page_is_where_the_second_level_puts_it(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    for (uint64_t place = VS_EPT_1G_OWN; place <= VS_EPT_1G_PIECES; place++) {
        everything_off(&c);
        c.l2_entries = c.l2_1g_entries = 16;
        c.l2_1g_place = place;
        begin(&f, &c, 1);
        (void)walk(&f, HUGE(0) + 8, VS_REF_READ);
        assert_int_equal(vs_settab_used(&f.ept.l2_1g), place == VS_EPT_1G_OWN);
        assert_int_equal(vs_settab_used(&f.ept.l2), place != VS_EPT_1G_OWN);
        assert_true(probe(&f, HUGE(0) + (2u << 20) - 8, VS_REF_READ));
        assert_int_equal(probe(&f, HUGE(0) + (2u << 20), VS_REF_READ), place != VS_EPT_1G_PIECES);
        (void)walk(&f, HUGE(1) - 8, VS_REF_READ);
        struct vs_translation out;
        vs_gva at = {HUGE(1) - 16};
        uint64_t gpa, hpa;
        assert_true(f.port.probe(f.port.ctx, at, VS_REF_READ, &out));
        assert_true(vs_space_locate(&f.space, at.v, &gpa, &hpa));
        assert_int_equal(out.hpa.v, hpa);
        assert_int_equal(out.second, place == VS_EPT_1G_OWN);
        /* one address drops the page, and with it every piece */
        at.v = HUGE(0) + GIB / 2;
        (void)vs_ept_invlpg(&f.ept, NULL, at);
        assert_false(probe(&f, HUGE(0), VS_REF_READ));
        assert_false(probe(&f, HUGE(1) - 8, VS_REF_READ));
        stop(&f);
    }
}

/* Of 16 sets of one way: pages 16 apart share a set by their lowest bits and not when these take in
 * the bits above, pages 0 and 17 the other way round. */
static void test_an_exclusive_or_index_takes_in_the_bits_above(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    for (uint64_t index = VS_EPT_INDEX_MODULO; index <= VS_EPT_INDEX_XOR; index++) {
        everything_off(&c);
        c.l2_entries = 16;
        c.l2_ways = 1;
        c.l2_index = index;
        begin(&f, &c, 40);
        const bool xored = index == VS_EPT_INDEX_XOR;
        const uint64_t base = PAGE(0) >> 12 & 15u, above = PAGE(0) >> 16 & 15u;
        assert_int_equal(base | above, 0); /* so that page i has set i, or i exclusive-or i / 16 */
        (void)walk(&f, PAGE(0), VS_REF_READ);
        (void)walk(&f, PAGE(16), VS_REF_READ);
        assert_int_equal(probe(&f, PAGE(0), VS_REF_READ), xored);
        assert_true(probe(&f, PAGE(16), VS_REF_READ));
        (void)walk(&f, PAGE(0), VS_REF_READ);
        (void)walk(&f, PAGE(17), VS_REF_READ);
        assert_int_equal(probe(&f, PAGE(0), VS_REF_READ), !xored);
        /* one address drops its page, and no other */
        (void)walk(&f, PAGE(35), VS_REF_READ);
        vs_gva at = {PAGE(35)};
        (void)vs_ept_invlpg(&f.ept, NULL, at);
        assert_false(probe(&f, PAGE(35), VS_REF_READ));
        assert_true(probe(&f, PAGE(17), VS_REF_READ));
        stop(&f);
    }
}

static void test_a_second_level_of_small_pages_holds_no_large_ones(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    for (uint64_t large = 0; large < 2; large++) {
        everything_off(&c);
        c.l2_entries = 16;
        c.l2_large = large;
        begin(&f, &c, 1);
        (void)walk(&f, LARGE(0), VS_REF_READ);
        (void)walk(&f, PAGE(0), VS_REF_READ);
        assert_int_equal(probe(&f, LARGE(0), VS_REF_READ), large);
        assert_true(probe(&f, PAGE(0), VS_REF_READ));
        stop(&f);
    }
}

static struct vs_part walk_part(const struct fixture *f, unsigned account)
{
    return f->t.by_op[VS_OP_WALK]->work[f->ept.account + account];
}

/* A level answers when those below have missed: the slowest of them is waited for. */
static void test_a_walk_cache_costs_the_slowest_that_is_waited_for(void **state)
{
    (void)state;
    static const uint64_t latency[] = {3, 7, 5}; /* of levels 2, 3, 4 */
    static const struct {
        unsigned exists, answers; /* bit = level */
        unsigned account;
        uint64_t cycles;
    } cases[] = {{0x1c, 2, VS_ACC_ept_guest_pwc_l2, 3}, {0x1c, 3, VS_ACC_ept_guest_pwc_l3, 7},
                 {0x1c, 4, VS_ACC_ept_guest_pwc_l3, 7}, {0x1c, 0, VS_ACC_ept_guest_pwc_l3, 7},
                 {0x14, 4, VS_ACC_ept_guest_pwc_l4, 5}, {0x14, 2, VS_ACC_ept_guest_pwc_l2, 3},
                 {0x04, 0, VS_ACC_ept_guest_pwc_l2, 3}, {0x10, 4, VS_ACC_ept_guest_pwc_l4, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.gpde = cases[i].exists & 4 ? 4 : 0;
        c.gpdpte = cases[i].exists & 8 ? 4 : 0;
        c.gpml4e = cases[i].exists & 16 ? 4 : 0;
        c.gpde_latency = latency[0];
        c.gpdpte_latency = latency[1];
        c.gpml4e_latency = latency[2];
        begin(&f, &c, 1);
        if (cases[i].answers) {
            (void)walk(&f, PAGE(0), VS_REF_READ);
            for (unsigned level = 2; level < cases[i].answers; level++) {
                vs_settab_clear(&f.ept.gpwc[level]);
            }
        }
        vs_txn_settle(&f.t);
        uint64_t before = cases[i].answers ? walk_part(&f, cases[i].account).ps : 0;
        uint64_t loads = references(&f, PAGE(0));
        assert_int_equal(loads, cases[i].answers ? cases[i].answers - 1 : 4);
        assert_int_equal(walk_part(&f, cases[i].account).ps - before, cases[i].cycles * 500);
        stop(&f);
    }
}

static void test_the_two_dimensions_are_priced_apart(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.gpde = c.npde = 64;
    c.gpde_latency = 2;
    c.npde_latency = 11;
    start(&f, &c, 12, 12);
    (void)references(&f, VA);
    struct vs_part g = walk_part(&f, VS_ACC_ept_guest_pwc_l2),
                   n = walk_part(&f, VS_ACC_ept_nested_pwc_l2);
    assert_int_equal(g.n, 1);
    assert_int_equal(g.ps, 2 * 500);
    assert_int_equal(n.n, 5); /* four guest tables and the page */
    assert_int_equal(n.ps, 5 * 11 * 500);
    stop(&f);
}

/* Both tables of the second level are asked at once; one that is absent takes no time. */
static void test_a_second_level_miss_costs_the_slower_table(void **state)
{
    (void)state;
    static const uint64_t cases[][4] = {
        {16, 16, 9, 9}, {16, 0, 9, 9}, {0, 16, 14, 14}, {0, 0, 9, 0}, {16, 16, 14, 14}};
    for (int i = 0; i < 5; i++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.l2_entries = cases[i][0];
        c.l2_1g_entries = cases[i][1];
        c.l2_latency = 9;
        c.l2_1g_latency = i == 2 || i == 4 ? 14 : 4;
        c.walk_start = 0;
        begin(&f, &c, 1);
        uint64_t before = f.t.now_ps;
        f.memory.loads = 0;
        (void)walk(&f, PAGE(0), VS_REF_READ);
        assert_int_equal(f.t.now_ps - before,
                         cases[i][3] * 500 + f.memory.loads * 1000 + f.memory.stores * 1000);
        stop(&f);
    }
}

static void test_lines_of_tables_replace_by_their_own_policy(void **state)
{
    (void)state;
    for (uint64_t policy = VS_POLICY_LRU; policy <= VS_POLICY_FIFO; policy += VS_POLICY_FIFO) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.line_entries = 3; /* those of one walk: root, level 3, level 2 */
        c.line_policy = policy;
        begin(&f, &c, 1);
        (void)walk(&f, PAGE(0), VS_REF_READ);
        (void)walk(&f, LARGE(0), VS_REF_READ); /* the same two, and another table of level 2 */
        uint64_t hits = f.ept.count[VS_CNT_ept_line_hits];
        (void)walk(&f, HUGE(0), VS_REF_READ); /* FIFO: the root was the oldest */
        assert_int_equal(f.ept.count[VS_CNT_ept_line_hits] - hits, policy == VS_POLICY_LRU ? 2 : 0);
        stop(&f);
    }
}

static void test_ways_that_do_not_divide_are_refused_by_name(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct vs_errors errors = {NULL, 0};
    vs_defaults(&vs_ept_desc, &c);
    vs_ept_check(&c, &errors);
    assert_int_equal(errors.n, 0);
    c.gpde_ways = 5;
    c.npdpte_ways = 3;
    c.store_entries = 16;
    c.store_ways = 3;
    vs_ept_check(&c, &errors);
    assert_int_equal(errors.n, 3);
    vs_errors_free(&errors);
    errors = (struct vs_errors){NULL, 0};
    vs_defaults(&vs_ept_desc, &c);
    c.l2_large = 0;
    c.l2_1g_place = VS_EPT_1G_SHARED;
    vs_ept_check(&c, &errors);
    assert_int_equal(errors.n, 1);
    vs_errors_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_store_tlb_holds_stores_and_nothing_else),
        cmocka_unit_test(test_a_store_tlb_holds_pages_of_every_size),
        cmocka_unit_test(test_an_invalidation_reaches_the_store_tlb),
        cmocka_unit_test(test_pages_of_all_sizes_compete_for_a_shared_table),
        cmocka_unit_test(test_a_shared_table_breaks_down_what_it_does_not_hold),
        cmocka_unit_test(test_a_first_level_entry_is_as_large_as_the_granules_page),
        cmocka_unit_test(test_a_shared_table_tells_sizes_apart),
        cmocka_unit_test(test_every_structure_replaces_by_its_own_policy),
        cmocka_unit_test(test_a_huge_page_is_where_the_second_level_puts_it),
        cmocka_unit_test(test_an_exclusive_or_index_takes_in_the_bits_above),
        cmocka_unit_test(test_a_second_level_of_small_pages_holds_no_large_ones),
        cmocka_unit_test(test_a_walk_cache_costs_the_slowest_that_is_waited_for),
        cmocka_unit_test(test_the_two_dimensions_are_priced_apart),
        cmocka_unit_test(test_a_second_level_miss_costs_the_slower_table),
        cmocka_unit_test(test_lines_of_tables_replace_by_their_own_policy),
        cmocka_unit_test(test_ways_that_do_not_divide_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
