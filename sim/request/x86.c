/* SPDX-License-Identifier: MIT */
/* Instructions of x86 by their names, which a hypervisor may take; what they are where none does.
 */
#include "handlers.h"

#include "cpu/nested.h"

#include "virtsim/x86.h"

enum own { UD, SYSTEM, CLOCK, RANDOM, LOCKED, VMFUNC, SVM, SKINIT, NOT };

static const struct instruction {
    const char *name;
    enum vs_trap_kind trap;
    uint8_t length;
    enum own own;
} list[VS_X86_N] = {
#define VS_X86(e, name, trap, length, own, text) [VS_X86_##e] = {name, VS_TRAP_##trap, length, own},
#include "virtsim/x86.def"
#undef VS_X86
};

/* An invalid opcode: the kernel's handler steps over it, as it does where it expected that. */
static void undefined(struct vs_vcpu *v)
{
    vcpu_own_time(v, VS_ACC_vcpu_exception, v->p->times.exception);
}

/* One of SVM: in a guest where the processor virtualizes it. Elsewhere EFER.SVME is clear. */
static void virtualized(struct vs_vcpu *v, uint8_t which)
{
    bool held = false;
    if (!v->p->virtualized || !v->world.execute ||
        !v->world.execute(v->world.ctx, &v->txn, which, &held)) {
        undefined(v);
        return;
    }
    vs_cpu_instructions(&v->hw->cpu, 1);
    vcpu_hold(v, held);
}

/* Nobody took it: the processor's own. */
static void carry_out(struct vs_vcpu *v, const struct instruction *i)
{
    const struct vs_vcpu_config *t = &v->p->times;
    switch (i->own) {
    case UD:
        undefined(v);
        break;
    case SYSTEM:
        vcpu_own_time(v, VS_ACC_vcpu_system, t->system);
        break;
    case CLOCK:
        vcpu_own_time(v, VS_ACC_vcpu_rdtsc, t->rdtsc);
        break;
    case RANDOM:
        vcpu_own_time(v, VS_ACC_vcpu_random, t->random);
        break;
    case LOCKED:
        vcpu_own_time(v, VS_ACC_vcpu_split_lock, t->split_lock);
        break;
    case VMFUNC: /* without VM functions, an invalid opcode */
        if (v->p->virtualized && v->p->vm_functions) {
            vcpu_own_time(v, VS_ACC_vcpu_vmfunc, t->vmfunc);
            v->p->host.switched(v);
        } else {
            undefined(v);
        }
        break;
    case SVM:
        virtualized(v, (uint8_t)(i - list));
        break;
    case SKINIT: /* AMD's parts have it whether EFER.SVME is set or not (CPUID Fn8000_0001 ECX[12])
                  */
        if (v->p->ept.vendor != VS_VENDOR_AMD) {
            undefined(v);
            break;
        }
        /* fallthrough */
    case NOT:
        vcpu_refuse(v, "%s that no hypervisor takes is not simulated: it would reach the machine",
                    i->name);
        break;
    }
}

/* What of its operand decides whether it exits. */
static uint64_t value_of(struct vs_vcpu *v)
{
    uint64_t xss = 0, operand = v->request.b;
    if (v->request.a == VS_X86_XSAVES || v->request.a == VS_X86_XRSTORS) {
        (void)vs_msr_read(&v->msrs, 0xda0u, &xss); /* IA32_XSS */
        operand &= xss;
    }
    return operand;
}

/* Its exit is over: the hypervisor may have made it a fault, or it is executed again, untrapped
 * (KVM's handle_dr). */
static void end_of_exit(struct vs_vcpu *v, const struct vs_trap *trap)
{
    const struct instruction *i = &list[trap->x86];
    if (vcpu_hv(v)->threw) {
        undefined(v);
    } else if (i->trap == VS_TRAP_DEBUG_REGISTER && !v->p->deprivileged) {
        v->debug_loaded = true;
        carry_out(v, i);
    }
}

/* Executes one of x86's privileged instructions by its number. */
void request_instruction(struct vs_vcpu *v)
{
    const uint64_t which = v->request.a;
    if (which == VS_X86_NONE || which >= VS_X86_N) {
        vcpu_refuse(v, "an instruction of x86 that there is not: number %llu",
                    (unsigned long long)which);
        return;
    }
    const struct instruction *i = &list[which];
    bool debug = i->trap == VS_TRAP_DEBUG_REGISTER && !v->p->deprivileged,
         after = i->trap == VS_TRAP_BUS_LOCK;
    struct vs_trap trap = {
        .kind = i->trap,
        .x86 = (uint8_t)which,
        .number = which == VS_X86_UD2 ? 6u : (uint32_t)v->request.b,
        .value = value_of(v),
        .write = which == VS_X86_MOV_TO_DR,
        .length = i->length,
    };
    struct vs_handling how = {.ask = i->trap == VS_TRAP_SHUTDOWN || after};
    vs_txn_settle(&v->txn);
    if (after) { /* the exit is a trap: behind the access */
        carry_out(v, i);
    }
    bool skips = !v->p->virtualized || (debug && v->debug_loaded),
         ends = trap.kind == VS_TRAP_SHUTDOWN,
         left = !skips && vcpu_trap(v, &trap, how.ask ? &how : NULL);
    if (left && ends) { /* user space resets the machine */
        v->ended = true;
    } else if (left) {
        end_of_exit(v, &trap);
    } else if (!after) {
        carry_out(v, i);
    }
}

/* The host's watchdog, or another of its sources. */
void request_host_nmi(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_NMI};
    vs_txn_settle(&v->txn);
    vs_cpu_interrupt(&v->hw->cpu);
    if (!v->p->virtualized || !vcpu_trap(v, &trap, NULL)) {
        vcpu_own_time(v, VS_ACC_vcpu_exception, v->p->times.exception);
    }
}
