/* SPDX-License-Identifier: MIT */
/* EL2 as a world: the ports of one core's vCPU. */
#ifndef VIRTSIM_EL2_WORLD_H
#define VIRTSIM_EL2_WORLD_H

#include "el2/el2.h"
#include "virtsim/fact.h"
#include "virtsim/op.h"
#include "virtsim/port/state.h"
#include "virtsim/port/world.h"

/* Registers the operations of classes.def; again: nothing. */
void vs_el2_register(void);
struct vs_world_port vs_el2_world(struct vs_el2 *e);
struct vs_state_port vs_el2_state_port(struct vs_el2 *e);
/* What the architecture has, as counted in this component (el2_facts.c). */
void vs_el2_facts(const struct vs_facts *to);

#endif
