/* SPDX-License-Identifier: MIT */
/* list: what there is to choose from. The generated docs are made of its markdown. */
#define _GNU_SOURCE
#include "cmd.h"
#include "paper.h"

#include "compare/compare.h"
#include "home.h"
#include "lua/borrow.h"
#include "lua/methods.h"
#include "lua/shipped.h"
#include "trace/trace.h"
#include "virtsim/op.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIST_WORDS 8u

struct list {
    const char *what, *db;
    const char *word[LIST_WORDS]; /* that a row is found by; of programs the first is whose */
    size_t n_words;
    enum out_format format;
    struct out *o;
    bool damaged; /* the database cannot be read */
    bool assumed; /* knobs: those of a stored run that are assumed, ranked */
    int64_t run;  /* which; 0: the newest */
    struct vs_errors errors;
    struct vs_stated *stated; /* what the parts of the machines say they borrow */
    size_t n_stated;
};

static void rows_of(struct list *l, struct vs_db *db, const char *sql, const char *const *columns,
                    size_t n);

/* The run's assumed knobs: how much of its time each prices, and of which measured sum it is. */
static void assumed_knobs(struct list *l)
{
    static const char *const columns[] = {"knob",  "value",        "unit",   "evidence",
                                          "share", "simulated_ms", "sum of", "source"};
    struct vs_db *db = list_assumed(l->db, l->run, &l->errors);
    if (db) {
        rows_of(l, db,
                "WITH k AS MATERIALIZED (SELECT knob.* FROM temp.whole w JOIN knob ON knob.run = "
                "w.run WHERE knob.evidence = 'assumed') "
                "SELECT k.path, k.value, k.unit, k.evidence, 100.0 * sum(d.ps) / max(w.ps, 1), "
                "sum(d.ps) / 1e9, coalesce((SELECT max(g.source) FROM evidence_group g WHERE g.run "
                "= k.run AND g.path = k.path), ''), k.source FROM temp.whole w JOIN k ON "
                "k.run = w.run JOIN temp.decides d ON d.path = k.path GROUP BY k.path HAVING "
                "sum(d.ps) > 0 ORDER BY sum(d.ps) DESC, k.path",
                columns, 8);
    }
}

/* list knobs. */
static void knobs(struct list *l)
{
    if (l->assumed) {
        assumed_knobs(l);
        return;
    }
    static const char *const columns[] = {"knob",     "default", "bounds", "unit",
                                          "evidence", "meaning", "source"};
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    struct vs_knobs *k = vs_knobs_create(c, n);
    l->o = out_begin(l->format, columns, 7);
    for (size_t i = 0; k && i < vs_knobs_count(k); i++) {
        const struct vs_knob *knob = vs_knobs_at(k, i);
        const struct vs_knob_desc *d = knob->desc;
        char text[64];
        out_text(l->o, d->path);
        out_text(l->o, vs_knob_text(knob, text, sizeof text));
        snprintf(text, sizeof text, "%" PRIu64 "..%" PRIu64, d->min, d->max);
        out_text(l->o, d->choices ? d->choices : d->kind == VS_KNOB_FLAG ? "0|1" : text);
        out_text(l->o, d->unit);
        out_text(l->o, vs_evidence_name(d->grade));
        out_text(l->o, d->text);
        out_text(l->o, d->source);
    }
    vs_knobs_destroy(k);
}

/* list accounts. */
static void accounts(struct list *l)
{
    static const char *const columns[] = {"account", "component", "kind", "priced_by", "meaning"};
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    l->o = out_begin(l->format, columns, 5);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < c[i]->n_accounts; j++) {
            const struct vs_account_desc *a = &c[i]->accounts[j];
            out_text(l->o, a->path);
            out_text(l->o, c[i]->name);
            out_text(l->o, a->wait ? "wait" : "work");
            out_text(l->o, a->priced_by);
            out_text(l->o, a->text);
        }
    }
}

