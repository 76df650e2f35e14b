/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exits_print.h"

#include "paper.h"
#include "stored.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One row a reason of each vCPU, those that took their host the most time first. */
static const char rows_sql[] =
    "SELECT e.actor, e.reason, e.op, e.n, e.pairs, e.total_ps, o.n, o.total_ps FROM"
    " recorded_exit e LEFT JOIN op o ON o.run = e.run AND o.actor = e.actor AND o.op = e.op"
    " WHERE e.run = ?1 ORDER BY e.actor, e.total_ps DESC, e.n DESC, e.reason, e.op";

/* "vcpu0: thread 4711 of the trace, its vCPU 0". */
static void print_threads(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st = stored_query(
        db,
        "SELECT DISTINCT replace(actor, '/host', ''), thread, vcpu FROM recorded_exit WHERE run = "
        "?1 ORDER BY length(actor), actor",
        run, 0);
    char line[200];
    while (vs_db_row(db, st)) {
        int64_t thread = sqlite3_column_int64(st, 1), vcpu = sqlite3_column_int64(st, 2);
        size_t n = (size_t)snprintf(line, sizeof line, "%s: ", stored_text(st, 0));
        if (thread >= 0) {
            n += (size_t)snprintf(line + n, sizeof line - n, "thread %" PRId64 " of the trace",
                                  thread);
        } else {
            n += (size_t)snprintf(line + n, sizeof line - n, "a trace without threads");
        }
        if (vcpu >= 0) {
            snprintf(line + n, sizeof line - n, ", its vCPU %" PRId64, vcpu);
        }
        paper_line(line);
    }
    sqlite3_finalize(st);
}

/* Whether the run is of a trace of exits: most are not, and the query of the rows is long. */
static bool any(struct vs_db *db, int64_t run)
{
    sqlite3_stmt *st =
        stored_query(db, "SELECT 1 FROM recorded_exit WHERE run = ?1 LIMIT 1", run, 0);
    bool found = vs_db_row(db, st);
    sqlite3_finalize(st);
    return found;
}

void exits_print(struct vs_db *db, int64_t run)
{
    static const char *const columns[] = {"reason", "exits",   "host_us",
                                          "here",   "here_us", "operation"};
    if (!any(db, run)) {
        return;
    }
    sqlite3_stmt *st = stored_query(db, rows_sql, run, 0);
    struct out *o = NULL;
    char actor[64] = "", name[80];
    while (vs_db_row(db, st)) {
        double pairs = sqlite3_column_double(st, 4), n = sqlite3_column_double(st, 6);
        o = o ? o : out_begin(OUT_TABLE, columns, 6);
        if (strcmp(actor, stored_text(st, 0)) != 0) { /* a line of its own */
            snprintf(actor, sizeof actor, "%s", stored_text(st, 0));
            snprintf(name, sizeof name, "%.*s", (int)strcspn(actor, "/"), actor);
            out_text(o, name);
            for (int i = 0; i < 4; i++) {
                out_none(o);
            }
            out_text(o, "");
        }
        snprintf(name, sizeof name, "  %s", stored_text(st, 1));
        out_text(o, name);
        out_int(o, sqlite3_column_int64(st, 3));
        out_real(o, pairs > 0 ? sqlite3_column_double(st, 5) / pairs / 1e6 : NAN, 3);
        out_int(o, sqlite3_column_int64(st, 6));
        out_real(o, n > 0 ? sqlite3_column_double(st, 7) / n / 1e6 : NAN, 3);
        out_text(o, *stored_text(st, 2) ? stored_text(st, 2) : "not simulated");
    }
    sqlite3_finalize(st);
    if (o) {
        puts("");
        print_threads(db, run);
        paper_line("exits of the trace: how long its host took on average, exit to entry; and how "
                   "many there are here, and how long they take on this machine:");
        out_end(o, stdout);
    }
}
