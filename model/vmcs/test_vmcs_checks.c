/* SPDX-License-Identifier: MIT */
/* Checks of an entry at their edges: of each rule a value that holds and its neighbour that does
 * not, in a VMCS that is otherwise the same (SDM 3C 26.2, 26.3). */
#include "vmcs/test_vmcs.h"

#include <stdio.h>

#define HOLE (UINT64_C(1) << 60)
#define UNUSABLE VS_AR_UNUSABLE

struct set {
    uint32_t field;
    uint64_t value;
};

/* In this order: controls by knob, then fields, then the field under test. */
struct edge {
    const char *what;
    size_t knob[3];     /* of vmcs.control.*; 0 = none (it is pin's first, and always on) */
    struct set with[4]; /* field 0 (VPID) ends the list */
    uint32_t field;
    uint64_t good, bad;
    uint32_t error; /* VMfail number, or 33 */
};
#define KNOB(name) offsetof(struct vs_vmcs_config, control_##name)

static enum vs_vmx_result enter(struct fixture *f, const struct edge *e, uint64_t value)
{
    for (size_t i = 0; i < 3; i++) {
        if (e->knob[i]) {
            *(uint64_t *)(void *)((char *)&f->config + e->knob[i]) = 1;
        }
    }
    boot(f);
    for (size_t i = 0; i < 4 && e->with[i].field; i++) {
        write_field(f, e->with[i].field, e->with[i].value);
    }
    write_field(f, e->field, value);
    return vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH);
}

static void holds_and_breaks(struct fixture *f, const struct edge *edges, size_t n)
{
    const struct vs_vmcs_config config = f->config;
    for (size_t i = 0; i < n; i++) {
        const struct edge *e = &edges[i];
        f->config = config;
        enum vs_vmx_result r = enter(f, e, e->good);
        if (r != VS_VMX_OK) {
            fail_msg("%s: %llx is refused (%d)", e->what, (unsigned long long)e->good, (int)r);
        }
        r = enter(f, e, e->bad);
        bool late = e->error == 33;
        uint64_t got = r == VS_VMX_OK ? 0
                       : late         ? read_field(f, VS_VMCS_EXIT_REASON) & 0xffff
                                      : read_field(f, VS_VMCS_INSTRUCTION_ERROR);
        if (r != (late ? VS_VMX_ENTRY_FAILED : VS_VMX_FAIL_VALID) || got != e->error) {
            fail_msg("%s: %llx gives result %d, error %llu", e->what, (unsigned long long)e->bad,
                     (int)r, (unsigned long long)got);
        }
    }
    f->config = config;
}

static void test_controls_hold_up_to_their_edge(void **state)
{
    struct fixture *f = *state;
    const struct edge edges[] = {
        {"list's alignment",
         {0},
         {{VS_VMCS_EXIT_MSR_LOAD_COUNT, 1}},
         VS_VMCS_EXIT_MSR_LOAD_ADDRESS,
         LOAD_AT,
         LOAD_AT + 8,
         7},
        {"list's last byte",
         {0},
         {{VS_VMCS_EXIT_MSR_STORE_ADDRESS, (UINT64_C(1) << 46) - 16}},
         VS_VMCS_EXIT_MSR_STORE_COUNT,
         1,
         2,
         7},
        {"INT's length",
         {0},
         {{VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000480}},
         VS_VMCS_ENTRY_INSTRUCTION_LENGTH,
         15,
         16,
         7},
        {"exception's vector",
         {0},
         {{0}},
         VS_VMCS_ENTRY_INTERRUPTION_INFO,
         0x8000031f,
         0x80000320,
         7},
        {"error code's width",
         {0},
         {{VS_VMCS_ENTRY_INTERRUPTION_INFO, 0x80000b0d}},
         VS_VMCS_ENTRY_ERROR_CODE,
         0x7fff,
         0x8000,
         7},
        {"descriptor's alignment",
         {KNOB(posted_interrupts), KNOB(virtual_interrupt_delivery), KNOB(tpr_shadow)},
         {{0}},
         VS_VMCS_POSTED_INTERRUPT_DESCRIPTOR,
         PI_AT,
         PI_AT + 32,
         7},
        {"notification vector",
         {KNOB(posted_interrupts), KNOB(virtual_interrupt_delivery), KNOB(tpr_shadow)},
         {{0}},
         VS_VMCS_POSTED_INTERRUPT_VECTOR,
         255,
         256,
         7},
        {"TPR threshold", {KNOB(tpr_shadow)}, {{0}}, VS_VMCS_TPR_THRESHOLD, 15, 16, 7},
        {"CR3 targets", {0}, {{0}}, VS_VMCS_CR3_TARGET_COUNT, 4, 5, 7},
        {"host DS in the LDT", {0}, {{0}}, VS_VMCS_HOST_DS_SELECTOR, 0x18, 0x1c, 8},
        {"host's LME", {KNOB(exit_load_efer)}, {{0}}, VS_VMCS_HOST_EFER, 0xd01, 0xc01, 8},
        {"host's LMA", {KNOB(exit_load_efer)}, {{0}}, VS_VMCS_HOST_EFER, 0xd01, 0x901, 8},
    };
    holds_and_breaks(f, edges, sizeof edges / sizeof *edges);
}

