/* SPDX-License-Identifier: MIT */
/*
 * Whose values a machine uses. A value is about one part: the one whose description sets it or,
 * left at its default, the one the default describes. Used by another part it is taken over,
 * whatever it was for the first: its grade becomes assumed and its source says "taken from PART:
 * SOURCE, GRADE". This is the one place where that happens; what a machine borrows is the list of
 * such knobs.
 */
#ifndef VIRTSIM_SIM_LUA_BORROW_H
#define VIRTSIM_SIM_LUA_BORROW_H

#include "virtsim/knob.h"

/* Folders of scripts/lua whose files describe parts. */
enum vs_slot {
    VS_SLOT_CPU,
    VS_SLOT_MEMORY,
    VS_SLOT_HYPERVISOR,
    VS_SLOT_IOMMU,
    VS_SLOT_NIC,
    VS_SLOT_KERNEL, /* of the guest */
    VS_SLOT_N
};

/* Whose the default of a knob is. */
struct vs_default_of {
    const char *pattern; /* as fnmatch(3) has it, "." being an ordinary character */
    enum vs_slot slot;
    const char *of;   /* a part, or a vendor; NULL = an architecture's, a program's, or a choice */
    bool guessed_too; /* a guess about that part: taken over too, though it is assumed anyway */
};
/* NULL when nothing is said about it: then it is nobody's, and no part may call it its own. */
const struct vs_default_of *vs_default_of(const char *path);

/* `part` may call `of`'s values of these knobs its own, because of `why`. */
struct vs_kin {
    char part[64], of[64], prefix[128], why[256];
};
/* A value that a description sets, where it does and what it rests on. */
struct vs_told {
    const char *path, *of; /* of NULL: the machine's own */
    enum vs_slot slot;
    const char *value, *source, *file;
    enum vs_evidence grade;
    const struct vs_program_set *programs; /* it sets no knob: what follows is about these programs
                                              of the hypervisor `value` */
};
/* What the description of a part says it borrows: borrows = { of = { why = "...", "prefix" } }. */
struct vs_stated {
    char file[64], of[64], prefix[96];
    unsigned taken; /* values of the machine that it is true of */
};
#define VS_STATED_MAX 160u /* of a machine's files together */
struct vs_borrow {
    const char *machine;
    const char *part[VS_SLOT_N]; /* what fills the slot; "" = nothing; "any" = what holds for all */
    const struct vs_kin *kin;
    size_t n_kin;
    const struct vs_told *told; /* in the order they were set */
    size_t n_told;
    struct vs_stated *stated;
    size_t n_stated;
};
/* The statement by which `part` may call `of`'s value of a knob its own; NULL: there is none. */
const struct vs_kin *vs_borrow_kin(const struct vs_borrow *b, const char *part, const char *of,
                                   const char *path);
/* Marks what is taken over; values stay. Before workloads and the command line have their say. */
void vs_borrow_settle(const struct vs_borrow *b, struct vs_knobs *knobs);
/* The part a knob's value was taken from, in `from`; false when it was not. */
bool vs_borrow_from(const struct vs_knob *knob, char *from, size_t bytes);
/* Which of the statements is true of a knob whose value was taken from a part; NULL: none. */
struct vs_stated *vs_borrow_stated(struct vs_stated *stated, size_t n, const char *from,
                                   const char *path);

#endif
