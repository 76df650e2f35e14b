/* SPDX-License-Identifier: MIT */
/* Laws of the policies that keep trees: the oracle goes down and up its trees by halving ranges of
 * ways that never move; and what was seen on processors (TLB;DR, USENIX Security 2022). */
#include "effort.h"
#include "virtsim/settab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAYS 128u

/* One set. right[g][first][span]: the half of ways first .. first + span - 1 of group g that gives
 * up an entry. */
struct plain {
    uint64_t key[WAYS], payload[WAYS];
    bool valid[WAYS], right[3][WAYS][WAYS + 1u];
    uint32_t ways, groups, leaves;
    uint32_t recent; /* group that was touched last */
};

static void plain_touch(struct plain *p, uint32_t way)
{
    uint32_t each = p->ways / p->groups, group = way / each, w = way % each, first = 0;
    p->recent = group;
    for (uint32_t span = p->leaves; span > 1u; span /= 2u) {
        bool in_right = w >= first + span / 2u;
        p->right[group][first][span] = !in_right;
        first += in_right ? span / 2u : 0;
    }
}

static bool holes(const struct plain *p, uint32_t group, uint32_t first, uint32_t span)
{
    uint32_t each = p->ways / p->groups;
    for (uint32_t w = first; w < first + span && w < each; w++) {
        if (!p->valid[group * each + w]) {
            return true;
        }
    }
    return false;
}

static uint32_t plain_choose(const struct plain *p)
{
    uint32_t each = p->ways / p->groups, group = p->groups > 1u ? (p->recent + 1u) % p->groups : 0,
             first = 0;
    bool any = false;
    for (uint32_t g = 0; g < p->groups; g++) {
        any = any || holes(p, g, 0, each);
    }
    if (any && p->groups == 1u &&
        (p->leaves != p->ways || p->ways > 16u)) { /* the first free one */
        while (p->valid[first]) {
            first++;
        }
        return first;
    }
    while (any && !holes(p, group, 0, each)) {
        group = (group + 1u) % p->groups;
    }
    for (uint32_t span = p->leaves, half; span > 1u; span = half) {
        half = span / 2u;
        bool right = p->right[group][first][span] && first + half < each;
        if (any && !holes(p, group, right ? first + half : first, half)) {
            right = !right;
        }
        first += right ? half : 0;
    }
    return group * each + first;
}

static uint32_t plain_way(const struct plain *p, uint64_t key)
{
    uint32_t w = 0;
    while (w < p->ways && !(p->valid[w] && p->key[w] == key)) {
        w++;
    }
    return w;
}

/* Hits, fills and drops of random keys of one set: the same hits, payloads and victims. */
static void against_plain(uint32_t ways, enum vs_policy policy, const char *variant)
{
    struct vs_settab t;
    struct plain *p = calloc(1, sizeof *p);
    struct vs_rng r;
    const uint32_t sets = 4, set = 3;
    assert_non_null(p);
    assert_int_equal(vs_settab_init(&t, sets * ways, ways, policy, 1), VS_OK);
    if (!vs_settab_use(&t, variant)) {
        skip();
    }
    p->ways = ways;
    p->groups = policy == VS_POLICY_MRU3_PLRU ? 3u : 1u;
    p->recent = p->groups - 1u; /* nobody: the first to be filled is the first group */
    for (p->leaves = 1; p->leaves < ways / p->groups;) {
        p->leaves *= 2u;
    }
    vs_rng_seed(&r, 11, ways);
    for (uint64_t i = 0, n = effort(40000); i < n; i++) {
        uint64_t key = vs_rng_below(&r, ways + ways / 2u + 2u) * sets + set;
        uint32_t w = plain_way(p, key);
        if (vs_rng_below(&r, 40) == 0) {
            assert_int_equal(vs_settab_drop(&t, key), w < ways);
            p->valid[w % WAYS] = false;
            continue;
        }
        uint64_t *got = vs_settab_find(&t, key), gone = 0;
        assert_int_equal(got != NULL, w < ways);
        if (got) {
            assert_int_equal(*got, p->payload[w]);
        } else {
            w = plain_choose(p);
            bool evicts = p->valid[w];
            uint64_t victim = p->key[w];
            p->key[w] = key;
            p->payload[w] = i;
            p->valid[w] = true;
            if (i % 2u) { /* as a walk fills, which asks for no victim */
                vs_settab_put(&t, key, i);
                assert_null(evicts ? vs_settab_peek(&t, victim) : NULL);
            } else {
                assert_int_equal(vs_settab_fill(&t, key, i, &gone, NULL), evicts);
                assert_true(!evicts || gone == victim);
            }
        }
        plain_touch(p, w);
        if (t.at_once) { /* what was touched last is seen first */
            const uint64_t *first = vs_settab_peek_first(&t, key);
            assert_true(first && *first == p->payload[w]);
        }
    }
    vs_settab_free(&t);
    free(p);
}

