/* SPDX-License-Identifier: MIT */
/* What the files of programs share. */
#ifndef VIRTSIM_CORE_PROGRAM_IMPL_H
#define VIRTSIM_CORE_PROGRAM_IMPL_H

#include "virtsim/program.h"

/* What sets of each role are called: their component, and the first word of their knobs. */
struct vs__program_names {
    const char *component, *prefix;
};
extern const struct vs__program_names vs__program_role[VS_ROLES];

/* Makes a linked set's component: a knob for each number, an account for each run. False: no
 * memory. */
bool vs__program_set_describe(struct vs_program_set *set);
/* The largest value of a number of a program's step, and what that number is called in a knob. */
uint64_t vs__program_number_max(const struct vs_program *p, int number);
const char *vs__program_number_name(int number);

/* Says whether two sets of programs are described alike, so that one can serve both. */
bool vs__program_set_same(const struct vs_program_set_desc *a, const struct vs_program_set_desc *b);

/* ---- work that is put off (program_later.c) ---- */

/* A new branch: `a` behind what was put off before it. NULL: what was put off has to be made first,
 * or there is no memory. */
struct vs_put_off *vs__put_off_new(struct vs_plan *p, struct vs_put_off *before,
                                   const struct vs_act *a);
/* Makes all that was put off up to there. */
void vs__put_off_make(const struct vs_software *s, struct vs_txn *t, const struct vs_plan *p,
                      struct vs_put_off *o);
/* Of `o` and what stands beside and behind it. */
void vs__put_off_free(struct vs_put_off *o);

#endif
