/* SPDX-License-Identifier: MIT */
/*
 * What stands beside a claim and in no database: why no experiment answers it
 * (results/uncompared.csv), the measurements its experiment names, and the naive guess it has to
 * beat. Kept for one connection, in its table `aside`.
 */
#ifndef VIRTSIM_SIM_COMPARE_ASIDE_H
#define VIRTSIM_SIM_COMPARE_ASIDE_H

#include "db/db.h"
#include "table.h"

/* Makes the table with a row for every claim: claim_id, why ('' for one that is compared),
 * literature (ids, each followed by a blank), naive (NULL until vs_aside_guess). A claim that has
 * no experiment and no reason is told in `errors`. */
enum vs_status vs_aside_make(struct vs_db *db, const struct vs_table *experiments,
                             struct vs_errors *errors);
/* The guess that virtualization changes nothing, beside every stored prediction that has a
 * baseline: the claim's quantity on the baseline alone. */
enum vs_status vs_aside_guess(struct vs_db *db, const struct vs_table *experiments,
                              struct vs_errors *errors);

#endif
