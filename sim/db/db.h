/* SPDX-License-Identifier: MIT */
/*
 * The results database (schema.sql). A run is stored in one transaction: after a kill the file
 * holds whole runs only. Functions return VS_OK or a status, with one clear message in
 * vs_db_error().
 */
#ifndef VIRTSIM_SIM_DB_H
#define VIRTSIM_SIM_DB_H

#include "virtsim/evidence.h"
#include "virtsim/fact.h"
#include "virtsim/knob.h"
#include "virtsim/ledger.h"
#include "virtsim/status.h"

#include <sqlite3.h>

#define VS_DB_SCHEMA_VERSION 10
#define VS_DB_SCHEMA_OLDEST 2 /* that is read, and brought up to date */

struct vs_db;

/* What a run is made from; strings are copied into the row. */
struct vs_run_info {
    const char *command; /* run | replay */
    const char *workload;
    const char *input_hash;
    const char *trace_format; /* "" for a script */
    const char *machine;
    const char *point; /* "" or what a sweep varied */
    uint64_t seed, roi_ps, end_ps;
};

/* An option of the request that is no knob and was asked for. */
struct vs_run_option {
    char option[24], value[512];
};

/* A knob as its row has it; `text` holds a number. */
struct vs_knob_row {
    const char *path, *value, *unit, *source, *evidence, *set_by;
    char text[64];
};

struct vs_provenance {
    const char *key, *value;
};

/* One counter's growth within one epoch of simulated time. */
struct vs_epoch_row {
    uint64_t epoch, end_ps, value;
    uint16_t actor_index; /* into the ledger's actors */
    const struct vs_counter_desc *counter;
};

/* A moment the guest named: when it first came, since the start of the run, and how often. */
struct vs_mark_row {
    const char *name;
    uint64_t first_ps, n;
    uint16_t actor_index; /* into the ledger's actors */
};

/* What a trace of exits recorded of one reason on one vCPU; times of its pairs. */
struct vs_exit_row {
    char actor[40], reason[40];
    const char *op;
    int64_t thread, vcpu;
    uint64_t n, pairs, total_ps, min_ps, max_ps;
};

/* Everything of one finished run. */
struct vs_run_record {
    struct vs_run_info info;
    const struct vs_run_option *options;
    size_t n_options;
    const struct vs_knobs *knobs;
    const struct vs_group *groups; /* of the machine; those that no longer hold are not stored */
    size_t n_groups;
    const struct vs_fact *facts;
    size_t n_facts;
    const struct vs_ledger *ledger;
    const struct vs_provenance *provenance;
    size_t n_provenance;
    const struct vs_epoch_row *epochs;
    size_t n_epochs;
    const struct vs_mark_row *marks;
    size_t n_marks;
    const struct vs_exit_row *exits;
    size_t n_exits;
};

/* Opens or (if create) makes a database; its folder is made when only the last component is
 * missing. A file that is no database, of another schema version, or that is to be written (create)
 * and cannot be, is refused untouched. One of an older schema is read as if vs_db_upgrade had made
 * a new one of it. A file that was made and got no run is removed again. ":memory:" keeps one for
 * this process only. */
enum vs_status vs_db_open(const char *path, bool create, struct vs_db **out, char *err,
                          size_t err_bytes);
/* The same to write, but a database that is not there is made when its first run is stored: a run
 * that fails leaves none. Refuses what one sees before. */
enum vs_status vs_db_open_later(const char *path, struct vs_db **out, char *err, size_t err_bytes);
/* What opening it to write would be refused for, as far as one sees without making anything: for a
 * request that has other mistakes. */
enum vs_status vs_db_look(const char *path, char *err, size_t err_bytes);
void vs_db_close(struct vs_db *db);
const char *vs_db_error(const struct vs_db *db);
sqlite3 *vs_db_handle(struct vs_db *db);

void vs_db_knob(const struct vs_knob *knob, struct vs_knob_row *row);
enum vs_status vs_db_store(struct vs_db *db, const struct vs_run_record *r, int64_t *run);
/* Stores what is declared of these knobs, as the first run that has them would do. */
enum vs_status vs_db_declare(struct vs_db *db, const struct vs_knobs *knobs);

