/* SPDX-License-Identifier: MIT */
/* Stored runs again: show one, diff two. */
#define _GNU_SOURCE
#include "cmd.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct stored {
    const char *db;
    enum out_format format;
    int64_t run[2];
    int n, want;
    struct vs_errors errors;
};

enum { KEY_DB = 256, KEY_FORMAT };
static const struct argp_option options[] = {
    {"db", KEY_DB, "FILE", 0, "results database (default " DEFAULT_DB ")", 0},
    {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static error_t option(int key, char *arg, struct argp_state *state)
{
    struct stored *s = state->input;
    uint64_t v;
    switch (key) {
    case KEY_DB:
        s->db = arg;
        return 0;
    case KEY_FORMAT:
        if (!out_parse(arg, &s->format)) {
            vs_error(&s->errors, "--format %s: table, json, csv or md is needed", arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (s->n >= s->want || !vs_parse_number(arg, &v) || !v || v > INT64_MAX) {
            vs_error(&s->errors, "'%s': %d run number%s needed; 'virtsim list runs' shows them",
                     arg, s->want, s->want > 1 ? "s are" : " is");
        } else {
            s->run[s->n++] = (int64_t)v;
        }
        return 0;
    case ARGP_KEY_END:
        if (s->n < s->want && !s->errors.n) {
            vs_error(&s->errors, "%d run number%s needed; 'virtsim list runs' shows them", s->want,
                     s->want > 1 ? "s are" : " is");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static sqlite3_stmt *query(struct vs_db *db, const char *sql, int64_t a, int64_t b)
{
    sqlite3_stmt *st = vs_db_query(db, sql);
    for (int i = 1; st && i <= sqlite3_bind_parameter_count(st); i++) {
        sqlite3_bind_int64(st, i, i == 1 ? a : b);
    }
    return st;
}

static const char *text(sqlite3_stmt *st, int i)
{
    const unsigned char *s = sqlite3_column_text(st, i);
    return s ? (const char *)s : "";
}

static void print_head(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st =
        query(db,
              "SELECT command, workload, machine, seed, end_ps - roi_ps, point, (SELECT count(*) "
              "FROM knob k WHERE k.run = r.run AND evidence = 'assumed'), (SELECT count(*) FROM "
              "knob k WHERE k.run = r.run) FROM run r WHERE run = ?",
              run, 0);
    if (vs_db_row(db, st)) {
        char t[40];
        printf("run %" PRId64 ": %s %s on %s, seed %s, %s simulated%s%s\n", run, text(st, 0),
               text(st, 1), text(st, 2), text(st, 3),
               out_time((uint64_t)sqlite3_column_int64(st, 4), t, sizeof t),
               *text(st, 5) ? ", " : "", text(st, 5));
    }
    sqlite3_finalize(st);
}

static void time_and_share(struct out *o, uint64_t ps, double share)
{
    char t[40];
    out_text(o, out_time(ps, t, sizeof t));
    snprintf(t, sizeof t, "%.2f %%", 100 * share);
    out_text(o, t);
}

/* What is too small for a line of its own, vCPU by vCPU. */
struct rest {
    int rows, smaller;
    uint64_t ps;
    double share;
};

static void rest_end(struct out *o, const char *vcpu, struct rest *r)
{
    if (r->smaller) {
        char what[40];
        snprintf(what, sizeof what, "%d smaller account%s", r->smaller, r->smaller > 1 ? "s" : "");
        out_text(o, vcpu);
        out_text(o, "");
        out_text(o, "");
        out_text(o, what);
        out_text(o, "");
        time_and_share(o, r->ps, r->share);
    }
    *r = (struct rest){.rows = 0};
}

static void print_time(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st =
        query(db,
              "SELECT vcpu, who, CASE WHEN op LIKE 'exit.%' THEN 'exit transition' WHEN op LIKE "
              "'handler.%' THEN 'handler' WHEN op = 'walk' THEN 'page walk'"
              " WHEN op LIKE 'access.%' THEN 'memory' WHEN op = 'timeline' THEN 'line' ELSE op END "
              "AS what, account, sum(n), sum(total_ps), sum(share)"
              " FROM vcpu_time WHERE run = ? GROUP BY vcpu, who, what, account HAVING "
              "sum(total_ps) > 0 ORDER BY vcpu, sum(total_ps) DESC",
              run, 0);
    static const char *const columns[] = {"vcpu", "who", "in", "account", "n", "time", "share"};
    struct out *o = out_begin(OUT_TABLE, columns, 7);
    struct rest rest = {.rows = 0};
    char vcpu[64] = "";
    while (vs_db_row(db, st)) {
        if (strcmp(vcpu, text(st, 0)) != 0) {
            rest_end(o, vcpu, &rest);
            snprintf(vcpu, sizeof vcpu, "%s", text(st, 0));
        }
        if (sqlite3_column_double(st, 6) < 0.005 && rest.rows >= 3) {
            rest.smaller++;
            rest.share += sqlite3_column_double(st, 6);
            rest.ps += (uint64_t)sqlite3_column_int64(st, 5);
            continue;
        }
        rest.rows++;
        for (int i = 0; i < 4; i++) {
            out_text(o, text(st, i));
        }
        out_int(o, sqlite3_column_int64(st, 4));
        time_and_share(o, (uint64_t)sqlite3_column_int64(st, 5), sqlite3_column_double(st, 6));
    }
    rest_end(o, vcpu, &rest);
    sqlite3_finalize(st);
    puts("\nwhere the vCPUs' time went (every charge on the line):");
    out_end(o, stdout);
}

static void print_ops(struct vs_db *db, int64_t run, enum out_format format)
{
    sqlite3_stmt *st = query(db,
                             "SELECT actor, op, n, total_ps, min_ps, max_ps, p50_ps, p90_ps, "
                             "p99_ps FROM op WHERE run = ?1 AND (?2 OR op <> 'timeline') ORDER BY "
                             "actor, total_ps DESC",
                             run, format != OUT_TABLE);
    static const char *const columns[] = {"actor",  "op",     "n",      "total_ps", "mean_ns",
                                          "min_ns", "p50_ns", "p90_ns", "p99_ns",   "max_ns"};
    static const int at[] = {4, 6, 7, 8, 5};
    struct out *o = out_begin(format, columns, 10);
    while (vs_db_row(db, st)) {
        int64_t n = sqlite3_column_int64(st, 2);
        out_text(o, text(st, 0));
        out_text(o, text(st, 1));
        out_int(o, n);
        out_int(o, sqlite3_column_int64(st, 3));
        out_real(o, n ? sqlite3_column_double(st, 3) / (double)n / 1e3 : NAN, 2);
        for (int i = 0; i < 5; i++) {
            out_real(o, n ? sqlite3_column_double(st, at[i]) / 1e3 : NAN, 2);
        }
    }
    sqlite3_finalize(st);
    out_end(o, stdout);
}

static void print_counters(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = query(db,
                             "SELECT actor, name, value, unit FROM counter WHERE run = ? AND value "
                             "<> 0 AND name <> 'sim.line' ORDER BY actor, name",
                             run, 0);
    static const char *const columns[] = {"actor", "counter", "value", "unit"};
    struct out *o = out_begin(OUT_TABLE, columns, 4);
    while (vs_db_row(db, st)) {
        out_text(o, text(st, 0));
        out_text(o, text(st, 1));
        out_int(o, sqlite3_column_int64(st, 2));
        out_text(o, text(st, 3));
    }
    sqlite3_finalize(st);
    puts("\ncounters:");
    out_end(o, stdout);
}

int print_run(struct vs_db *db, int64_t run, enum out_format format, bool counters)
{
    if (format != OUT_TABLE) {
        print_ops(db, run, format);
        return unread(db, EXIT_DONE);
    }
    print_head(db, run);
    puts("\noperations (they may overlap; nested ones are part of their parents):");
    print_ops(db, run, OUT_TABLE);
    print_time(db, run);
    if (counters) {
        print_counters(db, run);
    }
    return unread(db, EXIT_DONE);
}

static enum vs_status known(struct stored *s, struct vs_db *db)
{
    for (int i = 0; i < s->n; i++) {
        double found = 0;
        bool any;
        if (vs_db_number(db, "SELECT count(*) FROM run WHERE run = :run", s->run[i], 0, &found,
                         &any)) {
            vs_error(&s->errors, "%s", vs_db_error(db));
            return VS_E_IO;
        }
        if (found < 1) {
            vs_error(&s->errors, "%s: no run %" PRId64 "; 'virtsim list runs' shows them", s->db,
                     s->run[i]);
        }
    }
    return s->errors.n ? VS_E_INPUT : VS_OK;
}

static int open_stored(struct stored *s, int argc, char **argv, const struct argp *a,
                       struct vs_db **db)
{
    s->db = DEFAULT_DB;
    parse(a, argc, argv, s);
    char err[5200];
    *db = NULL;
    if (!s->errors.n && vs_db_open(s->db, false, db, err, sizeof err)) {
        vs_error(&s->errors, "%s", err);
    }
    enum vs_status st = s->errors.n ? VS_E_INPUT : known(s, *db);
    if (st) {
        int status = report(&s->errors, st, st == VS_E_IO);
        vs_db_close(*db);
        return status;
    }
    return EXIT_DONE;
}

int cmd_show(int argc, char **argv)
{
    static const struct argp a = {options, option, "RUN", "Prints a stored run again.",
                                  NULL,    NULL,   NULL};
    struct stored s = {.want = 1};
    struct vs_db *db;
    int status = open_stored(&s, argc, argv, &a, &db);
    if (!status) {
        status = print_run(db, s.run[0], s.format, true);
        vs_db_close(db);
    }
    return status;
}

int cmd_diff(int argc, char **argv)
{
    static const struct argp a = {
        options,   option,
        "RUN RUN", "Two stored runs side by side: differing knobs, operations and counters.",
        NULL,      NULL,
        NULL};
    static const char *const columns[] = {"kind", "actor", "name", "first", "second", "ratio"};
    struct stored s = {.want = 2};
    struct vs_db *db;
    int status = open_stored(&s, argc, argv, &a, &db);
    if (status) {
        return status;
    }
    static const char sql[] =
        "SELECT 'run' AS kind, '' AS actor, k.name, k.a, k.b, NULL, NULL FROM (SELECT 'workload' "
        "AS name, a.workload AS a, b.workload AS b FROM run a, run b WHERE a.run = ?1 AND b.run = "
        "?2"
        " UNION ALL SELECT 'machine', a.machine, b.machine FROM run a, run b WHERE a.run = ?1 AND "
        "b.run = ?2 UNION ALL SELECT 'seed', a.seed, b.seed FROM run a, run b WHERE a.run = ?1 AND "
        "b.run = ?2) k WHERE k.a <> k.b "
        "UNION ALL SELECT 'knob', '', path, max(CASE WHEN run = ?1 THEN value END), max(CASE WHEN "
        "run = ?2 THEN value END), NULL, NULL FROM knob WHERE run IN (?1, ?2) GROUP BY path"
        " HAVING coalesce(max(CASE WHEN run = ?1 THEN value END), '') <> coalesce(max(CASE WHEN "
        "run = ?2 THEN value END), '') "
        "UNION ALL SELECT * FROM (SELECT 'op mean ns', actor, op, NULL, NULL, max(CASE WHEN run = "
        "?1 THEN total_ps / 1e3 / n END) AS a, max(CASE WHEN run = ?2 THEN total_ps / 1e3 / n END) "
        "AS b"
        " FROM op WHERE run IN (?1, ?2) AND n > 0 GROUP BY actor, op) WHERE coalesce(a, 0) <> "
        "coalesce(b, 0) "
        "UNION ALL SELECT * FROM (SELECT 'op n', actor, op, NULL, NULL, max(CASE WHEN run = ?1 "
        "THEN n END) AS a, max(CASE WHEN run = ?2 THEN n END) AS b"
        " FROM op WHERE run IN (?1, ?2) GROUP BY actor, op) WHERE coalesce(a, 0) <> coalesce(b, 0) "
        "UNION ALL SELECT * FROM (SELECT 'counter', actor, name, NULL, NULL, max(CASE WHEN run = "
        "?1 THEN value END) AS a, max(CASE WHEN run = ?2 THEN value END) AS b"
        " FROM counter WHERE run IN (?1, ?2) GROUP BY actor, name) WHERE coalesce(a, 0) <> "
        "coalesce(b, 0)";
    sqlite3_stmt *st = query(db, sql, s.run[0], s.run[1]);
    struct out *o = out_begin(s.format, columns, 6);
    while (vs_db_row(db, st)) {
        bool numeric =
            sqlite3_column_type(st, 5) != SQLITE_NULL || sqlite3_column_type(st, 6) != SQLITE_NULL;
        for (int i = 0; i < 3; i++) {
            out_text(o, text(st, i));
        }
        double v[2];
        for (int i = 0; i < 2; i++) {
            v[i] = sqlite3_column_type(st, 5 + i) == SQLITE_NULL ? NAN
                                                                 : sqlite3_column_double(st, 5 + i);
            if (numeric) {
                out_real(o, v[i], 2);
            } else {
                out_text(o, text(st, 3 + i));
            }
        }
        if (numeric) {
            out_real(o, v[0] > 0 ? v[1] / v[0] : NAN, 3);
        } else {
            out_text(o, "");
        }
    }
    sqlite3_finalize(st);
    out_end(o, stdout);
    status = unread(db, status);
    vs_db_close(db);
    return status;
}
