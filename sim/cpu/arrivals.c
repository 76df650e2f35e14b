/* SPDX-License-Identifier: MIT */
/*
 * Interrupts on their way to a vCPU. The sender's clock may stand before or behind the receiver's:
 * a message is queued with the time of its arrival and reaches the interrupt controller, or the
 * posted-interrupt descriptor, when the receiver's clock does. Each one that the guest takes is
 * booked as an operation irq.delivery, from its sending to its delivery.
 */
#include "nested.h"

#include "virtsim/x2apic.h"

/* What the receiver had done of its own future when the message should have reached it. */
static uint64_t run_ahead(const struct vs_vcpu *v, uint64_t at_ps)
{
    uint64_t from = at_ps > v->safe_ps ? at_ps : v->safe_ps, clock = vcpu_now_ps(v);
    return !vs_thread_waits_for(&v->thread, VS_FOR_EVENT) && clock > from ? clock - from : 0;
}

/* One more message is on its way, in the order in which they arrive. */
static void queue(struct vs_vcpu *v, struct vs_arrival a)
{
    a.through_ps = v->irq.post_ps ? v->irq.post_ps(v->irq.ctx, a.vector) : 0;
    a.at_ps = a.sent_ps + v->irq.message_ps + a.through_ps;
    a.ahead_ps = run_ahead(v, a.at_ps);
    if (v->ended) {
        return;
    }
    if (v->n_arrivals == VS__ARRIVALS) {
        vcpu_fail(v, "more than %u interrupts are on their way to it", VS__ARRIVALS);
        return;
    }
    unsigned i = v->n_arrivals++;
    for (; i && v->arrival[i - 1].at_ps > a.at_ps; i--) {
        v->arrival[i] = v->arrival[i - 1];
    }
    v->arrival[i] = a;
    vs_kernel_wake(v->p->kernel, v->hw->agent, a.at_ps);
}

void vcpu_raise(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps)
{
    queue(v, (struct vs_arrival){.sent_ps = sent_ps, .vector = vector});
}

void vcpu_raise_told(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps)
{
    queue(v, (struct vs_arrival){.sent_ps = sent_ps, .vector = vector, .told = true});
}

void vcpu_notify(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps)
{
    queue(v, (struct vs_arrival){.sent_ps = sent_ps, .vector = vector, .in_descriptor = true});
}

void vcpu_signal(struct vs_vcpu *v, uint8_t mode, uint8_t vector, uint64_t sent_ps, bool told)
{
    queue(v,
          (struct vs_arrival){.sent_ps = sent_ps, .vector = vector, .signal = mode, .told = told});
}

void vcpu_raise_device(struct vs_vcpu *v, uint8_t vector, uint64_t sent_ps)
{
    queue(v, (struct vs_arrival){.sent_ps = sent_ps, .vector = vector, .of_device = true});
}

/* A device posts to the descriptor of the hypervisor in the guest, whose notification vector is not
 * that of the entry of its guest: it stops that (vmx_check_nested_events), and whoever handles it
 * reads the descriptor. */
static void land_at_hypervisor(struct vs_vcpu *v, const struct vs_arrival *a)
{
    v->physical = a->vector;
    if (a->in_descriptor) {
        v->notified = true;
    } else {
        (void)v->irq.raise(v->irq.ctx, a->vector, (vs_ps){a->at_ps});
    }
}

void vcpu_arrivals_land(struct vs_vcpu *v, uint64_t now_ps)
{
    unsigned n = 0;
    bool posted = v->p->virtualized && v->p->posted;
    for (; n < v->n_arrivals && v->arrival[n].at_ps <= now_ps; n++) {
        const struct vs_arrival *a = &v->arrival[n];
        if (a->signal == VS_APIC_MODE_INIT || a->signal == VS_APIC_MODE_SIPI) {
            vcpu_startup_arrives(v, a->signal);
            continue;
        }
        if (v->off && !vcpu_arm(v)) { /* its APIC has been reset, and takes none */
            continue;
        }
        if (!v->flight[a->vector].sent_ps) { /* of merged ones the first */
            v->flight[a->vector] = *a;
        }
        if (a->signal) {
            vcpu_nmi_arrives(v);
        } else if (v->nested && posted && (a->of_device || a->in_descriptor)) {
            land_at_hypervisor(v, a);
        } else if (a->in_descriptor) {
            v->notified = true;
        } else if (posted && a->of_device && v->p->avic) {
            v->physical = a->vector;
            (void)v->irq.raise(v->irq.ctx, a->vector, (vs_ps){a->at_ps});
        } else if (vcpu_listed(v) && v->irq.post && !v->nested &&
                   v->irq.post(v->irq.ctx, a->vector, (vs_ps){a->at_ps})) {
            continue; /* its virtual CPU interface has it */
        } else if (posted && v->irq.post) {
            v->notified = v->irq.post(v->irq.ctx, a->vector, (vs_ps){a->at_ps}) || v->notified;
        } else {
            v->fresh = v->irq.raise(v->irq.ctx, a->vector, (vs_ps){a->at_ps}) || v->fresh;
        }
    }
    v->n_arrivals -= n;
    for (unsigned i = 0; n && i < v->n_arrivals; i++) {
        v->arrival[i] = v->arrival[i + n];
    }
}

void vcpu_arrivals_delivered(struct vs_vcpu *v, uint8_t vector)
{
    struct vs_arrival *a = &v->flight[vector];
    const struct vs_platform *p = v->p;
    struct vs_journey j;
    uint64_t now = vs_now(&v->txn).v;
    if (!a->sent_ps) {
        return; /* the vCPU's own timer sends no message */
    }
    if (a->sent_ps > vs_ledger_cut_ps(p->ledger)) {
        vs_journey_begin(&j, (vs_ps){a->sent_ps});
        vs_journey_charge(&j, v->irq.message, (vs_ps){a->at_ps - a->sent_ps - a->through_ps});
        if (a->through_ps) {
            vs_journey_charge(&j, v->irq.through, (vs_ps){a->through_ps});
        }
        if (a->ahead_ps) {
            uint64_t late = a->at_ps + a->ahead_ps;
            vs_journey_wait(&j, (uint16_t)(p->sim_account + VS_ACC_sim_quantum),
                            (vs_ps){late < now ? late : now});
        }
        vs_journey_wait(&j, v->irq.waits, (vs_ps){now});
        vs_journey_end(&j, vs_ledger_acc(p->ledger, v->irq_actor, VS_OP_IRQ_DELIVERY));
    }
    a->sent_ps = 0;
}
