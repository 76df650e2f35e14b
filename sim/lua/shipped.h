/* SPDX-License-Identifier: MIT */
/*
 * What the machines that come with the program say about themselves, as a table that the build
 * makes of their descriptions (tools/machine_tables.c): to list them, sixty files need not be read
 * as Lua. It holds for as long as the files are the very ones that the build read, of which a hash
 * tells.
 */
#ifndef VIRTSIM_SIM_LUA_SHIPPED_H
#define VIRTSIM_SIM_LUA_SHIPPED_H

#include "virtsim/units.h"

#include <stddef.h>

/* As of struct vs_machine_info. */
struct vs_shipped_machine {
    const char *name, *text, *calibrated;
};

struct vs_shipped {
    uint64_t hash; /* of all descriptions, machines and parts */
    const struct vs_shipped_machine *machine;
    size_t n;
};

/* Made by the build, in the library of the whole simulator. */
extern const struct vs_shipped vs_shipped_machines;

/* FNV-1a of names and texts of all descriptions below `home`; false: a file cannot be read. */
bool vs_shipped_hash(const char *home, uint64_t *hash);
/* Whether the descriptions below `home` are those that the table was made of. */
bool vs_shipped_holds(const struct vs_shipped *shipped, const char *home);

#endif
