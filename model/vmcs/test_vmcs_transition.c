/* SPDX-License-Identifier: MIT */
/* Laws of the transition: what an exit and an entry move, check, flush and cost. */
#include "vmcs/test_vmcs.h"
#include "vmcs/vmcs_impl.h"

#define EPTP_LIST_AT 0x39000u

/* One round trip from inside the guest with a trivial handler; returns picoseconds. */
static uint64_t round_trip(struct fixture *f, const struct vs_vmx_event *event)
{
    struct vs_vmx_exit_info info;
    assert_true(vs_vmx_intercept(&f->x, &f->t, event, &info));
    vs_txn_actor(&f->t, f->host);
    vs_open(&f->t, vs_vmx_exit_op(info.reason));
    assert_int_equal(vs_vmx_exit(&f->x, &f->t, &info), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    return vs_close(&f->t).v;
}

static const struct vs_vmx_event cpuid = {.kind = VS_EV_CPUID, .length = 2};

static void launch(struct fixture *f)
{
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
}

static uint64_t booked(struct fixture *f, enum vs_op op, unsigned account)
{
    return vs_ledger_acc(f->ledger, f->host, op)->work[f->x.base + account].ps;
}

static uint64_t booked_n(struct fixture *f, enum vs_op op, unsigned account)
{
    return vs_ledger_acc(f->ledger, f->host, op)->work[f->x.base + account].n;
}

/* Reboots with the present config and returns one warm round trip in cycles. */
static uint64_t cycles(struct fixture *f)
{
    boot(f);
    launch(f);
    return round_trip(f, &cpuid) / 400;
}

/* vmlatency's loop: 64-bit host and guest, no secondary controls, only what the processor demands.
 */
static void test_the_calibrated_machine_takes_the_measured_round_trip(void **state)
{
    struct fixture *f = *state;
    all_controls(f, false);
    assert_int_equal(cycles(f), 453); /* 1X053, E5-2680 v3, minimum */
    f->config.unexplained = 186;      /* README: Skylake-SP */
    const uint64_t exits = f->config.cap_exit, entries = f->config.cap_entry;
    f->config.cap_exit |= VS_EXIT_CLEAR_BNDCFGS << 32; /* which saves IA32_BNDCFGS as well */
    f->config.cap_entry |= VS_ENTRY_LOAD_BNDCFGS << 32;
    assert_int_equal(cycles(f), 516); /* 1X061, Gold 6142M, minimum */
    f->config.cap_exit = exits;
    f->config.cap_entry = entries;
    f->config.unexplained = 338;
    assert_int_equal(cycles(f), 667); /* 1X051, Sandy Bridge, E5-2670, minimum */
}

static void test_an_operation_is_the_sum_of_its_parts(void **state)
{
    struct fixture *f = *state;
    launch(f);
    uint64_t total = round_trip(f, &cpuid), parts = 0;
    const struct vs_op_acc *acc = vs_ledger_acc(f->ledger, f->host, vs_vmx_exit_op(VS_EXIT_CPUID));
    for (unsigned a = 0; a < VS_ACC_vmcs_N; a++) {
        parts += acc->work[f->x.base + a].ps;
    }
    assert_true(total > 0);
    assert_int_equal(parts, total);
    assert_int_equal(acc->total_ps, total);
    assert_int_equal(vs_now(&f->t).v, total);
}

static void test_the_exit_belongs_to_the_host_and_the_guest_goes_on(void **state)
{
    struct fixture *f = *state;
    launch(f);
    vs_txn_actor(&f->t, f->guest);
    (void)round_trip(f, &cpuid);
    assert_int_equal(f->t.actor, f->guest);
    assert_int_equal(vs_ledger_acc(f->ledger, f->host, vs_vmx_exit_op(VS_EXIT_CPUID))->n, 1);
    assert_int_equal(vs_ledger_acc(f->ledger, f->guest, vs_vmx_exit_op(VS_EXIT_CPUID))->n, 0);
}

/* Each of these controls moves so many fields more, on these accounts. */
static void test_each_control_adds_exactly_its_fields(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *name;
        size_t control;
        uint64_t saves, loads;
    } adds[] = {
#define KNOB(c) #c, offsetof(struct vs_vmcs_config, control_##c)
        {KNOB(save_debug_controls), 2, 0}, {KNOB(save_pat), 1, 0},
        {KNOB(save_efer), 1, 0},           {KNOB(exit_load_pat), 0, 1},
        {KNOB(exit_load_efer), 0, 1},      {KNOB(exit_load_perf_global_ctrl), 0, 1},
        {KNOB(load_debug_controls), 0, 2}, {KNOB(entry_load_pat), 0, 1},
        {KNOB(entry_load_efer), 0, 1},     {KNOB(entry_load_perf_global_ctrl), 0, 1},
        {KNOB(preemption_timer), 0, 1},    {KNOB(hlt_exiting), 0, 0},
        {KNOB(rdtsc_exiting), 0, 0},       {KNOB(ept), 0, 0},
#undef KNOB
    };
    all_controls(f, false);
    uint64_t before = cycles(f);
    for (size_t i = 0; i < sizeof adds / sizeof *adds; i++) {
        uint64_t *knob = (uint64_t *)(void *)((char *)&f->config + adds[i].control);
        *knob = 1;
        uint64_t after = cycles(f), want = before + adds[i].saves * f->config.field_save +
                                           adds[i].loads * f->config.field_load;
        if (after != want) {
            fail_msg("%s: %lu cycles, expected %lu", adds[i].name, (unsigned long)after,
                     (unsigned long)want);
        }
        *knob = 0;
    }
}

