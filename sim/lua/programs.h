/* SPDX-License-Identifier: MIT */
/*
 * Programs of a hypervisor or of a guest's kernel (virtsim/program.h) as its file states them: the
 * field `program`, a table of programs by name, each a list of steps.
 *
 *   program = { cpu_id = {
 *     { "read", state = { "flags", "length", "pc" } },
 *     { "search", run = 320, code = 1536, data = 512, source = "...", grade = "assumed" },
 *     { "skip", state = "pc=next" } } }
 *
 * A step's first word is its name; one of run (instructions), cycles, touch (bytes), clear, load,
 * store, copy (bytes), state, action, trap, send, wait, call says what it does; code, data, taken,
 * when, each, like, source and grade go with it. `at = "user"` in a program: it runs in user space;
 * `offset`: its code and data lie that far behind the kernel's. A program that is false is none.
 * `programs` beside `program` names other files whose programs are taken first: all of one,
 *
 *   programs = "kvm"
 *   programs = { kvm = { why = "no count is at hand", "block", "wake" }, qemu = { "device" } }
 *
 * or some of several, "*" being all of one. With `why` they are borrowed: their numbers are about
 * the other software, which their sources then say, and assumed. `as = "kvm.path_in.ibpb"` in a
 * step takes one step.
 */
#ifndef VIRTSIM_SIM_LUA_PROGRAMS_H
#define VIRTSIM_SIM_LUA_PROGRAMS_H

#include "box.h"
#include "virtsim/program.h"

/* Programs that have been read, from one file after the other: later ones replace earlier ones of
 * the same name. */
struct vs_lua_programs;

/* Reads the table on top of the stack, which stays. `name` and `file` are the hypervisor's or the
 * kernel's, `path` is where lines are looked up. *p is made when it is NULL. */
enum vs_status vs_lua_programs_read(struct vs_lua_programs **p, lua_State *L, enum vs_role role,
                                    const char *name, const char *file, const char *path,
                                    struct vs_errors *errors);
/* Reads the programs of the role's file NAME.lua below `home`, after those of the file that it
 * names as `base` or `programs`. */
enum vs_status vs_lua_programs_file(struct vs_lua_programs **p, struct vs_box *box,
                                    enum vs_role role, const char *home, const char *name,
                                    struct vs_errors *errors);
/* Takes `programs` and `program` of the table on top of the stack, which stays, behind what has
 * been read; `base` is the caller's to read. */
enum vs_status vs_lua_programs_table(struct vs_lua_programs **p, struct vs_box *box,
                                     enum vs_role role, const char *home, const char *name,
                                     const char *file, const char *path, struct vs_errors *errors);
/* What was borrowed: the file that says so, of whom, and the beginning of its knobs. */
void vs_lua_programs_taken(const struct vs_lua_programs *p,
                           void (*add)(void *ctx, const char *file, const char *of,
                                       const char *prefix),
                           void *ctx);
/* The set of what has been read; NULL and what is wrong with it. */
const struct vs_program_set *vs_lua_programs_link(struct vs_lua_programs *p,
                                                  struct vs_errors *errors);
/* What has been read, for who makes tables of it. */
const struct vs_program_set_desc *vs_lua_programs_desc(const struct vs_lua_programs *p);
void vs_lua_programs_free(struct vs_lua_programs *p);

#endif
