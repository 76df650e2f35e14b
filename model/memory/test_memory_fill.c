/* SPDX-License-Identifier: MIT */
/* Laws of an LLC that holds the victims of L2, of hashed set indices, of the next line fetched
 * ahead, and of sets of L1D that are being filled. */
#include "memory/test_memory.h"

static struct vs_memory_config usual(void)
{
    struct vs_memory_config cfg;
    vs_defaults(&vs_memory_desc, &cfg);
    cfg.l1d_size = cfg.l1i_size = 0;
    return cfg;
}

/* L2 of 16 lines, LLC of 32, no sets: only the order of use counts. */
static struct vs_memory_config small(uint64_t policy)
{
    struct vs_memory_config cfg = usual();
    cfg.l2_size = 16u * LINE;
    cfg.llc_size = 32u * LINE;
    cfg.l2_ways = cfg.llc_ways = 0;
    cfg.l2_policy = cfg.llc_policy = policy;
    cfg.llc_fill = 1;
    return cfg;
}

/* Loads of lines first .. first + n - 1 that went to DRAM. */
static uint64_t pass(struct rig *r, uint64_t first, uint64_t n, uint64_t step, enum vs_ref ref)
{
    uint64_t missed = 0;
    for (uint64_t i = 0; i < n; i++) {
        missed += load(r, 0, first + i * step, ref) > VS_MEM_LLC;
    }
    return missed;
}

static void test_capacities_of_l2_and_llc_add_up(void **state)
{
    (void)state;
    for (uint64_t n = 47; n <= 49; n++) {
        struct vs_memory_config cfg = small(VS_POLICY_LRU);
        struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
        assert_int_equal(pass(r, 100, n, 1, VS_REF_READ), n);
        assert_int_equal(pass(r, 100, n, 1, VS_REF_READ), n <= 48 ? 0 : n);
        rig_destroy(r);
        cfg.llc_fill = 0; /* the same lines twice: the LLC's own size counts */
        r = rig_create(&cfg, vs_memory_variant[0]);
        (void)pass(r, 100, n, 1, VS_REF_READ);
        assert_int_equal(pass(r, 100, n, 1, VS_REF_READ), n);
        rig_destroy(r);
    }
}

static void test_a_line_is_in_l2_or_in_the_llc(void **state)
{
    (void)state;
    static const uint64_t policy[] = {VS_POLICY_LRU, VS_POLICY_RANDOM, VS_POLICY_TREE_PLRU,
                                      VS_POLICY_FIFO};
    for (size_t p = 0; p < 4; p++) {
        struct vs_memory_config cfg = small(policy[p]);
        struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
        struct vs_rng rng;
        vs_rng_seed(&rng, p + 1u, 0);
        for (int i = 0; i < 5000; i++) {
            uint64_t line = vs_rng_below(&rng, 64), in_both = 0, held = 0;
            (void)load(r, 0, line, vs_rng_below(&rng, 4) ? VS_REF_READ : VS_REF_WRITE);
            assert_true(vs__memory_has(&r->core[0].l2, line));
            for (uint64_t x = 0; x < 64; x++) {
                bool up = vs__memory_has(&r->core[0].l2, x),
                     down = vs__memory_has(&r->memory.llc, x);
                in_both += up && down;
                held += up || down;
            }
            assert_int_equal(in_both, 0);
            assert_true(held <= 48);
        }
        assert_true(r->core[0].count[VS_CNT_memory_llc_victims] > 0);
        rig_destroy(r);
    }
}

static void test_dirty_lines_reach_memory_once(void **state)
{
    (void)state;
    struct vs_memory_config cfg = small(VS_POLICY_LRU);
    struct rig *r = rig_create(&cfg, "plain");
    const uint64_t *count = r->core[0].count;
    (void)pass(r, 0, 48, 1, VS_REF_WRITE);
    assert_int_equal(pass(r, 0, 48, 1, VS_REF_READ), 0); /* up and down again, still dirty */
    assert_int_equal(count[VS_CNT_memory_llc_writebacks], 0);
    (void)pass(r, 1000, 48, 1, VS_REF_READ);
    assert_int_equal(count[VS_CNT_memory_llc_writebacks], 48);
    (void)pass(r, 2000, 48, 1, VS_REF_READ); /* clean ones write nothing */
    assert_int_equal(count[VS_CNT_memory_llc_writebacks], 48);
    rig_destroy(r);
}

