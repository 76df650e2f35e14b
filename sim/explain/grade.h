/* SPDX-License-Identifier: MIT */
/*
 * What each part of a tree rests on. A part is as weak as the weakest of the knobs that price it. A
 * knob of a group counts with the grade of the group's sum where the tree holds the whole group:
 * every knob of it that is not zero prices some part. Of a tree that holds only some of them, it
 * counts with its own.
 */
#ifndef VIRTSIM_SIM_EXPLAIN_GRADE_H
#define VIRTSIM_SIM_EXPLAIN_GRADE_H

#include "explain/tree.h"

/* What a component declares of an account; NULL: no component has it. */
const struct vs_account_desc *vs__account(const char *path);
/* Grades all parts and sets assumed_share and input_share to the time (ps) of such parts. */
void vs__tree_grade(struct vs_db *db, int64_t run, struct vs_tree *t);

#endif
