/* SPDX-License-Identifier: MIT */
/*
 * Simulated concurrency. An agent (vCPU, NIC engine, timer) is a C function that works from `now`
 * until at most `horizon` and says when it wants to run again; SystemC interleaves the agents. The
 * horizon is the next time at which anybody else could act, so what an agent does before it cannot
 * be seen by others, nor others' doings by it.
 */
#ifndef VIRTSIM_SIM_KERNEL_KERNEL_H
#define VIRTSIM_SIM_KERNEL_KERNEL_H

#include "virtsim/units.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_NEVER UINT64_MAX

struct vs_kernel;

struct vs_agent {
    const char *name;
    void *ctx;
    /* Must make progress when its own clock is at or before horizon_ps. Returns the time (>=
     * now_ps) to be called again, or VS_NEVER until somebody wakes it. */
    uint64_t (*step)(void *ctx, uint64_t now_ps, uint64_t horizon_ps);
};

/* NULL: there is no memory, or no SystemC beside the program; the text says which. */
struct vs_kernel *vs_kernel_create(char *error, size_t bytes);
/* Agents are added before the first run; the index is what wakes them. NULL name ends nothing. */
unsigned vs_kernel_add(struct vs_kernel *k, const struct vs_agent *agent);
/* Calls the agent at `at_ps` (now, if that has passed) or earlier. */
void vs_kernel_wake(struct vs_kernel *k, unsigned agent, uint64_t at_ps);
/* Runs until nobody wants to run or vs_kernel_stop; false when SystemC reported an error. */
bool vs_kernel_run(struct vs_kernel *k, char *error, size_t bytes);
void vs_kernel_stop(struct vs_kernel *k);
void vs_kernel_destroy(struct vs_kernel *k);

#ifdef __cplusplus
}
#endif

#endif
