/* SPDX-License-Identifier: MIT */
/* What a new database holds: tables, views, and the other names of operations. */
#include "db_impl.h"

#include "virtsim/op.h"

/* Other names of operations, with all that each stands for. */
static enum vs_status store_aliases(struct vs_db *db)
{
    size_t n;
    const struct vs_op_alias *a = vs_op_aliases(&n);
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db->sql, "INSERT OR IGNORE INTO op_alias VALUES (?, ?)", -1, &st,
                           NULL) != SQLITE_OK) {
        return vs__db_fail(db, "cannot write");
    }
    int rc = SQLITE_DONE;
    for (size_t i = 0; i < n && rc == SQLITE_DONE; i++) {
        sqlite3_bind_text(st, 1, a[i].alias, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, vs_op_name(a[i].op), -1, SQLITE_STATIC);
        rc = sqlite3_step(st);
        sqlite3_reset(st);
    }
    enum vs_status s = rc == SQLITE_DONE ? VS_OK : vs__db_fail(db, "cannot write");
    sqlite3_finalize(st);
    return s;
}

enum vs_status vs__db_schema(struct vs_db *db)
{
    enum vs_status s = vs_db_exec(db, vs_db_schema_sql);
    s = s ? s : vs_db_exec(db, vs_db_views_sql);
    return s ? s : store_aliases(db);
}

void vs__db_views(struct vs_db *db)
{
    static const char look[] =
        "SELECT count(*) = 4 FROM sqlite_master WHERE type = 'view' AND (name = 'metric' OR name = "
        "'knob_value' OR name = 'sweep_point' OR name = 'work_rate')";
    sqlite3_stmt *st = NULL;
    bool missing = sqlite3_prepare_v2(db->sql, look, -1, &st, NULL) == SQLITE_OK &&
                   sqlite3_step(st) == SQLITE_ROW && !sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    if (missing) {
        (void)sqlite3_exec(db->sql, vs_db_views_sql, NULL, NULL, NULL);
    }
}
