/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "time_rows.h"

#include <stdlib.h>
#include <string.h>

/* The operations on each vCPU's line, as the view vcpu_time has them; the view goes through all
 * runs of a database, this through one. */
#define ON_LINE                                                                                    \
    "WITH RECURSIVE on_line (vcpu, actor, op) AS ("                                                \
    " SELECT actor, actor, op FROM op WHERE run = ?1 AND op = 'timeline' AND actor GLOB 'vcpu*'"   \
    " AND actor NOT GLOB '*/*'"                                                                    \
    " UNION SELECT l.vcpu, c.child_actor, c.child FROM on_line l CROSS JOIN child c"               \
    " ON c.run = ?1 AND c.actor = l.actor AND c.op = l.op)"

/* Their charges. */
static const char charges_sql[] =
    ON_LINE " SELECT l.vcpu, l.actor, l.op, p.account, p.n, p.total_ps FROM on_line l CROSS JOIN"
            " part p ON p.run = ?1 AND p.actor = l.actor AND p.op = l.op";

/* What ended inside an operation that was dropped at the region of interest is listed itself, and
 * is to be taken out of the line's own sim.cut. */
static const char cut_sql[] =
    ON_LINE " SELECT l.vcpu, l.vcpu, 'timeline', 'sim.cut', 0,"
            " (SELECT total(c.total_ps) FROM child c WHERE c.run = ?1 AND c.child_actor = l.actor"
            " AND c.child = l.op) - o.total_ps FROM on_line l CROSS JOIN op o"
            " ON o.run = ?1 AND o.actor = l.actor AND o.op = l.op AND l.op <> 'timeline'";

static const char lines_sql[] = "SELECT actor, total_ps FROM op WHERE run = ?1 AND op = 'timeline'";

/* A text, cut to the room there is. */
static void copy(char *out, size_t bytes, const char *text)
{
    size_t n = strlen(text);
    n = n < bytes ? n : bytes - 1u;
    memcpy(out, text, n);
    out[n] = 0;
}

/* What a vCPU did in this operation, in words for people. */
static const char *what_of(const char *op)
{
    return !strncmp(op, "exit.", 5)      ? "exit transition"
           : !strncmp(op, "handler.", 8) ? "handler"
           : !strcmp(op, "walk")         ? "page walk"
           : !strncmp(op, "access.", 7)  ? "memory"
           : !strcmp(op, "timeline")     ? "line"
                                         : op;
}

/* Adds a row; false: no memory. */
static bool add(struct time_rows *rows, const struct time_row *row)
{
    if (rows->n == rows->room) {
        size_t room = rows->room ? 2u * rows->room : 128u;
        struct time_row *grown = realloc(rows->row, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        rows->row = grown;
        rows->room = room;
    }
    rows->row[rows->n++] = *row;
    return true;
}

/* Rows of the same vCPU, who, what and account beside each other. */
static int by_name(const void *x, const void *y)
{
    const struct time_row *a = x, *b = y;
    int c = strcmp(a->vcpu, b->vcpu);
    c = c ? c : strcmp(a->who, b->who);
    c = c ? c : strcmp(a->what, b->what);
    return c ? c : strcmp(a->account, b->account);
}

/* The longest first; of equals the first by name. */
static int by_time(const void *x, const void *y)
{
    const struct time_row *a = x, *b = y;
    int c = strcmp(a->vcpu, b->vcpu);
    c = c ? c : (a->ps < b->ps) - (a->ps > b->ps);
    return c ? c : by_name(a, b);
}

/* Adds up rows of the same names, and leaves out what comes to nothing. */
static void gather(struct time_rows *rows)
{
    size_t n = 0;
    if (!rows->n) {
        return;
    }
    qsort(rows->row, rows->n, sizeof *rows->row, by_name);
    for (size_t i = 0; i < rows->n; i++) {
        if (n && !by_name(&rows->row[n - 1u], &rows->row[i])) {
            rows->row[n - 1u].n += rows->row[i].n;
            rows->row[n - 1u].ps += rows->row[i].ps;
            continue;
        }
        n -= n && !rows->row[n - 1u].ps;
        rows->row[n++] = rows->row[i];
    }
    rows->n = n - (n && !rows->row[n - 1u].ps);
}

/* Each row's part of its vCPU's line. */
static void share(struct vs_db *db, int64_t run, struct time_rows *rows)
{
    sqlite3_stmt *st = stored_query(db, lines_sql, run, 0);
    while (vs_db_row(db, st)) {
        double line = sqlite3_column_double(st, 1);
        for (size_t i = 0; i < rows->n; i++) {
            if (!strcmp(rows->row[i].vcpu, stored_text(st, 0))) {
                rows->row[i].share = line > 0 ? (double)rows->row[i].ps / line : 0;
            }
        }
    }
    sqlite3_finalize(st);
}

/* The rows of a query; false: no memory. Says whether something was cut. */
static bool read_rows(struct vs_db *db, const char *sql, int64_t run, struct time_rows *out,
                      bool *cut)
{
    sqlite3_stmt *st = stored_query(db, sql, run, 0);
    bool room = true;
    while (room && vs_db_row(db, st)) {
        struct time_row r = {.n = sqlite3_column_int64(st, 4), .ps = sqlite3_column_int64(st, 5)};
        const char *actor = stored_text(st, 1);
        copy(r.vcpu, sizeof r.vcpu, stored_text(st, 0));
        size_t own = strlen(r.vcpu) + 1u; /* "vcpu0/" */
        copy(r.who, sizeof r.who,
             !strcmp(actor, r.vcpu) ? "line"
             : strlen(actor) > own  ? actor + own
                                    : "");
        copy(r.what, sizeof r.what, what_of(stored_text(st, 2)));
        copy(r.account, sizeof r.account, stored_text(st, 3));
        *cut = *cut || !strcmp(r.account, "sim.cut");
        room = add(out, &r);
    }
    sqlite3_finalize(st);
    return room;
}

bool time_rows_of(struct vs_db *db, int64_t run, struct time_rows *out)
{
    bool cut = false;
    *out = (struct time_rows){NULL, 0, 0};
    bool room = read_rows(db, charges_sql, run, out, &cut);
    if (room && cut) {
        room = read_rows(db, cut_sql, run, out, &cut);
    }
    if (out->n) {
        gather(out);
        share(db, run, out);
        qsort(out->row, out->n, sizeof *out->row, by_time);
    }
    return room && vs_db_unread(db) == VS_OK;
}

void time_rows_free(struct time_rows *rows)
{
    free(rows->row);
    *rows = (struct time_rows){NULL, 0, 0};
}
