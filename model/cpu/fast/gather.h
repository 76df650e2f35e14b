/* SPDX-License-Identifier: MIT */
/*
 * Inside of the cpu: accesses in a row whose lines are looked up together. Where each access blocks
 * and nobody listens, translation decides what is touched and the caches decide how long it takes,
 * so the two need not alternate: TLBs and tables first, access by access, their references noted;
 * then the caches, level by level; then the books, which are those of one access after the other.
 */
#ifndef VIRTSIM_MODEL_CPU_GATHER_H
#define VIRTSIM_MODEL_CPU_GATHER_H

#include "cpu/access.h"

#define VS__GATHERED VS_GATHER_OWN /* accesses at a time */

/* One that was translated without a walk. */
struct vs__gathered_hit {
    uint16_t own; /* which reference is the access itself */
    uint8_t tlb;  /* VS_CPU_TLB_* */
};
struct vs__gathered_walk {
    uint64_t ps;         /* charged beside memory, until the walk began */
    uint64_t walk_ps;    /* from then on */
    uint16_t first, own; /* the walk's references are first .. own - 1 */
};

struct vs__gathering {
    struct vs_gather *lines;
    struct vs_op_acc *access, *walk;
    uint32_t n_hits, n_walks;
    struct vs_op_acc *faulted; /* the last walk did: the operation of its access */
    struct vs__gathered_hit hit[VS__GATHERED];
    struct vs__gathered_walk walked[VS__GATHERED];
};

/* How many accesses may be gathered so that each begins before now + ps; 0: none. */
uint64_t vs__gather_room(const struct vs_cpu *c, const struct vs_cpu_bulk *b, uint64_t ps);
bool vs__gather_begin(struct vs__gathering *g, struct vs_cpu *c, uint32_t ref);
/* Whether there is room for another one's walk. */
static inline bool vs__gather_fits(const struct vs__gathering *g)
{
    return g->lines->n + VS_GATHER_WALK <= VS_GATHER;
}
/* The next access, VS__GATHERED at most, inside one line; `right` as vs__cpu_right says it. False:
 * it faulted, and must be the last. */
bool vs__gather_access(struct vs__gathering *g, struct vs_cpu *c, uint64_t gva, uint32_t ref,
                       uint32_t right);
/* Makes the references and books everything. */
void vs__gather_end(struct vs__gathering *g, struct vs_cpu *c, uint32_t ref);

#endif
