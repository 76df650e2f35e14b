/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "out_impl.h"

#include "paper.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool out_parse(const char *text, enum out_format *format)
{
    static const char *const names[] = {"table", "json", "csv", "md"};
    for (size_t i = 0; i < 4; i++) {
        if (!strcmp(text, names[i])) {
            *format = (enum out_format)i;
            return true;
        }
    }
    return false;
}

struct out *out_begin(enum out_format format, const char *const *columns, size_t n)
{
    struct out *o = calloc(1, sizeof *o);
    if (o) {
        o->format = format;
        o->columns = columns;
        o->n_columns = n;
    }
    return o;
}

/* Appends a cell. */
static void add(struct out *o, struct cell c)
{
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 64;
        struct cell *grown = realloc(o->cell, cap * sizeof *grown);
        if (!grown) {
            free(c.text);
            return;
        }
        o->cell = grown;
        o->cap = cap;
    }
    o->cell[o->n++] = c;
}

/* A bar would end a markdown cell. */
static char *copy_escaped(const char *s)
{
    char *c = malloc(2 * strlen(s) + 1), *at = c;
    for (; c && *s; s++) {
        if (*s == '|') {
            *at++ = '\\';
        }
        *at++ = *s;
    }
    if (c) {
        *at = '\0';
    }
    return c;
}

void out_text(struct out *o, const char *cell)
{
    const char *text = cell ? cell : "";
    add(o, (struct cell){.text = o->format == OUT_MARKDOWN ? copy_escaped(text) : strdup(text)});
}

void out_int(struct out *o, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    add(o, (struct cell){.text = strdup(text), .is_number = true, .exact = true, .integer = v});
}

void out_real(struct out *o, double v, int digits)
{
    char text[64] = "";
    if (!isnan(v)) {
        snprintf(text, sizeof text, o->format == OUT_CSV ? "%.*g" : "%.*f",
                 o->format == OUT_CSV ? 12 : digits, v);
    }
    add(o, (struct cell){.text = strdup(text), .is_number = true, .number = v});
}

void out_none(struct out *o)
{
    out_real(o, NAN, 0);
}

/* Prints the cells as a table of Markdown. */
static void print_markdown(const struct out *o, FILE *f)
{
    size_t *w = calloc(o->n_columns, sizeof *w);
    for (size_t i = 0; w && i < o->n + o->n_columns; i++) {
        const char *s = i < o->n_columns ? o->columns[i] : o->cell[i - o->n_columns].text;
        size_t len = paper_columns(s ? s : "");
        w[i % o->n_columns] = len > w[i % o->n_columns] ? len : w[i % o->n_columns];
    }
    for (size_t i = 0; w && i < o->n + o->n_columns; i++) {
        size_t c = i % o->n_columns;
        const struct cell *x = i >= o->n_columns ? &o->cell[i - o->n_columns]
                               : o->n            ? &o->cell[c]
                                                 : NULL;
        const char *s = i < o->n_columns ? o->columns[c] : x->text;
        int pad = (int)(w[c] - paper_columns(s ? s : ""));
        bool right = x && x->is_number;
        fprintf(f, "%s%*s%s%*s%s", c ? "" : "| ", right ? pad : 0, "", s ? s : "", right ? 0 : pad,
                "", c + 1 == o->n_columns ? " |\n" : " | ");
        for (size_t k = 0; i + 1 == o->n_columns && k <= o->n_columns; k++) {
            fputs(k == o->n_columns ? "\n" : k ? " --- |" : "| --- |", f);
        }
    }
    free(w);
}

/* Prints the cells as comma-separated values. */
static void print_csv(const struct out *o, FILE *f)
{
    if (!o->n_columns) {
        return;
    }
    for (size_t i = 0; i < o->n + o->n_columns; i++) {
        const char *s = i < o->n_columns ? o->columns[i] : o->cell[i - o->n_columns].text;
        if (s && strpbrk(s, ",\"\r\n")) {
            fputc('"', f);
            for (; *s; s++) {
                fputs(*s == '"' ? "\"" : "", f);
                fputc(*s, f);
            }
            fputc('"', f);
        } else {
            fputs(s ? s : "", f);
        }
        fputc((i + 1) % o->n_columns ? ',' : '\n', f);
    }
}

