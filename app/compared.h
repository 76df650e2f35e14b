/* SPDX-License-Identifier: MIT */
/* One claim of the documents and all that is known beside it, row by row. */
#ifndef VIRTSIM_APP_COMPARED_H
#define VIRTSIM_APP_COMPARED_H

#include "db/db.h"

struct compared {
    const char *claim, *domain, *subject, *metric, *condition, *unit;
    char documents[80];     /* "95..98", "<= 10" */
    double middle;          /* of the documents' range, or its one bound; 0: none */
    double value;           /* NaN: no number */
    const char *basis;      /* "" where nothing is compared */
    const char *verdict;    /* "not compared": no experiment; "not run": this database lacks it */
    const char *reason;     /* why it is so, or why it is not compared */
    const char *literature; /* measurements that its experiment names */
    bool contradicted;
    int64_t run;    /* 0: none */
    double assumed; /* share of the number that rests on assumed ones; NaN */
    double naive;   /* the guess that virtualization changes nothing; NaN: none */
};

/* Rows of a domain (NULL: all of them), which vs_compare has filled; `all`: claims that are not
 * compared as well. Finalize what it returns. */
sqlite3_stmt *compared_query(struct vs_db *db, const char *domain, bool all);
/* The next row; its text lives until the one after. */
bool compared_row(struct vs_db *db, sqlite3_stmt *st, struct compared *c);

#endif
