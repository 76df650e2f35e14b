/* SPDX-License-Identifier: MIT */
/* Rows of places: read, added up, in order. */
#define _GNU_SOURCE
#include "top.h"

#include "stored.h"
#include "virtsim/op.h"

#include <stdlib.h>
#include <string.h>

/* Words that stand for several items, and what they are. */
static const struct {
    const char *word, *items;
} words[] = {
    {"total", "item = 'timeline' AND actor LIKE 'vcpu%' AND actor NOT LIKE '%/%'"},
    {"exit", "item LIKE 'exit.%'"},
    {"handler", "item LIKE 'handler.%'"},
    {"access", "item LIKE 'access.%'"},
    {"dram", "item IN ('memory.dram_row_hit', 'memory.dram_row_miss', 'memory.dram_row_conflict', "
             "'memory.remote')"},
};
#define WORDS (sizeof words / sizeof *words)

char *top_items(const char *of, struct vs_errors *errors)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (!strcmp(of, words[i].word)) {
            return sqlite3_mprintf("%s", words[i].items);
        }
        if (strstr(words[i].items, of) && !strncmp(of, "memory.", 7)) {
            return sqlite3_mprintf("item = %Q", of);
        }
    }
    enum vs_op op[VS_OP_SAME];
    size_t n = vs_op_resolve(of, NULL, op);
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < n; i++) {
        sqlite3_str_appendf(text, "%sitem = %Q", i ? " OR " : "(", vs_op_name(op[i]));
    }
    sqlite3_str_appendf(text, n ? ")" : "");
    char *items = sqlite3_str_finish(text);
    if (!n) {
        const char *names[WORDS + VS_OPS];
        size_t count = 0;
        for (size_t i = 0; i < WORDS; i++) {
            names[count++] = words[i].word;
        }
        for (size_t i = 0; i < vs_op_count(); i++) {
            names[count++] = vs_op_name((enum vs_op)i);
        }
        char hint[VS_SUGGEST];
        vs_error(errors,
                 "--of %s: walk, dram, exit, handler, access, total or an operation is needed; %s",
                 of,
                 vs_suggest(of, names, count, "'virtsim list operations' names them", hint,
                            sizeof hint));
        sqlite3_free(items);
        return NULL;
    }
    return items;
}

/* One more, its texts copied; false: no memory. */
static bool top_add(struct top_rows *rows, const struct top_row *row)
{
    if (rows->n == rows->cap) {
        size_t cap = rows->cap ? 2 * rows->cap : 256;
        struct top_row *grown = realloc(rows->row, cap * sizeof *grown);
        if (!grown) {
            return false;
        }
        rows->row = grown;
        rows->cap = cap;
    }
    struct top_row *r = &rows->row[rows->n];
    *r = *row;
    r->space = strdup(row->space);
    r->place = strdup(row->place);
    rows->n++;
    return r->space && r->place;
}

void top_free(struct top_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->row[i].space);
        free(rows->row[i].place);
    }
    free(rows->row);
    *rows = (struct top_rows){.n = 0};
}

/* Places first, heaviest first; what has no place and what was put together comes last. */
static int in_order(const void *a, const void *b)
{
    const struct top_row *x = a, *y = b;
    if (x->kind != y->kind) {
        return x->kind - y->kind;
    }
    if (x->ps != y->ps) {
        return x->ps > y->ps ? -1 : 1;
    }
    if (x->n != y->n) {
        return x->n > y->n ? -1 : 1;
    }
    int space = strcmp(x->space, y->space);
    return space ? space : strcmp(x->place, y->place);
}

void top_sort(struct top_rows *rows)
{
    if (rows->n) {
        qsort(rows->row, rows->n, sizeof *rows->row, in_order);
    }
}

bool top_load(struct vs_db *db, int64_t run, const char *kind, const char *items,
              struct top_rows *rows)
{
    char *sql = sqlite3_mprintf("SELECT space, place, sum(n), sum(total_ps), sum(lacks_ps) FROM "
                                "site WHERE run = ? AND kind = %Q AND %s GROUP BY space, place "
                                "HAVING sum(n) <> 0 OR sum(total_ps) <> 0",
                                kind, items);
    sqlite3_stmt *st = sql ? stored_query(db, sql, run, 0) : NULL;
    bool ok = st != NULL;
    while (ok && vs_db_row(db, st)) {
        struct top_row row = {.space = (char *)(uintptr_t)stored_text(st, 0),
                              .place = (char *)(uintptr_t)stored_text(st, 1),
                              .n = sqlite3_column_int64(st, 2),
                              .ps = sqlite3_column_int64(st, 3),
                              .lacks_ps = sqlite3_column_int64(st, 4)};
        row.kind = !strcmp(row.place, "other") ? 2 : !strcmp(row.place, "none");
        ok = top_add(rows, &row);
    }
    sqlite3_finalize(st);
    sqlite3_free(sql);
    top_sort(rows);
    return ok && !vs_db_unread(db);
}
