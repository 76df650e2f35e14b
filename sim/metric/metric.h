/* SPDX-License-Identifier: MIT */
/*
 * Metrics: numbers of a stored run by name, the same in every command, in a workload's own list and
 * in the database's view `metric`.
 *
 *   op:NAME[.mean|p50|p90|p99|n|total]    an operation: its mean by default, times in ns
 *   part:OP/ACCOUNT[.mean|n|total|share]  what of it an account, or an operation within it, took:
 *                                         ns of each OP by default
 *   counter:NAME                          a counter, in its own unit
 *   ratio:A/B                             of two of those
 *
 * NAME is an operation's own name or another one of it (table op_alias); a name that stands for
 * several adds them up. "@ACTOR" at the end takes one actor's rows, or those of a pattern of the
 * shell: @guest and @host are short for those of every vCPU. Without it, accesses and
 * walks are the guest's, a time line is the vCPUs', and of all else every actor counts.
 */
#ifndef VIRTSIM_SIM_METRIC_H
#define VIRTSIM_SIM_METRIC_H

#include "db/db.h"
#include "virtsim/op.h"

#define VS_METRICS 32u          /* of one request */
#define VS_METRIC_TEXT 320u     /* bytes of a metric's name */
#define VS_METRIC_NAME 96u      /* of a name in it */
#define VS_METRIC_KEY "metrics" /* of provenance: what the workload states */

enum vs_metric_kind { VS_METRIC_OP, VS_METRIC_PART, VS_METRIC_COUNTER };
enum vs_metric_stat {
    VS_STAT_MEAN,
    VS_STAT_P50,
    VS_STAT_P90,
    VS_STAT_P99,
    VS_STAT_N,
    VS_STAT_TOTAL,
    VS_STAT_SHARE
};

/* One number of a run; a ratio has two. */
struct vs_metric_term {
    enum vs_metric_kind kind;
    enum vs_metric_stat stat;
    char name[VS_METRIC_NAME];   /* of the counter */
    char within[VS_METRIC_NAME]; /* of a part: the account or the operation */
    char actor[VS_METRIC_NAME];  /* a pattern */
    bool lines;                  /* only actors that are no part of another one */
    enum vs_op op[VS_OP_SAME];
    size_t n_ops;
    char unit[24];
};

struct vs_metric {
    char text[VS_METRIC_TEXT]; /* in full, as the view `metric` has it */
    char unit[56];
    bool ratio;
    struct vs_metric_term term[2];
};

struct vs_metrics {
    struct vs_metric list[VS_METRICS];
    size_t n;
};

struct vs_metric_value {
    bool found, integer;
    int64_t whole; /* of an integer */
    double real;
};

/* Appends a metric; `by` says in messages who asked ("--metric"). Names of this program only. */
enum vs_status vs_metrics_add(struct vs_metrics *m, const char *text, const char *by,
                              struct vs_errors *errors);
/* What to show of runs first..last when nobody asked: what their workloads state, else what
 * happened in them. */
void vs_metrics_default(struct vs_metrics *m, struct vs_db *db, int64_t first, int64_t last);
/* The metric of a run; not found where the run has no such thing. What cannot be read
 * vs_db_unread tells. */
struct vs_metric_value vs_metric_value(struct vs_db *db, int64_t run, const struct vs_metric *m);
/* "op:walk.mean [ns]": the column's name wherever a metric is a column. Returns out. */
const char *vs_metric_column(const struct vs_metric *m, char *out, size_t bytes);

#endif
