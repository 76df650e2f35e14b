/* SPDX-License-Identifier: MIT */
/* The processors of a machine: their cores, wired to memory and to translation. */
#include "machine_impl.h"
#include "watch.h"

#include <stdlib.h>

/* The processor of a vCPU: its core, wired. */
enum vs_status machine_processor_make(struct vs_vcpu *v, const struct vs_cpu_config *c,
                                      struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    v->hw = &p->hwthread[v->index];
    v->hw->p = p;
    v->hw->number = v->index;
    v->hw->on = v;
    v->hw->tick_ps =
        p->virtualized && p->times.tick_hz ? 1000000000000u / p->times.tick_hz : VS_NEVER;
    v->hw->clock = vs_clock_mhz(c->mhz);
    enum vs_status s = vs_cpu_init(&v->hw->cpu, c, p->ledger);
    s = s ? s : vs_memory_core_init(&v->hw->core, &p->memory, &v->hw->cpu.data, &v->hw->cpu.fetch);
    s = s || machine_watch_memory(v) ? s : VS_E_NOMEM;
    if (!s) {
        struct vs_mem_port walker = vs_memory_walker_port(&v->hw->core);
        s = vs_ept_init(&v->hw->ept, &p->ept, p->ledger, v->hw->clock, p->phys, &walker,
                        &v->hw->cpu.data, &v->hw->cpu.fetch, p->options.seed + v->index * 64u);
    }
    s = s || machine_watch_ept(v) ? s : VS_E_NOMEM;
    s = s || !c->window ? s : vs_ept_overlap(&v->hw->ept);
    if (s) {
        vs_error(errors, "vCPU %u: %s", v->index, vs_status_text(s));
        return s;
    }
    v->hw->ept.memory_end = vs_phys_size(p->phys);
    struct vs_mmu_port mmu = vs_ept_mmu_port(&v->hw->ept);
    vs_cpu_attach(&v->hw->cpu, &mmu);
    struct vs_fast_port fast = {vs_ept_fast_port(&v->hw->ept), vs_memory_fast_port(&v->hw->core)};
    if (!p->options.sites && !p->options.watch) {     /* then accesses come one by one */
        (void)vs_cpu_attach_fast(&v->hw->cpu, &fast); /* no result depends on it */
    }
    return VS_OK;
}

void machine_processors_free(struct vs_platform *p)
{
    for (unsigned i = 0; p->hwthread && i < p->n_hwthreads; i++) {
        vs_ept_free(&p->hwthread[i].ept);
        vs_cpu_free(&p->hwthread[i].cpu);
        vs_memory_core_free(&p->hwthread[i].core);
    }
    free(p->hwthread);
    p->hwthread = NULL;
}
