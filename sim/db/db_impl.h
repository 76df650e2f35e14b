/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_SIM_DB_IMPL_H
#define VIRTSIM_SIM_DB_IMPL_H

#include "db/db.h"

struct vs_db {
    sqlite3 *sql;
    char path[4096];
    char error[5120];
    enum vs_status unread; /* the first failure of reading rows */
    bool later;            /* the file is made with the first run */
};

/* schema.sql, embedded by the build, a C string. */
extern const char vs_db_schema_sql[];

/* A name is a file's: SQLite may be built to take "file:..." for a URI. */
void vs__db_file_name(const char *path, char *out, size_t bytes);
/* The file, if it is to be made later: now. */
enum vs_status vs__db_make(struct vs_db *db);
/* Puts "what was being done: why it failed" into db->error. */
enum vs_status vs__db_fail(struct vs_db *db, const char *doing);

#endif
