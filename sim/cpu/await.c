/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that wait for others to acknowledge what they asked of them, and the interrupt by which a
 * host makes another vCPU's core leave its guest. Who waits in its guest spins and takes
 * interrupts; who waits in its exit does not.
 */
#include "sched.h"

void vcpu_wait(struct vs_vcpu *v, enum vs_wait_for what, bool in_exit)
{
    vs_thread_push(&v->thread, (struct vs_wait){what, in_exit, vs_now(&v->txn).v, 0});
    if (what == VS_FOR_EVENT || what == VS_FOR_PROCESSOR) {
        vcpu_about(v, what == VS_FOR_EVENT ? VS_ABOUT_HALTED : VS_ABOUT_READY);
    }
}

void vcpu_waited(struct vs_vcpu *v)
{
    if (vs_thread_pop(&v->thread).in_exit) {
        vcpu_release(v);
    }
}

/* One of those that `from` waits for has answered, at that time. */
void vcpu_await_answer(struct vs_vcpu *by, unsigned from, uint64_t now)
{
    struct vs_vcpu *v = &by->p->vcpu[from];
    v->acked_ps = now > v->acked_ps ? now : v->acked_ps;
    if (!--v->awaited) {
        vs_kernel_wake(v->p->kernel, v->hw->agent, v->acked_ps);
    }
}

/* Those that wait for it to have left its guest. */
static void answer(struct vs_vcpu *v, uint64_t now_ps)
{
    for (unsigned i = 0; i < v->n_kickers; i++) {
        if (v->kicker[i] & VS_KICKED_TO_FLUSH) {
            vcpu_flush_answered(&v->p->vcpu[v->kicker[i] - VS_KICKED_TO_FLUSH], now_ps);
            vcpu_yield(v); /* who waits for it goes on before it does */
        } else {
            vcpu_await_answer(v, v->kicker[i], now_ps);
        }
    }
    v->n_kickers = 0;
}

/* When a vCPU that waits for others, or for its device, has something to do. */
static uint64_t others_wake_ps(const struct vs_vcpu *v, const struct vs_wait *w)
{
    uint64_t over = v->awaited ? VS_NEVER : v->acked_ps, next = vcpu_arrivals_next(v),
             at = w->what == VS_FOR_DEVICE ? w->until_ps : over;
    at = v->kick_ps < at ? v->kick_ps : at;
    if (!w->in_exit) { /* it spins with interrupts enabled */
        at = next < at ? next : at;
        at = v->hw->tick_ps < at ? v->hw->tick_ps : at;
        at = v->host_ps < at ? v->host_ps : at;
        at = v->hw->event_ps < at ? v->hw->event_ps : at;
        at = vcpu_timer_due_ps(v) < at ? vcpu_timer_due_ps(v) : at;
        at = vcpu_due(v) ? 0 : at;
    }
    return at;
}

/* It does that, and waits no more when the last acknowledgement has come. */
static void others_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    static const unsigned account[] = {[VS_FOR_ANSWERS] = VS_ACC_vcpu_shootdown_wait,
                                       [VS_FOR_TURN] = VS_ACC_vcpu_turn_wait,
                                       [VS_FOR_LEAVING] = VS_ACC_vcpu_kick_wait};
    const struct vs_wait *w = vs_thread_wait(&v->thread);
    uint64_t done = !v->awaited && v->acked_ps <= now_ps ? v->acked_ps : now_ps;
    vs_ps until = {done};
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + account[w->what]), until);
    if (!v->awaited && v->acked_ps <= now_ps) {
        vcpu_waited(v);
    } else if (!w->in_exit) {
        vcpu_interrupts(v);
    } else if (v->kick_ps <= now_ps) {
        vcpu_kick_outside(v, now_ps);
    }
}

void vcpu_wait_device(struct vs_vcpu *v, uint64_t until_ps)
{
    vcpu_wait(v, VS_FOR_DEVICE, false);
    v->thread.wait[v->thread.depth - 1u].until_ps = until_ps;
}

