/* SPDX-License-Identifier: MIT */
#include "virtsim/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vs_status_text(enum vs_status s)
{
    static const char *const text[] = {
#define VS_STATUS_TEXT(code, words) words,
        VS_STATUS_LIST(VS_STATUS_TEXT)
#undef VS_STATUS_TEXT
    };
    return (size_t)s < sizeof text / sizeof text[0] ? text[s] : "unknown status";
}

void vs_error(struct vs_errors *e, const char *fmt, ...)
{
    if (!e) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *line = len >= 0 ? malloc((size_t)len + 1) : NULL;
    char **grown = line ? realloc(e->text, (e->n + 1) * sizeof *grown) : NULL;
    if (grown) {
        vsnprintf(line, (size_t)len + 1, fmt, again);
        e->text = grown;
        e->text[e->n++] = line;
    } else {
        free(line);
    }
    va_end(again);
}

void vs_errors_free(struct vs_errors *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->text[i]);
    }
    free(e->text);
    e->text = NULL;
    e->n = 0;
}

/* Levenshtein distance with adjacent swaps, over the first 63 characters. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    unsigned row[3][MAX];
    size_t la = strlen(a), lb = strlen(b);
    if (la >= MAX || lb >= MAX) {
        return MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= la; i++) {
        unsigned *cur = row[i % 3], *prev = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        cur[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = prev[j - 1] + (a[i - 1] != b[j - 1]);
            best = prev[j] + 1 < best ? prev[j] + 1 : best;
            best = cur[j - 1] + 1 < best ? cur[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < best) {
                best = two[j - 2] + 1;
            }
            cur[j] = best;
        }
    }
    return row[la % 3][lb];
}

const char *vs_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)(strlen(word) / 3 + 2);
    for (size_t i = 0; i < n; i++) {
        unsigned d = edit_distance(word, candidates[i]);
        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}
