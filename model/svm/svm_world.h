/* SPDX-License-Identifier: MIT */
/* SVM as a world: the ports of one core's vCPU. */
#ifndef VIRTSIM_SVM_WORLD_H
#define VIRTSIM_SVM_WORLD_H

#include "svm/svm.h"
#include "virtsim/fact.h"
#include "virtsim/op.h"
#include "virtsim/port/state.h"
#include "virtsim/port/world.h"

/* Registers the operations of codes.def; again: nothing. */
void vs_svm_register(void);
struct vs_world_port vs_svm_world(struct vs_svm *s);
struct vs_state_port vs_svm_state_port(struct vs_svm *s);
/* What SVM has, as counted in this component (svm_facts.c). */
void vs_svm_facts(const struct vs_facts *to);

#endif
