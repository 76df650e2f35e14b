/* SPDX-License-Identifier: MIT */
/* Laws of what a handler leaves to the next entry, and of how a halt ends. */
#include "test_hypervisor.h"

/* ---- injection ---- */

static void test_an_interrupt_goes_into_the_next_entry(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit e = {.inject = 0x41};
    handle(f, VS_TRAP_INTERRUPT, e);
    assert_int_equal(field(f, VS_STATE_ENTRY_INTR), (VS_EVENT_VALID | 0x41));
    assert_int_equal(f->h.count[VS_CNT_hypervisor_injections], 1);
    assert_int_equal(field(f, VS_STATE_CONTROLS), 0);
}

static void test_a_guest_that_cannot_take_it_gets_a_window_and_then_the_interrupt(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit e = {.inject = 0x41};
    f->state.field[VS_STATE_CONTROLS] = 0x1000;
    const uint64_t flags[] = {0x2, 0x202, 0x202}, blocking[] = {0, 1, 2}; /* IF, STI, MOV SS */
    for (int i = 0; i < 3; i++) {
        f->state.field[VS_STATE_FLAGS] = flags[i];
        f->state.field[VS_STATE_INTERRUPTIBILITY] = blocking[i];
        f->state.field[VS_STATE_CONTROLS] = 0x1000;
        assert_false(vs_hv_inject(&f->h, &f->t, 0x41, false));
        assert_int_equal(field(f, VS_STATE_ENTRY_INTR), 0);
        assert_int_equal(field(f, VS_STATE_CONTROLS), (0x1000 | VS_CONTROLS_WINDOW));
    }
    f->state.field[VS_STATE_INTERRUPTIBILITY] = 0;
    handle(f, VS_TRAP_INTERRUPT_WINDOW, e);
    assert_int_equal(field(f, VS_STATE_CONTROLS), 0x1000);
    assert_int_equal(field(f, VS_STATE_ENTRY_INTR), (VS_EVENT_VALID | 0x41));
    assert_int_equal(f->h.count[VS_CNT_hypervisor_windows], 3);
}

/* KVM's kvm_check_and_inject_events: what is left asks for a window. */
static void test_an_injection_that_leaves_others_pending_keeps_the_window_open(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit e = {.inject = 0x41, .more = true};
    f->state.field[VS_STATE_CONTROLS] = (0x1000 | VS_CONTROLS_WINDOW);
    handle(f, VS_TRAP_INTERRUPT_WINDOW, e);
    assert_int_equal(field(f, VS_STATE_ENTRY_INTR), (VS_EVENT_VALID | 0x41));
    assert_int_equal(field(f, VS_STATE_CONTROLS), (0x1000 | VS_CONTROLS_WINDOW));
    e.more = false;
    handle(f, VS_TRAP_INTERRUPT_WINDOW, e);
    assert_int_equal(field(f, VS_STATE_CONTROLS), 0x1000);
}

static void test_virtual_delivery_asks_for_the_highest_vector(void **state)
{
    struct fixture *f = *state;
    f->state.field[VS_STATE_VIRTUAL_INTR] = 0x30;
    f->state.field[VS_STATE_FLAGS] = 0x2; /* the processor waits, not the hypervisor */
    assert_true(vs_hv_inject(&f->h, &f->t, 0x41, true));
    assert_int_equal(field(f, VS_STATE_VIRTUAL_INTR), 0x41);
    assert_true(vs_hv_inject(&f->h, &f->t, 0x31, true));
    assert_int_equal(field(f, VS_STATE_VIRTUAL_INTR), 0x41);
    assert_int_equal(field(f, VS_STATE_ENTRY_INTR), 0);
}

static void test_an_interrupt_in_the_host_runs_its_handler_without_the_common_path(void **state)
{
    struct fixture *f = *state;
    vs_hv_host_interrupt(&f->h, &f->t);
    assert_int_equal(f->core.instructions, *number(f, "interrupt.handle.instructions"));
    assert_int_equal(f->state.reads, 0);
    assert_int_equal(vs_ledger_acc(f->ledger, f->host, VS_OP_HANDLER_INTERRUPT)->n, 1);
}

/* ---- halts ---- */

/* A halt whose event comes after `halt_ps`: what waking charges. */
static uint64_t wake(struct fixture *f, uint64_t halt_ps)
{
    uint64_t since = vs_now(&f->t).v, event = since + halt_ps;
    vs_wait_until(&f->t, (uint16_t)(f->core.base + IDLE), (vs_ps){event});
    vs_hv_wake(&f->h, &f->t, (vs_ps){since}, (vs_ps){event});
    return vs_now(&f->t).v - event;
}

