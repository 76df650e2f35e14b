/* SPDX-License-Identifier: MIT */
/* Laws of the set-associative table; the oracle is a list with time stamps. */
#include "effort.h"
#include "virtsim/settab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct slow {
    struct {
        uint64_t key, payload, stamp;
        bool valid;
    } e[4096];
    uint32_t sets, ways;
    bool fifo;
    uint64_t clock;
};

static bool slow_find(struct slow *s, uint64_t key, uint64_t *payload)
{
    for (uint32_t w = 0; w < s->ways; w++) {
        uint64_t i = key % s->sets * s->ways + w;
        if (s->e[i].valid && s->e[i].key == key) {
            *payload = s->e[i].payload;
            if (!s->fifo) {
                s->e[i].stamp = ++s->clock;
            }
            return true;
        }
    }
    return false;
}

static bool slow_fill(struct slow *s, uint64_t key, uint64_t payload, uint64_t *evicted)
{
    uint64_t first = key % s->sets * s->ways, victim = first;
    for (uint32_t w = 0; w < s->ways; w++) {
        if (!s->e[first + w].valid) {
            victim = first + w;
            break;
        }
        if (s->e[first + w].stamp < s->e[victim].stamp) {
            victim = first + w;
        }
    }
    bool was = s->e[victim].valid;
    *evicted = s->e[victim].key;
    s->e[victim].key = key;
    s->e[victim].payload = payload;
    s->e[victim].valid = true;
    s->e[victim].stamp = ++s->clock;
    return was;
}

static void against_stamps(uint32_t entries, uint32_t ways, enum vs_policy policy,
                           const char *variant)
{
    struct vs_settab t;
    struct slow *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_int_equal(vs_settab_init(&t, entries, ways, policy, 1), VS_OK);
    if (!vs_settab_use(&t, variant)) {
        skip(); /* tables of the host's own variant have passed */
    }
    s->ways = ways ? ways : entries;
    s->sets = entries / s->ways;
    s->fifo = policy == VS_POLICY_FIFO;
    struct vs_rng r;
    vs_rng_seed(&r, 7, entries);
    for (uint64_t i = 0, n = effort(60000); i < n; i++) {
        uint64_t key = vs_rng_below(&r, entries * 2u) + (i % 3 == 0 ? 1ull << 61 : 0), want = 0,
                 evicted = 0, gone = 0;
        if (vs_rng_below(&r, 16) == 0) {
            bool dropped = false;
            for (uint32_t w = 0; w < s->ways; w++) {
                uint64_t at = key % s->sets * s->ways + w;
                dropped = dropped || (s->e[at].valid && s->e[at].key == key);
                s->e[at].valid = s->e[at].valid && s->e[at].key != key;
            }
            assert_int_equal(vs_settab_drop(&t, key), dropped);
            continue;
        }
        uint64_t *got = vs_settab_find(&t, key);
        bool hit = slow_find(s, key, &want);
        assert_int_equal(got != NULL, hit);
        if (got) {
            assert_int_equal(*got, want);
            assert_ptr_equal(vs_settab_peek(&t, key), got);
        } else {
            bool slow_evicts = slow_fill(s, key, (uint64_t)i, &evicted);
            if (i & 1) { /* what had to leave shows in what is no longer there */
                vs_settab_put(&t, key, (uint64_t)i);
                assert_true(!slow_evicts || !vs_settab_peek(&t, evicted));
                const uint64_t *there = vs_settab_peek(&t, key);
                assert_true(there && *there == (uint64_t)i);
                continue;
            }
            assert_int_equal(vs_settab_fill(&t, key, (uint64_t)i, &gone, NULL), slow_evicts);
            assert_true(!slow_evicts || gone == evicted);
        }
    }
    uint64_t used = 0;
    for (uint32_t i = 0; i < entries; i++) {
        used += s->e[i].valid;
    }
    assert_int_equal(vs_settab_used(&t), used);
    vs_settab_free(&t);
    free(s);
}

