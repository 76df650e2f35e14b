/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "memo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct block {
    uint64_t asked, got, at; /* records, and where in the file */
    struct vs_trace_info info;
};

struct vs_trace_memo {
    char *path, *format; /* asked for; NULL: detected */
    struct stat what;
    const struct vs_trace_format *is;
    struct vs_trace_info opened;
    char compression[96];
    FILE *file;
    struct block *block;
    size_t n, room;
    uint64_t records;
    bool full; /* no more is kept */
    struct vs_trace_memo *next;
};

static bool keeping;
static uint64_t decoded;
static struct vs_trace_memo *all;

void vs_trace_memo_begin(void)
{
    keeping = true;
    decoded = 0;
}

uint64_t vs_trace_memo_decoded(void)
{
    return decoded;
}

bool vs_trace_same_content(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Says whether two texts are equal or both absent. */
static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

struct vs_trace_memo *vs__trace_memo(const char *path, const char *format)
{
    struct stat what;
    if (!keeping || stat(path, &what) || !S_ISREG(what.st_mode)) {
        return NULL;
    }
    for (struct vs_trace_memo *m = all; m; m = m->next) {
        if (same_text(m->path, path) && same_text(m->format, format)) {
            return vs_trace_same_content(&m->what, &what) ? m : NULL;
        }
    }
    struct vs_trace_memo *m = calloc(1, sizeof *m);
    if (!m) {
        return NULL;
    }
    *m = (struct vs_trace_memo){.path = strdup(path),
                                .format = format ? strdup(format) : NULL,
                                .what = what,
                                .file = tmpfile(),
                                .next = all};
    if (!m->path || (format && !m->format) || !m->file) {
        if (m->file) {
            fclose(m->file);
        }
        free(m->path);
        free(m->format);
        free(m);
        return NULL;
    }
    return all = m;
}

bool vs__trace_memo_opened(const struct vs_trace_memo *m, struct vs_trace_info *info,
                           const struct vs_trace_format **format)
{
    *info = m->opened;
    *format = m->is;
    return m->is != NULL;
}

/* The names of compressions are the reader's, which is closed before the memo. */
static struct vs_trace_info own(struct vs_trace_memo *m, const struct vs_trace_info *info)
{
    struct vs_trace_info mine = *info;
    snprintf(m->compression, sizeof m->compression, "%s", info->compression);
    mine.compression = m->compression;
    return mine;
}

void vs__trace_memo_open(struct vs_trace_memo *m, const struct vs_trace_info *info,
                         const struct vs_trace_format *format)
{
    m->opened = own(m, info);
    m->is = format;
}

long vs__trace_memo_read(const struct vs_trace_memo *m, size_t i, struct vs_trace_rec *out,
                         size_t n, struct vs_trace_info *info)
{
    if (i >= m->n || m->block[i].asked != n) {
        return -1;
    }
    const struct block *b = &m->block[i];
    if (b->got && (fseeko(m->file, (off_t)b->at, SEEK_SET) ||
                   fread(out, sizeof *out, b->got, m->file) != b->got)) {
        return -1;
    }
    *info = b->info;
    return (long)b->got;
}

void vs__trace_memo_keep(struct vs_trace_memo *m, size_t i, const struct vs_trace_rec *rec,
                         size_t n, size_t got, const struct vs_trace_info *info)
{
    uint64_t at = m->records * sizeof *rec;
    decoded += got;
    if (m->full || i != m->n) {
        return;
    }
    if (m->n == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        struct block *grown = realloc(m->block, room * sizeof *grown);
        m->full = !grown;
        m->block = grown ? grown : m->block;
        m->room = grown ? room : m->room;
    }
    m->full = m->full || at + got * sizeof *rec > VS_TRACE_MEMO_BYTES ||
              fseeko(m->file, (off_t)at, SEEK_SET) ||
              (got && fwrite(rec, sizeof *rec, got, m->file) != got);
    if (!m->full) {
        m->block[m->n++] = (struct block){n, got, at, own(m, info)};
        m->records += got;
    }
}
