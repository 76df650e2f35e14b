/* SPDX-License-Identifier: MIT */
/* Opening, reading and comparing a results database. What is in a new one is in db_schema.c,
 * checking in db_check.c, writing a run in db_store.c, merging in db_merge.c. */
#include "db_impl.h"

#include "virtsim/ending.h"
#include "virtsim/leftover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

/* How long another process may keep it locked: before a run, and when there is one to store. */
#define LOCKED_MS 5000
#define LOCKED_STORE_MS 30000

enum vs_status vs__db_fail(struct vs_db *db, const char *doing)
{
    int code = sqlite3_extended_errcode(db->sql);
    const char *hint = "", *what = sqlite3_errmsg(db->sql);
    char locked[160];
    switch (code & 0xff) {
    case SQLITE_FULL:
        hint = "; the disk is full: free space or give another --db";
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        hint = "; the file or its folder cannot be written: give another --db";
        break;
    case SQLITE_BUSY:
        vs__db_locked(db, locked, sizeof locked);
        what = locked;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        hint = "; 'virtsim db check' says more";
        break;
    default:
        break;
    }
    snprintf(db->error, sizeof db->error, "%s: %s: %s%s", db->path, doing, what, hint);
    return VS_E_IO;
}

enum vs_status vs_db_failed(struct vs_db *db, const char *doing)
{
    return vs__db_fail(db, doing);
}

enum vs_status vs_db_conflict(struct vs_db *db, const char *why)
{
    snprintf(db->error, sizeof db->error, "%s", why);
    return VS_E_IO;
}

enum vs_status vs_db_exec(struct vs_db *db, const char *sql)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK
               ? VS_OK
               : vs__db_fail(db, "cannot write");
}

/* Reads one number; a file that is no database is named as such. */
static enum vs_status pragma_number(struct vs_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    enum vs_status s = VS_OK;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW) {
        bool other = (sqlite3_errcode(db->sql) & 0xff) == SQLITE_NOTADB;
        s = vs__db_fail(db, other ? "not a virtsim database" : "cannot read");
    } else {
        *out = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return s;
}

/* Makes tables and views, unless somebody else did since we looked. */
static enum vs_status make_schema(struct vs_db *db)
{
    /* somebody else may have made it since: look again under the lock */
    enum vs_status s = vs_db_exec(db, "BEGIN IMMEDIATE");
    int64_t version = 0;
    if (s || (s = pragma_number(db, "PRAGMA user_version", &version))) {
        return s;
    }
    if (!version) {
        s = vs__db_schema(db);
    }
    if (s) {
        char kept[sizeof db->error];
        memcpy(kept, db->error, sizeof kept);
        vs_db_exec(db, "ROLLBACK");
        memcpy(db->error, kept, sizeof kept);
        return s;
    }
    return vs_db_exec(db, "COMMIT");
}

/* Refuses databases of other programs and of versions this one doesn't know. */
static enum vs_status check_version(struct vs_db *db, bool create)
{
    int64_t version = 0, tables = 0;
    enum vs_status s = pragma_number(db, "PRAGMA user_version", &version);
    if (!s) {
        s = pragma_number(db, "SELECT count(*) FROM sqlite_master", &tables);
    }
    if (s) {
        return s;
    }
    if (!version && !tables && create) {
        /* before there is anything in it: a row that explains a knob has some 250 bytes, and every
         * fifteenth divided a page of the usual 4 KiB, a fifth of what storing cost */
        sqlite3_exec(db->sql, "PRAGMA page_size = 8192", NULL, NULL, NULL);
        db->version = VS_DB_SCHEMA_VERSION;
        return make_schema(db);
    }
    db->version = version;
    if (version >= VS_DB_SCHEMA_OLDEST && version < VS_DB_SCHEMA_VERSION && tables) {
        if (!create) {
            return vs__db_convert(db);
        }
        snprintf(db->error, sizeof db->error,
                 "%s: schema version %lld is only read, this program writes version %d: "
                 "'virtsim db upgrade OLD NEW' makes a new database of it, or give another --db",
                 db->path, (long long)version, VS_DB_SCHEMA_VERSION);
        return VS_E_INPUT;
    }
    if (version != VS_DB_SCHEMA_VERSION) {
        snprintf(db->error, sizeof db->error,
                 version || !tables ? "%s: schema version %lld, this program reads versions %d to "
                                      "%d; give another --db"
                                    : "%s: a database of another program (user_version %lld, "
                                      "expected %d to %d); give another --db",
                 db->path, (long long)version, VS_DB_SCHEMA_OLDEST, VS_DB_SCHEMA_VERSION);
        return VS_E_INPUT;
    }
    return VS_OK;
}

