/* SPDX-License-Identifier: MIT */
/*
 * Messages of an APIC that are no interrupts: NMI (nmi.c), INIT and start-up IPI (SDM 3A 8.4,
 * 11.6.1), by which one processor brings up another. An INIT ends what its target does, which waits
 * from then on for a start-up IPI; one that comes to a processor that does not wait for it is
 * discarded.
 *
 * A hypervisor answers the write of ICR and makes the target leave its guest; its thread sleeps in
 * that exit, reset, until the start-up IPI has come (Linux arch/x86/kvm/lapic.c,
 * kvm_apic_accept_events). No physical INIT comes to a processor that runs a guest.
 *
 * Of a guest's guest that is its hypervisor's, L1's: its processor is sent a message, as for an
 * NMI, whose exit it handles; its vCPU's thread sleeps, and that processor halts. For L1's own vCPU
 * nobody sends one: it is no exit of reason 3 (SDM 3C 26.2), or of SVM's intercept.
 *
 * A program has one beginning: a start-up IPI lets it go on behind the instruction at which the
 * INIT came, with interrupts disabled, as the reset leaves RFLAGS.
 */
#include "nested.h"

#include "virtsim/x2apic.h"

#include <string.h>

#define LEVEL (1u << 14)   /* assert */
#define TRIGGER (1u << 15) /* by level */

void vcpu_startup_arrives(struct vs_vcpu *v, uint8_t mode)
{
    v->sipi_due = mode == VS_APIC_MODE_SIPI; /* an INIT takes an earlier one with it */
    v->init_due = v->init_due || mode == VS_APIC_MODE_INIT;
}

/* The reset of the vCPU: what was pending is gone (SDM 3A table 9-1, INIT). */
static void reset(struct vs_vcpu *v)
{
    v->init_due = false;
    v->nmis = 0;
    v->nmi_fresh = v->nmi_window = v->nmi_entry = v->nmi_blocked = v->nmi_held = false;
    v->window = v->listed = v->fresh = v->notified = v->timer_armed = false;
    v->entry_vector = v->threshold = v->tpr = 0;
    v->shadowed = false;
    v->masked = true;
    memset(v->flight, 0, sizeof v->flight);
    v->irq.reset(v->irq.ctx);
    if (v->p->virtualized && !v->nested) {
        v->world.mask(v->world.ctx, true);
    }
    v->off = true;
    v->on_ps = VS_NEVER;
}

void vcpu_init_in_exit(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    vs_hv_run(vcpu_hv(v), t, VS_HV_ENTRY_RESET);
    if (v->nested) {
        v->p->host.nested_startup(v, false);
    }
    reset(v);
}

void vcpu_init(struct vs_vcpu *v)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    struct vs_trap kick = {.kind = VS_TRAP_INTERRUPT,
                           .number = v->nested && v->p->posted ? n->notification : n->kick};
    struct vs_handling how = {
        .work = vcpu_init_in_exit, .ctx = v, .handed = v->nested ? VS_TRAP_INTERRUPT : 0};
    vs_cpu_interrupt(&v->hw->cpu);
    vs_txn_settle(&v->txn);
    if (!v->p->virtualized) {
        reset(v);
        vcpu_wait(v, VS_FOR_EVENT, false);
    } else if (!vcpu_trap_wait(v, &kick, &how)) {
        vcpu_fail(v, "an INIT for the guest, which the host cannot stop for it");
    }
}

void vcpu_startup_look(struct vs_vcpu *v, uint64_t now_ps)
{
    if (vcpu_arm(v)) {
        return;
    }
    vcpu_arrivals_take(v, now_ps);
    v->init_due = false; /* it is blocked in that state, or changes nothing */
    if (v->sipi_due && v->on_ps > now_ps) {
        v->on_ps = now_ps;
    }
    v->sipi_due = false;
}

/* Nothing else is due, and it was not reset: it is discarded. */
bool vcpu_startup_discarded(struct vs_vcpu *v, uint64_t now_ps)
{
    unsigned due = 0;
    for (; due < v->n_arrivals && v->arrival[due].at_ps <= now_ps; due++) {
        if (v->arrival[due].signal != VS_APIC_MODE_SIPI) {
            return false;
        }
    }
    if (!due || v->off || v->init_due || (v->timer_armed && v->timer_ps <= now_ps)) {
        return false;
    }
    vcpu_arrivals_take(v, now_ps);
    v->sipi_due = false;
    return true;
}

void vcpu_startup_done(struct vs_vcpu *v)
{
    if (v->off && !vcpu_arm(v)) {
        vs_hv_run(vcpu_hv(v), &v->txn, VS_HV_ENTRY_START);
        if (v->nested) {
            v->p->host.nested_startup(v, true);
        }
    }
    v->off = false;
}

