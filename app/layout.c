/* SPDX-License-Identifier: MIT */
/*
 * A table that fits the paper. Long texts are folded inside their columns; where even that is not
 * enough the columns come in several tables, each beginning with the first one; one row alone is a
 * list of its columns.
 */
#define _GNU_SOURCE
#include "out_impl.h"
#include "paper.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2u          /* blanks between columns */
#define NARROW 14u      /* a text is folded to this before columns are put into another table */
#define ROOMY 160u      /* a paper for all columns */
#define WIDEST_NAME 64u /* of the first column, which is not folded before the others are */

/* A table of some of the columns. */
struct table {
    const struct out *o;
    size_t *column; /* of the rows' cells, in their order here */
    size_t *natural, *least, *width;
    size_t n, rows;
};

/* The text of a cell; row 0 is the heading. */
static const char *text_at(const struct table *t, size_t row, size_t i)
{
    const char *text = row ? t->o->cell[(row - 1) * t->o->n_columns + t->column[i]].text
                           : t->o->columns[t->column[i]];
    return text ? text : "";
}

/* Says whether a column holds numbers. */
static bool numbers(const struct table *t, size_t i)
{
    return t->rows && t->o->cell[t->column[i]].is_number;
}

/* The widest piece that a heading cannot be folded inside. */
static size_t longest_piece(const char *text)
{
    size_t most = 0;
    while (*text) {
        size_t n = strcspn(text, " ._-/:;,|=([");
        size_t piece = n + (text[n] && text[n] != ' ');
        most = piece > most ? piece : most;
        text += n + (text[n] != '\0');
    }
    return most;
}

/* Measures how wide each column is. */
static void measure(struct table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t widest = 0, head = paper_columns(text_at(t, 0, i));
        for (size_t r = 1; r <= t->rows; r++) {
            size_t w = paper_columns(paper_text(text_at(t, r, i)));
            widest = w > widest ? w : widest;
        }
        size_t piece = longest_piece(text_at(t, 0, i));
        size_t fold = i ? NARROW : WIDEST_NAME;
        size_t least = numbers(t, i) || widest < fold ? widest : fold;
        t->natural[i] = widest > head ? widest : head;
        t->least[i] = least > piece ? least : piece;
    }
}

/* Widths of columns from..to-1, and of the first, within `width`: short ones are as wide as they
 * want to be, the long ones share what is left. False: even the least is too much. */
static bool share_out(struct table *t, size_t from, size_t to, size_t width)
{
    size_t used = 0, n = to - from + (from > 0);
    size_t gaps = (n - 1) * GAP;
    for (size_t i = 0; i < to; i += !i && from ? from : 1) {
        t->width[i] = t->least[i];
        used += t->least[i];
    }
    if (used + gaps > width) {
        return false;
    }
    for (size_t left = width - used - gaps; left;) {
        size_t wanting = 0;
        for (size_t i = 0; i < to; i += !i && from ? from : 1) {
            wanting += t->width[i] < t->natural[i];
        }
        if (!wanting) {
            break;
        }
        size_t each = left / wanting ? left / wanting : 1;
        for (size_t i = 0; i < to && left; i += !i && from ? from : 1) {
            size_t want = t->natural[i] - t->width[i];
            want = want < each ? want : each;
            want = want < left ? want : left;
            t->width[i] += want;
            left -= want;
        }
    }
    return true;
}

/* So many blanks. */
static void put_blanks(FILE *f, size_t n)
{
    for (; n; n--) {
        putc_unlocked(' ', f);
    }
}

/* One row of columns from..to-1, behind the first; as many lines as its longest fold. */
static void print_row(const struct table *t, size_t row, size_t from, size_t to, FILE *f)
{
    char **text = calloc(to, sizeof *text);
    const char **rest = calloc(to, sizeof *rest);
    for (size_t i = 0; text && rest && i < to; i++) {
        text[i] = strdup(paper_text(text_at(t, row, i)));
        rest[i] = text[i] ? text[i] : "";
    }
    bool more = text && rest;
    for (bool first = true; more; first = false) {
        size_t pending = 0;
        more = false;
        fputs(row ? "" : paper_bold(true), f);
        for (size_t i = 0; i < to; i += !i && from ? from : 1) {
            const char *next = rest[i];
            size_t bytes = paper_fold(rest[i], t->width[i], &next);
            char *piece = strndup(rest[i], bytes);
            size_t columns = piece ? paper_columns(piece) : 0;
            size_t pad = t->width[i] > columns ? t->width[i] - columns : 0;
            size_t before = numbers(t, i) ? pad : 0;
            if (bytes) {
                put_blanks(f, pending + before);
                fputs(piece ? piece : "", f);
                pending = pad - before + GAP;
            } else {
                pending += t->width[i] + GAP;
            }
            free(piece);
            rest[i] = next;
            more = more || *next;
        }
        fputs(row ? "" : paper_bold(false), f);
        fputc('\n', f);
        (void)first;
    }
    for (size_t i = 0; text && i < to; i++) {
        free(text[i]);
    }
    free(text);
    free(rest);
}

