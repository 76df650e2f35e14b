/* SPDX-License-Identifier: MIT */
#include "compare/reuse.h"

#include "virtsim/version.h"

#include <string.h>

/* Says whether a column holds just this text. */
static bool same(sqlite3_stmt *st, int column, const char *want)
{
    const char *is = (const char *)sqlite3_column_text(st, column);
    return is && !strcmp(is, want);
}

/* Both are in the order of paths. */
static bool same_knobs(struct vs_db *db, int64_t run, const struct vs_knobs *knobs)
{
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT path, value, source, evidence, set_by FROM knob WHERE run = ? ORDER BY path");
    size_t n = 0;
    bool equal = st != NULL;
    if (st) {
        sqlite3_bind_int64(st, 1, run);
    }
    while (equal && vs_db_row(db, st)) {
        struct vs_knob_row row;
        equal = n < vs_knobs_count(knobs);
        if (equal) {
            vs_db_knob(vs_knobs_at(knobs, n++), &row);
            equal = same(st, 0, row.path) && same(st, 1, row.value) && same(st, 2, row.source) &&
                    same(st, 3, row.evidence) && same(st, 4, row.set_by);
        }
    }
    sqlite3_finalize(st);
    return equal && n == vs_knobs_count(knobs) && !vs_db_unread(db);
}

/* Both are in the order of names; where the region of interest began only the run knows. */
static bool same_options(struct vs_db *db, int64_t run, const struct vs_session *s)
{
    struct vs_run_option want[VS_SESSION_OPTIONS];
    size_t n = vs_session_options(s, want), found = 0;
    sqlite3_stmt *st =
        vs_db_query(db, "SELECT option, value FROM run_option WHERE run = ? AND option <> 'roi'");
    bool equal = st != NULL;
    if (st) {
        sqlite3_bind_int64(st, 1, run);
    }
    while (equal && vs_db_row(db, st)) {
        size_t i = 0;
        while (i < n && !(same(st, 0, want[i].option) && same(st, 1, want[i].value))) {
            i++;
        }
        equal = i < n;
        found++;
    }
    sqlite3_finalize(st);
    for (size_t i = 0; i < n; i++) {
        found += !strcmp(want[i].option, "roi");
    }
    return equal && found == n && !vs_db_unread(db);
}

/* The newest of the runs before `before` that could be it, but for the knobs; 0: none. */
static int64_t candidate(struct vs_db *db, const struct vs_session *s,
                         const struct vs_session_request *r, int64_t before)
{
    static const char sql[] =
        "SELECT max(r.run) FROM run r JOIN provenance c ON c.run = r.run AND c.key = 'commit' AND "
        "c.value = ?1 JOIN provenance d ON d.run = r.run AND d.key = 'dirty' AND d.value = '0'"
        " WHERE r.workload = ?2 AND r.input_hash = ?3 AND r.machine = ?4 AND r.point = ?5 AND "
        "r.seed = ?6 AND r.run < ?7";
    char hash[VS_SESSION_TEXT];
    vs_session_input_hash(s, hash, sizeof hash);
    const char *text[] = {VS_COMMIT, vs_session_workload(s), hash, vs_session_machine(s)->name,
                          r->point};
    sqlite3_stmt *st = vs_db_query(db, sql);
    int64_t run = 0;
    for (int i = 0; st && i < 5; i++) {
        sqlite3_bind_text(st, i + 1, text[i], -1, SQLITE_STATIC);
    }
    if (st) {
        sqlite3_bind_int64(st, 6, (int64_t)r->options.seed);
        sqlite3_bind_int64(st, 7, before);
    }
    if (vs_db_row(db, st)) {
        run = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return run;
}

int64_t vs_reusable(struct vs_db *db, const struct vs_session_request *r, struct vs_errors *errors)
{
    struct vs_session *s = NULL;
    int64_t run = 0;
    if (!vs_session_describe(r, &s, errors)) {
        run = candidate(db, s, r, INT64_MAX);
        while (run && !(same_options(db, run, s) && same_knobs(db, run, vs_session_knobs(s)))) {
            run = vs_db_unread(db) ? 0 : candidate(db, s, r, run);
        }
    }
    vs_session_close(s);
    return run;
}
