/* SPDX-License-Identifier: MIT */
/* VMX as a world: the ports of one logical processor's vCPU. */
#ifndef VIRTSIM_VMCS_WORLD_H
#define VIRTSIM_VMCS_WORLD_H

#include "virtsim/fact.h"
#include "virtsim/op.h"
#include "virtsim/port/state.h"
#include "virtsim/port/world.h"
#include "vmcs/vmcs.h"

/* Registers the operations of reasons.def; again: nothing. */
void vs_vmx_register(void);
struct vs_world_port vs_vmx_world(struct vs_vmx *x);
struct vs_state_port vs_vmx_state_port(struct vs_vmx *x);
/* What VMX has, as counted in this component (vmcs_facts.c). */
void vs_vmx_facts(const struct vs_facts *to);

#endif
