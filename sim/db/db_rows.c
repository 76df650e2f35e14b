/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* qsort_r */ // NOLINT(bugprone-reserved-identifier)
#include "db_rows.h"

#include "db_impl.h"

#include "virtsim/ending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED 2048u /* rows stored together */
#define COPIES 16384u  /* bytes of copied texts at first */

/* The table vs_rows as SQLite sees it. */
struct table {
    sqlite3_vtab base;
    const struct vs_db *db;
};

/* Where a statement is in the rows. */
struct cursor {
    sqlite3_vtab_cursor base;
    const struct vs_rows *rows;
    size_t at;
};

/* SQLite learns of the table: ten columns, of which a format has the first ones. */
static int connect(sqlite3 *sql, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                   char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    struct table *t = sqlite3_malloc(sizeof *t);
    if (!t) {
        return SQLITE_NOMEM;
    }
    memset(t, 0, sizeof *t);
    t->db = aux;
    *out = &t->base;
    return sqlite3_declare_vtab(sql, "CREATE TABLE x(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10)");
}

/* SQLite needs the table no longer. */
static int disconnect(sqlite3_vtab *t)
{
    sqlite3_free(t);
    return SQLITE_OK;
}

/* There is one way to read it: all rows in their order. */
static int best_index(sqlite3_vtab *t, sqlite3_index_info *info)
{
    (void)t;
    info->estimatedCost = 1;
    return SQLITE_OK;
}

/* A statement is going to read. */
static int open_cursor(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
    (void)t;
    struct cursor *c = sqlite3_malloc(sizeof *c);
    if (!c) {
        return SQLITE_NOMEM;
    }
    memset(c, 0, sizeof *c);
    *out = &c->base;
    return SQLITE_OK;
}

/* A statement has read. */
static int close_cursor(sqlite3_vtab_cursor *c)
{
    sqlite3_free(c);
    return SQLITE_OK;
}

/* To the first row. */
static int filter(sqlite3_vtab_cursor *cursor, int plan, const char *text, int argc,
                  sqlite3_value **argv)
{
    (void)plan;
    (void)text;
    (void)argc;
    (void)argv;
    struct cursor *c = (struct cursor *)(void *)cursor;
    c->rows = ((struct table *)(void *)cursor->pVtab)->db->reading;
    c->at = 0;
    return SQLITE_OK;
}

/* To the next row; a signal ends the statement. */
static int next(sqlite3_vtab_cursor *cursor)
{
    ((struct cursor *)(void *)cursor)->at++;
    return vs_ending_came() ? SQLITE_INTERRUPT : SQLITE_OK;
}

/* Behind the last row. */
static int eof(sqlite3_vtab_cursor *cursor)
{
    const struct cursor *c = (const struct cursor *)(void *)cursor;
    return c->at >= c->rows->n;
}

/* The fields of a row that was gathered. */
static const union vs_row_field *row_of(const struct vs_rows *r, size_t row)
{
    return &r->field[row * VS_ROWS_COLUMNS];
}

/* A field of the row; texts are not copied. */
static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int i)
{
    const struct cursor *c = (const struct cursor *)(void *)cursor;
    const struct vs_rows *r = c->rows;
    const union vs_row_field *f = row_of(r, r->order[c->at]) + i;
    switch (r->format[i]) {
    case 'i':
        sqlite3_result_int64(out, f->number);
        break;
    default:
        sqlite3_result_text(out, f->text, -1, SQLITE_STATIC);
        break;
    }
    return SQLITE_OK;
}

/* A row's number among those gathered. */
static int rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((const struct cursor *)(void *)cursor)->at;
    return SQLITE_OK;
}

/* From now on this connection knows vs_rows. */
static enum vs_status make_known(struct vs_db *db)
{
    static const sqlite3_module module = {.xConnect = connect,
                                          .xBestIndex = best_index,
                                          .xDisconnect = disconnect,
                                          .xOpen = open_cursor,
                                          .xClose = close_cursor,
                                          .xFilter = filter,
                                          .xNext = next,
                                          .xEof = eof,
                                          .xColumn = column,
                                          .xRowid = rowid};
    if (!db->rows_known && sqlite3_create_module(db->sql, "vs_rows", &module, db) != SQLITE_OK) {
        return vs__db_fail(db, "cannot write");
    }
    db->rows_known = true;
    return VS_OK;
}

/* A place for a text of so many bytes; false: no memory. */
static bool make_room(struct vs_rows *r, size_t bytes)
{
    if (r->copied + bytes > r->room) {
        size_t room = 2u * (r->room ? r->room : COPIES / 2u);
        room = room < r->copied + bytes ? r->copied + bytes : room;
        char *grown = realloc(r->copies, room);
        if (!grown) {
            return false;
        }
        r->copies = grown;
        r->room = room;
    }
    return true;
}

/* Says that memory is out. */
static enum vs_status no_memory(struct vs_db *db)
{
    snprintf(db->error, sizeof db->error, "%s: out of memory", db->path);
    return VS_E_NOMEM;
}

