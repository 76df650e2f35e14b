/* SPDX-License-Identifier: MIT */
/* What entries and exits do besides moving fields: the VMX-preemption timer, what an injected event
 * ends and begins, what a failure leaves alone, and VMCS shadowing (SDM 3C 26.1.3, 27.6 to 27.8,
 * 28.2, 28.3). */
#include "vmcs/test_vmcs.h"

static const struct vs_vmx_event cpuid = {.kind = VS_EV_CPUID, .length = 2};

static void launch(struct fixture *f)
{
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_LAUNCH), VS_VMX_OK);
}

static void leave_for(struct fixture *f, const struct vs_vmx_event *e)
{
    struct vs_vmx_exit_info info;
    assert_true(vs_vmx_intercept(&f->x, NULL, e, &info));
    vs_txn_actor(&f->t, f->host);
    vs_open(&f->t, vs_vmx_exit_op(VS_EXIT_CPUID));
    assert_int_equal(vs_vmx_exit(&f->x, &f->t, &info), VS_VMX_OK);
    vs_close(&f->t);
}

/* The guest runs for so long. */
static void run(struct fixture *f, uint64_t ps)
{
    vs_charge(&f->t, (uint16_t)(f->x.base + VS_ACC_vmcs_vmread), (vs_ps){ps});
}

/* ---- the VMX-preemption timer ---- */

/* From now to when bit 5 of the TSC, whose cycles take 400 ps, changes. */
static uint64_t to_change(struct fixture *f)
{
    return 32 * 400 - vs_now(&f->t).v % (32 * 400);
}

/* 26.5.1: it has counted down to 0 when the bit has changed so often behind the entry, and not a
 * cycle before. */
static void test_the_timer_stops_the_guest_at_the_change_that_makes_it_0(void **state)
{
    struct fixture *f = *state;
    static const uint64_t values[] = {1, 2, 1000, UINT32_MAX};
    f->config.control_preemption_timer = 1;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        boot(f);
        write_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER, values[i]);
        launch(f);
        assert_int_equal(vs_vmx_timer_stops(&f->x).v,
                         vs_now(&f->t).v + to_change(f) + (values[i] - 1) * 32 * 400);
        leave_for(f, &cpuid);
    }
    boot(f);
    write_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER, 0);
    launch(f);
    assert_int_equal(vs_vmx_timer_stops(&f->x).v, vs_now(&f->t).v);
    leave_for(f, &cpuid);
    f->config.control_preemption_timer = 0;
    boot(f);
    launch(f);
    assert_true(vs_vmx_timer_stops(&f->x).v == UINT64_MAX);
}

/* 27.7.4, 28.3.4: in units of 2^IA32_VMX_MISC[4:0] cycles of the TSC, never below 0, only where the
 * exit control asks for it. */
static void test_the_timer_is_saved_as_what_is_left_of_it(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t loaded, cycles, save, left; /* cycles: behind the first change of bit 5 */
    } rows[] = {{1000, 0, 1, 999},       {1000, 32 * 10, 1, 989}, {1000, 32 * 10 + 31, 1, 989},
                {1000, 32 * 11, 1, 988}, {5, 32 * 100, 1, 0},     {1000, 32 * 10, 0, 1000}};
    assert_int_equal(f->config.cap_misc & 31, 5);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        f->config.control_preemption_timer = 1;
        f->config.control_save_preemption_timer = rows[i].save;
        boot(f);
        write_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER, rows[i].loaded);
        launch(f);
        run(f, to_change(f) + rows[i].cycles * 400);
        leave_for(f, &cpuid);
        assert_int_equal(read_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER), rows[i].left);
    }
}

static void test_the_timers_own_exit_saves_0(void **state)
{
    struct fixture *f = *state;
    const struct vs_vmx_event expired = {.kind = VS_EV_PREEMPTION_TIMER};
    f->config.control_preemption_timer = f->config.control_save_preemption_timer = 1;
    boot(f);
    write_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER, 1000);
    launch(f);
    leave_for(f, &expired);
    assert_int_equal(read_field(f, VS_VMCS_GUEST_PREEMPTION_TIMER), 0);
}

