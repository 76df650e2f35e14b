/* SPDX-License-Identifier: MIT */
/* A vCPU as one of several threads of its processor. While it does not run, its guest is left: it
 * was preempted in an exit, it sleeps in that of its halt, or it has not begun. */
#include "sched.h"

/* It has halted, and its exit is open. */
static bool halted(const struct vs_thread *t)
{
    const struct vs_wait *w = vs_thread_wait(t);
    return w && w->what == VS_FOR_EVENT && w->in_exit;
}

/* A step as the kernel asks for it, of the vCPU ctx. */
static void on_fiber(void *ctx)
{
    struct vs_vcpu *v = ctx;
    uint64_t next = vcpu_run(v, v->asked.now_ps, v->asked.horizon_ps);
    v->asked.next_ps = next;
}

/* It runs its program up to the horizon, or goes on where its processor was taken from it. */
static uint64_t step(struct vs_thread *t, uint64_t now_ps, uint64_t horizon_ps)
{
    struct vs_vcpu *v = t->owner;
    if (v->fiber) {
        v->asked = (struct vs_step_asked){now_ps, horizon_ps, now_ps};
        v->safe_ps = v->p->sim.quantum_ps ? horizon_ps : VS_NEVER;
        (void)vs_fiber_run(v->fiber, on_fiber, v);
    } else {
        v->asked.next_ps = vcpu_run(v, now_ps, horizon_ps);
    }
    t->place = v->ended ? VS_OVER : t->place;
    return v->asked.next_ps;
}

/* When what ends its halt is there. */
static uint64_t event_ps(const struct vs_thread *t)
{
    return vcpu_halt_wake_ps(t->owner);
}

/* It was asleep until then. */
static void slept(struct vs_thread *t, uint64_t at_ps)
{
    const struct vs_vcpu *v = t->owner;
    vs_wait_until(t->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_parked), (vs_ps){at_ps});
    vs_close(t->txn); /* opened when it gave its processor up */
}

/* KVM's kvm_vcpu_can_poll: no longer than others are not ready to run. */
static uint64_t gives_up_ps(const struct vs_thread *t, uint64_t others_ps)
{
    const struct vs_vcpu *v = t->owner;
    if (!halted(t)) {
        return VS_NEVER;
    }
    uint64_t since = vs_thread_wait(t)->since_ps, polled = since + v->hv.poll_ps;
    polled = others_ps < polled ? others_ps : polled;
    polled = polled > since ? polled : since;
    return vcpu_halt_wake_ps(v) <= polled ? VS_NEVER : polled;
}

/* It has polled until then, and its halt goes to sleep. */
static void give_up(struct vs_thread *t, uint64_t at_ps)
{
    struct vs_vcpu *v = t->owner;
    uint64_t since = vs_thread_wait(t)->since_ps;
    vs_txn_settle(&v->txn);
    if (v->hv.poll_ps) {
        vs_open(&v->txn, VS_OP_HALT_POLL);
        vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_polling),
                      (vs_ps){at_ps});
        vs_close(&v->txn);
    }
    vs_open(&v->txn, VS_OP_HALT_SLEEP);
    vcpu_running(v, false);
    vs_hv_block(&v->hv, &v->txn, (vs_ps){at_ps > since ? at_ps - since : 0});
}

/* The core's clock, references and translations are this vCPU's. */
static void take(struct vs_thread *t)
{
    struct vs_vcpu *v = t->owner;
    struct vs_hwthread *hw = v->hw;
    vs_cpu_take(&hw->cpu, &v->own->cpu, &v->txn);
    vs_memory_core_take(&hw->core, v->own->memory);
    vs_ept_take(&hw->ept, &v->own->ept);
    vcpu_world(v, true);
}

/* They are kept for when it comes back; a flush that waits for it is answered. */
static void put(struct vs_thread *t)
{
    struct vs_vcpu *v = t->owner;
    vs_cpu_put(&v->hw->cpu, &v->own->cpu);
    vs_ept_put(&v->hw->ept, &v->own->ept);
    if (v->kick_ps != VS_NEVER) { /* its processor has left the guest: it answers there */
        vcpu_kick_outside(v, v->kick_ps > v->txn.now_ps ? v->kick_ps : v->txn.now_ps);
    }
}

/* Its exit is over, and so is its slice: it leaves again before the guest's next instruction.
 * Linux keeps slices from that by their grain: update_curr's end of one is seen by a tick, or by
 * hrtick_start's timer, which comes no sooner than after 10 us. */
static void keep_up(struct vs_vcpu *v, uint64_t from_ps)
{
    const struct vs_hwthread *hw = v->hw;
    uint64_t now = vs_now(&v->txn).v;
    if (v->thread.depth || v->ended || v->failed) {
        return; /* its guest is not entered */
    }
    v->late_slices = sched_over(hw, now) ? v->late_slices + 1u : 0;
    if (v->late_slices == VS__LATE) {
        vcpu_fail(v,
                  "the host's slices leave the guest no time: one is %llu us long (host.slice_us), "
                  "and what a vCPU has before it in its processor, the switch and the rest of its "
                  "exit, takes %.3f us, so that each of its last %u slices was over when the guest "
                  "was entered. A longer host.slice_us leaves it some",
                  (unsigned long long)v->p->sched.slice, (double)(now - from_ps) * 1e-6, VS__LATE);
    }
}

/* It has its processor: the switch is charged, and its halt or its exit goes on. */
static void come_back(struct vs_thread *t, bool from_other, bool from_idle)
{
    struct vs_vcpu *v = t->owner;
    bool in_exit = vs_thread_in_exit(t);
    if (from_other) {
        vs_open(&v->txn, VS_OP_THREAD_SWITCH);
        if (!from_idle) { /* being woken from there is charged by the program wake */
            vs_hv_switch(&v->hv, &v->txn);
        }
        if (in_exit && v->world.load) {
            v->world.load(v->world.ctx, &v->txn);
        }
        if (in_exit &&
            !t->slept) { /* it was preempted: what it had on its processor was put away */
            vcpu_running(v, false);
            vcpu_running(v, true);
        }
        v->p->host.comes_back(v);
        vs_close(&v->txn);
    }
    if (t->slept) {
        vcpu_halt_resume(v, from_idle);
        return;
    }
    if (!in_exit) { /* it begins */
        vcpu_world(v, false);
        vcpu_waited(v);
    } else if (v->fiber && vs_fiber_paused(v->fiber)) {
        return; /* the next step goes on with that */
    } else if (v->masked || v->shadowed || v->entry_vector) {
        vcpu_waited(v); /* what has come meanwhile comes to the guest */
    } else {
        vcpu_wait_ends(v, vs_now(&v->txn).v);
        vcpu_waited(v);
    }
}

/* The same, and whether that leaves it anything of its slice. */
static void resume(struct vs_thread *t, bool from_other, bool from_idle)
{
    uint64_t from_ps = vs_now(t->txn).v;
    come_back(t, from_other, from_idle);
    keep_up(t->owner, from_ps);
}

const struct vs_thread_kind sched_vcpu = {
    step, event_ps, slept, gives_up_ps, give_up, take, put, resume,
};
