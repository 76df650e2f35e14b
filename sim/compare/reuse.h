/* SPDX-License-Identifier: MIT */
/* Whether a stored run is what a request would make now. */
#ifndef VIRTSIM_SIM_COMPARE_REUSE_H
#define VIRTSIM_SIM_COMPARE_REUSE_H

#include "db/db.h"
#include "session.h"

/* The newest run of the database that this version of the program made of the same inputs: point,
 * workload and its hash, machine, seed, settings, and every knob with its value, source, grade and
 * who set it. 0: there is none, or the request is wrong. What cannot be read is reported by
 * vs_db_unread(). */
int64_t vs_reusable(struct vs_db *db, const struct vs_session_request *r, struct vs_errors *errors);

#endif
