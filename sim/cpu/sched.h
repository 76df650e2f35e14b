/* SPDX-License-Identifier: MIT */
/* The run queue of a processor that several threads share; one thread alone needs none. */
#ifndef VIRTSIM_SIM_CPU_SCHED_H
#define VIRTSIM_SIM_CPU_SCHED_H

#include "vcpu.h"

/* The step of such a processor (kernel/kernel.h): of the thread on it, or a switch. */
uint64_t sched_step(struct vs_hwthread *hw, uint64_t now_ps, uint64_t horizon_ps);
/* Whether the slice of what has the processor is over, and others are ready. */
bool sched_over(const struct vs_hwthread *hw, uint64_t now_ps);
/* Those who slept until now are ready; when the scheduler wants to run next is known anew. */
void sched_wake(struct vs_hwthread *hw, uint64_t now_ps);
/* What has the processor, and who waits for it, have their time booked up to now. */
void sched_settle(struct vs_hwthread *hw);

/* As many ticks or slices in a row that leave a guest no time are no accident: one that finds the
 * caches cold may be longer than a period. */
#define VS__LATE 64u

/* await.c: it has ended, or waits, and nothing that would end that is on its way, whoever has its
 * processor. */
bool vcpu_stuck(struct vs_vcpu *v);
/* halt.c: the exit in which a vCPU has waited ends: what has come meanwhile goes in with the entry.
 */
void vcpu_wait_ends(struct vs_vcpu *v, uint64_t now_ps);

/* sched_vcpu.c: a vCPU as such a thread; what comes for it while it does not run. */
extern const struct vs_thread_kind sched_vcpu;

#endif
