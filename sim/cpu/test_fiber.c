/* SPDX-License-Identifier: MIT */
/* Work that pauses however deep its calls are, and goes on there. */
#include "cpu/fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What some work does: it goes so deep, pauses at the bottom, and counts on its way back. */
struct dive {
    struct vs_fiber *fiber;
    unsigned depth, pauses, bottom, back;
};

/* One level of it. */
static unsigned dive(struct dive *d, unsigned left)
{
    volatile unsigned mine = left;
    for (unsigned i = 0; !left && i < d->pauses; i++) {
        d->bottom++;
        vs_fiber_pause(d->fiber);
    }
    unsigned below = left ? dive(d, left - 1u) : 0;
    d->back++;
    return mine + below;
}

/* All of it; what it adds up says that no level's own was lost. */
static void work(void *ctx)
{
    struct dive *d = ctx;
    assert_int_equal(dive(d, d->depth), d->depth * (d->depth + 1u) / 2u);
}

/* Work that does not pause is done in one go; the next piece is done on the same stack. */
static void test_work_that_does_not_pause_is_done_in_one_go(void **state)
{
    (void)state;
    struct dive d = {vs_fiber_create(), 10, 0, 0, 0};
    assert_non_null(d.fiber);
    assert_true(vs_fiber_run(d.fiber, work, &d));
    assert_true(vs_fiber_run(d.fiber, work, &d));
    assert_int_equal(d.back, 22);
    vs_fiber_destroy(d.fiber);
}

/* It goes on where it paused, not from its beginning, as often as it pauses. */
static void test_what_has_paused_goes_on_there(void **state)
{
    (void)state;
    struct dive d = {vs_fiber_create(), 1000, 3, 0, 0};
    for (unsigned i = 1; i <= 3; i++) {
        assert_false(vs_fiber_run(d.fiber, work, &d));
        assert_true(vs_fiber_paused(d.fiber));
        assert_int_equal(d.bottom, i);
        assert_int_equal(d.back, 0);
    }
    assert_true(vs_fiber_run(d.fiber, work, &d));
    assert_false(vs_fiber_paused(d.fiber));
    assert_int_equal(d.back, 1001);
    vs_fiber_destroy(d.fiber);
}

/* Several that pause by turns do not disturb each other; one that never goes on is thrown away. */
static void test_several_pause_by_turns(void **state)
{
    (void)state;
    struct dive a = {vs_fiber_create(), 500, 2, 0, 0}, b = {vs_fiber_create(), 300, 1, 0, 0},
                c = {vs_fiber_create(), 5, 1, 0, 0};
    assert_false(vs_fiber_run(a.fiber, work, &a));
    assert_false(vs_fiber_run(b.fiber, work, &b));
    assert_false(vs_fiber_run(c.fiber, work, &c));
    assert_false(vs_fiber_run(a.fiber, work, &a));
    assert_true(vs_fiber_run(b.fiber, work, &b));
    assert_true(vs_fiber_run(a.fiber, work, &a));
    assert_int_equal(a.back, 501);
    assert_int_equal(b.back, 301);
    assert_int_equal(c.back, 0);
    vs_fiber_destroy(a.fiber);
    vs_fiber_destroy(b.fiber);
    vs_fiber_destroy(c.fiber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work_that_does_not_pause_is_done_in_one_go),
        cmocka_unit_test(test_what_has_paused_goes_on_there),
        cmocka_unit_test(test_several_pause_by_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
