/* SPDX-License-Identifier: MIT */
/* Laws of a sweep's points: which values a list has, and which points several lists make. */
#include "sweep/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The values of "x=TEXT", joined by blanks; "refused: WHY" when there are none. */
static const char *values(const char *text)
{
    static char out[4000];
    static struct vs_sweep s;
    char axis[300];
    struct vs_errors e = {NULL, 0};
    size_t at = 0;
    snprintf(axis, sizeof axis, "x=%s", text);
    *out = '\0';
    if (vs_sweep_axis(&s, axis, "", &e)) {
        assert_int_equal(e.n, 1);
        snprintf(out, sizeof out, "refused: %s", e.text[0]);
    }
    for (size_t i = 0; !e.n && i < s.axis[0].n; i++) {
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", i ? " " : "", s.axis[0].value[i]);
    }
    vs_errors_free(&e);
    vs_sweep_free(&s);
    return out;
}

static void refused(const char *text, const char *why)
{
    const char *got = values(text);
    if (strncmp(got, "refused: ", 9) != 0 || !strstr(got, why)) {
        fail_msg("%s: %s", text, got);
    }
}

static void test_a_range_goes_from_the_first_to_the_last_and_never_beyond(void **state)
{
    (void)state;
    assert_string_equal(values("8:64:+8"), "8 16 24 32 40 48 56 64");
    assert_string_equal(values("8:63:+8"), "8 16 24 32 40 48 56");
    assert_string_equal(values("1:100:x3"), "1 3 9 27 81");
    assert_string_equal(values("5:5:+1"), "5");
    assert_string_equal(values("0:3:+1"), "0 1 2 3");
    assert_string_equal(values("18446744073709551614:18446744073709551615:+1"),
                        "18446744073709551614 18446744073709551615");
}

static void test_a_range_goes_down_where_it_says_so(void **state)
{
    (void)state;
    assert_string_equal(values("64:8:-8"), "64 56 48 40 32 24 16 8");
    assert_string_equal(values("10:0:-4"), "10 6 2");
    assert_string_equal(values("4:0:-2"), "4 2 0");
    assert_string_equal(values("16GiB:1GiB:/2"), "16GiB 8GiB 4GiB 2GiB 1GiB");
    assert_string_equal(values("100:1:/3"), "100 33 11 4 1");
    assert_string_equal(values("5:5:-1"), "5");
    refused("8:64:-8", "ends above its first value");
    refused("64:8:+8", "FIRST:LAST:-STEP");
    refused("8:0:/2", "does not advance");
    refused("64:8:-0", "does not advance");
    refused("64:8:/1", "does not advance");
}

static void test_a_factor_and_a_time_may_have_a_fraction(void **state)
{
    (void)state;
    assert_string_equal(values("8:64:x1.5"), "8 12 18 27 41 61");
    assert_string_equal(values("1:4:x1.25"), "1 2 3 4");
    assert_string_equal(values("1GiB:4GiB:x1.5"), "1GiB 1536MiB 2304MiB 3456MiB");
    assert_string_equal(values("0.5ns:2ns:+0.5ns"), "0.5ns 1ns 1.5ns 2ns");
    assert_string_equal(values("2ns:1ns:-0.25ns"), "2ns 1.75ns 1.5ns 1.25ns 1ns");
    assert_string_equal(values("1ns:4ns:x1.5"), "1ns 1.5ns 2.25ns 3.375ns");
    assert_string_equal(values("0.5GiB:2GiB:+0.5GiB"), "512MiB 1GiB 1536MiB 2GiB");
    assert_string_equal(values("18446744073709551615:1:/18446744073709551615"),
                        "18446744073709551615 1");
    refused("8:64:+0.5", "a fraction of what is counted in whole numbers");
    refused("0.1234567ns:1ns:+1ns", "is not FIRST:LAST");
    refused("1.ns:2ns:+1ns", "is not FIRST:LAST");
}

static void test_a_range_keeps_its_unit(void **state)
{
    (void)state;
    assert_string_equal(values("1GiB:16GiB:x2"), "1GiB 2GiB 4GiB 8GiB 16GiB");
    assert_string_equal(values("512MiB:2GiB:x2"), "512MiB 1GiB 2GiB");
    assert_string_equal(values("1GiB:2GiB:+512MiB"), "1GiB 1536MiB 2GiB");
    assert_string_equal(values("4K:16K:x2"), "4K 8K 16K");
    assert_string_equal(values("10ns:30ns:+10ns"), "10ns 20ns 30ns");
    refused("10ns:30us:+10ns", "different units");
    refused("10ns:30ns:x2ns", "different units");
}

static void test_lists_and_ranges_mix(void **state)
{
    (void)state;
    assert_string_equal(values("0,16:64:x2,100"), "0 16 32 64 100");
    assert_string_equal(values("0,16,32"), "0 16 32");
    refused("8,8:64:+8", "given twice");
    refused("1MiB,1024KiB", "given twice");
}

static void test_a_step_that_does_not_advance_is_refused(void **state)
{
    (void)state;
    refused("8:64:+0", "does not advance");
    refused("8:64:x1", "does not advance");
    refused("8:64:x0", "does not advance");
    refused("0:64:x2", "does not advance");
    refused("64:8:+8", "ends below its first value");
    refused("8:64", "FIRST:LAST:xFACTOR");
    refused("8:64:8", "FIRST:LAST:xFACTOR");
    refused("a:b:x2", "FIRST:LAST:xFACTOR");
    refused("1::x2", "FIRST:LAST:xFACTOR");
    refused("1,,2", "empty value");
    refused("1:100000000:+1", "over 10000 values, which is the limit; a larger step");
}