void vcpu_device_ready(struct vs_vcpu *v, uint64_t at_ps)
{
    for (unsigned i = 0; i < v->thread.depth; i++) {
        struct vs_wait *w = &v->thread.wait[i];
        if (w->what == VS_FOR_DEVICE && at_ps < w->until_ps) {
            w->until_ps = at_ps;
            vs_kernel_wake(v->p->kernel, v->hw->agent, at_ps);
        }
    }
}

/* It has waited for its device so far, and takes interrupts meanwhile. */
static void device_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    uint64_t until = vs_thread_wait(&v->thread)->until_ps;
    v->p->guest.waited(v, now_ps < until ? now_ps : until);
    if (now_ps < until) {
        vcpu_interrupts(v);
    } else {
        vcpu_waited(v);
    }
}

uint64_t vcpu_wait_wake_ps(const struct vs_vcpu *v)
{
    const struct vs_wait *w = vs_thread_wait(&v->thread);
    if (w->what == VS_FOR_TIME) {
        return w->until_ps < v->kick_ps ? w->until_ps : v->kick_ps;
    }
    return w->what == VS_FOR_PROCESSOR ? VS_NEVER /* who gives it back pops the frame */
           : w->what == VS_FOR_FLUSH   ? vcpu_flushes_wake_ps(v, w)
           : w->what == VS_FOR_EVENT   ? vcpu_halt_wake_ps(v)
           : w->what == VS_FOR_NESTED  ? v->p->host.nested_wake_ps(v)
                                       : others_wake_ps(v, vs_thread_wait(&v->thread));
}

bool vcpu_stuck(struct vs_vcpu *v)
{
    const struct vs_wait *w = vs_thread_own_wait(&v->thread);
    uint64_t event_ps = v->hw->event_ps;
    if (!w || (v->fiber && vs_fiber_paused(v->fiber))) {
        return v->ended;
    }
    v->hw->event_ps = VS_NEVER; /* the scheduler's own: it ends nobody's wait */
    uint64_t at = w->what == VS_FOR_EVENT    ? vcpu_halt_wake_ps(v)
                  : w->what == VS_FOR_FLUSH  ? vcpu_flushes_wake_ps(v, w)
                  : w->what == VS_FOR_NESTED ? v->p->host.nested_wake_ps(v)
                                             : others_wake_ps(v, w);
    v->hw->event_ps = event_ps;
    return v->ended || at == VS_NEVER;
}

void vcpu_wait_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    if (vs_thread_wait(&v->thread)->what == VS_FOR_EVENT) {
        vcpu_halt_awake(v, now_ps);
    } else if (vs_thread_wait(&v->thread)->what == VS_FOR_NESTED) {
        v->p->host.nested_awake(v, now_ps);
    } else if (vs_thread_wait(&v->thread)->what == VS_FOR_TIME) {
        vcpu_recorded_awake(v, now_ps);
    } else if (vs_thread_wait(&v->thread)->what == VS_FOR_FLUSH) {
        vcpu_flushes_awake(v, now_ps);
    } else if (vs_thread_wait(&v->thread)->what == VS_FOR_DEVICE) {
        device_awake(v, now_ps);
    } else {
        others_awake(v, now_ps);
    }
}

void vcpu_kick_at(struct vs_vcpu *v, struct vs_vcpu *to, uint64_t at_ps, unsigned why)
{
    uint64_t at = at_ps + to->irq.message_ps;
    to->kick_ps = at < to->kick_ps ? at : to->kick_ps;
    to->kicker[to->n_kickers++] = v->index + why;
    vs_kernel_wake(v->p->kernel, to->hw->agent, at);
}

void vcpu_kick_send(struct vs_vcpu *v, struct vs_txn *t, struct vs_vcpu *to)
{
    v->awaited++;
    v->irq.send(v->irq.ctx, t);
    vcpu_kick_at(v, to, vs_now(t).v, 0);
}

/* KVM's ack_kick: the initiator waits for this, not for the flush, which comes before the entry. */
static void acknowledge_kick(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    answer(v, vs_now(t).v);
}

void vcpu_kick_arrives(struct vs_vcpu *v)
{
    v->kick_ps = VS_NEVER;
    vcpu_kick(v, acknowledge_kick, v);
}

void vcpu_kick_outside(struct vs_vcpu *v, uint64_t now_ps)
{
    v->kick_ps = VS_NEVER;
    answer(v, now_ps);
}
