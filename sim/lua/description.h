/* SPDX-License-Identifier: MIT */
/*
 * What the files of a machine say, one after the other, and what follows from it: settings take
 * effect on knobs in the order in which they stand, then sums are noted (group.h) and what is taken
 * over is marked (borrow.h). A description is read from Lua files (machine.h), or from the text
 * that the build made of those that come with the program (shipped.h).
 */
#ifndef VIRTSIM_SIM_LUA_DESCRIPTION_H
#define VIRTSIM_SIM_LUA_DESCRIPTION_H

#include "machine.h"
#include "virtsim/program.h"

#include <stdio.h>

#define VS_MISTAKES_MAX 50u /* listed of one description */

struct vs_description {
    char part[VS_SLOT_N][64]; /* what fills each slot */
    struct vs_told *told;     /* in the order in which they count */
    size_t n_told;
    struct vs_kin *kin;
    size_t n_kin;
    struct vs_group_told *group; /* room for VS_GROUPS_MAX; NULL: none was told */
    size_t n_groups;
    char **file; /* that were read, each once */
    size_t n_files;
    bool owned; /* the texts of what is told are its own */
};

/* The set of a hypervisor's or a kernel's programs by its name, or NULL. */
typedef const struct vs_program_set *vs_programs_of(enum vs_role role, const char *name);

/* Adds a setting, whose texts become the description's own. False without memory: they are freed.
 */
bool vs_description_tell(struct vs_description *d, const struct vs_told *told);
/* Makes room for the sums that are told; false without memory. */
bool vs_description_groups(struct vs_description *d);
/* Sets the knobs, notes sums in info->group, marks what is taken over. `failures`: how many
 * mistakes were found before; returns how many there are then. Of a description with mistakes only
 * the settings are tried. */
size_t vs_description_settle(const struct vs_description *d, struct vs_knobs *knobs,
                             struct vs_machine_info *info, size_t failures,
                             struct vs_errors *errors);
void vs_description_free(struct vs_description *d);

/* What is known of a machine whose name or file this is before anything is read: its name. */
void vs_machine_begin(struct vs_machine_info *info, const char *name);
/* Reads all that the files of a machine say; as vs_machine_load otherwise. *d is freed by the
 * caller, whatever is returned. */
enum vs_status vs_description_of_files(const char *home, const char *name, struct vs_description *d,
                                       struct vs_machine_info *info, struct vs_errors *errors);
/* Writes a description and its machine's own words as fields that end with NUL, so that a program
 * can hold it without reading anything; a constant of C, its quotes included. */
void vs_description_write(FILE *out, const struct vs_description *d,
                          const struct vs_machine_info *info);
/* Reads such a text, which must outlive the description; false: it is none, memory is short, or a
 * hypervisor's programs are not known. */
bool vs_description_read(struct vs_description *d, struct vs_machine_info *info, const char *text,
                         size_t bytes, vs_programs_of *programs);

#endif
