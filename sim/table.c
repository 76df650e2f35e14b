/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct vs_table *t;
    size_t n, cap, in_row, line;
    bool header_done, failed;
    char message[200];
};

/* Keeps a field of the current row. */
static void on_field(void *data, size_t len, void *ctx)
{
    struct reader *r = ctx;
    char *copy = malloc(len + 1);
    if (!copy || r->failed) {
        free(copy);
        r->failed = true;
        return;
    }
    if (len) {
        memcpy(copy, data, len);
    }
    copy[len] = '\0';
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        char **grown = realloc(r->t->cell, cap * sizeof *grown);
        if (!grown) {
            free(copy);
            r->failed = true;
            return;
        }
        r->t->cell = grown;
        r->cap = cap;
    }
    r->t->cell[r->n++] = copy;
    r->in_row++;
}

/* Ends a row, the first of which is the header. */
static void on_row(int end, void *ctx)
{
    struct reader *r = ctx;
    (void)end;
    r->line++;
    if (!r->header_done) {
        r->header_done = true;
        r->t->n_columns = r->in_row;
        r->t->column = r->t->cell;
        r->t->cell = NULL;
        r->n = r->cap = 0;
    } else if (r->in_row != r->t->n_columns && !r->failed) {
        r->failed = true;
        snprintf(r->message, sizeof r->message, "row %zu has %zu cells, the header has %zu",
                 r->line, r->in_row, r->t->n_columns);
    }
    r->in_row = 0;
}

/* Reads a file of comma-separated values with a header. */
enum vs_status vs_table_read(const char *path, struct vs_table *out, struct vs_errors *errors)
{
    memset(out, 0, sizeof *out);
    FILE *f = fopen(path, "rb");
    if (!f) {
        vs_error(errors, "%s: cannot be opened", path);
        return VS_E_INPUT;
    }
    struct reader r = {.t = out};
    struct csv_parser p;
    csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof block, f)) > 0 && !r.failed) {
        if (csv_parse(&p, block, got, on_field, on_row, &r) != got) {
            r.failed = true;
            snprintf(r.message, sizeof r.message, "row %zu: %s", r.line + 1,
                     csv_strerror(csv_error(&p)));
        }
    }
    if (!r.failed && csv_fini(&p, on_field, on_row, &r)) {
        r.failed = true;
        snprintf(r.message, sizeof r.message, "the last row is not closed");
    }
    csv_free(&p);
    fclose(f);
    out->n_rows = out->n_columns && out->column ? r.n / out->n_columns : 0;
    if (r.failed || !out->n_columns) {
        vs_error(errors, "%s: %s", path,
                 *r.message ? r.message : "not a CSV file with a header line");
        vs_table_free(out);
        return VS_E_INPUT;
    }
    return VS_OK;
}

const char *vs_table_cell(const struct vs_table *t, size_t row, const char *column)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        if (!strcmp(t->column[c], column)) {
            return t->cell[row * t->n_columns + c];
        }
    }
    return "";
}

void vs_table_free(struct vs_table *t)
{
    for (size_t i = 0; i < t->n_columns && t->column; i++) {
        free(t->column[i]);
    }
    for (size_t i = 0; i < t->n_columns * t->n_rows && t->cell; i++) {
        free(t->cell[i]);
    }
    free(t->column);
    free(t->cell);
    memset(t, 0, sizeof *t);
}