static void lru_and_fifo_equal_time_stamps_for_any_number_of_sets_and_ways(void **state)
{
    (void)state;
    static const uint32_t shape[][2] = {
        {1536, 12}, {1536, 6}, {1408, 11}, {64, 4}, {64, 8}, {512, 16}, {48, 24}, {64, 0},  {36, 0},
        {21, 0},    {7, 1},    {7, 0},     {12, 3}, {1, 1},  {100, 5},  {32, 0},  {256, 32}};
    for (uint32_t v = VS_SETTAB_VARIANTS; v--;) { /* those not every host has come last */
        for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
            against_stamps(shape[i][0], shape[i][1], VS_POLICY_LRU, vs_settab_variant[v]);
            against_stamps(shape[i][0], shape[i][1], VS_POLICY_FIFO, vs_settab_variant[v]);
        }
    }
}

static void set_is_key_modulo_sets_without_a_division(void **state)
{
    (void)state;
    struct vs_rng r;
    vs_rng_seed(&r, 3, 3);
    for (uint64_t n = 1; n < 5000; n += n < 200 ? 1 : 97) {
        struct vs_divider d = vs_divider_of(n);
        for (int i = 0; i < 300; i++) {
            uint64_t x = vs_rng_next(&r) >> (vs_rng_next(&r) % 64u), rest;
            assert_int_equal(vs_div(&d, x, &rest), x / n);
            assert_int_equal(rest, x % n);
        }
        uint64_t rest;
        assert_int_equal(vs_div(&d, UINT64_MAX, &rest), UINT64_MAX / n);
        assert_int_equal(rest, UINT64_MAX % n);
    }
}

static void tree_plru_victim_is_never_the_most_recent_and_holes_fill_first(void **state)
{
    (void)state;
    static const uint32_t ways[] = {2, 4, 6, 8, 11, 12, 16, 100};
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        struct vs_settab t;
        struct vs_rng r;
        vs_rng_seed(&r, 5, k);
        assert_int_equal(vs_settab_init(&t, ways[k], 0, VS_POLICY_TREE_PLRU, 1), VS_OK);
        uint64_t gone;
        for (uint64_t i = 0; i < ways[k]; i++) {
            assert_false(vs_settab_fill(&t, i, i, NULL, NULL));
        }
        for (uint64_t i = 0; i < 2000; i++) {
            uint64_t last = i + ways[k] - 1u, touched = i + vs_rng_below(&r, ways[k]);
            if (vs_settab_find(&t, touched)) {
                last = touched;
            }
            assert_true(vs_settab_fill(&t, i + ways[k], 0, &gone, NULL));
            assert_int_not_equal(gone, last);
        }
        vs_settab_free(&t);
    }
}

/* 4 ways, filled with 0 1 2 3, each in the half that the one before it is not in, then 0 touched:
 * the tree points at the half of 1 and 3, there at 1. */
static void tree_plru_follows_the_tree(void **state)
{
    (void)state;
    struct vs_settab t;
    uint64_t gone = 99;
    assert_int_equal(vs_settab_init(&t, 4, 4, VS_POLICY_TREE_PLRU, 1), VS_OK);
    for (uint64_t i = 0; i < 4; i++) {
        vs_settab_fill(&t, i, 0, NULL, NULL);
    }
    assert_non_null(vs_settab_find(&t, 0));
    assert_true(vs_settab_fill(&t, 4, 0, &gone, NULL));
    assert_int_equal(gone, 1);
    vs_settab_free(&t);
}