static void test_another_cores_l2_answers_for_the_llc(void **state)
{
    (void)state;
    struct vs_memory_config cfg = small(VS_POLICY_LRU);
    struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
    assert_true(load(r, 0, 7, VS_REF_READ) > VS_MEM_LLC);
    assert_int_equal(load(r, 1, 7, VS_REF_READ), VS_MEM_LLC);
    assert_int_equal(r->core[1].count[VS_CNT_memory_llc_from_cores], 1);
    assert_int_equal(load(r, 1, 7, VS_REF_READ), VS_MEM_L2);
    assert_true(load(r, 1, 8, VS_REF_READ) > VS_MEM_LLC);
    rig_destroy(r);
}

static void test_a_hash_is_its_own_inverse_and_keeps_the_tag(void **state)
{
    (void)state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 5, 0);
    for (int i = 0; i < 20000; i++) {
        struct vs_memory_cache k = {
            .set_bits = 10, .hashed = true, .hash_bits = 1u + (uint32_t)vs_rng_below(&rng, 10)};
        uint64_t line = vs_rng_below(&rng, 1ull << 40), key = vs__memory_key(&k, line);
        assert_true(vs__memory_key(&k, key) == line);
        assert_true(key >> k.hash_bits == line >> k.hash_bits);
    }
}

/* A part of 18 slices has no power of two of sets; each line has one place in it, and the lines
 * that follow each other by the bytes of a slice's way fill every slice once. */
static void test_slices_of_any_number_hold_each_line_once(void **state)
{
    (void)state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 6, 0);
    for (uint64_t n = 2; n <= 64; n++) {
        struct vs_memory_cache k = {.set_bits = 11, .hashed = true, .by_slices = vs_divider_of(n)};
        uint64_t sets = n << 11, turned = 0;
        for (int i = 0; i < 500; i++) {
            uint64_t line = vs_rng_below(&rng, 1ull << 40), key = vs__memory_key(&k, line);
            assert_true(vs__memory_key(&k, key) == line);
            assert_true(key / sets == line / sets && key % 2048 == line % 2048);
            turned += key != line;
            uint64_t seen = 0, first = line / sets * sets + line % 2048;
            for (uint64_t s = 0; s < n; s++) {
                seen |= 1ull << (vs__memory_key(&k, first + s * 2048u) % sets >> 11);
            }
            assert_true(seen == ~0ull >> (64u - n));
        }
        assert_true(turned > 200);
    }
}

/* The LLC of 18 slices of 2048 sets and 11 ways answers to its full size, and to no line more;
 * lines that an index by modulo puts into one set do not all fall into one. */
static void test_an_llc_of_18_slices_holds_all_its_lines(void **state)
{
    (void)state;
    const uint64_t lines = 18u * 2048u * 11u;
    for (size_t v = 0; v < VS_MEMORY_VARIANTS; v++) {
        struct vs_memory_config cfg = usual();
        struct vs_errors errors = {0};
        cfg.l2_size = 0;
        cfg.llc_size = lines * LINE;
        cfg.llc_ways = 11;
        cfg.llc_slices = 18;
        vs_memory_check(&cfg, &errors);
        assert_int_equal(errors.n, 0);
        struct rig *r = rig_create(&cfg, vs_memory_variant[v]);
        (void)pass(r, 0, lines, 1, VS_REF_READ);
        assert_int_equal(pass(r, 0, lines, 1, VS_REF_READ), 0);
        assert_true(load(r, 0, lines, VS_REF_READ) > VS_MEM_LLC);
        (void)pass(r, 1ull << 24, 44, 18u * 2048u, VS_REF_READ);
        assert_int_equal(pass(r, 1ull << 24, 44, 18u * 2048u, VS_REF_READ), 0);
        rig_destroy(r);
    }
}

