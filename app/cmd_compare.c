/* SPDX-License-Identifier: MIT */
/* compare: the documents' numbers beside the simulation's. */
#define _GNU_SOURCE
#include "cmd.h"
#include "compare_page.h"
#include "compared.h"
#include "whole.h"

#include "compare/compare.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

struct compare_args {
    struct vs_compare_options o;
    enum out_format format;
    bool why, all;
    const char *page;
    struct vs_errors errors;
};

enum { KEY_DB = 256, KEY_FORMAT, KEY_DOMAIN, KEY_NO_RUN, KEY_WHY, KEY_ALL, KEY_PAGE };

/* Reads an option of compare. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct compare_args *a = state->input;
    uint64_t v;
    switch (key) {
    case KEY_DB:
        a->o.db_path = arg;
        return 0;
    case KEY_FORMAT:
        if (!out_parse(arg, &a->format)) {
            vs_error(&a->errors, "--format %s: table, json, csv or md is needed", arg);
        }
        return 0;
    case KEY_DOMAIN:
        a->o.domain = arg;
        return 0;
    case KEY_NO_RUN:
        a->o.no_run = true;
        return 0;
    case KEY_WHY:
        a->why = true;
        return 0;
    case KEY_ALL:
        a->all = true;
        return 0;
    case KEY_PAGE:
        a->page = arg;
        return 0;
    case 'j':
        if (!vs_parse_number(arg, &v) || !v || v > 1024) {
            vs_error(&a->errors, "-j %s: a number of worker processes, 1..1024, is needed", arg);
        } else {
            a->o.jobs = (unsigned)v;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Shows how many experiments are done. */
static void show_progress(void *ctx, size_t done, size_t all, double seconds)
{
    (void)ctx;
    progress_of(done, all, "experiments", seconds);
}

/* Prints one row for each claim. */
static void print_rows(struct vs_db *db, const struct compare_args *a)
{
    static const char *const columns[] = {"claim",         "subject",    "metric", "documents",
                                          "simulation",    "unit",       "ratio",  "basis",
                                          "verdict",       "mark",       "run",    "reason",
                                          "assumed_share", "literature", "naive"};
    static const char *const narrow[] = {"claim", "what",  "documents", "simulation", "unit",
                                         "ratio", "basis", "verdict",   "mark",       "reason"};
    bool table = a->format == OUT_TABLE, why = a->why || a->all || !table;
    struct out *o =
        table ? out_begin(OUT_TABLE, narrow, why ? 10 : 9) : out_begin(a->format, columns, 15);
    struct compared c;
    sqlite3_stmt *st = compared_query(db, a->o.domain, a->all);
    while (compared_row(db, st, &c)) {
        out_text(o, c.claim);
        if (table) {
            char what[400];
            snprintf(what, sizeof what, "%s: %s", c.subject, c.metric);
            out_text(o, what);
        } else {
            out_text(o, c.subject);
            out_text(o, c.metric);
        }
        out_text(o, c.documents);
        out_real(o, c.value, 2);
        out_text(o, c.unit);
        out_real(o, c.middle != 0 ? c.value / c.middle : NAN, 2);
        out_text(o, c.basis);
        out_text(o, c.verdict);
        out_text(o, c.contradicted ? "contradicted" : "");
        if (!table && c.run) {
            out_int(o, c.run);
        } else if (!table) {
            out_none(o);
        }
        if (why) {
            out_text(o, c.reason);
        }
        if (!table) {
            out_real(o, c.assumed, 4);
            out_text(o, c.literature);
            out_real(o, c.naive, 4);
        }
    }
    sqlite3_finalize(st);
    if (table) {
        out_people(o,
                   why ? "what documents simulation unit ratio verdict reason claim"
                       : "what documents simulation unit ratio verdict claim",
                   NULL);
    }
    out_end(o, stdout);
}

