/* SPDX-License-Identifier: MIT */
/* A thread of the host's kernel, as vhost's and kworkers are: it is woken again and again, does
 * some pieces of work, which are the hypervisor's program `worker`, and sleeps. One that serves a
 * device is Linux's threaded NAPI: the device's interrupt wakes it, it polls until nothing is
 * there, and sleeps until the next one. */
#include "worker.h"

#include "cpu/sched.h"

#include <stdio.h>

/* From one time that it is woken to the next. */
static uint64_t period_ps(const struct vs_thread *t)
{
    return t->hw->p->sched.worker_period * 1000000u;
}

/* Its slice is over at `now_ps`, and others are ready. */
static bool loses(struct vs_hwthread *hw, uint64_t now_ps)
{
    if (hw->event_ps > now_ps) {
        return false;
    }
    sched_wake(hw, now_ps);
    return sched_over(hw, now_ps);
}

/* The same between two steps of a piece. */
static bool stops(void *hwthread, struct vs_txn *t)
{
    return loses(hwthread, vs_now(t).v);
}

/* Pieces up to the horizon, or until its slice is over; each is done in one go, unless the host's
 * kernel is preemptible. */
static uint64_t step(struct vs_thread *t, uint64_t now_ps, uint64_t horizon_ps)
{
    struct vs_worker *w = t->owner;
    struct vs_hwthread *hw = t->hw;
    uint64_t now = vs_now(t->txn).v;
    const struct vs_program_stop stop = {stops, hw};
    while (w->left && now <= horizon_ps) {
        bool between = loses(hw, now), in_path = false;
        if (!between && w->device.piece) { /* whoever was told something acts before the next */
            w->left = w->device.piece(w->device.ctx, w);
            t->count[VS_CNT_sched_items]++;
            now = vs_now(t->txn).v;
            break;
        }
        if (!between) {
            in_path = !vs_hv_work_item(&w->hv, t->txn, hw->p->sched.preemption ? &stop : NULL);
            w->left -= !in_path;
            t->count[VS_CNT_sched_items] += !in_path;
            t->count[VS_CNT_sched_in_path] += in_path;
            now = vs_now(t->txn).v;
        }
        if (between || in_path) {
            vs_thread_push(t, (struct vs_wait){VS_FOR_PROCESSOR, false, now, 0});
            break;
        }
    }
    return now > now_ps ? now : now_ps;
}

/* When it is woken next. */
static uint64_t event_ps(const struct vs_thread *t)
{
    const struct vs_worker *w = t->owner;
    return w->wake_ps;
}

/* It slept until then, and has its work before it. */
static void slept(struct vs_thread *t, uint64_t at_ps)
{
    struct vs_worker *w = t->owner;
    vs_wait_until(t->txn, (uint16_t)(t->hw->p->sched_account + VS_ACC_sched_idle), (vs_ps){at_ps});
    w->left = w->device.piece ? 1u : t->hw->p->sched.worker_items;
}

/* It sleeps when its work is done, and polls for nothing. */
static uint64_t gives_up_ps(const struct vs_thread *t, uint64_t others_ps)
{
    const struct vs_worker *w = t->owner;
    (void)others_ps;
    return w->left ? VS_NEVER : 0;
}

/* What was due meanwhile is due once. */
static void give_up(struct vs_thread *t, uint64_t at_ps)
{
    struct vs_worker *w = t->owner;
    uint64_t period = period_ps(t), now = vs_now(t->txn).v;
    (void)at_ps;
    if (w->device.piece) { /* interrupts up to now were for what it has seen */
        w->wake_ps = w->last_ps > now ? w->last_ps : VS_NEVER;
        t->serves = w->wake_ps != VS_NEVER;
        vs_tape_clear(&w->trail);
        return;
    }
    w->wake_ps += ((now > w->wake_ps ? now - w->wake_ps : 0) / period + 1u) * period;
}