/* SDM 3C 26.5.6.3: a VMFUNC that switches EPTPs keeps what is tagged by a VPID; without one
 * combined mappings of VPID 0000H go, of all PCIDs and of all EPTPs. */
static void test_an_eptp_switch_without_vpid_drops_the_mappings_of_vpid_0(void **state)
{
    struct fixture *f = *state;
    const struct vs_vmx_event to_first = {.kind = VS_EV_VMFUNC};
    struct vs_vmx_exit_info info;
    f->config.control_vm_functions = f->config.vm_functions = 1;
    for (unsigned vpid = 0; vpid < 2; vpid++) {
        f->config.control_vpid = vpid;
        boot(f);
        vs_phys_write64(f->phys, (vs_hpa){EPTP_LIST_AT}, EPTP);
        vs_vmx_put(&f->x, VS_VMCS_AT_EPTP_LIST_ADDRESS, EPTP_LIST_AT);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
        f->flushes = 0;
        assert_false(vs_vmx_intercept(&f->x, &f->t, &to_first, &info));
        assert_int_equal(f->flushes, vpid ? 0 : 1);
    }
    assert_int_equal(f->last_flush, VS_FLUSH_VPID);
    assert_int_equal(f->last_vpid, 0);
}

static void test_turning_vpid_off_flushes_on_both_ways(void **state)
{
    struct fixture *f = *state;
    uint64_t tagged = cycles(f);
    assert_int_equal(f->flushes, 0);
    f->config.control_vpid = 0;
    uint64_t untagged = cycles(f);
    assert_int_equal(f->flushes, 2); /* the launch was untimed */
    assert_int_equal(f->last_flush, VS_FLUSH_VPID);
    assert_int_equal(f->last_vpid, 0);
    assert_int_equal(untagged, tagged + 2 * f->config.tlb_flush);
    assert_int_equal(booked_n(f, vs_vmx_exit_op(VS_EXIT_CPUID), VS_ACC_vmcs_exit_tlb), 1);
    assert_int_equal(booked_n(f, vs_vmx_exit_op(VS_EXIT_CPUID), VS_ACC_vmcs_entry_tlb), 1);
}