/* Only the second line is agreement with a number. */
static void print_summary(struct vs_db *db, const char *domain)
{
    static const struct {
        const char *basis, *verdict, *says; /* basis NULL: any */
    } line[] = {
        {NULL, "calibrated", "calibrated: the number was an input or a baseline"},
        {"predicted", "within 10 %", "predicted: within 10 %"},
        {"predicted", "in range", "predicted: within the documents' range or bound"},
        {"predicted", "outside", "predicted: outside"},
        {"structure", "structure", "structure: the mechanism shows it; no number agrees by it"},
        {"structure", "outside", "structure: the mechanism does not show it"},
        {NULL, "illustrative", "illustrative: more than half rests on assumed numbers"},
        {NULL, "no number", "no number: the run has no such operation"},
    };
    puts("");
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
        sqlite3_stmt *st = vs_db_query(
            db, "SELECT count(*) FROM comparison x JOIN claim c USING (claim_id) WHERE run IN "
                "(SELECT max(run) FROM comparison y WHERE y.claim_id = x.claim_id) AND (?1 IS NULL "
                "OR basis = ?1) AND verdict = ?2 AND (?3 IS NULL OR domain = ?3)");
        if (st) {
            sqlite3_bind_text(st, 1, line[i].basis, -1, SQLITE_STATIC);
            sqlite3_bind_text(st, 2, line[i].verdict, -1, SQLITE_STATIC);
            sqlite3_bind_text(st, 3, domain, -1, SQLITE_STATIC);
            if (vs_db_row(db, st) && sqlite3_column_int(st, 0)) {
                printf("%4d  %s\n", sqlite3_column_int(st, 0), line[i].says);
            }
        }
        sqlite3_finalize(st);
    }
    puts("--why adds the reason of each row");
}

/* The status so far, or what is wrong with the page's file. */
static enum vs_status write_page(struct vs_db *db, struct compare_args *a, enum vs_status so_far)
{
    int wrong = compare_page(db, a->page, a->o.domain);
    if (wrong) {
        vs_error(&a->errors, "--page %s: %s", a->page, strerror(wrong));
    }
    return wrong ? VS_E_IO : so_far;
}

int cmd_compare(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"db", KEY_DB, "FILE", 0, "results database (default $VIRTSIM_DB, else " DEFAULT_DB ")", 0},
        {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
        {"domain", KEY_DOMAIN, "D", 0, "exit, translation, iommu, nic, interrupt, ... only", 0},
        {"no-run", KEY_NO_RUN, NULL, 0, "use stored runs only", 0},
        {"why", KEY_WHY, NULL, 0, "with the reason of each row", 0},
        {"all", KEY_ALL, NULL, 0, "every claim: of those that are not compared, why not", 0},
        {"page", KEY_PAGE, "FILE.html", 0,
         "every claim on a page of its own: documents, measurements, simulation, reasons", 0},
        {"jobs", 'j', "N", 0, "worker processes (default 2)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp p = {options,
                                  option,
                                  NULL,
                                  "The documents' numbers beside the simulation's; runs what the "
                                  "database lacks of this version and "
                                  "of what workloads and machines now say.",
                                  NULL,
                                  NULL,
                                  NULL};
    struct compare_args a = {.o = {.jobs = 2, .db_path = usual_db(), .progress = show_progress}};
    a.o.argv = "virtsim compare";
    parse(&p, argc, argv, &a);
    char err[5200];
    struct vs_db *db = NULL;
    int wrong = a.page ? whole_possible(a.page) : 0;
    if (wrong) {
        vs_error(&a.errors, "--page %s: %s", a.page, strerror(wrong));
    }
    /* stored runs only: there must be some; what they say is stored, too */
    if (!a.errors.n && a.o.no_run && !vs_db_open(a.o.db_path, false, &db, err, sizeof err)) {
        vs_db_close(db);
        db = NULL;
    } else if (!a.errors.n && a.o.no_run) {
        vs_error(&a.errors, "%s", err);
    }
    /* before there is a database: a request that cannot be answered leaves none */
    enum vs_status st = a.errors.n ? VS_E_INPUT : vs_compare_check(&a.o, &a.errors);
    if (!st && vs_db_open(a.o.db_path, true, &db, err, sizeof err)) {
        vs_error(&a.errors, "%s", err);
    }
    if (a.errors.n) {
        return report(&a.errors, VS_E_INPUT, false);
    }
    size_t n_lacking = 0;
    a.o.n_lacking = &n_lacking;
    st = vs_compare(db, &a.o, &a.errors);
    if (st != VS_E_INPUT && !vs_db_unread(db)) {
        print_rows(db, &a);
        if (a.format == OUT_TABLE) {
            print_summary(db, a.o.domain);
        }
        if (a.page && !vs_db_unread(db)) {
            st = write_page(db, &a, st);
        }
    }
    if (vs_db_unread(db)) {
        st = vs_db_unread(db);
        vs_error(&a.errors, "%s", vs_db_error(db));
    } else if (!st && n_lacking) {
        fprintf(stderr,
                "virtsim: %zu runs are missing, or were made of other inputs or by another version "
                "of the program: rows of theirs are old; leave --no-run out\n",
                n_lacking);
    }
    vs_db_close(db);
    return report(&a.errors, st, st != VS_E_INPUT);
}
