/* SPDX-License-Identifier: MIT */
/*
 * A recorded trace as a guest source: blocks of records, with skip, limit and the region of
 * interest after a number of warm-up records. Memory does not grow with the trace.
 */
#ifndef VIRTSIM_SIM_REPLAY_H
#define VIRTSIM_SIM_REPLAY_H

#include "guest.h"

struct vs_replay;
struct vs_system;
struct vs_trace;

/* Takes over `trace`, and `system`, which a trace of a whole system needs (NULL otherwise). warmup
 * records after the skipped ones run before the region of interest. */
struct vs_replay *vs_replay_create(struct vs_trace *trace, const char *path, uint64_t skip,
                                   uint64_t limit, uint64_t warmup, struct vs_system *system);
void vs_replay_source(struct vs_replay *r, struct vs_guest_source *out);
void vs_replay_destroy(struct vs_replay *r);

#endif