/* A run's rows as bytes, for another process of this program to store: what vs_db_store would have
 * stored itself. The caller frees `at`. */
struct vs_bytes {
    unsigned char *at;
    size_t n, room;
};
enum vs_status vs_db_pack(const struct vs_run_record *r, struct vs_bytes *out);
/* One transaction around any number of packed runs and notes: begin, unpack..., end. `so_far` that
 * is a failure, or a signal meanwhile, takes all of it back. */
enum vs_status vs_db_begin(struct vs_db *db);
enum vs_status vs_db_unpack(struct vs_db *db, const struct vs_bytes *b, int64_t *run);
enum vs_status vs_db_end(struct vs_db *db, enum vs_status so_far);
/* A point of a curve of a stored run, as its row has it. */
struct vs_curve_point {
    const char *structure, *method;
    uint64_t sets, ways, hits, misses;
};
enum vs_status vs_db_curve(struct vs_db *db, int64_t run, const struct vs_curve_point *point,
                           size_t n);
/* Appends all runs of another database, renumbered, with their comparisons, in one transaction;
 * claims and literature that are not there yet, too. A point of a sweep that is there, made by the
 * same build, is not added again. A database is not merged into itself, nor one that has another
 * sweep of a name that is there: VS_E_INPUT. */
enum vs_status vs_db_merge(struct vs_db *db, const char *other);
/* Writes a database of an older schema as one of the newest into a file that is not there yet. */
enum vs_status vs_db_upgrade(const char *in, const char *out, char *err, size_t err_bytes);
/* Where names that changed are found, for reading databases of before: rows of the table, NULL and
 * a message when there is none. */
struct vs_rename;
void vs_db_renamed_by(const struct vs_rename *(*renames)(size_t *n, struct vs_errors *errors));
/* Whom long statements tell, now and then, that they go on; NULL: nobody. */
void vs_db_waits_by(void (*waits)(void));
/* Whom to tell, once, that a database is waited for, since process `pid` (0: it is not known which)
 * keeps it locked, and for at most how long; NULL: nobody. */
void vs_db_locked_by(void (*locked)(const char *path, long pid, int ms));
/* Both name the same existing file. */
bool vs_db_same(const char *a, const char *b);
/* XXH64 over every table but provenance, in primary-key order. */
enum vs_status vs_db_digest(struct vs_db *db, uint64_t *digest);
/* Integrity, foreign keys, schema version, unbalanced rows; lines go to `report`. */
enum vs_status vs_db_check(struct vs_db *db, void (*report)(void *ctx, const char *line),
                           void *ctx);

/* "what was being done: why SQLite failed" becomes vs_db_error(): for who prepares statements of
 * its own. VS_E_IO. */
enum vs_status vs_db_failed(struct vs_db *db, const char *doing);
/* What others have stored leaves no place for what is to be stored: `why` becomes vs_db_error().
 * VS_E_IO. */
enum vs_status vs_db_conflict(struct vs_db *db, const char *why);
/* Plain SQL within the caller's needs (compare, explain); message in vs_db_error(). */
enum vs_status vs_db_exec(struct vs_db *db, const char *sql);
/* Rows for printing: NULL and false when they cannot be read, which vs_db_unread tells at the end
 * (VS_OK: all rows were); finalize what query returned. */
sqlite3_stmt *vs_db_query(struct vs_db *db, const char *sql);
bool vs_db_row(struct vs_db *db, sqlite3_stmt *st);
enum vs_status vs_db_unread(const struct vs_db *db);
/* First column of the first row; found = false when there is no row or it is NULL. What a good
 * query cannot read vs_db_unread tells, too. */
enum vs_status vs_db_number(struct vs_db *db, const char *sql, int64_t run, int64_t base,
                            double *out, bool *found);
/* The same with several runs beside it: :run, :base, :base2, :base3; n of them. */
#define VS_DB_RUNS 4u
enum vs_status vs_db_number_of(struct vs_db *db, const char *sql, const int64_t *runs, size_t n,
                               double *out, bool *found);

#endif
