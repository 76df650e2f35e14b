/* SPDX-License-Identifier: MIT */
/*
 * Places in callgrind's format (valgrind's manual, "Callgrind Format Specification"): a function is
 * a symbol, an instruction, a region or a page, its cost lines those of the source. Nobody recorded
 * who called whom, so costs are a function's own.
 */
#define _GNU_SOURCE
#include "top.h"

#include "stored.h"
#include "virtsim/version.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is exported, and of which items of a place it is the time. */
static const struct {
    const char *event, *of, *text;
} events[] = {
    {"Ps", "total", "Time of the vCPUs, ps"}, {"WalkPs", "walk", "Page walks, ps"},
    {"DramPs", "dram", "DRAM, ps"},           {"ExitPs", "exit", "Exits, ps"},
    {"AccessPs", "access", "Accesses, ps"},
};
#define EVENTS (sizeof events / sizeof *events)

struct cost {
    char *file, *function;
    unsigned line;
    int64_t ps[EVENTS];
};
struct costs {
    struct cost *cost;
    size_t n, cap;
};

/* Orders costs by file, function and line. */
static int by_function(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;
    int file = strcmp(x->file, y->file), function = strcmp(x->function, y->function);
    return file ? file : function ? function : x->line < y->line ? -1 : x->line > y->line;
}

/* Frees the costs. */
static void clear(struct costs *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->cost[i].file);
        free(c->cost[i].function);
    }
    free(c->cost);
}

/* "SELECT space, place, sum(time of the first event), ... " */
static char *query(const char *kind, struct vs_errors *errors)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "SELECT space, place");
    for (size_t e = 0; e < EVENTS; e++) {
        char *items = top_items(events[e].of, errors);
        sqlite3_str_appendf(sql, ", sum(CASE WHEN %s THEN total_ps ELSE 0 END)",
                            items ? items : "0");
        sqlite3_free(items);
    }
    sqlite3_str_appendf(sql, " FROM site WHERE run = ? AND kind = %Q GROUP BY space, place", kind);
    return sqlite3_str_finish(sql);
}

/* Adds the cost of a place, under the program's name for it. */
static bool add(struct costs *c, sqlite3_stmt *st, const struct top_programs *p)
{
    const char *space = stored_text(st, 0), *place = stored_text(st, 1);
    struct top_name name = top_programs_name(p, place);
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2u * c->cap : 256u;
        struct cost *grown = realloc(c->cost, cap * sizeof *grown);
        if (!grown) {
            return false;
        }
        c->cost = grown;
        c->cap = cap;
    }
    struct cost *k = &c->cost[c->n++];
    *k = (struct cost){.file = strdup(name.file), .line = name.line};
    bool home = !*space || !strcmp(space, "vcpu0");
    char *function = sqlite3_mprintf("%s%s%s", name.symbol, home ? "" : " ", home ? "" : space);
    k->function = function ? strdup(function) : NULL;
    sqlite3_free(function);
    for (size_t e = 0; e < EVENTS; e++) {
        k->ps[e] = sqlite3_column_int64(st, 2 + (int)e);
    }
    return k->file && k->function;
}

/* Prints a line of costs. */
static void print_row(const char *word, const int64_t ps[EVENTS], FILE *f)
{
    fputs(word, f);
    for (size_t e = 0; e < EVENTS; e++) {
        fprintf(f, " %" PRId64, ps[e]);
    }
    fputs("\n", f);
}

/* Prints the whole file in callgrind's format. */
static void print(const struct top *t, const struct costs *c, FILE *f)
{
    int64_t all[EVENTS] = {0};
    fprintf(f,
            "# callgrind format\nversion: 1\ncreator: virtsim %s\npid: 0\ncmd: run %" PRId64
            " of %s\npart: 1\n\ndesc: Trigger: end of the run\n\npositions: line\n",
            VS_VERSION, t->run, t->db_file);
    for (size_t e = 0; e < EVENTS; e++) {
        fprintf(f, "event: %s : %s\n", events[e].event, events[e].text);
    }
    fputs("events:", f);
    for (size_t e = 0; e < EVENTS; e++) {
        fprintf(f, " %s", events[e].event);
    }
    for (size_t i = 0; i < c->n; i++) {
        for (size_t e = 0; e < EVENTS; e++) {
            all[e] += c->cost[i].ps[e];
        }
    }
    print_row("\nsummary:", all, f);
    for (size_t i = 0; i < c->n;) {
        const struct cost *k = &c->cost[i];
        int64_t ps[EVENTS] = {0};
        if (!i || strcmp(k->file, k[-1].file) != 0 || strcmp(k->function, k[-1].function) != 0) {
            fprintf(f, "\nfl=%s\nfn=%s\n", k->file, k->function);
        }
        do { /* places of one line of the source */
            for (size_t e = 0; e < EVENTS; e++) {
                ps[e] += c->cost[i].ps[e];
            }
        } while (++i < c->n && !by_function(k, &c->cost[i]));
        char line[32];
        snprintf(line, sizeof line, "%u", k->line);
        print_row(line, ps, f);
    }
    print_row("\ntotals:", all, f);
}

enum vs_status top_export_callgrind(struct top *t, struct vs_db *db, const char *kind,
                                    const struct top_programs *programs, FILE *f)
{
    struct costs c = {.n = 0};
    char *sql = query(kind, &t->errors);
    sqlite3_stmt *st = sql ? stored_query(db, sql, t->run, 0) : NULL;
    bool ok = st != NULL;
    while (ok && vs_db_row(db, st)) {
        ok = add(&c, st, programs);
    }
    sqlite3_finalize(st);
    sqlite3_free(sql);
    if (!ok || vs_db_unread(db)) {
        vs_error(&t->errors, "%s", vs_db_unread(db) ? vs_db_error(db) : "no memory is left");
        clear(&c);
        return VS_E_IO;
    }
    if (c.n) {
        qsort(c.cost, c.n, sizeof *c.cost, by_function);
    }
    print(t, &c, f);
    clear(&c);
    return VS_OK;
}