/* list counters. */
static void counters(struct list *l)
{
    static const char *const columns[] = {"counter", "component", "unit", "meaning"};
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    l->o = out_begin(l->format, columns, 4);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < c[i]->n_counters; j++) {
            out_text(l->o, c[i]->counters[j].path);
            out_text(l->o, c[i]->name);
            out_text(l->o, c[i]->counters[j].unit);
            out_text(l->o, c[i]->counters[j].text);
        }
    }
}

/* list operations. */
static void operations(struct list *l)
{
    static const char *const columns[] = {"operation", "meaning"};
    l->o = out_begin(l->format, columns, 2);
    for (size_t i = 0; i < vs_op_count(); i++) {
        out_text(l->o, vs_op_name((enum vs_op)i));
        out_text(l->o, vs_op_text((enum vs_op)i));
    }
    size_t n;
    const struct vs_op_alias *a = vs_op_aliases(&n);
    for (size_t i = 0; i < n; i++) {
        enum vs_op all[VS_OP_SAME];
        size_t first = 0;
        while (strcmp(a[first].alias, a[i].alias) != 0) {
            first++;
        }
        char text[300] = "another name of ";
        size_t same = first == i ? vs_op_resolve(a[i].alias, NULL, all) : 0;
        for (size_t k = 0; k < same; k++) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, "%s%s", k ? ", " : "", vs_op_name(all[k]));
        }
        if (same && strcmp(vs_op_name(all[0]), a[i].alias) != 0) {
            out_text(l->o, a[i].alias);
            out_text(l->o, text);
        }
    }
}

/* A machine's line. */
static void machine_row(struct list *l, const char *name, const char *calibrated, const char *text)
{
    out_text(l->o, name);
    out_text(l->o, *calibrated ? calibrated : "nothing");
    out_text(l->o, text);
}

/* The line of a machine whose files were read. */
static void one_machine(void *ctx, const struct vs_machine_info *info)
{
    machine_row(ctx, info->name, info->calibrated, info->text);
}

/* All machines: as the build has read them where they are still the same. */
static void machines(struct list *l)
{
    static const char *const columns[] = {"machine", "calibrated_to", "description"};
    const struct vs_shipped *known = &vs_shipped_machines;
    l->o = out_begin(l->format, columns, 3);
    if (!vs_shipped_holds(known, vs_home())) {
        vs_machine_each_info(vs_home(), one_machine, l, &l->errors);
        return;
    }
    for (size_t i = 0; i < known->n; i++) {
        machine_row(l, known->machine[i].name, known->machine[i].calibrated,
                    known->machine[i].text);
    }
}

/* A statement of all machines' files, and how many values it is true of. */
static void add_stated(struct list *l, const struct vs_stated *s)
{
    size_t i = 0;
    while (i < l->n_stated &&
           (strcmp(l->stated[i].file, s->file) != 0 || strcmp(l->stated[i].of, s->of) != 0 ||
            strcmp(l->stated[i].prefix, s->prefix) != 0)) {
        i++;
    }
    if (i < l->n_stated) {
        l->stated[i].taken += s->taken;
        return;
    }
    struct vs_stated *grown = realloc(l->stated, (i + 1) * sizeof *grown);
    if (grown) {
        l->stated = grown;
        l->stated[l->n_stated++] = *s;
    }
}

/* Collects what one machine's files state as borrowed. */
static void one_machine_borrows(void *ctx, const char *name, const char *path)
{
    struct list *l = ctx;
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    struct vs_knobs *k = vs_knobs_create(c, n);
    static struct vs_machine_info info;
    (void)path;
    if (k) {
        vs_home_machine(name, k, &info, &l->errors);
    }
    for (size_t i = 0; k && i < info.n_stated; i++) {
        add_stated(l, &info.stated[i]);
    }
    for (size_t i = 0; k && i < vs_knobs_count(k); i++) {
        const struct vs_knob *knob = vs_knobs_at(k, i);
        char from[64], value[64];
        if (vs_borrow_from(knob, from, sizeof from)) {
            out_text(l->o, name);
            out_text(l->o, from);
            out_text(l->o, knob->desc->path);
            out_text(l->o, vs_knob_text(knob, value, sizeof value));
            out_text(l->o, knob->desc->unit);
            out_text(l->o, knob->source);
            const struct vs_stated *s =
                vs_borrow_stated(info.stated, info.n_stated, from, knob->desc->path);
            out_text(l->o, s ? s->file : "nowhere");
        }
    }
    vs_knobs_destroy(k);
}

