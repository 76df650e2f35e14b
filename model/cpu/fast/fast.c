/* SPDX-License-Identifier: MIT */
#include "cpu/fast/fast.h"

#include <string.h>

/* Whether accesses may be gathered, and how long one of them takes at most. */
static void attach_gather(struct vs_cpu *c)
{
    const struct vs_line_port *lines = &c->data.lines;
    c->gathers = c->cfg.translation && !c->window && c->fast_port.mmu.walk_plain &&
                 c->fast_port.lines.gather;
    uint64_t dearest = 0, lookups = 0;
    for (uint32_t level = 0; level < VS_LINE_LEVELS; level++) {
        dearest = lines->ps[level] > dearest ? lines->ps[level] : dearest;
    }
    for (uint32_t ref = VS_REF_READ; ref <= VS_REF_WRITE; ref++) {
        uint64_t miss = vs_l1_tlb(&c->data, ref == VS_REF_WRITE)->lookup[VS_L1_SIZES].ps.v;
        lookups = miss > lookups ? miss : lookups;
        for (uint32_t tlb = 0; tlb < VS_CPU_TLB_KINDS; tlb++) { /* level 0 costs what it costs */
            lookups = c->price[ref][tlb][0] > lookups ? c->price[ref][tlb][0] : lookups;
        }
    }
    c->worst_gathered_ps = lookups + c->fast_port.mmu.worst_ps + VS_GATHER_WALK * dearest + 1u;
}

/* Runs accesses in bulk by the loop made for their kind. */
static enum vs_cpu_stop run(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    return b->kind == VS_BULK_STRIDE ? vs__fast_stride(c, b, until) : vs__fast_jump(c, b, until);
}

bool vs_cpu_attach_fast(struct vs_cpu *c, const struct vs_fast_port *port)
{
    c->fast_port = port ? *port : (struct vs_fast_port){.mmu = {.ctx = NULL}};
    c->fast_bulk = port ? run : NULL;
    c->fast_touches = port ? vs__fast_touches : NULL;
    c->fast_runs = port ? vs__fast_runs : NULL;
    c->fast_batch = port ? vs__fast_batch : NULL;
    c->fast_unwatched = port ? vs__fast_unwatched : NULL;
    memset(c->page, 0, sizeof c->page);
    attach_gather(c);
    return true;
}