/* SQLite opens what it may only read without a word, and notices a folder without room for its
 * journal at the first page it changes: write the header again, and take it back. */
static enum vs_status check_writable(struct vs_db *db)
{
    char sql[80];
    if (sqlite3_db_readonly(db->sql, "main") == 1) {
        snprintf(db->error, sizeof db->error, "%s: the file cannot be written: give another --db",
                 db->path);
        return VS_E_IO;
    }
    snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; PRAGMA user_version = %d", VS_DB_SCHEMA_VERSION);
    enum vs_status s = vs_db_exec(db, sql);
    /* room may be made while the run goes on: storing it says whether there is */
    s = s && sqlite3_errcode(db->sql) == SQLITE_FULL ? VS_OK : s;
    sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    return s;
}

/* The folder, if only that is missing; failing is reported by opening the file. */
static void make_parent(struct vs_db *db)
{
    const char *slash = strrchr(db->path, '/');
    if (slash && slash != db->path) {
        char dir[sizeof db->folder];
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - db->path), db->path);
        vs_ending_hold(NULL);
        if (!mkdir(dir, 0777) && vs_leftover(dir)) {
            memcpy(db->folder, dir, sizeof dir);
        }
        vs_ending_release();
    }
}

void vs__db_file_name(const char *path, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s%s", strncmp(path, "file:", 5) ? "" : "./", path);
}

/* What SQLite keeps beside a file while it writes. */
static const char *const beside[] = {"", "-journal", "-wal", "-shm"};

/* Tells a note of the database's file and of those SQLite keeps beside it. */
static void note_files(const struct vs_db *db, bool (*note)(const char *path))
{
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        char path[sizeof db->path + 16];
        snprintf(path, sizeof path, "%s%s", db->path, beside[i]);
        (void)note(path);
    }
}

/* Takes a file off the list of what a signal has to remove. */
static bool forget(const char *path)
{
    vs_leftover_done(path);
    return true;
}

/* Removes a file. */
static bool erase(const char *path)
{
    return !unlink(path);
}

void vs__db_keep(struct vs_db *db)
{
    if (db->made) {
        note_files(db, forget);
        if (*db->folder) {
            vs_leftover_done(db->folder);
        }
        db->made = false;
    }
}

/* Closed already: a new file that got no run goes again, with the folder that was made for it. */
static void unmake(struct vs_db *db)
{
    if (db->made) {
        note_files(db, erase);
        if (*db->folder) {
            (void)rmdir(db->folder);
        }
        vs__db_keep(db);
    }
}

