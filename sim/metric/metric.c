/* SPDX-License-Identifier: MIT */
/* The value of a metric in a stored run, and which ones to show when nobody says. */
#include "metric/metric.h"

#include "virtsim/hist.h"

#include <stdio.h>
#include <string.h>

/* " FROM TABLE WHERE ..." of a term's rows in a run. */
static void rows_of(sqlite3_str *sql, const char *table, int64_t run,
                    const struct vs_metric_term *t)
{
    sqlite3_str_appendf(sql, " FROM %s WHERE run = %lld AND actor GLOB %Q%s", table, (long long)run,
                        t->actor, t->lines ? " AND instr(actor, '/') = 0" : "");
    if (t->kind == VS_METRIC_COUNTER) {
        sqlite3_str_appendf(sql, " AND name = %Q", t->name);
        return;
    }
    for (size_t i = 0; i < t->n_ops; i++) {
        sqlite3_str_appendf(sql, "%s%Q", i ? ", " : " AND op IN (", vs_op_name(t->op[i]));
    }
    sqlite3_str_appendall(sql, ")");
}

/* The statement of a text that is freed; NULL: vs_db_unread tells. */
static sqlite3_stmt *prepare(struct vs_db *db, sqlite3_str *sql)
{
    char *text = sqlite3_str_finish(sql);
    sqlite3_stmt *st = text ? vs_db_query(db, text) : NULL;
    sqlite3_free(text);
    return st;
}

/* A column of the current row, whole numbers kept as such. */
static struct vs_metric_value column(sqlite3_stmt *st, int i)
{
    struct vs_metric_value v = {.found = sqlite3_column_type(st, i) != SQLITE_NULL,
                                .integer = sqlite3_column_type(st, i) == SQLITE_INTEGER};
    v.whole = v.integer ? sqlite3_column_int64(st, i) : 0;
    v.real = v.found ? sqlite3_column_double(st, i) : 0;
    return v;
}

/* The first column of a query's only row, and frees the query's text. */
static struct vs_metric_value first_of(struct vs_db *db, sqlite3_str *sql)
{
    struct vs_metric_value v = {.found = false};
    sqlite3_stmt *st = prepare(db, sql);
    if (vs_db_row(db, st)) {
        v = column(st, 0);
    }
    sqlite3_finalize(st);
    return v;
}

/* A quantile of several actors' or operations' durations: of their histograms put together, the
 * middle of its bucket as in each one's row, within what was seen. */
static double quantile(struct vs_db *db, int64_t run, const struct vs_metric_term *t,
                       unsigned per_mille, uint64_t n, uint64_t least, uint64_t most)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "SELECT low_ps, sum(n)");
    rows_of(sql, "histogram", run, t);
    sqlite3_str_appendall(sql, " GROUP BY low_ps ORDER BY low_ps");
    sqlite3_stmt *st = prepare(db, sql);
    uint64_t rank = n / 1000u * per_mille + (n % 1000u * per_mille + 999u) / 1000u, seen = 0;
    uint64_t found = most;
    while (vs_db_row(db, st)) {
        seen += (uint64_t)sqlite3_column_int64(st, 1);
        if (seen >= rank) {
            found = vs_hist_mid(vs_hist_bucket((uint64_t)sqlite3_column_int64(st, 0)));
            break;
        }
    }
    sqlite3_finalize(st);
    found = found < least ? least : found > most ? most : found;
    return (double)found / 1e3;
}

/* A percentile of an operation's latency; of several operations it comes from their histograms. */
static struct vs_metric_value percentile(struct vs_db *db, int64_t run,
                                         const struct vs_metric_term *t)
{
    struct vs_metric_value v = {.found = false};
    unsigned of_100 = t->stat == VS_STAT_P50 ? 50 : t->stat == VS_STAT_P90 ? 90 : 99;
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "SELECT count(*), max(p%u_ps), sum(n), min(min_ps), max(max_ps)",
                        of_100);
    rows_of(sql, "op", run, t);
    sqlite3_str_appendall(sql, " AND n > 0");
    sqlite3_stmt *st = prepare(db, sql);
    if (vs_db_row(db, st) && sqlite3_column_int64(st, 0) > 0) {
        v.found = true;
        v.real = sqlite3_column_double(st, 1) / 1e3;
        if (sqlite3_column_int64(st, 0) > 1) {
            v.real = quantile(db, run, t, 10u * of_100, (uint64_t)sqlite3_column_int64(st, 2),
                              (uint64_t)sqlite3_column_int64(st, 3),
                              (uint64_t)sqlite3_column_int64(st, 4));
        }
    }
    sqlite3_finalize(st);
    return v;
}

/* A count, sum or extreme of an operation's time. */
static struct vs_metric_value operation(struct vs_db *db, int64_t run,
                                        const struct vs_metric_term *t)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, t->stat == VS_STAT_N ? "SELECT coalesce(sum(n), 0)"
                               : t->stat == VS_STAT_TOTAL
                                   ? "SELECT total(total_ps) / 1e3"
                                   : "SELECT sum(total_ps) / 1e3 / nullif(sum(n), 0)");
    rows_of(sql, "op", run, t);
    return first_of(db, sql);
}

