/* SPDX-License-Identifier: MIT */
/*
 * The machines that come with the program, as a table that the build makes of their descriptions
 * (tools/machine_tables.c): to list or to run them, their files need not be read as Lua. It holds
 * for as long as the files are the very ones that the build has read, of which a hash tells.
 */
#ifndef VIRTSIM_SIM_LUA_SHIPPED_H
#define VIRTSIM_SIM_LUA_SHIPPED_H

#include "description.h"
#include "virtsim/units.h"

#include <stddef.h>

struct vs_shipped_machine {
    const char *name, *text, *calibrated; /* as of struct vs_machine_info */
    const char *files;                    /* it is described in, below scripts/lua, by spaces */
    uint64_t hash;                        /* of these */
    const char *said;                     /* all that they say (vs_description_read) */
    size_t bytes;
};

struct vs_shipped {
    uint64_t hash; /* of all descriptions, machines and parts */
    const struct vs_shipped_machine *machine;
    size_t n;
};

/* Made by the build, in the library of the whole simulator. */
extern const struct vs_shipped vs_shipped_machines;

/* Hash of names and texts of all descriptions below `home`; false: a file cannot be read. */
bool vs_shipped_hash(const char *home, uint64_t *hash);
/* The same of files below home/scripts/lua, whose names `files` has, separated by spaces. */
bool vs_shipped_hash_files(const char *home, const char *files, uint64_t *hash);
/* Whether the descriptions below `home` are those that the table was made of. */
bool vs_shipped_holds(const struct vs_shipped *shipped, const char *home);
/* vs_machine_load, from the table where the machine's files are those of the build. */
enum vs_status vs_shipped_load(const struct vs_shipped *shipped, vs_programs_of *programs,
                               const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors);

/* A machine as the build has read it, whatever its files say now. VS_E_NOMEM: its text cannot be
 * taken. */
enum vs_status vs_shipped_take(const struct vs_shipped_machine *m, vs_programs_of *programs,
                               struct vs_knobs *knobs, struct vs_machine_info *info,
                               struct vs_errors *errors);

#endif