/* Somebody else's run may have been stored in it meanwhile. */
static bool has_run(struct vs_db *db)
{
    sqlite3_stmt *st = NULL;
    bool any =
        db->sql &&
        sqlite3_prepare_v2(db->sql, "SELECT 1 FROM run LIMIT 1", -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW;
    sqlite3_finalize(st);
    return any;
}

/* Ends what is prepared: before the connection is closed. */
static void finish(struct vs_db *db)
{
    sqlite3_finalize(db->insert_run);
    db->insert_run = NULL;
    for (size_t i = 0; i < VS_DB_RUN_TABLES; i++) {
        vs__rows_free(&db->rows[i]);
    }
    db->rows_known = false;
    db->dictionary = 0;
}

/* Closes the database, and removes one that was made but got no run. */
static void close_file(struct vs_db *db)
{
    bool keep = !db->made || has_run(db);
    finish(db);
    sqlite3_close(db->sql);
    db->sql = NULL;
    if (keep) {
        vs__db_keep(db);
    }
    unmake(db);
}

static void (*waits_by)(void);

void vs_db_waits_by(void (*waits)(void))
{
    waits_by = waits;
}

/* Lets SQLite go on, after a look at whether the process is to end. */
static int go_on(void *ctx)
{
    (void)ctx;
    waits_by();
    return 0;
}

/* Opens the file of db->path, or makes it (create); closed again by vs_db_close. */
static enum vs_status open_file(struct vs_db *db, bool create)
{
    if (create && strcmp(db->path, ":memory:") != 0) {
        struct stat st;
        db->made = stat(db->path, &st) != 0;
        if (db->made) {
            make_parent(db);
            note_files(db, vs_leftover);
            (void)vs__db_image_file(db->path);
        }
    }
    int flags = create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    char name[sizeof db->path + 2];
    vs__db_file_name(db->path, name, sizeof name);
    /* One thread, and nobody reads SQLite's own counts of memory: no locks for either. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &vs__db_memory);
    if (sqlite3_open_v2(name, &db->sql, flags, NULL) != SQLITE_OK) {
        return vs__db_fail(db, "cannot open");
    }
    /* then there is nothing to look at */
    bool image = !strcmp(db->path, ":memory:") && vs__db_image_memory(db->sql);
    vs__db_patience(db, LOCKED_MS);
    if (waits_by) {
        sqlite3_progress_handler(db->sql, 5000000, go_on, NULL);
    }
    db->version = VS_DB_SCHEMA_VERSION;
    enum vs_status s = image ? VS_OK : check_version(db, create);
    if (!s && create && !image) {
        s = check_writable(db);
        if (!s) {
            vs__db_views(db);
        }
    }
    /* what was deleted is no secret: Debian's SQLite would write zeros over every free byte */
    s = s ? s : vs_db_exec(db, "PRAGMA foreign_keys = ON; PRAGMA secure_delete = OFF");
    /* a transaction that outgrows its memory would have to wait for readers before its end, where a
     * signal finds it half done: of a sweep, all that it was about to store was lost */
    s = s || !create || image ? s : vs_db_exec(db, "PRAGMA cache_size = -65536");
    vs__db_patience(db, LOCKED_STORE_MS);
    return s;
}

/* A handle without a file. */
static struct vs_db *create_handle(const char *path, char *err, size_t err_bytes)
{
    struct vs_db *db = calloc(1, sizeof *db);
    if (!db) {
        snprintf(err, err_bytes, "%s: out of memory", path);
        return NULL;
    }
    snprintf(db->path, sizeof db->path, "%s", path);
    return db;
}

enum vs_status vs_db_open(const char *path, bool create, struct vs_db **out, char *err,
                          size_t err_bytes)
{
    *out = NULL;
    struct vs_db *db = create_handle(path, err, err_bytes);
    if (!db) {
        return VS_E_NOMEM;
    }
    struct stat st;
    bool exists = stat(path, &st) == 0;
    enum vs_status s = VS_OK;
    if (!*path) {
        snprintf(db->error, sizeof db->error, "a database needs a name: give one with --db FILE");
        s = VS_E_INPUT;
    } else if (!exists && !create) {
        snprintf(db->error, sizeof db->error,
                 "%s: no such database; 'virtsim run' and 'virtsim replay' make one", path);
        s = VS_E_INPUT;
    } else if (exists && S_ISDIR(st.st_mode)) {
        snprintf(db->error, sizeof db->error, "%s: is a folder; give the name of a file", path);
        s = VS_E_INPUT;
    } else {
        s = open_file(db, create);
    }
    if (s) {
        snprintf(err, err_bytes, "%s", db->error);
        vs_db_close(db);
        return s;
    }
    *out = db;
    return VS_OK;
}

/* Cuts a path down to the folder it is in. */
static void parent_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash) {
        slash[slash == path] = 0;
    } else {
        snprintf(path, 2, ".");
    }
}

