/* SPDX-License-Identifier: MIT */
/*
 * Names that changed (results/renames.csv): what scripts, recordings and databases of before call
 * an operation, a knob, an account, a counter or a machine. The old name is accepted as input and
 * rewritten in a database that is brought up to date; nothing else knows it.
 */
#ifndef VIRTSIM_SIM_RENAMES_H
#define VIRTSIM_SIM_RENAMES_H

#include "virtsim/status.h"

struct vs_rename {
    const char *kind;      /* actor | op | account | counter | knob | machine | workload */
    const char *old, *new; /* an empty old name: older programs have none; an empty new one: gone */
    const char *where; /* knobs of the runs where it is so, "PATH=VALUE PATH=VALUE"; "" all runs */
};

/* The table, read once; n = 0 and a message when it cannot be read. */
const struct vs_rename *vs_renames(size_t *n, struct vs_errors *errors);
/* Of a knob, which may have become several: how many. */
size_t vs_renamed_knobs(const char *old, const char **names, size_t most);
/* Whether a knob of this old name is, with others, one knob now: its value is their sum. */
bool vs_renamed_part(const char *old);
/* The newest name of what `old` was, NULL: it never had another. */
const char *vs_renamed_operation(const char *old);

#endif
