/* SPDX-License-Identifier: MIT */
/* run and replay: one workload or trace on one machine, once or for several seeds. */
#define _GNU_SOURCE
#include "paper.h"
#include "points.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct run_args {
    struct request r;
    struct metric_args metrics;
};

/* Reads an option or an input of run. */
static error_t argument(int key, char *arg, struct argp_state *state)
{
    struct run_args *a = state->input;
    struct request *r = &a->r;
    switch (key) {
    case ARGP_KEY_INIT:
        a->metrics.errors = &r->errors;
        state->child_inputs[0] = r;
        state->child_inputs[1] = &a->metrics;
        return 0;
    case ARGP_KEY_ARG:
        if (!r->session.input) {
            r->session.input = arg;
        } else if (!r->session.is_trace) {
            vs_error(&r->errors, "'%s': one workload at a time, '%s' is given already", arg,
                     r->session.input);
        } else if (r->session.n_further < REQUEST_FURTHER) {
            r->further[r->session.n_further++] = arg;
        } else {
            vs_error(&r->errors, "'%s': at most %d traces are replayed together", arg,
                     REQUEST_FURTHER + 1);
        }
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, r->session.is_trace ? "a trace file (or - for standard input) is needed"
                                              : "a workload is needed, e.g. workloads/gups.lua");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Prints every knob with its value and source. */
static void print_configuration(const struct vs_session *s, enum out_format format)
{
    static const char *const columns[] = {"knob", "value", "unit", "evidence", "set_by", "source"};
    struct out *o = out_begin(format, columns, 6);
    const struct vs_knobs *k = vs_session_knobs(s);
    for (size_t i = 0; i < vs_knobs_count(k); i++) {
        const struct vs_knob *knob = vs_knobs_at(k, i);
        char text[64];
        out_text(o, knob->desc->path);
        out_text(o, vs_knob_text(knob, text, sizeof text));
        out_text(o, knob->desc->unit);
        out_text(o, vs_evidence_name(knob->grade));
        out_text(o, knob->set_by ? knob->set_by : "default");
        out_text(o, knob->source ? knob->source : knob->desc->source);
    }
    out_end(o, stdout);
}

/* One seed; ends the session. The run's number in *run. */
static int one(struct request *r, struct vs_session *s, struct vs_db *db, int64_t *run)
{
    enum vs_status st = vs_session_run(s, &r->errors);
    bool refused = st == VS_E_BOUNDS; /* the script asked for what the machine does not have */
    progress_clear();
    if (!st) {
        st = vs_session_store(s, db, run, &r->errors);
    }
    vs_session_close(s);
    return st ? report(&r->errors, st, !refused) : EXIT_DONE;
}

/* Prints how each operation's mean spreads over seeds. */
static void print_spread(struct vs_db *db, int64_t first, int64_t last, enum out_format format)
{
    static const char *const columns[] = {"actor", "op",     "seeds", "mean_ps",
                                          "sd_ps", "min_ps", "max_ps"};
    struct out *o = out_begin(format, columns, 7);
    sqlite3_stmt *st = vs_db_query(
        db, "WITH v AS (SELECT actor, op, 1.0 * total_ps / n AS x FROM op WHERE run BETWEEN ? AND ?"
            " AND n > 0), m AS (SELECT actor, op, avg(x) AS mean FROM v GROUP BY actor, op)"
            " SELECT actor, op, count(*), mean, sum((x - mean) * (x - mean)), min(x), max(x)"
            " FROM v JOIN m USING (actor, op) GROUP BY actor, op ORDER BY actor, op");
    if (st) {
        sqlite3_bind_int64(st, 1, first);
        sqlite3_bind_int64(st, 2, last);
        while (vs_db_row(db, st)) {
            int64_t n = sqlite3_column_int64(st, 2);
            double squares = sqlite3_column_double(st, 4);
            out_text(o, (const char *)sqlite3_column_text(st, 0));
            out_text(o, (const char *)sqlite3_column_text(st, 1));
            out_int(o, n);
            out_real(o, sqlite3_column_double(st, 3), 1);
            /* the sample's standard deviation: n - 1 */
            out_real(o, n > 1 ? sqrt(squares / (double)(n - 1)) : 0, 1);
            out_real(o, sqlite3_column_double(st, 5), 1);
            out_real(o, sqlite3_column_double(st, 6), 1);
        }
    }
    sqlite3_finalize(st);
    out_end(o, stdout);
}

/* What was asked for of runs first..last. */
static void print_metrics(struct vs_db *db, int64_t first, int64_t last, const struct vs_metrics *m,
                          enum out_format format)
{
    if (first == last) {
        points_one(db, last, m, format);
    } else {
        (void)points_print(db, first, last, m, format);
    }
}

/* Runs the request once for each seed. */
static int run_seeds(struct run_args *a, struct vs_session *prepared, struct vs_db *db)
{
    struct request *r = &a->r;
    const struct vs_metrics *metrics = &a->metrics.metrics;
    int64_t first = 0, run = 0;
    uint64_t seed = r->session.options.seed;
    for (unsigned i = 0; i < r->seeds; i++) {
        struct vs_session *s = i ? NULL : prepared;
        r->session.options.seed = seed + i;
        enum vs_status st = s ? VS_OK : vs_session_prepare(&r->session, &s, &r->errors);
        int status = st ? report(&r->errors, st, false) : one(r, s, db, &run);
        if (status) {
            return status;
        }
        first = first ? first : run;
    }
    if (metrics->n) {
        print_metrics(db, first, run, metrics, r->format);
        return unread(db, EXIT_DONE);
    }
    if (r->seeds > 1) {
        print_spread(db, first, run, r->format);
        return unread(db, EXIT_DONE);
    }
    int status = print_run(db, run, r->format, r->no_store);
    if (!status && r->format == OUT_TABLE && !r->no_store) {
        bool usual = !strcmp(r->db, usual_db());
        const char *quote = strchr(r->db, ' ') ? "\"" : "";
        puts("");
        paper_printf("stored as run %" PRId64 " in %s; 'virtsim show %" PRId64 "%s%s%s%s' adds the "
                     "counters",
                     run, r->db, run, usual ? "" : " --db ", usual ? "" : quote, usual ? "" : r->db,
                     usual ? "" : quote);
    }
    return status;
}

/* Everything that can be known before simulated time, in one report; then only is there a database.
 */
static enum vs_status begin(struct request *r, struct vs_session **s, struct vs_db **db)
{
    enum vs_status st = vs_session_prepare(&r->session, s, &r->errors);
    st = r->errors.n && !st ? VS_E_INPUT : st;
    if (!st) {
        request_warn_idle(*s);
        request_remarks(*s);
    }
    if (r->dry_run) {
        return st;
    }
    return request_open(r, st, true, db);
}

int cmd_run(int argc, char **argv)
{
    static struct run_args args;
    request_init(&args.r, argc, argv);
    struct request *r = &args.r;
    r->session.is_trace = !strcmp(argv[0], "replay");
    static const struct argp_child children[] = {
        {&request_argp, 0, NULL, 0}, {&metric_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    const struct argp a = {NULL,
                           argument,
                           r->session.is_trace ? "TRACE|- [TRACE...]" : "WORKLOAD.lua",
                           r->session.is_trace
                               ? "Replays recorded traces of accesses or of KVM's exits (plain, "
                                 "compressed or in archives; format detected) or a recording of "
                                 "a run on a machine, each on a vCPU of its own."
                               : "Runs a Lua guest workload on a machine.",
                           children,
                           NULL,
                           NULL};
    parse(&a, argc, argv, &args);
    request_trace_options(r);
    if (r->session.record && (r->seeds > 1 || r->dry_run)) {
        vs_error(&r->errors, "--record: records one run; --seeds and --dry-run do not go with it");
    }
    if (r->session.input && !strcmp(r->session.input, "-") && r->seeds > 1) {
        vs_error(&r->errors, "--seeds %u: standard input can be read only once", r->seeds);
    }
    if (!r->quiet) {
        r->session.options.progress = progress_callback;
    }
    struct vs_session *s = NULL;
    struct vs_db *db = NULL;
    enum vs_status st = begin(r, &s, &db);
    int status = EXIT_DONE;
    if (st) {
        status = report(&r->errors, st, false);
    } else if (r->dry_run) {
        print_configuration(s, r->format);
    } else {
        status = run_seeds(&args, s, db);
        s = NULL;
    }
    vs_session_close(s);
    vs_db_close(db);
    request_free(r);
    return status;
}
