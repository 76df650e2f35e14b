/* SPDX-License-Identifier: MIT */
/* top: the pages, regions and instructions that a stored run's time went to. */
#define _GNU_SOURCE
#include "top.h"
#include "paper.h"

#include "stored.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 20u /* that a table has when nobody says how many */

enum { KEY_DB = 256, KEY_FORMAT, KEY_BY, KEY_OF, KEY_ELF, KEY_EXPORT };

static const struct argp_option options[] = {
    {"by", KEY_BY, "page|region|ip|symbol|line", 0,
     "what the rows are (default region, with --elf symbol)", 0},
    {"of", KEY_OF, "walk|dram|exit|total|OP", 0,
     "of what time (default total): page walks, DRAM, exits, all of the vCPUs' lines, or of an "
     "operation",
     0},
    {"rows", 'n', "N", 0, "how many are printed (default 20 in tables, all for programs)", 0},
    {"elf", KEY_ELF, "FILE[@0xBASE]", 0,
     "the program that was traced, or a library of it: names symbols and lines; may be repeated. "
     "BASE: where it was loaded, when the addresses do not tell",
     0},
    {"export", KEY_EXPORT, "callgrind|speedscope|chrome", 0,
     "write costs in callgrind's format, or the run's spans for speedscope or Chrome's tracing", 0},
    {"output", 'o', "FILE", 0, "where the export goes (default: standard output)", 0},
    {"db", KEY_DB, "FILE", 0, "results database (default $VIRTSIM_DB, else " DEFAULT_DB ")", 0},
    {"format", KEY_FORMAT, "table|json|csv|md", 0, "how rows are printed", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const char *const kinds[] = {"page", "region", "ip", "symbol", "line"};
static const char *const exports[] = {"callgrind", "speedscope", "chrome"};

/* Reads an option of top. */
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
                t->said = true;
                return 0;
            }
        }
        vs_error(&t->errors, "--by %s: page, region, ip, symbol or line is needed", arg);
        return 0;
    case KEY_OF:
        t->of = arg;
        return 0;
    case KEY_ELF:
        if (t->n_elf < TOP_ELF) {
            t->elf[t->n_elf++] = arg;
        } else {
            vs_error(&t->errors, "--elf %s: at most %u files", arg, TOP_ELF);
        }
        return 0;
    case KEY_EXPORT:
        for (unsigned i = 0; i < sizeof exports / sizeof *exports; i++) {
            if (!strcmp(arg, exports[i])) {
                t->export = exports[i];
                return 0;
            }
        }
        vs_error(&t->errors, "--export %s: callgrind, speedscope or chrome is needed", arg);
        return 0;
    case 'o':
        t->output = arg;
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
        if (t->output && !t->export) {
            vs_error(&t->errors, "-o %s: what goes there is for --export to say", t->output);
        }
        if (!t->run && !t->errors.n) {
            vs_error(&t->errors, "a run number is needed; 'virtsim list runs' shows them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The number that a query gives, 0 without one. */
static double number(struct vs_db *db, const char *sql, int64_t run)
{
    double v = 0;
    bool any;
    return vs_db_number(db, sql, run, 0, &v, &any) || !any ? 0 : v;
}

/* The run is there and has places. */
static enum vs_status has_places(struct top *t, struct vs_db *db, bool spans)
{
    if (number(db, "SELECT count(*) FROM run WHERE run = :run", t->run) < 1) {
        vs_error(&t->errors, "%s: no run %" PRId64 "; 'virtsim list runs' shows them", t->db_file,
                 t->run);
        return VS_E_INPUT;
    }
    if (spans || number(db, "SELECT count(*) FROM site WHERE run = :run", t->run) >= 1) {
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

/* Time of lines: there is nothing to count. */
static bool lines_only(const struct top *t)
{
    return !strcmp(t->of, "total") || !strcmp(t->of, "timeline");
}

/* Prints one place. */
static void print_row(struct out *o, const struct top *t, const struct top_row *r, int64_t all)
{
    double share = all ? (double)r->ps / (double)all : 0;
    out_text(o, r->space);
    out_text(o, r->place);
    if (t->format != OUT_TABLE) {
        out_int(o, r->n);
        out_int(o, r->ps);
        out_real(o, share, 6);
        out_int(o, r->lacks_ps);
        return;
    }
    char text[40];
    if (!lines_only(t)) {
        out_int(o, r->n);
    }
    out_text(o, out_time((uint64_t)r->ps, text, sizeof text));
    snprintf(text, sizeof text, "%.2f %%", 100 * share);
    out_text(o, text);
}

/* Prints the places in the columns that suit the format. */
static void print(const struct top *t, const struct top_rows *rows)
{
    static const char *const people[] = {"space", "place", "n", "time", "share"},
                             *const lines[] = {"space", "place", "time", "share"},
                             *const programs[] = {"space",    "place", "n",
                                                  "total_ps", "share", "lacks_ps"};
    bool table = t->format == OUT_TABLE;
    struct out *o = out_begin(t->format,
                              !table          ? programs
                              : lines_only(t) ? lines
                                              : people,
                              !table          ? 6
                              : lines_only(t) ? 4
                                              : 5);
    struct top_row rest = {.space = (char[]){""}, .place = (char[]){"rest"}};
    uint64_t most = t->most ? t->most : table ? ROWS : UINT64_MAX, printed = 0;
    int64_t all = 0, lacks = 0;
    for (size_t i = 0; i < rows->n; i++) {
        all += rows->row[i].ps;
        lacks = rows->row[i].lacks_ps ? rows->row[i].lacks_ps : lacks;
    }
    for (size_t i = 0; i < rows->n; i++) {
        const struct top_row *r = &rows->row[i];
        bool place = r->kind == 0;
        if (table && lines_only(t) && !r->ps) {
            continue;
        }
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
        puts("");
        paper_printf("%s of %s by %s; none: at no address%s",
                     out_time((uint64_t)all, text, sizeof text), t->of, kinds[t->by],
                     t->by >= TOP_IP ? " that is known" : "");
        if (lacks) {
            paper_printf(
                "other: places that were too many to keep; one above lacks %s at most by that "
                "(--where=N keeps more)",
                out_time((uint64_t)lacks, text, sizeof text));
        }
    }
}

/* The kind of places that rows, or an export, are made of. */
static const char *kind_of(const struct top *t)
{
    return kinds[t->by > TOP_IP ? TOP_IP : t->by];
}

/* Loads places and prints or exports them. */
static void show(struct top *t, struct vs_db *db, const char *items,
                 const struct top_programs *programs)
{
    struct top_rows rows = {.n = 0};
    bool ok = top_load(db, t->run, kind_of(t), items, &rows) &&
              (t->by <= TOP_IP || top_programs_rows(programs, t->by, &rows));
    if (!ok) {
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
}

/* An export that fails leaves no file. */
static void export(struct top *t, struct vs_db *db, const struct top_programs *programs)
{
    FILE *f = t->output ? fopen(t->output, "w") : stdout;
    if (!f) {
        vs_error(&t->errors, "%s: %s", t->output, strerror(errno));
        return;
    }
    enum vs_status st = !strcmp(t->export, "callgrind")
                            ? top_export_callgrind(t, db, kind_of(t), programs, f)
                            : top_export_spans(t, db, !strcmp(t->export, "chrome"), f);
    if (t->output && (fclose(f) || st)) {
        if (!st) {
            vs_error(&t->errors, "%s: %s", t->output, strerror(errno));
        }
        (void)remove(t->output);
    }
}

/* Programs that were named when the run was made (replay --elf), one a line. */
static char *elf_of_run(struct top *t, struct vs_db *db)
{
    sqlite3_stmt *st =
        stored_query(db, "SELECT value FROM provenance WHERE run = ? AND key = 'elf'", t->run, 0);
    char *list = st && vs_db_row(db, st) ? strdup(stored_text(st, 0)) : NULL;
    sqlite3_finalize(st);
    for (char *at = list, *end; at && *at && t->n_elf < TOP_ELF; at = end) {
        end = at + strcspn(at, "\n");
        t->elf[t->n_elf++] = at;
        if (*end) {
            *end++ = 0;
        }
    }
    return list;
}

/* What is asked for can be had from this run. */
static enum vs_status begin(struct top *t, struct vs_db *db, struct top_programs *programs)
{
    bool spans = t->export && strcmp(t->export, "callgrind") != 0;
    enum vs_status st = has_places(t, db, spans);
    if (st || spans) {
        return st;
    }
    if (!t->said && t->n_elf) {
        t->by = TOP_SYMBOL;
    }
    if (t->by > TOP_IP && !t->n_elf) {
        vs_error(
            &t->errors,
            "--by %s: the program that was traced is needed, with --elf FILE; --by ip needs none",
            kinds[t->by]);
        return VS_E_INPUT;
    }
    if (t->by <= TOP_IP && !t->export) {
        return VS_OK;
    }
    st = t->by > TOP_IP ? top_programs_open(t, db, programs) : VS_OK;
    if (!st && t->by == TOP_LINE && !top_programs_lines(programs)) {
        vs_error(&t->errors,
                 "--by line: %s has no table of lines (compile with -g); --by symbol works",
                 t->elf[0]);
        st = VS_E_INPUT;
    } else if (!st && t->by > TOP_IP && !top_programs_lines(programs)) {
        fprintf(stderr, "virtsim: %s: symbols only, it has no table of lines (compile with -g)\n",
                t->elf[0]);
    }
    return st;
}

int cmd_top(int argc, char **argv)
{
    static const struct argp a = {
        options, option, "RUN", "Where in its program a run that was made with --where spent time.",
        NULL,    NULL,   NULL};
    struct top t = {.db_file = usual_db(), .by = TOP_REGION, .of = "total"};
    struct top_programs programs = {.n = 0};
    char err[5200];
    struct vs_db *db = NULL;
    parse(&a, argc, argv, &t);
    char *items = top_items(t.of, &t.errors), *list = NULL;
    if (!t.errors.n && vs_db_open(t.db_file, false, &db, err, sizeof err)) {
        vs_error(&t.errors, "%s", err);
    }
    if (!t.errors.n) {
        list = t.n_elf ? NULL : elf_of_run(&t, db);
    }
    if (!t.errors.n && !begin(&t, db, &programs)) {
        if (t.export) {
            export(&t, db, &programs);
        } else {
            show(&t, db, items, &programs);
        }
    }
    int status = report(&t.errors, t.errors.n ? VS_E_INPUT : VS_OK, false);
    top_programs_close(&programs);
    free(list);
    sqlite3_free(items);
    vs_db_close(db);
    return status;
}
