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
    v->deadline = vcpu_tsc(v) + ps / v->hw->clock.period_ps;
    write_deadline(v);
}

void vcpu_timer_deadline(struct vs_vcpu *v, uint64_t tsc)
{
    uint64_t now = vcpu_tsc(v);
    v->timer_armed = tsc != 0;
    v->timer_ps = vs_cpu_now_ps(&v->hw->cpu) + (tsc > now ? tsc - now : 0) * v->hw->clock.period_ps;
    v->deadline = tsc;
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
    struct vs_own_irq own = {0};
    vs_cpu_interrupt(&v->hw->cpu);
    if (!vcpu_own_irq(v, timer, &own)) {
        (void)v->irq.raise(v->irq.ctx, timer, at);
    }
    e.kind = preempts(v) ? VS_TRAP_TIMER : e.kind;
    if (!vcpu_trap(v, &e, &own.how)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
    vcpu_own_irq_done(v, timer, &own);
}
