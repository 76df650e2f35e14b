/* SPDX-License-Identifier: MIT */
/*
 * Databases of an older schema: all their rows, under today's names, in a new one. The names that
 * changed are a table (renames.h), so that nothing here knows any of them.
 */
#include "db_impl.h"

#include "virtsim/leftover.h"
#include "renames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct vs_rename *(*renames_of)(size_t *n, struct vs_errors *errors);

void vs_db_renamed_by(const struct vs_rename *(*renames)(size_t *n, struct vs_errors *errors))
{
    renames_of = renames;
}

/* The name of `column` in run t.run now. */
#define NOW(kind, column)                                                                          \
    "coalesce((SELECT r.new FROM temp.renamed r WHERE r.run = t.run AND r.kind = '" kind           \
    "' AND r.old = " column "), " column ")"
#define ACTOR NOW("actor", "t.actor")
#define OP NOW("op", "t.op")
#define ACCOUNT NOW("account", "t.account")
#define KNOB NOW("knob", "t.path")
#define COUNTER                                                                                    \
    "CASE WHEN t.name LIKE 'open_ops.%' THEN 'open_ops.' || " NOW(                                 \
        "op", "substr(t.name, 10)") " ELSE " NOW("counter", "t.name") " END"

/* Tables that came with a schema after the oldest one, from a database that has them: as they are,
 * for of all that is renamed their rows name knobs alone. */
static const struct {
    int64_t since; /* version of the schema */
    const char *sql;
} newer[] = {
    {3, "INSERT OR IGNORE INTO main.run_option SELECT * FROM old.run_option"},
    {4, "INSERT OR IGNORE INTO main.evidence_group SELECT t.run, t.name, " KNOB
        ", t.source, t.evidence FROM old.evidence_group t"},
    {5, "INSERT INTO main.site SELECT * FROM old.site"},
    {7, "INSERT OR IGNORE INTO main.note SELECT * FROM old.note"},
    {8, "INSERT INTO main.recorded_exit SELECT * FROM old.recorded_exit"},
    {9, "INSERT INTO main.fact SELECT * FROM old.fact"},
};

/* How each table of a run is taken over; claims come as they are. Names that were put together are
 * one row: what they count is added up. */
