/* SPDX-License-Identifier: MIT */
/* Runs as rows: their columns, single runs, and the spread over seeds. */
#define _GNU_SOURCE
#include "points.h"

#include "paper.h"
#include "sweep/student.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VARIED 32u /* columns of what differs between runs */
#define NAME_BYTES 400u
#define MOST_COLUMNS (VARIED + 3u * VS_METRICS + 12u)

enum { KEY_METRIC = 512 };

/* Reads --metric. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct metric_args *a = state->input;
    if (key != KEY_METRIC) {
        return ARGP_ERR_UNKNOWN;
    }
    (void)vs_metrics_add(&a->metrics, arg, "--metric", a->errors);
    return 0;
}

const struct argp metric_argp = {
    (const struct argp_option[]){
        {"metric", KEY_METRIC, "METRIC", 0,
         "a number of a run: op:NAME[.mean|p50|p90|p99|n|total], part:OP/ACCOUNT, counter:NAME or "
         "ratio:A/B, with @ACTOR at its end if wanted; may be repeated",
         0},
        {NULL, 0, NULL, 0, NULL, 0}},
    option,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL};

/* The columns of a table of runs. */
struct columns {
    struct {
        char key[128]; /* of run.point: a knob's path, or what else was varied */
        char unit[24]; /* of a knob; "" otherwise */
        bool text;     /* some value is no whole number */
    } varied[VARIED];
    size_t n_varied;
    bool seeds, workloads; /* several of them */
};

/* "KEY=VALUE" at *at, and to the next one; false at the end. */
static bool next_word(const char **at, char *key, size_t key_bytes, char *value, size_t value_bytes)
{
    *at += strspn(*at, " ");
    size_t n = strcspn(*at, " "), path = strcspn(*at, "= ");
    if (!n) {
        return false;
    }
    snprintf(key, key_bytes, "%.*s", (int)path, *at);
    snprintf(value, value_bytes, "%.*s", path < n ? (int)(n - path - 1) : 0, *at + path + 1);
    *at += n;
    return true;
}

/* What the run has under the key: the knob's own number, else the word of its point. */
static sqlite3_stmt *knob_of(struct vs_db *db, int64_t run, const char *key)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT value, unit FROM knob WHERE run = ?1 AND path = ?2");
    if (st) {
        sqlite3_bind_int64(st, 1, run);
        sqlite3_bind_text(st, 2, key, -1, SQLITE_TRANSIENT);
    }
    return st;
}

/* Reads a text that is a whole number and nothing else. */
static bool whole_number(const char *text, int64_t *out)
{
    char *end;
    *out = strtoll(text, &end, 10);
    return end != text && !*end;
}

/* The value of a varied thing in a run; false when it has none. */
static bool value_of(struct vs_db *db, int64_t run, const char *point, const char *key, char *value,
                     size_t bytes, char *unit, size_t unit_bytes)
{
    char k[128], v[256];
    bool any = false;
    for (const char *at = point; next_word(&at, k, sizeof k, v, sizeof v);) {
        if (!strcmp(k, key)) {
            snprintf(value, bytes, "%s", v);
            any = true;
        }
    }
    sqlite3_stmt *st = any ? knob_of(db, run, key) : NULL;
    *unit = '\0';
    if (st && vs_db_row(db, st)) {
        snprintf(value, bytes, "%s", (const char *)sqlite3_column_text(st, 0));
        snprintf(unit, unit_bytes, "%s", (const char *)sqlite3_column_text(st, 1));
    }
    sqlite3_finalize(st);
    return any;
}

/* Notes which keys of a point vary, with their units. */
static void note_varied(struct columns *c, struct vs_db *db, int64_t run, const char *point)
{
    char key[128], value[256], unit[24];
    int64_t number;
    for (const char *at = point; next_word(&at, key, sizeof key, value, sizeof value);) {
        size_t i = 0;
        while (i < c->n_varied && strcmp(c->varied[i].key, key) != 0) {
            i++;
        }
        if (!strcmp(key, "machine") || i == VARIED) {
            continue;
        }
        (void)value_of(db, run, point, key, value, sizeof value, unit, sizeof unit);
        if (i == c->n_varied) {
            memset(&c->varied[i], 0, sizeof c->varied[i]);
            snprintf(c->varied[i].key, sizeof c->varied[i].key, "%s", key);
            snprintf(c->varied[i].unit, sizeof c->varied[i].unit, "%s", unit);
            c->n_varied++;
        }
        c->varied[i].text = c->varied[i].text || !whole_number(value, &number);
    }
}

