/* SPDX-License-Identifier: MIT */
/*
 * The timer that a guest armed. While the guest runs, the processor's own (the VMX-preemption
 * timer) stops it when that is due, or the host's; a vCPU that sleeps has the host's own
 * (kvm_lapic_switch_to_sw_timer). Where HLT does not exit, a hypervisor may have another processor
 * keep the timer, which posts the interrupt.
 *
 * A guest's guest has its timer from the hypervisor in the guest, by the same means: that one asks
 * for a preemption timer, which its own hypervisor keeps by a timer of the host's; or it has its
 * own local APIC's, as it does while its guest sleeps.
 */
#include "nested.h"

/* KVM's kvm_can_use_hv_timer. */
bool vcpu_timer_preempts(const struct vs_vcpu *v)
{
    return v->p->virtualized && v->p->preempts && !v->p->posts_timer;
}

/* A guest's guest runs: the processor's timer is none of its. */
static bool of_guests_guest(const struct vs_vcpu *v)
{
    return v->nested && !v->nested->runs;
}

/* The last entry has loaded the processor's timer with this deadline. */
static bool loaded(const struct vs_vcpu *v)
{
    return !of_guests_guest(v) && v->timer_loaded && v->expires_for_ps == v->timer_ps;
}

/* Writes the timer's register: an exit, or the instruction's own time. What is due already the
 * handler of that exit makes pending (KVM's start_hv_timer and start_sw_tscdeadline). */
static void write_deadline(struct vs_vcpu *v)
{
    const uint8_t timer = vcpu_numbers(v)->timer;
    struct vs_own_irq own = {0};
    vs_txn_settle(&v->txn);
    bool due = v->p->virtualized && !vcpu_arm(v) && v->timer_armed &&
               v->timer_ps <= vs_cpu_now_ps(&v->hw->cpu) && vcpu_own_irq(v, timer, &own);
    v->timer_armed = v->timer_armed && !due;
    own.how.fast =
        vcpu_timer_preempts(v) && (!due || v->p->vid); /* handle_fastpath_set_tscdeadline */
    if (!vcpu_timer_write(v, v->timer_armed, &own.how)) {
        vs_ps took = {v->p->times.wrmsr * v->hw->clock.period_ps};
        vs_cpu_instructions(&v->hw->cpu, 1);
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_wrmsr), took);
    }
    if (due) {
        vcpu_own_irq_done(v, timer, &own);
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

/* KVM's vmx_update_hv_timer. A deadline beyond the timer's 32 bits is the host's own timer's; one
 * that is no more is written over once, by the highest value. */
void vcpu_timer_load(struct vs_vcpu *v, struct vs_hypervisor *h, bool armed, bool *holds)
{
    uint64_t tick = v->hw->clock.period_ps << v->p->timer_shift, now = vs_now(&v->txn).v,
             ticks = v->timer_ps > now ? (v->timer_ps - now) / tick : 0;
    bool fits = armed && ticks <= UINT32_MAX;
    if (fits || *holds) {
        vs_hv_preemption_timer(h, &v->txn, fits ? ticks : UINT32_MAX);
    }
    *holds = fits;
}

void vcpu_timer_enter(struct vs_vcpu *v)
{
    if ((v->timer_armed || v->timer_loaded) && vcpu_timer_preempts(v) && !of_guests_guest(v)) {
        bool own = !v->nested || v->nested->own_timer;
        vcpu_timer_load(v, &v->hv, v->timer_armed && own, &v->timer_loaded);
    }
}

void vcpu_timer_entered(struct vs_vcpu *v)
{
    if (v->timer_loaded) {
        v->expires_ps = v->world.stops(v->world.ctx).v;
        v->expires_for_ps = v->timer_ps;
    }
}

uint64_t vcpu_timer_armed_ps(const struct vs_vcpu *v)
{
    bool held = v->irq.held && v->irq.held(v->irq.ctx, vcpu_numbers(v)->timer);
    return held ? VS_NEVER : loaded(v) ? v->expires_ps : v->timer_ps;
}

void vcpu_timer_expire(struct vs_vcpu *v, uint64_t now_ps)
{
    vs_ps at = {v->timer_ps};
    if (v->timer_armed && v->timer_ps <= now_ps) {
        v->timer_armed = false;
        v->fresh = v->irq.raise(v->irq.ctx, vcpu_numbers(v)->timer, at) || v->fresh;
    }
}

/* Whoever runs in the guest is stopped for it: by the processor's timer, or by the host's. */
static void stop(struct vs_vcpu *v, struct vs_handling *how)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = vcpu_numbers(v)->timer};
    if (loaded(v)) {
        e.kind = VS_TRAP_TIMER;
        how->fast = v->p->vid; /* handle_fastpath_preemption_timer, unless a request is made */
    }
    if (!vcpu_trap(v, &e, how)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
}

bool vcpu_timer_own(struct vs_vcpu *v, struct vs_own_irq *own)
{
    const uint8_t timer = vcpu_numbers(v)->timer;
    v->timer_armed = false;
    bool is = vcpu_own_irq(v, timer, own);
    if (v->nested) {
        own->how.handed = vcpu_timer_preempts(v) ? VS_TRAP_TIMER : VS_TRAP_INTERRUPT;
        own->how.fast = vcpu_timer_preempts(v) && v->p->vid;
    }
    return is;
}

void vcpu_timer_of_hypervisor(struct vs_vcpu *v)
{
    struct vs_handling how = {.inject = vcpu_numbers(v)->timer};
    v->timer_armed = v->nested->own_timer = false;
    vs_cpu_interrupt(&v->hw->cpu);
    stop(v, &how);
}

void vcpu_timer_fire(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_platform *p = v->p;
    const uint8_t timer = vcpu_numbers(v)->timer;
    vs_ps at = {now_ps};
    if (!p->virtualized || p->posts_timer) {
        v->timer_armed = false;
        if (p->virtualized) {
            vcpu_raise(v, timer, at.v);
        } else {
            (void)v->irq.raise(v->irq.ctx, timer, at);
        }
        return;
    }
    struct vs_own_irq own = {0};
    vs_cpu_interrupt(&v->hw->cpu);
    if (!vcpu_timer_own(v, &own)) {
        (void)v->irq.raise(v->irq.ctx, timer, at);
    }
    stop(v, &own.how);
    vcpu_own_irq_done(v, timer, &own);
}
