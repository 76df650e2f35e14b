/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts of a guest, which another vCPU sends by its ICR (delivery mode 4). From
 * its delivery to its handler's IRET others are blocked, and one is latched (SDM 3A 6.7.1). In a
 * guest the blocking is virtual (SDM 3C 26.2, virtual NMIs): the host's own NMIs still come.
 *
 * As KVM does it: who sends one makes its target leave its guest; the next entry carries it, or,
 * where a handler still runs, the host has itself told when that ends (NMI-window exiting). KVM
 * holds two, one that goes in and one behind it (process_nmi).
 *
 * A handler of the guest's kernel is one piece here: what comes during it is seen at its end, that
 * of an NMI before its IRET.
 */
#include "nested.h"

#include "virtsim/x2apic.h"

#define VECTOR VS_APIC_NMI_VECTOR

void vcpu_nmi_arrives(struct vs_vcpu *v)
{
    bool one = v->nmi_blocked || v->nmi_entry || !v->p->virtualized;
    unsigned most = one ? 1u : 2u;
    v->nmis = (uint8_t)(v->nmis < most ? v->nmis + 1u : most);
    v->nmi_fresh = v->p->virtualized;
}

bool vcpu_nmi_due(const struct vs_vcpu *v)
{
    bool held = v->nmi_blocked || v->shadowed || v->held;
    return v->nmi_fresh || v->nmi_entry || (!held && (v->nmi_window || v->nmis));
}

bool vcpu_nmi_offered(const struct vs_vcpu *v, const struct vs_handling *how)
{
    return v->nmis && (how->nmi || (!v->in_interrupt && !how->fast));
}

void vcpu_nmi_handed(struct vs_vcpu *v)
{
    v->nmi_fresh = false;
    v->nmi_window = v->hv.nmi_windowed;
    if (v->hv.nmi_injected) {
        v->nmis--;
        v->nmi_entry = true;
    } else if (!v->nmi_window) {
        vcpu_refuse(v,
                    "%s hands its guest no NMI: its way out needs the step { call = "
                    "\"inject_nmi\", when = \"nmi\" }",
                    v->hv.software.set->desc->file);
    }
}

/* The guest is left, and its next entry carries what it can. */
static void leave(struct vs_vcpu *v, const struct vs_trap *trap)
{
    static const struct vs_handling how = {.nmi = true};
    v->nmi_window = false;
    vs_cpu_interrupt(&v->hw->cpu);
    if (!vcpu_trap(v, trap, &how)) {
        vcpu_fail(v, "an NMI for the guest, which the host cannot stop for it");
    }
}

/* Another processor's message has made one pending: kvm_vcpu_kick. */
static void kicked(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_INTERRUPT, .number = vcpu_numbers(v)->kick};
    leave(v, &trap);
}

/* The guest takes it, and its handler runs. */
static void deliver(struct vs_vcpu *v)
{
    enum vs_about before = v->trail ? v->trail->base : VS_ABOUT_PROGRAM;
    v->nmi_entry = false;
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

void vcpu_nmi_return(struct vs_vcpu *v)
{
    vcpu_arrivals_take(v, vs_cpu_now_ps(&v->hw->cpu));
    if (v->nmi_fresh) { /* it came while the handler ran */
        kicked(v);
    }
    v->nmi_blocked = false;
    if (v->p->virtualized) {
        v->world.nmi_returns(v->world.ctx);
    }
}

void vcpu_nmis(struct vs_vcpu *v)
{
    static const struct vs_trap window = {.kind = VS_TRAP_NMI_WINDOW};
    while (!v->failed && !v->shadowed && !v->held && vcpu_nmi_due(v)) {
        if (v->nmi_entry) {
            deliver(v);
        } else if (v->nmi_fresh) {
            kicked(v);
        } else if (v->nmi_window) {
            leave(v, &window);
        } else {
            v->nmis--;
            vs_cpu_interrupt(&v->hw->cpu);
            deliver(v);
        }
    }
}

bool vcpu_nmi_possible(struct vs_vcpu *v, uint64_t command)
{
    if (v->p->virtualized && !v->world.nmi_returns) {
        vcpu_refuse(v,
                    "ICR = 0x%llx: NMIs of guests are simulated where VMX virtualizes their "
                    "blocking: an Intel machine with vmcs.control.virtual_nmis = 1, and bare metal",
                    (unsigned long long)command);
    }
    return !v->failed && !vcpu_nested_lacks(v, "NMIs");
}
