/* SPDX-License-Identifier: MIT */
/* top: the pages, regions and instructions that a stored run's time went to. */
#define _GNU_SOURCE
#include "top.h"

#include "stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 20u /* that a table has when nobody says how many */

enum { KEY_DB = 256, KEY_FORMAT, KEY_BY, KEY_OF };

static const struct argp_option options[] = {
    {"by", KEY_BY, "page|region|ip", 0, "what the rows are (default region)", 0},
    {"of", KEY_OF, "walk|dram|exit|total|OP", 0,
     "of what time (default total): page walks, DRAM, exits, all of the vCPUs' lines, or of an "
     "operation",
     0},
    {"rows", 'n', "N", 0, "how many are printed (default 20 in tables, all for programs)", 0},
    {"db", KEY_DB, "FILE", 0, "results database (default " DEFAULT_DB ")", 0},
    {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const char *const kinds[] = {"page", "region", "ip"};

static error_t option(int key, char *arg, struct argp_state *state)
{
    struct top *t = state->input;
    uint64_t v;
    switch (key) {
    case KEY_DB:
        t->db_file = arg;
        return 0;
    case KEY_FORMAT:
        if (!out_parse(arg, &t->format)) {
            vs_error(&t->errors, "--format %s: table, json, csv or md is needed", arg);
        }
        return 0;
    case KEY_BY:
        for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            if (!strcmp(arg, kinds[i])) {
                t->by = (enum top_by)i;
                return 0;
            }
        }
        vs_error(&t->errors, "--by %s: page, region or ip is needed", arg);
        return 0;
    case KEY_OF:
        t->of = arg;
        return 0;
    case 'n':
        if (!vs_parse_number(arg, &t->most) || !t->most) {
            vs_error(&t->errors, "--rows %s: a whole number from 1 is needed", arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (t->run || !vs_parse_number(arg, &v) || !v || v > INT64_MAX) {
            vs_error(&t->errors, "'%s': one run number is needed; 'virtsim list runs' shows them",
                     arg);
        } else {
            t->run = (int64_t)v;
        }
        return 0;
    case ARGP_KEY_END:
        if (!t->run && !t->errors.n) {
            vs_error(&t->errors, "a run number is needed; 'virtsim list runs' shows them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static double number(struct vs_db *db, const char *sql, int64_t run)
{
    double v = 0;
    bool any;
    return vs_db_number(db, sql, run, 0, &v, &any) || !any ? 0 : v;
}

/* The run is there and has places. */
static enum vs_status has_places(struct top *t, struct vs_db *db)
{
    if (number(db, "SELECT count(*) FROM run WHERE run = :run", t->run) < 1) {
        vs_error(&t->errors, "%s: no run %" PRId64 "; 'virtsim list runs' shows them", t->db_file,
                 t->run);
        return VS_E_INPUT;
    }
    if (number(db, "SELECT count(*) FROM site WHERE run = :run", t->run) >= 1) {
        return VS_OK;
    }
    sqlite3_stmt *st =
        stored_query(db, "SELECT value FROM provenance WHERE run = ? AND key = 'argv'", t->run, 0);
    bool known = vs_db_row(db, st);
    vs_error(&t->errors,
             "%s: of run %" PRId64 " no places were kept; run it again with --where%s%s",
             t->db_file, t->run, known ? ": " : "", known ? stored_text(st, 0) : "");
    if (known) {
        char *last = t->errors.text[t->errors.n - 1];
        size_t n = strlen(last) + sizeof " --where";
        char *more = realloc(last, n);
        if (more) {
            t->errors.text[t->errors.n - 1] = strcat(more, " --where");
        }
    }
    sqlite3_finalize(st);
    return VS_E_INPUT;
}

static void print_row(struct out *o, const struct top *t, const struct top_row *r, int64_t all)
{
    double share = all ? (double)r->ps / (double)all : 0;
    out_text(o, r->space);
    out_text(o, r->place);
    out_int(o, r->n);
    if (t->format == OUT_TABLE) {
        char text[40];
        out_text(o, out_time((uint64_t)r->ps, text, sizeof text));
        snprintf(text, sizeof text, "%.2f %%", 100 * share);
        out_text(o, text);
    } else {
        out_int(o, r->ps);
        out_real(o, share, 6);
        out_int(o, r->lacks_ps);
    }
}

static void print(const struct top *t, const struct top_rows *rows)
{
    static const char *const people[] = {"space", "place", "n", "time", "share"},
                             *const programs[] = {"space",    "place", "n",
                                                  "total_ps", "share", "lacks_ps"};
    bool table = t->format == OUT_TABLE;
    struct out *o = out_begin(t->format, table ? people : programs, table ? 5 : 6);
    struct top_row rest = {.space = (char[]){""}, .place = (char[]){"rest"}};
    uint64_t most = t->most ? t->most : table ? ROWS : UINT64_MAX, printed = 0;
    int64_t all = 0, lacks = 0;
    for (size_t i = 0; i < rows->n; i++) {
        all += rows->row[i].ps;
        lacks = rows->row[i].lacks_ps ? rows->row[i].lacks_ps : lacks;
    }
    for (size_t i = 0; i < rows->n; i++) {
        const struct top_row *r = &rows->row[i];
        bool place = strcmp(r->place, "none") != 0 && strcmp(r->place, "other") != 0;
        if (!place && rest.n + rest.ps) {
            print_row(o, t, &rest, all);
            rest.n = rest.ps = 0;
        }
        if (place && printed >= most) {
            rest.n += r->n;
            rest.ps += r->ps;
            continue;
        }
        printed++;
        print_row(o, t, r, all);
    }
    if (rest.n + rest.ps) {
        print_row(o, t, &rest, all);
    }
    out_end(o, stdout);
    if (table) {
        char text[40];
        printf("\n%s of %s by %s; none: at no address%s\n",
               out_time((uint64_t)all, text, sizeof text), t->of, kinds[t->by],
               t->by == TOP_IP ? " that is known" : "");
        if (lacks) {
            printf("other: places that were too many to keep; one above lacks %s at most by that "
                   "(--where=N keeps more)\n",
                   out_time((uint64_t)lacks, text, sizeof text));
        }
    }
}

static int show(struct top *t, struct vs_db *db, const char *items)
{
    struct top_rows rows = {.n = 0};
    if (!top_load(db, t->run, kinds[t->by], items, &rows)) {
        vs_error(&t->errors, "%s", vs_db_unread(db) ? vs_db_error(db) : "no memory is left");
    } else if (!rows.n) {
        vs_error(&t->errors,
                 "run %" PRId64 " spent no time in '%s'; 'virtsim show %" PRId64
                 "' lists its operations",
                 t->run, t->of, t->run);
    } else {
        print(t, &rows);
    }
    top_free(&rows);
    return report(&t->errors, t->errors.n ? VS_E_INPUT : VS_OK, false);
}

int cmd_top(int argc, char **argv)
{
    static const struct argp a = {
        options, option, "RUN", "Where in its program a run that was made with --where spent time.",
        NULL,    NULL,   NULL};
    struct top t = {.db_file = DEFAULT_DB, .by = TOP_REGION, .of = "total"};
    char err[5200];
    struct vs_db *db = NULL;
    parse(&a, argc, argv, &t);
    char *items = top_items(t.of, &t.errors);
    if (!t.errors.n && vs_db_open(t.db_file, false, &db, err, sizeof err)) {
        vs_error(&t.errors, "%s", err);
    }
    enum vs_status st = t.errors.n ? VS_E_INPUT : has_places(&t, db);
    int status = st ? report(&t.errors, st, false) : show(&t, db, items);
    sqlite3_free(items);
    vs_db_close(db);
    return status;
}
