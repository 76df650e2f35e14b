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
/* Runs that are chosen one by one: 0 is none. */
struct points_list {
    size_t n;
    int64_t (*run)(void *ctx, size_t i);
    const char *(*label)(void *ctx, size_t i); /* "path=value ...": what was varied */
    void *ctx;
    size_t seeds; /* more than 1: so many in a row are one combination, a row with its spread */
    double level; /* of the mean's confidence interval, by Student's t */
};
/* The same for them. Under several seeds each metric has three columns: its mean, "NAME sd", the
 * deviation of the sample, and "NAME ci95", half the width of the mean's confidence interval. */
int64_t points_print_list(struct vs_db *db, const struct points_list *list,
                          const struct vs_metrics *asked, enum out_format format);
/* The metrics of one run, for people a line each. */
void points_one(struct vs_db *db, int64_t run, const struct vs_metrics *asked,
                enum out_format format);
/* The metrics of two runs side by side. */
void points_two(struct vs_db *db, const int64_t run[2], const struct vs_metrics *asked,
                enum out_format format);

#endif