/* list borrows: what machines take from other parts or vendors. */
static void borrows(struct list *l)
{
    static const char *const columns[] = {"machine", "from",   "knob",     "value",
                                          "unit",    "source", "stated_in"};
    l->o = out_begin(l->format, columns, 7);
    vs_machine_each(vs_home(), one_machine_borrows, l);
    for (size_t i = 0; i < l->n_stated; i++) {
        const struct vs_stated *s = &l->stated[i];
        if (!s->taken) {
            vs_error(&l->errors, "%s: borrows: no machine takes %s from %s; take the line out",
                     s->file, s->prefix, s->of);
        }
    }
    free(l->stated);
}

/* list workloads. */
static void workloads(struct list *l)
{
    l->o = list_workloads(l->format, &l->errors);
}

/* list parameters: those of every workload. */
static void parameters(struct list *l)
{
    l->o = list_parameters(l->format, &l->errors);
}

/* list formats: what replay reads. */
static void formats(struct list *l)
{
    static const char *const columns[] = {"format", "detected", "files", "description"};
    size_t n;
    const struct vs_trace_format *f = vs_trace_formats(&n);
    l->o = out_begin(l->format, columns, 4);
    for (size_t i = 0; i < n; i++) {
        out_text(l->o, f[i].name);
        out_text(l->o, f[i].explicit_only ? "only by --trace-format" : "yes");
        out_text(l->o, f[i].extensions);
        out_text(l->o, f[i].description);
    }
    out_text(l->o, "vst");
    out_text(l->o, "yes, in a plain file");
    out_text(l->o, ".vst");
    out_text(l->o, "a run's stimuli, written by --record");
    out_text(l->o, "kvm");
    out_text(l->o, "yes");
    out_text(l->o, ".txt");
    out_text(l->o, "KVM's exits and entries as ftrace, trace-cmd report or perf script print them");
}

/* list requests: what a workload can ask a vCPU for. */
static void requests(struct list *l)
{
    static const char *const columns[] = {"request", "code",    "method", "machines",
                                          "fields",  "section", "meaning"};
    struct vs_request_text t;
    l->o = out_begin(l->format, columns, 7);
    for (size_t i = 0; vs_request_text(i, &t); i++) {
        out_text(l->o, t.name);
        out_int(l->o, t.kind);
        out_text(l->o, t.method);
        out_text(l->o, t.machines);
        out_text(l->o, t.fields);
        out_text(l->o, t.section);
        out_text(l->o, t.text);
    }
}

/* Prints the rows of a query, and closes the database. */
static void rows_of(struct list *l, struct vs_db *db, const char *sql, const char *const *columns,
                    size_t n)
{
    l->o = out_begin(l->format, columns, n);
    sqlite3_stmt *st = vs_db_query(db, sql);
    while (vs_db_row(db, st)) {
        for (int i = 0; i < (int)n; i++) {
            if (sqlite3_column_type(st, i) == SQLITE_INTEGER) {
                out_int(l->o, sqlite3_column_int64(st, i));
            } else if (sqlite3_column_type(st, i) == SQLITE_FLOAT) {
                out_real(l->o, sqlite3_column_double(st, i), 3);
            } else {
                out_text(l->o, (const char *)sqlite3_column_text(st, i));
            }
        }
    }
    sqlite3_finalize(st);
    if (vs_db_unread(db)) {
        vs_error(&l->errors, "%s", vs_db_error(db));
        l->damaged = true;
    }
    vs_db_close(db);
}