/* The runs that are shown, in their order, with what was varied: a table of this connection. */
static sqlite3_stmt *runs_of(struct vs_db *db)
{
    return vs_db_query(
        db, "SELECT r.run, r.machine, s.point, (r.end_ps - r.roi_ps) / 1e9, r.seed, r.workload, "
            "s.row FROM temp.shown s JOIN run r ON r.run = s.run ORDER BY s.row");
}

/* Empties the table of the runs that are shown. */
static void show_nothing(struct vs_db *db)
{
    sqlite3_exec(vs_db_handle(db),
                 "CREATE TEMP TABLE IF NOT EXISTS shown (row INTEGER PRIMARY KEY,"
                 " run INTEGER, point TEXT); DELETE FROM temp.shown",
                 NULL, NULL, NULL);
}

/* Shows the runs of a range. */
static void show_range(struct vs_db *db, int64_t first, int64_t last)
{
    show_nothing(db);
    sqlite3_stmt *st = vs_db_query(db, "INSERT INTO temp.shown SELECT run, run, point FROM run "
                                       "WHERE run BETWEEN ?1 AND ?2");
    if (st) {
        sqlite3_bind_int64(st, 1, first);
        sqlite3_bind_int64(st, 2, last);
    }
    (void)vs_db_row(db, st);
    sqlite3_finalize(st);
}

/* Shows the runs of a list. */
static void show_list(struct vs_db *db, const struct points_list *list)
{
    show_nothing(db);
    sqlite3_stmt *st = vs_db_query(db, "INSERT INTO temp.shown VALUES (?1, ?2, ?3)");
    for (size_t i = 0; st && i < list->n; i++) {
        if (list->run(list->ctx, i)) {
            sqlite3_bind_int64(st, 1, (int64_t)i);
            sqlite3_bind_int64(st, 2, list->run(list->ctx, i));
            sqlite3_bind_text(st, 3, list->label(list->ctx, i), -1, SQLITE_TRANSIENT);
            (void)vs_db_row(db, st);
            sqlite3_reset(st);
        }
    }
    sqlite3_finalize(st);
}

/* A column's text, empty for NULL. */
static const char *text_of(sqlite3_stmt *st, int i)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    return text ? text : "";
}

/* What differs between the runs. */
static void find_columns(struct columns *c, struct vs_db *db)
{
    sqlite3_stmt *st = runs_of(db);
    char workload[512] = "";
    int64_t seed = 0, rows = 0;
    memset(c, 0, sizeof *c);
    for (; vs_db_row(db, st); rows++) {
        c->seeds = c->seeds || (rows && seed != sqlite3_column_int64(st, 4));
        c->workloads = c->workloads || (rows && strcmp(workload, text_of(st, 5)) != 0);
        seed = sqlite3_column_int64(st, 4);
        snprintf(workload, sizeof workload, "%s", text_of(st, 5));
        note_varied(c, db, sqlite3_column_int64(st, 0), text_of(st, 2));
    }
    sqlite3_finalize(st);
}

/* Prints a metric's value, whole numbers without decimals. */
static void print_value(struct out *o, struct vs_metric_value v, const struct vs_metric *m)
{
    if (!v.found) {
        out_none(o);
    } else if (v.integer) {
        out_int(o, v.whole);
    } else {
        out_real(o, v.real, !strcmp(m->unit, "ratio") ? 4 : 3);
    }
}

/* A metric that no run has: most likely another actor's, or another architecture's. */
static void warn_empty(const struct vs_metrics *m, const size_t *found, int64_t rows)
{
    for (size_t i = 0; rows && i < m->n; i++) {
        if (!found[i]) {
            fprintf(stderr,
                    "virtsim: warning: %s: nothing of it in %s; 'virtsim show RUN' shows what a "
                    "run has\n",
                    m->list[i].text, rows > 1 ? "any of the runs" : "the run");
        }
    }
}

/* Prints the row of a point. */
static void print_row(struct out *o, const struct columns *c, struct vs_db *db, sqlite3_stmt *st,
                      bool single)
{
    int64_t run = sqlite3_column_int64(st, 0), number;
    char value[256], unit[24];
    if (single) {
        out_int(o, run);
    }
    out_text(o, text_of(st, 1));
    if (c->workloads) {
        out_text(o, text_of(st, 5));
    }
    if (c->seeds && single) {
        out_int(o, sqlite3_column_int64(st, 4));
    }
    for (size_t i = 0; i < c->n_varied; i++) {
        bool any = value_of(db, run, text_of(st, 2), c->varied[i].key, value, sizeof value, unit,
                            sizeof unit);
        if (c->varied[i].text) {
            out_text(o, any ? value : "");
        } else if (any && whole_number(value, &number)) {
            out_int(o, number);
        } else {
            out_none(o);
        }
    }
}

