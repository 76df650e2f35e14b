/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_HYPERVISOR_PROGRAMS_H
#define VIRTSIM_MODEL_HYPERVISOR_PROGRAMS_H

#include "hypervisor/hypervisor.h"

/* Ended by VS_STATE_NONE: read before the trap's program, written after it. */
extern const enum vs_state vs__hv_common_read[];
void vs__hv_fields(enum vs_trap_kind trap, const enum vs_state **read, const enum vs_state **write);

#endif
