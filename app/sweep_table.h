/* SPDX-License-Identifier: MIT */
/* What `sweep` prints of its points: a row a run, or under several seeds a row a combination. */
#ifndef VIRTSIM_APP_SWEEP_TABLE_H
#define VIRTSIM_APP_SWEEP_TABLE_H

#include "points.h"

#include "sweep/plan.h"

/* The stored points of the plan; how many runs there are. `level`: of the confidence interval. */
size_t sweep_table(struct vs_db *db, struct vs_plan *p, double level,
                   const struct vs_metrics *metrics, enum out_format format);
/* What would be run, without a run: number, values, and whether it is new, stored or impossible. */
void sweep_points(const struct vs_plan *p, enum out_format format);

#endif
