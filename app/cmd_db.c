/* SPDX-License-Identifier: MIT */
/* db digest | check | merge | upgrade. */
#define _GNU_SOURCE
#include "cmd.h"

#include <inttypes.h>
#include <string.h>

#define WORDS 10002 /* a verb, a database, and those that are merged into it */

struct args {
    const char *word[WORDS];
    int n;
    struct vs_errors errors;
};

/* Reads a word of db. */
static error_t option(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (a->n < WORDS) {
        a->word[a->n++] = arg;
    } else {
        vs_error(&a->errors, "'%s': at most %d databases are merged at a time", arg, WORDS - 2);
    }
    return 0;
}

/* Prints a line of a check. */
static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
}

/* Opens a database, acts on it and reports. */
static int with_db(struct args *a, const char *path, bool create,
                   enum vs_status (*act)(struct args *, struct vs_db *))
{
    char err[5200];
    struct vs_db *db = NULL;
    if (create ? vs_db_open_later(path, &db, err, sizeof err)
               : vs_db_open(path, false, &db, err, sizeof err)) {
        vs_error(&a->errors, "%s", err);
        return report(&a->errors, VS_E_INPUT, false);
    }
    enum vs_status st = act(a, db);
    if (st) {
        vs_error(&a->errors, "%s", vs_db_error(db));
    }
    vs_db_close(db);
    return report(&a->errors, st, st != VS_E_INPUT);
}

/* db digest: prints the hash of all results. */
static enum vs_status digest(struct args *a, struct vs_db *db)
{
    (void)a;
    uint64_t d = 0;
    enum vs_status st = vs_db_digest(db, &d);
    if (!st) {
        printf("%016" PRIx64 "\n", d);
    }
    return st;
}

/* db check: says what is damaged. */
static enum vs_status check(struct args *a, struct vs_db *db)
{
    (void)a;
    enum vs_status st = vs_db_check(db, print_line, NULL);
    double runs = 0;
    bool any;
    if (!st) {
        st = vs_db_number(db, "SELECT count(*) FROM run", 0, 0, &runs, &any);
    }
    if (!st) {
        printf("whole: %.0f runs, every operation the sum of its parts and children\n", runs);
    }
    return st;
}

/* Sweeps whose points were made by several versions of the program. */
static void tell_builds(struct vs_db *db)
{
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT sweep, group_concat(build, '; ') FROM (SELECT DISTINCT substr(p.key, 7, "
            "instr(p.key, '/') - 7) AS sweep, b.value AS build FROM provenance p JOIN provenance b "
            "ON b.run = p.run AND b.key = 'build' WHERE p.key LIKE 'sweep.%/%' ORDER BY 1, 2) "
            "GROUP BY sweep HAVING count(*) > 1");
    while (vs_db_row(db, st)) {
        fprintf(stderr,
                "virtsim: note: the points of sweep %s were made by different versions, all are "
                "kept: %s\n",
                sqlite3_column_text(st, 0), sqlite3_column_text(st, 1));
    }
    sqlite3_finalize(st);
}

/* db merge: copies the runs of other databases. */
static enum vs_status merge(struct args *a, struct vs_db *db)
{
    enum vs_status st = VS_OK;
    for (int i = 2; !st && i < a->n; i++) {
        st = vs_db_merge(db, a->word[i]);
    }
    if (!st) {
        tell_builds(db);
    }
    return st;
}

/* The sources first: a wrong one leaves no new database, and none half filled. */
static bool check_sources(struct args *a)
{
    for (int i = 2; i < a->n; i++) {
        char err[5200];
        struct vs_db *from = NULL;
        if (vs_db_same(a->word[1], a->word[i])) {
            vs_error(&a->errors, "db merge: %s cannot be merged into itself", a->word[i]);
        } else if (vs_db_open(a->word[i], false, &from, err, sizeof err)) {
            vs_error(&a->errors, "%s", err);
        }
        vs_db_close(from);
    }
    return !a->errors.n;
}

int cmd_db(int argc, char **argv)
{
    static const struct argp p = {
        NULL,
        option,
        "digest FILE\ncheck FILE\nmerge INTO FROM...\nupgrade OLD NEW",
        "digest: one number over everything but provenance; equal databases have equal digests.\n"
        "check: integrity, balanced books, schema version.\n"
        "merge: appends the runs of other databases, renumbered; points of sweeps that are there "
        "are not added again.\n"
        "upgrade: a database of an older schema as a new one, under today's names.",
        NULL,
        NULL,
        NULL};
    static struct args a;
    parse(&p, argc, argv, &a);
    const char *verb = a.n ? a.word[0] : "";
    if (!strcmp(verb, "digest") && a.n == 2) {
        return with_db(&a, a.word[1], false, digest);
    }
    if (!strcmp(verb, "check") && a.n == 2) {
        return with_db(&a, a.word[1], false, check);
    }
    if (!strcmp(verb, "merge") && a.n >= 3) {
        if (!check_sources(&a)) {
            return report(&a.errors, VS_E_INPUT, false);
        }
        return with_db(&a, a.word[1], true, merge);
    }
    if (!strcmp(verb, "upgrade") && a.n == 3) {
        char err[5200];
        enum vs_status st = vs_db_upgrade(a.word[1], a.word[2], err, sizeof err);
        if (st) {
            vs_error(&a.errors, "%s", err);
        }
        return report(&a.errors, st, st != VS_E_INPUT);
    }
    vs_error(&a.errors,
             "db: digest FILE, check FILE, merge INTO FROM... or upgrade OLD NEW is needed");
    return report(&a.errors, VS_E_INPUT, false);
}
