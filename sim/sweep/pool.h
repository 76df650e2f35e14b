/* SPDX-License-Identifier: MIT */
/*
 * Many runs by worker processes into one database: the same rows as one after the other, whatever
 * the order in which they end. A worker lives as long as the pool and makes one point after the
 * other, so that what it has read (traces) it reads once; its results come to the parent as bytes,
 * which stores them in the order of points, so a kill leaves whole runs only. A worker that dies
 * takes its one point with it and is replaced. Workers end with their parent.
 */
#ifndef VIRTSIM_SIM_SWEEP_POOL_H
#define VIRTSIM_SIM_SWEEP_POOL_H

#include "session.h"

#define VS_POINT_SETS 300u
#define VS_POINT_FURTHER 63u

/* One run's request with room for its strings. */
struct vs_point {
    struct vs_session_request request;
    const char *sets[VS_POINT_SETS], *set_by[VS_POINT_SETS], *further[VS_POINT_FURTHER];
    char text[4000];  /* for sets made on the fly */
    char label[2000]; /* names the point in messages and in run.point */
};

/* How points are made, and by how many workers. */
struct vs_pool_work {
    void *ctx;
    bool (*make)(void *ctx, size_t index, struct vs_point *p); /* false: too many settings */
    unsigned jobs;
};

struct vs_pool;

/* Whom a pool tells, now and then, that it waits for its workers; NULL: nobody. */
void vs_pool_waits_by(void (*waits)(void));
struct vs_pool *vs_pool_open(const struct vs_pool_work *work, struct vs_errors *errors);
const struct vs_pool_work *vs_pool_work(const struct vs_pool *p);
/* A signal that came meanwhile takes effect here. */
void vs_pool_close(struct vs_pool *p);

enum vs_pool_verb {
    VS_POOL_CHECK, /* prepares the point, lets its guest ask for memory, simulates nothing; the
                      result is its identity (identity.h) */
    VS_POOL_RUN    /* the result is the run's rows, for vs_db_unpack */
};

/* What a worker says of one point. */
struct vs_pool_answer {
    size_t point;
    enum vs_status status;
    bool died;             /* its process ended: killed, or out of memory */
    char *text;            /* messages, a line each; NULL when there are none */
    struct vs_bytes bytes; /* the result */
};

/* Points are taken from `next` (false: there are no more) and answered to `answer`, in the order in
 * which they end; the answer's bytes and text are the callee's, who frees them. A status ends it
 * early. VS_E_RUN also when no worker can be started or a signal came. */
enum vs_status vs_pool_each(struct vs_pool *p, enum vs_pool_verb verb,
                            bool (*next)(void *ctx, size_t *point),
                            enum vs_status (*answer)(void *ctx, struct vs_pool_answer *a),
                            void *ctx, struct vs_errors *errors);
/* The lines of an answer's text as messages, each behind `label`. */
void vs_pool_say(const struct vs_pool_answer *a, const char *label, struct vs_errors *errors);

/* All points of a pool, in order, into a database. */
struct vs_pool_order {
    size_t n;
    /* called when a point has ended: how many are done, of how many, seconds since the start */
    void (*progress)(void *ctx, size_t done, size_t all, double seconds);
    void *progress_ctx;
    /* which points, of those of `make`; NULL: 0..n-1 */
    const size_t *points;
    /* a run was stored, in a transaction that is still open; NULL: nobody asks */
    enum vs_status (*stored)(void *ctx, size_t point, int64_t run);
    /* whether a run of this point is there since, stored by somebody else, asked in that
     * transaction; NULL: never */
    enum vs_status (*there)(void *ctx, size_t point, bool *is);
    void *ctx;
};
/* Runs them and appends them; *first is the first run's number, later ones follow in order of
 * points (failed ones leave no gap). VS_E_RUN when a point failed, VS_E_BOUNDS when all asked for
 * what their machines do not have: nothing is stored then. */
enum vs_status vs_pool_store(struct vs_pool *p, const struct vs_pool_order *o, struct vs_db *db,
                             int64_t *first, struct vs_errors *errors);

#endif