static void test_guest_registers_survive_the_host(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    launch(f);
    f->x.live[VS_VMCS_AT_GUEST_CR3] = 0x77000;
    f->x.live[VS_VMCS_AT_GUEST_RIP] = 0x400abc;
    f->x.live[VS_VMCS_AT_GUEST_PAT] = 0x0606060606060606; /* not saved: save_pat is off */
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    assert_int_equal(f->x.live[VS_VMCS_AT_HOST_RIP], UINT64_C(0xffffffff81000000));
    assert_int_equal(read_field(f, VS_VMCS_GUEST_CR3), 0x77000);
    assert_int_not_equal(read_field(f, VS_VMCS_GUEST_PAT), 0x0606060606060606);
    write_field(f, VS_VMCS_GUEST_RIP,
                read_field(f, VS_VMCS_GUEST_RIP) + read_field(f, VS_VMCS_EXIT_INSTRUCTION_LENGTH));
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_OK);
    assert_int_equal(f->x.live[VS_VMCS_AT_GUEST_RIP], 0x400abe);
    assert_int_equal(f->x.live[VS_VMCS_AT_GUEST_CR3], 0x77000);
}

static void test_exit_information_says_what_happened(void **state)
{
    struct fixture *f = *state;
    launch(f);
    (void)round_trip(f, &cpuid);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_REASON), 10);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_INSTRUCTION_LENGTH), 2);
    uint64_t plain = f->x.count[VS_CNT_vmcs_fields_recorded];
    struct vs_vmx_event e = {.kind = VS_EV_EPT_VIOLATION,
                             .qualification = 0x181,
                             .address = 0x7f0000001000,
                             .guest_physical = 0x123000,
                             .vectoring = 0x80000b0e,
                             .vectoring_error = 4};
    (void)round_trip(f, &e);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_REASON), 48);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_QUALIFICATION), 0x181);
    assert_int_equal(read_field(f, VS_VMCS_GUEST_PHYSICAL_ADDRESS), 0x123000);
    assert_int_equal(read_field(f, VS_VMCS_GUEST_LINEAR_ADDRESS), 0x7f0000001000);
    assert_int_equal(read_field(f, VS_VMCS_IDT_VECTORING_ERROR), 4);
    assert_int_equal(plain, 5);
    assert_int_equal(f->x.count[VS_CNT_vmcs_fields_recorded] - plain, 7);
}

static void test_checks_cost_only_after_a_major_field_was_written(void **state)
{
    struct fixture *f = *state;
    uint64_t clean = cycles(f);
    struct vs_vmx_exit_info info;
    uint64_t checks = f->x.checks_controls + f->x.checks_host + f->x.checks_guest;
    assert_true(checks > 100);
    /* RIP is moved by every handler: no checks to pay. */
    write_field(f, VS_VMCS_GUEST_RIP, 0x400002);
    assert_int_equal(round_trip(f, &cpuid) / 400, clean);
    /* The interrupt window is a bit of the primary controls. */
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    write_field(f, VS_VMCS_PROC_CONTROLS,
                read_field(f, VS_VMCS_PROC_CONTROLS) | VS_PROC_INTERRUPT_WINDOW);
    vs_txn_actor(&f->t, f->host);
    uint64_t before = vs_now(&f->t).v;
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    uint64_t dirty = (vs_now(&f->t).v - before) / 400;
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    vs_txn_actor(&f->t, f->host);
    before = vs_now(&f->t).v;
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    assert_int_equal(dirty, (vs_now(&f->t).v - before) / 400 + checks * f->config.check_cost);
    /* A processor that always checks pays it always. */
    f->config.skip_clean_checks = 0;
    assert_int_equal(cycles(f), clean + checks * f->config.check_cost);
    assert_true(booked(f, vs_vmx_exit_op(VS_EXIT_CPUID), VS_ACC_vmcs_entry_check_guest) > 0);
}

