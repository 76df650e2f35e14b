/* SPDX-License-Identifier: MIT */
/* The APIC's registers as RDMSR and WRMSR of 800H to 8FFH see them (SDM 3A 11.12.1, table 11-6). */
#include "apic/apic_impl.h"

#include "virtsim/x2apic.h"

#define VERSION 0x00060015u /* an integrated APIC with seven LVT entries */
#define SVR_WRITABLE 0x11ffu
#define LVT_WRITABLE 0x7f7ffu /* vector, mode, polarity, trigger, mask, timer mode */
#define DIVIDE_WRITABLE 0xbu
/* Of ICR: vector, delivery and destination mode, level, trigger, shorthand, destination */
#define ICR_WRITABLE UINT64_C(0xffffffff000ccfff)

#define MISSING "the APIC has no such register"

/* 32 of the 256 bits of a vector register. */
static uint64_t word(const uint64_t *bits, uint32_t i)
{
    return bits[i / 2u] >> (i & 1u ? 32 : 0) & 0xffffffffu;
}

/* Where an LVT entry is kept; NULL: the register is none. */
static uint32_t *lvt(struct vs_apic *a, uint32_t reg)
{
    return reg == VS_APIC_CMCI ? &a->lvt[0]
           : reg >= VS_APIC_LVT_TIMER && reg <= VS_APIC_LVT_ERROR
               ? &a->lvt[1u + reg - VS_APIC_LVT_TIMER]
               : NULL;
}

const char *vs_apic_read(struct vs_apic *a, uint32_t reg, uint64_t *value)
{
    if (a->cfg.mode == VS_APIC_XAPIC) {
        return "the APIC is in xAPIC mode (interrupt.apic)";
    }
    const uint32_t *entry = lvt(a, reg);
    *value = 0;
    if (entry) {
        *value = *entry;
    } else if (reg >= VS_APIC_ISR && reg < VS_APIC_TMR) {
        *value = word(a->isr, reg - VS_APIC_ISR);
    } else if (reg >= VS_APIC_IRR && reg < VS_APIC_ESR) {
        *value = word(a->irr, reg - VS_APIC_IRR);
    } else if (reg < VS_APIC_TMR || reg >= VS_APIC_ESR) { /* TMR: nothing is level-triggered */
        switch (reg) {
        case VS_APIC_ID:
            *value = a->id;
            break;
        case VS_APIC_VERSION:
            *value = VERSION;
            break;
        case VS_APIC_TPR:
            *value = a->tpr;
            break;
        case VS_APIC_PPR:
            *value = vs_apic_ppr(a);
            break;
        case VS_APIC_LDR:
            *value = (a->id >> 4) << 16 | 1u << (a->id & 15u);
            break;
        case VS_APIC_SVR:
            *value = a->svr;
            break;
        case VS_APIC_ICR:
            *value = a->icr;
            break;
        case VS_APIC_DIVIDE:
            *value = a->divide;
            break;
        case VS_APIC_ESR: /* nothing goes wrong; with the TSC deadline both counts are 0 */
        case VS_APIC_INITIAL_COUNT:
        case VS_APIC_CURRENT_COUNT:
            break;
        case VS_APIC_EOI:
        case VS_APIC_SELF_IPI:
            return "it is written only";
        default:
            return MISSING;
        }
    }
    return NULL;
}

/* Fixed and its kin: SDM 3A 11.6.1; 3 and 7 are reserved. */
static const char *bad_command(uint64_t command)
{
    unsigned mode = command >> 8 & 7u;
    return command & ~ICR_WRITABLE  ? "a reserved bit is set"
           : mode == 3 || mode == 7 ? "the delivery mode is reserved"
                                    : NULL;
}

const char *vs_apic_write(struct vs_apic *a, uint32_t reg, uint64_t value)
{
    static const struct {
        uint32_t reg;
        uint64_t writable;
    } plain[] = {{VS_APIC_TPR, 0xff},
                 {VS_APIC_EOI, 0},
                 {VS_APIC_SVR, SVR_WRITABLE},
                 {VS_APIC_ESR, 0},
                 {VS_APIC_SELF_IPI, 0xff},
                 {VS_APIC_INITIAL_COUNT, 0xffffffff},
                 {VS_APIC_DIVIDE, DIVIDE_WRITABLE}};
    uint32_t *entry = lvt(a, reg);
    if (a->cfg.mode == VS_APIC_XAPIC) {
        return "the APIC is in xAPIC mode (interrupt.apic)";
    }
    if (reg == VS_APIC_ICR) {
        const char *why = bad_command(value);
        a->icr = why ? a->icr : value;
        return why;
    }
    if (entry) {
        *entry = value & ~(uint64_t)LVT_WRITABLE ? *entry : (uint32_t)value;
        return value & ~(uint64_t)LVT_WRITABLE ? "a reserved bit is set" : NULL;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (plain[i].reg != reg) {
            continue;
        }
        if (value & ~plain[i].writable) {
            return "a reserved bit is set";
        }
        a->tpr = reg == VS_APIC_TPR ? (uint8_t)value : a->tpr;
        a->svr = reg == VS_APIC_SVR ? (uint32_t)value : a->svr;
        a->divide = reg == VS_APIC_DIVIDE ? (uint32_t)value : a->divide;
        return NULL;
    }
    uint64_t is;
    return vs_apic_read(a, reg, &is) ? MISSING : "it is read only";
}

bool vs_apic_reaches(uint64_t command, unsigned from, unsigned cpu)
{
    uint32_t to = (uint32_t)(command >> 32);
    switch (command >> 18 & 3u) { /* shorthand */
    case 1:
        return cpu == from;
    case 2:
        return true;
    case 3:
        return cpu != from;
    default:
        break;
    }
    if (to == UINT32_MAX) {
        return true;
    }
    return command >> 11 & 1u ? to >> 16 == cpu >> 4 && to >> (cpu & 15u) & 1u : to == cpu;
}
