/* SPDX-License-Identifier: MIT */
/* VMRUN's consistency checks: APM volume 2, 15.5.1 (Canonicalization and Consistency Checks) and
 * 15.20 (illegal event injection). */
#include "svm/svm_impl.h"

#define BIT(n) (UINT64_C(1) << (n))
#define CR0_PE BIT(0)
#define CR0_WP BIT(16)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR4_PAE BIT(5)
#define CR4_CET BIT(23)
#define CR4_DEFINED                                                                                \
    (UINT64_C(0x1fff) | BIT(16) | BIT(17) | BIT(18) | BIT(20) | BIT(21) | BIT(22) | CR4_CET)
#define EFER_LME BIT(8)
#define EFER_SVME BIT(12)
/* SCE, LME, LMA, NXE, SVME, LMSLE, FFXSR, TCE, MCOMMIT, INTWB, UAIE, AIBRSE */
#define EFER_DEFINED                                                                               \
    (BIT(0) | EFER_LME | BIT(10) | BIT(11) | EFER_SVME | BIT(13) | BIT(14) | BIT(15) | BIT(17) |   \
     BIT(18) | BIT(20) | BIT(21))
#define CS_LONG BIT(16 + 9) /* of the word with the attributes */
#define CS_32 BIT(16 + 10)
#define HIGH UINT64_C(0xffffffff00000000)
#define IOPM_BYTES 0x3000u
#define MSRPM_BYTES 0x2000u

/* An exception that a processor has: 0 to 31 without the NMI's vector. */
static bool is_exception(uint64_t vector)
{
    return vector < 32u && vector != 2u;
}

/* Types that table 15-11 has not, and exceptions that are none. */
static bool illegal_event(uint64_t event)
{
    uint64_t type = event >> 8 & 7u;
    if (!(event & VS_SVM_EVENT_VALID)) {
        return false;
    }
    return type == 1u || type > 4u || (type == 3u && !is_exception(event & 0xffu));
}

const char *vs_svm_check(const struct vs_svm *s)
{
    const uint64_t efer = vs_svm_get(s, VS_VMCB_EFER), cr0 = vs_svm_get(s, VS_VMCB_CR0),
                   cr3 = vs_svm_get(s, VS_VMCB_CR3), cr4 = vs_svm_get(s, VS_VMCB_CR4),
                   cs = vs_svm_get(s, VS_VMCB_CS),
                   end = BIT(s->wire.physical_bits ? s->wire.physical_bits : 48u);
    const bool pages = cr0 & CR0_PG, lme = efer & EFER_LME;
    const uint64_t vectors = vs_svm_get(s, VS_VMCB_INTERCEPTS + 16u);
    const struct {
        bool broken;
        const char *rule;
    } rules[] = {
        {!(efer & EFER_SVME), "EFER.SVME is zero"},
        {!(cr0 & CR0_CD) && cr0 & CR0_NW, "CR0.CD is zero and CR0.NW is set"},
        {cr0 & HIGH, "CR0[63:32] are not zero"},
        {cr3 >> 52, "an MBZ bit of CR3 is set"},
        {cr4 & ~CR4_DEFINED, "an MBZ bit of CR4 is set"},
        {vs_svm_get(s, VS_VMCB_DR6) & HIGH, "DR6[63:32] are not zero"},
        {vs_svm_get(s, VS_VMCB_DR7) & HIGH, "DR7[63:32] are not zero"},
        {efer & ~EFER_DEFINED, "an MBZ bit of EFER is set"},
        {lme && pages && !(cr4 & CR4_PAE), "EFER.LME and CR0.PG are set and CR4.PAE is zero"},
        {lme && pages && !(cr0 & CR0_PE), "EFER.LME and CR0.PG are set and CR0.PE is zero"},
        {lme && pages && cr4 & CR4_PAE && cs & CS_LONG && cs & CS_32,
         "EFER.LME, CR0.PG, CR4.PAE, CS.L and CS.D are all set"},
        {!(vectors >> (VS_SVM_VMRUN - 128u) & 1u), "the VMRUN intercept bit is clear"},
        {vs_svm_get(s, VS_VMCB_MSRPM) + MSRPM_BYTES > end,
         "the MSR permission map extends beyond the largest physical address"},
        {vs_svm_get(s, VS_VMCB_IOPM) + IOPM_BYTES > end,
         "the I/O permission map extends beyond the largest physical address"},
        {illegal_event(vs_svm_get(s, VS_VMCB_EVENTINJ)), "illegal event injection"},
        {!(uint32_t)vs_svm_get(s, VS_VMCB_ASID), "ASID is equal to zero"},
        {cr4 & CR4_CET && !(cr0 & CR0_WP), "CR4.CET is set and CR0.WP is zero"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].broken) {
            return rules[i].rule;
        }
    }
    return NULL;
}
