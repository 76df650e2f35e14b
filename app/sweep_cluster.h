/* SPDX-License-Identifier: MIT */
/*
 * A sweep on a cluster: a folder holds its manifest, a script, a shard of the results for each part
 * of the points, and a mark for each part that is done. What is in it is all there is to know, so
 * it can be submitted again after anything.
 */
#ifndef VIRTSIM_APP_SWEEP_CLUSTER_H
#define VIRTSIM_APP_SWEEP_CLUSTER_H

#include "cmd.h"

#include "sweep/sweep.h"

struct cluster {
    const char *folder;
    const char *manifest; /* its text */
    const char *db;       /* where the shards are gathered */
    const char *options;  /* for sbatch, NULL: none */
    uint64_t group;       /* points a task; 0: as the folder has it, or 100 */
    unsigned jobs;        /* workers of a task */
    bool partial;         /* gather what there is, also behind a part that is not done */
};

/* What can be said before anything is checked: whether there is a Slurm to submit to. */
enum vs_status cluster_look(const struct cluster *c, struct vs_errors *errors);
/* Submits the parts of the sweep that are not done as a job array, and a job that gathers them. */
enum vs_status cluster_submit(const struct cluster *c, const struct vs_sweep *s,
                              struct vs_errors *errors);
/* Merges the shards into the database, in order. VS_E_RUN: some parts are not done. */
enum vs_status cluster_gather(const struct cluster *c, const struct vs_sweep *s, struct vs_db *db,
                              struct vs_errors *errors);

#endif