/* Whether it can be sent: the shorthands "self" and "all including self" are of fixed interrupts
 * alone (SDM 3A table 11-3). */
static bool possible(struct vs_vcpu *v, uint64_t command, unsigned mode)
{
    unsigned shorthand = command >> 18 & 3u;
    const char *name = mode == VS_APIC_MODE_NMI    ? "an NMI"
                       : mode == VS_APIC_MODE_INIT ? "an INIT"
                                                   : "a start-up IPI";
    if (shorthand == 1u || shorthand == 2u) {
        vcpu_refuse(v,
                    "ICR = 0x%llx: %s has no shorthand that names its sender (SDM 3A table "
                    "11-3): its number in bits 63:32, or 3 in bits 19:18 for all others",
                    (unsigned long long)command, name);
    } else if (mode == VS_APIC_MODE_NMI) {
        return vcpu_nmi_possible(v, command);
    } else if (v->irq.reaches(command, v->index, 0)) {
        vcpu_refuse(v,
                    "ICR = 0x%llx: %s to vCPU 0, the bootstrap processor, which would reset the "
                    "machine: others can be started",
                    (unsigned long long)command, name);
    } else if (v->p->virtualized && v->hv.entry[VS_HV_ENTRY_RESET] == VS_PROGRAM_NONE) {
        vcpu_refuse(v, "%s has no program vcpu_reset, which an INIT of its guest needs",
                    v->hv.software.set->desc->file);
    }
    for (unsigned i = 0; i < v->p->n_vcpus && mode != VS_APIC_MODE_NMI && !v->failed; i++) {
        if (v->p->vcpu[i].own && v->irq.reaches(command, v->index, i)) {
            vcpu_refuse(v,
                        "ICR = 0x%llx: %s to vCPU %u, which shares its processor with others "
                        "(host.cpus): those that have one to themselves can be started",
                        (unsigned long long)command, name, i);
        }
    }
    return !v->failed;
}

/* A signal that is being sent. */
struct signalling {
    struct vs_vcpu *v;
    uint64_t command;
    uint8_t mode, vector;
    bool own, sent; /* the sender's own has been seen to; the others', too */
};

/* The others that it reaches get it. Where a hypervisor in the guest sends it, that makes it
 * pending for its own vCPU, and tells the processor which runs that (kvm_vcpu_kick). */
static void signal_others(const struct signalling *s, bool by_hypervisor)
{
    struct vs_vcpu *v = s->v;
    for (unsigned i = 0; i < v->p->n_vcpus && !v->failed; i++) {
        struct vs_vcpu *to = &v->p->vcpu[i];
        if (to->vm != v->vm || !v->irq.reaches(s->command, v->index, i) || (s->own && to == v)) {
            continue;
        }
        bool tells = by_hypervisor && !vcpu_nested_polls(to);
        if (tells) {
            vcpu_write_command(v, v->irq.command(vcpu_numbers(v)->kick, i), 0, NULL);
        }
        vcpu_signal(to, s->mode, s->vector, vs_now(&v->txn).v, tells);
    }
}

/* In the handler of a hypervisor in the guest. */
static void signal_on(void *ctx, struct vs_txn *t)
{
    struct signalling *s = ctx;
    (void)t;
    signal_others(s, true);
    s->sent = true;
}

void vcpu_send_signal(struct vs_vcpu *v, uint64_t command, uint32_t reg)
{
    struct vs_platform *p = v->p;
    unsigned mode = command >> 8 & 7u;
    uint8_t vector = mode == VS_APIC_MODE_NMI ? VS_APIC_NMI_VECTOR : (uint8_t)command;
    bool nothing = mode == VS_APIC_MODE_INIT && command & TRIGGER && !(command & LEVEL);
    if (!possible(v, command, mode)) {
        return;
    }
    bool own =
        p->virtualized && mode == VS_APIC_MODE_NMI && v->irq.reaches(command, v->index, v->index);
    vs_txn_settle(&v->txn);
    if (own) { /* pending in this exit, whose entry carries it */
        uint64_t now = vs_now(&v->txn).v;
        v->flight[vector] =
            (struct vs_arrival){.sent_ps = now, .at_ps = now, .vector = vector, .signal = 1};
        vcpu_nmi_arrives(v);
    }
    struct signalling s = {v, command, (uint8_t)mode, vector, own, nothing};
    const struct vs_handling how = {.work = signal_on, .ctx = &s};
    vcpu_write_command(v, command, reg, v->nested ? &how : NULL);
    if (!s.sent) {
        signal_others(&s, false);
    }
    vcpu_yield(v);
}
