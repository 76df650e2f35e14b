/* SPDX-License-Identifier: MIT */
/* Laws of the VMCS: encodings, the region, the instructions and what each control decides; as many
 * lines as there are instructions and controls. */
#include "vmcs/test_vmcs.h"

/* ---- fields -----------------------------------------------------------------------------------
 */

static void test_every_encoding_says_its_width_and_area(void **state)
{
    (void)state;
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        const struct vs_vmcs_field *f = &vs_vmcs_fields[p];
        if ((f->encoding >> 13 & 3) != f->width || (f->encoding >> 10 & 3) != f->area ||
            f->encoding & 1) {
            fail_msg("%s: encoding %04x contradicts its width or area", f->name, f->encoding);
        }
        assert_true(p == 0 || vs_vmcs_fields[p - 1].encoding < f->encoding);
        assert_int_equal(vs__vmcs_position(f->encoding), p);
        assert_int_equal(f->area == VS_VMCS_INFO, f->group == VS_VMCS_G_INFO);
        bool control = f->group == VS_VMCS_G_CONTROL || f->group == VS_VMCS_G_INJECT;
        assert_int_equal(f->area == VS_VMCS_CONTROL, control);
    }
    assert_true(VS_REGION_DATA + 8u * VS_VMCS_FIELDS <= 4096);
}

static void test_a_written_field_keeps_its_width(void **state)
{
    struct fixture *f = *state;
    write_field(f, VS_VMCS_VPID, 0x123456789abcdef1);
    assert_int_equal(read_field(f, VS_VMCS_VPID), 0xdef1);
    write_field(f, VS_VMCS_EXCEPTION_BITMAP, 0x123456789abcdef1);
    assert_int_equal(read_field(f, VS_VMCS_EXCEPTION_BITMAP), 0x9abcdef1);
    write_field(f, VS_VMCS_GUEST_RIP, 0x123456789abcdef1);
    assert_int_equal(read_field(f, VS_VMCS_GUEST_RIP), 0x123456789abcdef1);
    write_field(f, VS_VMCS_TSC_OFFSET, 0x123456789abcdef1);
    assert_int_equal(read_field(f, VS_VMCS_TSC_OFFSET + 1), 0x12345678);
    write_field(f, VS_VMCS_TSC_OFFSET + 1, 0xffffffff00000007);
    assert_int_equal(read_field(f, VS_VMCS_TSC_OFFSET), 0x000000079abcdef1);
}

static void test_fields_live_in_host_physical_memory(void **state)
{
    struct fixture *f = *state;
    write_field(f, VS_VMCS_GUEST_RIP, 0xabcdef);
    assert_int_equal(vs_phys_read64(f->phys, vs_vmx_at(VMCS_AT, VS_VMCS_AT_GUEST_RIP)), 0xabcdef);
}

static uint64_t error_of(struct fixture *f)
{
    return read_field(f, VS_VMCS_INSTRUCTION_ERROR);
}

static void test_unsupported_fields_fail_with_error_12(void **state)
{
    struct fixture *f = *state;
    uint64_t v;
    const uint32_t none[] = {0x7000,
                             0x6800 + 1,
                             0x4002 + 1,
                             0x12345678,
                             VS_VMCS_SHARED_EPT_POINTER,
                             VS_VMCS_TSC_MULTIPLIER};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        vs_vmx_put(&f->x, VS_VMCS_AT_INSTRUCTION_ERROR, 0);
        assert_int_equal(vs_vmx_read(&f->x, NULL, none[i], &v), VS_VMX_FAIL_VALID);
        assert_int_equal(error_of(f), 12);
        assert_int_equal(vs_vmx_write(&f->x, NULL, none[i], 0), VS_VMX_FAIL_VALID);
    }
    f->x.config.cap_proc2 |= UINT64_C(1) << (32 + 25); /* a processor with TSC scaling has it */
    assert_int_equal(vs_vmx_read(&f->x, NULL, VS_VMCS_TSC_MULTIPLIER, &v), VS_VMX_OK);
}

static void test_exit_information_is_read_only_unless_misc_bit_29(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_write(&f->x, NULL, VS_VMCS_EXIT_REASON, 1), VS_VMX_OK);
    f->x.config.cap_misc &= ~VS_MISC_WRITE_ANY;
    assert_int_equal(vs_vmx_write(&f->x, NULL, VS_VMCS_EXIT_REASON, 2), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 13);
    assert_int_equal(read_field(f, VS_VMCS_EXIT_REASON), 1);
}

/* ---- instructions ------------------------------------------------------------------------------
 */

