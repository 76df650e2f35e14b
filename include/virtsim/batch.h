/* SPDX-License-Identifier: MIT */
/*
 * Steps of a core that are made at once, joined in advance: lines of code that lie one behind the
 * other are one span, whatever steps they are of, and so are lines of data. Code and data meet in
 * different caches of the first level, so that while all of them hit their order is that of the
 * steps.
 */
#ifndef VIRTSIM_BATCH_H
#define VIRTSIM_BATCH_H

#include "virtsim/linetab.h"
#include "virtsim/port/core.h"

#define VS_BATCH_LINES 256u /* of code, and of data, at most */

struct vs_batch {
    struct vs_core_step *step; /* whose runs stand one behind the other from `run` on */
    struct vs_core_run *run;
    struct vs_linetab_span *span; /* by address: those of code, then those of data */
    uint32_t *flags;              /* of each line of data: VS_LINE_DIRTY where it is written */
    uint32_t n_steps, n_runs, n_code, n_data;
    uint32_t lines[3]; /* by enum vs_ref */
    /* addresses that the touches of each enum vs_ref lie between */
    struct {
        uint64_t from, to;
    } area[3];
};

/* Joins n steps, which are copied; false: no memory, or more lines than a batch has. */
bool vs_batch_make(struct vs_batch *b, const struct vs_core_step *step, size_t n);
void vs_batch_free(struct vs_batch *b);

/* How far so many leading hits reach in the order of the steps: the first run that is not through,
 * and lines by enum vs_ref up to there. */
struct vs_batch_reach {
    uint32_t run, off; /* off: lines of that run */
    uint32_t lines[3];
};
struct vs_batch_reach vs_batch_reach(const struct vs_batch *b, uint32_t code, uint32_t data);

#endif
