/* SPDX-License-Identifier: MIT */
/*
 * A stack of its own for what may be put aside in the middle, however deep its calls are: the step
 * of a vCPU whose processor is taken from it in a handler that the guest's kernel has come to.
 */
#ifndef VIRTSIM_SIM_CPU_FIBER_H
#define VIRTSIM_SIM_CPU_FIBER_H

#include <stdbool.h>

struct vs_fiber;

/* NULL: no memory. */
struct vs_fiber *vs_fiber_create(void);
/* What has paused there is never gone on with. */
void vs_fiber_destroy(struct vs_fiber *f);
/* Does the work there, or goes on with what has paused there; false: it has paused (again). */
bool vs_fiber_run(struct vs_fiber *f, void (*work)(void *ctx), void *ctx);
/* In that work: whoever has it done goes on, and this returns when it is gone on with. */
void vs_fiber_pause(struct vs_fiber *f);
/* Some work has paused there. */
bool vs_fiber_paused(const struct vs_fiber *f);

#endif
