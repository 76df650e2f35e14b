/* SPDX-License-Identifier: MIT */
/* The step of a vCPU, an agent of the kernel (kernel/kernel.h): what is due, then the program's
 * next piece, which sim/request carries out. */
#include "sched.h"

#include <stdarg.h>
#include <stdio.h>

#define VS_DEF_NAME vcpu
#define VS_DEF_FILE "cpu/vcpu.def"
#include "virtsim/def_tables.h"

/* Keeps the first error of a vCPU with its place in the program. */
static VS_PRINTF(3, 0) void fail(struct vs_vcpu *v, enum vs_status status, const char *format,
                                 va_list ap)
{
    if (v->failed) {
        return;
    }
    v->failed = true;
    v->p->status = status;
    int at = snprintf(v->p->error, sizeof v->p->error, "vCPU %u at %.3f us: ", v->index,
                      (double)vcpu_now_ps(v) * 1e-6);
    if (v->p->phys->exhausted) { /* whatever went wrong: a write was lost before */
        v->p->status = VS_E_RUN;
        snprintf(v->p->error + at, sizeof v->p->error - (size_t)at, "%s", VS__NO_PROCESS_MEMORY);
        return;
    }
    vsnprintf(v->p->error + at, sizeof v->p->error - (size_t)at, format, ap);
}

void vcpu_fail(struct vs_vcpu *v, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fail(v, VS_E_RUN, format, ap);
    va_end(ap);
}

void vcpu_refuse(struct vs_vcpu *v, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fail(v, VS_E_BOUNDS, format, ap);
    va_end(ap);
}

/* What lies outside of the simulated machine and ends a run: its caller, this process's memory. */
static void stop_progressing(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    if (p->phys->exhausted) {
        vcpu_fail(v, VS__NO_PROCESS_MEMORY);
    }
    if (p->options.progress && (++p->ticks & 63u) == 0 &&
        p->options.progress(p->options.progress_ctx, vs_cpu_now_ps(&v->hw->cpu), p->accesses)) {
        vcpu_fail(v, "stopped");
    }
}

/* The clock goes on to 2^64 ps, the database's integers to half of that. */
static void keep_in_range(struct vs_vcpu *v, uint64_t now_ps)
{
    if (now_ps > VS_RUN_PS_MAX || vs_cpu_now_ps(&v->hw->cpu) > VS_RUN_PS_MAX) {
        vcpu_fail(v, "a run has at most 100 days of simulated time");
    }
}

/* A request is carried out no further than the next event of the vCPU's own. */
static uint64_t own_events(const struct vs_vcpu *v, uint64_t until)
{
    uint64_t next = vcpu_arrivals_next(v);
    next = v->hw->tick_ps < next ? v->hw->tick_ps : next;
    next = v->host_ps < next ? v->host_ps : next;
    next = v->kick_ps < next ? v->kick_ps : next;
    next = v->hw->event_ps < next ? v->hw->event_ps : next;
    uint64_t timer = vcpu_timer_due_ps(v);
    next = timer < next ? timer : next;
    return next < until ? next : until;
}

