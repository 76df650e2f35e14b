/* SPDX-License-Identifier: MIT */
/*
 * Many runs by worker processes into one database: the same rows as one after the other, whatever
 * the order in which they end. Each worker writes its run into a file of its own beside the
 * database; the parent appends them in the order of points, so a kill leaves whole runs only.
 * Workers end with their parent, and what they left is removed, at the latest by the next pool
 * (folder.h).
 */
#ifndef VIRTSIM_SIM_SWEEP_POOL_H
#define VIRTSIM_SIM_SWEEP_POOL_H

#include "session.h"

#define VS_POINT_SETS 300u

/* One run's request with room for its strings. */
struct vs_point {
    struct vs_session_request request;
    const char *sets[VS_POINT_SETS], *set_by[VS_POINT_SETS];
    char text[4000];  /* for sets made on the fly */
    char label[2000]; /* names the point in messages and in run.point */
};

struct vs_pool {
    void *ctx;
    bool (*make)(void *ctx, size_t index, struct vs_point *p); /* false: too many settings */
    size_t n;
    unsigned jobs;
    /* called when a point has ended: how many are done, of how many, seconds since the start */
    void (*progress)(void *ctx, size_t done, size_t all, double seconds);
    void *progress_ctx;
};

/* Prepares every point, and lets its guest ask for memory, without simulating anything: the first
 * ten that are wrong, in *errors. */
enum vs_status vs_pool_check(const struct vs_pool *s, struct vs_errors *errors);
/* Runs all and appends them; *first is the first run's number, later ones follow in order of points
 * (failed ones leave no gap). VS_E_RUN when a point failed, VS_E_BOUNDS when all asked for what
 * their machines do not have: nothing is stored then. A signal that ends the process ends the
 * workers first (ending.h). */
enum vs_status vs_pool_run(const struct vs_pool *s, struct vs_db *db, const char *db_path,
                           int64_t *first, struct vs_errors *errors);

#endif
