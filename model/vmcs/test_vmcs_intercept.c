/* SPDX-License-Identifier: MIT */
/* What each control of the VMCS decides: which instructions and events exit. */
#include "vmcs/test_vmcs.h"

struct choice {
    const char *what;
    size_t control; /* offset of the knob in the config */
    struct vs_vmx_event event;
    uint32_t reason;
};
#define KNOB(name) offsetof(struct vs_vmcs_config, control_##name)

static bool exits_with(struct fixture *f, size_t control, bool on, const struct vs_vmx_event *e,
                       struct vs_vmx_exit_info *info)
{
    all_controls(f, false);
    f->config.control_use_msr_bitmaps = 1; /* off, every RDMSR would exit */
    /* What the control under test needs to be valid. */
    f->config.control_ept = f->config.control_tpr_shadow = 1;
    f->config.control_external_interrupt_exiting = control != KNOB(external_interrupt_exiting);
    f->config.control_nmi_exiting = control != KNOB(nmi_exiting);
    f->config.control_rdtscp = f->config.control_invpcid = 1;
    *(uint64_t *)(void *)((char *)&f->config + control) = on;
    boot(f);
    f->setup.vpid = 1;
    write_field(f, VS_VMCS_EOI_EXIT_BITMAP_0, UINT64_C(1) << 33);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    return vs_vmx_intercept(&f->x, NULL, e, info);
}

static void test_each_control_alone_decides_whether_its_instruction_exits(void **state)
{
    struct fixture *f = *state;
    const struct choice choices[] = {
        {"HLT", KNOB(hlt_exiting), {.kind = VS_EV_HLT, .length = 1}, 12},
        {"INVLPG", KNOB(invlpg_exiting), {.kind = VS_EV_INVLPG, .address = 0x1234}, 14},
        {"INVPCID", KNOB(invlpg_exiting), {.kind = VS_EV_INVPCID}, 58},
        {"RDPMC", KNOB(rdpmc_exiting), {.kind = VS_EV_RDPMC}, 15},
        {"RDTSC", KNOB(rdtsc_exiting), {.kind = VS_EV_RDTSC}, 16},
        {"RDTSCP", KNOB(rdtsc_exiting), {.kind = VS_EV_RDTSCP}, 51},
        {"MWAIT", KNOB(mwait_exiting), {.kind = VS_EV_MWAIT}, 36},
        {"MONITOR", KNOB(monitor_exiting), {.kind = VS_EV_MONITOR}, 39},
        {"PAUSE", KNOB(pause_exiting), {.kind = VS_EV_PAUSE, .value = 100}, 40},
        {"WBINVD", KNOB(wbinvd_exiting), {.kind = VS_EV_WBINVD}, 54},
        {"LGDT",
         KNOB(descriptor_table_exiting),
         {.kind = VS_EV_DESCRIPTOR_TABLE, .number = 46},
         46},
        {"MOV DR", KNOB(mov_dr_exiting), {.kind = VS_EV_MOV_DR, .number = 7}, 29},
        {"MOV to CR3",
         KNOB(cr3_load_exiting),
         {.kind = VS_EV_MOV_TO_CR, .number = 3, .value = 0x5000},
         28},
        {"MOV from CR3", KNOB(cr3_store_exiting), {.kind = VS_EV_MOV_FROM_CR, .number = 3}, 28},
        {"MOV to CR8", KNOB(cr8_load_exiting), {.kind = VS_EV_MOV_TO_CR, .number = 8}, 28},
        {"MOV from CR8", KNOB(cr8_store_exiting), {.kind = VS_EV_MOV_FROM_CR, .number = 8}, 28},
        {"IN",
         KNOB(unconditional_io_exiting),
         {.kind = VS_EV_IO, .number = 0x60, .size = 1, .in = true},
         30},
        {"interrupt",
         KNOB(external_interrupt_exiting),
         {.kind = VS_EV_EXTERNAL_INTERRUPT, .number = 0x40},
         1},
        {"NMI", KNOB(nmi_exiting), {.kind = VS_EV_NMI}, 0},
        {"timer", KNOB(preemption_timer), {.kind = VS_EV_PREEMPTION_TIMER}, 52},
        {"window", KNOB(interrupt_window_exiting), {.kind = VS_EV_INTERRUPT_WINDOW}, 7},
        {"EPT violation", KNOB(ept), {.kind = VS_EV_EPT_VIOLATION, .qualification = 0x182}, 48},
        {"EPT misconfiguration", KNOB(ept), {.kind = VS_EV_EPT_MISCONFIG}, 49},
        {"APIC access", KNOB(virtualize_apic_accesses), {.kind = VS_EV_APIC_ACCESS}, 44},
        {"APIC write",
         KNOB(apic_register_virtualization),
         {.kind = VS_EV_APIC_WRITE, .number = 0x300},
         56},
        {"EOI", KNOB(virtual_interrupt_delivery), {.kind = VS_EV_EOI, .number = 33}, 45},
    };
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        struct vs_vmx_exit_info info;
        if (exits_with(f, choices[i].control, false, &choices[i].event, &info)) {
            fail_msg("%s exits though its control is off", choices[i].what);
        }
        if (!exits_with(f, choices[i].control, true, &choices[i].event, &info)) {
            fail_msg("%s does not exit though its control is on", choices[i].what);
        }
        assert_int_equal(info.reason, choices[i].reason);
    }
}

