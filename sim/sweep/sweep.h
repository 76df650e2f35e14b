/* SPDX-License-Identifier: MIT */
/*
 * Every combination of varied knobs, run by a pool (pool.h) into one database. All points are
 * checked before the first run.
 */
#ifndef VIRTSIM_SIM_SWEEP_H
#define VIRTSIM_SIM_SWEEP_H

#include "sweep/pool.h"

#define VS_SWEEP_AXES 8u
#define VS_SWEEP_POINTS 100000u

struct vs_axis {
    char path[128]; /* knob, or "machine" */
    char **value;
    size_t n;
};

struct vs_sweep {
    struct vs_session_request base; /* input, sets, seed, ... */
    struct vs_axis axis[VS_SWEEP_AXES];
    size_t n_axes;
    unsigned jobs;
    /* called when a point has ended: how many are done, of how many, seconds since the start */
    void (*progress)(void *ctx, size_t done, size_t all, double seconds);
    void *progress_ctx;
};

/* "path=v1,v2,..." */
enum vs_status vs_sweep_axis(struct vs_sweep *s, const char *text, struct vs_errors *errors);
size_t vs_sweep_points(const struct vs_sweep *s);
/* The first of what is wrong with any point; nothing is run. */
enum vs_status vs_sweep_check(const struct vs_sweep *s, struct vs_errors *errors);
/* Runs all points and appends them; *first is the first run's number. VS_E_RUN when a point failed.
 */
enum vs_status vs_sweep_run(const struct vs_sweep *s, struct vs_db *db, const char *db_path,
                            int64_t *first, struct vs_errors *errors);
void vs_sweep_free(struct vs_sweep *s);

#endif
