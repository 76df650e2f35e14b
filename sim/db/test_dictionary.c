/* SPDX-License-Identifier: MIT */
/* Laws of a dictionary's number: it is that of all that is declared, and of nothing else. */
#include "db_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct vs_knob_desc plain[] = {
    {"toy.entries", VS_KNOB_NUM, 64, 1, 1536, "entries", NULL, VS_GRADE_documented, "manual", "",
     0},
    {"toy.policy", VS_KNOB_CHOICE, 1, 0, 255, "choice", "lru|fifo", VS_GRADE_assumed, "guess", "",
     8},
};

/* The number of the dictionary of a component with these knobs, one of which is set, and another
 * one that a run adds. */
static int64_t number(const struct vs_knob_desc *knobs, size_t n, const char *value, bool more)
{
    static const struct vs_knob_desc extra = {"workload.n", VS_KNOB_NUM,      1,  1,  9, "",
                                              NULL,         VS_GRADE_assumed, "", "", 0};
    /* each at an address of its own: a store keeps the order of the components that it had last */
    static struct vs_component_desc toy[16];
    static size_t made;
    assert_true(made < sizeof toy / sizeof toy[0]);
    toy[made] = (struct vs_component_desc){.name = "toy", .knobs = knobs, .n_knobs = n};
    const struct vs_component_desc *const all[] = {&toy[made++]};
    const struct vs_origin who = {VS_RANK_CLI, "--set", "somebody", VS_GRADE_measured};
    struct vs_errors e = {NULL, 0};
    struct vs_knobs *k = vs_knobs_create(all, 1);
    assert_non_null(k);
    if (value) {
        assert_int_equal(vs_knobs_set(k, "toy.entries", value, &who, &e), VS_OK);
    }
    if (more) {
        assert_int_equal(vs_knobs_add(k, &extra), VS_OK);
    }
    int64_t dictionary = vs__db_dictionary(k);
    vs_knobs_destroy(k);
    assert_true(dictionary > 0);
    return dictionary;
}

static void test_what_somebody_sets_or_a_run_adds_is_of_no_dictionary(void **state)
{
    (void)state;
    int64_t is = number(plain, 2, NULL, false);
    assert_int_equal(number(plain, 2, "7", false), is);
    assert_int_equal(number(plain, 2, NULL, true), is);
}

static void test_a_program_that_declares_anything_else_has_another_dictionary(void **state)
{
    (void)state;
    int64_t is = number(plain, 2, NULL, false);
    assert_int_not_equal(number(plain, 1, NULL, false), is);
    for (int what = 0; what < 7; what++) {
        struct vs_knob_desc other[2];
        memcpy(other, plain, sizeof other);
        switch (what) {
        case 0:
            other[0].path = "toy.entry";
            break;
        case 1:
            other[0].def = 65;
            break;
        case 2:
            other[0].unit = "ways";
            break;
        case 3:
            other[0].source = "manual, 2nd edition";
            break;
        case 4:
            other[0].grade = VS_GRADE_measured;
            break;
        case 5:
            other[1].def = 0;
            break;
        default:
            other[1].choices = "lru|random";
            break;
        }
        assert_int_not_equal(number(other, 2, NULL, false), is);
    }
}

static void test_a_knob_is_as_declared_until_anything_of_it_is_said(void **state)
{
    (void)state;
    char by[] = "--set", source[] = "somebody";
    const struct vs_knob is = {.desc = &plain[0], .value = 64, .grade = VS_GRADE_documented};
    struct vs_knob other[5] = {is, is, is, is, is};
    assert_true(vs__db_as_declared(&is));
    other[0].value = 65;
    other[1].grade = VS_GRADE_measured;
    other[2].set_by = by;
    other[3].source = source;
    other[4].added = true;
    for (size_t i = 0; i < 5; i++) {
        assert_false(vs__db_as_declared(&other[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_somebody_sets_or_a_run_adds_is_of_no_dictionary),
        cmocka_unit_test(test_a_program_that_declares_anything_else_has_another_dictionary),
        cmocka_unit_test(test_a_knob_is_as_declared_until_anything_of_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