static void test_some_instructions_exit_whatever_the_controls(void **state)
{
    struct fixture *f = *state;
    const struct {
        struct vs_vmx_event event;
        uint32_t reason;
    } always[] = {{{.kind = VS_EV_CPUID}, 10},
                  {{.kind = VS_EV_VMCALL}, 18},
                  {{.kind = VS_EV_INVD}, 13},
                  {{.kind = VS_EV_XSETBV}, 55},
                  {{.kind = VS_EV_GETSEC}, 11},
                  {{.kind = VS_EV_TRIPLE_FAULT}, 2},
                  {{.kind = VS_EV_VMX_INSTRUCTION, .number = 23}, 23}};
    all_controls(f, false);
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        struct vs_vmx_exit_info info;
        assert_true(vs_vmx_intercept(&f->x, NULL, &always[i].event, &info));
        assert_int_equal(info.reason, always[i].reason);
    }
}

static bool msr(struct fixture *f, bool write, uint32_t index)
{
    struct vs_vmx_event e = {
        .kind = write ? VS_EV_WRMSR : VS_EV_RDMSR, .number = index, .length = 2};
    struct vs_vmx_exit_info info;
    return vs_vmx_intercept(&f->x, NULL, &e, &info);
}

static void test_msr_bitmaps_decide_by_index_and_direction(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    const struct {
        bool write;
        uint32_t index, byte;
    } bit[] = {{false, 0x1b, 0x1b / 8},
               {false, 0xc0000080, 1024 + 0x80 / 8},
               {true, 0x1b, 2048 + 0x1b / 8},
               {true, 0xc0000080, 3072 + 0x80 / 8}};
    for (size_t i = 0; i < 4; i++) {
        unsigned char mask = (unsigned char)(1u << (bit[i].index & 7)), zero = 0;
        assert_false(msr(f, bit[i].write, bit[i].index));
        vs_phys_write(f->phys, (vs_hpa){MSR_BITMAP_AT + bit[i].byte}, &mask, 1);
        assert_true(msr(f, bit[i].write, bit[i].index));
        assert_false(msr(f, !bit[i].write, bit[i].index));
        assert_false(msr(f, bit[i].write, bit[i].index + 1));
        vs_phys_write(f->phys, (vs_hpa){MSR_BITMAP_AT + bit[i].byte}, &zero, 1);
    }
    assert_true(msr(f, false, 0x2000)); /* outside both ranges */
    assert_true(msr(f, true, 0x40000000));
    f->config.control_use_msr_bitmaps = 0;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_true(msr(f, false, 0x1b));
}

static bool io(struct fixture *f, uint32_t port, uint32_t size, struct vs_vmx_exit_info *info)
{
    struct vs_vmx_event e = {
        .kind = VS_EV_IO, .number = port, .size = size, .in = true, .length = 1};
    return vs_vmx_intercept(&f->x, &f->t, &e, info);
}