static const char *const take[] = {
    "INSERT INTO main.run SELECT t.run, t.command, " NOW(
        "workload",
        "t.workload") ", t.input_hash,"
                      " t.trace_format, " NOW("machine",
                                              "t.machine") ", t.seed, t.roi_ps, t.end_ps, t.point"
                                                           " FROM old.run t",
    "INSERT INTO main.provenance SELECT t.* FROM old.provenance t WHERE t.key <> 'options'",
    /* provenance had what is an option now as words "warmup=0 skip=5" */
    "INSERT OR IGNORE INTO main.run_option"
    " WITH RECURSIVE w(run, word, rest) AS (SELECT run, '', value || ' ' FROM old.provenance WHERE"
    " key = 'options' UNION ALL SELECT run, substr(rest, 1, instr(rest, ' ') - 1), substr(rest,"
    " instr(rest, ' ') + 1) FROM w WHERE rest <> '')"
    " SELECT run, substr(word, 1, instr(word, '=') - 1), substr(word, instr(word, '=') + 1) FROM w"
    " WHERE instr(word, '=') > 0 AND substr(word, instr(word, '=') + 1) NOT IN ('0', '')",
    /* of replays, only the command line told these */
    "INSERT OR IGNORE INTO main.run_option SELECT run, 'warmup', substr(rest, 1, instr(rest || ' ',"
    " ' ') - 1) FROM (SELECT run, substr(value, instr(value, '--warmup') + 9) AS rest FROM"
    " old.provenance WHERE key = 'argv' AND instr(value, ' --warmup') > 0)",
    "INSERT OR IGNORE INTO main.run_option SELECT run, 'record', 'vst' FROM old.provenance WHERE"
    " key = 'argv' AND instr(value, ' --record') > 0",
    "INSERT OR IGNORE INTO main.run_option SELECT run, 'roi', 'warmup' FROM main.run_option WHERE"
    " option = 'warmup'",
    "INSERT OR IGNORE INTO main.run_option SELECT run, 'roi', 'mark' FROM main.run WHERE roi_ps > "
    "0",
    "INSERT OR IGNORE INTO main.knob_own SELECT t.run, " KNOB " AS now,"
    " CASE WHEN count(*) > 1 AND max(t.path = " KNOB ") = 0 THEN CAST(sum(t.value) AS INTEGER)"
    " ELSE t.value END, t.unit, t.source, t.evidence, t.set_by FROM old.knob t WHERE now <> ''"
    " GROUP BY t.run, now",
    "INSERT INTO main.op SELECT t.run, " ACTOR " AS a, " OP " AS o, sum(t.n), sum(t.total_ps),"
    " coalesce(min(CASE WHEN t.n > 0 THEN t.min_ps END), 0), max(t.max_ps), max(t.p50_ps),"
    " max(t.p90_ps), max(t.p99_ps) FROM old.op t GROUP BY t.run, a, o",
    "INSERT INTO main.part SELECT t.run, " ACTOR " AS a, " OP " AS o, " ACCOUNT " AS c, t.kind,"
    " sum(t.n), sum(t.total_ps) FROM old.part t GROUP BY t.run, a, o, c, t.kind",
    "INSERT INTO main.child SELECT t.run, " ACTOR " AS a, " OP
    " AS o, " NOW("actor", "t.child_actor") " AS ca, " NOW(
        "op", "t.child") " AS co, sum(t.n),"
                         " sum(t.total_ps) FROM old.child t GROUP BY t.run, a, o, ca, co",
    "INSERT INTO main.counter SELECT t.run, " ACTOR " AS a, " COUNTER " AS c, sum(t.value),"
    " max(t.unit) FROM old.counter t GROUP BY t.run, a, c HAVING c <> ''",
    "INSERT INTO main.histogram SELECT t.run, " ACTOR " AS a, " OP " AS o, t.low_ps, sum(t.n)"
    " FROM old.histogram t GROUP BY t.run, a, o, t.low_ps",
    "INSERT INTO main.epoch SELECT t.run, t.epoch, max(t.end_ps), " ACTOR " AS a, " COUNTER
    " AS c, sum(t.value) FROM old.epoch t GROUP BY t.run, t.epoch, a, c HAVING c <> ''",
    "INSERT OR IGNORE INTO main.span SELECT t.run, " ACTOR ", " OP ", t.ordinal, t.start_ps,"
    " t.total_ps FROM old.span t",
    "INSERT OR IGNORE INTO main.charge SELECT t.run, " ACTOR ", " OP ", t.ordinal, t.seq, " ACCOUNT
    ", t.start_ps, t.ps FROM old.charge t",
    "INSERT INTO main.claim SELECT * FROM old.claim",
    "INSERT INTO main.literature SELECT * FROM old.literature",
    "INSERT INTO main.comparison SELECT * FROM old.comparison",
    /* quantiles of operations that were put together: from their durations, to a bucket's width */
    "UPDATE main.op SET (p50_ps, p90_ps, p99_ps) = (SELECT min(CASE WHEN upto >= 0.5 * op.n THEN"
    " low_ps END), min(CASE WHEN upto >= 0.9 * op.n THEN low_ps END), min(CASE WHEN upto >= 0.99 *"
    " op.n THEN low_ps END) FROM (SELECT h.low_ps, sum(h.n) OVER (ORDER BY h.low_ps) AS upto FROM"
    " main.histogram h WHERE h.run = op.run AND h.actor = op.actor AND h.op = op.op)) WHERE op.n >"
    " 0 AND (run, actor, op) IN (SELECT t.run, " ACTOR " AS a, " OP " AS o FROM old.op t GROUP BY"
    " t.run, a, o HAVING count(*) > 1)",
};

/* " AND EXISTS (...)" for each word PATH=VALUE; NULL: no memory. */
static char *condition(const char *where)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (const char *at = where; *at;) {
        size_t word = strcspn(at, " "), path = strcspn(at, "=");
        if (word && path < word) {
            sqlite3_str_appendf(text,
                                " AND EXISTS (SELECT 1 FROM old.knob k WHERE k.run = r.run AND "
                                "k.path = '%.*q' AND k.value = '%.*q')",
                                (int)path, at, (int)(word - path - 1), at + path + 1);
        }
        at += word + (at[word] == ' ');
    }
    sqlite3_str_appendf(text, " ");
    return sqlite3_str_finish(text);
}

/* Loads one renaming; without a new name only knobs and counters go. */
static enum vs_status load_rename(struct vs_db *db, const struct vs_rename *r)
{
    bool gone = !*r->new &&strcmp(r->kind, "knob") != 0 && strcmp(r->kind, "counter") != 0;
    if (!*r->old || gone) {
        return VS_OK; /* times are kept, under the name that they were booked by */
    }
    char *where = condition(r->where);
    char *sql = where ? sqlite3_mprintf("INSERT OR IGNORE INTO temp.renamed SELECT r.run, %Q, %Q, "
                                        "%Q FROM old.run r WHERE 1%s",
                                        r->kind, r->old, r->new, where)
                      : NULL;
    enum vs_status s = VS_E_NOMEM;
    if (sql) {
        s = sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK
                ? VS_OK
                : vs__db_fail(db, "cannot read");
    }
    sqlite3_free(sql);
    sqlite3_free(where);
    return s;
}

/* temp.renamed: what is called otherwise now, run by run: where a rename holds depends on its
 * knobs. */
