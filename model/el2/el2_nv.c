/* SPDX-License-Identifier: MIT */
/* What becomes of an access to a system register at EL1: HCR_EL2's NV, NV1 and NV2. */
#include "el2/el2_nested.h"

#include <stddef.h>

enum kind { TRAPPED, MEMORY, TO_EL1, ALIAS, EL1, EL1_NV1, EL1_ANY, PLAIN };

static const struct known {
    uint32_t sysreg;
    uint8_t kind;
    uint16_t offset;
} known[] = {
#define VS_NV_REGISTER(name, op0, op1, crn, crm, op2, kind, offset)                                \
    {VS_SYSREG(op0, op1, crn, crm, op2), kind, offset},
#include "el2/nested_registers.def"
};

#define CPACR_EL1 VS_SYSREG(3u, 0u, 1u, 0u, 2u)

/* The line of a register; one without: EL2's by its encoding, or the register itself. */
static struct known of(uint32_t sysreg)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].sysreg == sysreg) {
            return known[i];
        }
    }
    bool of_el2 =
        VS_SYSREG_OP0(sysreg) == 3u && (VS_SYSREG_OP1(sysreg) == 4u || VS_SYSREG_OP1(sysreg) == 5u);
    return (struct known){sysreg, of_el2 ? TRAPPED : PLAIN, 0};
}

/* Arm ARM, EffectiveHCR_EL2_NVx: without NV the other two have no effect. */
struct vs_el2_nv vs_el2_nv(uint64_t hcr, uint32_t sysreg, bool write)
{
    const struct known k = of(sysreg);
    const bool nv = hcr & VS_HCR_NV, nv1 = nv && hcr & VS_HCR_NV1, nv2 = nv && hcr & VS_HCR_NV2;
    const enum vs_el2_nv_way theirs = nv ? VS_NV_TRAP : VS_NV_UNDEFINED;
    struct vs_el2_nv is = {VS_NV_REGISTER, k.offset};
    switch ((enum kind)k.kind) {
    case TRAPPED:
        is.way = theirs;
        break;
    case MEMORY:
        is.way = nv2 ? VS_NV_PAGE : theirs;
        break;
    case TO_EL1:
        is.way = nv2 ? VS_NV_OTHER : theirs;
        break;
    case ALIAS:
        is.way = nv2 && !nv1 ? VS_NV_PAGE : theirs;
        break;
    case EL1_ANY:
        is.way = nv2 ? VS_NV_PAGE : VS_NV_REGISTER;
        break;
    case EL1:
    case EL1_NV1:
        if (vs_el2_controls_translation(sysreg) && hcr & (write ? VS_HCR_TVM : VS_HCR_TRVM)) {
            is.way = VS_NV_TRAP;
        } else if (nv1) {
            is.way = nv2 ? VS_NV_PAGE : k.kind == EL1_NV1 ? VS_NV_TRAP : VS_NV_REGISTER;
        }
        break;
    case PLAIN:
        break;
    }
    return is;
}

bool vs_el2_nv_traps(const struct vs_el2 *e, uint32_t sysreg, bool write)
{
    return vs_el2_nv(e->hcr, sysreg, write).way == VS_NV_TRAP ||
           (sysreg == CPACR_EL1 && e->cptr & VS_CPTR_TCPAC);
}

/* Linux arch/arm64/kvm/hyp/vhe/switch.c; of a processor without FEAT_NV2 the series that KVM did
 * not take (M. Zyngier, 2019 to 2022): EL1's registers of translation trap, too, as its guest
 * hypervisor without VHE means its guest's by them. */
uint64_t vs_el2_nv_hcr(uint64_t hcr, uint64_t nv, bool vhe)
{
    uint64_t is = hcr | VS_HCR_NV | VS_HCR_AT | VS_HCR_TTLB;
    is |= vhe ? 0 : VS_HCR_NV1;
    is |= nv > 1u ? VS_HCR_NV2 : 0;
    is |= nv < 2u && !vhe ? VS_HCR_TVM | VS_HCR_TRVM : 0;
    return is;
}