/* "ept.l2_tlb.entries [entries]"; a choice or a flag has no unit. */
static void name_varied(const struct columns *c, size_t i, char *out)
{
    const char *unit = c->varied[i].unit;
    bool none = !*unit || !strcmp(unit, "choice") || !strcmp(unit, "flag");
    snprintf(out, NAME_BYTES, none ? "%s" : "%s [%s]", c->varied[i].key, unit);
}

/* Names of the columns: what was varied, and the metrics; how many. */
static size_t name_columns(const struct columns *c, const struct vs_metrics *m,
                           const struct points_list *list, char names[MOST_COLUMNS][NAME_BYTES])
{
    bool spread = list && list->seeds > 1;
    size_t n = 0;
    if (!spread) {
        snprintf(names[n++], NAME_BYTES, "run");
    }
    snprintf(names[n++], NAME_BYTES, "machine");
    if (c->workloads) {
        snprintf(names[n++], NAME_BYTES, "workload");
    }
    if (c->seeds && !spread) {
        snprintf(names[n++], NAME_BYTES, "seed");
    }
    for (size_t i = 0; i < c->n_varied; i++) {
        name_varied(c, i, names[n++]);
    }
    if (spread) {
        snprintf(names[n++], NAME_BYTES, "seeds");
    }
    for (size_t i = 0; i < m->n + 1; i++) {
        char name[NAME_BYTES - 16u] = "simulated_ms";
        if (i) {
            vs_metric_column(&m->list[i - 1], name, sizeof name);
        }
        snprintf(names[n++], NAME_BYTES, "%s", name);
        if (spread) {
            snprintf(names[n++], NAME_BYTES, "%s sd", name);
            snprintf(names[n++], NAME_BYTES, "%s ci%g", name, list->level * 100);
        }
    }
    return n;
}

/* The numbers of a combination's runs, one row of them for each metric: x[metric][run]. */
struct spread {
    double *x[VS_METRICS + 1u];
    size_t n[VS_METRICS + 1u], runs;
};

/* Adds a value to the spread of a metric. */
static void add_number(struct spread *s, size_t k, double v)
{
    s->x[k][s->n[k]++] = v;
}

/* Prints mean, deviation and interval of each metric, and begins the next group. */
static void print_spread(struct out *o, struct spread *s, size_t metrics, double level)
{
    out_int(o, (int64_t)s->runs);
    for (size_t k = 0; k < metrics; k++) {
        struct vs_spread v = vs_spread_of(s->x[k], s->n[k], level);
        out_real(o, v.mean, 3);
        out_real(o, v.deviation, 3);
        out_real(o, v.confidence, 3);
        s->n[k] = 0;
    }
    s->runs = 0;
}

/* Rows of single runs. */
static int64_t print_runs(struct vs_db *db, struct out *o, const struct columns *c,
                          const struct vs_metrics *m, size_t *found)
{
    sqlite3_stmt *st = runs_of(db);
    int64_t rows = 0;
    for (; vs_db_row(db, st); rows++) {
        print_row(o, c, db, st, true);
        out_real(o, sqlite3_column_double(st, 3), 3);
        for (size_t i = 0; i < m->n; i++) {
            struct vs_metric_value v =
                vs_metric_value(db, sqlite3_column_int64(st, 0), &m->list[i]);
            found[i] += v.found;
            print_value(o, v, &m->list[i]);
        }
    }
    sqlite3_finalize(st);
    return rows;
}

