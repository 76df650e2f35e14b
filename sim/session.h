/* SPDX-License-Identifier: MIT */
/*
 * One run from request to stored rows; every command that simulates goes through here.
 * prepare finds all that is wrong before simulated time starts (exit status 2); run and store fail
 * with what happened later (exit status 1). A failed run is not stored.
 */
#ifndef VIRTSIM_SIM_SESSION_H
#define VIRTSIM_SIM_SESSION_H

#include "db/db.h"
#include "lua/machine.h"
#include "machine/platform.h"
#include "replay/parts.h"

#define VS_SESSION_TEXT 1536u /* holds any input hash and format */

struct vs_session_request {
    const char *input; /* workload script, trace, recording, or "-" */
    bool is_trace;
    const char *const *further; /* traces for the next vCPUs */
    size_t n_further;
    const char *record;        /* file that the run's stimuli go to, NULL */
    bool seeded;               /* the seed was asked for: a recording's own does not replace it */
    const char *machine;       /* name or file; NULL = skylake_sp_kvm */
    const char *const *sets;   /* "path=value" */
    const char *const *set_by; /* per set; NULL = "--set" for all */
    size_t n_sets;
    /* sets knobs that follow from others, once those have their values; NULL: there are none */
    enum vs_status (*derive)(void *ctx, struct vs_knobs *knobs, struct vs_errors *errors);
    void *derive_ctx;
    const char *point;            /* what a sweep varied, "" otherwise */
    const char *trace_format;     /* NULL = detect */
    const char *tables;           /* of the recorded guest; NULL = none */
    struct vs_parts_wanted parts; /* of each trace; its warm-up is options.warmup's otherwise */
    bool threads;                 /* all traces are threads of one process */
    const char *shares; /* "1=0,3=2": which vCPUs work in another one's address spaces; NULL */
    const char *argv;   /* command line, for provenance */
    const char *elf;    /* programs that were traced, one a line, for provenance; NULL */
    unsigned jobs;
    struct vs_run_options options;
};

struct vs_session;

/* What a reader of the results should know of the inputs, once they are prepared. */
void vs_session_remarks(const struct vs_session *s, void (*say)(void *ctx, const char *text),
                        void *ctx);
/* From now on this process reads the files of a machine once and keeps what they say: for workers,
 * which prepare many runs while no file changes. */
void vs_session_keep_machines(void);
enum vs_status vs_session_prepare(const struct vs_session_request *r, struct vs_session **out,
                                  struct vs_errors *errors);
/* What the request would run, for comparing with stored runs: machine, knobs and input; nothing is
 * made that could run. */
enum vs_status vs_session_describe(const struct vs_session_request *r, struct vs_session **out,
                                   struct vs_errors *errors);
const struct vs_knobs *vs_session_knobs(const struct vs_session *s);
const struct vs_machine_info *vs_session_machine(const struct vs_session *s);
uint64_t vs_session_seed(const struct vs_session *s); /* a recording may have its own */
const char *vs_session_workload(const struct vs_session *s);
/* As the run's row has it; a trace's is known when it has been read. */
void vs_session_input_hash(const struct vs_session *s, char *out, size_t bytes);
/* Options that are no knobs and shaped the run, as its rows of run_option: how many. */
#define VS_SESSION_OPTIONS 16u
size_t vs_session_options(const struct vs_session *s, struct vs_run_option out[VS_SESSION_OPTIONS]);
enum vs_status vs_session_run(struct vs_session *s, struct vs_errors *errors);
enum vs_status vs_session_store(struct vs_session *s, struct vs_db *db, int64_t *run,
                                struct vs_errors *errors);
/* What store would write, as bytes for vs_db_unpack. */
enum vs_status vs_session_pack(struct vs_session *s, struct vs_bytes *out,
                               struct vs_errors *errors);
/* After a run that watched a structure (vs_platform_depths). */
uint64_t *vs_session_depths(struct vs_session *s, size_t i, size_t *n);
/* The books of the run, for who embeds one and for tests: store writes them. */
struct vs_ledger *vs_session_ledger(struct vs_session *s);
void vs_session_close(struct vs_session *s);

#endif
