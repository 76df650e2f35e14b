/* SPDX-License-Identifier: MIT */
/*
 * The cost tree of one operation of a stored run: its parts and children, theirs, and so on, per
 * operation, with the evidence each part's price rests on. A child operation that has several
 * parents is shown under each with its own mean composition, scaled to what this parent's share of
 * it took.
 */
#ifndef VIRTSIM_SIM_EXPLAIN_TREE_H
#define VIRTSIM_SIM_EXPLAIN_TREE_H

#include "db/db.h"

struct vs_tree_node {
    char name[96]; /* account, or "actor op" of a child */
    unsigned depth;
    bool is_op, exposed;
    double ps;              /* per operation at the root */
    double n;               /* charges or child operations per operation at the root */
    bool graded;            /* false: waits, and inner nodes */
    enum vs_evidence grade; /* the weakest of the knobs that price the account */
    char priced_by[240];
    char group[48]; /* the grade is that of a sum, of this group of knobs; "": the part's own */
};

struct vs_tree {
    char actor[64], op[64];
    int64_t n;            /* operations measured */
    double total_ps;      /* mean of one */
    double assumed_share; /* of total_ps that rests on assumed numbers, 0..1: a group of knobs whose
                           * sum a source fixes counts as its sum where all of it is here */
    double input_share;   /* that the machine's own file states as a claim of the documents */
    struct vs_tree_node *node;
    size_t n_nodes;
};

/* actor NULL: the actor with most time in that op; of time lines, the busiest vCPU.
 * VS_E_UNKNOWN when the run has no such operation.
 */
enum vs_status vs_tree_build(struct vs_db *db, int64_t run, const char *actor, const char *op,
                             struct vs_tree *out);
/* The same, of those parts alone whose account begins so: total and shares are theirs, and a group
 * of which they hold some knobs only is not whole. */
enum vs_status vs_tree_build_parts(struct vs_db *db, int64_t run, const char *actor, const char *op,
                                   const char *account, struct vs_tree *out);
void vs_tree_free(struct vs_tree *t);
/* The knobs that price an account, as a comma list; "" for waits and what is no account. */
void vs_explain_prices(const char *account, char *out, size_t bytes);

/* The workload and settings that exercise an operation, for `explain`; NULL when none does. An exit
 * and a handler have that of what left the guest (`op` is the neutral name then). */
struct vs_explain_recipe {
    const char *op, *workload, *set[6];
};
const struct vs_explain_recipe *vs_explain_recipe(enum vs_op op);
/* Whether a recipe's setting is one for a machine of this architecture (NULL: not known). */
bool vs_explain_sets(const char *set, const char *world);

#endif
