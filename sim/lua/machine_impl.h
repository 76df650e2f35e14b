/* SPDX-License-Identifier: MIT */
/* What the files that read a machine's description share. */
#ifndef VIRTSIM_SIM_LUA_MACHINE_IMPL_H
#define VIRTSIM_SIM_LUA_MACHINE_IMPL_H

#include "description.h"

#include "box.h"
#include "machine_files.h"
#include "programs.h"

#define VS_MACHINE_DEPTH 8 /* base of base of ..., and tables in tables */

/* What a file that was read says about its machine: for the next machine that is built on it. */
struct said {
    char *file;
    char text[400], calibrated[400];
    bool failed;
    struct said *next;
};

/* Reads the files of a machine. */
struct loader {
    const char *home;
    struct vs_box *box;
    struct said **said; /* of vs_machine_each_info: files are read once; NULL otherwise */
    struct vs_errors *errors;
    struct vs_machine_info *info;
    const char *file;  /* being read */
    const char *at;    /* where it is: paths in it are relative to that; NULL: the request's */
    const char *of;    /* whose values it states: a part, or NULL in a machine's own file */
    enum vs_slot slot; /* that it belongs to */
    struct vs_description *d; /* what has been read */
    size_t failures, fields;
    int depth;
    struct vs_lua_programs *programs[VS_ROLES]; /* of the hypervisor's files so far; the kernel's */
    char path[4096];                            /* of the file that was read last */
};

/* A copy of a text; NULL without memory. */
char *vs__machine_copy(const char *s);
/* One more mistake: what is wrong with a field of the file that is being read. */
void vs__machine_fail(struct loader *ld, const char *path, const char *what);
/* Tells the description every value of the table on top of the stack, which holds nothing else. */
void vs__machine_values(struct loader *ld);

#endif
