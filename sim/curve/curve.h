/* SPDX-License-Identifier: MIT */
/*
 * Miss curves. Where a structure is LRU and what it misses does not change what it is asked for,
 * one run tells its misses at every size: it holds everything, and how deep what is found lies says
 * from which size on it would have been there (virtsim/stack.h). Single runs of a few sizes check
 * that; where one disagrees, or the policy is another, every point is a run of its own.
 */
#ifndef VIRTSIM_SIM_CURVE_H
#define VIRTSIM_SIM_CURVE_H

#include "machine/watch.h"
#include "session.h"

struct vs_curve_request {
    const struct vs_session_request *session;
    const struct vs_watched *what;
    uint64_t sets[VS_WATCH_SETS]; /* 0 of them: as it is configured, and one (fully associative) */
    size_t n_sets;
    bool every;      /* size, not only those that a picture needs */
    unsigned checks; /* single runs for each number of sets */
    unsigned jobs;
};

struct vs_curve_row {
    uint64_t sets, ways, hits, misses;
    bool run; /* a single run, not the one pass */
};

struct vs_curve {
    const struct vs_watched *what;
    struct vs_curve_row *row; /* by sets, then ways; between two rows misses are those of the
                                 first, when the curve is of one pass and of every size */
    size_t n;
    uint64_t line;    /* bytes of an entry that is one; 1: entries are counted */
    unsigned checked; /* single runs that agree */
    char why[400];    /* points are runs: why; "" */
};

/* A structure by name; NULL: there is none such, with a message. */
const struct vs_watched *vs_curve_structure(const char *name, struct vs_errors *errors);
enum vs_status vs_curve_make(const struct vs_curve_request *q, struct vs_curve *out,
                             struct vs_errors *errors);
void vs_curve_free(struct vs_curve *c);

#endif
