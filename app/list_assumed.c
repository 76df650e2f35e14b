/* SPDX-License-Identifier: MIT */
/* list knobs --assumed: the assumptions of one run, ranked by the time that they price. */
#include "cmd.h"

#include "explain/tree.h"

#include <inttypes.h>
#include <string.h>

/* Adds an account's time to each knob of the comma list that prices it. */
static void book(sqlite3_stmt *into, const char *prices, int64_t ps)
{
    while (*prices) {
        size_t n = strcspn(prices, ",");
        sqlite3_bind_text(into, 1, prices, (int)n, SQLITE_STATIC);
        sqlite3_bind_int64(into, 2, ps);
        (void)sqlite3_step(into);
        sqlite3_reset(into);
        prices += n + (prices[n] == ',');
    }
}

/* The run that was named, or the newest one; 0: there is none such. */
static int64_t run_of(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st =
        vs_db_query(db, run ? "SELECT run FROM run WHERE run = ?" : "SELECT max(run) FROM run");
    if (st && run) {
        sqlite3_bind_int64(st, 1, run);
    }
    int64_t found = vs_db_row(db, st) ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return found;
}

/* temp.decides: what each knob prices of the run, and temp.whole: all that something prices. */
static enum vs_status weigh(struct vs_db *db, int64_t run)
{
    static const char tables[] = "CREATE TEMP TABLE decides (path TEXT, ps INTEGER);"
                                 "CREATE TEMP TABLE whole (run INTEGER, ps INTEGER)";
    enum vs_status s = vs_db_exec(db, tables);
    sqlite3_stmt *part =
        vs_db_query(db, "SELECT account, sum(total_ps) FROM part WHERE run = ? GROUP BY account");
    sqlite3_stmt *into = vs_db_query(db, "INSERT INTO temp.decides VALUES (?, ?)");
    sqlite3_stmt *all = vs_db_query(db, "INSERT INTO temp.whole VALUES (?, ?)");
    int64_t priced = 0;
    if (s || !part || !into || !all) {
        s = s ? s : VS_E_IO;
    } else {
        sqlite3_bind_int64(part, 1, run);
        while (vs_db_row(db, part)) {
            char prices[240];
            int64_t ps = sqlite3_column_int64(part, 1);
            vs_explain_prices((const char *)sqlite3_column_text(part, 0), prices, sizeof prices);
            book(into, prices, ps);
            priced += *prices ? ps : 0;
        }
        sqlite3_bind_int64(all, 1, run);
        sqlite3_bind_int64(all, 2, priced);
        (void)sqlite3_step(all);
    }
    sqlite3_finalize(part);
    sqlite3_finalize(into);
    sqlite3_finalize(all);
    return s;
}

struct vs_db *list_assumed(const char *file, int64_t run, struct vs_errors *errors)
{
    char err[5200];
    struct vs_db *db = NULL;
    if (vs_db_open(file, false, &db, err, sizeof err)) {
        vs_error(errors, "%s", err);
        return NULL;
    }
    int64_t found = run_of(db, run);
    if (!found) {
        if (run) {
            vs_error(errors, "%s: no run %" PRId64 "; 'virtsim list runs' shows which there are",
                     file, run);
        } else {
            vs_error(errors, "%s: no run is in it; 'virtsim run WORKLOAD' makes one", file);
        }
    } else if (weigh(db, found)) {
        vs_error(errors, "%s", vs_db_error(db));
    } else {
        return db;
    }
    vs_db_close(db);
    return NULL;
}
