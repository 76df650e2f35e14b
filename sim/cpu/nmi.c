/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts of a guest, which another vCPU sends by its ICR (delivery mode 4). From
 * its delivery to its handler's IRET others are blocked, and one is latched (SDM 3A 6.7.1, APM
 * volume 2, 8.1.3). In a guest the blocking is virtual: the host's own NMIs still come.
 *
 * As KVM does it: who sends one makes its target leave its guest; the next entry carries it, or,
 * where a handler still runs, the host has itself told when that ends. VMX tells it by an exit of
 * its own (SDM 3C 26.2, NMI-window exiting). SVM does not: the handler's IRET is intercepted, and
 * stepped over (model/svm/svm_nmi.c). KVM holds two, one that goes in and one behind it
 * (process_nmi). With SVM's virtual NMIs the processor holds and delivers one itself.
 *
 * A handler of the guest's kernel is one piece here: what comes during it is seen at its end, that
 * of an NMI before its IRET.
 */
#include "nested.h"

#include "virtsim/x2apic.h"

#define VECTOR VS_APIC_NMI_VECTOR

/* More than the limit of KVM's process_nmi, or of the processor's one latch, merge. */
void vcpu_nmi_arrives(struct vs_vcpu *v)
{
    bool one = v->nmi_blocked || v->nmi_entry || !v->p->virtualized;
    unsigned most = (one ? 1u : 2u) - (v->nmi_held ? 1u : 0);
    v->nmis = (uint8_t)(v->nmis < most ? v->nmis + 1u : most);
    v->nmi_fresh = v->p->virtualized && v->nmis;
}

/* An exit in the middle of an interrupt's handler, or on the short way, leaves it waiting. */
bool vcpu_nmi_offered(const struct vs_vcpu *v, const struct vs_handling *how)
{
    return v->nmis && (how->nmi || (!v->in_interrupt && !how->fast));
}

/* The processor takes one to deliver where it has virtual NMIs and holds none. */
bool vcpu_nmi_virtual(const struct vs_vcpu *v)
{
    return v->world.nmi_takes && !v->nmi_held;
}

/* The hypervisor's program has run: what it did with those that waited is what waits from now on.
 */
void vcpu_nmi_handed(struct vs_vcpu *v)
{
    const struct vs_hypervisor *h = vcpu_hv(v);
    v->nmi_fresh = false;
    v->nmi_window = h->nmi_windowed;
    if (h->nmi_held) {
        v->nmis--;
        v->nmi_held = true;
    }
    if (h->nmi_injected) {
        v->nmis--;
        v->nmi_entry = true;
    } else if (!v->nmi_window && !h->nmi_held) {
        vcpu_refuse(v,
                    "%s hands its guest no NMI: its way out needs the step { call = "
                    "\"inject_nmi\", when = \"nmi\" }",
                    h->software.set->desc->file);
    } else if (v->held && v->nmi_window) { /* svm_enable_nmi_window intercepts STGI */
        vcpu_refuse(v, "an NMI while its global interrupt flag is clear (CLGI): KVM would make its "
                       "STGI an invalid opcode, since it has no SVM of its own; svm.cap.vnmi = 1 "
                       "has the processor hold it");
    }
}

/* What has come while it slept goes in with the entry that ends the halt. */
void vcpu_nmi_wakes(struct vs_vcpu *v)
{
    struct vs_hypervisor *h = vcpu_hv(v);
    h->nmi_injected = false;
    if (v->nmis) {
        vs_hv_inject_nmi(h, &v->txn, v->nmis > 1u, vcpu_nmi_virtual(v));
        vcpu_nmi_handed(v);
    }
}

/* The guest is left, and its next entry carries what it can. */
static void leave(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how)
{
    v->nmi_window = false;
    vs_cpu_interrupt(&v->hw->cpu);
    if (!vcpu_trap(v, trap, how)) {
        vcpu_fail(v, "an NMI for the guest, which the host cannot stop for it");
    }
}

/* Another processor's message has made one pending: kvm_vcpu_kick. Of a guest's guest that is a
 * message of its hypervisor's to its own processor, which is posted where the host posts. */
static void kicked(struct vs_vcpu *v)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    struct vs_trap trap = {.kind = VS_TRAP_INTERRUPT,
                           .number = v->nested && v->p->posted ? n->notification : n->kick};
    struct vs_handling how = {.nmi = true, .handed = v->nested ? VS_TRAP_INTERRUPT : 0};
    leave(v, &trap, &how);
}

/* The guest takes it, and its handler runs. */
static void deliver(struct vs_vcpu *v)
{
    enum vs_about before = v->trail ? v->trail->base : VS_ABOUT_PROGRAM;
    v->nmi_blocked = true;
    vcpu_about_base(v, VS_ABOUT_INTERRUPT);
    vs_txn_settle(&v->txn);
    vcpu_arrivals_delivered(v, VECTOR);
    vs_open(&v->txn, VS_OP_NMI);
    v->in_interrupt = true;
    v->p->guest.nmi(v);
    v->in_interrupt = false;
    vs_close(&v->txn);
    vcpu_about_base(v, before);
}

/* IRET of the handler, which exits where that is intercepted: SVM without virtual NMIs. */
void vcpu_nmi_return(struct vs_vcpu *v)
{
    static const struct vs_trap iret = {.kind = VS_TRAP_INTERRUPT_RETURN, .length = 2}; /* IRETQ */
    static const struct vs_handling offered = {.nmi = true};
    vcpu_arrivals_take(v, vs_cpu_now_ps(&v->hw->cpu));
    if (v->nmi_fresh) { /* it came while the handler ran */
        kicked(v);
    }
    if (v->p->virtualized && !v->failed) {
        (void)vcpu_trap(v, &iret, &offered);
    }
    v->nmi_blocked = false;
    if (v->p->virtualized) {
        v->world.nmi_returns(v->world.ctx);
    }
}

/* One is taken at this boundary: by the last entry, from the processor's own hands, or natively. */
static void take(struct vs_vcpu *v)
{
    if (v->nmi_entry) {
        v->nmi_entry = false;
    } else if (!v->p->virtualized) {
        v->nmis--;
        vs_cpu_interrupt(&v->hw->cpu);
    } else {
        v->nmi_held = false;
        vs_cpu_interrupt(&v->hw->cpu);
        if (!v->world.nmi_takes(v->world.ctx)) {
            vcpu_fail(v, "a virtual NMI that its processor does not deliver");
            return;
        }
    }
    deliver(v);
}

/* All that is due at this boundary, one after the other. */
void vcpu_nmis(struct vs_vcpu *v)
{
    static const struct vs_trap window = {.kind = VS_TRAP_NMI_WINDOW};
    static const struct vs_handling offered = {.nmi = true};
    while (!v->failed && vcpu_nmi_due(v)) {
        if (v->nmi_entry) {
            take(v);
        } else if (v->nmi_fresh) {
            kicked(v);
        } else if (v->nmi_window) {
            leave(v, &window, &offered);
        } else {
            take(v);
        }
    }
}

/* Guests get NMIs where their processor virtualizes the blocking of them. */
bool vcpu_nmi_possible(struct vs_vcpu *v, uint64_t command)
{
    if (v->p->virtualized && !v->world.nmi_returns) {
        vcpu_refuse(v,
                    "ICR = 0x%llx: NMIs of guests are simulated where the processor virtualizes "
                    "their blocking: on AMD's machines, on Intel's with vmcs.control.virtual_nmis "
                    "= 1, and on bare metal",
                    (unsigned long long)command);
    }
    return !v->failed;
}
