/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_HYPERVISOR_PROGRAMS_H
#define VIRTSIM_MODEL_HYPERVISOR_PROGRAMS_H

#include "hypervisor/hypervisor.h"

/* Field encodings, ended by 0. */
extern const uint32_t *const vs__hv_common_read;
void vs__hv_fields(enum vs_op op, const uint32_t **read, const uint32_t **write);

#endif