/* All columns, in as many tables as the width asks for. */
static void print_bands(struct table *t, size_t width, FILE *f)
{
    if (t->least[0] > width / 2) {
        t->least[0] = width / 2;
    }
    for (size_t at_most = t->least[0]; at_most > NARROW && !share_out(t, 0, t->n, width);) {
        t->least[0] = --at_most; /* a name in two lines reads better than two tables */
        if (at_most == NARROW) {
            t->least[0] = t->natural[0] < width / 2 ? t->natural[0] : width / 2;
        }
    }
    for (size_t from = 0; from < t->n;) {
        size_t to = t->n;
        while (to > from + 1 && !share_out(t, from, to, width)) {
            to--;
        }
        if (!share_out(t, from, to, width)) { /* one column that is too wide alone */
            size_t key = from ? t->least[0] + GAP : 0;
            t->least[to - 1] = width > key + 1 ? width - key : 1;
            (void)share_out(t, from, to, width);
        }
        fputs(from ? "\n" : "", f);
        for (size_t r = 0; r <= t->rows; r++) {
            print_row(t, r, from, to, f);
        }
        from = to;
    }
}

/* One row: a line a column. */
static void print_list(const struct table *t, size_t width, FILE *f)
{
    size_t widest = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t w = paper_columns(text_at(t, 0, i));
        widest = w > widest ? w : widest;
    }
    widest = widest < width / 2 ? widest : width / 2;
    for (size_t i = 0; i < t->n; i++) {
        const char *head = text_at(t, 0, i), *at = paper_text(text_at(t, 1, i));
        char *text = strdup(at);
        at = text ? text : "";
        do {
            const char *next_head = head, *next = at;
            size_t h = paper_fold(head, widest, &next_head);
            size_t n = paper_fold(at, width - widest - GAP, &next);
            fprintf(f, "%s%.*s%s%*s%.*s\n", paper_bold(true), (int)h, head, paper_bold(false),
                    n ? (int)(widest - h + GAP) : 0, "", (int)n, at);
            head = next_head;
            at = next;
        } while (*head || *at);
        free(text);
    }
}

/* The columns that people see: all where there is room, or those named, in their order. */
static bool choose(struct table *t, size_t width)
{
    const struct out *o = t->o;
    bool all = !o->people || t->rows == 1 || width >= ROOMY;
    for (size_t i = 0; all && i < o->n_columns; i++) {
        t->column[t->n++] = i;
    }
    for (const char *at = all ? "" : o->people; *at;) {
        size_t n = strcspn(at, " ");
        for (size_t i = 0; i < o->n_columns; i++) {
            if (strlen(o->columns[i]) == n && !strncmp(at, o->columns[i], n)) {
                t->column[t->n++] = i;
            }
        }
        at += n + (at[n] == ' ');
    }
    return all;
}

void layout_table(const struct out *o, FILE *f)
{
    size_t *room = calloc(4 * o->n_columns + 1, sizeof *room), width = paper_width();
    if (!room || !o->n_columns) {
        free(room);
        return;
    }
    struct table t = {.o = o,
                      .column = room,
                      .natural = room + o->n_columns,
                      .least = room + 2 * o->n_columns,
                      .width = room + 3 * o->n_columns,
                      .rows = o->n / o->n_columns};
    bool all = choose(&t, width);
    measure(&t);
    bool list = o->people && t.rows == 1;
    if (list) {
        print_list(&t, width, f);
    } else {
        print_bands(&t, width, f);
    }
    if (o->rest && !all && t.rows) {
        fputc('\n', f);
        paper_line(o->rest);
    }
    free(room);
}
