/* SPDX-License-Identifier: MIT */
/* Numbers of a local APIC's registers (SDM 3A table 11-6, AMD APM volume 2, 16.3.2 and 16.11.1): as
 * MSRs in x2APIC mode they begin at 800H, in the page of xAPIC mode each has 16 bytes. */
#ifndef VIRTSIM_X2APIC_H
#define VIRTSIM_X2APIC_H

#include <stdbool.h>
#include <stdint.h>

enum vs_apic_register {
    VS_APIC_ID = 0x02,
    VS_APIC_VERSION = 0x03,
    VS_APIC_TPR = 0x08,
    VS_APIC_APR = 0x09,
    VS_APIC_PPR = 0x0a,
    VS_APIC_EOI = 0x0b,
    VS_APIC_RRR = 0x0c,
    VS_APIC_LDR = 0x0d,
    VS_APIC_DFR = 0x0e, /* in the page only */
    VS_APIC_SVR = 0x0f,
    VS_APIC_ISR = 0x10, /* of each of these three eight */
    VS_APIC_TMR = 0x18,
    VS_APIC_IRR = 0x20,
    VS_APIC_ESR = 0x28,
    VS_APIC_CMCI = 0x2f,
    VS_APIC_ICR = 0x30,
    VS_APIC_ICR_HIGH = 0x31, /* in the page only */
    VS_APIC_LVT_TIMER = 0x32,
    VS_APIC_LVT_ERROR = 0x37,
    VS_APIC_INITIAL_COUNT = 0x38,
    VS_APIC_CURRENT_COUNT = 0x39,
    VS_APIC_DIVIDE = 0x3e,
    VS_APIC_SELF_IPI = 0x3f, /* as an MSR only */
    VS_APIC_REGISTERS = 0x40
};

/* Delivery modes of ICR, bits 10:8 (SDM 3A figure 11-12). */
enum {
    VS_APIC_MODE_FIXED = 0,
    VS_APIC_MODE_NMI = 4,
    VS_APIC_MODE_INIT = 5,
    VS_APIC_MODE_SIPI = 6,
};

#define VS_APIC_NMI_VECTOR 2u

/* The MSR of a register; whether an MSR is one of x2APIC's, 800H to 8FFH; its register. */
#define VS_X2APIC_MSR(reg) (0x800u + (uint32_t)(reg))
/* Says whether an MSR is a register of the x2APIC. */
static inline bool vs_x2apic_msr(uint32_t msr)
{
    return msr >> 8 == 0x8u;
}
/* The register that an MSR of the x2APIC reaches. */
static inline uint32_t vs_x2apic_register(uint32_t msr)
{
    return msr - 0x800u;
}

/* Where a register lies in the page, and which one lies there. */
#define VS_APIC_OFFSET(reg) ((uint32_t)(reg) << 4)
/* The register at an offset of the xAPIC's page. */
static inline uint32_t vs_apic_register_at(uint32_t offset)
{
    return offset >> 4;
}

#endif