static void test_vmx_instructions_need_vmx_operation(void **state)
{
    struct fixture *f = *state;
    uint64_t v;
    assert_int_equal(vs_vmx_off(&f->x, NULL), VS_VMX_OK);
    assert_int_equal(vs_vmx_off(&f->x, NULL), VS_VMX_UD);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){VMCS_AT}), VS_VMX_UD);
    assert_int_equal(vs_vmx_clear(&f->x, NULL, (vs_hpa){VMCS_AT}), VS_VMX_UD);
    assert_int_equal(vs_vmx_read(&f->x, NULL, VS_VMCS_GUEST_RIP, &v), VS_VMX_UD);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_UD);
}

static void test_vmxon_wants_an_aligned_region_with_its_revision(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_on(&f->x, NULL, (vs_hpa){VMXON_AT}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 15);
    assert_int_equal(vs_vmx_off(&f->x, NULL), VS_VMX_OK);
    assert_int_equal(vs_vmx_on(&f->x, NULL, (vs_hpa){VMXON_AT + 64}), VS_VMX_FAIL_INVALID);
    vs_phys_write64(f->phys, (vs_hpa){VMXON_AT}, f->config.cap_revision + 1);
    assert_int_equal(vs_vmx_on(&f->x, NULL, (vs_hpa){VMXON_AT}), VS_VMX_FAIL_INVALID);
    vs_vmx_format(&f->x, (vs_hpa){VMXON_AT});
    assert_int_equal(vs_vmx_on(&f->x, NULL, (vs_hpa){VMXON_AT}), VS_VMX_OK);
}

static void test_a_vmcs_pointer_is_4k_aligned_not_64_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){VMCS_AT + 64}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 9);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){UINT64_C(1) << 46}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 9);
    assert_int_equal(vs_vmx_clear(&f->x, NULL, (vs_hpa){VMCS_AT + 2048}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 2);
}

static void test_the_vmxon_region_is_not_a_vmcs(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){VMXON_AT}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 10);
    assert_int_equal(vs_vmx_clear(&f->x, NULL, (vs_hpa){VMXON_AT}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 3);
}

static void test_vmptrld_wants_the_revision_and_no_shadow_bit(void **state)
{
    struct fixture *f = *state;
    vs_phys_write64(f->phys, (vs_hpa){0x70000}, f->config.cap_revision ^ 1);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){0x70000}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 11);
    vs_phys_write64(f->phys, (vs_hpa){0x70000}, f->config.cap_revision | 0x80000000u);
    f->x.config.cap_proc2 &= ~(VS_PROC2_SHADOWING << 32);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){0x70000}), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 11);
    f->x.config.cap_proc2 |= VS_PROC2_SHADOWING << 32;
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){0x70000}), VS_VMX_OK);
}

static void test_without_a_current_vmcs_failures_are_invalid(void **state)
{
    struct fixture *f = *state;
    uint64_t v;
    vs_hpa at;
    assert_int_equal(vs_vmx_ptrst(&f->x, NULL, &at), VS_VMX_OK);
    assert_int_equal(at.v, VMCS_AT);
    assert_int_equal(vs_vmx_clear(&f->x, NULL, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(vs_vmx_ptrst(&f->x, NULL, &at), VS_VMX_OK);
    assert_true(at.v == VS_VMX_NO_VMCS);
    assert_int_equal(vs_vmx_read(&f->x, NULL, VS_VMCS_GUEST_RIP, &v), VS_VMX_FAIL_INVALID);
    assert_int_equal(vs_vmx_write(&f->x, NULL, VS_VMCS_GUEST_RIP, 0), VS_VMX_FAIL_INVALID);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){VMCS_AT + 1}), VS_VMX_FAIL_INVALID);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_INVALID);
}

static void leave(struct fixture *f)
{
    struct vs_vmx_event cpuid = {.kind = VS_EV_CPUID, .length = 2};
    struct vs_vmx_exit_info info;
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
}

