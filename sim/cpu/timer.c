/* SPDX-License-Identifier: MIT */
/* The timer that a guest armed, while the guest runs: the processor's own (the VMX-preemption
 * timer) or the host's stops it when it is due. */
#include "vcpu.h"

/* KVM's vmx_set_hv_timer; a vCPU that sleeps has the host's own timer instead. */
static bool preempts(const struct vs_vcpu *v)
{
    return v->p->virtualized && v->p->preempts;
}

/* Writes the timer's register: an exit, or the instruction's own time. */
static void write_deadline(struct vs_vcpu *v)
{
    if (!vcpu_timer_write(v)) {
        vs_ps took = {v->p->times.wrmsr * v->hw->clock.period_ps};
        vs_cpu_instructions(&v->hw->cpu, 1);
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_wrmsr), took);
    }
}

void vcpu_timer_set(struct vs_vcpu *v, uint64_t ps)
{
    v->timer_armed = ps != 0;
    v->timer_ps = vs_cpu_now_ps(&v->hw->cpu) + ps;
    write_deadline(v);
}

void vcpu_timer_enter(struct vs_vcpu *v)
{
    if (!v->timer_armed || !preempts(v)) {
        return;
    }
    uint64_t tick = v->hw->clock.period_ps << v->p->timer_shift, now = vs_now(&v->txn).v,
             ticks = v->timer_ps > now ? (v->timer_ps - now) / tick : 0;
    vs_hv_preemption_timer(&v->hv, &v->txn, ticks);
    v->expires_ps = vs_now(&v->txn).v + ticks * tick;
    v->expires_ps = v->expires_ps < v->timer_ps ? v->expires_ps : v->timer_ps;
    v->expires_for_ps = v->timer_ps;
}

uint64_t vcpu_timer_due_ps(const struct vs_vcpu *v)
{
    bool loaded = preempts(v) && v->expires_for_ps == v->timer_ps,
         held = v->irq.held && v->irq.held(v->irq.ctx, vcpu_numbers(v)->timer);
    return !v->timer_armed || held ? VS_NEVER : loaded ? v->expires_ps : v->timer_ps;
}

void vcpu_timer_expire(struct vs_vcpu *v, uint64_t now_ps)
{
    vs_ps at = {v->timer_ps};
    if (v->timer_armed && v->timer_ps <= now_ps) {
        v->timer_armed = false;
        v->fresh = v->irq.raise(v->irq.ctx, vcpu_numbers(v)->timer, at) || v->fresh;
    }
}

void vcpu_timer_fire(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_platform *p = v->p;
    const uint8_t timer = vcpu_numbers(v)->timer;
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = timer}; /* the host's own */
    vs_ps at = {now_ps};
    if (vcpu_timer_due_ps(v) > now_ps) {
        return;
    }
    v->timer_armed = false;
    if (!p->virtualized) {
        (void)v->irq.raise(v->irq.ctx, timer, at);
        return;
    }
    vs_cpu_interrupt(&v->hw->cpu);
    uint8_t first;
    bool blocked = v->masked || v->shadowed, raised = v->irq.raise(v->irq.ctx, timer, at),
         alone = v->irq.pending(v->irq.ctx, &first) && first == timer && !v->entry_vector &&
                 !v->in_interrupt;
    e.kind = preempts(v) ? VS_TRAP_TIMER : e.kind;
    struct vs_handling how = {.inject = !vcpu_listed(v) && (alone || p->vid) ? timer : 0};
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
    if (p->posted || vcpu_listed(v) || (!alone && !p->vid)) {
        return; /* pending, as any other */
    }
    if (blocked) {
        v->window = v->window || !p->vid;
        v->listed = v->listed || !v->window;
        v->fresh = v->fresh && !raised;
    } else {
        v->entry_vector = timer; /* by the entry that has been */
    }
}
