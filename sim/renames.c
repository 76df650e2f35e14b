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

/* Leaves out the rows whose new name stands for several (an asterisk): what was one is in a stored
 * run as it was, its parts are not known. */
static size_t whole(struct vs_rename *row, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strchr(row[i].new, '*')) {
            row[kept++] = row[i];
        }
    }
    return kept;
}

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
    } else {
        vs_table_free(&table);
    }
    rows = made;
    *n = n_rows;
    return rows;
}

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

const char *vs_renamed_knob(const char *old)
{
    return renamed("knob", old);
}

const char *vs_renamed_operation(const char *old)
{
    return renamed("op", old);
}