/* The folder of a file that is not there, or the one that this folder would be made in. */
static enum vs_status look_at_folder(const char *path, char *err, size_t err_bytes)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s", path);
    if (access(path, F_OK) != 0 && errno != ENOENT) { /* not a folder, too long a name */
        snprintf(err, err_bytes, "%s: cannot open: %s; give another --db", path, strerror(errno));
        return VS_E_IO;
    }
    for (int level = 0; level < 2 && access(dir, F_OK) != 0; level++) {
        parent_of(dir);
    }
    if (access(dir, W_OK | X_OK) == 0) {
        return VS_OK;
    }
    snprintf(err, err_bytes, "%s: cannot open: %s: %s; give another --db", path, dir,
             strerror(errno));
    return VS_E_IO;
}

enum vs_status vs_db_look(const char *path, char *err, size_t err_bytes)
{
    struct stat st;
    struct vs_db *db = NULL;
    if (*path && stat(path, &st) != 0) {
        return look_at_folder(path, err, err_bytes);
    }
    if (*path && S_ISREG(st.st_mode) && !st.st_size) {
        return VS_OK; /* an empty file becomes a database */
    }
    enum vs_status s = vs_db_open(path, false, &db, err, err_bytes);
    if (!s && (s = check_writable(db))) {
        snprintf(err, err_bytes, "%s", db->error);
    }
    vs_db_close(db);
    return s;
}

enum vs_status vs_db_open_later(const char *path, struct vs_db **out, char *err, size_t err_bytes)
{
    struct stat st;
    if (!*path || stat(path, &st) == 0) {
        return vs_db_open(path, true, out, err, err_bytes);
    }
    *out = NULL;
    enum vs_status s = look_at_folder(path, err, err_bytes);
    s = s ? s : vs_db_open(":memory:", true, out, err, err_bytes);
    if (!s) {
        snprintf((*out)->path, sizeof(*out)->path, "%s", path);
        (*out)->later = true;
    }
    return s;
}

enum vs_status vs__db_make(struct vs_db *db)
{
    if (!db->later) {
        return VS_OK;
    }
    finish(db);
    sqlite3_close(db->sql);
    db->sql = NULL;
    db->later = false;
    return open_file(db, true);
}

void vs_db_close(struct vs_db *db)
{
    if (db) {
        close_file(db);
        free(db);
    }
}

const char *vs_db_error(const struct vs_db *db)
{
    return db->error;
}

sqlite3 *vs_db_handle(struct vs_db *db)
{
    return db->sql;
}

sqlite3_stmt *vs_db_query(struct vs_db *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK && !db->unread) {
        db->unread = vs__db_fail(db, "cannot read");
    }
    return st;
}

bool vs_db_row(struct vs_db *db, sqlite3_stmt *st)
{
    int rc = st ? sqlite3_step(st) : SQLITE_DONE;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && !db->unread) {
        db->unread = vs__db_fail(db, "cannot read");
    }
    return rc == SQLITE_ROW;
}

enum vs_status vs_db_unread(const struct vs_db *db)
{
    return db->unread;
}

enum vs_status vs_db_number(struct vs_db *db, const char *sql, int64_t run, int64_t base,
                            double *out, bool *found)
{
    return vs_db_number_of(db, sql, (const int64_t[]){run, base}, 2, out, found);
}

enum vs_status vs_db_number_of(struct vs_db *db, const char *sql, const int64_t *runs, size_t n,
                               double *out, bool *found)
{
    sqlite3_stmt *st = NULL;
    *found = false;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK) {
        return vs__db_fail(db, "bad query");
    }
    static const char *const name[VS_DB_RUNS] = {":run", ":base", ":base2", ":base3"};
    for (size_t i = 0; i < n && i < VS_DB_RUNS; i++) {
        int at = sqlite3_bind_parameter_index(st, name[i]);
        if (at) {
            sqlite3_bind_int64(st, at, runs[i]);
        }
    }
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL) {
        *out = sqlite3_column_double(st, 0);
        *found = true;
    }
    enum vs_status s =
        rc == SQLITE_ROW || rc == SQLITE_DONE ? VS_OK : vs__db_fail(db, "query failed");
    db->unread = db->unread ? db->unread : s;
    sqlite3_finalize(st);
    return s;
}

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