/* Memory for the rows, with the first one: only what is written of it is read. */
static bool make_fields(struct vs_rows *r)
{
    r->field = r->field ? r->field : malloc(GATHERED * VS_ROWS_COLUMNS * sizeof *r->field);
    r->order = r->order ? r->order : malloc(GATHERED * sizeof *r->order);
    return r->field && r->order;
}

enum vs_status vs__rows_add(struct vs_db *db, struct vs_rows *r, const union vs_row_field *fields)
{
    if (!make_fields(r)) {
        return no_memory(db);
    }
    union vs_row_field *f = &r->field[r->n * VS_ROWS_COLUMNS];
    for (size_t i = 0; r->format[i]; i++) {
        f[i] = fields[i];
        if (r->format[i] == 'c') {
            size_t bytes = strlen(fields[i].text) + 1u;
            if (!make_room(r, bytes)) {
                return no_memory(db);
            }
            memcpy(r->copies + r->copied, fields[i].text, bytes);
            f[i].number = (int64_t)r->copied;
            r->copied += bytes;
        }
    }
    return ++r->n == GATHERED ? vs__rows_store(db, r) : VS_OK;
}

/* "INSERT OR ROLLBACK INTO knob SELECT ?1, c1 FROM vs_rows" for a format of two columns. */
static enum vs_status prepare(struct vs_db *db, struct vs_rows *r)
{
    char sql[300];
    int at = snprintf(sql, sizeof sql, "%s SELECT ?1", r->into);
    for (size_t i = 1; r->format[i]; i++) {
        at += snprintf(sql + at, sizeof sql - (size_t)at, ", c%zu", i);
    }
    snprintf(sql + at, sizeof sql - (size_t)at, " FROM vs_rows WHERE true %s",
             r->then ? r->then : "");
    enum vs_status s = make_known(db);
    return s ? s
           : sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &r->statement, NULL) ==
                   SQLITE_OK
               ? VS_OK
               : vs__db_fail(db, "cannot prepare");
}

/* Which of two rows comes first by the table's key, which is its first columns. */
static int by_key(const void *a, const void *b, void *rows)
{
    const struct vs_rows *r = rows;
    const union vs_row_field *x = row_of(r, *(const uint32_t *)a),
                             *y = row_of(r, *(const uint32_t *)b);
    int c = 0;
    /* vs__rows_add has written every field that the format has */
    // NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult)
    for (size_t i = r->alike; r->format[i] && !c; i++) {
        if (r->format[i] == 'i') {
            c = (x[i].number > y[i].number) - (x[i].number < y[i].number);
        } else {
            c = x[i].text == y[i].text ? 0 : strcmp(x[i].text, y[i].text);
        }
    }
    // NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult)
    return c;
}

/* Where the texts that were copied lie: they move no more. */
static void point_at_copies(const struct vs_rows *r)
{
    for (size_t column = 0; r->format[column]; column++) {
        for (size_t i = 0; r->format[column] == 'c' && i < r->n; i++) {
            union vs_row_field *f = &r->field[i * VS_ROWS_COLUMNS + column];
            f->text = r->copies + f->number;
        }
    }
}

/* How many of the first columns have one value in all rows. */
static size_t alike(const struct vs_rows *r)
{
    size_t column = 0;
    for (; r->format[column]; column++) {
        const union vs_row_field *first = row_of(r, 0) + column;
        for (size_t i = 1; i < r->n; i++) {
            const union vs_row_field *f = row_of(r, i) + column;
            bool same =
                r->format[column] == 'i' ? f->number == first->number : f->text == first->text;
            if (!same) {
                return column;
            }
        }
    }
    return column;
}

/* Rows in the order of their key: SQLite then appends each where the one before is and looks for no
 * place. */
static void sort(struct vs_rows *r)
{
    bool in_order = true;
    r->alike = alike(r);
    for (size_t i = 0; i < r->n; i++) {
        r->order[i] = (uint32_t)i;
        in_order = in_order && !(i && by_key(&r->order[i - 1u], &r->order[i], r) > 0);
    }
    if (!in_order) {
        qsort_r(r->order, r->n, sizeof *r->order, by_key, r);
    }
}

enum vs_status vs__rows_store(struct vs_db *db, struct vs_rows *r)
{
    enum vs_status s = r->n && !r->statement ? prepare(db, r) : VS_OK;
    if (r->n && !s) {
        point_at_copies(r);
        sort(r);
        db->reading = r;
        sqlite3_bind_int64(r->statement, 1, r->field[0].number);
        if (sqlite3_step(r->statement) != SQLITE_DONE) {
            s = vs__db_fail(db, "cannot store the run");
        }
        sqlite3_reset(r->statement);
    }
    vs__rows_drop(r);
    return s;
}

void vs__rows_drop(struct vs_rows *r)
{
    r->n = r->copied = 0;
}

void vs__rows_free(struct vs_rows *r)
{
    sqlite3_finalize(r->statement);
    free(r->field);
    free(r->order);
    free(r->copies);
    *r = (struct vs_rows){.into = r->into, .format = r->format, .then = r->then};
}
