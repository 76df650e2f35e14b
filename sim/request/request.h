/* SPDX-License-Identifier: MIT */
/* The requests of guests' programs (virtsim/request.h), carried out on the vCPUs of a machine. */
#ifndef VIRTSIM_SIM_REQUEST_REQUEST_H
#define VIRTSIM_SIM_REQUEST_REQUEST_H

#include "virtsim/request.h"

struct vs_platform;

/* vCPU `index` runs this source; the machine closes it. */
void vs_platform_guest(struct vs_platform *p, unsigned index, const struct vs_guest_source *source);

#endif
