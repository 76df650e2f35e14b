/* SPDX-License-Identifier: MIT */
/* show: a stored run again. Every format has the same rows; the table for people leaves out what is
 * 0 and gathers what is small. */
#define _GNU_SOURCE
#include "exits_print.h"
#include "paper.h"
#include "stored.h"
#include "time_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "run 1: run gups on skylake_sp_kvm, seed 1, 138.272 ms simulated", and its options. */
static void print_head(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = stored_query(
        db,
        "SELECT command, workload, machine, seed, end_ps - roi_ps, point, coalesce((SELECT "
        "group_concat(option || '=' || value, ' ') FROM (SELECT option, value FROM run_option o "
        "WHERE o.run = r.run ORDER BY option)), '') FROM run r WHERE run = ?",
        run, 0);
    if (vs_db_row(db, st)) {
        char t[40], line[4096];
        const char *point = stored_text(st, 5), *options = stored_text(st, 6);
        snprintf(line, sizeof line, "run %" PRId64 ": %s %s on %s, seed %s, %s simulated%s%s", run,
                 stored_text(st, 0), stored_text(st, 1), stored_text(st, 2), stored_text(st, 3),
                 out_time((uint64_t)sqlite3_column_int64(st, 4), t, sizeof t), *point ? ", " : "",
                 point);
        paper_line(line);
        snprintf(line, sizeof line, "options: %s", options);
        if (*options) {
            paper_line(line);
        }
    }
    sqlite3_finalize(st);
}

/* A time below 0 takes back what another row counts twice: databases of before have such rows. */
static void time_and_share(struct out *o, int64_t ps, double share)
{
    char t[40] = "-";
    (void)out_time((uint64_t)(ps < 0 ? -ps : ps), t + (ps < 0), sizeof t - 1u);
    out_text(o, t);
    snprintf(t, sizeof t, "%.2f %%", 100 * share);
    out_text(o, t);
}

/* What is too small for a line of its own, vCPU by vCPU. */
struct rest {
    int rows, smaller;
    int64_t ps;
    double share;
};

/* Prints the sum of a vCPU's accounts that are too small for a line. */
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

#define COUNTER_ROWS                                                                               \
    "SELECT actor, name, value, unit FROM counter WHERE run = ?1 AND value <> 0 AND name <> "      \
    "'sim.line' ORDER BY actor, name"

/* Where the vCPUs' time went, for people. */
static void print_time(const struct time_rows *time)
{
    static const char *const columns[] = {"vcpu", "who", "in", "account", "n", "time", "share"};
    struct out *o = out_begin(OUT_TABLE, columns, 7);
    struct rest rest = {.rows = 0};
    const char *vcpu = "";
    for (size_t i = 0; i < time->n; i++) {
        const struct time_row *r = &time->row[i];
        if (strcmp(vcpu, r->vcpu) != 0) {
            rest_end(o, vcpu, &rest);
            vcpu = r->vcpu;
        }
        if (fabs(r->share) < 0.005 && rest.rows >= 3) {
            rest.smaller++;
            rest.share += r->share;
            rest.ps += r->ps;
            continue;
        }
        rest.rows++;
        out_text(o, r->vcpu);
        out_text(o, r->who);
        out_text(o, r->what);
        out_text(o, r->account);
        out_int(o, r->n);
        time_and_share(o, r->ps, r->share);
    }
    rest_end(o, vcpu, &rest);
    puts("");
    paper_line("where the vCPUs' time went (every charge on the line):");
    out_end(o, stdout);
}

/* Prints a run's operations. */
static void print_ops(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = stored_query(
        db,
        "SELECT actor, op, n, total_ps, min_ps, max_ps, p50_ps, p90_ps, p99_ps FROM op WHERE run = "
        "? AND op <> 'timeline' ORDER BY actor, total_ps DESC",
        run, 0);
    static const char *const columns[] = {"op", "n", "mean_ns", "p50_ns", "p99_ns", "max_ns"};
    static const int at[] = {6, 8, 5};
    char actor[128] = "", name[160];
    struct out *o = out_begin(OUT_TABLE, columns, 6);
    while (vs_db_row(db, st)) {
        int64_t n = sqlite3_column_int64(st, 2);
        if (strcmp(actor, stored_text(st, 0)) != 0) { /* a line of its own */
            snprintf(actor, sizeof actor, "%s", stored_text(st, 0));
            out_text(o, actor);
            for (int i = 0; i < 5; i++) {
                out_none(o);
            }
        }
        snprintf(name, sizeof name, "  %s", stored_text(st, 1));
        out_text(o, name);
        out_int(o, n);
        out_real(o, n ? sqlite3_column_double(st, 3) / (double)n / 1e3 : NAN, 2);
        for (int i = 0; i < 3; i++) {
            out_real(o, n ? sqlite3_column_double(st, at[i]) / 1e3 : NAN, 2);
        }
    }
    sqlite3_finalize(st);
    out_end(o, stdout);
}

