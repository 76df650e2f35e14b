/* SPDX-License-Identifier: MIT */
/*
 * Records of a whole guest system: between accesses stand events, and every access knows its
 * physical address. Tells which mappings have to be made so that the simulated guest's tables give
 * that address, starting from the guest's recorded tables where they are there.
 */
#ifndef VIRTSIM_SIM_SYSTEM_H
#define VIRTSIM_SIM_SYSTEM_H

#include "virtsim/request.h"
#include "trace/trace.h"

struct vs_system;

/* tables may be NULL: every mapping is then made as recorded. */
struct vs_system *vs_system_create(const struct vs_recorded_tables *tables);
/* An event (or the tables) waits to be handed out, whether or not records are left. */
bool vs_system_pending(const struct vs_system *s);
/* The next request out of n records; returns how many of them it takes. 0 with a request that
 * comes before the first of them. Changes records it hands out. */
size_t vs_system_next(struct vs_system *s, struct vs_trace_rec *rec, size_t n,
                      struct vs_request *out);
void vs_system_destroy(struct vs_system *s); /* NULL is allowed */

#endif
