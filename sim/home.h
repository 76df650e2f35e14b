/* SPDX-License-Identifier: MIT */
/* Where scripts/lua, workloads and results are: VIRTSIM_HOME, else the installed prefix, else the
 * source tree. */
#ifndef VIRTSIM_SIM_HOME_H
#define VIRTSIM_SIM_HOME_H

#include <stddef.h>

const char *vs_home(void);
/* `name` as given when it exists, else home/name; the file may still be missing. Returns out. */
const char *vs_home_path(const char *name, char *out, size_t bytes);

#endif
