/* SPDX-License-Identifier: MIT */
/*
 * One vCPU of the platform: takes requests from its guest source and carries them out on its core,
 * leaving the guest where the VMCS says so. An agent of the kernel (kernel.h).
 */
#ifndef VIRTSIM_SIM_PLATFORM_VCPU_H
#define VIRTSIM_SIM_PLATFORM_VCPU_H

#include "platform_impl.h"

/* Agent step, see kernel.h. */
uint64_t vs__vcpu_step(void *ctx, uint64_t now_ps, uint64_t horizon_ps);

/* exits.c: an event at the present instruction. True when the guest was left (and entered again).
 */
bool vs__vcpu_event(struct vs_vcpu *v, const struct vs_vmx_event *event);
/* Interrupts that are due: exits, injections, posted ones. */
void vs__vcpu_interrupts(struct vs_vcpu *v);
/* The guest executes HLT, or has nothing to run: false when it sleeps (the step ends). */
void vs__vcpu_halt(struct vs_vcpu *v);

/* fault.c: what stopped the core; false when the run failed (v->failed). */
bool vs__vcpu_fault(struct vs_vcpu *v);
/* Runs `instructions` spread over code and data of a routine of the current world. */
void vs__vcpu_routine(struct vs_vcpu *v, uint64_t instructions, vs_gva code, uint64_t code_bytes,
                      vs_gva data, uint64_t data_bytes);

/* The run cannot go on; the message names the vCPU. */
void vs__vcpu_fail(struct vs_vcpu *v, const char *format, ...) VS_PRINTF(2, 3);

#endif