/* Runs the vCPU from now to the horizon; returns when it wants to run again. */
static uint64_t step(struct vs_vcpu *v, uint64_t now_ps, uint64_t horizon_ps)
{
    struct vs_platform *p = v->p;
    uint64_t quantum = p->sim.quantum_ps, until;
    if (v->ended) {
        return VS_NEVER; /* woken by what was on its way to a program that is over */
    }
    vcpu_arrivals_take(v, vs_cpu_now_ps(&v->hw->cpu));
    v->safe_ps = quantum ? horizon_ps : VS_NEVER;
    until = horizon_ps < VS_NEVER - quantum ? horizon_ps + quantum : horizon_ps;
    if (until > now_ps + VS__SLICE_PS) {
        until = now_ps + VS__SLICE_PS; /* come up for air: progress, epochs */
    }
    if (!v->index) {
        p->program.passed(p, vs_cpu_now_ps(&v->hw->cpu));
        if (p->options.epoch_ps && p->epoch_end_ps < until) {
            until = p->epoch_end_ps > now_ps ? p->epoch_end_ps : now_ps;
        }
    }
    v->thread.until_ps = until;
    stop_progressing(v);
    keep_in_range(v, now_ps);
    while (!v->ended && !v->failed) {
        if (v->flushes.n && !vs_thread_waits_for(&v->thread, VS_FOR_FLUSH)) {
            vcpu_flushes_begin(v); /* of the path that has just ended */
        }
        if (v->thread.depth) {
            uint64_t wake = vcpu_wait_wake_ps(v);
            if (wake > now_ps) {
                return wake;
            }
            vcpu_wait_awake(v, now_ps);
            continue;
        }
        if (vs_cpu_now_ps(&v->hw->cpu) > v->thread.until_ps) {
            uint64_t at = vs_cpu_now_ps(&v->hw->cpu);
            return at > now_ps ? at : now_ps;
        }
        vcpu_interrupts(v);
        if (v->failed) {
            break;
        }
        if (v->thread.depth) { /* its processor is taken from it */
            continue;
        }
        bool shadowed = v->shadowed; /* one instruction, then what it holds back */
        v->horizon = shadowed ? vs_cpu_now_ps(&v->hw->cpu) : own_events(v, until);
        p->program.run(v);
        if (shadowed && v->shadowed) {
            vcpu_unshadow(v);
        }
    }
    p->program.ended(v);
    return VS_NEVER;
}

/* The vCPU that runs on the processor now; NULL: none does. */
static struct vs_vcpu *runs(const struct vs_hwthread *hw)
{
    struct vs_vcpu *v = hw->vcpu                                ? hw->vcpu
                        : hw->on && hw->on->kind == &sched_vcpu ? hw->on->owner
                                                                : NULL;
    return v && !v->ended && !v->failed && !v->thread.depth ? v : NULL;
}

/* It computes until then, and nothing reaches it before but what wakes it. Not where steps are
 * seen: with a quantum it runs ahead by that, and what that costs is booked; in the window older
 * accesses are under way; a sampled operation keeps each charge. */
static uint64_t alone(void *hwthread, uint64_t due_ps, uint64_t *each_ps)
{
    const struct vs_hwthread *hw = hwthread;
    const struct vs_vcpu *v = runs(hw);
    uint64_t until = v && vs_cpu_now_ps(&hw->cpu) == due_ps ? v->p->program.alone_ps(v) : 0;
    bool seen = hw->cpu.window || (v && (v->p->sim.quantum_ps || v->txn.tape));
    if (until <= due_ps || seen || v->shadowed || v->flushes.n || vcpu_due(v)) {
        return 0;
    }
    if (!v->index && v->p->options.epoch_ps && v->p->epoch_end_ps < until) {
        until = v->p->epoch_end_ps;
    }
    *each_ps = hw->cpu.round_ps;
    return own_events(v, until);
}

/* It has computed n rounds of its instruction clock. */
static void pass(void *hwthread, uint64_t n)
{
    struct vs_vcpu *v = runs(hwthread);
    v->p->program.pass(v, n);
}

const struct vs_pace vcpu_pace = {alone, pass};

/* It works on an address space of its own meanwhile. */
uint64_t vcpu_run(struct vs_vcpu *v, uint64_t now_ps, uint64_t horizon_ps)
{
    vcpu_space_take(v);
    uint64_t next = step(v, now_ps, horizon_ps);
    vcpu_space_put(v);
    return next;
}

uint64_t vcpu_step(void *hwthread, uint64_t now_ps, uint64_t horizon_ps)
{
    struct vs_hwthread *hw = hwthread;
    return hw->vcpu ? vcpu_run(hw->vcpu, now_ps, horizon_ps) : sched_step(hw, now_ps, horizon_ps);
}