static void test_io_bitmaps_decide_by_port(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    f->config.control_use_io_bitmaps = 1; /* unconditional exiting stays on and is ignored */
    boot(f);
    unsigned char bit = 1u << 3;
    vs_phys_write(f->phys, (vs_hpa){IO_A_AT + 0x60 / 8}, &bit, 1);              /* port 63h */
    vs_phys_write(f->phys, (vs_hpa){IO_B_AT + (0x8cfb & 0x7fff) / 8}, &bit, 1); /* port 8CFBh */
    assert_int_equal(vs_vmx_enter(&f->x, &f->t, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_false(io(f, 0x62, 1, &info));
    assert_int_equal(f->loads, 1);      /* the decision read the bitmap in memory */
    assert_true(io(f, 0x62, 2, &info)); /* its second byte is port 63h */
    assert_int_equal(info.qualification, 0x62u << 16 | 8u | 1u);
    assert_true(io(f, 0x8cfb, 1, &info));
    assert_false(io(f, 0x8cfc, 4, &info));
    assert_true(io(f, 0xffff, 2, &info)); /* wraps around */
}

static void test_cr_writes_exit_on_bits_the_host_owns(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    write_field(f, VS_VMCS_CR0_MASK, 8); /* TS */
    write_field(f, VS_VMCS_CR0_SHADOW, 0);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    struct vs_vmx_event e = {.kind = VS_EV_MOV_TO_CR, .number = 0, .value = 0x80050033, .gpr = 2};
    assert_false(vs_vmx_intercept(&f->x, NULL, &e, &info));
    e.value |= 8;
    assert_true(vs_vmx_intercept(&f->x, NULL, &e, &info));
    assert_int_equal(info.qualification, 2u << 8);
    struct vs_vmx_event clts = {.kind = VS_EV_CLTS};
    assert_false(vs_vmx_intercept(&f->x, NULL, &clts, &info));
    write_field(f, VS_VMCS_CR0_SHADOW, 8);
    assert_true(vs_vmx_intercept(&f->x, NULL, &clts, &info));
    assert_int_equal(info.qualification, 0x20);
    /* The guest reads the shadow where the host owns, and the register elsewhere. */
    assert_int_equal(vs_vmx_guest_cr(&f->x, 0), (read_field(f, VS_VMCS_GUEST_CR0) & ~8u) | 8);
    assert_int_equal(vs_vmx_guest_cr(&f->x, 4) & 0x2000, 0); /* VMXE is hidden */
}

static void test_cr3_targets_do_not_exit(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    f->config.control_cr3_load_exiting = 1;
    boot(f);
    write_field(f, VS_VMCS_CR3_TARGET_COUNT, 1);
    write_field(f, VS_VMCS_CR3_TARGET_0, 0x7000);
    write_field(f, VS_VMCS_CR3_TARGET_1, 0x8000); /* beyond the count */
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    struct vs_vmx_event e = {.kind = VS_EV_MOV_TO_CR, .number = 3, .value = 0x7000};
    assert_false(vs_vmx_intercept(&f->x, NULL, &e, &info));
    e.value = 0x8000;
    assert_true(vs_vmx_intercept(&f->x, NULL, &e, &info));
    assert_int_equal(info.qualification, 3);
}

static void test_exceptions_exit_by_bitmap_and_page_faults_by_error_code(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    write_field(f, VS_VMCS_EXCEPTION_BITMAP, 1u << 6);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    struct vs_vmx_event ud = {.kind = VS_EV_EXCEPTION, .number = 6},
                        de = {.kind = VS_EV_EXCEPTION, .number = 0};
    assert_true(vs_vmx_intercept(&f->x, NULL, &ud, &info));
    assert_int_equal(info.interruption, 0x80000306);
    assert_false(vs_vmx_intercept(&f->x, NULL, &de, &info));
    struct vs_vmx_event pf = {.kind = VS_EV_EXCEPTION,
                              .number = 14,
                              .error_code = 2,
                              .has_error = true,
                              .address = 0x9000};
    assert_false(vs_vmx_intercept(&f->x, NULL, &pf, &info));
    write_field(f, VS_VMCS_PF_ERROR_MASK, 1);
    write_field(f, VS_VMCS_PF_ERROR_MATCH,
                1); /* bit 14 clear: exits when the code does not match */
    assert_true(vs_vmx_intercept(&f->x, NULL, &pf, &info));
    assert_int_equal(info.interruption, 0x80000b0e);
    assert_int_equal(info.qualification, 0x9000);
    pf.error_code = 3;
    assert_false(vs_vmx_intercept(&f->x, NULL, &pf, &info));
}

static void test_the_notification_vector_is_no_exit(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    struct vs_vmx_event notify = {.kind = VS_EV_EXTERNAL_INTERRUPT, .number = 0xf2};
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_true(vs_vmx_intercept(&f->x, NULL, &notify, &info));
    assert_int_equal(info.interruption, 0x800000f2); /* acknowledged */
    f->config.control_posted_interrupts = f->config.control_virtual_interrupt_delivery = 1;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_false(vs_vmx_intercept(&f->x, NULL, &notify, &info));
    assert_true(info.posted);
    notify.number = 0xf3;
    assert_true(vs_vmx_intercept(&f->x, NULL, &notify, &info));
}

static struct fixture *in_guest_with_window_exiting(struct fixture *f)
{
    f->config.control_interrupt_window_exiting = 1;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    return f;
}

static void test_a_closed_interrupt_window_does_not_exit(void **state)
{
    struct fixture *f = in_guest_with_window_exiting(*state);
    struct vs_vmx_exit_info info;
    struct vs_vmx_event window = {.kind = VS_EV_INTERRUPT_WINDOW};
    assert_true(vs_vmx_intercept(&f->x, NULL, &window, &info));
    f->x.live[VS_VMCS_AT_GUEST_RFLAGS] &= ~UINT64_C(0x200);
    assert_false(vs_vmx_intercept(&f->x, NULL, &window, &info));
    f->x.live[VS_VMCS_AT_GUEST_RFLAGS] |= 0x200;
    f->x.live[VS_VMCS_AT_GUEST_INTERRUPTIBILITY] = 1; /* STI */
    assert_false(vs_vmx_intercept(&f->x, NULL, &window, &info));
}

/* SDM 2B, STI: recognized after the next instruction, if it was masked; STI and CLI let nothing in.
 */
static void test_sti_opens_the_window_after_the_instruction_that_follows(void **state)
{
    struct fixture *f = in_guest_with_window_exiting(*state);
    struct vs_vmx_exit_info info;
    struct vs_vmx_event window = {.kind = VS_EV_INTERRUPT_WINDOW};
    vs_vmx_guest_if(&f->x, true); /* it is set already: no blocking */
    assert_true(vs_vmx_intercept(&f->x, NULL, &window, &info));
    vs_vmx_guest_if(&f->x, false);
    assert_false(vs_vmx_intercept(&f->x, NULL, &window, &info));
    vs_vmx_guest_if(&f->x, true);
    assert_false(vs_vmx_intercept(&f->x, NULL, &window, &info));
    vs_vmx_unblock(&f->x);
    assert_true(vs_vmx_intercept(&f->x, NULL, &window, &info));
    vs_vmx_guest_if(&f->x, false);
    vs_vmx_guest_if(&f->x, true);
    vs_vmx_guest_if(&f->x, false); /* state that an entry accepts */
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_OK);
    assert_false(vs_vmx_intercept(&f->x, NULL, &window, &info));
}

static void test_a_pause_loop_exits_after_its_window(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    struct vs_vmx_event e = {.kind = VS_EV_PAUSE, .value = 1000};
    unsigned pauses = 0;
    while (!vs_vmx_intercept(&f->x, NULL, &e, &info)) {
        e.value += 100; /* within the gap of 128 */
        assert_true(++pauses < 100);
    }
    assert_int_equal(pauses, 41); /* the first beyond 1000 + 4096 */
    for (unsigned i = 0; i < 100; i++) {
        e.value += 129; /* each a loop of its own */
        assert_false(vs_vmx_intercept(&f->x, NULL, &e, &info));
    }
    e.cpl = 3;
    for (unsigned i = 0; i < 100; i++) {
        e.value += 100;
        assert_false(vs_vmx_intercept(&f->x, NULL, &e, &info));
    }
}

static void test_the_guest_reads_an_offset_and_scaled_time(void **state)
{
    struct fixture *f = *state;
    write_field(f, VS_VMCS_TSC_OFFSET, (uint64_t)-1000);
    assert_int_equal(vs_vmx_guest_tsc(&f->x, 5000), 4000);
    f->config.cap_proc2 |= UINT64_C(1) << (32 + 25);
    f->config.control_tsc_scaling = 1;
    boot(f);
    write_field(f, VS_VMCS_TSC_MULTIPLIER, UINT64_C(3) << 47); /* 1.5 */
    assert_int_equal(vs_vmx_guest_tsc(&f->x, UINT64_C(0x8000000000000002)),
                     UINT64_C(0xc000000000000003));
}

/* SDM 3C 25.3, RDTSC: offsetting alone decides whether anything happens to the value; scaling says
 * what. */
static void test_without_offsetting_time_is_neither_moved_nor_scaled(void **state)
{
    struct fixture *f = *state;
    f->config.cap_proc2 |= UINT64_C(1) << (32 + 25);
    f->config.control_tsc_scaling = 1;
    f->config.control_tsc_offsetting = 0;
    boot(f);
    write_field(f, VS_VMCS_TSC_OFFSET, 1000);
    write_field(f, VS_VMCS_TSC_MULTIPLIER, UINT64_C(3) << 47);
    assert_int_equal(vs_vmx_guest_tsc(&f->x, 5000), 5000);
}

/* SDM 3C 26.2 and 27.7.2: what an activity state blocks causes no exit, whatever the controls; INIT
 * and start-up IPIs exit whatever the controls are. */
static void test_an_activity_state_says_which_events_exit(void **state)
{
    struct fixture *f = *state;
    enum { OTHERS = VS_ACTIVITY_WAIT_SIPI };
    const struct {
        enum vs_vmx_kind kind;
        uint32_t number, reason;
        bool others[OTHERS], waiting; /* whether it exits: active, halted, shut down */
    } law[] = {{VS_EV_INIT, 0, 3, {true, true, true}, false},
               {VS_EV_SIPI, 0x9a, 4, {false, false, false}, true},
               {VS_EV_NMI, 0, 0, {true, true, true}, false},
               {VS_EV_EXTERNAL_INTERRUPT, 0x41, 1, {true, true, false}, false},
               {VS_EV_NMI_WINDOW, 0, 8, {true, true, true}, false}};
    boot(f);
    write_field(f, VS_VMCS_PROC_CONTROLS,
                read_field(f, VS_VMCS_PROC_CONTROLS) | VS_PROC_NMI_WINDOW);
    write_field(f, VS_VMCS_PIN_CONTROLS, read_field(f, VS_VMCS_PIN_CONTROLS) & ~UINT64_C(128));
    for (unsigned activity = 0; activity <= VS_ACTIVITY_WAIT_SIPI; activity++) {
        write_field(f, VS_VMCS_GUEST_ACTIVITY, activity);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, activity ? VS_VMX_RESUME : VS_VMX_LAUNCH),
                         VS_VMX_OK);
        for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
            struct vs_vmx_event e = {.kind = law[i].kind, .number = law[i].number};
            struct vs_vmx_exit_info info;
            bool exits = activity < OTHERS ? law[i].others[activity] : law[i].waiting;
            assert_int_equal(vs_vmx_intercept(&f->x, NULL, &e, &info), exits);
            assert_true(!exits || info.reason == law[i].reason);
            if (exits && e.kind == VS_EV_SIPI) { /* table 28-1: its vector */
                assert_true(info.has_qualification && info.qualification == 0x9a);
            }
        }
        struct vs_vmx_exit_info cpuid = {.reason = VS_EXIT_CPUID};
        assert_int_equal(vs_vmx_exit(&f->x, NULL, &cpuid), VS_VMX_OK);
        assert_int_equal(read_field(f, VS_VMCS_GUEST_ACTIVITY), activity);
    }
}