/* One line a page: an index by modulo uses one set in 64, hashed bits give sets back, each bit
 * twice as many; all of them when all bits are hashed. */
static void test_lines_a_page_apart_reach_the_sets_that_are_hashed(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits <= 10; bits++) {
        struct vs_memory_config cfg = usual();
        cfg.l2_size = 8192u * LINE; /* 1024 sets of 8 */
        cfg.l2_ways = 8;
        cfg.l2_hash = bits;
        cfg.llc_size = 0;
        struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
        uint64_t fits = bits <= 6 ? 128ull << bits : 8192;
        (void)pass(r, 1ull << 20, fits, 64, VS_REF_READ);
        assert_int_equal(pass(r, 1ull << 20, fits, 64, VS_REF_READ), 0);
        assert_true(load(r, 0, (1ull << 20) + fits * 64, VS_REF_READ) > VS_MEM_LLC);
        assert_true(pass(r, 1ull << 20, fits, 64, VS_REF_READ) > 0); /* one too many */
        rig_destroy(r);
    }
}

static struct rig *prefetching(uint64_t llc_fill)
{
    struct vs_memory_config cfg = usual();
    cfg.llc_size = 1ull << 24;
    cfg.llc_ways = 16;
    cfg.llc_fill = llc_fill;
    cfg.l2_prefetch = 1;
    return rig_create(&cfg, vs_memory_variant[0]);
}

static void test_the_next_line_comes_where_its_place_in_a_page_was_asked_for(void **state)
{
    (void)state;
    for (uint64_t fill = 0; fill < 2; fill++) {
        struct rig *r = prefetching(fill);
        uint64_t a = 64u << 10, b = 64u << 11, d = 64u << 12;
        assert_true(load(r, 0, a + 1, VS_REF_READ) > VS_MEM_LLC);
        assert_true(load(r, 0, a + 2, VS_REF_READ) > VS_MEM_LLC); /* place 2 was new then */
        assert_true(load(r, 0, b, VS_REF_WRITE) > VS_MEM_LLC);
        assert_int_equal(load(r, 0, b + 1, VS_REF_READ), VS_MEM_L2); /* place 1 was not */
        assert_true(load(r, 0, b + 2, VS_REF_READ) > VS_MEM_LLC);    /* L2's hits bring nothing */
        assert_int_equal(r->core[0].count[VS_CNT_memory_l2_prefetches], 1);
        /* a walker's references neither bring a line nor make history */
        assert_true(r->memory.access(&r->memory, &r->core[0], r->core[0].count, d, VS_MEM_REF_WALK,
                                     VS_MEM_L1) > VS_MEM_LLC);
        assert_true(load(r, 0, d + 1, VS_REF_READ) > VS_MEM_LLC);
        assert_int_equal(load(r, 0, d + 2, VS_REF_READ), VS_MEM_L2);
        /* a page ends where it ends: its neighbour's frame is another's */
        (void)load(r, 0, a + 63, VS_REF_READ);
        assert_true(load(r, 0, a + 64, VS_REF_READ) > VS_MEM_LLC);
        rig_destroy(r);
    }
}

static void test_a_next_line_that_the_llc_holds_is_left_there(void **state)
{
    (void)state;
    struct rig *r = prefetching(0);
    uint64_t a = 64u << 10, b = 64u << 11;
    bool dirty = false;
    (void)load(r, 0, a + 1, VS_REF_READ); /* place 1 has been asked for */
    (void)load(r, 1, b + 1, VS_REF_READ);
    assert_true(vs__memory_drop(&r->core[1].l2, b + 1, &dirty));
    assert_true(load(r, 0, b, VS_REF_READ) > VS_MEM_LLC);
    assert_int_equal(r->core[0].count[VS_CNT_memory_l2_prefetches], 0);
    assert_int_equal(load(r, 0, b + 1, VS_REF_READ), VS_MEM_LLC);
    rig_destroy(r);
}

