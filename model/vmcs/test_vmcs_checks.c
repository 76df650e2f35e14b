/* SPDX-License-Identifier: MIT */
/* Checks of an entry that are laws over many values: rules.def has one VMCS for each rule. */
#include "vmcs/test_vmcs.h"

#include <stdio.h>

#define KNOB(name) offsetof(struct vs_vmcs_config, control_##name)

static void test_exactly_the_exceptions_with_a_code_are_injected_with_one(void **state)
{
    struct fixture *f = *state;
    for (uint32_t vector = 0; vector < 32; vector++) {
        bool pushes = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
        for (uint32_t code = 0; code < 2; code++) {
            boot(f);
            write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000300 | code << 11 | vector);
            assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH),
                             code == pushes ? VS_VMX_OK : VS_VMX_FAIL_VALID);
        }
    }
    for (uint32_t bit = 12; bit < 31; bit++) {
        boot(f);
        write_field(f, VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000040 | 1u << bit);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_VALID);
    }
}

/* Off a control that another one needs. */
static void test_controls_need_one_another(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *what;
        size_t on[3];
        uint32_t field;
        uint64_t set, clear; /* bits of that word */
    } rows[] = {
        {"interrupt delivery without exits of interrupts",
         {KNOB(virtual_interrupt_delivery), KNOB(tpr_shadow)},
         VS_VMCS_PIN_CONTROLS,
         0,
         VS_PIN_EXTERNAL_INTERRUPT},
        {"virtual NMIs without exits of NMIs",
         {KNOB(virtual_nmis), KNOB(nmi_exiting)},
         VS_VMCS_PIN_CONTROLS,
         0,
         VS_PIN_NMI},
        {"unrestricted guest without EPT",
         {KNOB(unrestricted_guest), KNOB(ept)},
         VS_VMCS_PROC2_CONTROLS,
         0,
         VS_PROC2_EPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < 3 && rows[i].on[k]; k++) {
            *(uint64_t *)(void *)((char *)&f->config + rows[i].on[k]) = 1;
        }
        boot(f);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
        boot(f);
        write_field(f, rows[i].field,
                    (read_field(f, rows[i].field) | rows[i].set) & ~rows[i].clear);
        if (vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH) != VS_VMX_FAIL_VALID) {
            fail_msg("%s", rows[i].what);
        }
    }
    for (uint64_t on = 0; on < 2; on++) {
        f->config.control_virtual_nmis = on;
        boot(f);
        write_field(f, VS_VMCS_PROC_CONTROLS,
                    read_field(f, VS_VMCS_PROC_CONTROLS) | VS_PROC_NMI_WINDOW);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH),
                         on ? VS_VMX_OK : VS_VMX_FAIL_VALID);
    }
    boot(f);
    write_field(f, VS_VMCS_HOST_CR4, read_field(f, VS_VMCS_HOST_CR4) & ~UINT64_C(0x20));
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_FAIL_VALID); /* PAE */
}

/* IA32_VMX_MISC 24:16; 256 is the most that they can say. */
static void test_as_many_cr3_targets_as_the_processor_has(void **state)
{
    struct fixture *f = *state;
    f->config.cap_misc = (f->config.cap_misc & ~(UINT64_C(0x1ff) << 16)) | UINT64_C(256) << 16;
    for (uint64_t n = 255; n < 258; n++) {
        boot(f);
        write_field(f, VS_VMCS_CR3_TARGET_COUNT, n);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH),
                         n <= 256 ? VS_VMX_OK : VS_VMX_FAIL_VALID);
    }
}

/* What memory types a PAT byte may name: 0, 1, 4 to 7. */
static void test_a_pat_names_memory_types_that_exist(void **state)
{
    struct fixture *f = *state;
    for (uint64_t type = 0; type < 256; type++) {
        boot(f);
        write_field(f, VS_VMCS_HOST_PAT, type << 24);
        bool good = type < 8 && type != 2 && type != 3;
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH),
                         good ? VS_VMX_OK : VS_VMX_FAIL_VALID);
    }
}

/* ---- guests outside 64-bit mode ----------------------------------------------------------------
 */

static void boot32(struct fixture *f)
{
    boot(f);
    write_field(f, VS_VMCS_ENTRY_CONTROLS,
                read_field(f, VS_VMCS_ENTRY_CONTROLS) & ~(uint64_t)VS_ENTRY_GUEST_64);
    write_field(f, VS_VMCS_GUEST_CS_RIGHTS, 0xc09b);
}

static enum vs_vmx_result launched(struct fixture *f)
{
    return vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH);
}

