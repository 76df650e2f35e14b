/* SPDX-License-Identifier: MIT */
/* The programs of the shipped hypervisors and guest kernels, as tables that the build made of
 * scripts/lua/hypervisors and scripts/lua/kernels. */
#ifndef VIRTSIM_SIM_MACHINE_SOFTWARE_H
#define VIRTSIM_SIM_MACHINE_SOFTWARE_H

#include "virtsim/program.h"

/* Ended by one without a name (build/gen/program_tables.c). */
extern const struct vs_program_set_desc vs_software_tables[];

/* The linked set of a shipped hypervisor or kernel; NULL: none has this name. */
const struct vs_program_set *vs_software(enum vs_role role, const char *name);
/* The one of a machine that names none: KVM (of a machine without a hypervisor, too), Linux. */
const struct vs_program_set *vs_software_default(enum vs_role role);

#endif
