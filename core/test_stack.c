/* SPDX-License-Identifier: MIT */
/* One pass over what a table is asked for tells its hits at every size: as tables of each size say,
 * one by one, with entries that are dropped in between. */
#include "virtsim/stack.h"
#include "virtsim/rng.h"

#include "effort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t counted;

static uint64_t hits(const void *ctx)
{
    (void)ctx;
    return counted;
}

#define KEYS 300u

static bool third(void *ctx, uint64_t key, uint64_t payload)
{
    (void)payload;
    return key % 3u == *(uint64_t *)ctx;
}

/* The same requests for a table; a right may be missing: then it is found and not counted. */
static uint64_t requests(struct vs_settab *t, uint64_t seed, bool watched)
{
    struct vs_rng rng;
    uint64_t n = 0;
    vs_rng_seed(&rng, seed, 1);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t hot = vs_rng_below(&rng, 2) ? 20u : KEYS, key = vs_rng_below(&rng, hot) * 7u,
                 what = vs_rng_below(&rng, 1000), kind = vs_rng_below(&rng, 3);
        bool wanted = vs_rng_below(&rng, 10) != 0;
        if (what < 8) {
            (void)vs_settab_drop(t, key);
        } else if (what < 10) {
            (void)vs_settab_drop_if(t, third, &kind);
        } else if (what < 11 && i % 5u == 0) {
            vs_settab_clear(t);
        } else if (!vs_settab_find(t, key)) {
            vs_settab_put(t, key, 1);
        } else if (wanted) {
            n++;
            counted += watched;
        }
    }
    return n;
}

static void at_every_size(uint64_t sets)
{
    for (uint64_t seed = 1; seed <= effort(6); seed++) {
        struct vs_settab t;
        size_t n;
        uint64_t all = 0;
        counted = 0;
        struct vs_watch *w = vs_watch_create(&sets, 1, hits, NULL);
        assert_int_equal(vs_settab_init(&t, (uint32_t)sets * 2u, 2, VS_POLICY_LRU, 1), VS_OK);
        vs_settab_watch(&t, w);
        uint64_t most = requests(&t, seed, true);
        const uint64_t *depth = vs_watch_depths(w, 0, &n);
        vs_settab_free(&t);
        for (uint32_t ways = 1; ways <= KEYS / sets + 2u; ways++) {
            all += ways < n ? depth[ways] : 0;
            assert_int_equal(vs_settab_init(&t, (uint32_t)sets * ways, ways, VS_POLICY_LRU, 1),
                             VS_OK);
            assert_int_equal(requests(&t, seed, false), all);
            vs_settab_free(&t);
        }
        assert_int_equal(all, most);
        vs_watch_free(w);
    }
}

static void hits_of_a_fully_associative_table_at_every_size(void **state)
{
    (void)state;
    at_every_size(1);
}

static void hits_by_ways_at_a_fixed_number_of_sets(void **state)
{
    (void)state;
    at_every_size(8);
    at_every_size(11);
}

static void depths_are_those_of_a_list(void **state)
{
    (void)state;
    struct vs_stack *s = vs_stack_create(1);
    uint32_t list[64], n = 0;
    struct vs_rng rng;
    vs_rng_seed(&rng, 5, 1);
    for (unsigned i = 0; i < 50000; i++) {
        uint32_t id = (uint32_t)vs_rng_below(&rng, 64), at = 0;
        while (at < n && list[at] != id) {
            at++;
        }
        assert_int_equal(vs_stack_touch(s, 0, id), at < n ? at + 1u : 0);
        n += at == n;
        for (; at; at--) {
            list[at] = list[at - 1u];
        }
        list[0] = id;
    }
    vs_stack_free(s);
}

static void several_numbers_of_sets_in_one_pass(void **state)
{
    (void)state;
    const uint64_t sets[] = {1, 4, 16};
    struct vs_settab t;
    counted = 0;
    struct vs_watch *w = vs_watch_create(sets, 3, hits, NULL);
    assert_int_equal(vs_settab_init(&t, 16, 4, VS_POLICY_LRU, 1), VS_OK);
    vs_settab_watch(&t, w);
    (void)requests(&t, 9, true);
    vs_settab_free(&t);
    for (size_t k = 0; k < 3; k++) {
        size_t n;
        const uint64_t *depth = vs_watch_depths(w, k, &n);
        uint64_t all = 0;
        for (uint32_t ways = 1; ways <= 5; ways++) {
            all += ways < n ? depth[ways] : 0;
        }
        assert_int_equal(vs_settab_init(&t, (uint32_t)sets[k] * 5u, 5, VS_POLICY_LRU, 1), VS_OK);
        assert_int_equal(requests(&t, 9, false), all);
        vs_settab_free(&t);
    }
    vs_watch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_are_those_of_a_list),
        cmocka_unit_test(hits_of_a_fully_associative_table_at_every_size),
        cmocka_unit_test(hits_by_ways_at_a_fixed_number_of_sets),
        cmocka_unit_test(several_numbers_of_sets_in_one_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
