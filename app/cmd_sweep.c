/* SPDX-License-Identifier: MIT */
/* sweep: every combination of varied knobs. */
#define _GNU_SOURCE
#include "points.h"

#include "sweep/sweep.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct sweep_args {
    struct request r;
    struct vs_sweep s;
    struct metric_args metrics;
};

static error_t option(int key, char *arg, struct argp_state *state)
{
    struct sweep_args *a = state->input;
    uint64_t v;
    switch (key) {
    case ARGP_KEY_INIT:
        a->metrics.errors = &a->r.errors;
        state->child_inputs[0] = &a->r;
        state->child_inputs[1] = &a->metrics;
        return 0;
    case 'v':
        vs_sweep_axis(&a->s, arg, &a->r.errors);
        return 0;
    case 'j':
        if (!vs_parse_number(arg, &v) || !v || v > 1024) {
            vs_error(&a->r.errors, "-j %s: a number of worker processes, 1..1024, is needed", arg);
        } else {
            a->s.jobs = (unsigned)v;
        }
        return 0;
    case ARGP_KEY_ARG:
        if (a->r.session.input) {
            vs_error(&a->r.errors, "'%s': one workload or trace at a time, '%s' is given already",
                     arg, a->r.session.input);
        }
        a->r.session.input = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a workload or trace is needed, e.g. workloads/gups.lua");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show_progress(void *ctx, size_t done, size_t all, double seconds)
{
    (void)ctx;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K%zu of %zu points, %.0f s left", done, all,
                seconds / (double)done * (double)(all - done));
        fputs(done == all ? "\r\033[K" : "", stderr);
    }
}

static enum vs_status store(struct sweep_args *a, struct vs_db *db)
{
    int64_t first = 0;
    enum vs_status st = vs_sweep_run(&a->s, db, a->r.db, &first, &a->r.errors);
    if (st == VS_E_BOUNDS) { /* no point: what run says of each of them */
        return st;
    }
    int64_t rows = points_print(db, first, INT64_MAX, &a->metrics.metrics, a->r.format);
    if (a->r.format == OUT_TABLE) {
        printf("\n%" PRId64 " of %zu points stored in %s\n", rows, vs_sweep_points(&a->s), a->r.db);
    }
    if (!st && (st = vs_db_unread(db))) {
        vs_error(&a->r.errors, "%s", vs_db_error(db));
    }
    return st;
}

int cmd_sweep(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"vary", 'v', "PATH=V1,V2,...", 0,
         "values of a knob, or machine=A,B; several: every combination", 0},
        {"jobs", 'j', "N", 0, "worker processes (default 1)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp_child children[] = {
        {&request_argp, 0, NULL, 0}, {&metric_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    static const struct argp p = {options,
                                  option,
                                  "WORKLOAD.lua|TRACE",
                                  "Runs every combination of varied knobs into one database.",
                                  children,
                                  NULL,
                                  NULL};
    static struct sweep_args a = {.s = {.jobs = 1}};
    request_init(&a.r, argc, argv);
    parse(&p, argc, argv, &a);
    const char *dot = a.r.session.input ? strrchr(a.r.session.input, '.') : NULL;
    a.r.session.is_trace = !dot || strcmp(dot, ".lua") != 0;
    request_trace_options(&a.r);
    if (a.r.seeds > 1 || a.r.dry_run || a.r.no_store || a.r.session.record) {
        vs_error(&a.r.errors, "--seeds, --dry-run, --no-store and --record do not go with sweep");
    }
    a.s.base = a.r.session;
    a.s.progress = a.r.quiet ? NULL : show_progress;
    enum vs_status st = vs_sweep_check(&a.s, &a.r.errors);
    st = a.r.errors.n && !st ? VS_E_INPUT : st;
    struct vs_db *db = NULL;
    st = request_open(&a.r, st, true, &db);
    bool started = !st;
    st = st ? st : store(&a, db);
    started = started && st != VS_E_BOUNDS;
    int status = report(&a.r.errors, st, started);
    vs_db_close(db);
    vs_sweep_free(&a.s);
    request_free(&a.r);
    return status;
}
