/* SPDX-License-Identifier: MIT */
/*
 * Machine descriptions: Lua files that return a table. A machine names its parts (cpu, hypervisor,
 * iommu, nic, memory: files of scripts/lua/<part>s/) and overrides single knobs; a file may build
 * on another of its kind with `base`. Every number is { value, "source", "grade" }; a bare number
 * is an error. A part's file is about the part it is named after, or `of` = "part"; a single value
 * may be about another, { value, "source", "grade", of = "part" }. What is about another part than
 * the one that uses it is taken over and assumed (borrow.h), unless `same` states what the two have
 * in common and why: same = { part = { why = "...", "ept", "memory.l1d" } }. of = "any" holds for
 * all parts. `text` says what the file describes, `calibrated` what was fitted to. A part
 * says what it takes over: borrows = { part = { why = "...", "ept.l1_itlb" } }; the values are
 * taken over all the same where it does not (vs_machine_info.stated says what was said). `groups`
 * says which knobs have a measured sum (group.h).
 */
#ifndef VIRTSIM_SIM_LUA_MACHINE_H
#define VIRTSIM_SIM_LUA_MACHINE_H

#include "borrow.h"
#include "group.h"
#include "virtsim/knob.h"

struct vs_machine_info {
    char name[64];
    char text[400];
    char calibrated[400]; /* what was fitted to on this machine: reference ids, or "" */
    struct vs_stated stated[VS_STATED_MAX]; /* by all its files */
    size_t n_stated;
    struct vs_group group[VS_GROUPS_MAX]; /* whose sums a source fixes on this machine (group.h) */
    size_t n_groups;
};

/* `name` is a machine's name or the path of a .lua file; home holds scripts/lua. All mistakes of
 * the description are reported together. knobs may be NULL: nothing is set. Who runs machines asks
 * vs_shipped_load (shipped.h), which does the same and need not read what the build has read. */
enum vs_status vs_machine_load(const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors);
/* Calls visit for every machine of `home`, in name order. */
void vs_machine_each(const char *home, void (*visit)(void *ctx, const char *name, const char *path),
                     void *ctx);
/* The same for every file of a description, the machines' and their parts'. */
void vs_machine_each_file(const char *home,
                          void (*visit)(void *ctx, const char *name, const char *path), void *ctx);
/* Calls visit with what every machine of `home` says about itself, in name order; each file is read
 * once, and only for its texts: a mistake in its values is reported by vs_machine_load. */
enum vs_status vs_machine_each_info(const char *home,
                                    void (*visit)(void *ctx, const struct vs_machine_info *info),
                                    void *ctx, struct vs_errors *errors);

#endif
