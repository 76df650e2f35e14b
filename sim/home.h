/* SPDX-License-Identifier: MIT */
/* Where scripts/lua, workloads and results are: VIRTSIM_HOME, else the installed prefix, else the
 * source tree. */
#ifndef VIRTSIM_SIM_HOME_H
#define VIRTSIM_SIM_HOME_H

#include <stdbool.h>
#include <stddef.h>

const char *vs_home(void);
/* `name` as given when it exists, else home/name; the file may still be missing. Returns out. */
const char *vs_home_path(const char *name, char *out, size_t bytes);
/* The script whose name is nearest to a missing one's: in its folder, or in workloads when it has
 * none. False when none is near. */
bool vs_home_nearest(const char *name, char *out, size_t bytes);

#endif
