/* SPDX-License-Identifier: MIT */
/* What `sweep` is asked for: its options, read from the command line and from manifests. */
#ifndef VIRTSIM_APP_SWEEP_ARGS_H
#define VIRTSIM_APP_SWEEP_ARGS_H

#include "cmd.h"
#include "points.h"

#include "sweep/manifest.h"
#include "sweep/plan.h"

struct sweep_args {
    struct request r;
    struct vs_sweep s;
    struct vs_plan plan;
    struct vs_manifest *manifest[8]; /* that were read: their strings are in use */
    unsigned n_manifests, jobs;
    const char *resume; /* NULL: not asked for; "": whatever there is */
    bool skip_impossible, print_manifest;
    double level;
    size_t part, parts; /* 1..parts; 0: all */
    const char *slurm, *gather, *slurm_options;
    uint64_t group;
    bool partial;
    struct vs_pool *pool;
    struct metric_args metrics;
};

/* Fills a struct sweep_args, after request_init. */
extern const struct argp sweep_argp;
/* Everything the request says, settled: how many points there are. */
enum vs_status sweep_settle(struct sweep_args *a);

#endif