/* SDM 3C 26.3.1.2: a code segment's type is 3 for unrestricted guests only. */
static void test_only_an_unrestricted_guest_runs_from_a_data_segment(void **state)
{
    struct fixture *f = *state;
    for (uint64_t on = 0; on < 2; on++) {
        f->config.control_unrestricted_guest = on;
        boot32(f);
        write_field(f, VS_VMCS_GUEST_CS_RIGHTS, 0xc093);
        assert_int_equal(launched(f), on ? VS_VMX_OK : VS_VMX_ENTRY_FAILED);
        for (uint64_t type = 8; type < 16; type++) {
            boot32(f);
            write_field(f, VS_VMCS_GUEST_CS_RIGHTS, 0xc090 | type);
            assert_int_equal(launched(f), type & 1 ? VS_VMX_OK : VS_VMX_ENTRY_FAILED);
        }
    }
}

static void test_only_an_unrestricted_guest_runs_without_paging_or_protection(void **state)
{
    struct fixture *f = *state;
    for (uint64_t on = 0; on < 2; on++) {
        f->config.control_unrestricted_guest = on;
        for (unsigned k = 0; k < 2; k++) {
            boot32(f);
            uint64_t cr0 = read_field(f, VS_VMCS_GUEST_CR0) & ~UINT64_C(0x80000000);
            write_field(f, VS_VMCS_GUEST_CR0, k ? cr0 & ~UINT64_C(1) : cr0);
            assert_int_equal(launched(f), on ? VS_VMX_OK : VS_VMX_ENTRY_FAILED);
        }
    }
}

/* EFER.LMA is LME and paging: without paging LME alone says nothing. */
static void test_long_mode_is_active_when_it_is_enabled_and_paging_on(void **state)
{
    struct fixture *f = *state;
    f->config.control_unrestricted_guest = f->config.control_entry_load_efer = 1;
    boot32(f);
    write_field(f, VS_VMCS_GUEST_EFER, 0x100);
    assert_int_equal(launched(f), VS_VMX_ENTRY_FAILED);
    boot32(f);
    write_field(f, VS_VMCS_GUEST_EFER, 0x100);
    write_field(f, VS_VMCS_GUEST_CR0, read_field(f, VS_VMCS_GUEST_CR0) & ~UINT64_C(0x80000000));
    assert_int_equal(launched(f), VS_VMX_OK);
}

/* SDM 3A 4.4.1: bits 2:1 and 8:5 of a present PDPTE are reserved; one that is not present is not
 * looked at. */
static void test_a_pae_guest_brings_valid_pdptes(void **state)
{
    struct fixture *f = *state;
    for (unsigned bit = 1; bit < 12; bit++) {
        bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8);
        for (uint64_t present = 0; present < 2; present++) {
            boot32(f);
            write_field(f, VS_VMCS_GUEST_PDPTE0 + 4, 0x7000 | UINT64_C(1) << bit | present);
            bool bad = reserved && present;
            assert_int_equal(launched(f), bad ? VS_VMX_ENTRY_FAILED : VS_VMX_OK);
            assert_int_equal(bad ? read_field(f, VS_VMCS_EXIT_QUALIFICATION) : 2, 2);
        }
    }
}

/* ES, CS, SS, DS, FS, GS of virtual-8086 mode are of one kind. */
static void test_a_v86_guest_has_segments_of_real_mode(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned at;
        uint64_t bad;
    } spoil[] = {{VS_VMCS_AT_GUEST_ES_RIGHTS, 0x93},
                 {VS_VMCS_AT_GUEST_ES_LIMIT, 0xfffff},
                 {VS_VMCS_AT_GUEST_ES_BASE, 0x100}};
    for (unsigned s = 0; s < 6; s++) {
        for (size_t k = 0; k <= sizeof spoil / sizeof *spoil; k++) {
            boot32(f);
            write_field(f, VS_VMCS_GUEST_RFLAGS, 0x20202);
            for (unsigned i = 0; i < 6; i++) {
                vs_vmx_put(&f->x, VS_VMCS_AT_GUEST_ES_SELECTOR + i, 0x123);
                vs_vmx_put(&f->x, VS_VMCS_AT_GUEST_ES_BASE + i, 0x1230);
                vs_vmx_put(&f->x, VS_VMCS_AT_GUEST_ES_LIMIT + i, 0xffff);
                vs_vmx_put(&f->x, VS_VMCS_AT_GUEST_ES_RIGHTS + i, 0xf3);
            }
            bool good = k == sizeof spoil / sizeof *spoil;
            if (!good) {
                vs_vmx_put(&f->x, spoil[k].at + s, spoil[k].bad);
            }
            assert_int_equal(launched(f), good ? VS_VMX_OK : VS_VMX_ENTRY_FAILED);
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_exactly_the_exceptions_with_a_code_are_injected_with_one),
        T(test_controls_need_one_another),
        T(test_as_many_cr3_targets_as_the_processor_has),
        T(test_a_pat_names_memory_types_that_exist),
        T(test_only_an_unrestricted_guest_runs_from_a_data_segment),
        T(test_only_an_unrestricted_guest_runs_without_paging_or_protection),
        T(test_long_mode_is_active_when_it_is_enabled_and_paging_on),
        T(test_a_pae_guest_brings_valid_pdptes),
        T(test_a_v86_guest_has_segments_of_real_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