static void test_a_miss_in_the_set_being_filled_waits_for_the_llc_too(void **state)
{
    (void)state;
    struct vs_memory_config cfg = usual();
    cfg.l1d_size = 32768; /* 64 sets of 8 */
    cfg.l1d_refill = 3;
    cfg.l2_size = 0;
    struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
    for (uint64_t i = 0; i < 32; i++) {
        (void)load(r, 0, 64 * i, VS_REF_READ);
    }
    (void)load(r, 0, 1, VS_REF_READ); /* another set */
    assert_int_equal(load(r, 0, 64, VS_REF_READ), VS_MEM_LLC);
    assert_int_equal(load(r, 0, 128, VS_REF_READ), VS_MEM_LLC_REFILL);
    rig_destroy(r);
}

static void test_the_history_of_places_lasts_two_epochs(void **state)
{
    (void)state;
    for (uint64_t last = 0; last < 2; last++) {
        struct rig *r = prefetching(1);
        (void)load(r, 0, 64u << 10 | 7u, VS_REF_READ); /* the first miss of the first epoch */
        for (uint64_t i = 1; i < 2u * EPOCH - 2u + last; i++) {
            (void)load(r, 0, (64u << 11) + 64u * i, VS_REF_READ);
        }
        (void)load(r, 0, 64u << 20 | 6u, VS_REF_READ); /* the last one of the second, or one on */
        uint32_t level = load(r, 0, 64u << 20 | 7u, VS_REF_READ);
        assert_true(last ? level > VS_MEM_LLC : level == VS_MEM_L2);
        rig_destroy(r);
    }
}

static void test_a_miss_in_the_set_being_filled_waits(void **state)
{
    (void)state;
    struct vs_memory_config cfg = usual();
    cfg.l1d_size = 32768; /* 64 sets of 8 */
    cfg.l1d_refill = 3;
    struct rig *r = rig_create(&cfg, vs_memory_variant[0]);
    for (uint64_t i = 0; i < 32; i++) {
        (void)load(r, 0, 64 * i, VS_REF_READ); /* 32 lines of set 0, 8 of which stay */
        (void)load(r, 0, 64 * i + 1, VS_REF_READ);
    }
    assert_int_equal(load(r, 0, 64, VS_REF_READ), VS_MEM_L2);
    assert_int_equal(load(r, 0, 128, VS_REF_READ), VS_MEM_L2_REFILL);
    assert_int_equal(load(r, 0, 192, VS_REF_WRITE), VS_MEM_L2_REFILL);
    assert_int_equal(load(r, 0, 193, VS_REF_READ), VS_MEM_L2); /* another set */
    assert_int_equal(load(r, 0, 256, VS_REF_READ), VS_MEM_L2); /* not the set of the last miss */
    (void)load(r, 0, 1000, (enum vs_ref)VS_MEM_REF_WALK);      /* by its end the set is filled */
    assert_int_equal(load(r, 0, 320, VS_REF_READ), VS_MEM_L2);
    assert_true(load(r, 0, 64u << 20, VS_REF_READ) > VS_MEM_LLC &&
                load(r, 0, 64u << 20, VS_REF_READ) == VS_MEM_L1);
    assert_int_equal(r->core[0].count[VS_CNT_memory_refills], 3);
    assert_int_equal(r->memory.ps[0][VS_MEM_L2_REFILL] - r->memory.ps[0][VS_MEM_L2], 3 * 500);
    assert_int_equal(r->memory.ps[0][VS_MEM_LLC_REFILL] - r->memory.ps[0][VS_MEM_LLC], 3 * 500);
    rig_destroy(r);
}

