/* SPDX-License-Identifier: MIT */
/* Where the vCPUs' time of a stored run went, by what they did: what `run` and `show` print. */
#ifndef VIRTSIM_APP_TIME_ROWS_H
#define VIRTSIM_APP_TIME_ROWS_H

#include "stored.h"

/* All charges of one account by one vCPU at one thing that it did. */
struct time_row {
    char vcpu[48], who[48], what[64], account[80];
    int64_t n, ps;
    double share; /* of the vCPU's line */
};

struct time_rows {
    struct time_row *row;
    size_t n, room;
};

/* The rows of a run, the longest first for each vCPU: those of the view vcpu_time, gathered by what
 * was done, for one run only. False: no memory, or the database cannot be read. */
bool time_rows_of(struct vs_db *db, int64_t run, struct time_rows *out);
/* Gives the memory back. */
void time_rows_free(struct time_rows *rows);

#endif
