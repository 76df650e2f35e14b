/* SPDX-License-Identifier: MIT */
/* Metrics on the command line, and runs as rows: one typed column a varied knob and a metric. */
#ifndef VIRTSIM_APP_POINTS_H
#define VIRTSIM_APP_POINTS_H

#include "cmd.h"
#include "metric/metric.h"

/* --metric, for the options of a command: what was asked for, and where mistakes go. */
struct metric_args {
    struct vs_metrics metrics;
    struct vs_errors *errors;
};
extern const struct argp metric_argp;

/* Prints runs first..last, a row each: run, machine, what was varied (a knob's number in its own
 * column, its unit in the name), simulated_ms and the metrics (what is usual for such runs when
 * none is asked for). Returns how many rows. */
int64_t points_print(struct vs_db *db, int64_t first, int64_t last, const struct vs_metrics *asked,
                     enum out_format format);
/* The metrics of one run, for people a line each. */
void points_one(struct vs_db *db, int64_t run, const struct vs_metrics *asked,
                enum out_format format);
/* The metrics of two runs side by side. */
void points_two(struct vs_db *db, const int64_t run[2], const struct vs_metrics *asked,
                enum out_format format);

#endif
