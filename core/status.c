/* SPDX-License-Identifier: MIT */
#include "virtsim/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a status means, in words. */
const char *vs_status_text(enum vs_status s)
{
    static const char *const text[] = {
#define VS_STATUS_TEXT(code, words) words,
        VS_STATUS_LIST(VS_STATUS_TEXT)
#undef VS_STATUS_TEXT
    };
    return (size_t)s < sizeof text / sizeof text[0] ? text[s] : "unknown status";
}

/* Appends a message to the errors; NULL ignores it. */
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

/* Frees all messages. */
void vs_errors_free(struct vs_errors *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->text[i]);
    }
    free(e->text);
    e->text = NULL;
    e->n = 0;
}
