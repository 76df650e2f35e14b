/* SPDX-License-Identifier: MIT */
/*
 * The world switch of a vCPU is its processor's (cpu.vendor): VMX; AMD's VMCB, under nested paging
 * or shadow tables; Arm's EL2. With the latter two, values of fields, virtual interrupts and what
 * exits mean stay with the VMX state machine, which then runs untimed; they decide and price.
 */
#include "vcpu.h"

#define SVM_INVPCID 0xa2u /* APM volume 2, appendix C */
#define PAGE_FAULT 14u

/* MOV to and from a control register; CLTS and LMSW write CR0 (SDM 3C table 28-3). */
static uint32_t control_register(uint64_t qualification)
{
    uint32_t number = (uint32_t)qualification & 15u, from = (qualification >> 4 & 3u) == 1u;
    return (from ? VS_SVM_READ_CR0 : VS_SVM_WRITE_CR0) + number;
}

static uint32_t code_of(const struct vs_vmx_exit_info *info)
{
    switch (info->reason & 0xffffu) {
    case VS_EXIT_EXCEPTION_NMI:
        return (info->interruption >> 8 & 7u) == VS_INTR_NMI
                   ? VS_SVM_NMI
                   : VS_SVM_EXCEPTION + (info->interruption & 31u);
    case VS_EXIT_INTERRUPT_WINDOW:
        return VS_SVM_VINTR;
    case VS_EXIT_TRIPLE_FAULT:
        return VS_SVM_SHUTDOWN;
    case VS_EXIT_CPUID:
        return VS_SVM_CPUID;
    case VS_EXIT_HLT:
        return VS_SVM_HLT;
    case VS_EXIT_INVLPG:
        return VS_SVM_INVLPG;
    case VS_EXIT_INVPCID:
        return SVM_INVPCID;
    case VS_EXIT_RDTSC:
        return VS_SVM_RDTSC;
    case VS_EXIT_VMCALL:
        return VS_SVM_VMMCALL;
    case VS_EXIT_CR_ACCESS:
        return control_register(info->qualification);
    case VS_EXIT_IO_INSTRUCTION:
        return VS_SVM_IOIO;
    case VS_EXIT_RDMSR:
    case VS_EXIT_WRMSR:
        return VS_SVM_MSR;
    case VS_EXIT_PAUSE:
        return VS_SVM_PAUSE;
    case VS_EXIT_EPT_VIOLATION:
    case VS_EXIT_EPT_MISCONFIG:
        return VS_SVM_NPF;
    default:
        return VS_SVM_INTR;
    }
}

static uint32_t class_of(uint32_t reason)
{
    switch (reason & 0xffffu) {
    case VS_EXIT_HLT:
    case VS_EXIT_PAUSE:
        return VS_EL2_WFX;
    case VS_EXIT_VMCALL:
        return VS_EL2_HVC64;
    case VS_EXIT_CPUID:
    case VS_EXIT_RDTSC:
    case VS_EXIT_CR_ACCESS:
    case VS_EXIT_INVLPG:
    case VS_EXIT_INVPCID:
    case VS_EXIT_RDMSR:
    case VS_EXIT_WRMSR:
        return VS_EL2_SYS64;
    case VS_EXIT_IO_INSTRUCTION:
    case VS_EXIT_EPT_VIOLATION:
    case VS_EXIT_EPT_MISCONFIG:
        return VS_EL2_DABT_LOW;
    default:
        return VS_EL2_IRQ;
    }
}

