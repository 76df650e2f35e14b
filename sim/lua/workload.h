/* SPDX-License-Identifier: MIT */
/*
 * Guest workloads in Lua: param { } declares workload.<name> knobs, guest(f) or guest { vcpu = n,
 * run = f } gives a vCPU its program. A program is a coroutine: each method of `cpu` hands the
 * platform one request and continues when simulated time has passed. docs/workloads.md lists them.
 */
#ifndef VIRTSIM_SIM_LUA_WORKLOAD_H
#define VIRTSIM_SIM_LUA_WORKLOAD_H

#include "virtsim/request.h"
#include "virtsim/knob.h"

struct vs_workload;

#define VS_WORKLOAD_METRICS 2048u

struct vs_workload_info {
    const char *name; /* file name without folder and ending */
    const char *text; /* `workload "..."` line of the script, or "" */
    uint64_t hash;    /* XXH64 of the script's bytes */
    unsigned n_vcpus;
    const char *metrics; /* that show what it is about, separated by blanks; "" */
    int metrics_line;    /* of the script, where it states them */
};

/* Runs the file's top level; its parameters are added to `knobs` (may be NULL). `sets` of a
 * request, "path=value", are looked at for what param { } returns: the value that it will have.
 * Whether they are right is said where they are set. */
enum vs_status vs_workload_load(const char *path, struct vs_knobs *knobs, const char *const *sets,
                                size_t n_sets, uint64_t seed, struct vs_workload **out,
                                struct vs_errors *errors);
struct vs_workload_info vs_workload_info(const struct vs_workload *w);
/* Reads the parameters' effective values; after the last vs_knobs_set, before the run. */
void vs_workload_values(struct vs_workload *w, const struct vs_knobs *knobs);
/* 1 + the vCPU whose address spaces this one works in; 0: it has its own. */
unsigned vs_workload_shares(const struct vs_workload *w, unsigned index);
/* The source of vCPU `index`; false when the workload has no program for it. */
bool vs_workload_source(struct vs_workload *w, unsigned index, struct vs_guest_source *out);
void vs_workload_close(struct vs_workload *w);

#endif