/* The core is this thread's, and in the host. */
static void take(struct vs_thread *t)
{
    struct vs_worker *w = t->owner;
    struct vs_hwthread *hw = t->hw;
    vs_cpu_take(&hw->cpu, &w->own.cpu, t->txn);
    vs_memory_core_take(&hw->core, w->own.memory);
    vs_ept_take(&hw->ept, &w->own.ept);
    vs_cpu_world(&hw->cpu, true);
    vs_memory_core_world(&hw->core, true);
    vs_ept_world(&hw->ept, true);
    vs_ept_context(&hw->ept, &hw->host_context);
}

/* What is its own of the core is kept for when it comes back. */
static void put(struct vs_thread *t)
{
    struct vs_worker *w = t->owner;
    vs_cpu_put(&t->hw->cpu, &w->own.cpu);
    vs_ept_put(&t->hw->ept, &w->own.ept);
}

/* It has its processor: the switch is charged. */
static void resume(struct vs_thread *t, bool from_other, bool from_idle)
{
    struct vs_worker *w = t->owner;
    /* a kernel's thread is switched to from the idle one as from any other; where a guest ran, its
     * exit has handled the interrupt */
    if (from_idle && w->device.piece) {
        vs_hv_host_interrupt(&w->hv, t->txn);
    }
    if (from_other) {
        vs_open(t->txn, VS_OP_THREAD_SWITCH);
        vs_hv_switch(&w->hv, t->txn);
        vs_close(t->txn);
    }
    if (t->depth) {
        (void)vs_thread_pop(t);
    }
}

static const struct vs_thread_kind kind = {
    step, event_ps, slept, gives_up_ps, give_up, take, put, resume,
};

enum vs_status host_worker_make(struct vs_worker *w, struct vs_hwthread *hw, unsigned number,
                                const struct vs_hypervisor_config *c)
{
    struct vs_platform *p = hw->p;
    struct vs_core_port core = vs_cpu_core_port(&hw->cpu);
    char name[32];
    snprintf(name, sizeof name, "worker%u", number);
    w->thread = (struct vs_thread){.kind = &kind,
                                   .owner = w,
                                   .hw = hw,
                                   .txn = &w->txn,
                                   .line = vs_ledger_actor(p->ledger, name),
                                   .place = VS_ASLEEP};
    w->wake_ps = period_ps(&w->thread);
    static const struct vs_state_port nothing;
    static const struct vs_slat_port no_guest;
    enum vs_status s = vs_hv_init(&w->hv, c, p->programs[VS_ROLE_HYPERVISOR],
                                  p->program_values[VS_ROLE_HYPERVISOR], p->ledger, hw->clock,
                                  VS__VCPUS + number, &core, &nothing, &no_guest);
    w->hv.direct_at = p->layout.host_direct;
    vs_txn_begin(&w->txn, p->ledger, w->thread.line, (vs_ps){0});
    vs_ept_put(&hw->ept, &w->own.ept);
    vs_ledger_counters(p->ledger, w->thread.line, &vs_cpu_desc, w->own.cpu.counts[1]);
    vs_ledger_counters(p->ledger, w->thread.line, &vs_memory_desc, w->own.memory[1]);
    vs_ledger_counters(p->ledger, w->thread.line, &vs_ept_desc, w->own.ept.counts[1]);
    vs_ledger_counters(p->ledger, w->thread.line, &vs_sched_desc, w->thread.count);
    return s;
}

void host_worker_serve(struct vs_worker *w, const struct vs_worker_device *device)
{
    w->device = *device;
    w->wake_ps = VS_NEVER;
    w->txn.tape = &w->trail;
}

void host_worker_interrupt(struct vs_worker *w, uint64_t at_ps)
{
    struct vs_thread *t = &w->thread;
    w->last_ps = at_ps > w->last_ps ? at_ps : w->last_ps;
    t->serves = true;
    if (t->place == VS_ASLEEP) {
        w->wake_ps = at_ps < w->wake_ps ? at_ps : w->wake_ps;
        t->hw->event_ps = w->wake_ps < t->hw->event_ps ? w->wake_ps : t->hw->event_ps;
        vs_kernel_wake(t->hw->p->kernel, t->hw->agent, w->wake_ps);
    }
}

void host_worker_free(struct vs_worker *w)
{
    vs_tape_free(&w->trail);
    vs_hv_free(&w->hv);
}
