/* SPDX-License-Identifier: MIT */
/* Laws of the VMCS at their edges: what a capability names and no more, where ranges end. */
#include "vmcs/test_vmcs.h"

/* ---- capabilities ------------------------------------------------------------------------------
 */

static bool eptp_valid(struct fixture *f, uint64_t cap, uint64_t eptp)
{
    f->x.config.cap_ept_vpid = cap;
    enum vs_vmx_result r = vs_vmx_invept(&f->x, &f->t, 1, eptp);
    assert_true(r == VS_VMX_OK || r == VS_VMX_FAIL_VALID);
    return r == VS_VMX_OK;
}

/* SDM 3D A.10: bits 6 and 7 walk lengths, 8 and 14 memory types, 21 flags. */
static void test_an_eptp_asks_only_for_what_the_processor_names(void **state)
{
    struct fixture *f = *state;
    const uint64_t invept = UINT64_C(3) << 25 | UINT64_C(1) << 20, root = 0x5000;
    const struct {
        uint64_t bits;
        unsigned cap[2]; /* both are needed */
    } ask[] = {{6 | 3 << 3, {14, 6}},
               {0 | 3 << 3, {8, 6}},
               {6 | 4 << 3, {14, 7}},
               {6 | 3 << 3 | 1 << 6, {14, 6}}};
    vs_txn_actor(&f->t, f->host);
    for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
        uint64_t ad = ask[i].bits & 1 << 6 ? UINT64_C(1) << 21 : 0;
        uint64_t both = invept | ad | UINT64_C(1) << ask[i].cap[0] | UINT64_C(1) << ask[i].cap[1];
        assert_true(eptp_valid(f, both, root | ask[i].bits));
        for (unsigned k = 0; k < 2; k++) {
            uint64_t less = both & ~(UINT64_C(1) << ask[i].cap[k]);
            assert_false(eptp_valid(f, less, root | ask[i].bits));
        }
        if (ad) {
            assert_false(eptp_valid(f, both & ~ad, root | ask[i].bits));
        }
    }
    uint64_t all = UINT64_MAX;
    for (unsigned type = 0; type < 8; type++) {
        assert_int_equal(eptp_valid(f, all, root | 3 << 3 | type), type == 0 || type == 6);
    }
    for (unsigned walk = 0; walk < 8; walk++) {
        assert_int_equal(eptp_valid(f, all, root | walk << 3 | 6), walk == 3 || walk == 4);
    }
    for (unsigned bit = 7; bit < 12; bit++) {
        assert_false(eptp_valid(f, all, root | 3 << 3 | 6 | 1u << bit));
    }
    unsigned top = (unsigned)f->config.cap_physical_bits;
    assert_true(eptp_valid(f, all, UINT64_C(1) << (top - 1) | 3 << 3 | 6));
    assert_false(eptp_valid(f, all, UINT64_C(1) << top | 3 << 3 | 6));
}

static void test_each_type_of_an_invalidation_has_a_capability(void **state)
{
    struct fixture *f = *state;
    vs_txn_actor(&f->t, f->host);
    for (unsigned type = 1; type <= 2; type++) {
        f->x.config.cap_ept_vpid = UINT64_MAX & ~(UINT64_C(1) << (24 + type));
        assert_int_equal(vs_vmx_invept(&f->x, &f->t, type, EPTP), VS_VMX_FAIL_VALID);
        assert_int_equal(vs_vmx_invept(&f->x, &f->t, 3 - type, EPTP), VS_VMX_OK);
    }
    for (unsigned type = 0; type < 4; type++) {
        f->x.config.cap_ept_vpid = UINT64_MAX & ~(UINT64_C(1) << (40 + type));
        for (unsigned t = 0; t < 4; t++) {
            assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, t, 7, (vs_gva){0}),
                             t == type ? VS_VMX_FAIL_VALID : VS_VMX_OK);
        }
    }
    f->x.config.cap_ept_vpid = UINT64_MAX & ~(UINT64_C(1) << 20 | UINT64_C(1) << 32);
    assert_int_equal(vs_vmx_invept(&f->x, &f->t, 2, 0), VS_VMX_UD);
    assert_int_equal(vs_vmx_invvpid(&f->x, &f->t, 2, 0, (vs_gva){0}), VS_VMX_UD);
}