/* 26.2: the window opens when nothing blocks NMIs: neither the handler of one, which its IRET ends,
 * nor MOV SS. */
static void test_the_nmi_window_opens_at_iret(void **state)
{
    struct fixture *f = *state;
    const struct vs_vmx_event window = {.kind = VS_EV_NMI_WINDOW};
    struct vs_vmx_exit_info info;
    boot(f);
    write_field(f, VS_VMCS_PROC_CONTROLS,
                read_field(f, VS_VMCS_PROC_CONTROLS) | VS_PROC_NMI_WINDOW);
    write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000202);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_false(vs_vmx_intercept(&f->x, NULL, &window, &info));
    vs_vmx_guest_iret(&f->x);
    assert_true(vs_vmx_intercept(&f->x, NULL, &window, &info));
    assert_int_equal(info.reason, 8);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_each_control_alone_decides_whether_its_instruction_exits),
        T(test_some_instructions_exit_whatever_the_controls),
        T(test_msr_bitmaps_decide_by_index_and_direction),
        T(test_io_bitmaps_decide_by_port),
        T(test_cr_writes_exit_on_bits_the_host_owns),
        T(test_cr3_targets_do_not_exit),
        T(test_exceptions_exit_by_bitmap_and_page_faults_by_error_code),
        T(test_the_notification_vector_is_no_exit),
        T(test_a_closed_interrupt_window_does_not_exit),
        T(test_sti_opens_the_window_after_the_instruction_that_follows),
        T(test_a_pause_loop_exits_after_its_window),
        T(test_the_guest_reads_an_offset_and_scaled_time),
        T(test_an_activity_state_says_which_events_exit),
        T(test_the_nmi_window_opens_at_iret),
        T(test_without_offsetting_time_is_neither_moved_nor_scaled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