/* For programs: all that is known of a run in rows of one form, told apart by their kind. */
static const char rows_sql[] =
    "WITH head(name, value) AS ("
    " SELECT 'command', command FROM run WHERE run = ?1 UNION ALL"
    " SELECT 'workload', workload FROM run WHERE run = ?1 UNION ALL"
    " SELECT 'machine', machine FROM run WHERE run = ?1 UNION ALL"
    " SELECT 'point', point FROM run WHERE run = ?1 UNION ALL"
    " SELECT 'seed', seed FROM run WHERE run = ?1 UNION ALL"
    " SELECT 'roi_ps', roi_ps FROM run WHERE run = ?1 UNION ALL"
    " SELECT 'end_ps', end_ps FROM run WHERE run = ?1)"
    " SELECT '' AS actor, '' AS op, NULL AS n, NULL AS total_ps, NULL AS min, NULL AS p50, NULL AS"
    " p90, NULL AS p99, NULL AS max, 'run' AS kind, name, NULL AS share, value, '' AS unit FROM"
    " head"
    " UNION ALL SELECT '', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'option', option, NULL,"
    " value, '' FROM run_option WHERE run = ?1"
    " UNION ALL SELECT * FROM (SELECT actor, op, n, total_ps, NULL, NULL, NULL, NULL, NULL,"
    " 'recorded_exit', reason, NULL, pairs, 'pairs' FROM recorded_exit WHERE run = ?1 ORDER BY"
    " actor, total_ps DESC, n DESC, reason, op)"
    " UNION ALL SELECT * FROM (SELECT actor, op, n, total_ps, min_ps, p50_ps, p90_ps, p99_ps,"
    " max_ps, 'op', '', NULL, NULL, '' FROM op WHERE run = ?1 ORDER BY actor, total_ps DESC, op)"
    " UNION ALL SELECT actor, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'counter', name, NULL,"
    " value, unit FROM (" COUNTER_ROWS ")";

/* A row of where the time went, in the columns of print_rows. */
static void time_row(struct out *o, const struct time_row *r)
{
    char actor[sizeof r->vcpu + sizeof r->who + 1];
    bool line = !strcmp(r->who, "line");
    snprintf(actor, sizeof actor, "%s%s%s", r->vcpu, line ? "" : "/", line ? "" : r->who);
    out_text(o, actor);
    out_text(o, r->what);
    out_int(o, r->n);
    out_int(o, r->ps);
    for (int i = 0; i < 6; i++) {
        out_real(o, NAN, 2);
    }
    out_text(o, "time");
    out_text(o, r->account);
    out_real(o, r->share, 6);
    out_text(o, "");
    out_text(o, "");
}

/* The first ten columns are those that operations have always had. */
static void print_rows(struct vs_db *db, int64_t run, const struct time_rows *times,
                       enum out_format format)
{
    static const char *const columns[] = {"actor",  "op",     "n",      "total_ps", "mean_ns",
                                          "min_ns", "p50_ns", "p90_ns", "p99_ns",   "max_ns",
                                          "kind",   "name",   "share",  "value",    "unit"};
    sqlite3_stmt *st = stored_query(db, rows_sql, run, 0);
    struct out *o = out_begin(format, columns, 15);
    bool timed = false; /* times stand before the counters */
    while (vs_db_row(db, st)) {
        for (size_t i = 0; !timed && i < times->n && !strcmp(stored_text(st, 9), "counter"); i++) {
            time_row(o, &times->row[i]);
        }
        timed = timed || !strcmp(stored_text(st, 9), "counter");
        bool op = !strcmp(stored_text(st, 9), "op");
        double n = sqlite3_column_double(st, 2);
        out_text(o, stored_text(st, 0));
        out_text(o, stored_text(st, 1));
        for (int i = 2; i < 4; i++) {
            if (sqlite3_column_type(st, i) == SQLITE_NULL) {
                out_none(o);
            } else {
                out_int(o, sqlite3_column_int64(st, i));
            }
        }
        out_real(o, op && n > 0 ? sqlite3_column_double(st, 3) / n / 1e3 : NAN, 2);
        for (int i = 4; i < 9; i++) {
            out_real(o, op && n > 0 ? sqlite3_column_double(st, i) / 1e3 : NAN, 2);
        }
        out_text(o, stored_text(st, 9));
        out_text(o, stored_text(st, 10));
        out_real(o, NAN, 6); /* the share of a time */
        if (sqlite3_column_type(st, 12) == SQLITE_INTEGER) {
            out_int(o, sqlite3_column_int64(st, 12));
        } else {
            out_text(o, stored_text(st, 12));
        }
        out_text(o, stored_text(st, 13));
    }
    for (size_t i = 0; !timed && i < times->n; i++) {
        time_row(o, &times->row[i]);
    }
    sqlite3_finalize(st);
    out_end(o, stdout);
}

