/* SPDX-License-Identifier: MIT */
/* Appending the runs of one results database to another. */
#include "db_impl.h"

#include "virtsim/ending.h"

#include <stdio.h>
#include <sys/stat.h>

/* The tables a run's content stands in, children of `run`. */
static const char *const run_tables[] = {
    "provenance", "run_option", "run_dictionary", "knob_own", "evidence_group",
    "op",         "part",       "child",          "counter",  "histogram",
    "epoch",      "span",       "charge",         "note",     "site",
    "curve",      "comparison", "recorded_exit",  "fact"};

bool vs_db_same(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A point of a sweep that is there, made by the same build, is not added again: merging twice
 * changes nothing. */
static const char find_same[] =
    "CREATE TEMP TABLE known (point TEXT, build TEXT, run INTEGER, PRIMARY KEY (point, build));"
    "INSERT OR IGNORE INTO known SELECT p.value, b.value, p.run FROM main.provenance p JOIN "
    "main.provenance b ON b.run = p.run AND b.key = 'build' WHERE p.key = 'point' ORDER BY p.run;"
    "CREATE TEMP TABLE renum (old INTEGER PRIMARY KEY, new INTEGER, fresh INTEGER);"
    "INSERT INTO renum SELECT p.run, k.run, 0 FROM other.provenance p JOIN other.provenance b ON "
    "b.run = p.run AND b.key = 'build' JOIN known k ON k.point = p.value AND k.build = b.value "
    "WHERE p.key = 'point';"
    "INSERT INTO renum SELECT run, row_number() OVER (ORDER BY run) + (SELECT coalesce(max(run), "
    "0) FROM main.run), 1 FROM other.run WHERE run NOT IN (SELECT old FROM renum)";

/* What a run is to sweeps is kept of one that is not added, too. */
static const char move_all[] =
    "INSERT INTO main.run SELECT n.new, r.command, r.workload, r.input_hash, "
    "r.trace_format, r.machine, r.seed, r.roi_ps, r.end_ps, r.point"
    " FROM other.run r JOIN renum n ON n.old = r.run AND n.fresh;"
    "INSERT OR IGNORE INTO main.provenance SELECT n.new, p.key, p.value FROM other.provenance p "
    "JOIN renum n ON n.old = p.run AND NOT n.fresh WHERE p.key LIKE 'sweep.%' OR p.key LIKE "
    "'manifest.%';"
    "INSERT OR IGNORE INTO main.knob_declared SELECT * FROM other.knob_declared WHERE dictionary "
    "IN (SELECT d.dictionary FROM other.run_dictionary d JOIN renum n ON n.old = d.run AND "
    "n.fresh);"
    /* one document's claim is the same in both; the newer program's may be reworded */
    "INSERT OR IGNORE INTO main.claim SELECT * FROM other.claim;"
    "INSERT OR IGNORE INTO main.literature SELECT * FROM other.literature";

/* Two sweeps of one name would become one. */
static enum vs_status refuse_other_sweep(struct vs_db *db, const char *other)
{
    static const char sql[] =
        "SELECT substr(a.key, 10) FROM main.provenance a JOIN other.provenance b ON b.key = a.key "
        "AND b.value <> a.value WHERE a.key LIKE 'manifest.%' LIMIT 1";
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK) {
        return vs__db_fail(db, "cannot read");
    }
    int rc = sqlite3_step(st);
    enum vs_status s = rc == SQLITE_DONE  ? VS_OK
                       : rc == SQLITE_ROW ? VS_E_INPUT
                                          : vs__db_fail(db, "cannot read");
    if (rc == SQLITE_ROW) {
        snprintf(
            db->error, sizeof db->error,
            "%.3000s: its sweep '%s' is another one than that of this name in %.1500s: run one "
            "of them under another --name",
            other, sqlite3_column_text(st, 0), db->path);
    }
    sqlite3_finalize(st);
    return s;
}

/* Copies the runs that aren't here yet, under new numbers. */
static enum vs_status move_runs(struct vs_db *db)
{
    enum vs_status s = vs_db_exec(db, find_same);
    s = s ? s : vs_db_exec(db, move_all);
    for (size_t i = 0; !s && i < sizeof run_tables / sizeof run_tables[0]; i++) {
        char *sql = sqlite3_mprintf(
            "CREATE TEMP TABLE moved AS SELECT t.* FROM other.%s t WHERE t.run IN (SELECT old FROM "
            "renum WHERE fresh);"
            "UPDATE moved SET run = (SELECT new FROM renum WHERE old = moved.run);"
            "%s INSERT INTO main.%s SELECT * FROM moved; DROP TABLE temp.moved",
            run_tables[i],
            /* the twin of a ratio is a run, too; 0 = none */
            sqlite3_stricmp(run_tables[i], "comparison")
                ? ""
                : "UPDATE moved SET base_run = coalesce((SELECT new FROM renum WHERE old = "
                  "moved.base_run), 0);",
            run_tables[i]);
        s = sql ? vs_db_exec(db, sql) : VS_E_NOMEM;
        sqlite3_free(sql);
    }
    return s ? s : vs_db_exec(db, "DROP TABLE temp.renum; DROP TABLE temp.known; COMMIT");
}

/* Merges one other database into this one. */
static enum vs_status merge(struct vs_db *db, const char *other)
{
    struct vs_db *from = NULL;
    char err[5200];
    if (vs_db_same(db->path, other)) { /* it would wait for its own lock */
        snprintf(db->error, sizeof db->error, "%s: cannot be merged into itself", other);
        return VS_E_INPUT;
    }
    enum vs_status s = vs__db_make(db);
    if (s) {
        return s;
    }
    s = vs_db_open(other, false, &from, err, sizeof err);
    if (s) {
        snprintf(db->error, sizeof db->error, "%.*s", (int)sizeof db->error - 1, err);
        return s;
    }
    int64_t version = from->version;
    vs_db_close(from);
    if (version != VS_DB_SCHEMA_VERSION) {
        snprintf(db->error, sizeof db->error,
                 "%.3000s: schema version %lld cannot be merged: 'virtsim db upgrade' makes a new "
                 "database of it first",
                 other, (long long)version);
        return VS_E_INPUT;
    }
    char name[sizeof db->path + 2];
    vs__db_file_name(other, name, sizeof name);
    char *sql = sqlite3_mprintf("ATTACH %Q AS other", name);
    s = sql ? vs_db_exec(db, sql) : VS_E_NOMEM;
    sqlite3_free(sql);
    if (s) {
        return s;
    }
    /* IMMEDIATE would begin to write in the other one, too: a commit in two files, which has a
     * third one beside them that a kill leaves behind */
    s = vs_db_exec(db, "BEGIN; DELETE FROM main.run WHERE run < 0");
    s = s ? s : refuse_other_sweep(db, other);
    s = s ? s : move_runs(db);
    if (s) {
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_exec(db->sql, "DETACH other", NULL, NULL, NULL);
    return s;
}

enum vs_status vs_db_merge(struct vs_db *db, const char *other)
{
    vs_ending_hold(NULL);
    enum vs_status s = merge(db, other);
    if (!s) {
        vs__db_keep(db);
    }
    vs_ending_release();
    return s;
}
