/* SPDX-License-Identifier: MIT */
/*
 * What the vCPUs of a run execute: a Lua workload; or traces and recordings, one after the other on
 * the next vCPUs. Opening finds every mistake in the inputs.
 */
#ifndef VIRTSIM_SIM_PROGRAMS_H
#define VIRTSIM_SIM_PROGRAMS_H

#include "virtsim/request.h"
#include "session.h"

#define VS_PROGRAMS_MAX 64u

struct vs_program {
    const char *input;
    struct vs_trace *trace; /* owned by replay once that exists */
    struct vs_replay *replay;
    struct vs_recorded_tables *tables;
    struct vs_recording *recording;
    struct vs_kvm *exits;
};

struct vs_programs {
    struct vs_workload *workload;
    struct vs_program each[VS_PROGRAMS_MAX];
    unsigned n, n_vcpus;
    unsigned *machine;            /* of each vCPU, where the inputs do not share one */
    uint8_t shares[VS_RUN_VCPUS]; /* as in struct vs_run_options */
    char name[512], path[4096];   /* path: of the last input opened */
};

/* Sets what the inputs say about the run: recorded memory, and seed and warm-up of a recording
 * where the request leaves them open. */
enum vs_status vs_programs_open_traces(struct vs_programs *p, struct vs_session_request *r,
                                       struct vs_errors *errors);
/* One of the inputs, a trace of exits. */
enum vs_status vs_programs_open_exits(struct vs_programs *p, struct vs_session_request *r,
                                      const char *input, struct vs_errors *errors);
/* The machine's processors are of the vendor whose exits the inputs have. */
enum vs_status vs_programs_exits_fit(const struct vs_programs *p, const struct vs_knobs *knobs,
                                     const char *machine, struct vs_errors *errors);
/* Bytes of guest memory that traces of exits need. */
uint64_t vs_programs_memory(const struct vs_programs *p);
/* What traces of exits recorded, as rows of the results, which the caller frees; NULL: there is
 * none, or with *n > 0 no memory. */
struct vs_exit_row *vs_programs_exits(const struct vs_programs *p, size_t *n);
/* What a reader of the results should know of the inputs. */
void vs_programs_remarks(const struct vs_programs *p, void (*say)(void *ctx, const char *text),
                         void *ctx);
/* Declares the workload's parameters as knobs. */
enum vs_status vs_programs_open_workload(struct vs_programs *p, const struct vs_session_request *r,
                                         struct vs_knobs *knobs, struct vs_errors *errors);
/* --threads and --shares: which traces' vCPUs share address spaces. */
enum vs_status vs_programs_share(struct vs_programs *p, const struct vs_session_request *r,
                                 struct vs_errors *errors);
/* After opening: fills `machine`. A workload's vCPUs are so many `together` (guest.vcpus), traces
 * one each; a recording brings those that it was recorded on. */
enum vs_status vs_programs_machines(struct vs_programs *p, unsigned together);
/* After the run: each input has a part in what was measured. */
enum vs_status vs_programs_measured(const struct vs_programs *p, const struct vs_platform *platform,
                                    struct vs_errors *errors);
/* Recordings ask for nothing that the machine does not have; an error for each that does. */
enum vs_status vs_programs_fit(const struct vs_programs *p, const struct vs_platform *platform,
                               struct vs_errors *errors);
/* The first recording, NULL: none. */
const struct vs_recording *vs_programs_recording(const struct vs_programs *p);
/* The sources of all vCPUs, in order; knobs have their final values. */
void vs_programs_sources(struct vs_programs *p, const struct vs_knobs *knobs,
                         struct vs_guest_source *out);
void vs_programs_describe(const struct vs_programs *p, char *hash, size_t hash_bytes, char *format,
                          size_t format_bytes);
/* How many records of each trace were measured, "200+17" of two; "-" for a recording of a run. */
void vs_programs_records(const struct vs_programs *p, char *out, size_t bytes);
void vs_programs_close(struct vs_programs *p);

#endif