static void test_the_guest_holds_up_to_its_edge(void **state)
{
    struct fixture *f = *state;
    const struct edge edges[] = {
        {"granular limit", {0}, {{0}}, VS_VMCS_GUEST_DS_LIMIT, 0xffffffff, 0xfffffffe, 33},
        {"limit in bytes",
         {0},
         {{VS_VMCS_GUEST_DS_RIGHTS, 0x4093}},
         VS_VMCS_GUEST_DS_LIMIT,
         0xfffff,
         0x100000,
         33},
        {"base of an unusable FS",
         {0},
         {{VS_VMCS_GUEST_FS_RIGHTS, UNUSABLE}},
         VS_VMCS_GUEST_FS_BASE,
         0,
         HOLE,
         33},
        {"base of a usable DS",
         {0},
         {{0}},
         VS_VMCS_GUEST_DS_BASE,
         0xffffffff,
         UINT64_C(1) << 32,
         33},
        {"GDTR limit", {0}, {{0}}, VS_VMCS_GUEST_GDTR_LIMIT, 0xffff, 0x10000, 33},
        {"IDTR limit", {0}, {{0}}, VS_VMCS_GUEST_IDTR_LIMIT, 0xffff, 0x10000, 33},
        {"RIP of 32-bit code",
         {0},
         {{VS_VMCS_GUEST_CS_RIGHTS, 0xc09b}},
         VS_VMCS_GUEST_RIP,
         0xffffffff,
         UINT64_C(1) << 32,
         33},
        {"STI blocks where IF is set",
         {0},
         {{VS_VMCS_GUEST_INTERRUPTIBILITY, 1}},
         VS_VMCS_GUEST_RFLAGS,
         0x202,
         2,
         33},
        {"link to another VMCS", {0}, {{0}}, VS_VMCS_VMCS_LINK_POINTER, 0x70000, VMCS_AT, 33},
        {"pending debug traps", {0}, {{0}}, VS_VMCS_GUEST_PENDING_DEBUG, 0x1500f, 0x1501f, 33},
    };
    holds_and_breaks(f, edges, sizeof edges / sizeof *edges);
    struct edge unusable = {"base of an unusable DS",
                            {0},
                            {{VS_VMCS_GUEST_DS_RIGHTS, UNUSABLE}},
                            VS_VMCS_GUEST_DS_BASE,
                            0,
                            0,
                            33};
    assert_int_equal(enter(f, &unusable, UINT64_C(1) << 32), VS_VMX_OK);
    unusable.with[0].field = VS_VMCS_GUEST_LDTR_RIGHTS;
    unusable.field = VS_VMCS_GUEST_LDTR_BASE;
    assert_int_equal(enter(f, &unusable, HOLE), VS_VMX_OK);
}

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
        T(test_controls_hold_up_to_their_edge),
        T(test_the_guest_holds_up_to_its_edge),
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