static void test_msr_lists_go_through_memory_and_cost_per_entry(void **state)
{
    struct fixture *f = *state;
    uint64_t bare = cycles(f);
    boot(f);
    const uint32_t star = 0xc0000081, lstar = 0xc0000082;
    vs_phys_write64(f->phys, (vs_hpa){STORE_AT}, star);
    vs_phys_write64(f->phys, (vs_hpa){STORE_AT + 16}, lstar);
    vs_phys_write64(f->phys, (vs_hpa){LOAD_AT}, star);
    vs_phys_write64(f->phys, (vs_hpa){LOAD_AT + 8}, 111);
    vs_phys_write64(f->phys, (vs_hpa){ENTRY_AT}, lstar);
    vs_phys_write64(f->phys, (vs_hpa){ENTRY_AT + 8}, 222);
    write_field(f, VS_VMCS_EXIT_MSR_STORE_COUNT, 2);
    write_field(f, VS_VMCS_EXIT_MSR_LOAD_COUNT, 1);
    write_field(f, VS_VMCS_ENTRY_MSR_LOAD_COUNT, 1);
    launch(f);
    assert_int_equal(vs_vmx_msr(&f->x, lstar), 222);
    assert_int_equal(vs_vmx_msr_set(&f->x, star, 333), VS_OK);
    f->loads = f->stores = 0;
    uint64_t listed = round_trip(f, &cpuid) / 400;
    assert_int_equal(listed, bare + 2 * f->config.msr_store + 2 * f->config.msr_load);
    assert_int_equal(f->stores, 2);
    assert_int_equal(f->loads, 2 + 2 + 2); /* indices of four entries, values of two */
    assert_int_equal(vs_phys_read64(f->phys, (vs_hpa){STORE_AT + 8}), 333);
    assert_int_equal(vs_phys_read64(f->phys, (vs_hpa){STORE_AT + 24}), 222);
    assert_int_equal(vs_vmx_msr(&f->x, star), 111);
    assert_int_equal(f->x.count[VS_CNT_vmcs_msr_entries], 1 + 4);
}

static void test_an_injected_event_is_delivered_once(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    uint64_t plain = cycles(f);
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000040);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_OK);
    assert_int_equal(f->x.injected, 0x80000040);
    assert_int_equal(round_trip(f, &cpuid) / 400, plain); /* its exit cleared the valid bit */
    assert_int_equal(f->x.injected, 0);
    assert_int_equal(f->x.count[VS_CNT_vmcs_injections], 1);
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000040);
    vs_txn_actor(&f->t, f->host);
    vs_open(&f->t, vs_vmx_exit_op(VS_EXIT_VMCALL));
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_RESUME), VS_VMX_OK);
    (void)vs_close(&f->t);
    assert_int_equal(booked(f, vs_vmx_exit_op(VS_EXIT_VMCALL), VS_ACC_vmcs_entry_inject),
                     f->config.entry_inject * 400);
}

static void test_acknowledging_an_interrupt_costs_only_with_its_control(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_event irq = {.kind = VS_EV_EXTERNAL_INTERRUPT, .number = 0x41};
    boot(f);
    launch(f);
    uint64_t with = round_trip(f, &irq);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_INTERRUPTION_INFO), 0x80000041);
    f->config.control_acknowledge_interrupt_on_exit = 0;
    boot(f);
    launch(f);
    assert_int_equal(round_trip(f, &irq), with - f->config.exit_acknowledge * 400);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_INTERRUPTION_INFO), 0);
}

static void test_an_uncached_vmcs_costs_a_reference_for_each_field_moved(void **state)
{
    struct fixture *f = *state;
    f->config.cached = 0;
    boot(f);
    launch(f);
    uint64_t moved = f->x.count[VS_CNT_vmcs_fields_saved] + f->x.count[VS_CNT_vmcs_fields_loaded];
    f->touches = 0;
    (void)round_trip(f, &cpuid);
    moved = f->x.count[VS_CNT_vmcs_fields_saved] + f->x.count[VS_CNT_vmcs_fields_loaded] - moved;
    assert_int_equal(f->touches, moved);
    assert_true(moved > 100);
}

static void test_a_bad_list_entry_on_the_way_out_aborts(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    write_field(f, VS_VMCS_EXIT_MSR_LOAD_COUNT, 1);
    vs_phys_write64(f->phys, (vs_hpa){LOAD_AT}, 0xc0000100); /* FS base */
    launch(f);
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_ABORT);
    assert_int_equal(vs_phys_read64(f->phys, (vs_hpa){VMCS_AT}) >> 32, VS_ABORT_LOAD_MSR);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_UD);
}

