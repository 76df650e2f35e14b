/* SPDX-License-Identifier: MIT */
/* Laws of the VMCS: encodings, the region, the instructions. */
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
    f->config.cap_proc2 |= UINT64_C(1) << (32 + 25); /* a processor with TSC scaling has it */
    boot(f);
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
    struct vs_state_port port = vs_vmx_state_port(&f->x);
    uint64_t v;
    vs_txn_actor(&f->t, f->host);
    assert_true(port.read(port.ctx, &f->t, VS_STATE_PC, &v));
    assert_true(port.write(port.ctx, &f->t, VS_STATE_PC, v));
    assert_int_equal(f->touches, 0);
    assert_int_equal(vs_now(&f->t).v, (f->config.vmread + f->config.vmwrite) * 400);
    f->x.config.cached = 0;
    assert_true(port.read(port.ctx, &f->t, VS_STATE_PC, &v));
    assert_true(port.write(port.ctx, &f->t, VS_STATE_PC, v));
    assert_int_equal(f->touches, 2);
    assert_int_equal(f->writes, 1);
    assert_int_equal(vs_vmx_read(&f->x, &f->t, 0x7000, &v), VS_VMX_FAIL_VALID);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
