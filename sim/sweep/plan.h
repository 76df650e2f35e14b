/* SPDX-License-Identifier: MIT */
/*
 * What is to be done for a sweep: every point is checked before the first run; impossible ones are
 * refused or left out, those that the database has of this build are taken from there, the others
 * are run. How a sweep and its points stand in the database is in stored.h.
 */
#ifndef VIRTSIM_SIM_SWEEP_PLAN_H
#define VIRTSIM_SIM_SWEEP_PLAN_H

#include "sweep/identity.h"
#include "sweep/sweep.h"

enum vs_point_state {
    VS_POINT_OPEN,      /* not looked at */
    VS_POINT_NEW,       /* to be run */
    VS_POINT_STORED,    /* a run of it is in the database */
    VS_POINT_TWIN,      /* an earlier point of the sweep is the same */
    VS_POINT_IMPOSSIBLE /* refused by the check */
};

struct vs_planned {
    unsigned char identity[VS_IDENTITY_BYTES];
    int64_t run; /* 0: none yet */
    size_t twin; /* the earlier point */
    enum vs_point_state state;
};

/* Why points are impossible; what several of them have in common stands once. */
struct vs_fault {
    char *text;
    size_t first, points; /* the first of the points that have it, and how many do */
};

struct vs_plan {
    struct vs_sweep *sweep;
    size_t begin, end;        /* the part of the points that is this one's */
    struct vs_planned *point; /* of the part: vs_plan_at */
    struct vs_fault *fault;   /* in the order of points */
    size_t n_faults, n_impossible, n_stored, n_new;
    size_t n_other;     /* new ones that are stored, too, but made by another build */
    char other[128];    /* one such build */
    int64_t seen;       /* the last run of the database when it was asked for the points */
    size_t n_meanwhile; /* new ones that somebody else has stored since */
};

/* A point of the part by its number in the sweep. */
static inline struct vs_planned *vs_plan_at(const struct vs_plan *p, size_t point)
{
    return &p->point[point - p->begin];
}
/* Points begin..end-1 of a settled sweep. */
enum vs_status vs_plan_make(struct vs_plan *p, struct vs_sweep *s, size_t begin, size_t end,
                            struct vs_errors *errors);
void vs_plan_free(struct vs_plan *p);
/* Checks every point of the part. VS_OK also when some are impossible: the faults say why. */
enum vs_status vs_plan_check(struct vs_plan *p, struct vs_pool *pool,
                             void (*progress)(void *ctx, size_t done, size_t all, double seconds),
                             void *ctx, struct vs_errors *errors);
/* The faults as messages: "LABEL: why", or "several points: why (3 of 9 points, the first is
 * LABEL)". */
void vs_plan_refuse(const struct vs_plan *p, struct vs_errors *errors);
/* A point's values as text, "a=1 b=2", "" when it has none. */
const char *vs_plan_label(const struct vs_plan *p, size_t point);

#endif
