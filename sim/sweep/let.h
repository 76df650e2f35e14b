/* SPDX-License-Identifier: MIT */
/*
 * Knobs whose values follow from others of the point: Lua expressions over knobs by their paths,
 * such as `ept.l2_tlb.entries // 64`, in a sandbox. A number, a flag (boolean) or a choice's name
 * is what a knob is in an expression, and what the expression gives. Also there: `knob("path")` for
 * a path that is no Lua name, `seed`, and Lua's library as workloads have it.
 */
#ifndef VIRTSIM_SIM_SWEEP_LET_H
#define VIRTSIM_SIM_SWEEP_LET_H

#include "sweep/sweep.h"

/* The expressions of a sweep, compiled; kept for all points. */
struct vs_lets;

/* What is no expression is an error, one for each. NULL then. */
struct vs_lets *vs_lets_open(const struct vs_sweep *s, struct vs_errors *errors);
void vs_lets_close(struct vs_lets *l);
/* The seed of the point that is next. */
void vs_lets_seed(struct vs_lets *l, uint64_t seed);
/* For vs_session_request.derive; ctx is the struct vs_lets: sets each knob, in the order in which
 * they were given, so that one may use another before it. */
enum vs_status vs_lets_apply(void *ctx, struct vs_knobs *knobs, struct vs_errors *errors);

#endif
