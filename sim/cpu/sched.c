/* SPDX-License-Identifier: MIT */
/*
 * The run queue of a processor that several threads share: each runs for a slice while others are
 * ready, a thread that sleeps gives the processor to the next one at once, and one that wakes goes
 * into the queue. The one that has run least is next, as Linux's fair scheduler has it for threads
 * of equal weight; a thread that slept has no claim to the time that it missed. A wake-up does not
 * end another one's slice (EEVDF's RUN_TO_PARITY).
 *
 * Events of a processor's other threads, and the end of the slice, interrupt the guest that runs
 * (sched_interrupt): in that exit the host's scheduler runs, and where it takes the processor away
 * the exit stays open until the thread has it again.
 */
#include "sched.h"

#define VS_DEF_NAME sched
#define VS_DEF_FILE "cpu/sched.def"
#include "virtsim/def_tables.h"

/* An account of the scheduler's as the ledger numbers it. */
static uint16_t account(const struct vs_hwthread *hw, unsigned which)
{
    return (uint16_t)(hw->p->sched_account + which);
}

/* ---- the processor's own line ---- */

/* Its time up to `at_ps` was this thread's, or nobody's. */
static void book(struct vs_hwthread *hw, uint16_t actor, unsigned which, uint64_t at_ps)
{
    if (at_ps <= hw->txn.now_ps) {
        return;
    }
    vs_txn_actor(&hw->txn, actor);
    vs_open(&hw->txn, VS_OP_THREAD_RUN);
    vs_wait_until(&hw->txn, account(hw, which), (vs_ps){at_ps});
    vs_close(&hw->txn);
    vs_txn_actor(&hw->txn, hw->line);
}

/* When what has the processor is now, or when nothing got it. */
static uint64_t clock(const struct vs_hwthread *hw)
{
    return hw->on ? vs_cpu_now_ps(&hw->cpu) : hw->txn.now_ps;
}

/* The processor's line is booked up to where the thread on it is. */
static void book_now(struct vs_hwthread *hw)
{
    if (hw->on) {
        book(hw, hw->on->line, VS_ACC_sched_busy, vs_now(hw->on->txn).v);
    }
}

/* ---- the run queue ---- */

/* The ready thread that has run least; of equals the first. */
static struct vs_thread *next_of(const struct vs_hwthread *hw)
{
    struct vs_thread *best = NULL;
    for (unsigned i = 0; i < hw->n_threads; i++) {
        struct vs_thread *t = hw->thread[i];
        if (t->place == VS_READY && (!best || t->ran_ps < best->ran_ps)) {
            best = t;
        }
    }
    return best;
}

/* When an event is there for a thread that sleeps. */
static uint64_t sleepers_ps(const struct vs_hwthread *hw)
{
    uint64_t first = VS_NEVER;
    for (unsigned i = 0; i < hw->n_threads; i++) {
        const struct vs_thread *t = hw->thread[i];
        uint64_t at = t->place == VS_ASLEEP ? t->kind->event_ps(t) : VS_NEVER;
        first = at < first ? at : first;
    }
    return first;
}

/* The end of a slice that begins at `at_ps`: its moment, or the tick behind it. */
static uint64_t slice_end(const struct vs_hwthread *hw, uint64_t at_ps)
{
    uint64_t end = at_ps + hw->p->sched.slice * 1000000u, hz = hw->p->times.tick_hz,
             every = hz ? 1000000000000u / hz : 1u;
    return (end + every - 1u) / every * every;
}

/* When the host's scheduler wants to run next. */
static void plan(struct vs_hwthread *hw)
{
    uint64_t sleepers = sleepers_ps(hw), end = next_of(hw) ? hw->slice_end_ps : VS_NEVER;
    hw->event_ps = sleepers < end ? sleepers : end;
}

/* Who has slept until now is ready. */
static void wake(struct vs_hwthread *hw, uint64_t now_ps)
{
    uint64_t least = VS_NEVER;
    for (unsigned i = 0; i < hw->n_threads; i++) {
        const struct vs_thread *t = hw->thread[i];
        bool there = t->place == VS_ON || t->place == VS_READY;
        least = there && t->ran_ps < least ? t->ran_ps : least;
    }
    for (unsigned i = 0; i < hw->n_threads; i++) {
        struct vs_thread *t = hw->thread[i];
        uint64_t at = t->place == VS_ASLEEP ? t->kind->event_ps(t) : VS_NEVER;
        if (at <= now_ps) {
            t->kind->slept(t, at);
            t->slept = true;
            t->ready_ps = vs_now(t->txn).v;
            t->place = VS_READY;
            t->ran_ps = least != VS_NEVER && t->ran_ps < least ? least : t->ran_ps;
        }
    }
}

