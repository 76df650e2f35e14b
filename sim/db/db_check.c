/* SPDX-License-Identifier: MIT */
/* Whether a results database is whole. */
#include "db_impl.h"

#include <stdio.h>
#include <string.h>

/* Reports every row of a check that isn't what a good database gives. */
static enum vs_status report_rows(struct vs_db *db, const char *what, const char *sql,
                                  const char *good, int *bad, void (*report)(void *, const char *),
                                  void *ctx)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK) {
        return vs__db_fail(db, "cannot check");
    }
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        char line[1024];
        size_t at = (size_t)snprintf(line, sizeof line, "%s:", what);
        const char *first = (const char *)sqlite3_column_text(st, 0);
        if (good && first && !strcmp(first, good)) {
            continue;
        }
        for (int i = 0; i < sqlite3_column_count(st) && at < sizeof line; i++) {
            const unsigned char *text = sqlite3_column_text(st, i);
            at += (size_t)snprintf(line + at, sizeof line - at, " %s",
                                   text ? (const char *)text : "NULL");
        }
        report(ctx, line);
        ++*bad;
    }
    enum vs_status s = rc == SQLITE_DONE ? VS_OK : vs__db_fail(db, "cannot check");
    sqlite3_finalize(st);
    return s;
}

enum vs_status vs_db_check(struct vs_db *db, void (*report)(void *ctx, const char *line), void *ctx)
{
    int bad = 0;
    enum vs_status s =
        report_rows(db, "integrity", "PRAGMA integrity_check", "ok", &bad, report, ctx);
    if (!s) {
        s = report_rows(db, "foreign key", "PRAGMA foreign_key_check", NULL, &bad, report, ctx);
    }
    if (!s) {
        s = report_rows(db, "unbalanced (run actor op total parts)", "SELECT * FROM unbalanced",
                        NULL, &bad, report, ctx);
    }
    if (!s) {
        s = report_rows(
            db, "run without a time line",
            "SELECT run FROM run WHERE run NOT IN (SELECT run FROM op WHERE op = 'timeline')", NULL,
            &bad, report, ctx);
    }
    if (!s) {
        s = report_rows(db, "run without its dictionary of knobs",
                        "SELECT run FROM run_dictionary WHERE dictionary NOT IN (SELECT dictionary "
                        "FROM knob_declared)",
                        NULL, &bad, report, ctx);
    }
    if (!s && bad) {
        snprintf(db->error, sizeof db->error, "%s: %d findings", db->path, bad);
        s = VS_E_RUN;
    }
    return s;
}
