/* SPDX-License-Identifier: MIT */
/* Where scripts/lua, workloads and results are: VIRTSIM_HOME, else beside the program (an
 * installation, wherever it was moved to, or a build in its tree), else where it was configured. */
#ifndef VIRTSIM_SIM_HOME_H
#define VIRTSIM_SIM_HOME_H

#include "lua/machine.h"

#include <stdbool.h>
#include <stddef.h>

/* The machine of who names none. */
#define VS_HOME_MACHINE "skylake_sp_kvm"

const char *vs_home(void);
/* vs_machine_load of the home's machines; what the build has read of them is not read again. */
enum vs_status vs_home_machine(const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors);
/* `name` as given when it exists, else home/name; the file may still be missing. Returns out. */
const char *vs_home_path(const char *name, char *out, size_t bytes);
/* What a script that is not there may have meant: those of its folder, or of workloads when it has
 * none, as vs_suggest says it. Returns out. */
const char *vs_home_suggest(const char *name, const char *otherwise, char *out, size_t bytes);

#endif
