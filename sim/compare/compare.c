/* SPDX-License-Identifier: MIT */
#include "compare/compare.h"

#include "compare/aside.h"
#include "compare/reuse.h"
#include "table.h"
#include "compare/verdict.h"
#include "home.h"
#include "sweep/pool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One distinct run behind one or more experiments. */
struct needed {
    const char *workload, *machine, *sets;
    int64_t run; /* 0 = missing */
};

/* The runs that one experiment's query is about: its own, then its baselines. */
struct runs_of {
    size_t need[VS_DB_RUNS]; /* indices into plan.need */
    size_t n;
};

struct plan {
    struct vs_table experiments;
    struct vs_table outside; /* why a number lies outside its claim, and what must hold for that */
    struct needed *need;
    size_t n_need;
    size_t *missing; /* indices into need */
    size_t n_missing;
    struct runs_of *of; /* by row of `experiments`; n = 0: not of the domain */
    char *text;         /* machines and settings of baselines, one by one */
    size_t text_used;
    const struct vs_compare_options *options;
};

/* Inserts one row of a table of text, its bounds as numbers. */
static enum vs_status bind_row(sqlite3_stmt *st, const struct vs_table *t, size_t row,
                               const char *const *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *text = vs_table_cell(t, row, columns[i]);
        bool real = !strcmp(columns[i], "low") || !strcmp(columns[i], "high");
        char *end;
        double v = strtod(text, &end);
        int rc = !real ? sqlite3_bind_text(st, (int)i + 1, text, -1, SQLITE_TRANSIENT)
                 : (end == text || *end) ? sqlite3_bind_null(st, (int)i + 1)
                                         : sqlite3_bind_double(st, (int)i + 1, v);
        if (rc != SQLITE_OK) {
            return VS_E_IO;
        }
    }
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? VS_OK : VS_E_IO;
}

/* Loads a file of the library into a table of the database. */
static enum vs_status load_file(struct vs_db *db, const char *name, const char *sql,
                                const char *const *columns, size_t n, struct vs_errors *errors)
{
    char path[4096];
    struct vs_table t;
    enum vs_status s = vs_table_read(vs_home_path(name, path, sizeof path), &t, errors);
    sqlite3_stmt *st = NULL;
    if (!s && sqlite3_prepare_v2(vs_db_handle(db), sql, -1, &st, NULL) != SQLITE_OK) {
        s = VS_E_IO;
    }
    for (size_t i = 0; !s && i < t.n_rows; i++) {
        s = bind_row(st, &t, i, columns, n);
    }
    if (s == VS_E_IO) {
        vs_error(errors, "%s: %s", name, sqlite3_errmsg(vs_db_handle(db)));
    }
    sqlite3_finalize(st);
    vs_table_free(&t);
    return s;
}