static void trees_hit_and_evict_what_trees_of_ways_that_stay_do(void **state)
{
    (void)state;
    static const uint32_t trees[] = {1, 2, 4, 5, 8, 11, 12, 16, 32, 100},
                          groups[] = {3, 6, 12, 24, 48};
    for (uint32_t v = VS_SETTAB_VARIANTS; v--;) {
        for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
            against_plain(trees[i], VS_POLICY_TREE_PLRU, vs_settab_variant[v]);
        }
        for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
            against_plain(groups[i], VS_POLICY_MRU3_PLRU, vs_settab_variant[v]);
        }
    }
}

/* Pages of one set, after others have filled it: whether the first is gone before its last touch.
 */
static bool evicts(uint32_t ways, enum vs_policy policy, const uint8_t *page, size_t n)
{
    struct vs_settab t;
    assert_int_equal(vs_settab_init(&t, ways, ways, policy, 1), VS_OK);
    for (uint64_t other = 0; other < 5u * ways; other++) {
        vs_settab_fill(&t, 1000u + other, 0, NULL, NULL);
    }
    for (size_t i = 0; i + 1u < n; i++) {
        vs_settab_fill(&t, page[i], 0, NULL, NULL);
    }
    bool gone = !vs_settab_find(&t, page[n - 1u]);
    vs_settab_free(&t);
    return gone;
}

/* C1145, C1146: the sequences by which the policies were told from others on Kaby Lake. Under LRU
 * three and five other pages leave a page in 4 and 12 ways, and 12 of them push it out. */
static void sequences_seen_on_kaby_lake_evict_and_keep_as_they_did_there(void **state)
{
    (void)state;
    static const uint8_t gone4[] = {0, 1, 2, 1, 3, 0}, gone12[] = {0, 1, 2, 3, 2, 4, 3, 2, 5, 0};
    uint8_t kept4[77] = {0, 1, 2, 3}, kept12[69];
    for (uint8_t i = 4, page = 4; i < 76; page++) { /* 2 4 2 5 ... 2 39 */
        kept4[i++] = 2;
        kept4[i++] = page;
    }
    kept4[76] = 0;
    for (uint8_t i = 0; i < 12; i++) { /* 0 to 11, then 1 12 4 13 7 14 10 15 1 16 ... 10 39 */
        kept12[i] = i;
    }
    for (uint8_t i = 0; i < 28; i++) {
        kept12[12 + 2 * i] = (uint8_t)(1 + 3 * (i % 4));
        kept12[13 + 2 * i] = (uint8_t)(12 + i);
    }
    kept12[68] = 0;
    assert_true(evicts(4, VS_POLICY_TREE_PLRU, gone4, sizeof gone4));
    assert_false(evicts(4, VS_POLICY_LRU, gone4, sizeof gone4));
    assert_false(evicts(4, VS_POLICY_TREE_PLRU, kept4, sizeof kept4));
    assert_true(evicts(4, VS_POLICY_LRU, kept4, sizeof kept4));
    assert_true(evicts(12, VS_POLICY_MRU3_PLRU, gone12, sizeof gone12));
    assert_false(evicts(12, VS_POLICY_LRU, gone12, sizeof gone12));
    assert_false(evicts(12, VS_POLICY_MRU3_PLRU, kept12, sizeof kept12));
    assert_true(evicts(12, VS_POLICY_LRU, kept12, sizeof kept12));
}

static void three_groups_need_three_times_a_power_of_two_of_ways(void **state)
{
    (void)state;
    struct vs_settab t;
    static const uint32_t wrong[] = {1, 4, 9, 15, 16};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(vs_settab_init(&t, wrong[i], wrong[i], VS_POLICY_MRU3_PLRU, 1),
                         VS_E_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_hit_and_evict_what_trees_of_ways_that_stay_do),
        cmocka_unit_test(sequences_seen_on_kaby_lake_evict_and_keep_as_they_did_there),
        cmocka_unit_test(three_groups_need_three_times_a_power_of_two_of_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
