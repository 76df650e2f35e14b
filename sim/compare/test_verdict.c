/* SPDX-License-Identifier: MIT */
/* Laws of a verdict: docs/validation.md, at the edges of every word. */
#include "compare/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct vs_judged predicted(double value, double low, double high)
{
    return (struct vs_judged){.found = true,
                              .value = value,
                              .basis = VS_BASIS_predicted,
                              .has_low = true,
                              .has_high = true,
                              .low = low,
                              .high = high,
                              .relation = "eq"};
}

static void is(struct vs_judged j, const char *want)
{
    assert_string_equal(vs_verdict(&j), want);
}

static void test_a_range_holds_its_ends_and_a_number_ten_per_cent(void **state)
{
    (void)state;
    is(predicted(10, 10, 30), "in range");
    is(predicted(30, 10, 30), "in range");
    is(predicted(9.99, 10, 30), "outside");
    is(predicted(30.01, 10, 30), "outside");
    is(predicted(18, 10, 30), "within 10 %");
    is(predicted(22, 10, 30), "within 10 %");
    is(predicted(22.1, 10, 30), "in range");
    is(predicted(90, 100, 100), "within 10 %");
    is(predicted(110, 100, 100), "within 10 %");
    is(predicted(89.9, 100, 100), "outside");
    is(predicted(-90, -100, -100), "within 10 %");
    /* a narrow range is not wider than its ends */
    is(predicted(105, 99, 101), "outside");
    is(predicted(101, 99, 101), "within 10 %");
}

static void test_one_bound_stands_for_both_and_none_for_no_number(void **state)
{
    (void)state;
    struct vs_judged low = predicted(105, 100, 0), high = predicted(105, 0, 100), none = low;
    low.has_high = high.has_low = none.has_low = none.has_high = false;
    is(low, "within 10 %");
    is(high, "within 10 %");
    is(none, "no number");
    low.found = false;
    is(low, "no number");
}

static void test_a_bound_is_kept_or_broken(void **state)
{
    (void)state;
    struct vs_judged j = predicted(100, 100, 100);
    j.relation = "le";
    is(j, "in range");
    j.value = 100.1;
    is(j, "outside");
    j.relation = "ge";
    is(j, "in range");
    j.value = 99.9;
    is(j, "outside");
}

static void test_what_was_fitted_or_rests_on_assumptions_is_no_agreement(void **state)
{
    (void)state;
    struct vs_judged j = predicted(100, 100, 100);
    j.assumed = 0.5;
    is(j, "within 10 %");
    j.assumed = 0.500001;
    is(j, "illustrative");
    j.basis = VS_BASIS_structure; /* no price moves it */
    is(j, "structure");
    j.value = 101; /* what is counted is not counted nearly */
    is(j, "outside");
    j.value = 200;
    is(j, "outside");
    j.relation = "ge";
    is(j, "structure");
    j.basis = VS_BASIS_calibrated;
    is(j, "calibrated");
    j.found = false;
    is(j, "no number");
}

static void test_a_basis_is_one_of_three_words(void **state)
{
    (void)state;
    static const char *const words[] = {"predicted", "calibrated", "structure"};
    enum vs_basis b;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vs_basis_parse(words[i], &b));
        assert_int_equal(b, i);
    }
    assert_false(vs_basis_parse("", &b));
    assert_false(vs_basis_parse("predict", &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range_holds_its_ends_and_a_number_ten_per_cent),
        cmocka_unit_test(test_one_bound_stands_for_both_and_none_for_no_number),
        cmocka_unit_test(test_a_bound_is_kept_or_broken),
        cmocka_unit_test(test_what_was_fitted_or_rests_on_assumptions_is_no_agreement),
        cmocka_unit_test(test_a_basis_is_one_of_three_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
