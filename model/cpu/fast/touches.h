/* SPDX-License-Identifier: MIT */
/* Inside of runs of touches: the pages they were in last (struct vs_cpu_page). */
#ifndef VIRTSIM_MODEL_CPU_FAST_TOUCHES_H
#define VIRTSIM_MODEL_CPU_FAST_TOUCHES_H

#include "cpu/fast/fast.h"

#define TOUCH_SHIFT 6u
_Static_assert(VS_TOUCH_BYTES == 1u << TOUCH_SHIFT, "lines as long as what is touched");

/* The page of `at` becomes *p; false: it is not the newest entry of its set, or may not be written.
 */
bool vs__fast_turn_to(struct vs_l1 *l, uint64_t at, uint32_t ref, struct vs_cpu_page *p);

/* Whether vs__fast_turn_to would find the same again. */
static inline bool vs__fast_still(struct vs_l1 *l, uint32_t ref, const struct vs_cpu_page *p)
{
    const struct vs_l1_tlb *t = vs_l1_tlb(l, ref == VS_REF_WRITE);
    return p->bytes && *p->tag_at == p->tag && *p->payload_at == p->payload && t->last == p->last &&
           t->table[p->tlb].newest == p->newest && vs_l1_in_context(l, p->tag);
}

/* The runs of [r, end) one after the other, of which the first `off` touches of the first are made;
 * what hits in the pages of c->page is counted, with what was not counted yet. */
void vs__fast_touch_on(struct vs_cpu *c, const struct vs_core_run *r, const struct vs_core_run *end,
                       uint32_t off);

#endif
