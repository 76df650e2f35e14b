/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR of a guest's program, and what they do: registers that hold a value
 * (cpu/msrs.def); the time-stamp counter and its deadline; the local APIC's, of which some send,
 * end or mask interrupts. What the architecture answers with a general-protection fault ends the
 * run: no program here has a handler for it.
 */
#include "vcpu.h"

#include "virtsim/x2apic.h"

/* SDM volume 4, table 2-2. */
enum { TIME_STAMP_COUNTER = 0x10, APIC_BASE = 0x1b, TSC_ADJUST = 0x3b, TSC_DEADLINE = 0x6e0 };
enum {
    TPR = VS_X2APIC_MSR(VS_APIC_TPR),
    END_OF_INTERRUPT = VS_X2APIC_MSR(VS_APIC_EOI),
    ICR = VS_X2APIC_MSR(VS_APIC_ICR),
    SELF_IPI = VS_X2APIC_MSR(VS_APIC_SELF_IPI)
};
#define APIC_PAGE 0xfee00000u
#define APIC_BSP (1u << 8)
#define APIC_X2 (1u << 10)
#define APIC_ON (1u << 11)
#define LENGTH 2 /* of both instructions */
#define FIRST_VECTOR 16u

/* The processor faults: the run ends. */
static void fault(struct vs_vcpu *v, const char *instruction, uint32_t index, const char *why)
{
    vcpu_fail(v, "%s of 0x%x: #GP, %s", instruction, (unsigned)index, why);
}

uint64_t vcpu_tsc(const struct vs_vcpu *v)
{
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu) / v->hw->clock.period_ps;
    return (v->p->virtualized ? v->world.clock(v->world.ctx, now) : now) + v->tsc_adjust;
}

/* Which mode its APIC is in, and that it is on. */
static uint64_t apic_base(const struct vs_vcpu *v)
{
    return APIC_PAGE | APIC_ON | (v->p->xapic ? 0 : APIC_X2) | (v->index ? 0 : APIC_BSP);
}

uint64_t vcpu_rdmsr(struct vs_vcpu *v, uint32_t index)
{
    struct vs_trap trap = {.kind = VS_TRAP_MSR_READ, .number = index, .length = LENGTH};
    uint64_t value = 0;
    const char *why = NULL;
    bool counter = index == TIME_STAMP_COUNTER;
    if (vs_x2apic_msr(index)) {
        why = v->irq.read(v->irq.ctx, vs_x2apic_register(index), &value);
    } else if (index == APIC_BASE) {
        value = apic_base(v);
    } else if (index == TSC_ADJUST) {
        value = v->tsc_adjust;
    } else if (index == TSC_DEADLINE) {
        value = v->timer_armed ? v->deadline : 0;
    } else if (!counter) {
        why = vs_msr_read(&v->msrs, index, &value);
    }
    if (why) {
        fault(v, "RDMSR", index, why);
        return 0;
    }
    vs_txn_settle(&v->txn);
    if (!v->p->virtualized || !vcpu_trap(v, &trap, NULL)) {
        vcpu_own_time(v, VS_ACC_vcpu_rdmsr, v->p->times.rdmsr);
    }
    return counter ? vcpu_tsc(v) : value;
}

/* The exit of a write, or the instruction's own time. */
static void write_plainly(struct vs_vcpu *v, const struct vs_trap *trap)
{
    vs_txn_settle(&v->txn);
    if (!v->p->virtualized || !vcpu_trap(v, trap, NULL)) {
        vcpu_own_time(v, VS_ACC_vcpu_wrmsr, v->p->times.wrmsr);
    }
}

/* ICR or SELF IPI, whose value the controller has found good. */
static void send(struct vs_vcpu *v, uint32_t index, uint64_t value)
{
    static const char *const modes[] = {
        "fixed", "lowest priority", "SMI", "", "NMI", "INIT", "SIPI", ""};
    unsigned mode = index == ICR ? value >> 8 & 7u : 0;
    uint8_t vector = (uint8_t)value;
    if (mode == VS_APIC_MODE_NMI || mode == VS_APIC_MODE_INIT || mode == VS_APIC_MODE_SIPI) {
        vcpu_send_signal(v, value, index);
        return;
    }
    if (mode) {
        vcpu_refuse(v,
                    "WRMSR of 0x%x = 0x%llx: delivery mode %u (%s) is not simulated; fixed "
                    "interrupts, NMI, INIT and start-up, modes 0 and 4 to 6 in bits 10:8, are",
                    (unsigned)index, (unsigned long long)value, mode, modes[mode]);
        return;
    }
    uint64_t command = index == ICR ? value : v->irq.command(vector, v->index);
    if (vector >= FIRST_VECTOR) {
        vcpu_send(v, command, vector, index);
    } else { /* accepted and sent nowhere: the APIC's error register says so, SDM 3A 11.5.3 */
        struct vs_trap trap = {
            .kind = VS_TRAP_MSR_WRITE, .number = index, .value = value, .length = LENGTH};
        write_plainly(v, &trap);
    }
}

/* A register of the APIC, which has found the value good. */
static void write_apic(struct vs_vcpu *v, const struct vs_trap *trap)
{
    switch (trap->number) {
    case ICR:
    case SELF_IPI:
        send(v, trap->number, trap->value);
        return;
    case END_OF_INTERRUPT:
        vcpu_irq_end(v, 0); /* a program is in no handler: there is nothing to end */
        return;
    case TPR:
        if (!vcpu_write_priority(v, trap, (uint8_t)trap->value)) {
            vcpu_own_time(v, VS_ACC_vcpu_wrmsr, v->p->times.wrmsr);
        }
        return;
    default:
        write_plainly(v, trap);
        return;
    }
}

void vcpu_wrmsr(struct vs_vcpu *v, uint32_t index, uint64_t value)
{
    struct vs_trap trap = {
        .kind = VS_TRAP_MSR_WRITE, .number = index, .value = value, .length = LENGTH};
    const char *why = NULL;
    if (vs_x2apic_msr(index)) {
        why = v->irq.write(v->irq.ctx, vs_x2apic_register(index), value);
        if (!why) {
            write_apic(v, &trap);
            return;
        }
    } else if (index == APIC_BASE && value != apic_base(v)) {
        vcpu_refuse(v,
                    "WRMSR of 0x1b = 0x%llx: the APIC's mode is the machine's, interrupt.apic; it "
                    "is 0x%llx",
                    (unsigned long long)value, (unsigned long long)apic_base(v));
        return;
    } else if (index == TSC_DEADLINE) {
        vcpu_timer_deadline(v, value);
        return;
    } else if (index == TIME_STAMP_COUNTER) { /* SDM 3B 18.17.3: both change together */
        v->tsc_adjust += value - vcpu_tsc(v);
    } else if (index == TSC_ADJUST) {
        v->tsc_adjust = value;
    } else if (index != APIC_BASE) {
        why = vs_msr_write(&v->msrs, index, value);
    }
    if (why) {
        fault(v, "WRMSR", index, why);
        return;
    }
    write_plainly(v, &trap);
}