static void random_depends_on_the_seed_only(void **state)
{
    (void)state;
    struct vs_settab t[3];
    uint64_t differ = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vs_settab_init(&t[i], 64, 8, VS_POLICY_RANDOM, i == 2 ? 9 : 4), VS_OK);
    }
    for (uint64_t key = 0; key < 4000; key++) {
        uint64_t gone[3] = {0, 0, 0};
        for (int i = 0; i < 3; i++) {
            vs_settab_fill(&t[i], key * 2654435761u % 1000003u, key, &gone[i], NULL);
        }
        assert_int_equal(gone[0], gone[1]);
        differ += gone[0] != gone[2];
    }
    assert_true(differ > 100);
    for (int i = 0; i < 3; i++) {
        vs_settab_free(&t[i]);
    }
}

static bool odd(void *ctx, uint64_t key, uint64_t payload)
{
    (void)ctx;
    assert_int_equal(payload, key + 1u);
    return key & 1u;
}

static void drop_if_drops_exactly_the_chosen(void **state)
{
    (void)state;
    for (int policy = 0; policy <= VS_POLICY_FIFO; policy++) {
        struct vs_settab t;
        assert_int_equal(vs_settab_init(&t, 96, 12, (enum vs_policy)policy, 1), VS_OK);
        for (uint64_t k = 0; k < 96; k++) {
            vs_settab_fill(&t, k, k + 1u, NULL, NULL);
        }
        assert_int_equal(vs_settab_drop_if(&t, odd, NULL), 48);
        assert_int_equal(vs_settab_used(&t), 48);
        for (uint64_t k = 0; k < 96; k++) {
            assert_int_equal(vs_settab_peek(&t, k) != NULL, !(k & 1u));
        }
        vs_settab_clear(&t);
        assert_int_equal(vs_settab_used(&t), 0);
        assert_null(vs_settab_find(&t, 2));
        vs_settab_free(&t);
    }
}

static void an_absent_structure_never_hits(void **state)
{
    (void)state;
    struct vs_settab t;
    assert_int_equal(vs_settab_init(&t, 0, 0, VS_POLICY_LRU, 1), VS_OK);
    assert_false(vs_settab_fill(&t, 5, 6, NULL, NULL));
    assert_null(vs_settab_find(&t, 5));
    assert_false(vs_settab_drop(&t, 5));
    vs_settab_free(&t);
}

static void filling_what_is_there_changes_its_payload_and_evicts_nothing(void **state)
{
    (void)state;
    for (int policy = VS_POLICY_LRU; policy <= VS_POLICY_FIFO; policy++) {
        for (uint32_t ways = 1; ways <= 64; ways *= 4) {
            struct vs_settab t;
            assert_int_equal(vs_settab_init(&t, ways, ways, (enum vs_policy)policy, 1), VS_OK);
            for (uint64_t key = 0; key < ways; key++) {
                (void)vs_settab_fill(&t, key, key, NULL, NULL);
            }
            for (uint64_t key = 0; key < ways; key++) {
                assert_false(vs_settab_fill(&t, key, key + 100, NULL, NULL));
                assert_int_equal(*vs_settab_peek(&t, key), key + 100);
            }
            assert_int_equal(vs_settab_used(&t), ways);
            vs_settab_free(&t);
        }
    }
}

static void impossible_shapes_are_refused(void **state)
{
    (void)state;
    struct vs_settab t;
    assert_int_equal(vs_settab_init(&t, 10, 4, VS_POLICY_LRU, 1), VS_E_CONFIG);
    assert_int_equal(vs_settab_init(&t, 4, 8, VS_POLICY_LRU, 1), VS_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lru_and_fifo_equal_time_stamps_for_any_number_of_sets_and_ways),
        cmocka_unit_test(set_is_key_modulo_sets_without_a_division),
        cmocka_unit_test(tree_plru_victim_is_never_the_most_recent_and_holes_fill_first),
        cmocka_unit_test(tree_plru_follows_the_tree),
        cmocka_unit_test(random_depends_on_the_seed_only),
        cmocka_unit_test(drop_if_drops_exactly_the_chosen),
        cmocka_unit_test(an_absent_structure_never_hits),
        cmocka_unit_test(filling_what_is_there_changes_its_payload_and_evicts_nothing),
        cmocka_unit_test(impossible_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