/* list runs: those of a database. */
static void runs(struct list *l)
{
    static const char *const columns[] = {"run",     "command",      "workload", "machine",
                                          "seed",    "simulated_ms", "point",    "started",
                                          "options", "made_with"};
    char err[5200];
    struct vs_db *db = NULL;
    if (vs_db_open(l->db, false, &db, err, sizeof err)) {
        vs_error(&l->errors, "%s", err);
        return;
    }
    rows_of(
        l, db,
        "SELECT run, command, workload, machine, seed, (end_ps - roi_ps) / 1e9, point, "
        "coalesce((SELECT value FROM provenance p WHERE p.run = r.run AND key = 'started'), "
        "''), coalesce((SELECT group_concat(option || '=' || value, ' ') FROM run_option o WHERE "
        "o.run = r.run), ''), trim(point || ' ' || coalesce((SELECT group_concat(option || '=' || "
        "value, ' ') FROM run_option o WHERE o.run = r.run AND option <> 'roi'), '')) FROM run r "
        "ORDER BY run",
        columns, l->format == OUT_TABLE ? 10 : 9);
}

/* list claims: the numbers of the documents. */
static void claims(struct list *l)
{
    static const char *const columns[] = {"claim", "subject", "metric", "low",
                                          "high",  "unit",    "domain", "contradicts"};
    struct vs_db *db = NULL;
    char err[5200];
    if (vs_db_open(":memory:", true, &db, err, sizeof err)) {
        vs_error(&l->errors, "%s", err);
        return;
    }
    vs_compare_load(db, &l->errors); /* from results/documents.csv: no run is needed */
    rows_of(l, db,
            "SELECT claim_id, subject, metric, low, high, unit, domain, contradicts FROM claim "
            "ORDER BY claim_id",
            columns, 8);
}

/* list programs: a hypervisor's paths as text. */
static void programs(struct list *l)
{
    l->o = list_programs(l->format, l->n_words ? l->word[0] : NULL, &l->errors);
    if (l->n_words) { /* what is left finds rows */
        memmove(l->word, l->word + 1, --l->n_words * sizeof *l->word);
    }
}

/* list facts: what the code knows of a machine's architecture. */
static void facts(struct list *l)
{
    bool machine = l->n_words && list_is_machine(l->word[0]);
    l->o = list_facts(l->format, machine ? l->word[0] : NULL, &l->errors);
    if (machine) { /* what is left finds rows */
        memmove(l->word, l->word + 1, --l->n_words * sizeof *l->word);
    }
}

/* What a table for people shows of each kind, in the order in which they ask; all of it is in the
 * other formats, and where one thing is listed. */
static const struct {
    const char *name;
    void (*print)(struct list *l);
    const char *people;
} kinds[] = {
    {"runs", runs, "run workload machine made_with simulated_ms"},
    {"machines", machines, "machine description calibrated_to"},
    {"borrows", borrows, "machine knob value unit from"},
    {"workloads", workloads, "workload description vcpus"},
    {"parameters", parameters, "workload parameter meaning default unit"},
    {"knobs", knobs, "knob meaning default unit"},
    {"accounts", accounts, "account meaning kind"},
    {"counters", counters, "counter meaning unit"},
    {"operations", operations, NULL},
    {"formats", formats, "format description files detected"},
    {"requests", requests, "request meaning method machines"},
    {"claims", claims, "subject metric low high unit claim"},
    {"programs", programs, NULL},
    {"facts", facts, "fact value unit of"},
};
#define N (sizeof kinds / sizeof kinds[0])

enum { KEY_DB = 256, KEY_FORMAT, KEY_ASSUMED, KEY_RUN };

/* Reads an option of list. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct list *l = state->input;
    switch (key) {
    case KEY_DB:
        l->db = arg;
        return 0;
    case KEY_FORMAT:
        if (!out_parse(arg, &l->format)) {
            vs_error(&l->errors, "--format %s: table, json, csv or md is needed", arg);
        }
        return 0;
    case KEY_ASSUMED:
        l->assumed = true;
        return 0;
    case KEY_RUN: {
        char *end;
        l->run = strtoll(arg, &end, 10);
        if (*end || l->run < 1) {
            vs_error(&l->errors, "--run %s: the number of a run is needed, as in list runs", arg);
        }
        return 0;
    }
    case ARGP_KEY_ARG:
        if (!l->what) {
            l->what = arg;
        } else if (l->n_words < LIST_WORDS) {
            l->word[l->n_words++] = arg;
        } else {
            vs_error(&l->errors, "'%s': at most %u words find rows", arg, LIST_WORDS);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The rows that were asked for; names that the words may have meant when there is none. */