/* Prints a run's counters. */
static void print_counters(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = stored_query(db, COUNTER_ROWS, run, 0);
    static const char *const columns[] = {"actor", "counter", "value", "unit"};
    struct out *o = out_begin(OUT_TABLE, columns, 4);
    while (vs_db_row(db, st)) {
        out_text(o, stored_text(st, 0));
        out_text(o, stored_text(st, 1));
        out_int(o, sqlite3_column_int64(st, 2));
        out_text(o, stored_text(st, 3));
    }
    sqlite3_finalize(st);
    puts("\ncounters:");
    out_end(o, stdout);
}

/* How much the run's vCPUs got done of what they could: a line, and beside a stored native run of
 * the same work how much of that it is (view work_rate). A database made without the view has none.
 */
static void print_work(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *there = stored_query(
        db, "SELECT count(*) FROM sqlite_master WHERE name = 'work_rate' AND ?1 = ?1", run, 0);
    bool has = vs_db_row(db, there) && sqlite3_column_int64(there, 0);
    sqlite3_finalize(there);
    if (!has) {
        return;
    }
    sqlite3_stmt *st = stored_query(db,
                                    "SELECT ipc, utilization, native_run, percent_of_native FROM "
                                    "work_rate WHERE run = ?1 AND ipc IS NOT NULL",
                                    run, 0);
    if (vs_db_row(db, st)) {
        char text[200];
        int at = snprintf(text, sizeof text, "%.3f instructions a cycle, busy %.2f %% of the time",
                          sqlite3_column_double(st, 0), 100 * sqlite3_column_double(st, 1));
        if (sqlite3_column_type(st, 2) != SQLITE_NULL && sqlite3_column_int64(st, 2) != run) {
            snprintf(text + at, sizeof text - (size_t)at, ", %.2f %% of bare metal (run %lld)",
                     sqlite3_column_double(st, 3), (long long)sqlite3_column_int64(st, 2));
        }
        puts("");
        paper_line(text);
    }
    sqlite3_finalize(st);
}

int print_run(struct vs_db *db, int64_t run, enum out_format format, bool counters)
{
    struct time_rows times;
    if (!time_rows_of(db, run, &times) && vs_db_unread(db) == VS_OK) {
        time_rows_free(&times);
        message("out of memory");
        return EXIT_RUNTIME;
    }
    if (format != OUT_TABLE) {
        print_rows(db, run, &times, format);
    } else {
        paper_page();
        print_head(db, run);
        exits_print(db, run);
        puts("");
        paper_line("operations (they may overlap; nested ones are part of their parents):");
        print_ops(db, run);
        print_time(&times);
        if (counters) {
            print_work(db, run);
            print_counters(db, run);
        }
    }
    time_rows_free(&times);
    return unread(db, EXIT_DONE);
}

int cmd_show(int argc, char **argv)
{
    static const struct argp a = {
        stored_options,  stored_option, "RUN", "Prints a stored run again.",
        stored_children, NULL,          NULL};
    struct stored s = {.want = 1};
    struct vs_db *db;
    int status = stored_open(&s, argc, argv, &a, &db);
    if (!status) {
        if (s.metrics.metrics.n) {
            points_one(db, s.run[0], &s.metrics.metrics, s.format);
            status = unread(db, status);
        } else {
            status = print_run(db, s.run[0], s.format, true);
        }
        vs_db_close(db);
    }
    return status;
}
