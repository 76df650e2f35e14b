/* SPDX-License-Identifier: MIT */
/* A run that replayed a trace of exits: what its host measured beside what was simulated. */
#ifndef VIRTSIM_APP_EXITS_PRINT_H
#define VIRTSIM_APP_EXITS_PRINT_H

#include "cmd.h"

#include <stdint.h>

/* Nothing is printed of other runs. */
void exits_print(struct vs_db *db, int64_t run);

#endif
