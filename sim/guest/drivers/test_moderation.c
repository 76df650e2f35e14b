/* SPDX-License-Identifier: MIT */
/* Laws of adaptive moderation: what settles where, and at which rate a class ends. */
#include "guest/drivers/net.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* So many intervals at this rate, in bytes a microsecond; the interval that it comes to, in ps. */
static uint64_t settle(struct vs_moderation *m, unsigned intervals, uint64_t bytes_per_us)
{
    uint64_t itr_ps = m->quarters * 250000u;
    for (unsigned i = 0; i < intervals; i++) {
        m->bytes = bytes_per_us * (m->quarters / 4u);
        (void)guest_moderation_update(m, &itr_ps);
    }
    return itr_ps;
}

/* Up to 10 bytes a microsecond it settles at 10 us, up to 20 at 50 us, beyond at 84 us. */
static void each_class_has_its_interval(void **state)
{
    (void)state;
    struct vs_moderation m;
    guest_moderation_begin(&m);
    uint64_t lowest = settle(&m, 100, 10);
    assert_true(lowest >= 9000000u && lowest <= 11000000u);
    uint64_t bulk = settle(&m, 100, 21);
    assert_int_equal(m.class, VS_TRAFFIC_BULK);
    assert_true(bulk > 75000000u && bulk <= 84000000u);
    uint64_t low = settle(&m, 100, 20);
    assert_int_equal(m.class, VS_TRAFFIC_LOW);
    assert_true(low >= 45000000u && low <= 55000000u);
}

/* At its bound a class stays, one byte a microsecond beyond it ends. */
static void a_class_ends_beyond_its_bound(void **state)
{
    (void)state;
    struct vs_moderation m;
    guest_moderation_begin(&m);
    (void)settle(&m, 1, 10);
    assert_int_equal(m.class, VS_TRAFFIC_LOWEST);
    (void)settle(&m, 1, 11);
    assert_int_equal(m.class, VS_TRAFFIC_LOW);
    (void)settle(&m, 1, 20);
    assert_int_equal(m.class, VS_TRAFFIC_LOW);
    (void)settle(&m, 1, 21);
    assert_int_equal(m.class, VS_TRAFFIC_BULK);
    (void)settle(&m, 1, 21);
    assert_int_equal(m.class, VS_TRAFFIC_BULK);
    (void)settle(&m, 1, 20);
    assert_int_equal(m.class, VS_TRAFFIC_LOW);
    (void)settle(&m, 1, 10);
    assert_int_equal(m.class, VS_TRAFFIC_LOWEST);
}

/* What came to nothing changes nothing. */
static void an_empty_interval_changes_nothing(void **state)
{
    (void)state;
    struct vs_moderation m;
    uint64_t itr_ps = 7;
    guest_moderation_begin(&m);
    uint64_t before = m.quarters;
    assert_false(guest_moderation_update(&m, &itr_ps));
    assert_int_equal(itr_ps, 7);
    assert_int_equal(m.quarters, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_has_its_interval),
        cmocka_unit_test(a_class_ends_beyond_its_bound),
        cmocka_unit_test(an_empty_interval_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