static enum vs_status load_renames(struct vs_db *db)
{
    struct vs_errors errors = {NULL, 0};
    size_t n = 0;
    const struct vs_rename *r = renames_of ? renames_of(&n, &errors) : NULL;
    enum vs_status s = VS_OK;
    if (errors.n) {
        snprintf(db->error, sizeof db->error, "%s: cannot be read with today's names: %.800s",
                 db->path, errors.text[0]);
        s = VS_E_INPUT;
    }
    vs_errors_free(&errors);
    s = s ? s
          : vs_db_exec(db, "CREATE TEMP TABLE renamed (run INTEGER, kind TEXT, old TEXT, new TEXT,"
                           " PRIMARY KEY (run, kind, old)) WITHOUT ROWID");
    for (size_t i = 0; !s && i < n; i++) {
        s = load_rename(db, &r[i]);
    }
    /* what a later row renamed again */
    static const char again[] =
        "UPDATE temp.renamed SET new = (SELECT l.new FROM temp.renamed l WHERE l.run = renamed.run"
        " AND l.kind = renamed.kind AND l.old = renamed.new) WHERE EXISTS (SELECT 1 FROM"
        " temp.renamed l WHERE l.run = renamed.run AND l.kind = renamed.kind AND l.old ="
        " renamed.new AND l.new <> renamed.old)";
    return s ? s : vs_db_exec(db, again);
}

/* The rows of the attached database "old". */
static enum vs_status take_over(struct vs_db *db)
{
    enum vs_status s = vs_db_exec(db, "BEGIN");
    s = s ? s : vs__db_schema(db);
    s = s ? s : load_renames(db);
    for (size_t i = 0; !s && i < sizeof take / sizeof *take; i++) {
        if (sqlite3_exec(db->sql, take[i], NULL, NULL, NULL) != SQLITE_OK) {
            s = vs__db_fail(db, "cannot read");
        }
    }
    for (size_t i = 0; !s && i < sizeof newer / sizeof *newer; i++) {
        s = db->version < newer[i].since ? VS_OK : vs_db_exec(db, newer[i].sql);
    }
    return s ? s : vs_db_exec(db, "DROP TABLE temp.renamed; COMMIT; DETACH old");
}

enum vs_status vs__db_convert(struct vs_db *db)
{
    char name[sizeof db->path + 2];
    vs__db_file_name(db->path, name, sizeof name);
    sqlite3_close(db->sql);
    db->sql = NULL;
    if (sqlite3_open("", &db->sql) != SQLITE_OK) { /* on disk, nobody else's, gone when closed */
        return vs__db_fail(db, "cannot open a database for reading an older one");
    }
    char *sql = sqlite3_mprintf("ATTACH %Q AS old", name);
    enum vs_status s = sql ? vs_db_exec(db, sql) : VS_E_NOMEM;
    sqlite3_free(sql);
    return s ? s : take_over(db);
}

/* Writes the upgraded database to a new file, which goes again if that fails. */
static enum vs_status write_into(struct vs_db *db, const char *out)
{
    char name[sizeof db->path + 2], journal[sizeof name + 16];
    vs__db_file_name(out, name, sizeof name);
    snprintf(journal, sizeof journal, "%s-journal", name);
    bool noted = vs_leftover(name) && vs_leftover(journal);
    char *sql = noted ? sqlite3_mprintf("VACUUM INTO %Q", name) : NULL;
    enum vs_status s = sql ? VS_OK : VS_E_NOMEM;
    if (sql && sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK) {
        snprintf(db->path, sizeof db->path, "%s", out);
        s = vs__db_fail(db, "cannot write");
    }
    sqlite3_free(sql);
    if (s) {
        (void)unlink(name);
        (void)unlink(journal);
    }
    vs_leftover_done(journal);
    vs_leftover_done(name);
    return s;
}

enum vs_status vs_db_upgrade(const char *in, const char *out, char *err, size_t err_bytes)
{
    struct vs_db *db = NULL;
    struct stat there;
    if (!*out || !stat(out, &there)) {
        snprintf(err, err_bytes, "%s: exists already; give the name of a new file",
                 *out ? out : "''");
        return VS_E_INPUT;
    }
    enum vs_status s = vs_db_open(in, false, &db, err, err_bytes);
    if (s) {
        return s == VS_E_IO ? VS_E_INPUT : s;
    }
    if (db->version == VS_DB_SCHEMA_VERSION) {
        snprintf(err, err_bytes, "%s: is of the newest schema, version %d, already", in,
                 VS_DB_SCHEMA_VERSION);
        s = VS_E_INPUT;
    } else if ((s = write_into(db, out))) {
        snprintf(err, err_bytes, "%s", db->error);
    }
    vs_db_close(db);
    return s;
}
