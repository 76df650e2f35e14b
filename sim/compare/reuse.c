/* SPDX-License-Identifier: MIT */
#include "compare/reuse.h"

#include "virtsim/version.h"

#include <string.h>

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

/* The newest of the runs before `before` that could be it, but for the knobs; 0: none. */
static int64_t candidate(struct vs_db *db, const struct vs_session *s,
                         const struct vs_session_request *r, int64_t before)
{
    static const char sql[] =
        "SELECT max(r.run) FROM run r JOIN provenance c ON c.run = r.run AND c.key = 'commit' AND "
        "c.value = ?1 JOIN provenance d ON d.run = r.run AND d.key = 'dirty' AND d.value = '0'"
        " JOIN provenance o ON o.run = r.run AND o.key = 'options' AND o.value = ?2"
        " WHERE r.workload = ?3 AND r.input_hash = ?4 AND r.machine = ?5 AND r.point = ?6 AND "
        "r.seed = ?7 AND r.run < ?8";
    char hash[VS_SESSION_TEXT], options[VS_SESSION_TEXT];
    vs_session_input_hash(s, hash, sizeof hash);
    vs_session_options_text(s, options, sizeof options);
    const char *text[] = {
        VS_COMMIT, options, vs_session_workload(s), hash, vs_session_machine(s)->name, r->point};
    sqlite3_stmt *st = vs_db_query(db, sql);
    int64_t run = 0;
    for (int i = 0; st && i < 6; i++) {
        sqlite3_bind_text(st, i + 1, text[i], -1, SQLITE_STATIC);
    }
    if (st) {
        sqlite3_bind_int64(st, 7, (int64_t)r->options.seed);
        sqlite3_bind_int64(st, 8, before);
    }
    if (vs_db_row(db, st)) {
        run = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return run;
}

int64_t vs_reusable(struct vs_db *db, const struct vs_session_request *r)
{
    struct vs_errors ignored = {NULL, 0}; /* making the run says it again */
    struct vs_session *s = NULL;
    int64_t run = 0;
    if (!vs_session_describe(r, &s, &ignored)) {
        run = candidate(db, s, r, INT64_MAX);
        while (run && !same_knobs(db, run, vs_session_knobs(s))) {
            run = vs_db_unread(db) ? 0 : candidate(db, s, r, run);
        }
    }
    vs_session_close(s);
    vs_errors_free(&ignored);
    return run;
}
