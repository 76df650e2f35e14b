/* SPDX-License-Identifier: MIT */
/* The processors of a machine: their cores, wired to memory and to translation, and their threads.
 */
#include "cpu/sched.h"
#include "host/sched/worker.h"
#include "machine_impl.h"
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>

/* A line of its own, where several threads share it. */
static void begin_line(struct vs_hwthread *hw)
{
    struct vs_platform *p = hw->p;
    char name[32];
    vs_ps zero = {0};
    snprintf(name, sizeof name, "cpu%u", hw->number);
    hw->line = vs_ledger_actor(p->ledger, name);
    snprintf(name, sizeof name, "cpu%u/idle", hw->number);
    hw->idle_line = vs_ledger_actor(p->ledger, name);
    vs_txn_begin(&hw->txn, p->ledger, hw->line, zero);
}

/* One that has not been made yet. */
static enum vs_status processor_make(struct vs_platform *p, unsigned number,
                                     const struct vs_cpu_config *c, struct vs_errors *errors)
{
    struct vs_hwthread *hw = &p->hwthread[number];
    vs_ps zero = {0};
    char name[48];
    if (hw->p) {
        return VS_OK; /* another thread's too */
    }
    hw->p = p;
    hw->number = number;
    hw->event_ps = VS_NEVER;
    hw->tick_ps = p->virtualized && p->times.tick_hz ? 1000000000000u / p->times.tick_hz : VS_NEVER;
    hw->clock = vs_clock_mhz(c->mhz);
    enum vs_status s = vs_cpu_init(&hw->cpu, c, p->ledger);
    s = s ? s : vs_memory_core_init(&hw->core, &p->memory, &hw->cpu.data, &hw->cpu.fetch);
    s = s || machine_watch_memory(hw) ? s : VS_E_NOMEM;
    if (!s) {
        struct vs_mem_port walker = vs_memory_walker_port(&hw->core);
        s = vs_ept_init(&hw->ept, &p->ept, p->ledger, hw->clock, p->phys, &walker, &hw->cpu.data,
                        &hw->cpu.fetch, p->options.seed + number * 64u);
    }
    s = s || machine_watch_ept(hw) ? s : VS_E_NOMEM;
    s = s || !c->window ? s : vs_ept_overlap(&hw->ept);
    if (s) {
        vs_error(errors, "processor %u: %s", number, vs_status_text(s));
        return s;
    }
    hw->ept.memory_end = vs_phys_size(p->phys);
    struct vs_mmu_port mmu = vs_ept_mmu_port(&hw->ept);
    vs_cpu_attach(&hw->cpu, &mmu);
    struct vs_fast_port fast = {vs_ept_fast_port(&hw->ept), vs_memory_fast_port(&hw->core)};
    if (!p->options.sites && !p->options.watch) {  /* then accesses come one by one */
        (void)vs_cpu_attach_fast(&hw->cpu, &fast); /* no result depends on it */
    }
    if (p->ept.prefetch) {
        snprintf(name, sizeof name, "vcpu%u/prefetch", number);
        vs_ept_prefetcher(&hw->ept, p->ledger, vs_ledger_actor(p->ledger, name), zero);
    }
    if (machine_shared(p, number)) {
        begin_line(hw);
    }
    snprintf(name, sizeof name, "cpu%u", number);
    struct vs_agent agent = {name, hw, vcpu_step, &vcpu_pace};
    return vs_kernel_add(p->kernel, &agent, &hw->agent) ? VS_OK : VS_E_NOMEM;
}

enum vs_status machine_vcpu_place(struct vs_vcpu *v, const struct vs_cpu_config *c,
                                  struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    unsigned at = p->pin[v->index];
    enum vs_status s = processor_make(p, at, c, errors);
    v->hw = &p->hwthread[at];
    if (!s && machine_shared(p, at)) {
        v->own = calloc(1, sizeof *v->own);
        v->fiber = p->sched.preemption ? vs_fiber_create() : NULL;
        s = v->own && (v->fiber || !p->sched.preemption) ? VS_OK : VS_E_NOMEM;
    }
    return s;
}

enum vs_status machine_thread_make(struct vs_vcpu *v)
{
    struct vs_hwthread *hw = v->hw;
    v->thread.kind = &sched_vcpu;
    v->thread.owner = v;
    v->thread.hw = hw;
    v->thread.txn = &v->txn;
    v->thread.line = v->line;
    if (!v->own) {
        hw->vcpu = v;
        return VS_OK;
    }
    hw->thread[hw->n_threads++] = &v->thread;
    hw->last = hw->last ? hw->last : &v->thread; /* the first one has it from the beginning */
    v->thread.place = VS_READY;
    vs_thread_push(&v->thread, (struct vs_wait){VS_FOR_PROCESSOR, false, 0, 0});
    vs_ept_put(&hw->ept, &v->own->ept);
    vs_ledger_counters(v->p->ledger, v->line, &vs_sched_desc, v->thread.count);
    return VS_OK;
}

enum vs_status machine_workers_make(struct vs_platform *p, const struct vs_cpu_config *c,
                                    const struct vs_hypervisor_config *h, struct vs_errors *errors)
{
    enum vs_status s = VS_OK;
    p->worker = calloc(p->sched.workers + 1u, sizeof *p->worker);
    for (; p->worker && p->n_workers < p->sched.workers && !s; p->n_workers++) {
        unsigned at = (unsigned)p->sched.worker_cpu + p->n_workers;
        struct vs_hwthread *hw = &p->hwthread[at];
        bool alone = !hw->p; /* no vCPU runs there */
        s = processor_make(p, at, c, errors);
        s = s || !alone ? s : guest_mm_make_host(hw);
        s = s ? s : host_worker_make(&p->worker[p->n_workers], hw, p->n_workers, h);
        hw->thread[hw->n_threads++] = &p->worker[p->n_workers].thread;
    }
    return p->worker ? s : VS_E_NOMEM;
}

void machine_processors_settle(struct vs_platform *p)
{
    for (unsigned i = 0; i < p->n_hwthreads; i++) {
        if (p->hwthread[i].p && !p->hwthread[i].vcpu) {
            sched_settle(&p->hwthread[i]);
        }
    }
}

void machine_processors_end(struct vs_platform *p)
{
    machine_processors_settle(p);
    for (unsigned i = 0; i < p->n_workers; i++) {
        vs_txn_end(&p->worker[i].txn);
    }
    for (unsigned i = 0; i < p->n_hwthreads; i++) {
        struct vs_hwthread *hw = &p->hwthread[i];
        if (hw->p) {
            vs_ept_prefetcher_end(&hw->ept);
        }
        if (hw->p && !hw->vcpu) {
            vs_txn_end(&hw->txn);
        }
    }
}

void machine_processors_free(struct vs_platform *p)
{
    for (unsigned i = 0; p->hwthread && i < p->n_hwthreads; i++) {
        vs_ept_free(&p->hwthread[i].ept);
        vs_cpu_free(&p->hwthread[i].cpu);
        vs_memory_core_free(&p->hwthread[i].core);
    }
    for (unsigned i = 0; i < p->n_workers; i++) {
        host_worker_free(&p->worker[i]);
    }
    free(p->worker);
    free(p->hwthread);
    free(p->pin);
}
