/* SPDX-License-Identifier: MIT */
/*
 * The documents' numbers beside the simulation's. results/experiments.csv says for each claim which
 * run answers it and by which query; runs that the database lacks, of this version and of what the
 * files now say, are made. A number
 * that was an input of its machine is calibrated, a count or identity is structure, and neither
 * counts as agreement; the verdicts are those of docs/validation.md.
 */
#ifndef VIRTSIM_SIM_COMPARE_H
#define VIRTSIM_SIM_COMPARE_H

#include "db/db.h"
#include "session.h"

struct vs_compare_options {
    const char *domain; /* NULL = all */
    bool no_run;        /* use stored runs only */
    size_t *n_lacking;  /* with no_run: how many runs would have to be made */
    unsigned jobs;
    const char *db_path;
    const char *argv;
    void (*progress)(void *ctx, size_t done, size_t all, double seconds);
};

/* Loads claims and literature into their tables, runs what is missing, fills `comparison`. */
enum vs_status vs_compare(struct vs_db *db, const struct vs_compare_options *o,
                          struct vs_errors *errors);
/* What can be known before any run: the tables are read, the domain has an experiment. */
enum vs_status vs_compare_check(const struct vs_compare_options *o, struct vs_errors *errors);
/* Claims and literature only. */
enum vs_status vs_compare_load(struct vs_db *db, struct vs_errors *errors);

#endif
