/* SPDX-License-Identifier: MIT */
#include "db_impl.h"

/* Inserts the points of a run's curve. */
static enum vs_status insert(struct vs_db *db, int64_t run, const struct vs_curve_point *point,
                             size_t n)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->sql, "INSERT INTO curve VALUES (?, ?, ?, ?, ?, ?, ?, ?)", -1,
                                &st, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
        const struct vs_curve_point *p = &point[i];
        const uint64_t number[] = {p->sets, p->ways, p->sets * p->ways, p->hits, p->misses};
        sqlite3_bind_int64(st, 1, run);
        sqlite3_bind_text(st, 2, p->structure, -1, SQLITE_STATIC);
        for (int k = 0; k < 5; k++) {
            sqlite3_bind_int64(st, 3 + k, (int64_t)number[k]);
        }
        sqlite3_bind_text(st, 8, p->method, -1, SQLITE_STATIC);
        rc = sqlite3_step(st) == SQLITE_DONE ? sqlite3_reset(st) : SQLITE_ERROR;
    }
    enum vs_status s = rc == SQLITE_OK ? VS_OK : vs__db_fail(db, "cannot store the curve");
    sqlite3_finalize(st);
    return s;
}

enum vs_status vs_db_curve(struct vs_db *db, int64_t run, const struct vs_curve_point *point,
                           size_t n)
{
    enum vs_status s = vs_db_exec(db, "BEGIN IMMEDIATE");
    if (s) {
        return s;
    }
    s = insert(db, run, point, n);
    if (!s && sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        s = vs__db_fail(db, "cannot store the curve");
    }
    if (s) {
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    }
    return s;
}
