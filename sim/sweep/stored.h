/* SPDX-License-Identifier: MIT */
/*
 * A sweep in the database. Its points are ordinary runs; what a run is to a sweep are rows of
 * `provenance`, which the digest leaves out, so that a run may belong to several:
 *
 *   point              the identity (identity.h)
 *   build              which program made it
 *   sweep.NAME/INDEX   {"vary": {"PATH": "VALUE", ...}}: it is this point of that sweep
 *   manifest.NAME      at the sweep's first run: the sweep as a manifest, to go on with
 *
 * The view `sweep_point` shows them as rows of (sweep, point, run, path, value).
 */
#ifndef VIRTSIM_SIM_SWEEP_STORED_H
#define VIRTSIM_SIM_SWEEP_STORED_H

#include "sweep/plan.h"

/* Finds the plan's points among the runs of the database. */
enum vs_status vs_stored_find(struct vs_plan *p, struct vs_db *db, struct vs_errors *errors);
/* The manifest of a sweep, for the caller to free; NULL: there is none of that name. */
char *vs_stored_manifest(struct vs_db *db, const char *name);
/* Names of the sweeps that are stored, joined by ", "; how many. */
size_t vs_stored_names(struct vs_db *db, char *out, size_t bytes);
/* Runs what is to be run and stores it, and notes whose points all of them are. `manifest` is the
 * sweep's text. As vs_pool_store. */
enum vs_status vs_stored_run(struct vs_plan *p, struct vs_pool *pool, struct vs_db *db,
                             const char *manifest,
                             void (*progress)(void *ctx, size_t done, size_t all, double seconds),
                             void *ctx, struct vs_errors *errors);
/* How many points of a sweep the database has. */
size_t vs_stored_count(struct vs_db *db, const char *name);

#endif