static void test_documents_machine_prices_phases_only(void **state)
{
    struct fixture *f = *state;
    struct vs_vmcs_config *c = &f->config;
    c->field_save = c->field_load = c->field_load_cr = c->field_record = c->tlb_flush =
        c->check_cost = 0;
    c->unexplained = c->exit_resume = c->entry_fetch = 0;
    c->exit_save_guest = 250, c->exit_load_host = 500,
    c->entry_load_guest = 250; /* 100, 200, 100 ns */
    assert_int_equal(cycles(f) * 400, 400000);
    assert_int_equal(booked(f, vs_vmx_exit_op(VS_EXIT_CPUID), VS_ACC_vmcs_exit_save_guest), 100000);
    assert_int_equal(booked(f, vs_vmx_exit_op(VS_EXIT_CPUID), VS_ACC_vmcs_exit_load_host), 200000);
    assert_int_equal(booked(f, vs_vmx_exit_op(VS_EXIT_CPUID), VS_ACC_vmcs_entry_load_guest),
                     100000);
}

/* ---- checks -------------------------------------------------------------------------------------
 */

static void test_interrupts_are_injected_only_where_they_can_be_taken(void **state)
{
    struct fixture *f = *state;
    write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000040);
    write_field(f, VS_VMCS_GUEST_RFLAGS, 2);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_ENTRY_FAILED);
    write_field(f, VS_VMCS_GUEST_RFLAGS, 0x202);
    write_field(f, VS_VMCS_GUEST_INTERRUPTIBILITY, 1);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_ENTRY_FAILED);
    write_field(f, VS_VMCS_GUEST_INTERRUPTIBILITY, 0);
    write_field(f, VS_VMCS_GUEST_ACTIVITY, VS_ACTIVITY_HLT);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_int_equal(f->x.live[VS_VMCS_AT_GUEST_ACTIVITY], VS_ACTIVITY_ACTIVE); /* awake */
}

static void test_a_bad_entry_list_is_reason_34_with_its_number(void **state)
{
    struct fixture *f = *state;
    vs_phys_write64(f->phys, (vs_hpa){ENTRY_AT}, 0xc0000081);
    vs_phys_write64(f->phys, (vs_hpa){ENTRY_AT + 16}, 0xc0000101);
    write_field(f, VS_VMCS_ENTRY_MSR_LOAD_COUNT, 2);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_ENTRY_FAILED);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_REASON), 0x80000022);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_QUALIFICATION), 2);
    assert_int_equal(f->x.count[VS_CNT_vmcs_entries], 0);
    assert_int_equal(f->x.count[VS_CNT_vmcs_entry_failures], 1);
}

static void test_knobs_that_cannot_enter_are_refused_before_the_run(void **state)
{
    struct fixture *f = *state;
    struct vs_errors e = {NULL, 0};
    vs_vmcs_check(&f->config, &e);
    assert_int_equal(e.n, 0);
    f->config.control_xsaves = 1;            /* Haswell-EP has no XSAVES */
    f->config.control_posted_interrupts = 1; /* without virtual-interrupt delivery */
    vs_vmcs_check(&f->config, &e);
    assert_int_equal(e.n, 2);
    assert_non_null(strstr(e.text[0], "vmcs.control.xsaves"));
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_VALID);
    vs_errors_free(&e);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_calibrated_machine_takes_the_measured_round_trip),
        T(test_an_operation_is_the_sum_of_its_parts),
        T(test_the_exit_belongs_to_the_host_and_the_guest_goes_on),
        T(test_each_control_adds_exactly_its_fields),
        T(test_an_eptp_switch_without_vpid_drops_the_mappings_of_vpid_0),
        T(test_turning_vpid_off_flushes_on_both_ways),
        T(test_guest_registers_survive_the_host),
        T(test_exit_information_says_what_happened),
        T(test_checks_cost_only_after_a_major_field_was_written),
        T(test_msr_lists_go_through_memory_and_cost_per_entry),
        T(test_an_injected_event_is_delivered_once),
        T(test_acknowledging_an_interrupt_costs_only_with_its_control),
        T(test_an_uncached_vmcs_costs_a_reference_for_each_field_moved),
        T(test_a_bad_list_entry_on_the_way_out_aborts),
        T(test_documents_machine_prices_phases_only),
        T(test_interrupts_are_injected_only_where_they_can_be_taken),
        T(test_a_bad_entry_list_is_reason_34_with_its_number),
        T(test_knobs_that_cannot_enter_are_refused_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
