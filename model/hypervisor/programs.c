/* SPDX-License-Identifier: MIT */
/*
 * Which VMCS fields a handler reads and writes. The lists follow KVM's code of an exit in the
 * steady state: vmx_vcpu_run reads reason and vectoring; registers and segments are read when
 * first wanted and then cached until the entry, execution controls are kept in a shadow and only
 * written; kvm_skip_emulated_instruction wants RFLAGS, the length, RIP and interruptibility.
 */
#include "programs.h"

#define SKIP VS_HV_GUEST_RFLAGS, VS_HV_EXIT_LENGTH, VS_HV_GUEST_RIP, VS_HV_INTERRUPTIBILITY, 0
#define EMULATE                                                                                    \
    VS_HV_GUEST_RIP, VS_HV_GUEST_RFLAGS, VS_HV_GUEST_RSP, VS_HV_CS_AR, VS_HV_GUEST_CR0,            \
        VS_HV_GUEST_CR3, VS_HV_EXIT_LENGTH, VS_HV_INTERRUPTIBILITY, 0

const uint32_t vs__hv_common_read[] = {VS_HV_EXIT_REASON, VS_HV_IDT_VECTORING, 0};

static const uint32_t none[] = {0};
static const uint32_t event[] = {VS_HV_EXIT_INTR_INFO, 0};
static const uint32_t exception[] = {VS_HV_EXIT_INTR_INFO, VS_HV_QUALIFICATION, 0};
static const uint32_t skip[] = {SKIP};
static const uint32_t qualified[] = {VS_HV_QUALIFICATION, SKIP};
static const uint32_t port_io[] = {VS_HV_QUALIFICATION, VS_HV_CS_AR, SKIP};
static const uint32_t apic_page[] = {VS_HV_QUALIFICATION, EMULATE};
static const uint32_t offset[] = {VS_HV_QUALIFICATION, 0};
static const uint32_t fault[] = {VS_HV_QUALIFICATION, VS_HV_GUEST_PHYSICAL, 0};
static const uint32_t mmio[] = {VS_HV_GUEST_PHYSICAL, EMULATE};
static const uint32_t moved[] = {VS_HV_GUEST_RIP, 0};
static const uint32_t emulated[] = {VS_HV_GUEST_RIP, VS_HV_GUEST_RFLAGS, 0};
static const uint32_t controls[] = {VS_HV_PROC_CONTROLS, 0};

static const struct {
    enum vs_op op;
    const uint32_t *read, *write;
} table[] = {
    {VS_OP_HANDLER_EXCEPTION, exception, none},
    {VS_OP_HANDLER_EXTERNAL_INTERRUPT, event, none},
    {VS_OP_HANDLER_INTERRUPT_WINDOW, none, controls},
    {VS_OP_HANDLER_CPUID, skip, moved},
    {VS_OP_HANDLER_HLT, skip, moved},
    {VS_OP_HANDLER_INVLPG, qualified, moved},
    {VS_OP_HANDLER_RDTSC, skip, moved},
    {VS_OP_HANDLER_VMCALL, skip, moved},
    {VS_OP_HANDLER_CR_ACCESS, qualified, moved},
    {VS_OP_HANDLER_IO_INSTRUCTION, port_io, moved},
    {VS_OP_HANDLER_RDMSR, skip, moved},
    {VS_OP_HANDLER_WRMSR, skip, moved},
    {VS_OP_HANDLER_PAUSE, skip, moved},
    {VS_OP_HANDLER_APIC_ACCESS, apic_page, emulated},
    {VS_OP_HANDLER_VIRTUALIZED_EOI, offset, none},
    {VS_OP_HANDLER_APIC_WRITE, offset, none},
    {VS_OP_HANDLER_EPT_VIOLATION, fault, none},
    {VS_OP_HANDLER_EPT_MISCONFIG, mmio, emulated},
    {VS_OP_HANDLER_PREEMPTION_TIMER, none, none},
    {VS_OP_HANDLER_PML_FULL, none, none},
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
    *vmreads = length(vs__hv_common_read) + length(read);
    *vmwrites = length(write);
}
