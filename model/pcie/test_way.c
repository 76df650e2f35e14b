/* SPDX-License-Identifier: MIT */
/* One direction of a link against a plain account of what it carries. */
#include "pcie/way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TIME 400u

/* The first time from `at` on at which `ps` are free, by looking at each picosecond. */
static uint64_t plain(bool *busy, uint64_t at, uint64_t ps)
{
    for (uint64_t start = at;; start++) {
        uint64_t k = 0;
        while (k < ps && !busy[start + k]) {
            k++;
        }
        if (k == ps) {
            for (k = 0; k < ps; k++) {
                busy[start + k] = true;
            }
            return start;
        }
    }
}

static void a_packet_gets_the_first_time_that_is_free_for_it(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 500; round++) {
        struct vs_way w = {.n = 0};
        bool busy[TIME * 8] = {false};
        for (unsigned i = 0; i < 40; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint64_t at = (seed >> 8) % TIME, ps = 1 + (seed >> 20) % 17;
            assert_int_equal(vs_way_grant(&w, at, ps), plain(busy, at, ps));
        }
    }
}

/* Under load without a gap it is one stretch, however long it lasts. */
static void a_full_link_is_one_stretch(void **state)
{
    (void)state;
    struct vs_way w = {.n = 0};
    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(vs_way_grant(&w, i * 3, 5), i * 5);
    }
    assert_int_equal(w.n, 1);
    assert_int_equal(vs_way_end(&w), 50000);
}

/* What is forgotten is the oldest. */
static void the_latest_stretches_are_kept(void **state)
{
    (void)state;
    struct vs_way w = {.n = 0};
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(vs_way_grant(&w, i * 10, 5), i * 10);
    }
    assert_int_equal(w.n, VS_WAY_SPANS);
    assert_int_equal(vs_way_grant(&w, 9940, 5), 9945);
    assert_int_equal(vs_way_grant(&w, 9940, 6), 9995);
}

/* However often it has begun anew with what it remembers, gaps before the end are still granted. */
static void gaps_are_granted_as_long_as_they_are_remembered(void **state)
{
    (void)state;
    static bool busy[60000];
    struct vs_way w = {.n = 0};
    uint32_t seed = 7;
    for (uint64_t i = 0; i < 3000; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint64_t back = (seed >> 8) % 4 ? 0 : (seed >> 12) % 120, at = 200 + i * 17 - back,
                 ps = 1 + (seed >> 20) % 9;
        assert_int_equal(vs_way_grant(&w, at, ps), plain(busy, at, ps));
        assert_true(w.n <= VS_WAY_SPANS);
    }
}

/* What took another time than it was granted for leaves free, or takes, what is behind it. */
static void a_grant_ends_when_it_ends(void **state)
{
    (void)state;
    uint32_t seed = 3;
    for (unsigned round = 0; round < 500; round++) {
        struct vs_way w = {.n = 0};
        bool busy[TIME * 8] = {false};
        for (unsigned i = 0; i < 20; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint64_t at = (seed >> 8) % TIME, ps = 1 + (seed >> 20) % 16, took = (seed >> 25) % 40;
            uint64_t from = vs_way_grant(&w, at, ps);
            assert_int_equal(from, plain(busy, at, ps));
            vs_way_correct(&w, from, ps, from + took);
            for (uint64_t k = took < ps ? took : ps; k < (took < ps ? ps : took); k++) {
                busy[from + k] = took > ps;
            }
        }
        assert_int_equal(vs_way_grant(&w, 0, 9), plain(busy, 0, 9));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_gets_the_first_time_that_is_free_for_it),
        cmocka_unit_test(a_full_link_is_one_stretch),
        cmocka_unit_test(the_latest_stretches_are_kept),
        cmocka_unit_test(gaps_are_granted_as_long_as_they_are_remembered),
        cmocka_unit_test(a_grant_ends_when_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
