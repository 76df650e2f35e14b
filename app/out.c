/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    char *text;
    double number;
    bool is_number, exact;
    int64_t integer;
};

struct out {
    enum out_format format;
    const char *const *columns;
    size_t n_columns;
    struct cell *cell;
    size_t n, cap;
};

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

static char *copy(const char *s)
{
    size_t n = strlen(s) + 1;
    char *c = malloc(n);
    return c ? memcpy(c, s, n) : NULL;
}

/* Columns on a terminal: code points, not bytes. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
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
    add(o, (struct cell){.text = o->format == OUT_MARKDOWN ? copy_escaped(text) : copy(text)});
}

void out_short(struct out *o, const char *cell, size_t most)
{
    char text[256];
    const char *s = cell ? cell : "";
    if (o->format == OUT_TABLE && width(s) > most && most < sizeof text) {
        size_t bytes = 0;
        for (size_t n = 0; n + 1 < most && bytes + 8 < sizeof text; n++) {
            do { /* whole code points */
                text[bytes] = s[bytes];
                bytes++;
            } while (((unsigned char)s[bytes] & 0xc0) == 0x80);
        }
        memcpy(text + bytes, "\u2026", sizeof "\u2026");
        s = text;
    }
    out_text(o, s);
}

void out_int(struct out *o, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    add(o, (struct cell){.text = copy(text), .is_number = true, .exact = true, .integer = v});
}

void out_real(struct out *o, double v, int digits)
{
    char text[64] = "";
    if (!isnan(v)) {
        snprintf(text, sizeof text, o->format == OUT_CSV ? "%.*g" : "%.*f",
                 o->format == OUT_CSV ? 12 : digits, v);
    }
    add(o, (struct cell){.text = copy(text), .is_number = true, .number = v});
}

void out_none(struct out *o)
{
    out_real(o, NAN, 0);
}

static void print_padded(FILE *f, const char *s, size_t to, bool right)
{
    size_t pad = to > width(s) ? to - width(s) : 0;
    fprintf(f, "%*s%s%*s", right ? (int)pad : 0, "", s, right ? 0 : (int)pad, "");
}

static void print_table(const struct out *o, FILE *f, bool markdown)
{
    size_t *w = calloc(o->n_columns, sizeof *w);
    for (size_t i = 0; w && i < o->n + o->n_columns; i++) {
        const char *s = i < o->n_columns ? o->columns[i] : o->cell[i - o->n_columns].text;
        size_t len = width(s ? s : "");
        w[i % o->n_columns] = len > w[i % o->n_columns] ? len : w[i % o->n_columns];
    }
    size_t rows = o->n / o->n_columns;
    for (size_t r = 0; w && r <= rows; r++) {
        fputs(markdown ? "| " : "", f);
        for (size_t c = 0; c < o->n_columns; c++) {
            const struct cell *x = r      ? &o->cell[(r - 1) * o->n_columns + c]
                                   : rows ? &o->cell[c]
                                          : NULL;
            const char *s = r && x ? x->text : o->columns[c];
            bool last = c + 1 == o->n_columns;
            print_padded(f, s ? s : "", last && !markdown && !(x && x->is_number) ? 0 : w[c],
                         x && x->is_number);
            fputs(markdown ? (last ? " |" : " | ") : last ? "" : "  ", f);
        }
        fputc('\n', f);
        for (size_t c = 0; markdown && !r && c < o->n_columns; c++) {
            fputs(c ? " --- |" : "| --- |", f);
        }
        fputs(markdown && !r ? "\n" : "", f);
    }
    free(w);
}

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

void out_end(struct out *o, FILE *f)
{
    if (!o) {
        return;
    }
    switch (o->format) {
    case OUT_TABLE:
    case OUT_MARKDOWN:
        print_table(o, f, o->format == OUT_MARKDOWN);
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
