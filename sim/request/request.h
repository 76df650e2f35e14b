/* SPDX-License-Identifier: MIT */
/* The requests of guests' programs (virtsim/request.h), carried out on the vCPUs of a machine. */
#ifndef VIRTSIM_SIM_REQUEST_REQUEST_H
#define VIRTSIM_SIM_REQUEST_REQUEST_H

#include "virtsim/request.h"

#include <stdbool.h>
#include <stddef.h>

struct vs_platform;

/* Whether a request can only fail on this machine, and why: an instruction of other processors, a
 * device or a mode of paging that is not there. */
bool vs_platform_lacks(const struct vs_platform *p, enum vs_req kind, char *out, size_t bytes);

/* vCPU `index` runs this source; the machine closes it. */
void vs_platform_guest(struct vs_platform *p, unsigned index, const struct vs_guest_source *source);

#endif
