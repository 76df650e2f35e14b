/* SPDX-License-Identifier: MIT */
/* What show and diff share: the runs of a database, by number. */
#ifndef VIRTSIM_APP_STORED_H
#define VIRTSIM_APP_STORED_H

#include "points.h"

struct stored {
    const char *db;
    enum out_format format;
    int64_t run[2];
    int n, want;
    struct metric_args metrics;
    struct vs_errors errors;
};

/* Options of a command about stored runs, and its parser (input: struct stored). */
extern const struct argp_option stored_options[];
extern const struct argp_child stored_children[];
error_t stored_option(int key, char *arg, struct argp_state *state);
/* Parses and opens; all runs asked for are there. An exit status. */
int stored_open(struct stored *s, int argc, char **argv, const struct argp *a, struct vs_db **db);
/* A query with the numbers bound to its first and to its other parameters. */
sqlite3_stmt *stored_query(struct vs_db *db, const char *sql, int64_t a, int64_t b);
/* "" for NULL. */
const char *stored_text(sqlite3_stmt *st, int i);

#endif
