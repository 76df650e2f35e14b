/* SPDX-License-Identifier: MIT */
/* The VM-exit instruction-information field: how the instruction that left names its operands. Its
 * memory operands are those that compilers make of a pointer: DS:[RDI], addresses of 64 bits. */
#include "vmcs/vmcs_impl.h"

#define RDI 7u
#define ADDRESS_64 (2u << 7)
#define REGISTER (1u << 10) /* the operand is a register, not memory */
#define SEGMENT_DS (3u << 15)
#define NO_INDEX (1u << 22)
#define BASE(reg) ((uint32_t)(reg) << 23)
#define SECOND(reg) ((uint32_t)(reg) << 28)
#define IDENTITY(n) ((uint32_t)(n) << 28)

/* SDM 3C 28.2.5, tables 28-8 to 28-14. */
void vs__vmx_information(const struct vs_vmx_event *e, struct vs_vmx_exit_info *info)
{
    const uint32_t memory = ADDRESS_64 | SEGMENT_DS | NO_INDEX | BASE(RDI);
    info->has_information = true;
    switch (info->reason) {
    case VS_EXIT_INVEPT:
    case VS_EXIT_INVVPID:
    case VS_EXIT_INVPCID: /* descriptor in memory, type in a register */
        info->information = memory | SECOND(e->gpr);
        break;
    case VS_EXIT_VMREAD: /* of registers */
    case VS_EXIT_VMWRITE:
        info->information = REGISTER | (uint32_t)e->gpr << 3 | SECOND(e->gpr);
        break;
    case VS_EXIT_VMCLEAR:
    case VS_EXIT_VMPTRLD:
    case VS_EXIT_VMPTRST:
    case VS_EXIT_VMXON:
        info->information = memory;
        break;
    case VS_EXIT_GDTR_IDTR:
        info->information = memory | 1u << 11 | IDENTITY(e->identity);
        break;
    case VS_EXIT_LDTR_TR: /* a selector in a register */
        info->information = REGISTER | (uint32_t)e->gpr << 3 | IDENTITY(e->identity);
        break;
    case VS_EXIT_RDRAND:
    case VS_EXIT_RDSEED: /* 64 bits into a register */
        info->information = (uint32_t)e->gpr << 3 | 2u << 11;
        break;
    default:
        info->has_information = false;
        break;
    }
}
