/* SPDX-License-Identifier: MIT */
/* Laws of what HCR_EL2.<NV2,NV1,NV> make of an access to a system register at EL1. */
#include "el2/el2_nested.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The kinds of nested_registers.def, by what the Arm ARM's pseudocode has for them. */
enum kind { TRAPPED, MEMORY, TO_EL1, ALIAS, EL1, EL1_NV1, EL1_ANY, PLAIN };

static const struct {
    const char *name;
    uint32_t sysreg;
    enum kind kind;
    uint16_t offset;
} all[] = {
#define VS_NV_REGISTER(name, op0, op1, crn, crm, op2, kind, offset)                                \
    {#name, VS_SYSREG(op0, op1, crn, crm, op2), kind, offset},
#include "el2/nested_registers.def"
};
#define N (sizeof all / sizeof all[0])

/* HCR_EL2 of a number <NV2,NV1,NV>. */
static uint64_t nvx(unsigned bits)
{
    return (bits & 1u ? VS_HCR_NV : 0) | (bits & 2u ? VS_HCR_NV1 : 0) |
           (bits & 4u ? VS_HCR_NV2 : 0);
}

static size_t index_of(const char *name)
{
    size_t i = 0;
    while (i < N && strcmp(all[i].name, name) != 0) {
        i++;
    }
    assert_true(i < N);
    return i;
}

static enum vs_el2_nv_way way(uint64_t hcr, const char *name, bool write)
{
    return vs_el2_nv(hcr, all[index_of(name)].sysreg, write).way;
}

static bool of_el2(enum kind k)
{
    return k == TRAPPED || k == MEMORY || k == TO_EL1 || k == ALIAS;
}

/* Arm ARM, EffectiveHCR_EL2_NVx: NV1 and NV2 alone do nothing. */
static void test_without_nv_what_is_el2s_is_undefined_at_el1(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits += 2) {
        for (size_t i = 0; i < N; i++) {
            struct vs_el2_nv is = vs_el2_nv(nvx(bits), all[i].sysreg, i & 1u);
            assert_int_equal(is.way, of_el2(all[i].kind) ? VS_NV_UNDEFINED : VS_NV_REGISTER);
        }
    }
}

/* FEAT_NV: with NV alone each register of EL2, and each of EL1's by EL2's name, traps. */
static void test_with_nv_all_that_is_el2s_traps(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (unsigned write = 0; write < 2; write++) {
            assert_int_equal(vs_el2_nv(nvx(1), all[i].sysreg, write).way,
                             of_el2(all[i].kind) ? VS_NV_TRAP : VS_NV_REGISTER);
        }
    }
}

/* NV1: VBAR, ELR and SPSR of EL1 trap, too; of the others TVM and TRVM decide. */
static void test_with_nv1_three_registers_of_el1_trap(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        bool three = !strcmp(all[i].name, "VBAR_EL1") || !strcmp(all[i].name, "ELR_EL1") ||
                     !strcmp(all[i].name, "SPSR_EL1");
        assert_int_equal(vs_el2_nv(nvx(3), all[i].sysreg, false).way,
                         of_el2(all[i].kind) || three ? VS_NV_TRAP : VS_NV_REGISTER);
    }
    assert_int_equal(way(nvx(3) | VS_HCR_TRVM, "SCTLR_EL1", false), VS_NV_TRAP);
    assert_int_equal(way(nvx(3) | VS_HCR_TRVM, "SCTLR_EL1", true), VS_NV_REGISTER);
    assert_int_equal(way(nvx(3) | VS_HCR_TVM, "TTBR0_EL1", true), VS_NV_TRAP);
    assert_int_equal(way(nvx(3) | VS_HCR_TVM | VS_HCR_TRVM, "TPIDR_EL1", true), VS_NV_REGISTER);
    assert_int_equal(way(nvx(3) | VS_HCR_TVM | VS_HCR_TRVM, "CPACR_EL1", true), VS_NV_REGISTER);
}

/* FEAT_NV2, R_CSRPQ: what has an offset is a load or store of the page at VNCR_EL2; EL1's registers
 * by their own names with NV1, by EL2's without. */
static void test_with_nv2_a_register_with_an_offset_is_memory(void **state)
{
    (void)state;
    for (unsigned nv1 = 0; nv1 < 2; nv1++) {
        for (size_t i = 0; i < N; i++) {
            const enum kind k = all[i].kind;
            bool page = k == MEMORY || k == EL1_ANY || (k == ALIAS && !nv1) ||
                        ((k == EL1 || k == EL1_NV1) && nv1);
            struct vs_el2_nv is = vs_el2_nv(nvx(5u | nv1 << 1), all[i].sysreg, true);
            assert_int_equal(is.way == VS_NV_PAGE, page);
            assert_int_equal(is.offset, all[i].offset);
            if (page) {
                assert_true(is.offset && is.offset % 8u == 0 && is.offset < 0x1000u);
            } else {
                assert_int_equal(is.way, k == TO_EL1 ? VS_NV_OTHER
                                         : of_el2(k) ? VS_NV_TRAP
                                                     : VS_NV_REGISTER);
            }
        }
    }
}