/* What an account or an operation within took, of what the operations took. */
static struct vs_metric_value part(struct vs_db *db, int64_t run, const struct vs_metric_term *t)
{
    const char *of = t->stat == VS_STAT_N ? "n" : "total_ps";
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "SELECT %s(SELECT coalesce(sum(%s), 0) FROM (SELECT %s",
                        t->stat == VS_STAT_N ? "" : "1.0 * ", of, of);
    rows_of(sql, "part", run, t);
    sqlite3_str_appendf(sql, " AND account = %Q UNION ALL SELECT %s", t->within, of);
    rows_of(sql, "child", run, t);
    enum vs_op op[VS_OP_SAME];
    size_t n = vs_op_resolve(t->within, NULL, op);
    sqlite3_str_appendall(sql, " AND child IN (");
    for (size_t i = 0; i < n; i++) {
        sqlite3_str_appendf(sql, "%s%Q", i ? ", " : "", vs_op_name(op[i]));
    }
    sqlite3_str_appendall(sql, ")))");
    if (t->stat == VS_STAT_TOTAL) {
        sqlite3_str_appendall(sql, " / 1e3");
    } else if (t->stat != VS_STAT_N) {
        sqlite3_str_appendf(sql, " / %s / nullif((SELECT sum(%s)",
                            t->stat == VS_STAT_MEAN ? "1e3" : "1.0",
                            t->stat == VS_STAT_MEAN ? "n" : "total_ps");
        rows_of(sql, "op", run, t);
        sqlite3_str_appendall(sql, "), 0)");
    }
    return first_of(db, sql);
}

/* The sum of counters. */
static struct vs_metric_value counter(struct vs_db *db, int64_t run, const struct vs_metric_term *t)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "SELECT sum(value)");
    rows_of(sql, "counter", run, t);
    return first_of(db, sql);
}

/* The value of one term of a metric. */
static struct vs_metric_value term(struct vs_db *db, int64_t run, const struct vs_metric_term *t)
{
    switch (t->kind) {
    case VS_METRIC_PART:
        return part(db, run, t);
    case VS_METRIC_COUNTER:
        return counter(db, run, t);
    default:
        break;
    }
    bool quantiles = t->stat == VS_STAT_P50 || t->stat == VS_STAT_P90 || t->stat == VS_STAT_P99;
    return quantiles ? percentile(db, run, t) : operation(db, run, t);
}

struct vs_metric_value vs_metric_value(struct vs_db *db, int64_t run, const struct vs_metric *m)
{
    struct vs_metric_value a = term(db, run, &m->term[0]);
    if (!m->ratio) {
        return a;
    }
    struct vs_metric_value b = term(db, run, &m->term[1]);
    bool found = a.found && b.found && (b.real > 0 || b.real < 0);
    return (struct vs_metric_value){.found = found, .real = found ? a.real / b.real : 0};
}

/* What the runs' workloads state; a name that this program does not know is left out. */
static void add_stated(struct vs_metrics *m, struct vs_db *db, int64_t first, int64_t last)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT DISTINCT value FROM provenance WHERE run BETWEEN ? "
                                       "AND ? AND key = '" VS_METRIC_KEY "' ORDER BY run");
    struct vs_errors ignored = {NULL, 0};
    if (st) {
        sqlite3_bind_int64(st, 1, first);
        sqlite3_bind_int64(st, 2, last);
    }
    while (vs_db_row(db, st)) {
        for (const char *at = (const char *)sqlite3_column_text(st, 0); at && *at;) {
            char text[VS_METRIC_TEXT];
            size_t n = strcspn(at, " ");
            snprintf(text, sizeof text, "%.*s", (int)n, at);
            if (n && m->n < VS_METRICS) {
                (void)vs_metrics_add(m, text, "", &ignored);
            }
            at += n + (at[n] == ' ');
        }
    }
    sqlite3_finalize(st);
    vs_errors_free(&ignored);
}

/* What happened in the runs: the guest's accesses and walks, packets, DMA, faults that its kernel
 * handles, and the exits that took longest. */
static void add_happened(struct vs_metrics *m, struct vs_db *db, int64_t first, int64_t last)
{
    static const char sql[] =
        "SELECT op, min(place), sum(total_ps) AS t FROM (SELECT op, total_ps, CASE"
        " WHEN op = 'access.load' THEN 1 WHEN op = 'walk' THEN 2 WHEN op LIKE 'exit.%' THEN 3"
        " WHEN op LIKE 'packet.%' THEN 4 WHEN op LIKE 'dma.%' THEN 5"
        " WHEN op = 'irq.delivery' THEN 6 END AS place FROM op WHERE run BETWEEN ? AND ? AND n > 0"
        " AND (op NOT IN ('access.load', 'walk') OR actor GLOB 'vcpu*/guest'))"
        " WHERE place > 0 GROUP BY op ORDER BY 2, t DESC, op";
    struct vs_errors ignored = {NULL, 0};
    sqlite3_stmt *st = vs_db_query(db, sql);
    unsigned exits = 0;
    if (st) {
        sqlite3_bind_int64(st, 1, first);
        sqlite3_bind_int64(st, 2, last);
    }
    while (vs_db_row(db, st)) {
        char text[VS_METRIC_TEXT];
        const char *op = (const char *)sqlite3_column_text(st, 0);
        bool exit = sqlite3_column_int(st, 1) == 3;
        if (!op || (exit && exits++ >= 2)) {
            continue;
        }
        snprintf(text, sizeof text, "op:%s", op);
        (void)vs_metrics_add(m, text, "", &ignored);
        if (exit || !strcmp(op, "walk")) {
            snprintf(text, sizeof text, "op:%s.n", op);
            (void)vs_metrics_add(m, text, "", &ignored);
        }
    }
    sqlite3_finalize(st);
    vs_errors_free(&ignored);
}

void vs_metrics_default(struct vs_metrics *m, struct vs_db *db, int64_t first, int64_t last)
{
    add_stated(m, db, first, last);
    if (!m->n) {
        add_happened(m, db, first, last);
    }
}