/* ---- injection (27.6.1) ---- */

static void test_an_injected_event_ends_and_begins_blocking(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *what;
        uint64_t info, blocking, activity, after, active;
    } rows[] = {
        {"nothing", 0, 1, 0, 1, 0},
        {"nothing, halted", 0, 0, 1, 0, 1},
        {"interrupt, halted", 0x80000040, 0, 1, 0, 0},
        {"exception under STI", 0x80000306, 1, 0, 0, 0},
        {"exception under MOV SS", 0x80000306, 2, 0, 0, 0},
        {"interrupt under NMI blocking", 0x80000040, 8, 0, 8, 0},
        {"NMI", 0x80000202, 0, 0, 8, 0},
        {"NMI, shut down", 0x80000202, 0, 2, 8, 0},
        {"monitor trap, halted", 0x80000700, 0, 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        boot(f);
        write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, rows[i].info);
        write_field(f, VS_VMCS_GUEST_INTERRUPTIBILITY, rows[i].blocking);
        write_field(f, VS_VMCS_GUEST_ACTIVITY, rows[i].activity);
        launch(f);
        leave_for(f, &cpuid);
        if (read_field(f, VS_VMCS_GUEST_INTERRUPTIBILITY) != rows[i].after ||
            read_field(f, VS_VMCS_GUEST_ACTIVITY) != rows[i].active) {
            fail_msg("%s: blocking %lu, activity %lu", rows[i].what,
                     (unsigned long)read_field(f, VS_VMCS_GUEST_INTERRUPTIBILITY),
                     (unsigned long)read_field(f, VS_VMCS_GUEST_ACTIVITY));
        }
        /* 28.2: the exit makes it invalid and keeps the rest */
        assert_int_equal(read_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO), rows[i].info & 0x7fffffff);
    }
}

/* ---- entries that fail (27.8) ---- */

/* Nothing is saved, the event to inject stays, what an exit would record besides stays. */
static void test_an_entry_that_fails_late_changes_two_fields(void **state)
{
    struct fixture *f = *state;
    uint64_t before[VS_VMCS_FIELDS];
    write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000306);
    write_field(f, VS_VMCS_GUEST_RFLAGS, 0);
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        before[p] = vs_vmx_get(&f->x, p);
    }
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_ENTRY_FAILED);
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        bool changes = p == VS_VMCS_AT_EXIT_REASON || p == VS_VMCS_AT_EXIT_QUALIFICATION;
        if (!changes && vs_vmx_get(&f->x, p) != before[p]) {
            fail_msg("%s", vs_vmcs_fields[p].name);
        }
    }
    assert_int_equal(read_field(f, VS_VMCS_EXIT_REASON), 33 | VS_EXIT_ENTRY_FAILURE);
}

static void test_mov_ss_before_an_entry_is_error_26(void **state)
{
    struct fixture *f = *state;
    f->x.mov_ss = true;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_VALID);
    assert_int_equal(read_field(f, VS_VMCS_INSTRUCTION_ERROR), VS_VMXERR_ENTRY_MOV_SS);
    f->x.mov_ss = false;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
}

/* ---- VMCS shadowing ---- */

#define SHADOW_AT 0x70000u
#define READS_AT 0x71000u
#define WRITES_AT 0x72000u

static void shadowing(struct fixture *f, bool on)
{
    boot(f);
    vs_phys_write64(f->phys, (vs_hpa){SHADOW_AT},
                    f->config.cap_revision | (on ? UINT64_C(1) << 31 : 0));
    write_field(f, VS_VMCS_PROC2_CONTROLS,
                read_field(f, VS_VMCS_PROC2_CONTROLS) | (on ? VS_PROC2_SHADOWING : 0));
    write_field(f, VS_VMCS_VMREAD_BITMAP, READS_AT);
    write_field(f, VS_VMCS_VMWRITE_BITMAP, WRITES_AT);
    write_field(f, VS_VMCS_VMCS_LINK_POINTER, SHADOW_AT);
    launch(f);
}

