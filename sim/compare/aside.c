/* SPDX-License-Identifier: MIT */
#include "compare/aside.h"

#include "home.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether one of the patterns, which are separated by blanks, is the word's. */
static bool among(const char *patterns, const char *word)
{
    char pattern[200];
    while (*patterns) {
        size_t len = strcspn(patterns, " ");
        snprintf(pattern, sizeof pattern, "%.*s", (int)len, patterns);
        if (len && !fnmatch(pattern, word, 0)) {
            return true;
        }
        patterns += len + (patterns[len] == ' ');
    }
    return false;
}

/* The reason of a claim without an experiment: what the table of claims says itself, that of what
 * would have to be simulated, or that of its own name. "" when there is none. */
static const char *why_not(const struct vs_table *reasons, const char *claim, const char *needs)
{
    static const char never[] = "not-simulable: ";
    if (!strncmp(needs, never, sizeof never - 1)) {
        return needs + sizeof never - 1;
    }
    char kind[64];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(needs, " ("), needs);
    const char *of_name = "";
    for (size_t i = 0; i < reasons->n_rows; i++) {
        const char *patterns = vs_table_cell(reasons, i, "claims");
        if (!strcmp(patterns, kind)) {
            return vs_table_cell(reasons, i, "why");
        }
        if (!*of_name && among(patterns, claim)) {
            of_name = vs_table_cell(reasons, i, "why");
        }
    }
    return of_name;
}

/* The row of the experiment that answers a claim, or the number of rows. */
static size_t experiment_of(const struct vs_table *experiments, const char *claim)
{
    size_t i = 0;
    while (i < experiments->n_rows &&
           strcmp(vs_table_cell(experiments, i, "claim_id"), claim) != 0) {
        i++;
    }
    return i;
}

/* Inserts why a claim is not compared. */
static enum vs_status insert(sqlite3_stmt *st, const char *claim, const char *why,
                             const char *literature)
{
    char ids[400];
    snprintf(ids, sizeof ids, "%s%s", literature, *literature ? " " : "");
    for (char *c = ids; *c; c++) {
        *c = *c == ';' ? ' ' : *c;
    }
    sqlite3_bind_text(st, 1, claim, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, why, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, ids, -1, SQLITE_TRANSIENT);
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? VS_OK : VS_E_IO;
}

/* Fills the table of claims that are set aside from the files that say why. */
static enum vs_status fill(struct vs_db *db, const struct vs_table *claims,
                           const struct vs_table *reasons, const struct vs_table *experiments,
                           struct vs_errors *errors)
{
    sqlite3_stmt *st = NULL;
    enum vs_status s =
        vs_db_exec(db, "CREATE TEMP TABLE aside (claim_id TEXT PRIMARY KEY, why TEXT NOT NULL, "
                       "literature TEXT NOT NULL, naive REAL)");
    if (!s && sqlite3_prepare_v2(vs_db_handle(db), "INSERT INTO aside VALUES (?, ?, ?, NULL)", -1,
                                 &st, NULL) != SQLITE_OK) {
        s = VS_E_IO;
    }
    for (size_t i = 0; !s && i < claims->n_rows; i++) {
        const char *claim = vs_table_cell(claims, i, "claim_id"), *why = "", *literature = "";
        size_t e = experiment_of(experiments, claim);
        if (e < experiments->n_rows) {
            literature = vs_table_cell(experiments, e, "literature");
        } else {
            why = why_not(reasons, claim, vs_table_cell(claims, i, "testability"));
            if (!*why) {
                vs_error(errors,
                         "results/uncompared.csv: %s has no experiment and no reason why not",
                         claim);
                s = VS_E_INPUT;
            }
        }
        s = s ? s : insert(st, claim, why, literature);
    }
    sqlite3_finalize(st);
    if (s == VS_E_IO) {
        vs_error(errors, "%s", sqlite3_errmsg(vs_db_handle(db)));
    }
    return s;
}

enum vs_status vs_aside_make(struct vs_db *db, const struct vs_table *experiments,
                             struct vs_errors *errors)
{
    struct vs_table claims = {0}, reasons = {0};
    char path[4096];
    enum vs_status s =
        vs_table_read(vs_home_path("results/documents.csv", path, sizeof path), &claims, errors);
    s = s ? s
          : vs_table_read(vs_home_path("results/uncompared.csv", path, sizeof path), &reasons,
                          errors);
    s = s ? s : fill(db, &claims, &reasons, experiments, errors);
    vs_table_free(&claims);
    vs_table_free(&reasons);
    return s;
}

/* One guess; a claim without a stored baseline or without the quantity there has none. */
static enum vs_status guess(struct vs_db *db, const char *claim, const char *query,
                            sqlite3_stmt *stored, sqlite3_stmt *keep)
{
    double value = 0;
    bool found = false;
    sqlite3_bind_text(stored, 1, claim, -1, SQLITE_STATIC);
    int64_t base = vs_db_row(db, stored) ? sqlite3_column_int64(stored, 0) : 0;
    sqlite3_reset(stored);
    if (!base || vs_db_number(db, query, base, base, &value, &found) || !found) {
        return vs_db_unread(db);
    }
    sqlite3_bind_double(keep, 1, value);
    sqlite3_bind_text(keep, 2, claim, -1, SQLITE_STATIC);
    int rc = sqlite3_step(keep);
    sqlite3_reset(keep);
    return rc == SQLITE_DONE ? VS_OK : VS_E_IO;
}

enum vs_status vs_aside_guess(struct vs_db *db, const struct vs_table *experiments,
                              struct vs_errors *errors)
{
    sqlite3_stmt *keep = NULL,
                 *stored = vs_db_query(db, "SELECT base_run FROM comparison WHERE claim_id = ? AND "
                                           "basis = 'predicted' ORDER BY run DESC");
    enum vs_status s = vs_db_unread(db);
    if (!s && sqlite3_prepare_v2(vs_db_handle(db), "UPDATE aside SET naive = ? WHERE claim_id = ?",
                                 -1, &keep, NULL) != SQLITE_OK) {
        s = VS_E_IO;
    }
    for (size_t i = 0; !s && i < experiments->n_rows; i++) {
        s = guess(db, vs_table_cell(experiments, i, "claim_id"),
                  vs_table_cell(experiments, i, "quantity"), stored, keep);
    }
    if (s && !vs_db_unread(db)) {
        vs_error(errors, "%s", sqlite3_errmsg(vs_db_handle(db)));
    }
    sqlite3_finalize(stored);
    sqlite3_finalize(keep);
    return s;
}