enum vs_status vs_compare_load(struct vs_db *db, struct vs_errors *errors)
{
    static const char *const claim[] = {"claim_id",  "document", "subject",     "metric",
                                        "condition", "low",      "high",        "unit",
                                        "relation",  "domain",   "contradicts", "manual_note"};
    static const char *const literature[] = {"id",  "area", "platform", "config", "metric",
                                             "low", "high", "unit",     "source", "use"};
    enum vs_status s = vs_db_exec(db, "BEGIN IMMEDIATE");
    if (s) {
        vs_error(errors, "%s", vs_db_error(db));
        return s;
    }
    s = load_file(db, "results/documents.csv",
                  "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", claim,
                  12, errors);
    s = s ? s
          : load_file(db, "results/literature.csv",
                      "INSERT OR REPLACE INTO literature VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      literature, 10, errors);
    enum vs_status end = vs_db_exec(db, s ? "ROLLBACK" : "COMMIT");
    if (!s && end) {
        vs_error(errors, "%s", vs_db_error(db));
    }
    return s ? s : end;
}

/* Index of the need, added when new. */
static size_t need(struct plan *p, const char *workload, const char *machine, const char *sets)
{
    for (size_t i = 0; i < p->n_need; i++) {
        if (!strcmp(p->need[i].workload, workload) && !strcmp(p->need[i].machine, machine) &&
            !strcmp(p->need[i].sets, sets)) {
            return i;
        }
    }
    p->need[p->n_need] = (struct needed){workload, machine, sets, 0};
    return p->n_need++;
}

/* Makes the request of one run that experiments need. */
static bool make_point(const struct plan *p, const struct needed *n, struct vs_point *pt)
{
    memset(&pt->request, 0, sizeof pt->request);
    snprintf(pt->label, sizeof pt->label, "compare %s", n->sets);
    /* text holds the input's name, then the settings, each ended by a zero byte */
    size_t used = (size_t)snprintf(pt->text, sizeof pt->text, "workloads/%s.lua", n->workload) + 1,
           sets = 0;
    pt->request.input = pt->text;
    assert(n->sets); /* a cell of the table, if an empty one */
    for (const char *s = n->sets; *s;) {
        size_t len = strcspn(s, " ");
        if (used + len + 1 >= sizeof pt->text || sets == VS_POINT_SETS) {
            return false;
        }
        if (len) {
            pt->sets[sets] = memcpy(pt->text + used, s, len);
            pt->text[used + len] = '\0';
            pt->set_by[sets++] = "results/experiments.csv";
            used += len + 1;
        }
        s += len + (s[len] == ' ');
    }
    pt->request.machine = n->machine;
    pt->request.sets = pt->sets;
    pt->request.set_by = pt->set_by;
    pt->request.n_sets = sets;
    pt->request.point = pt->label;
    pt->request.argv = p->options->argv;
    pt->request.options.seed = 1;
    pt->request.jobs = 1;
    return true;
}

/* Makes the run at an index of those that are missing. */
static bool make(void *ctx, size_t index, struct vs_point *pt)
{
    const struct plan *p = ctx;
    return make_point(p, &p->need[p->missing[index]], pt);
}

/* The run that was made for a need, from run number `first` on; 0: it failed. */
static int64_t made(struct vs_db *db, const struct needed *n, int64_t first)
{
    sqlite3_stmt *st = vs_db_query(db, "SELECT max(run) FROM run WHERE run >= ? AND workload = ? "
                                       "AND machine = ? AND point = 'compare ' || ?");
    if (st) {
        sqlite3_bind_int64(st, 1, first);
        sqlite3_bind_text(st, 2, n->workload, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, n->machine, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 4, n->sets, -1, SQLITE_STATIC);
    }
    int64_t run = vs_db_row(db, st) ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return run;
}

/* Finds the runs that are there already, and runs the others. */
static enum vs_status run_missing(struct plan *p, struct vs_db *db, struct vs_errors *errors)
{
    static struct vs_point point;
    struct vs_errors wrong = {NULL, 0};
    for (size_t i = 0; i < p->n_need; i++) {
        p->need[i].run =
            make_point(p, &p->need[i], &point) ? vs_reusable(db, &point.request, &wrong) : 0;
        if (!p->need[i].run) {
            p->missing[p->n_missing++] = i;
        }
    }
    /* what is wrong with an experiment is known before the first run */
    bool refused = wrong.n && !p->options->no_run;
    for (size_t i = 0; refused && i < wrong.n; i++) {
        vs_error(errors, "results/experiments.csv: %s", wrong.text[i]);
    }
    vs_errors_free(&wrong);
    if (refused) {
        return VS_E_INPUT;
    }
    if (vs_db_unread(db)) {
        return vs_db_unread(db);
    }
    if (p->options->n_lacking) {
        *p->options->n_lacking = p->options->no_run ? p->n_missing : 0;
    }
    if (!p->n_missing || p->options->no_run) {
        return VS_OK;
    }
    struct vs_pool_work work = {p, make, p->options->jobs};
    struct vs_pool_order order = {.n = p->n_missing, .progress = p->options->progress};
    struct vs_pool *pool = vs_pool_open(&work, errors);
    int64_t first = 0;
    /* a point that fails leaves its claims without a number; the others are still compared */
    enum vs_status s = pool ? vs_pool_store(pool, &order, db, &first, errors) : VS_E_NOMEM;
    vs_pool_close(pool);
    for (size_t i = 0; first > 0 && i < p->n_missing; i++) {
        struct needed *n = &p->need[p->missing[i]];
        n->run = made(db, n, first);
    }
    return s;
}

/* The experiment's reason and, outside the claim, why: with a query over the run that must hold for
 * it, so that a reason that is no longer true says so. */
static void reason_of(const struct plan *p, struct vs_db *db, const char *id, const char *reason,
                      bool outside, const int64_t *runs, size_t n_runs, char *out, size_t bytes)
{
    const char *why = "not understood yet";
    for (size_t i = 0; outside && i < p->outside.n_rows; i++) {
        double holds = 0;
        bool found = false;
        if (!strcmp(vs_table_cell(&p->outside, i, "claim_id"), id)) {
            const char *query = vs_table_cell(&p->outside, i, "holds");
            bool asked = !vs_db_number_of(db, query, runs, n_runs, &holds, &found);
            why = asked && found && holds > 0 ? vs_table_cell(&p->outside, i, "why")
                                              : "the reason noted in results/outside.csv no longer "
                                                "holds";
        }
    }
    snprintf(out, bytes, "%s%s%s", reason, outside ? "; outside: " : "", outside ? why : "");
}

/* Evaluates one experiment's quantity and compares it with its claim. */
static enum vs_status judge(struct plan *p, struct vs_db *db, size_t row, struct vs_errors *errors)
{
    const struct vs_table *t = &p->experiments;
    const char *id = vs_table_cell(t, row, "claim_id"), *query = vs_table_cell(t, row, "quantity");
    int64_t run[VS_DB_RUNS] = {0};
    const struct runs_of *of = &p->of[row];
    for (size_t i = 0; i < of->n; i++) {
        run[i] = p->need[of->need[i]].run;
        if (!run[i]) {
            return VS_OK; /* not run: no row */
        }
    }
    struct vs_judged j = {0};
    const char *basis = vs_table_cell(t, row, "basis");
    if (!vs_basis_parse(basis, &j.basis)) {
        vs_error(errors,
                 "results/experiments.csv: %s: basis '%s': predicted, calibrated or structure is "
                 "needed",
                 id, basis);
        return VS_E_INPUT;
    }
    if (vs_db_number_of(db, query, run, of->n, &j.value, &j.found)) {
        if (vs_db_unread(db)) {
            return vs_db_unread(db);
        }
        vs_error(errors, "results/experiments.csv: %s: %s", id, vs_db_error(db));
        return VS_E_INPUT;
    }
    j.assumed = vs_assumed_share(db, run[0], vs_table_cell(t, row, "rests_on"));
    static const char sql[] = "SELECT low, high, relation FROM claim WHERE claim_id = ?";
    sqlite3_stmt *st = vs_db_query(db, sql);
    const char *word = "no number";
    if (st) {
        sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
        if (vs_db_row(db, st)) {
            j.has_low = sqlite3_column_type(st, 0) != SQLITE_NULL;
            j.has_high = sqlite3_column_type(st, 1) != SQLITE_NULL;
            j.low = sqlite3_column_double(st, 0);
            j.high = sqlite3_column_double(st, 1);
            j.relation = (const char *)sqlite3_column_text(st, 2);
            word = vs_verdict(&j);
        }
    }
    sqlite3_finalize(st);
    st = NULL;
    char reason[1500];
    reason_of(p, db, id, vs_table_cell(t, row, "reason"), !strcmp(word, "outside"), run, of->n,
              reason, sizeof reason);
    if (vs_db_unread(db)) { /* no verdict from what could not be read */
        return vs_db_unread(db);
    }
    enum vs_status s = VS_E_IO;
    if (sqlite3_prepare_v2(vs_db_handle(db),
                           "INSERT OR REPLACE INTO comparison VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 2, run[0]);
        sqlite3_bind_int64(st, 3, run[1]);
        if (j.found) {
            sqlite3_bind_double(st, 4, j.value);
        }
        sqlite3_bind_text(st, 5, vs_table_cell(t, row, "unit"), -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 6, basis, -1, SQLITE_STATIC);
        sqlite3_bind_double(st, 7, j.assumed);
        sqlite3_bind_text(st, 8, word, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 9, reason, -1, SQLITE_STATIC);
        s = sqlite3_step(st) == SQLITE_DONE ? VS_OK : VS_E_IO;
    }
    if (s) {
        vs_error(errors, "%s: %s", p->options->db_path, sqlite3_errmsg(vs_db_handle(db)));
    }
    sqlite3_finalize(st);
    return s;
}

/* Rows of the asked domain stay; the table's other rows are blanked out. */
static bool wanted(struct vs_db *db, const char *domain, const char *claim)
{
    if (!domain) {
        return true;
    }
    sqlite3_stmt *st = vs_db_query(db, "SELECT 1 FROM claim WHERE claim_id = ? AND domain = ?");
    if (st) {
        sqlite3_bind_text(st, 1, claim, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, domain, -1, SQLITE_STATIC);
    }
    bool yes = vs_db_row(db, st);
    sqlite3_finalize(st);
    return yes;
}

/* All rows or none. */
static enum vs_status judge_all(struct plan *p, struct vs_db *db, struct vs_errors *errors)
{
    const struct vs_table *t = &p->experiments;
    if (vs_db_unread(db)) {
        return vs_db_unread(db);
    }
    enum vs_status s = vs_db_exec(db, "BEGIN IMMEDIATE");
    if (s) {
        vs_error(errors, "%s", vs_db_error(db));
        return s;
    }
    for (size_t i = 0; !s && i < t->n_rows; i++) {
        if (wanted(db, p->options->domain, vs_table_cell(t, i, "claim_id"))) {
            s = judge(p, db, i, errors);
        }
    }
    s = s ? s : vs_db_unread(db);
    if (!s && (s = vs_db_exec(db, "COMMIT"))) {
        vs_error(errors, "%s", vs_db_error(db));
    }
    if (s) { /* the message is that of what went wrong */
        sqlite3_exec(vs_db_handle(db), "ROLLBACK", NULL, NULL, NULL);
    }
    return s;
}

/* Reports a domain that no claim has, with the nearest one. */
static void unknown_domain(struct vs_db *db, const char *domain, struct vs_errors *errors)
{
    char names[32][64], hint[VS_SUGGEST];
    const char *list[32];
    size_t n = 0;
    sqlite3_stmt *st = vs_db_query(db, "SELECT DISTINCT domain FROM claim ORDER BY domain");
    for (; n < 32 && vs_db_row(db, st); n++) {
        snprintf(names[n], sizeof names[n], "%s", (const char *)sqlite3_column_text(st, 0));
        list[n] = names[n];
    }
    sqlite3_finalize(st);
    vs_error(
        errors, "--domain %s: no experiment has it; %s", domain,
        vs_suggest(domain, list, n, "'virtsim list claims' shows the domains", hint, sizeof hint));
}

/* Memory for the runs of every experiment and for the words that name them. */
static enum vs_status make_room(struct plan *p)
{
    const struct vs_table *t = &p->experiments;
    size_t bytes = 1;
    for (size_t i = 0; i < t->n_rows; i++) {
        bytes += strlen(vs_table_cell(t, i, "baseline_machine")) +
                 strlen(vs_table_cell(t, i, "baseline_sets")) + 2u * VS_DB_RUNS;
    }
    p->need = calloc(VS_DB_RUNS * t->n_rows + 1, sizeof *p->need);
    p->missing = calloc(VS_DB_RUNS * t->n_rows + 1, sizeof *p->missing);
    p->of = calloc(t->n_rows + 1, sizeof *p->of);
    p->text = calloc(1, bytes);
    return p->need && p->missing && p->of && p->text ? VS_OK : VS_E_NOMEM;
}

/* The i-th word of a cell whose words are separated by semicolons, kept in the plan; NULL: it has
 * fewer. A cell without any is one empty word. */
static const char *word_of(struct plan *p, const char *cell, size_t i)
{
    for (; i; i--) {
        cell += strcspn(cell, ";");
        if (!*cell++) {
            return NULL;
        }
    }
    size_t n = strcspn(cell, ";");
    char *word = memcpy(p->text + p->text_used, cell, n);
    p->text_used += n + 1u;
    return word;
}

/* The runs of one experiment: its own and each baseline's. */
static enum vs_status need_all(struct plan *p, size_t row, struct vs_errors *errors)
{
    const struct vs_table *t = &p->experiments;
    const char *workload = vs_table_cell(t, row, "workload"),
               *machines = vs_table_cell(t, row, "baseline_machine"),
               *sets = vs_table_cell(t, row, "baseline_sets"), *machine = NULL;
    struct runs_of *of = &p->of[row];
    of->need[of->n++] =
        need(p, workload, vs_table_cell(t, row, "machine"), vs_table_cell(t, row, "sets"));
    for (size_t i = 0; *machines && (machine = word_of(p, machines, i)); i++) {
        if (of->n == VS_DB_RUNS) {
            vs_error(errors, "results/experiments.csv: %s: more than %u baselines",
                     vs_table_cell(t, row, "claim_id"), VS_DB_RUNS - 1u);
            return VS_E_INPUT;
        }
        const char *own = word_of(p, sets, i);
        of->need[of->n++] = need(p, workload, machine, own ? own : "");
    }
    return VS_OK;
}

/* Tables, the database's among them, and distinct runs. */
static enum vs_status make_plan(struct plan *p, struct vs_db *db, struct vs_errors *errors)
{
    const char *domain = p->options->domain;
    char path[4096];
    enum vs_status s = vs_compare_load(db, errors);
    s = s ? s
          : vs_table_read(vs_home_path("results/experiments.csv", path, sizeof path),
                          &p->experiments, errors);
    s = s ? s
          : vs_table_read(vs_home_path("results/outside.csv", path, sizeof path), &p->outside,
                          errors);
    const struct vs_table *t = &p->experiments;
    s = s ? s : vs_aside_make(db, t, errors);
    s = s ? s : make_room(p);
    for (size_t i = 0; !s && i < t->n_rows; i++) {
        if (wanted(db, domain, vs_table_cell(t, i, "claim_id"))) {
            s = need_all(p, i, errors);
        }
    }
    s = s ? s : vs_db_unread(db);
    if (!s && domain && !p->n_need) {
        unknown_domain(db, domain, errors);
        s = VS_E_INPUT;
    }
    return s;
}

/* Frees what a comparison has read and planned. */
static void free_plan(struct plan *p)
{
    vs_table_free(&p->experiments);
    vs_table_free(&p->outside);
    free(p->need);
    free(p->missing);
    free(p->of);
    free(p->text);
}

enum vs_status vs_compare_check(const struct vs_compare_options *o, struct vs_errors *errors)
{
    struct plan p = {.options = o};
    struct vs_db *db = NULL;
    char err[1200];
    enum vs_status s = vs_db_open(":memory:", true, &db, err, sizeof err);
    if (s) {
        vs_error(errors, "%s", err);
    }
    s = s ? s : make_plan(&p, db, errors);
    if (db && vs_db_unread(db)) {
        vs_error(errors, "%s", vs_db_error(db));
    }
    free_plan(&p);
    vs_db_close(db);
    return s;
}

enum vs_status vs_compare(struct vs_db *db, const struct vs_compare_options *o,
                          struct vs_errors *errors)
{
    struct plan p = {.options = o};
    enum vs_status s = make_plan(&p, db, errors);
    if (!s) {
        s = run_missing(&p, db, errors);
        enum vs_status one = s == VS_E_INPUT ? s : judge_all(&p, db, errors);
        one = one ? one : vs_aside_guess(db, &p.experiments, errors);
        s = s ? s : one;
    }
    free_plan(&p);
    return s;
}