/* Linux arch/arm64/include/asm/vncr_mapping.h. */
static void test_offsets_are_those_of_the_manual(void **state)
{
    static const struct {
        const char *name;
        uint16_t offset;
    } known[] = {{"VTTBR_EL2", 0x020},     {"VTCR_EL2", 0x040},      {"VMPIDR_EL2", 0x050},
                 {"CNTVOFF_EL2", 0x060},   {"HCR_EL2", 0x078},       {"HSTR_EL2", 0x080},
                 {"VPIDR_EL2", 0x088},     {"TPIDR_EL2", 0x090},     {"HCRX_EL2", 0x0a0},
                 {"VNCR_EL2", 0x0b0},      {"CPACR_EL1", 0x100},     {"SCTLR_EL12", 0x110},
                 {"MDSCR_EL1", 0x158},     {"CNTV_CTL_EL02", 0x170}, {"TTBR0_EL12", 0x200},
                 {"SP_EL1", 0x240},        {"VBAR_EL12", 0x250},     {"ICH_LR15_EL2", 0x478},
                 {"ICH_AP1R3_EL2", 0x4b8}, {"ICH_HCR_EL2", 0x4c0},   {"ICH_VMCR_EL2", 0x4c8},
                 {"VDISR_EL2", 0x500},     {"VSESR_EL2", 0x508}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(all[index_of(known[i].name)].offset, known[i].offset);
    }
}

/* EL1's registers share their offsets with their names of EL2. */
static void test_aliases_share_an_offset(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        char name[32];
        strncpy(name, all[i].name, sizeof name - 1u);
        name[sizeof name - 1u] = 0;
        char *end = strstr(name, "_EL12");
        if (all[i].kind == ALIAS && end) {
            end[4] = 0;
            assert_int_equal(all[index_of(name)].offset, all[i].offset);
        }
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i].sysreg, all[j].sysreg);
            bool same = all[i].offset && all[i].offset == all[j].offset;
            assert_true(!same || (all[i].kind == ALIAS) != (all[j].kind == ALIAS));
        }
    }
}

static void test_what_an_exception_sets_is_el1s_with_nv2(void **state)
{
    static const char *const set[] = {"ESR_EL2", "ELR_EL2", "SPSR_EL2", "FAR_EL2"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(way(nvx(5), set[i], false), VS_NV_OTHER);
        assert_int_equal(way(nvx(1), set[i], false), VS_NV_TRAP);
    }
    assert_int_equal(way(nvx(7), "HPFAR_EL2", false), VS_NV_TRAP); /* of stage 2: not that one */
}

static void test_a_register_that_is_not_listed_traps_by_its_encoding(void **state)
{
    (void)state;
    uint32_t rmr = VS_SYSREG(3u, 4u, 12u, 0u, 2u), midr = VS_SYSREG(3u, 0u, 0u, 0u, 0u);
    assert_int_equal(vs_el2_nv(nvx(7), rmr, true).way, VS_NV_TRAP);
    assert_int_equal(vs_el2_nv(0, rmr, true).way, VS_NV_UNDEFINED);
    assert_int_equal(vs_el2_nv(nvx(7), midr, false).way, VS_NV_REGISTER);
}

/* __compute_hcr: NV1 for a guest hypervisor without VHE; without FEAT_NV2 it needs TVM and TRVM. */
static void test_kvm_sets_the_bits_by_feature_and_vhe(void **state)
{
    (void)state;
    const uint64_t any = VS_HCR_NV | VS_HCR_AT | VS_HCR_TTLB;
    assert_int_equal(vs_el2_nv_hcr(VS_HCR_VM, 2, true), VS_HCR_VM | any | VS_HCR_NV2);
    assert_int_equal(vs_el2_nv_hcr(0, 2, false), any | VS_HCR_NV2 | VS_HCR_NV1);
    assert_int_equal(vs_el2_nv_hcr(0, 1, true), any);
    assert_int_equal(vs_el2_nv_hcr(0, 1, false), any | VS_HCR_NV1 | VS_HCR_TVM | VS_HCR_TRVM);
}

static void test_cpacr_traps_where_cptr_asks_for_it(void **state)
{
    struct vs_el2 e = {.hcr = nvx(5)};
    (void)state;
    uint32_t cpacr = all[index_of("CPACR_EL1")].sysreg;
    assert_false(vs_el2_nv_traps(&e, cpacr, true));
    e.cptr = VS_CPTR_TCPAC;
    assert_true(vs_el2_nv_traps(&e, cpacr, true));
    assert_false(vs_el2_nv_traps(&e, all[index_of("VBAR_EL1")].sysreg, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_nv_what_is_el2s_is_undefined_at_el1),
        cmocka_unit_test(test_with_nv_all_that_is_el2s_traps),
        cmocka_unit_test(test_with_nv1_three_registers_of_el1_trap),
        cmocka_unit_test(test_with_nv2_a_register_with_an_offset_is_memory),
        cmocka_unit_test(test_offsets_are_those_of_the_manual),
        cmocka_unit_test(test_aliases_share_an_offset),
        cmocka_unit_test(test_what_an_exception_sets_is_el1s_with_nv2),
        cmocka_unit_test(test_a_register_that_is_not_listed_traps_by_its_encoding),
        cmocka_unit_test(test_kvm_sets_the_bits_by_feature_and_vhe),
        cmocka_unit_test(test_cpacr_traps_where_cptr_asks_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