static void test_launch_state_machine(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 5);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME),
                     VS_VMX_UD); /* in the guest it exits */
    leave(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 4);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_OK);
    leave(f);
    /* Its state goes with the VMCS, not with the processor; VMCLEAR makes it clear again. */
    vs_vmx_format(&f->x, (vs_hpa){0x70000});
    assert_int_equal(vs_vmx_clear(&f->x, NULL, (vs_hpa){0x70000}), VS_VMX_OK);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){0x70000}), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_FAIL_VALID);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_OK);
    leave(f);
    assert_int_equal(vs_vmx_clear(&f->x, NULL, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(vs_vmx_ptrld(&f->x, NULL, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_FAIL_VALID);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
}

static void test_invept_and_invvpid_reach_the_tlbs_or_fail_with_28(void **state)
{
    struct fixture *f = *state;
    vs_txn_actor(&f->t, f->host);
    assert_int_equal(vs_vmx_invept(&f->x, &f->t, 1, EPTP), VS_VMX_OK);
    assert_int_equal(f->last_flush, VS_FLUSH_EPT);
    assert_int_equal(vs_vmx_invept(&f->x, &f->t, 1, EPTP | 1), VS_VMX_FAIL_VALID);
    assert_int_equal(error_of(f), 28);
    assert_int_equal(vs_vmx_invept(&f->x, &f->t, 3, EPTP), VS_VMX_FAIL_VALID);
    assert_int_equal(f->flushes, 1);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 0, 7, (vs_gva){0x1000}), VS_VMX_OK);
    assert_int_equal(f->last_flush, VS_FLUSH_VPID_ADDRESS);
    assert_int_equal(f->last_vpid, 7);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 0, 7, (vs_gva){UINT64_C(1) << 60}),
                     VS_VMX_FAIL_VALID);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 1, 0, (vs_gva){0}), VS_VMX_FAIL_VALID);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 1, 7, (vs_gva){0}), VS_VMX_OK);
    assert_int_equal(f->last_flush, VS_FLUSH_VPID);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 3, 7, (vs_gva){0}), VS_VMX_OK);
    assert_int_equal(f->last_flush, VS_FLUSH_VPID_NONGLOBAL);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 2, 0, (vs_gva){0}), VS_VMX_OK);
    assert_int_equal(f->last_flush, VS_FLUSH_ALL_VPIDS);
    assert_int_equal(f->flushes, 5);
    /* all contexts: guest-physical mappings, too */
    assert_int_equal(vs_vmx_invept(&f->x, &f->t, 2, 0), VS_VMX_OK);
    assert_int_equal(f->last_flush, VS_FLUSH_EPT);
}

static void test_an_uncached_vmcs_costs_a_reference_a_field(void **state)
{
    struct fixture *f = *state;
    struct vs_vmcs_port port = vs_vmx_port(&f->x);
    uint64_t v;
    vs_txn_actor(&f->t, f->host);
    assert_true(port.vmread(port.ctx, &f->t, VS_VMCS_GUEST_RIP, &v));
    assert_true(port.vmwrite(port.ctx, &f->t, VS_VMCS_GUEST_RIP, v));
    assert_int_equal(f->loads + f->stores, 0);
    assert_int_equal(vs_now(&f->t).v, (f->config.vmread + f->config.vmwrite) * 400);
    f->x.config.cached = 0;
    assert_true(port.vmread(port.ctx, &f->t, VS_VMCS_GUEST_RIP, &v));
    assert_true(port.vmwrite(port.ctx, &f->t, VS_VMCS_GUEST_RIP, v));
    assert_int_equal(f->loads, 1);
    assert_int_equal(f->stores, 1);
    assert_false(port.vmread(port.ctx, &f->t, 0x7000, &v));
    assert_int_equal(f->x.count[VS_CNT_vmcs_vmreads], 3);
}

static void test_switching_vmcs_moves_its_lines(void **state)
{
    struct fixture *f = *state;
    vs_txn_actor(&f->t, f->host);
    assert_int_equal(vs_vmx_ptrld(&f->x, &f->t, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(f->touches, 0); /* it was current already */
    assert_int_equal(vs_vmx_clear(&f->x, &f->t, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(f->touches, VS_REGION_LINES);
    assert_int_equal(vs_vmx_ptrld(&f->x, &f->t, (vs_hpa){VMCS_AT}), VS_VMX_OK);
    assert_int_equal(f->touches, 2 * VS_REGION_LINES);
}

/* ---- what exits ---------------------------------------------------------------------------------
 */

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_encoding_says_its_width_and_area),
        T(test_a_written_field_keeps_its_width),
        T(test_fields_live_in_host_physical_memory),
        T(test_unsupported_fields_fail_with_error_12),
        T(test_exit_information_is_read_only_unless_misc_bit_29),
        T(test_vmx_instructions_need_vmx_operation),
        T(test_vmxon_wants_an_aligned_region_with_its_revision),
        T(test_a_vmcs_pointer_is_4k_aligned_not_64_bytes),
        T(test_the_vmxon_region_is_not_a_vmcs),
        T(test_vmptrld_wants_the_revision_and_no_shadow_bit),
        T(test_without_a_current_vmcs_failures_are_invalid),
        T(test_launch_state_machine),
        T(test_invept_and_invvpid_reach_the_tlbs_or_fail_with_28),
        T(test_an_uncached_vmcs_costs_a_reference_a_field),
        T(test_switching_vmcs_moves_its_lines),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
