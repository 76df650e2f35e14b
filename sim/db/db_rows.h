/* SPDX-License-Identifier: MIT */
/*
 * Rows on their way into a table of the database. They are gathered in memory and inserted many at
 * a time by one statement, INSERT INTO table SELECT ... FROM vs_rows, where vs_rows is a table that
 * SQLite reads from here: a statement for each row spends more on starting and ending than on
 * storing. The first column, the run's number, is one for all of them and the statement's
 * parameter.
 */
#ifndef VIRTSIM_SIM_DB_ROWS_H
#define VIRTSIM_SIM_DB_ROWS_H

#include "db/db.h"

#define VS_ROWS_COLUMNS 11u

/* A field of a row; a text that was copied is at this place of the rows' own. */
union vs_row_field {
    int64_t number;
    const char *text;
};

struct vs_rows {
    const char *into;   /* "INSERT OR ROLLBACK INTO op" */
    const char *then;   /* "ON CONFLICT ...", or NULL */
    const char *format; /* a column each: i = int64_t; s = text that stays as it is until the rows
                         * are stored; c = text that is copied */
    union vs_row_field *field;
    size_t n;        /* rows gathered */
    uint32_t *order; /* in which they are stored: that of the table's key */
    size_t alike;    /* while they are sorted: so many first columns are the same in all */
    char *copies;
    size_t copied, room;
    sqlite3_stmt *statement; /* made with the first rows */
};

/* One row more, a field for each letter of the format; stores what is gathered when it is much. */
enum vs_status vs__rows_add(struct vs_db *db, struct vs_rows *r, const union vs_row_field *fields);
/* Stores what is gathered. */
enum vs_status vs__rows_store(struct vs_db *db, struct vs_rows *r);
/* Forgets what is gathered. */
void vs__rows_drop(struct vs_rows *r);
/* Gives back memory and statement; what is gathered is lost. */
void vs__rows_free(struct vs_rows *r);

#endif