static void show(struct list *l, const char *kind, const char *people)
{
    size_t all = l->o ? out_names(l->o, NULL, 0) : 0;
    const char **names = malloc((all ? all : 1) * sizeof *names);
    char hint[VS_SUGGEST], rest[200];
    if (names && l->o && l->n_words) {
        (void)out_names(l->o, names, all);
        snprintf(rest, sizeof rest, "'virtsim list %s' lists them all", kind);
        vs_suggest(l->word[0], names, all, rest, hint, sizeof hint);
    }
    if (l->o && l->n_words && !out_filter(l->o, l->word, l->n_words) && !l->errors.n) {
        vs_error(&l->errors, "list %s %s%s: nothing of them is called so or says so; %s", kind,
                 l->word[0], l->n_words > 1 ? " ..." : "", hint);
    }
    free(names);
    if (l->o && people) {
        snprintf(rest, sizeof rest,
                 "'virtsim list %s WORD...' finds some by their names or texts; one alone, and "
                 "--format csv, say all that is known",
                 kind);
        out_people(l->o, people, l->n_words ? NULL : rest);
    }
    if (l->format == OUT_TABLE && !l->errors.n) {
        paper_page();
    }
    if (!l->errors.n || !l->n_words) {
        out_end(l->o, stdout);
    }
}

int cmd_list(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"db", KEY_DB, "FILE", 0,
         "results database, for runs (default $VIRTSIM_DB, else " DEFAULT_DB ")", 0},
        {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
        {"assumed", KEY_ASSUMED, NULL, 0,
         "knobs: those of a stored run that are assumed and price its time, by how much of it", 0},
        {"run", KEY_RUN, "N", 0, "the run, with --assumed (default: the newest)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp a = {
        options,
        option,
        "KIND [WORD...]\nprograms [SOFTWARE [WORD...]]\nfacts [MACHINE [WORD...]]",
        "Lists what there is: all of a kind, or what the words find in "
        "names (by their parts first) and texts. KIND is one of runs, "
        "machines, borrows, workloads, parameters, knobs, accounts, "
        "counters, operations, formats, requests, claims, programs, "
        "facts.",
        NULL,
        NULL,
        NULL};
    struct list l = {.db = usual_db()};
    parse(&a, argc, argv, &l);
    const char *names[N];
    size_t i = 0;
    for (size_t k = 0; k < N; k++) {
        names[k] = kinds[k].name;
    }
    while (l.what && i < N && strcmp(l.what, kinds[i].name) != 0) {
        i++;
    }
    if (!l.what || i == N) {
        char hint[VS_SUGGEST];
        static const char one_of[] =
            "one of runs, machines, borrows, workloads, parameters, knobs, accounts, counters, "
            "operations, formats, requests, claims, programs, facts is needed";
        if (l.what) {
            vs_error(&l.errors, "list %s: unknown; %s", l.what,
                     vs_suggest(l.what, names, N, one_of, hint, sizeof hint));
        } else {
            vs_error(&l.errors, "list: %s", one_of);
        }
    }
    if ((l.assumed || l.run) && l.what && strcmp(l.what, "knobs") != 0) {
        vs_error(&l.errors, "list %s: --assumed and --run are of knobs", l.what);
    } else if (l.run && !l.assumed) {
        vs_error(&l.errors, "--run %" PRId64 ": says whose knobs --assumed ranks; it is missing",
                 l.run);
    }
    if (l.errors.n) {
        return report(&l.errors, VS_E_INPUT, false);
    }
    kinds[i].print(&l);
    if (l.errors.n && l.o && !out_names(l.o, NULL, 0)) { /* nothing is called so: no empty table */
        return report(&l.errors, VS_E_INPUT, l.damaged);
    }
    show(&l, kinds[i].name,
         l.assumed ? "knob share simulated_ms value unit source" : kinds[i].people);
    return report(&l.errors, l.errors.n ? VS_E_INPUT : VS_OK, l.damaged);
}
