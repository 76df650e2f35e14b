/* SPDX-License-Identifier: MIT */
/* diff: what differs between two stored runs, and whether they can be compared at all. */
#define _GNU_SOURCE
#include "paper.h"
#include "stored.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What a run is made from, option by option and knob by knob, and what came of it. */
static const char rows_sql[] =
    "WITH made(kind, run, actor, name, value) AS ("
    " SELECT 'run', run, '', 'command', command FROM run UNION ALL"
    " SELECT 'run', run, '', 'workload', workload FROM run UNION ALL"
    " SELECT 'run', run, '', 'input', input_hash FROM run UNION ALL"
    " SELECT 'run', run, '', 'machine', machine FROM run UNION ALL"
    " SELECT 'run', run, '', 'seed', seed FROM run UNION ALL"
    " SELECT 'run', run, '', key, value FROM provenance WHERE key IN ('version', 'commit',"
    " 'dirty') UNION ALL"
    " SELECT 'option', run, '', option, value FROM run_option UNION ALL"
    " SELECT 'knob', run, '', path, value FROM knob),"
    " measured(kind, run, actor, name, value) AS ("
    " SELECT 'op mean ns', run, actor, op, total_ps / 1e3 / n FROM op WHERE n > 0 UNION ALL"
    " SELECT 'op n', run, actor, op, n FROM op UNION ALL"
    " SELECT 'time ns', run, CASE who WHEN 'line' THEN vcpu ELSE vcpu || '/' || who END, op || ' '"
    " || account, total_ps / 1e3 FROM vcpu_time WHERE run IN (?1, ?2) UNION ALL"
    " SELECT 'counter', run, actor, name, value FROM counter)"
    " SELECT kind, actor, name, max(CASE WHEN run = ?1 THEN value END) AS a, max(CASE WHEN run ="
    " ?2 THEN value END) AS b, NULL, NULL, CASE kind WHEN 'run' THEN 1 WHEN 'option' THEN 2 ELSE 3"
    " END AS place FROM made WHERE run IN (?1, ?2) GROUP BY kind, actor, name HAVING a IS NOT b"
    " UNION ALL"
    " SELECT kind, actor, name, NULL, NULL, max(CASE WHEN run = ?1 THEN value END) AS a, max(CASE"
    " WHEN run = ?2 THEN value END) AS b, CASE kind WHEN 'op mean ns' THEN 4 WHEN 'op n' THEN 5"
    " WHEN 'time ns' THEN 6 ELSE 7 END FROM measured WHERE run IN (?1, ?2) GROUP BY kind, actor,"
    " name HAVING coalesce(a, 0) <> coalesce(b, 0)"
    " ORDER BY 8, 2, 3";

/* Runs that were made of different things differ for more than one reason: each is named. A machine
 * or a knob is what one compares. */
static void warn(sqlite3_stmt *st)
{
    const char *kind = stored_text(st, 0), *name = stored_text(st, 2);
    bool option = !strcmp(kind, "option");
    if (option || (!strcmp(kind, "run") && strcmp(name, "machine") != 0)) {
        bool in[2] = {sqlite3_column_type(st, 3) != SQLITE_NULL,
                      sqlite3_column_type(st, 4) != SQLITE_NULL};
        fprintf(stderr, "virtsim: warning: the runs differ in %s%s: %s and %s\n",
                option ? "the option " : "their ", name, in[0] ? stored_text(st, 3) : "none",
                in[1] ? stored_text(st, 4) : "none");
    }
}

/* Prints one difference. */
static void print_row(struct out *o, sqlite3_stmt *st)
{
    bool numeric =
        sqlite3_column_type(st, 5) != SQLITE_NULL || sqlite3_column_type(st, 6) != SQLITE_NULL;
    double v[2];
    for (int i = 0; i < 3; i++) {
        out_text(o, stored_text(st, i));
    }
    for (int i = 0; i < 2; i++) {
        v[i] =
            sqlite3_column_type(st, 5 + i) == SQLITE_NULL ? NAN : sqlite3_column_double(st, 5 + i);
        if (numeric) {
            out_real(o, v[i], 2);
        } else {
            out_text(o, stored_text(st, 3 + i));
        }
    }
    if (numeric) {
        out_real(o, v[0] > 0 ? v[1] / v[0] : NAN, 3);
    } else {
        out_text(o, "");
    }
}

int cmd_diff(int argc, char **argv)
{
    static const struct argp a = {stored_options,
                                  stored_option,
                                  "RUN RUN",
                                  "Two stored runs side by side: what they were made of, "
                                  "operations, time and counters that differ.",
                                  stored_children,
                                  NULL,
                                  NULL};
    static const char *const columns[] = {"kind", "actor", "name", "first", "second", "ratio"};
    struct stored s = {.want = 2};
    struct vs_db *db;
    int status = stored_open(&s, argc, argv, &a, &db);
    if (status) {
        return status;
    }
    bool rows = !s.metrics.metrics.n; /* what was asked for, or all that differs */
    sqlite3_stmt *st = stored_query(db, rows_sql, s.run[0], s.run[1]);
    if (s.format == OUT_TABLE) {
        paper_page();
    }
    struct out *o = rows ? out_begin(s.format, columns, 6) : NULL;
    while (vs_db_row(db, st)) {
        warn(st);
        if (rows) {
            print_row(o, st);
        }
    }
    sqlite3_finalize(st);
    out_end(o, stdout);
    if (!rows) {
        points_two(db, s.run, &s.metrics.metrics, s.format);
    }
    status = unread(db, status);
    vs_db_close(db);
    return status;
}