static bool exits(struct fixture *f, uint32_t reason, uint64_t field)
{
    const struct vs_vmx_event e = {.kind = VS_EV_VMX_INSTRUCTION, .number = reason, .value = field};
    struct vs_vmx_exit_info info;
    return vs_vmx_intercept(&f->x, NULL, &e, &info);
}

/* 26.1.3: a clear bit lets it pass; another instruction, another field, an encoding of more than 15
 * bits and a processor without the control exit. */
static void test_the_bitmaps_of_shadowing_decide_reads_and_writes(void **state)
{
    struct fixture *f = *state;
    const uint32_t rip = VS_VMCS_GUEST_RIP;
    vs_phys_write64(f->phys, (vs_hpa){READS_AT + rip / 64 * 8}, ~(UINT64_C(1) << (rip & 63)));
    vs_phys_write64(f->phys, (vs_hpa){WRITES_AT + rip / 64 * 8}, UINT64_C(1) << (rip & 63));
    shadowing(f, true);
    assert_false(exits(f, VS_EXIT_VMREAD, rip));
    assert_true(exits(f, VS_EXIT_VMREAD, rip + 2));
    assert_true(exits(f, VS_EXIT_VMWRITE, rip));
    assert_false(exits(f, VS_EXIT_VMWRITE, rip + 2));
    assert_true(exits(f, VS_EXIT_VMREAD, rip | 1u << 15));
    assert_true(exits(f, VS_EXIT_VMPTRLD, rip));
    shadowing(f, false);
    assert_true(exits(f, VS_EXIT_VMREAD, rip));
    assert_true(exits(f, VS_EXIT_VMWRITE, rip + 2));
}

static void test_a_shadowed_access_is_to_the_linked_vmcs(void **state)
{
    struct fixture *f = *state;
    uint64_t value = 0x1234;
    shadowing(f, true);
    uint64_t own = read_field(f, VS_VMCS_GUEST_RIP);
    assert_int_equal(vs_vmx_shadowed(&f->x, NULL, true, VS_VMCS_GUEST_RIP, &value), VS_VMX_OK);
    value = 0;
    assert_int_equal(vs_vmx_shadowed(&f->x, NULL, false, VS_VMCS_GUEST_RIP, &value), VS_VMX_OK);
    assert_int_equal(value, 0x1234);
    assert_int_equal(read_field(f, VS_VMCS_GUEST_RIP), own);
    assert_true(f->x.in_guest);
    assert_int_equal(vs_vmx_shadowed(&f->x, NULL, false, 0x7ffe, &value), VS_VMX_FAIL_VALID);
    vs_vmx_put(&f->x, VS_VMCS_AT_VMCS_LINK_POINTER, UINT64_MAX);
    assert_int_equal(vs_vmx_shadowed(&f->x, NULL, false, VS_VMCS_GUEST_RIP, &value),
                     VS_VMX_FAIL_INVALID);
}

static void test_a_shadow_vmcs_is_not_entered(void **state)
{
    struct fixture *f = *state;
    vs_phys_write64(f->phys, (vs_hpa){SHADOW_AT}, f->config.cap_revision | UINT64_C(1) << 31);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){SHADOW_AT}), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_INVALID);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_FAIL_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_timer_stops_the_guest_at_the_change_that_makes_it_0),
        T(test_the_timer_is_saved_as_what_is_left_of_it),
        T(test_the_timers_own_exit_saves_0),
        T(test_an_injected_event_ends_and_begins_blocking),
        T(test_an_entry_that_fails_late_changes_two_fields),
        T(test_mov_ss_before_an_entry_is_error_26),
        T(test_the_bitmaps_of_shadowing_decide_reads_and_writes),
        T(test_a_shadowed_access_is_to_the_linked_vmcs),
        T(test_a_shadow_vmcs_is_not_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
