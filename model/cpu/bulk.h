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

/* Addresses of a jumping operation at a time. */
#define VS__BULK_MADE (VS_BULK_AHEAD / 2u)
/* Makes the next ones when less than half of the ring is left: which, and how many. False: none. */
bool vs__bulk_make(struct vs_cpu_bulk *b, const uint64_t **first, uint64_t *n);

#endif
