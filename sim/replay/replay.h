/* SPDX-License-Identifier: MIT */
/*
 * A recorded trace as a guest source: blocks of records, with the parts of parts.h. Memory does not
 * grow with the trace.
 *
 * A program's trace is one vCPU's. A recording of a whole guest has a lane for each processor that
 * was recorded, each of which is a vCPU; its records are carried out in their order: a lane has the
 * turn, and passes it when the next record is another one's.
 */
#ifndef VIRTSIM_SIM_REPLAY_H
#define VIRTSIM_SIM_REPLAY_H

#include "virtsim/request.h"
#include "replay/parts.h"

#define VS_REPLAY_LANES 64u

struct vs_replay;
struct vs_system;
struct vs_trace;

/* Takes over `trace`. path is for messages and outlives it. NULL: no memory is left, and the trace
 * is still the caller's. */
struct vs_replay *vs_replay_create(struct vs_trace *trace, const char *path,
                                   const struct vs_parts_wanted *wanted);
/* The next lane: of this recorded processor (0 in a program's trace). Takes over `system`, which a
 * trace of a whole system needs (NULL otherwise). */
void vs_replay_lane(struct vs_replay *r, unsigned processor, struct vs_system *system);
unsigned vs_replay_lanes(const struct vs_replay *r);
/* Records that were read into the measured part. */
uint64_t vs_replay_measured(const struct vs_replay *r);
/* The region of interest begins when so many traces have had their warm-up, counted at the vCPU
 * `leader`; each waits there for the others. */
void vs_replay_together(struct vs_replay *r, unsigned traces, unsigned leader);
/* The source of a lane; first: the vCPU of lane 0, the others follow it. */
void vs_replay_source(struct vs_replay *r, unsigned lane, unsigned first,
                      struct vs_guest_source *out);
void vs_replay_destroy(struct vs_replay *r);

/* Records of each processor in what will be replayed and in what of it will be measured. */
struct vs_replay_census {
    uint64_t replayed[VS_REPLAY_LANES], measured[VS_REPLAY_LANES];
};
/* Reads a recording of a whole guest that far; damage is left to the replay, which meets it again.
 */
enum vs_status vs_replay_count(const char *path, const char *format,
                               const struct vs_parts_wanted *wanted, struct vs_replay_census *out);

#endif