static void test_names_may_hold_colons(void **state)
{
    (void)state;
    static struct vs_sweep s;
    struct vs_errors e = {NULL, 0};
    assert_int_equal(vs_sweep_axis(&s, "input=a:b:x2,c.lua", "", &e), VS_OK);
    assert_string_equal(s.axis[0].value[0], "a:b:x2");
    vs_sweep_free(&s);
}

/* A settled sweep of these axes, zips and sample as text: "a b|a b|..."; or why not. */
static const char *points(const char *const *axes, const char *zip, uint64_t random, uint64_t seed,
                          unsigned seeds)
{
    static char out[8000];
    static struct vs_sweep s;
    struct vs_errors e = {NULL, 0};
    size_t at = 0;
    *out = '\0';
    for (; *axes; axes++) {
        vs_sweep_axis(&s, *axes, "", &e);
    }
    if (zip) {
        vs_sweep_zip(&s, zip, &e);
    }
    s.random = random;
    s.random_seed = seed;
    s.seeds = seeds;
    s.base.options.seed = 1;
    if (vs_sweep_settle(&s, &e)) {
        snprintf(out, sizeof out, "refused: %s", e.n ? e.text[0] : "");
    }
    for (size_t i = 0; !e.n && i < s.points; i++) {
        at += (size_t)snprintf(out + at, sizeof out - at, "%s", i ? "|" : "");
        for (unsigned a = 0; a < s.n_axes; a++) {
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", a ? " " : "",
                                   vs_sweep_value(&s, i, a));
        }
        if (seeds > 1) {
            at +=
                (size_t)snprintf(out + at, sizeof out - at, " s%u", (unsigned)vs_sweep_seed(&s, i));
        }
    }
    vs_errors_free(&e);
    vs_sweep_free(&s);
    return out;
}
#define AXES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_every_combination_the_last_axis_fastest_seeds_fastest_of_all(void **state)
{
    (void)state;
    assert_string_equal(points(AXES("a=1,2", "b=3,4"), NULL, 0, 1, 1), "1 3|1 4|2 3|2 4");
    assert_string_equal(points(AXES("a=1,2"), NULL, 0, 1, 2), "1 s1|1 s2|2 s1|2 s2");
}

static void test_zipped_axes_go_together(void **state)
{
    (void)state;
    assert_string_equal(points(AXES("a=1,2", "b=3,4", "c=5,6"), "a,c", 0, 1, 1),
                        "1 3 5|1 4 5|2 3 6|2 4 6");
    assert_non_null(strstr(points(AXES("a=1,2", "b=3,4,5"), "a,b", 0, 1, 1), "equally many"));
    assert_non_null(strstr(points(AXES("a=1,2"), "a,b", 0, 1, 1), "'b' is not varied"));
    assert_non_null(strstr(points(AXES("a=1,2"), "a", 0, 1, 1), "at least two"));
    assert_non_null(strstr(points(AXES("a=1,2"), "a,a", 0, 1, 1), "zipped already"));
}

static void test_a_sample_is_of_different_points_and_repeats_with_its_seed(void **state)
{
    char first[8000], other[8000];
    unsigned hit[20] = {0};
    (void)state;
    const char *const *axes = AXES("a=0:3:+1", "b=0:4:+1");
    snprintf(first, sizeof first, "%s", points(axes, NULL, 7, 1, 1));
    snprintf(other, sizeof other, "%s", points(axes, NULL, 7, 2, 1));
    assert_string_equal(first, points(axes, NULL, 7, 1, 1));
    assert_string_not_equal(first, other);
    assert_string_equal(points(axes, NULL, 20, 1, 1), points(axes, NULL, 0, 1, 1));
    for (uint64_t seed = 0; seed < 2000; seed++) {
        const char *p = points(axes, NULL, 7, seed, 1);
        unsigned n = 0, last = 0;
        for (; *p; p += strcspn(p, "|"), p += *p == '|') {
            unsigned a = (unsigned)strtoul(p, NULL, 10), b = (unsigned)strtoul(p + 2, NULL, 10);
            assert_true(!n || a * 5 + b > last); /* in order, none twice */
            last = a * 5 + b;
            hit[last]++;
            n++;
        }
        assert_int_equal(n, 7);
    }
    for (unsigned i = 0; i < 20; i++) { /* 700 expected of each, deviation 21 */
        assert_true(hit[i] > 600 && hit[i] < 800);
    }
    /* of more combinations than could be listed */
    assert_int_equal(
        strncmp(points(AXES("a=1:10000:+1", "b=1:10000:+1", "c=1:10000:+1"), NULL, 3, 1, 1),
                "refused", 7) != 0,
        true);
}

static void test_too_many_points_are_refused_with_their_number(void **state)
{
    (void)state;
    assert_non_null(strstr(points(AXES("a=1:10000:+1", "b=1:10000:+1"), NULL, 0, 1, 1),
                           "100000000 points; at most"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range_goes_from_the_first_to_the_last_and_never_beyond),
        cmocka_unit_test(test_a_range_goes_down_where_it_says_so),
        cmocka_unit_test(test_a_factor_and_a_time_may_have_a_fraction),
        cmocka_unit_test(test_a_range_keeps_its_unit),
        cmocka_unit_test(test_lists_and_ranges_mix),
        cmocka_unit_test(test_a_step_that_does_not_advance_is_refused),
        cmocka_unit_test(test_names_may_hold_colons),
        cmocka_unit_test(test_every_combination_the_last_axis_fastest_seeds_fastest_of_all),
        cmocka_unit_test(test_zipped_axes_go_together),
        cmocka_unit_test(test_a_sample_is_of_different_points_and_repeats_with_its_seed),
        cmocka_unit_test(test_too_many_points_are_refused_with_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