static void test_an_event_before_the_halt_wakes_nobody(void **state)
{
    struct fixture *f = *state;
    uint64_t now = vs_now(&f->t).v;
    vs_hv_wake(&f->h, &f->t, (vs_ps){now + 5000}, (vs_ps){now + 1000});
    assert_int_equal(vs_now(&f->t).v, now);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_blocks], 0);
}

static void test_polling_ends_at_its_time_and_not_before(void **state)
{
    struct fixture *f = *state;
    f->h.poll_ps = 20000000;
    assert_int_equal(wake(f, 20000000), 0);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_polled], 20000);
    assert_int_equal(f->h.poll_ps, 20000000); /* long enough: unchanged */
    uint64_t both = f->h.block_ps + f->h.wake_ps;
    assert_int_equal(wake(f, 20000001), both - 1); /* 1 ps of going to sleep was hidden */
    assert_int_equal(f->h.count[VS_CNT_hypervisor_polls], 1);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_blocks], 1);
}

static void test_going_to_sleep_is_paid_only_as_far_as_the_event_comes_early(void **state)
{
    struct fixture *f = *state;
    uint64_t block = f->h.block_ps, awake = f->h.wake_ps;
    f->config.halt_poll_ns = 0;
    build(f, 0);
    assert_int_equal(wake(f, block - 100), 100 + awake);
    assert_int_equal(wake(f, block), awake);
    assert_int_equal(wake(f, 100 * block), awake);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_polled], 0);
}

static void test_short_halts_lengthen_polling_long_ones_shorten_it(void **state)
{
    struct fixture *f = *state;
    const uint64_t ns = 1000, us = 1000 * ns, want[] = {10, 20, 40, 80, 80, 80};
    for (int i = 0; i < 6; i++) { /* misses grow it from its start, a hit leaves it */
        wake(f, 50 * us);
        assert_int_equal(f->h.poll_ps, want[i] * us);
    }
    wake(f, 150 * us);
    assert_int_equal(f->h.poll_ps, 160 * us);
    wake(f, 190 * us);
    assert_int_equal(f->h.poll_ps, 200 * us); /* the longest */
    const uint64_t shrunk[] = {100, 50, 25, 12, 0, 0};
    for (int i = 0; i < 6; i++) { /* below its start there is none */
        wake(f, 1000 * us);
        assert_int_equal(f->h.poll_ps / us, shrunk[i]);
    }
    f->config.halt_poll_shrink = 0;
    build(f, 0);
    f->h.poll_ps = 160 * us;
    wake(f, 1000 * us);
    assert_int_equal(f->h.poll_ps, 0);
}

/* SDM 3C table 24-15: vector, type 3 in 10:8, error code in 11, valid in 31. */
static void test_an_injected_exception_brings_its_type_and_code(void **state)
{
    struct fixture *f = *state;
    vs_hv_inject_exception(&f->h, &f->t, 14, 0x15);
    assert_int_equal(field(f, VS_STATE_ENTRY_INTR),
                     VS_EVENT_VALID | VS_EVENT_EXCEPTION | VS_EVENT_ERROR | 0x0e);
    assert_int_equal(field(f, VS_STATE_ENTRY_ERROR), 0x15);
}

/* KVM's kvm_vcpu_halt: a halt is over when the thread runs again; one of exactly the longest poll
 * is neither short nor long. */
static void test_a_halt_is_as_long_as_the_thread_was_away(void **state)
{
    struct fixture *f = *state;
    const uint64_t most = f->config.halt_poll_ns * 1000, poll = most / 2, awake = f->h.wake_ps;
    assert_true(awake > 0 && f->h.block_ps < poll);
    static const int64_t off[] = {-1, 0, 1};
    for (int i = 0; i < 3; i++) {
        f->h.poll_ps = poll;
        wake(f, most - awake + (uint64_t)off[i]);
        assert_int_equal(f->h.poll_ps, i == 0 ? most : i == 1 ? poll : poll / 2);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_interrupt_goes_into_the_next_entry),
        T(test_a_guest_that_cannot_take_it_gets_a_window_and_then_the_interrupt),
        T(test_an_injection_that_leaves_others_pending_keeps_the_window_open),
        T(test_virtual_delivery_asks_for_the_highest_vector),
        T(test_an_interrupt_in_the_host_runs_its_handler_without_the_common_path),
        T(test_an_event_before_the_halt_wakes_nobody),
        T(test_polling_ends_at_its_time_and_not_before),
        T(test_going_to_sleep_is_paid_only_as_far_as_the_event_comes_early),
        T(test_short_halts_lengthen_polling_long_ones_shorten_it),
        T(test_an_injected_exception_brings_its_type_and_code),
        T(test_a_halt_is_as_long_as_the_thread_was_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