/* README, major fields: all of the control and host areas but these. */
static void test_the_next_entry_pays_its_checks_after_any_major_field(void **state)
{
    struct fixture *f = *state;
    static const uint32_t minor[] = {
        VS_VMCS_TSC_OFFSET,        VS_VMCS_TPR_THRESHOLD,     VS_VMCS_EXCEPTION_BITMAP,
        VS_VMCS_CR0_SHADOW,        VS_VMCS_CR4_SHADOW,        VS_VMCS_EOI_EXIT_BITMAP_0,
        VS_VMCS_EOI_EXIT_BITMAP_1, VS_VMCS_EOI_EXIT_BITMAP_2, VS_VMCS_EOI_EXIT_BITMAP_3,
        VS_VMCS_HOST_RSP,          VS_VMCS_HOST_CR3,          VS_VMCS_HOST_FS_BASE,
        VS_VMCS_HOST_GS_BASE};
    unsigned majors = 0;
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        const struct vs_vmcs_field *d = &vs_vmcs_fields[p];
        bool major =
            d->area == VS_VMCS_HOST || (d->area == VS_VMCS_CONTROL && d->group != VS_VMCS_G_INJECT);
        for (size_t i = 0; i < sizeof minor / sizeof *minor; i++) {
            major = major && d->encoding != minor[i];
        }
        if (vs__vmcs_exists(&f->x, p)) {
            vs_vmx_set_state(&f->x, VMCS_AT, VS_LAUNCHED);
            write_field(f, d->encoding, vs_vmx_get(&f->x, p));
            if (!!(vs_vmx_state(&f->x, VMCS_AT) & VS_DIRTY) != major) {
                fail_msg("%s is %smajor", d->name, major ? "" : "not ");
            }
            majors += major;
        }
    }
    assert_true(majors > 40);
}

/* ---- bitmaps -----------------------------------------------------------------------------------
 */

static bool exits(struct fixture *f, struct vs_vmx_event e)
{
    struct vs_vmx_exit_info info;
    return vs_vmx_intercept(&f->x, NULL, &e, &info);
}

static void test_msr_bitmaps_end_at_1fff_of_both_ranges(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    static const struct {
        uint32_t index;
        bool exits;
    } rows[] = {{0, false},          {0x1fff, false},     {0x2000, true},     {0xbfffffff, true},
                {0xc0000000, false}, {0xc0001fff, false}, {0xc0002000, true}, {0xffffffff, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vs_vmx_event e = {.kind = VS_EV_RDMSR, .number = rows[i].index};
        assert_int_equal(exits(f, e), rows[i].exits);
        e.kind = VS_EV_WRMSR;
        assert_int_equal(exits(f, e), rows[i].exits);
    }
}

static void test_each_port_has_one_bit_and_the_last_does_not_wrap(void **state)
{
    struct fixture *f = *state;
    f->config.control_use_io_bitmaps = 1;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    static const uint32_t ports[] = {0, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xbfff, 0xc000, 0xffff};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        uint64_t page = ports[i] < 0x8000 ? IO_A_AT : IO_B_AT;
        vs_hpa byte = {page + (ports[i] & 0x7fff) / 8};
        unsigned char mask = (unsigned char)(1u << (ports[i] & 7)), zero = 0;
        vs_phys_write(f->phys, byte, &mask, 1);
        for (size_t k = 0; k < sizeof ports / sizeof *ports; k++) {
            struct vs_vmx_event e = {.kind = VS_EV_IO, .number = ports[k], .size = 1};
            assert_int_equal(exits(f, e), i == k);
        }
        vs_phys_write(f->phys, byte, &zero, 1);
    }
    assert_false(exits(f, (struct vs_vmx_event){.kind = VS_EV_IO, .number = 0xfffe, .size = 2}));
    assert_true(exits(f, (struct vs_vmx_event){.kind = VS_EV_IO, .number = 0xffff, .size = 2}));
    assert_false(exits(f, (struct vs_vmx_event){.kind = VS_EV_IO, .number = 0xfffc, .size = 4}));
    assert_true(exits(f, (struct vs_vmx_event){.kind = VS_EV_IO, .number = 0xfffd, .size = 4}));
}

/* ---- events ------------------------------------------------------------------------------------
 */