/* Rows of combinations: their runs stand together. */
static int64_t print_spreads(struct vs_db *db, struct out *o, const struct columns *c,
                             const struct vs_metrics *m, const struct points_list *list,
                             size_t *found)
{
    struct spread s = {.runs = 0};
    double *room = calloc((m->n + 1) * list->seeds, sizeof *room);
    sqlite3_stmt *st = room ? runs_of(db) : NULL;
    int64_t rows = 0, combination = -1;
    for (size_t k = 0; k < m->n + 1; k++) {
        s.x[k] = room + k * list->seeds;
    }
    for (; st && vs_db_row(db, st); rows++) {
        int64_t of = sqlite3_column_int64(st, 6) / (int64_t)list->seeds;
        if (of != combination) {
            if (s.runs) {
                print_spread(o, &s, m->n + 1, list->level);
            }
            print_row(o, c, db, st, false);
            combination = of;
        }
        s.runs++;
        add_number(&s, 0, sqlite3_column_double(st, 3));
        for (size_t i = 0; i < m->n; i++) {
            struct vs_metric_value v =
                vs_metric_value(db, sqlite3_column_int64(st, 0), &m->list[i]);
            found[i] += v.found;
            if (v.found) {
                add_number(&s, i + 1, v.integer ? (double)v.whole : v.real);
            }
        }
    }
    if (s.runs) {
        print_spread(o, &s, m->n + 1, list->level);
    }
    sqlite3_finalize(st);
    free(room);
    return rows;
}

/* What is in the table of shown runs, whose numbers lie between these. */
static int64_t print_shown(struct vs_db *db, int64_t first, int64_t last,
                           const struct points_list *list, const struct vs_metrics *asked,
                           enum out_format format)
{
    static char names[MOST_COLUMNS][NAME_BYTES];
    static const char *heads[MOST_COLUMNS];
    static struct columns c;
    static struct vs_metrics usual;
    const struct vs_metrics *m = asked;
    size_t found[VS_METRICS] = {0};
    if (!asked->n) {
        usual.n = 0;
        vs_metrics_default(&usual, db, first, last);
        m = &usual;
    }
    find_columns(&c, db);
    size_t n = name_columns(&c, m, list, names);
    for (size_t i = 0; i < n; i++) {
        heads[i] = names[i];
    }
    if (format == OUT_TABLE) {
        paper_page();
    }
    struct out *o = out_begin(format, heads, n);
    int64_t rows = list && list->seeds > 1 ? print_spreads(db, o, &c, m, list, found)
                                           : print_runs(db, o, &c, m, found);
    out_end(o, stdout);
    if (asked->n) {
        warn_empty(m, found, rows);
    }
    return rows;
}

int64_t points_print(struct vs_db *db, int64_t first, int64_t last, const struct vs_metrics *asked,
                     enum out_format format)
{
    show_range(db, first, last);
    return print_shown(db, first, last, NULL, asked, format);
}

int64_t points_print_list(struct vs_db *db, const struct points_list *list,
                          const struct vs_metrics *asked, enum out_format format)
{
    int64_t first = INT64_MAX, last = 0;
    for (size_t i = 0; i < list->n; i++) {
        int64_t run = list->run(list->ctx, i);
        first = run && run < first ? run : first;
        last = run > last ? run : last;
    }
    show_list(db, list);
    return print_shown(db, first, last, list, asked, format);
}

void points_one(struct vs_db *db, int64_t run, const struct vs_metrics *asked,
                enum out_format format)
{
    static const char *const columns[] = {"metric", "value", "unit"};
    size_t found[VS_METRICS];
    if (format == OUT_CSV || format == OUT_JSON) {
        (void)points_print(db, run, run, asked, format);
        return;
    }
    struct out *o = out_begin(format, columns, 3);
    for (size_t i = 0; i < asked->n; i++) {
        struct vs_metric_value v = vs_metric_value(db, run, &asked->list[i]);
        found[i] = v.found;
        out_text(o, asked->list[i].text);
        print_value(o, v, &asked->list[i]);
        out_text(o, asked->list[i].unit);
    }
    out_end(o, stdout);
    warn_empty(asked, found, 1);
}

void points_two(struct vs_db *db, const int64_t run[2], const struct vs_metrics *asked,
                enum out_format format)
{
    static const char *const columns[] = {"metric", "unit", "first", "second", "ratio"};
    size_t found[VS_METRICS];
    struct out *o = out_begin(format, columns, 5);
    for (size_t i = 0; i < asked->n; i++) {
        const struct vs_metric *m = &asked->list[i];
        struct vs_metric_value a = vs_metric_value(db, run[0], m),
                               b = vs_metric_value(db, run[1], m);
        found[i] = (size_t)a.found + b.found;
        out_text(o, m->text);
        out_text(o, m->unit);
        print_value(o, a, m);
        print_value(o, b, m);
        out_real(o, a.found && b.found && a.real > 0 ? b.real / a.real : NAN, 3);
    }
    out_end(o, stdout);
    warn_empty(asked, found, 2);
}
