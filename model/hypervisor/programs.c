/* SPDX-License-Identifier: MIT */
/*
 * Which VMCS fields a handler reads and writes. Encodings: SDM 3D appendix B. Lists follow KVM's
 * vmx_vcpu_run, vmx_complete_interrupts, skip_emulated_instruction and the handlers themselves.
 */
#include "programs.h"

enum {
    EXIT_REASON = 0x4402,
    EXIT_INTR_INFO = 0x4404,
    IDT_VECTORING = 0x4408,
    EXIT_LENGTH = 0x440c,
    ENTRY_INTR_INFO = 0x4016,
    QUALIFICATION = 0x6400,
    GUEST_LINEAR = 0x640a,
    GUEST_PHYSICAL = 0x2400,
    GUEST_RIP = 0x681e,
    GUEST_RFLAGS = 0x6820,
    GUEST_RSP = 0x681c,
    INTERRUPTIBILITY = 0x4824,
    GUEST_CR0 = 0x6800,
    GUEST_CR3 = 0x6802,
    CS_AR = 0x4816,
    PROC_CONTROLS = 0x4002,
    GUEST_INTERRUPT_STATUS = 0x0810
};

static const uint32_t none[] = {0};
static const uint32_t common_read[] = {EXIT_REASON, IDT_VECTORING, EXIT_INTR_INFO, 0};
static const uint32_t skip_read[] = {GUEST_RIP, EXIT_LENGTH, INTERRUPTIBILITY, 0};
static const uint32_t skip_write[] = {GUEST_RIP, 0};
static const uint32_t qualified_read[] = {QUALIFICATION, GUEST_RIP, EXIT_LENGTH, INTERRUPTIBILITY,
                                          0};
static const uint32_t linear_read[] = {QUALIFICATION, GUEST_LINEAR,     GUEST_RIP,
                                       EXIT_LENGTH,   INTERRUPTIBILITY, 0};
static const uint32_t fault_read[] = {QUALIFICATION, GUEST_PHYSICAL, 0};
static const uint32_t emulate_read[] = {GUEST_PHYSICAL, GUEST_RIP, GUEST_RFLAGS, GUEST_RSP, CS_AR,
                                        GUEST_CR0,      GUEST_CR3, EXIT_LENGTH,  0};
static const uint32_t emulate_write[] = {GUEST_RIP, GUEST_RFLAGS, 0};
static const uint32_t window_read[] = {PROC_CONTROLS, GUEST_RFLAGS, INTERRUPTIBILITY, 0};
static const uint32_t window_write[] = {PROC_CONTROLS, 0};
static const uint32_t eoi_read[] = {QUALIFICATION, GUEST_INTERRUPT_STATUS, 0};

const uint32_t *const vs__hv_common_read = common_read;

static const struct {
    enum vs_op op;
    const uint32_t *read, *write;
} table[] = {
    {VS_OP_HANDLER_EXCEPTION, fault_read, none},
    {VS_OP_HANDLER_EXTERNAL_INTERRUPT, none, none},
    {VS_OP_HANDLER_INTERRUPT_WINDOW, window_read, window_write},
    {VS_OP_HANDLER_CPUID, skip_read, skip_write},
    {VS_OP_HANDLER_HLT, skip_read, skip_write},
    {VS_OP_HANDLER_INVLPG, qualified_read, skip_write},
    {VS_OP_HANDLER_RDTSC, skip_read, skip_write},
    {VS_OP_HANDLER_VMCALL, skip_read, skip_write},
    {VS_OP_HANDLER_CR_ACCESS, qualified_read, skip_write},
    {VS_OP_HANDLER_IO_INSTRUCTION, qualified_read, skip_write},
    {VS_OP_HANDLER_RDMSR, skip_read, skip_write},
    {VS_OP_HANDLER_WRMSR, skip_read, skip_write},
    {VS_OP_HANDLER_PAUSE, skip_read, skip_write},
    {VS_OP_HANDLER_APIC_ACCESS, linear_read, emulate_write},
    {VS_OP_HANDLER_VIRTUALIZED_EOI, eoi_read, none},
    {VS_OP_HANDLER_APIC_WRITE, eoi_read, none},
    {VS_OP_HANDLER_EPT_VIOLATION, fault_read, none},
    {VS_OP_HANDLER_EPT_MISCONFIG, emulate_read, emulate_write},
    {VS_OP_HANDLER_PREEMPTION_TIMER, none, none},
};

void vs__hv_fields(enum vs_op op, const uint32_t **read, const uint32_t **write)
{
    *read = *write = none;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op) {
            *read = table[i].read;
            *write = table[i].write;
        }
    }
}

static unsigned length(const uint32_t *list)
{
    unsigned n = 0;
    while (list[n]) {
        n++;
    }
    return n;
}

void vs_hv_program(enum vs_op op, unsigned *vmreads, unsigned *vmwrites)
{
    const uint32_t *read, *write;
    vs__hv_fields(op, &read, &write);
    *vmreads = length(common_read) + length(read);
    *vmwrites = length(write);
}