static void test_all_variants_count_alike(void **state)
{
    (void)state;
    uint64_t first[VS_CNT_memory_N];
    for (size_t v = 0; v < VS_MEMORY_VARIANTS; v++) {
        struct vs_memory_config cfg = usual();
        cfg.l2_size = 512u * LINE;
        cfg.l2_ways = 8;
        cfg.l2_hash = 3;
        cfg.llc_size = 1024u * LINE;
        cfg.llc_ways = 16;
        cfg.llc_hash = 4;
        cfg.llc_fill = 1;
        cfg.l1d_size = 16u * LINE;
        cfg.l2_prefetch = 1;
        cfg.l1d_refill = 2;
        struct rig *r = rig_create(&cfg, vs_memory_variant[v]);
        struct vs_rng rng;
        vs_rng_seed(&rng, 9, 0);
        for (int i = 0; i < 40000; i++) {
            (void)load(r, 0, vs_rng_below(&rng, 3000),
                       vs_rng_below(&rng, 3) ? VS_REF_READ : VS_REF_WRITE);
        }
        if (v == 0) {
            memcpy(first, r->core[0].count, sizeof first);
            assert_true(first[VS_CNT_memory_llc_writebacks] > 0);
            assert_true(first[VS_CNT_memory_llc_read_hits] > 0);
            assert_true(first[VS_CNT_memory_l2_prefetches] > 0);
            assert_true(first[VS_CNT_memory_refills] > 0);
        }
        assert_memory_equal(first, r->core[0].count, sizeof first);
        rig_destroy(r);
    }
}

static void test_what_cannot_be_built_is_refused(void **state)
{
    (void)state;
    struct vs_memory_config cfg = usual();
    struct vs_errors errors = {0}, more = {0}, last = {0}, bits = {0}, slices = {0};
    cfg.llc_slices = 18; /* the usual LLC has 32768 sets: 16 slices */
    vs_memory_check(&cfg, &slices);
    assert_int_equal(slices.n, 1);
    cfg.llc_slices = 16;
    vs_memory_check(&cfg, &slices);
    assert_int_equal(slices.n, 1);
    cfg.llc_hash = 3;
    vs_memory_check(&cfg, &slices);
    assert_int_equal(slices.n, 2);
    vs_errors_free(&slices);
    cfg = usual();
    cfg.llc_hash = 3; /* 2^k sets only: the usual LLC has 32768 */
    cfg.llc_size = 11ull * 3u * 1024u * LINE;
    vs_memory_check(&cfg, &errors);
    assert_int_equal(errors.n, 1);
    cfg = usual();
    cfg.llc_fill = 1;
    vs_memory_check(&cfg, &more);
    assert_int_equal(more.n, 0);
    cfg.llc_inclusive = true;
    vs_memory_check(&cfg, &more);
    assert_int_equal(more.n, 1);
    cfg.llc_inclusive = false;
    cfg.l2_size = 0;
    vs_memory_check(&cfg, &last);
    assert_int_equal(last.n, 1);
    for (cfg = usual(); cfg.l2_hash <= 11; cfg.l2_hash++) { /* the usual L2 has 2^10 sets */
        assert_int_equal(bits.n, 0);
        vs_memory_check(&cfg, &bits);
    }
    assert_int_equal(bits.n, 1);
    vs_errors_free(&bits);
    vs_errors_free(&errors);
    vs_errors_free(&more);
    vs_errors_free(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capacities_of_l2_and_llc_add_up),
        cmocka_unit_test(test_a_line_is_in_l2_or_in_the_llc),
        cmocka_unit_test(test_dirty_lines_reach_memory_once),
        cmocka_unit_test(test_another_cores_l2_answers_for_the_llc),
        cmocka_unit_test(test_a_hash_is_its_own_inverse_and_keeps_the_tag),
        cmocka_unit_test(test_slices_of_any_number_hold_each_line_once),
        cmocka_unit_test(test_an_llc_of_18_slices_holds_all_its_lines),
        cmocka_unit_test(test_lines_a_page_apart_reach_the_sets_that_are_hashed),
        cmocka_unit_test(test_the_next_line_comes_where_its_place_in_a_page_was_asked_for),
        cmocka_unit_test(test_a_next_line_that_the_llc_holds_is_left_there),
        cmocka_unit_test(test_a_miss_in_the_set_being_filled_waits_for_the_llc_too),
        cmocka_unit_test(test_the_history_of_places_lasts_two_epochs),
        cmocka_unit_test(test_a_miss_in_the_set_being_filled_waits),
        cmocka_unit_test(test_all_variants_count_alike),
        cmocka_unit_test(test_what_cannot_be_built_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
