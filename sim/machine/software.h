/* SPDX-License-Identifier: MIT */
/* The shipped hypervisors' programs, as tables that the build made of scripts/lua/hypervisors. */
#ifndef VIRTSIM_SIM_MACHINE_SOFTWARE_H
#define VIRTSIM_SIM_MACHINE_SOFTWARE_H

#include "virtsim/program.h"

/* Ended by one without a name (build/gen/program_tables.c). */
extern const struct vs_program_set_desc vs_software_tables[];

/* Of a machine whose hypervisor states none, and of one without a hypervisor. */
#define VS_SOFTWARE_DEFAULT "kvm"

/* The linked set of a shipped hypervisor; NULL: none has this name. */
const struct vs_program_set *vs_software(const char *hypervisor);

#endif
