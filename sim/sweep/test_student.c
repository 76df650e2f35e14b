/* SPDX-License-Identifier: MIT */
/* Student's t against the tables every textbook prints. */
#include "sweep/student.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_the_quantiles_are_those_of_the_tables(void **state)
{
    static const struct {
        double level;
        size_t freedom;
        double t;
    } known[] = {{0.95, 1, 12.70620}, {0.95, 2, 4.302653},      {0.95, 4, 2.776445},
                 {0.95, 9, 2.262157}, {0.95, 29, 2.045230},     {0.95, 100, 1.983972},
                 {0.90, 4, 2.131847}, {0.99, 4, 4.604095},      {0.99, 1, 63.65674},
                 {0.50, 1, 1.0},      {0.95, 1000000, 1.959966}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        double t = vs_student_t(known[i].level, known[i].freedom);
        assert_true(fabs(t - known[i].t) < 1e-5 * known[i].t);
    }
}

static void test_the_interval_is_t_times_the_standard_error(void **state)
{
    static const double x[] = {10, 12, 9, 11, 13};
    struct vs_spread s = vs_spread_of(x, 5, 0.95);
    (void)state;
    assert_true(s.n == 5 && fabs(s.mean - 11) < 1e-12);
    assert_true(fabs(s.deviation - 1.5811388300841898) < 1e-12);
    assert_true(fabs(s.confidence - 2.7764451 * 1.5811388 / sqrt(5.0)) < 1e-5);
}

static void test_one_number_has_no_spread(void **state)
{
    static const double x[] = {10};
    struct vs_spread s = vs_spread_of(x, 1, 0.95);
    (void)state;
    assert_true(s.mean == 10.0 && isnan(s.deviation) && isnan(s.confidence));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_quantiles_are_those_of_the_tables),
        cmocka_unit_test(test_the_interval_is_t_times_the_standard_error),
        cmocka_unit_test(test_one_number_has_no_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
