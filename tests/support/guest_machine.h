/* SPDX-License-Identifier: MIT */
/*
 * A vCPU under EPT made of the models alone, with a mapped region: for benches and for the
 * comparison with the straightforward version. Defaults of the .def files; 4 KiB pages in both
 * dimensions.
 */
#ifndef VIRTSIM_TESTS_GUEST_MACHINE_H
#define VIRTSIM_TESTS_GUEST_MACHINE_H

#include "cpu/cpu.h"
#include "ept/ept.h"
#include "ept/space.h"
#include "memory/memory.h"
#include "virtsim/knob.h"

#include <stdlib.h>

#define GUEST_MACHINE_BASE 0x10000000000ull

struct guest_machine {
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_phys *phys;
    struct vs_frames host;
    struct vs_vm vm;
    struct vs_space space;
    struct vs_memory memory;
    struct vs_memory_core core;
    struct vs_ept ept;
    struct vs_cpu cpu;
};

struct guest_machine_config {
    struct vs_cpu_config cpu;
    struct vs_memory_config memory;
    struct vs_ept_config ept;
    bool one_by_one; /* without vs_fast_port */
    bool shared;     /* half of the pages are global: every address space translates them */
};

static inline struct guest_machine_config guest_machine_defaults(void)
{
    struct guest_machine_config c = {.one_by_one = false};
    vs_defaults(&vs_cpu_desc, &c.cpu);
    vs_defaults(&vs_memory_desc, &c.memory);
    vs_defaults(&vs_ept_desc, &c.ept);
    return c;
}

static inline bool guest_machine_make(struct guest_machine *g, uint64_t bytes,
                                      const struct guest_machine_config *c)
{
    struct vs_clock clock = vs_clock_mhz(2600);
    memset(g, 0, sizeof *g);
    g->ledger = vs_ledger_create(1);
    g->phys = vs_phys_create(8ull << 30);
    bool good = g->ledger && g->phys &&
                !vs_frames_init(&g->host, 2u << 20, (8ull << 30) - (2u << 20), VS_FRAMES_RANDOM, 1);
    good = good && !vs_vm_init(&g->vm, g->phys, &g->host, (bytes + (256ull << 20)) & ~0x1fffffull,
                               12, VS_FRAMES_RANDOM, 2);
    good = good && !vs_space_init(&g->space, g->phys, &g->vm, &g->host);
    for (uint64_t at = 0; good && at < bytes; at += 4096) {
        g->space.global = c->shared && (at >> 14 & 1u);
        good = !vs_space_touch(&g->space, GUEST_MACHINE_BASE + at, 12, true, true);
    }
    good =
        good && !vs_memory_init(&g->memory, &c->memory, g->ledger, clock, g->phys, 8ull << 30, 1);
    good = good && !vs_cpu_init(&g->cpu, &c->cpu, g->ledger);
    good = good && !vs_memory_core_init(&g->core, &g->memory, &g->cpu.data, &g->cpu.fetch);
    if (!good) {
        return false;
    }
    struct vs_mem_port walker = vs_memory_walker_port(&g->core);
    good = !vs_ept_init(&g->ept, &c->ept, g->ledger, clock, g->phys, &walker, &g->cpu.data,
                        &g->cpu.fetch, 1);
    good = good && (!c->cpu.window || !vs_ept_overlap(&g->ept));
    struct vs_ept_context context = {1, 0, g->space.cr3, g->vm.ept_root, 0};
    vs_ept_context(&g->ept, &context);
    struct vs_mmu_port mmu = vs_ept_mmu_port(&g->ept);
    vs_cpu_attach(&g->cpu, &mmu);
    if (!c->one_by_one) {
        struct vs_fast_port fast = {vs_ept_fast_port(&g->ept), vs_memory_fast_port(&g->core)};
        (void)vs_cpu_attach_fast(&g->cpu, &fast);
    }
    vs_ps zero = {0};
    vs_txn_begin(&g->t, g->ledger, vs_ledger_actor(g->ledger, "vcpu0/guest"), zero);
    vs_cpu_begin(&g->cpu, &g->t);
    return good;
}

static inline bool guest_machine_init(struct guest_machine *g, uint64_t bytes)
{
    struct guest_machine_config c = guest_machine_defaults();
    return guest_machine_make(g, bytes, &c);
}

static inline void guest_machine_free(struct guest_machine *g)
{
    vs_txn_end(&g->t);
    vs_ept_free(&g->ept);
    vs_cpu_free(&g->cpu);
    vs_memory_core_free(&g->core);
    vs_memory_free(&g->memory);
    vs_vm_free(&g->vm);
    vs_frames_free(&g->host);
    vs_phys_destroy(g->phys);
    vs_ledger_destroy(g->ledger);
}

#endif