static bool leaves(struct fixture *f, struct vs_vmx_event e, struct vs_vmx_exit_info *info)
{
    uint64_t stayed = f->x.count[VS_CNT_vmcs_bypassed];
    bool exit = vs_vmx_intercept(&f->x, NULL, &e, info);
    assert_int_equal(f->x.count[VS_CNT_vmcs_bypassed] - stayed, !exit);
    return exit;
}

/* SDM 3C 25.1.3, PAUSE: at most PLE_Gap apart is the same loop; longer than PLE_Window exits. */
static void test_a_pause_at_the_gap_is_in_the_loop_and_at_the_window_stays(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_event e = {.kind = VS_EV_PAUSE, .value = 1000};
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    for (; e.value <= 1000 + 4096; e.value += 128) {
        assert_false(exits(f, e));
    }
    e.value = 1000 + 4096 + 1;
    assert_true(exits(f, e));
    e.value++;
    assert_false(exits(f, e)); /* a loop of its own */
}

static void test_the_qualification_names_register_access_and_direction(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info i;
    f->config.control_cr3_store_exiting = f->config.control_mov_dr_exiting = 1;
    boot(f);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_true(
        leaves(f, (struct vs_vmx_event){.kind = VS_EV_MOV_FROM_CR, .number = 3, .gpr = 11}, &i));
    assert_int_equal(i.qualification, 3u | 1u << 4 | 11u << 8);
    assert_true(leaves(
        f, (struct vs_vmx_event){.kind = VS_EV_MOV_DR, .number = 7, .gpr = 5, .in = true}, &i));
    assert_int_equal(i.qualification, 7u | 1u << 4 | 5u << 8);
    /* SDM table 27-5: 2:0 size - 1, 3 IN, 4 string, 5 REP, 6 immediate, 31:16 port */
    struct vs_vmx_event io = {.kind = VS_EV_IO, .number = 0x3f8, .size = 4, .string = true};
    assert_true(leaves(f, io, &i));
    assert_int_equal(i.qualification, 0x3f8u << 16 | 1u << 4 | 3u);
    io.rep = true;
    assert_true(leaves(f, io, &i));
    assert_int_equal(i.qualification, 0x3f8u << 16 | 1u << 5 | 1u << 4 | 3u);
    io.rep = io.string = false;
    io.immediate = true;
    assert_true(leaves(f, io, &i));
    assert_int_equal(i.qualification, 0x3f8u << 16 | 1u << 6 | 3u);
}

/* Without its enabling control the instruction is an invalid opcode: the guest's business. */
static void test_an_instruction_that_is_not_enabled_does_not_exit(void **state)
{
    struct fixture *f = *state;
    f->config.control_invlpg_exiting = f->config.control_rdtsc_exiting = 1;
    for (uint64_t on = 0; on < 2; on++) {
        f->config.control_rdtscp = f->config.control_invpcid = on;
        boot(f);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
        assert_int_equal(exits(f, (struct vs_vmx_event){.kind = VS_EV_RDTSCP}), on);
        assert_int_equal(exits(f, (struct vs_vmx_event){.kind = VS_EV_INVPCID}), on);
    }
}

static void test_events_are_recorded_with_vector_type_and_code(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info i;
    write_field(f, VS_VMCS_EXCEPTION_BITMAP, 1u << 3 | 1u << 4 | 1u << 13 | 1u << 18);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    static const struct {
        uint32_t vector;
        bool error;
        uint32_t info;
    } rows[] = {{3, false, 0x80000603},  /* #BP: software exception */
                {4, false, 0x80000604},  /* #OF */
                {13, true, 0x80000b0d},  /* #GP: hardware exception with a code */
                {18, false, 0x80000312}, /* #MC */
                {14, true, 0}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct vs_vmx_event e = {.kind = VS_EV_EXCEPTION,
                                 .number = rows[k].vector,
                                 .has_error = rows[k].error,
                                 .error_code = 0x18};
        assert_int_equal(leaves(f, e, &i), rows[k].info != 0);
        if (rows[k].info) {
            assert_int_equal(i.interruption, rows[k].info);
            assert_int_equal(i.interruption_error, rows[k].error ? 0x18 : 0);
            assert_false(i.has_qualification);
        }
    }
    assert_true(leaves(f, (struct vs_vmx_event){.kind = VS_EV_NMI}, &i));
    assert_int_equal(i.interruption, 0x80000202);
}

