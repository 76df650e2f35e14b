/* SPDX-License-Identifier: MIT */
/* What a number is worth beside a claim: the verdicts of docs/validation.md. */
#ifndef VIRTSIM_SIM_COMPARE_VERDICT_H
#define VIRTSIM_SIM_COMPARE_VERDICT_H

#include "db/db.h"

enum vs_basis {
    VS_BASIS_predicted,
    VS_BASIS_calibrated, /* the claim's number was an input, or is a baseline by definition */
    VS_BASIS_structure,  /* a count, an identity or a direction that the mechanism implies */
};

struct vs_judged {
    bool found; /* the run has the quantity */
    double value;
    enum vs_basis basis;
    double assumed; /* share of the quantity that rests on assumed numbers, 0..1 */
    bool has_low, has_high;
    double low, high;
    const char *relation; /* as in results/documents.csv */
};

/* false: no such basis. */
bool vs_basis_parse(const char *text, enum vs_basis *out);
const char *vs_verdict(const struct vs_judged *j);

/*
 * Share of the operations' time that rests on assumed numbers, 0..1. ops: patterns of operations as
 * of LIKE, separated by blanks, weighted by their time; OP/ACCOUNT takes the parts of them alone
 * whose account begins so; idle and parked time, which nothing prices, is left out. 0 for no
 * pattern.
 */
double vs_assumed_share(struct vs_db *db, int64_t run, const char *ops);

#endif
