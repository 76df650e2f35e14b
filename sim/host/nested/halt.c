/* SPDX-License-Identifier: MIT */
/*
 * A guest hypervisor, L1, whose guest has halted: it polls for an event, then puts its vCPU's
 * thread to sleep, and its processor, which has nothing else to run, halts: an exit to the host's
 * hypervisor, L0, which polls and sleeps in turn. The event is L1's own: its local APIC's timer,
 * with its guest's deadline (kvm_lapic_switch_to_sw_timer). It leaves L1, or ends its halt; L1
 * handles it, wakes its vCPU's thread and enters its guest with the interrupt.
 */
#include "host/host.h"

#include "cpu/nested.h"

void host_nested_deadline(struct vs_vcpu *v, bool on)
{
    struct vs_nested *n = v->nested;
    struct vs_handling how = {.fast = vcpu_timer_preempts(v)};
    n->own_timer = on;
    n->own_timer_ps = on ? v->timer_ps : 0;
    if (!vcpu_timer_write(v, &how)) {
        vcpu_own_time(v, VS_ACC_vcpu_wrmsr, v->p->times.wrmsr);
    }
}

void host_nested_halts(struct vs_vcpu *v)
{
    struct vs_nested *n = v->nested;
    n->halts = false;
    if (v->timer_armed && !n->own_timer) {
        host_nested_deadline(v, true);
    }
    v->world.mask(v->world.ctx, false); /* L1 lets interrupts in */
    v->world.unshadow(v->world.ctx);
    if (!v->failed) {
        vcpu_wait(v, VS_FOR_NESTED, false);
    }
}

/* Until when L1 polls. */
static uint64_t polled_ps(const struct vs_vcpu *v)
{
    return vs_thread_own_wait(&v->thread)->since_ps + v->nested->hv.poll_ps;
}

uint64_t host_nested_wake_ps(const struct vs_vcpu *v)
{
    if (v->nested->halts) {
        return 0; /* its halt has ended: the frame above this one was that */
    }
    uint64_t at = polled_ps(v), timer = vcpu_timer_due_ps(v), tick = v->hw->tick_ps;
    at = timer < at ? timer : at;
    return tick < at ? tick : at;
}

/* L1's processor takes an interrupt of its own. */
static void take(struct vs_vcpu *v)
{
    vcpu_charge(v, &v->txn, VS_ACC_vcpu_exception, v->p->times.exception);
    vs_hv_host_interrupt(&v->nested->hv, &v->txn);
    vcpu_irq_end_exit(v);
}

/* Its timer's interrupt has come, and the deadline was its guest's. */
static bool timer(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_nested *n = v->nested;
    bool halted = n->halts;
    if ((halted ? v->timer_ps : vcpu_timer_due_ps(v)) > now_ps || !v->timer_armed) {
        return false;
    }
    if (halted) { /* the end of the halt has injected it */
        v->timer_armed = n->own_timer = false;
    } else {
        vcpu_timer_of_hypervisor(v);
    }
    take(v);
    host_nested_deadline(v, false); /* hrtimer_interrupt programs what comes next: nothing here */
    (void)v->irq.raise(v->irq.ctx, vcpu_numbers(v)->timer, (vs_ps){now_ps});
    return !v->failed;
}

/* Its guest has something to do: its thread runs again, and L1 enters it. */
static void resume(struct vs_vcpu *v, uint64_t since_ps, bool slept)
{
    struct vs_nested *n = v->nested;
    vs_ps since = {since_ps}, now = vs_now(&v->txn);
    uint8_t vector;
    vs_open(&v->txn, VS_OP_HALT_WAKE);
    if (slept) {
        vs_hv_woken(&n->hv, &v->txn, (vs_ps){now.v - since.v}, true);
    } else {
        vs_hv_polled(&n->hv, (vs_ps){now.v - since.v});
    }
    n->halts = false;
    (void)vs_thread_pop(&v->thread);
    v->fresh = false;
    if (v->irq.pending(v->irq.ctx, &vector) && !v->masked) {
        bool in = vs_hv_inject(&n->hv, &v->txn, vector, v->p->vid);
        v->entry_vector = in && !v->p->posted ? vector : 0;
    }
    vs_close(&v->txn);
    if (!v->failed) {
        host_nested_enter(v);
    }
    vs_close(&v->txn); /* the exit of its guest's halt */
}

/* It puts its vCPU's thread to sleep, and its processor halts. */
static void sleep(struct vs_vcpu *v, uint64_t since_ps, bool again)
{
    struct vs_nested *n = v->nested;
    struct vs_trap hlt = {.kind = VS_TRAP_HALT, .length = 1};
    if (!again) {
        vs_open(&v->txn, VS_OP_HALT_SLEEP);
        vs_hv_block(&n->hv, &v->txn, (vs_ps){polled_ps(v) - since_ps});
        vs_close(&v->txn);
    }
    n->halts = true;
    if (!vcpu_trap_wait(v, &hlt, NULL) && !v->failed) { /* it halts in the guest */
        vcpu_wait(v, VS_FOR_EVENT, false);
    }
}

void host_nested_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_nested *n = v->nested;
    uint64_t since_ps = vs_thread_wait(&v->thread)->since_ps;
    bool slept = n->halts;
    vs_txn_settle(&v->txn);
    if (!slept && now_ps > vs_now(&v->txn).v) {
        vs_open(&v->txn, VS_OP_HALT_POLL);
        vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_polling),
                      (vs_ps){now_ps});
        vs_close(&v->txn);
    }
    now_ps = vs_now(&v->txn).v;
    if (!slept) {
        vcpu_tick(v, now_ps);
    }
    if (timer(v, now_ps) && vcpu_wakes(v)) {
        resume(v, since_ps, slept);
    } else if (!v->failed && (slept || now_ps >= polled_ps(v))) {
        sleep(v, since_ps, slept);
    }
}

void host_nested_wakes(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_nested *n = v->nested;
    if (n->runs && v->timer_armed && v->timer_ps <= now_ps) {
        (void)vs_hv_inject(&v->hv, &v->txn, vcpu_numbers(v)->timer, v->p->vid);
    }
}

bool host_nested_woken(struct vs_vcpu *v)
{
    static const struct vs_trap none = {.kind = VS_TRAP_INTERRUPT};
    static const struct vs_exit left;
    struct vs_own_irq own = {0};
    bool timer = v->timer_armed && v->timer_ps <= vs_now(&v->txn).v;
    if (v->nested->runs || !timer || !vcpu_timer_own(v, &own)) {
        return vcpu_enter(v);
    }
    struct vs_trap of = none;
    of.number = vcpu_numbers(v)->timer;
    struct vs_hv_exit what = {.inject = own.how.inject,
                              .virtual_delivery = v->p->vid,
                              .fast = own.how.fast,
                              .handed = own.how.handed,
                              .woken = true,
                              .nested = true,
                              .io = UINT64_MAX,
                              .trap = &of,
                              .exit = &left};
    bool good = host_nested_hand(v, (enum vs_trap_kind)own.how.handed, &what);
    vcpu_own_irq_done(v, vcpu_numbers(v)->timer, &own);
    return good;
}
