/* SPDX-License-Identifier: MIT */
/* Where the files of descriptions are: those of a home by their names, others by their paths. */
#ifndef VIRTSIM_SIM_LUA_MACHINE_FILES_H
#define VIRTSIM_SIM_LUA_MACHINE_FILES_H

#include "borrow.h"

#define VS_SLOT_MACHINE VS_SLOT_N /* the machine's own file, which fills no slot */

/* Who asks for a file: for messages, and for what a path is relative to. */
struct vs_file_asked {
    const char *home;
    const char *file; /* that names it, as messages call it */
    const char *at;   /* where that is; NULL: it is the request's own word */
    struct vs_errors *errors;
};

/* The folder of scripts/lua where the descriptions of a slot are, and what a machine's file calls
 * the slot. */
const char *vs_machine_folder(enum vs_slot slot);
const char *vs_machine_slot(enum vs_slot slot);
/* Whether this is a path, and no name of a home's file. */
bool vs_machine_is_path(const char *name);
/* The file of a name; false and a message with the nearest name when there is none. */
bool vs_machine_locate(const struct vs_file_asked *asked, enum vs_slot slot, const char *name,
                       char *path, size_t bytes);

#endif
