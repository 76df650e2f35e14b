/* SPDX-License-Identifier: MIT */
/* What the files that read programs share. */
#ifndef VIRTSIM_SIM_LUA_PROGRAMS_IMPL_H
#define VIRTSIM_SIM_LUA_PROGRAMS_IMPL_H

#include "programs.h"

#define VS_LUA_PROGRAMS_MAX 200u

struct vs_lua_programs {
    struct vs_program_set_desc desc;
    struct vs_program_desc program[VS_LUA_PROGRAMS_MAX];
    char *path;
    struct text {
        struct text *next;
        char word[];
    } * texts; /* everything that the description points to */
    bool kept; /* a linked set points to it */
    struct vs_lua_source *source;
    struct vs_lua_taken *taken;
};

/* Another file whose programs a file takes: what the program's steps are taken `as` of. */
struct vs_lua_source {
    const char *name;
    bool borrowed; /* the file says why: the numbers are about that software and assumed here */
    struct vs_lua_programs *all;
    struct vs_lua_source *next;
};

/* What was borrowed, a program or a step of one: the beginning of its knobs. */
struct vs_lua_taken {
    const char *file, *of, *prefix; /* the file that says so */
    struct vs_lua_taken *next;
};

/* Memory that lasts as long as the programs; NULL without memory. */
void *vs__lua_programs_room(struct vs_lua_programs *p, size_t bytes);
/* A copy of a text, likewise. */
const char *vs__lua_programs_copy(struct vs_lua_programs *p, const char *s);
/* Where a program of this name goes, in the order of names; NULL: there are too many. */
struct vs_program_desc *vs__lua_programs_slot(struct vs_lua_programs *p, const char *name);
/* Begins a file's programs, behind those that are there. */
enum vs_status vs__lua_programs_begin(struct vs_lua_programs **p, enum vs_role role,
                                      const char *name, const char *file, const char *path,
                                      struct vs_errors *errors);
/* The line of a file in which a word of a program stands; 0: none. */
unsigned vs__lua_programs_line(const char *path, const char *program, const char *word);
/* The source called so among the files that a file takes programs of; NULL: it takes none of it. */
const struct vs_lua_source *vs__lua_programs_source(const struct vs_lua_programs *p,
                                                    const char *name, size_t length);
/* Makes `step` that of another file: what is borrowed says of whom it is and is assumed. */
bool vs__lua_programs_borrow(struct vs_lua_programs *p, const struct vs_lua_source *from,
                             struct vs_step_desc *step);
/* Notes that a program of this file, or a step of it, was borrowed; NULL: all of its programs. */
bool vs__lua_programs_note(struct vs_lua_programs *p, const struct vs_lua_source *from,
                           const char *program, const char *step);

#endif