/* A trap as VMX has it. */
static struct vs_vmx_event event_of(const struct vs_trap *trap)
{
    static const enum vs_vmx_kind kind[VS_TRAP_N] = {
        [VS_TRAP_EXCEPTION] = VS_EV_EXCEPTION,
        [VS_TRAP_INTERRUPT] = VS_EV_EXTERNAL_INTERRUPT,
        [VS_TRAP_INTERRUPT_WINDOW] = VS_EV_INTERRUPT_WINDOW,
        [VS_TRAP_CPU_ID] = VS_EV_CPUID,
        [VS_TRAP_HALT] = VS_EV_HLT,
        [VS_TRAP_INVALIDATE] = VS_EV_INVLPG,
        [VS_TRAP_TIMESTAMP] = VS_EV_RDTSC,
        [VS_TRAP_HYPERCALL] = VS_EV_VMCALL,
        [VS_TRAP_CONTROL_REGISTER] = VS_EV_MOV_FROM_CR,
        [VS_TRAP_PIO] = VS_EV_IO,
        [VS_TRAP_MSR_READ] = VS_EV_RDMSR,
        [VS_TRAP_MSR_WRITE] = VS_EV_WRMSR,
        [VS_TRAP_PAUSE] = VS_EV_PAUSE,
        [VS_TRAP_APIC_ACCESS] = VS_EV_APIC_ACCESS,
        [VS_TRAP_EOI] = VS_EV_EOI,
        [VS_TRAP_STAGE2_FAULT] = VS_EV_EPT_VIOLATION,
        [VS_TRAP_MMIO] = VS_EV_EPT_MISCONFIG,
        [VS_TRAP_TIMER] = VS_EV_PREEMPTION_TIMER,
        [VS_TRAP_LOG_FULL] = VS_EV_PML_FULL,
        [VS_TRAP_APIC_WRITE] = VS_EV_APIC_WRITE,
    };
    struct vs_vmx_event e = {.kind = kind[trap->kind],
                             .number = trap->number,
                             .size = trap->size,
                             .value = trap->value,
                             .address = trap->gva.v,
                             .guest_physical = trap->gpa.v,
                             .qualification = trap->syndrome,
                             .error_code = trap->error_code,
                             .length = trap->length,
                             .gpr = trap->gpr,
                             .cpl = trap->cpl,
                             .in = trap->kind == VS_TRAP_PIO && !trap->write,
                             .string = trap->string,
                             .rep = trap->rep,
                             .immediate = trap->immediate,
                             .has_error = trap->has_error};
    if (trap->kind == VS_TRAP_CONTROL_REGISTER && trap->write) {
        e.kind = VS_EV_MOV_TO_CR;
    } else if (trap->kind == VS_TRAP_INVALIDATE && trap->scope == VS_TRAP_CONTEXT) {
        e.kind = VS_EV_INVPCID;
    } else if (trap->kind == VS_TRAP_APIC_ACCESS) { /* SDM 3C table 28-6: a linear access */
        e.qualification = trap->number | (trap->write ? 1u << 12 : 0);
    }
    return e;
}

void vcpu_exit_of(const struct vs_trap *trap, struct vs_vmx_exit_info *info)
{
    bool cr = trap->kind == VS_TRAP_CONTROL_REGISTER;
    info->reason = cr ? VS_EXIT_CR_ACCESS : VS_EXIT_INVLPG;
    info->qualification = cr ? trap->number : trap->gva.v; /* MOV to CR from RAX */
    info->has_qualification = cr || trap->scope != VS_TRAP_BROADCAST;
    info->length = trap->length;
}

bool vcpu_intercepts(struct vs_vcpu *v, const struct vs_trap *trap, struct vs_vmx_exit_info *info)
{
    struct vs_vmx_event e = event_of(trap);
    const struct vs_vmx_event *event = &e;
    if (v->p->el2) {
        return vs_vmx_intercept(&v->vmx, NULL, event, info) &&
               vs_el2_traps(&v->el2, class_of(info->reason), info->reason == VS_EXIT_CPUID);
    }
    if (!v->p->svm) {
        return vs_vmx_intercept(&v->vmx, &v->txn, event, info);
    }
    return vs_vmx_intercept(&v->vmx, NULL, event, info) &&
           vs_svm_intercepts(&v->svm, &v->txn, code_of(info), event->number);
}

enum vs_vmx_result vcpu_leave(struct vs_vcpu *v, const struct vs_vmx_exit_info *info)
{
    if (v->p->el2) {
        vs_el2_exit(&v->el2, &v->txn, class_of(info->reason), info->guest_physical);
        return vs_vmx_exit(&v->vmx, NULL, info);
    }
    if (!v->p->svm) {
        return vs_vmx_exit(&v->vmx, &v->txn, info);
    }
    uint32_t code = code_of(info);
    uint64_t first = code == VS_SVM_MSR ? info->reason == VS_EXIT_WRMSR : info->qualification,
             second = info->guest_physical;
    if (code ==
        VS_SVM_EXCEPTION + PAGE_FAULT) { /* error code and address, APM volume 2, 15.12.15 */
        first = info->interruption_error;
        second = info->qualification;
    }
    vs_svm_exit(&v->svm, &v->txn, code, first, second);
    return vs_vmx_exit(&v->vmx, NULL, info);
}

enum vs_vmx_result vcpu_resume(struct vs_vcpu *v)
{
    if (!v->p->svm && !v->p->el2) {
        return vs_vmx_enter(&v->vmx, &v->txn, VS_VMX_RESUME);
    }
    enum vs_vmx_result r = vs_vmx_enter(&v->vmx, NULL, VS_VMX_RESUME);
    if (r == VS_VMX_OK && v->p->el2) {
        vs_el2_enter(&v->el2, &v->txn);
    } else if (r == VS_VMX_OK) {
        vs_svm_enter(&v->svm, &v->txn);
    }
    return r;
}

void vcpu_world(struct vs_vcpu *v, bool host)
{
    vs_txn_settle(&v->txn);
    vs_txn_actor(&v->txn, host ? v->host : v->guest);
    vs_cpu_world(&v->cpu, host);
    vs_memory_core_world(&v->core, host);
    vs_ept_world(&v->ept, host);
    vs_ept_context(&v->ept, host ? &v->host_context : &v->guest_context);
}