/* SDM 3C 27.7.5, 27.7.6; table 25-3: bits 0 STI, 1 MOV SS, 3 NMI. */
static void test_what_blocks_an_event_keeps_its_window_closed(void **state)
{
    struct fixture *f = *state;
    f->config.control_interrupt_window_exiting = f->config.control_nmi_exiting = 1;
    f->config.control_virtual_nmis = 1;
    boot(f);
    write_field(f, VS_VMCS_PROC_CONTROLS,
                read_field(f, VS_VMCS_PROC_CONTROLS) | VS_PROC_NMI_WINDOW);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    for (uint64_t blocking = 0; blocking < 16; blocking++) {
        f->x.live[VS_VMCS_AT_GUEST_INTERRUPTIBILITY] = blocking;
        assert_int_equal(exits(f, (struct vs_vmx_event){.kind = VS_EV_INTERRUPT_WINDOW}),
                         !(blocking & 3));
        assert_int_equal(exits(f, (struct vs_vmx_event){.kind = VS_EV_NMI_WINDOW}),
                         !(blocking & (8 | 2)));
    }
}

static void test_a_linear_address_is_recorded_when_there_was_one(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info i;
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    struct vs_vmx_event e = {.kind = VS_EV_EPT_VIOLATION, .qualification = 0x181};
    assert_true(leaves(f, e, &i));
    assert_true(i.has_linear && i.has_physical);
    e.qualification = 1; /* bit 7 clear: not valid */
    assert_true(leaves(f, e, &i));
    assert_false(i.has_linear);
}

static void test_virtual_apic_exits_name_vector_and_offset(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info i;
    f->config.control_virtual_interrupt_delivery = f->config.control_tpr_shadow = 1;
    f->config.control_external_interrupt_exiting = 1;
    f->config.control_apic_register_virtualization = 1;
    boot(f);
    write_field(f, VS_VMCS_EOI_EXIT_BITMAP_0, 1);
    write_field(f, VS_VMCS_EOI_EXIT_BITMAP_1, 2);
    write_field(f, VS_VMCS_EOI_EXIT_BITMAP_2, 4);
    write_field(f, VS_VMCS_EOI_EXIT_BITMAP_3, 8);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    for (uint32_t vector = 0; vector < 256; vector++) {
        bool set = vector == 0 || vector == 65 || vector == 130 || vector == 195;
        assert_int_equal(leaves(f, (struct vs_vmx_event){.kind = VS_EV_EOI, .number = vector}, &i),
                         set);
        assert_int_equal(i.qualification, set ? vector : 0);
    }
    struct vs_vmx_event write = {.kind = VS_EV_APIC_WRITE, .number = 0x30f};
    assert_true(leaves(f, write, &i));
    assert_int_equal(i.qualification, 0x30f);
    /* with virtual-interrupt delivery the TPR is virtualized, and its threshold not looked at */
    assert_false(exits(f, (struct vs_vmx_event){.kind = VS_EV_TPR_THRESHOLD}));
    f->config.control_virtual_interrupt_delivery = f->config.control_virtualize_apic_accesses = 0;
    boot(f);
    vs_phys_write64(f->phys, (vs_hpa){APIC_AT + 0x80}, 0x50);
    write_field(f, VS_VMCS_TPR_THRESHOLD, 5);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    for (unsigned tpr = 0; tpr < 256; tpr++) { /* bits 7:4 are compared */
        vs_vmx_guest_tpr(&f->x, (uint8_t)tpr);
        assert_int_equal(exits(f, (struct vs_vmx_event){.kind = VS_EV_TPR_THRESHOLD}), tpr < 0x50);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_an_eptp_asks_only_for_what_the_processor_names),
        T(test_each_type_of_an_invalidation_has_a_capability),
        T(test_the_next_entry_pays_its_checks_after_any_major_field),
        T(test_msr_bitmaps_end_at_1fff_of_both_ranges),
        T(test_each_port_has_one_bit_and_the_last_does_not_wrap),
        T(test_a_pause_at_the_gap_is_in_the_loop_and_at_the_window_stays),
        T(test_the_qualification_names_register_access_and_direction),
        T(test_an_instruction_that_is_not_enabled_does_not_exit),
        T(test_events_are_recorded_with_vector_type_and_code),
        T(test_what_blocks_an_event_keeps_its_window_closed),
        T(test_a_linear_address_is_recorded_when_there_was_one),
        T(test_virtual_apic_exits_name_vector_and_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