/* Prints the cells as JSON, one object a row. */
static void print_json(const struct out *o, FILE *f)
{
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; rows && i + o->n_columns <= o->n; i += o->n_columns) {
        cJSON *row = cJSON_CreateObject();
        for (size_t c = 0; c < o->n_columns; c++) {
            const struct cell *x = &o->cell[i + c];
            if (!x->is_number) {
                cJSON_AddStringToObject(row, o->columns[c], x->text ? x->text : "");
            } else if (x->exact) {
                /* a double keeps 53 bits only: write the digits themselves */
                cJSON_AddRawToObject(row, o->columns[c], x->text);
            } else if (isnan(x->number)) {
                cJSON_AddNullToObject(row, o->columns[c]);
            } else {
                cJSON_AddNumberToObject(row, o->columns[c], x->number);
            }
        }
        cJSON_AddItemToArray(rows, row);
    }
    char *text = cJSON_Print(rows);
    fprintf(f, "%s\n", text ? text : "[]");
    free(text);
    cJSON_Delete(rows);
}

void out_people(struct out *o, const char *columns, const char *rest)
{
    o->people = columns;
    o->rest = rest;
}

/* How well a word finds a row: 1 a part of its name, 2 how a part begins, 3 inside its name, 4 in
 * another text of it, 5 not at all. */
static unsigned finds(const struct out *o, size_t row, const char *word)
{
    const struct cell *cell = &o->cell[row * o->n_columns];
    size_t n = strlen(word);
    const char *name = cell[0].text ? cell[0].text : "";
    unsigned best = 5;
    for (const char *at = strcasestr(name, word); at; at = strcasestr(at + 1, word)) {
        bool begins = at == name || strchr("./", at[-1]), ends = !at[n] || strchr("./", at[n]);
        unsigned one = begins && ends ? 1 : begins ? 2 : 3;
        best = one < best ? one : best;
    }
    for (size_t c = 1; best == 5 && c < o->n_columns; c++) {
        if (cell[c].text && !cell[c].is_number && strcasestr(cell[c].text, word)) {
            best = 4;
        }
    }
    return best;
}

size_t out_names(const struct out *o, const char **name, size_t n)
{
    size_t rows = o->n / o->n_columns;
    for (size_t r = 0; r < rows && r < n; r++) {
        const char *text = o->cell[r * o->n_columns].text;
        name[r] = text ? text : "";
    }
    return rows;
}

size_t out_filter(struct out *o, const char *const *words, size_t n)
{
    size_t rows = o->n / o->n_columns, kept = 0;
    unsigned best = 5;
    unsigned *how = calloc(rows ? rows : 1, sizeof *how);
    for (size_t r = 0; how && r < rows; r++) {
        for (size_t i = 0; i < n; i++) {
            unsigned one = finds(o, r, words[i]);
            how[r] = one > how[r] ? one : how[r];
        }
        best = how[r] < best ? how[r] : best;
    }
    for (size_t r = 0; how && r < rows; r++) {
        bool keep = how[r] <= best && how[r] < 5;
        for (size_t c = 0; c < o->n_columns; c++) {
            struct cell *from = &o->cell[r * o->n_columns + c];
            if (keep) {
                o->cell[kept * o->n_columns + c] = *from;
            } else {
                free(from->text);
            }
        }
        kept += keep;
    }
    if (how) {
        o->n = kept * o->n_columns;
    }
    free(how);
    return kept;
}

void out_end(struct out *o, FILE *f)
{
    if (!o) {
        return;
    }
    switch (o->format) {
    case OUT_TABLE:
        layout_table(o, f);
        break;
    case OUT_MARKDOWN:
        print_markdown(o, f);
        break;
    case OUT_JSON:
        print_json(o, f);
        break;
    case OUT_CSV:
        print_csv(o, f);
        break;
    }
    for (size_t i = 0; i < o->n; i++) {
        free(o->cell[i].text);
    }
    free(o->cell);
    free(o);
}

void out_markup(FILE *f, const char *text)
{
    for (; *text; text++) {
        const char *as = *text == '<'   ? "&lt;"
                         : *text == '>' ? "&gt;"
                         : *text == '&' ? "&amp;"
                                        : NULL;
        if (as) {
            fputs(as, f);
        } else {
            fputc(*text, f);
        }
    }
}

const char *out_time(uint64_t ps, char *text, size_t bytes)
{
    static const struct {
        double scale;
        const char *unit;
    } table[] = {{1e12, "s"}, {1e9, "ms"}, {1e6, "us"}, {1e3, "ns"}, {0, "ps"}};
    size_t i = 0;
    while ((double)ps < table[i].scale) {
        i++;
    }
    if (table[i].scale > 0) {
        snprintf(text, bytes, "%.3f %s", (double)ps / table[i].scale, table[i].unit);
    } else {
        snprintf(text, bytes, "%" PRIu64 " ps", ps);
    }
    return text;
}
