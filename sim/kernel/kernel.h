/* SPDX-License-Identifier: MIT */
/*
 * Simulated concurrency. An agent (vCPU, NIC engine, timer) is a C function that works from `now`
 * until at most `horizon` and says when it wants to run again; a kernel calls the agents in the
 * order of time and, at the same time, of their numbers. The horizon is the next time at which
 * anybody else could act, so what an agent does before it cannot be seen by others, nor others'
 * doings by it.
 *
 * There are two kernels of the same results: plain.c, a loop in C, and systemc.cpp, where the
 * agents are SystemC's processes beside whatever other modules there are.
 */
#ifndef VIRTSIM_SIM_KERNEL_KERNEL_H
#define VIRTSIM_SIM_KERNEL_KERNEL_H

#include "virtsim/units.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_NEVER UINT64_MAX

struct vs_kernel;

/*
 * What an agent can say of what it does on its own: computing, say. Two agents that do take turns
 * in small steps, as each is the other's horizon; while nobody does anything else, that repeats
 * itself, and a kernel passes over it (agenda.h). No result depends on that.
 */
struct vs_pace {
    /* Until when an agent whose next step is due at `due_ps` does what nobody can see and nothing
     * of others reaches it but a wake-up; `due_ps` or before: it does not. How far its steps go
     * then depends on the horizon alone, in relation to its clock; after each *each_ps as before.
     */
    uint64_t (*alone)(void *ctx, uint64_t due_ps, uint64_t *each_ps);
    /* Does n times what takes each_ps. */
    void (*pass)(void *ctx, uint64_t n);
};

struct vs_agent {
    const char *name;
    void *ctx;
    /* Must make progress when its own clock is at or before horizon_ps. Returns the time (>=
     * now_ps) to be called again, or VS_NEVER until somebody wakes it. */
    uint64_t (*step)(void *ctx, uint64_t now_ps, uint64_t horizon_ps);
    const struct vs_pace *pace; /* NULL: it never does anything on its own */
};

enum vs_kernel_kind { VS_KERNEL_PLAIN, VS_KERNEL_SYSTEMC }; /* as sim.kernel names them */

/* NULL: there is no memory, or no SystemC beside the program; the text says which. */
struct vs_kernel *vs_kernel_create(enum vs_kernel_kind kind, char *error, size_t bytes);
/* Agents are added before the run; the number is what wakes them, counted from 0. False: no memory.
 */
bool vs_kernel_add(struct vs_kernel *k, const struct vs_agent *agent, unsigned *number);
/* Calls the agent at `at_ps` (now, if that has passed) or earlier. */
void vs_kernel_wake(struct vs_kernel *k, unsigned agent, uint64_t at_ps);
/* Runs until nobody wants to run or vs_kernel_stop; false when SystemC reported an error. */
bool vs_kernel_run(struct vs_kernel *k, char *error, size_t bytes);
/* No agent is called after the one that is running. */
void vs_kernel_stop(struct vs_kernel *k);
/* Gives the memory back; NULL is none. */
void vs_kernel_destroy(struct vs_kernel *k);

#ifdef __cplusplus
}
#endif

#endif