/* ---- switches ---- */

/* The processor is taken from what has it. */
static void take_away(struct vs_hwthread *hw, enum vs_thread_place place)
{
    struct vs_thread *t = hw->on;
    book_now(hw);
    t->ran_ps += hw->txn.now_ps - hw->since_ps;
    t->place = place;
    t->ready_ps = hw->txn.now_ps;
    t->kind->put(t);
    hw->on = NULL;
}

/* The thread waits for its processor up to `at_ps`. */
static void steal(struct vs_thread *t, uint64_t at_ps)
{
    uint64_t from = vs_now(t->txn).v;
    if (at_ps > from) {
        vs_open(t->txn, VS_OP_STEAL);
        vs_wait_until(t->txn, account(t->hw, VS_ACC_sched_steal), (vs_ps){at_ps});
        vs_close(t->txn);
        t->steal_ps += at_ps - from;
        t->count[VS_CNT_sched_steal] = t->steal_ps / 1000u;
    }
}

/* It is given to a thread that is ready, and that thread's work begins. */
static void give(struct vs_hwthread *hw, struct vs_thread *t)
{
    uint64_t free = hw->txn.now_ps, at = t->ready_ps > free ? t->ready_ps : free;
    bool other = hw->last != t, idle = at > free;
    book(hw, hw->idle_line, VS_ACC_sched_unused, at);
    hw->on = t;
    hw->last = t;
    hw->since_ps = at;
    hw->slice_end_ps = slice_end(hw, at);
    hw->event_ps = VS_NEVER;
    t->place = VS_ON;
    t->kind->take(t);
    steal(t, at);
    t->count[VS_CNT_sched_switches] += other;
    t->kind->resume(t, other, idle);
    t->slept = false;
}

bool sched_over(const struct vs_hwthread *hw, uint64_t now_ps)
{
    return next_of(hw) && now_ps >= hw->slice_end_ps;
}

void sched_wake(struct vs_hwthread *hw, uint64_t now_ps)
{
    wake(hw, now_ps);
    plan(hw);
}

/* A thread that waits for nothing else but its processor. */
static bool preempted(const struct vs_thread *t)
{
    const struct vs_wait *w = vs_thread_wait(t);
    return w && w->what == VS_FOR_PROCESSOR;
}

/* No vCPU of the machine will do anything more, however often they are switched: only a device
 * could change that, and wakes whom it does. */
static bool all_stuck(const struct vs_platform *p)
{
    bool stuck = true;
    for (unsigned i = 0; i < p->n_vcpus && stuck; i++) {
        stuck = vcpu_stuck(&p->vcpu[i]);
    }
    return stuck;
}

/* A thread of the processor does what a device has woken it for. */
static bool serves(const struct vs_hwthread *hw)
{
    bool any = false;
    for (unsigned i = 0; i < hw->n_threads; i++) {
        any = any || hw->thread[i]->serves;
    }
    return any;
}

uint64_t sched_step(struct vs_hwthread *hw, uint64_t now_ps, uint64_t horizon_ps)
{
    wake(hw, clock(hw) > now_ps ? clock(hw) : now_ps);
    if (all_stuck(hw->p) && !serves(hw)) {
        return VS_NEVER;
    }
    struct vs_thread *t = hw->on;
    if (!t) {
        t = next_of(hw);
        if (!t) {
            return sleepers_ps(hw);
        }
        give(hw, t);
        return clock(hw) > now_ps ? clock(hw) : now_ps;
    }
    plan(hw);
    uint64_t give_up = t->kind->gives_up_ps(t, next_of(hw) ? 0 : hw->event_ps);
    if (give_up > now_ps) {
        uint64_t next = t->kind->step(t, now_ps, horizon_ps);
        if (preempted(t)) {
            t->count[VS_CNT_sched_preempted]++;
            take_away(hw, VS_READY);
        } else if (t->place == VS_OVER) {
            take_away(hw, VS_OVER);
        } else {
            plan(hw);
            give_up = t->kind->gives_up_ps(t, next_of(hw) ? 0 : hw->event_ps);
            next = give_up < next ? give_up : next;
            return next > now_ps ? next : now_ps;
        }
    } else {
        t->kind->give_up(t, give_up);
        take_away(hw, VS_ASLEEP);
    }
    return clock(hw) > now_ps ? clock(hw) : now_ps;
}

/* ---- the region of interest and the end ---- */

void sched_settle(struct vs_hwthread *hw)
{
    book_now(hw);
    for (unsigned i = 0; i < hw->n_threads; i++) {
        struct vs_thread *t = hw->thread[i];
        if (t->place == VS_READY) {
            steal(t, hw->txn.now_ps);
        }
    }
}
