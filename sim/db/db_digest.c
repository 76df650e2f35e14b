/* SPDX-License-Identifier: MIT */
/* What a database holds, as one number. */
#include "db_impl.h"

#include <xxhash.h>

/* Adds every value of a query's rows to a hash. */
static enum vs_status digest_rows(struct vs_db *db, const char *sql, XXH64_state_t *h)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK) {
        return vs__db_fail(db, "cannot read");
    }
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const unsigned char *text = sqlite3_column_text(st, i);
            size_t bytes = (size_t)sqlite3_column_bytes(st, i);
            unsigned char type = (unsigned char)sqlite3_column_type(st, i);
            XXH64_update(h, &type, 1);
            if (text) {
                XXH64_update(h, text, bytes);
            }
            XXH64_update(h, "", 1);
        }
    }
    enum vs_status s = rc == SQLITE_DONE ? VS_OK : vs__db_fail(db, "cannot read");
    sqlite3_finalize(st);
    return s;
}

/* A table that a later schema adds, and that is empty, changes no digest. */
#define DIGEST_SEED 6u

enum vs_status vs_db_digest(struct vs_db *db, uint64_t *digest)
{
    static const char *const sql[] = {
        "SELECT * FROM run ORDER BY run",
        "SELECT * FROM run_option ORDER BY run, option",
        "SELECT * FROM knob ORDER BY run, path",
        "SELECT * FROM evidence_group ORDER BY run, name, path",
        "SELECT * FROM fact ORDER BY run, name",
        "SELECT * FROM op ORDER BY run, actor, op",
        "SELECT * FROM part ORDER BY run, actor, op, account, kind",
        "SELECT * FROM child ORDER BY run, actor, op, child_actor, child",
        "SELECT * FROM counter ORDER BY run, actor, name",
        "SELECT * FROM histogram ORDER BY run, actor, op, low_ps",
        "SELECT * FROM epoch ORDER BY run, epoch, actor, name",
        "SELECT * FROM span ORDER BY run, actor, op, ordinal",
        "SELECT * FROM charge ORDER BY run, actor, op, ordinal, seq",
        "SELECT * FROM note ORDER BY run, actor, op, ordinal, seq",
        "SELECT * FROM site ORDER BY run, kind, space, place, actor, item",
        "SELECT * FROM curve ORDER BY run, structure, sets, ways",
        "SELECT * FROM recorded_exit ORDER BY run, actor, reason, op",
        "SELECT * FROM claim ORDER BY claim_id",
        "SELECT * FROM literature ORDER BY id",
        "SELECT * FROM comparison ORDER BY claim_id, run",
        "SELECT * FROM op_alias ORDER BY alias, op",
    };
    XXH64_state_t *h = XXH64_createState();
    if (!h) {
        return VS_E_NOMEM;
    }
    XXH64_reset(h, DIGEST_SEED);
    enum vs_status s = vs_db_exec(db, "BEGIN");
    for (size_t i = 0; !s && i < sizeof sql / sizeof sql[0]; i++) {
        s = digest_rows(db, sql[i], h);
    }
    sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    *digest = XXH64_digest(h);
    XXH64_freeState(h);
    return s;
}
