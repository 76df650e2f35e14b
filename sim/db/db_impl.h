/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_SIM_DB_IMPL_H
#define VIRTSIM_SIM_DB_IMPL_H

#include "db/db.h"
#include "db_rows.h"

#define VS_DB_RUN_TABLES 19 /* that a run's rows go into, run among them */

struct vs_db {
    sqlite3 *sql;
    char path[4096];
    char error[5120];
    enum vs_status unread;                 /* the first failure of reading rows */
    int64_t version;                       /* of the file's schema */
    bool later;                            /* the file is made with the first run */
    bool made;                             /* the file is new and has no run yet */
    char folder[4096];                     /* that was made for it, "" none */
    sqlite3_stmt *insert_run;              /* made by the first run that is stored */
    struct vs_rows rows[VS_DB_RUN_TABLES]; /* on their way into the tables of a run */
    const struct vs_rows *reading;         /* being stored: what SQLite sees as vs_rows */
    bool rows_known;                       /* vs_rows, by this connection */
    int64_t dictionary;                    /* that it has; 0: not known of any */
    int patience_ms;                       /* for a lock of another process */
    int64_t locked_since;                  /* that is being waited for */
    int64_t gave_up_ms;                    /* how long it was, and in vain; 0: it was not */
    bool lock_told;                        /* somebody was told of it */
};

/* schema.sql and views.sql, embedded by the build, C strings. */
extern const char vs_db_schema_sql[];
extern const char vs_db_views_sql[];

/* Where SQLite takes its memory from. */
extern const sqlite3_mem_methods vs__db_memory;
/* A name is a file's: SQLite may be built to take "file:..." for a URI. */
void vs__db_file_name(const char *path, char *out, size_t bytes);
/* How long to wait for another process's lock, from now on. */
void vs__db_patience(struct vs_db *db, int ms);
/* What to say when that was in vain: who keeps it locked, and what to do. */
void vs__db_locked(const struct vs_db *db, char *text, size_t bytes);
/* The file, if it is to be made later: now. */
enum vs_status vs__db_make(struct vs_db *db);
/* A run is stored: the file stays. */
void vs__db_keep(struct vs_db *db);
/* Puts the rows of an open database of an older schema into a private new one, which takes its
 * place. */
enum vs_status vs__db_convert(struct vs_db *db);
/* The schema, and what of it comes from the program. */
enum vs_status vs__db_schema(struct vs_db *db);
/* A file of the empty database, whole from its first moment; false: there is one of that name, or
 * it cannot be made so here, and SQLite makes it. */
bool vs__db_image_file(const char *path);
/* Makes what a connection has in memory the empty database; false: it has nothing in it. */
bool vs__db_image_memory(sqlite3 *sql);
/* The newest views, into a database of this version that was made before them: nothing that was
 * there changes. What is in the way is told when a run is stored. */
void vs__db_views(struct vs_db *db);
/* The number of the dictionary that has what is declared of these knobs: a hash of all of it. */
int64_t vs__db_dictionary(const struct vs_knobs *knobs);
/* Whether the database has it; who is told no stores it in the same transaction. */
bool vs__db_has_dictionary(struct vs_db *db, int64_t dictionary);
/* Whether nothing is to be said of a knob but what its dictionary says. */
bool vs__db_as_declared(const struct vs_knob *knob);
/* Puts "what was being done: why it failed" into db->error. */
enum vs_status vs__db_fail(struct vs_db *db, const char *doing);

#endif
