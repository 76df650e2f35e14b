/* SPDX-License-Identifier: MIT */
#include "renames.h"

#include "home.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "results/renames.csv"

static const char *const kinds[] = {"actor", "op",      "account", "counter",
                                    "knob",  "machine", "workload"};

/* Says whether a word is a kind of name that can be renamed. */
static bool known_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(kinds[i], kind)) {
            return true;
        }
    }
    return false;
}

/* Every cell in its place; the first that is not is reported. */
static bool check(const struct vs_rename *row, size_t line, struct vs_errors *errors)
{
    if (!known_kind(row->kind)) {
        vs_error(errors,
                 FILE_NAME " line %zu: kind '%s': actor, op, account, counter, knob, machine or "
                           "workload is needed",
                 line, row->kind);
    } else if (!strcmp(row->old, row->new)) {
        vs_error(errors, FILE_NAME " line %zu: two names are needed, '%s' and '%s' are one", line,
                 row->old, row->new);
    } else if (*row->where && !strchr(row->where, '=')) {
        vs_error(errors, FILE_NAME " line %zu: where '%s' is not KNOB=VALUE", line, row->where);
    } else {
        return true;
    }
    return false;
}

/* Whether another row gives the same old name another new one: one became several. */
static bool several(const struct vs_rename *row, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++) {
        if (k != i && *row[i].old && !strcmp(row[k].kind, row[i].kind) &&
            !strcmp(row[k].old, row[i].old) && !strcmp(row[k].where, row[i].where)) {
            return true;
        }
    }
    return false;
}

/* Puts the rows that bring a stored run up to date first, and returns how many these are. What one
 * thing became several of (two rows, or an asterisk) is in a stored run as it was: its parts are
 * not known. */
static size_t whole(struct vs_rename *row, size_t n)
{
    struct vs_rename *rest = calloc(n + 1, sizeof *rest);
    size_t kept = 0, parts = 0;
    bool *part = calloc(n + 1, sizeof *part);
    for (size_t i = 0; rest && part && i < n; i++) {
        part[i] = strchr(row[i].new, '*') || several(row, n, i);
    }
    for (size_t i = 0; rest && part && i < n; i++) {
        if (part[i]) {
            rest[parts++] = row[i];
        } else {
            row[kept++] = row[i];
        }
    }
    if (rest && parts) {
        memcpy(row + kept, rest, parts * sizeof *rest);
    }
    free(rest);
    free(part);
    return kept;
}

static size_t n_all; /* rows of the table, parts included */

const struct vs_rename *vs_renames(size_t *n, struct vs_errors *errors)
{
    static struct vs_table table; /* the rows point into it */
    static struct vs_rename *rows;
    static size_t n_rows;
    char path[4096];
    *n = n_rows;
    if (rows) {
        return rows;
    }
    snprintf(path, sizeof path, "%s/" FILE_NAME, vs_home()); /* the program's, wherever one is */
    if (vs_table_read(path, &table, errors)) {
        return NULL;
    }
    struct vs_rename *made = calloc(table.n_rows + 1, sizeof *made);
    for (size_t i = 0; made && i < table.n_rows; i++) {
        made[i] =
            (struct vs_rename){vs_table_cell(&table, i, "kind"), vs_table_cell(&table, i, "old"),
                               vs_table_cell(&table, i, "new"), vs_table_cell(&table, i, "where")};
        if (!check(&made[i], i + 2, errors)) {
            free(made);
            vs_table_free(&table);
            return NULL;
        }
    }
    if (made) {
        n_rows = whole(made, table.n_rows);
        n_all = table.n_rows;
    } else {
        vs_table_free(&table);
    }
    rows = made;
    *n = n_rows;
    return rows;
}

/* The name of today for an old one, or NULL if it never changed. */
static const char *renamed(const char *kind, const char *old)
{
    struct vs_errors ignored = {NULL, 0}; /* who asked says that the old name is unknown */
    size_t n;
    const struct vs_rename *r = vs_renames(&n, &ignored);
    const char *name = old;
    /* a name may have changed more than once; rows are in the order of the changes */
    for (size_t i = 0; r && i < n; i++) {
        if (!strcmp(r[i].kind, kind) && *r[i].new && !strcmp(r[i].old, name)) {
            name = r[i].new;
        }
    }
    vs_errors_free(&ignored);
    return name == old ? NULL : name;
}

size_t vs_renamed_knobs(const char *old, const char **names, size_t most)
{
    const char *now = renamed("knob", old);
    struct vs_errors ignored = {NULL, 0};
    size_t n, found = 0;
    if (now) {
        names[0] = now;
        return 1;
    }
    const struct vs_rename *r = vs_renames(&n, &ignored);
    for (size_t i = n; r && i < n_all && found < most; i++) {
        if (!strcmp(r[i].kind, "knob") && !strcmp(r[i].old, old) && !strchr(r[i].new, '*')) {
            names[found++] = r[i].new;
        }
    }
    vs_errors_free(&ignored);
    return found;
}

const char *vs_renamed_operation(const char *old)
{
    return renamed("op", old);
}

bool vs_renamed_part(const char *old)
{
    struct vs_errors ignored = {NULL, 0};
    size_t n;
    const struct vs_rename *r = vs_renames(&n, &ignored), *mine = NULL;
    bool part = false;
    for (size_t i = 0; r && i < n; i++) {
        bool knob = !strcmp(r[i].kind, "knob") && *r[i].old && *r[i].new;
        mine = knob && !mine && !strcmp(r[i].old, old) ? &r[i] : mine;
    }
    for (size_t i = 0; mine && i < n; i++) {
        part |= &r[i] != mine && !strcmp(r[i].kind, "knob") && *r[i].old &&
                !strcmp(r[i].new, mine->new) && !strcmp(r[i].where, mine->where);
    }
    vs_errors_free(&ignored);
    return part;
}
