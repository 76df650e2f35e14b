/* SPDX-License-Identifier: MIT */
/* Inside of the cpu: what bulk operations share. */
#ifndef VIRTSIM_MODEL_CPU_BULK_H
#define VIRTSIM_MODEL_CPU_BULK_H

#include "cpu/window.h"

#define VS__ELEMENT 8u

/* What comes with an access that has been made. */
static inline void vs__bulk_made(struct vs_cpu *c, uint64_t instructions)
{
    if (vs_likely(!c->window)) {
        vs__cpu_instructions(c, instructions);
    } else if (instructions) {
        vs__window_instructions(c, instructions);
    } else {
        vs__window_issue(c);
    }
}

/* Lines that the walk and the access of gva will probably touch are announced to the memory; those
 * that are gathered it announces itself. */
static inline void vs__bulk_expect(const struct vs_cpu *c, const struct vs_l1 *l, uint64_t gva)
{
    uint64_t hpa[VS_EXPECTED];
    vs_gva at = {gva};
    uint32_t n = c->mmu.expect(c->mmu.ctx, at, hpa);
    for (uint32_t i = 0; i < n; i++) {
        l->lines.prefetch(l->lines.ctx, hpa[i] >> l->line_shift);
    }
}

/* jump.c: random, Zipf, chase. */
enum vs_cpu_stop vs__bulk_jumping(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until);

#endif
