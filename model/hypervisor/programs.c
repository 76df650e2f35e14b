/* SPDX-License-Identifier: MIT */
/*
 * Which state a handler reads and writes. The lists follow KVM's code of an exit in the steady
 * state, on Intel's processors: vmx_vcpu_run reads reason and vectoring; registers and segments are
 * read when first wanted and then cached until the entry, execution controls are kept in a shadow
 * and only written; kvm_skip_emulated_instruction wants RFLAGS, the length, RIP and
 * interruptibility.
 */
#include "programs.h"

#define SKIP VS_STATE_FLAGS, VS_STATE_LENGTH, VS_STATE_PC, VS_STATE_INTERRUPTIBILITY, VS_STATE_NONE
#define EMULATE                                                                                    \
    VS_STATE_PC, VS_STATE_FLAGS, VS_STATE_SP, VS_STATE_CODE_SEGMENT, VS_STATE_CR0, VS_STATE_CR3,   \
        VS_STATE_LENGTH, VS_STATE_INTERRUPTIBILITY, VS_STATE_NONE

const enum vs_state vs__hv_common_read[] = {VS_STATE_REASON, VS_STATE_VECTORING, VS_STATE_NONE};

static const enum vs_state none[] = {VS_STATE_NONE};
static const enum vs_state event[] = {VS_STATE_INTR_INFO, VS_STATE_NONE};
static const enum vs_state exception[] = {VS_STATE_INTR_INFO, VS_STATE_SYNDROME, VS_STATE_NONE};
static const enum vs_state skip[] = {SKIP};
static const enum vs_state qualified[] = {VS_STATE_SYNDROME, SKIP};
static const enum vs_state port_io[] = {VS_STATE_SYNDROME, VS_STATE_CODE_SEGMENT, SKIP};
static const enum vs_state apic_page[] = {VS_STATE_SYNDROME, EMULATE};
static const enum vs_state offset[] = {VS_STATE_SYNDROME, VS_STATE_NONE};
static const enum vs_state fault[] = {VS_STATE_SYNDROME, VS_STATE_FAULT_GPA, VS_STATE_NONE};
static const enum vs_state mmio[] = {VS_STATE_FAULT_GPA, EMULATE};
static const enum vs_state moved[] = {VS_STATE_PC, VS_STATE_NONE};
static const enum vs_state emulated[] = {VS_STATE_PC, VS_STATE_FLAGS, VS_STATE_NONE};
static const enum vs_state controls[] = {VS_STATE_CONTROLS, VS_STATE_NONE};

static const struct {
    enum vs_trap_kind trap;
    const enum vs_state *read, *write;
} table[] = {
    {VS_TRAP_EXCEPTION, exception, none},
    {VS_TRAP_INTERRUPT, event, none},
    {VS_TRAP_INTERRUPT_WINDOW, none, controls},
    {VS_TRAP_CPU_ID, skip, moved},
    {VS_TRAP_HALT, skip, moved},
    {VS_TRAP_INVALIDATE, qualified, moved},
    {VS_TRAP_TIMESTAMP, skip, moved},
    {VS_TRAP_HYPERCALL, skip, moved},
    {VS_TRAP_CONTROL_REGISTER, qualified, moved},
    {VS_TRAP_PIO, port_io, moved},
    {VS_TRAP_MSR_READ, skip, moved},
    {VS_TRAP_MSR_WRITE, skip, moved},
    {VS_TRAP_PAUSE, skip, moved},
    {VS_TRAP_APIC_ACCESS, apic_page, emulated},
    {VS_TRAP_EOI, offset, none},
    {VS_TRAP_APIC_WRITE, offset, none},
    {VS_TRAP_STAGE2_FAULT, fault, none},
    {VS_TRAP_MMIO, mmio, emulated},
    {VS_TRAP_TIMER, none, none},
    {VS_TRAP_LOG_FULL, none, none},
};

void vs__hv_fields(enum vs_trap_kind trap, const enum vs_state **read, const enum vs_state **write)
{
    *read = *write = none;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].trap == trap) {
            *read = table[i].read;
            *write = table[i].write;
        }
    }
}

static unsigned length(const enum vs_state *list)
{
    unsigned n = 0;
    while (list[n]) {
        n++;
    }
    return n;
}

void vs_hv_program(enum vs_trap_kind trap, unsigned *reads, unsigned *writes)
{
    const enum vs_state *read, *write;
    vs__hv_fields(trap, &read, &write);
    *reads = length(vs__hv_common_read) + length(read);
    *writes = length(write);
}
