/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "tables.h"

#include "trace_internal.h"
#include "virtsim/radix.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { header_bytes = 24, table_bytes = 4096, most = 1 << 20 /* 4 GiB of tables */ };

struct reader {
    struct vs_trace_stream in;
    const char *path;
    char *err;
    size_t err_size;
};

/* Keeps a message with the file and the offset where reading stopped. */
static bool fail(struct reader *r, const char *what)
{
    snprintf(r->err, r->err_size, "%s: page tables: at byte offset %" PRIu64 ": %s", r->path,
             vs_trace_offset(&r->in), what);
    return false;
}

/* n bytes at in.pos. */
static bool need(struct reader *r, size_t n, const char *what)
{
    while (r->in.len - r->in.pos < n) {
        switch (vs_trace_stream_fill(&r->in)) {
        case VS_TRACE_FILL_MORE:
            break;
        case VS_TRACE_FILL_ERROR:
            return fail(r, r->in.error);
        default: {
            char text[160];
            snprintf(text, sizeof text, "truncated: %zu of the %zu bytes of %s are there",
                     r->in.len - r->in.pos, n, what);
            return fail(r, text);
        }
        }
    }
    return true;
}

/* Finds a recorded table by its address, or NULL. */
static const struct vs_recorded_table *find(const struct vs_recorded_tables *t, uint64_t at)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (t->table[mid].at < at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < t->n && t->table[low].at == at ? &t->table[low] : NULL;
}

/* Orders tables by address. */
static int by_address(const void *a, const void *b)
{
    const struct vs_recorded_table *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Reads the snapshot's header: how many tables, the root, the size of memory. */
static bool read_header(struct reader *r, struct vs_recorded_tables *t)
{
    if (!need(r, header_bytes, "the header")) {
        return false;
    }
    const uint8_t *p = r->in.buf + r->in.pos;
    uint32_t n;
    if (memcmp(p, "PTS1", 4) != 0) {
        return fail(r, "no page tables: a snapshot begins with PTS1");
    }
    memcpy(&n, p + 4, sizeof n);
    t->n = n;
    t->root = vs_trace_le64(p + 8);
    t->memory = vs_trace_le64(p + 16);
    if (!n || n > most) {
        return fail(r, "corrupt: the number of tables is 0 or more than 1048576");
    }
    r->in.pos += header_bytes;
    return true;
}

/* Reads all tables, and checks that the root is one of them. */
static bool read_tables(struct reader *r, struct vs_recorded_tables *t)
{
    struct vs_recorded_table *table = NULL;
    for (size_t i = 0, cap = 0; i < t->n; i++) {
        if (!need(r, 8u + table_bytes, "a table")) {
            return false;
        }
        if (i == cap) { /* by what is there, not by what the header says */
            cap = cap ? 2 * cap : 64;
            struct vs_recorded_table *more = realloc(table, cap * sizeof *table);
            if (!more) {
                return fail(r, "not enough memory for them");
            }
            t->table = table = more;
        }
        const uint8_t *p = r->in.buf + r->in.pos;
        table[i].at = vs_trace_le64(p);
        if (table[i].at % table_bytes || table[i].at >= t->memory) {
            return fail(r, "corrupt: a table that is misaligned or outside of the memory");
        }
        memcpy(table[i].bytes, p + 8, table_bytes);
        r->in.pos += 8u + table_bytes;
    }
    if (r->in.pos != r->in.len || vs_trace_stream_fill(&r->in) != VS_TRACE_FILL_END) {
        return fail(r, "corrupt: bytes after the last table");
    }
    qsort(table, t->n, sizeof *table, by_address);
    for (size_t i = 1; i < t->n; i++) {
        if (table[i].at == table[i - 1].at) {
            return fail(r, "corrupt: a table is there twice");
        }
    }
    return find(t, t->root & VS_RADIX_ADDRESS) || fail(r, "corrupt: the root table is not there");
}

/* Reads an opened snapshot to its end, and frees everything if it is not whole. */
static struct vs_recorded_tables *finish(struct reader *r, bool opened)
{
    struct vs_recorded_tables *t = opened ? calloc(1, sizeof *t) : NULL;
    if (!t) {
        fail(r, opened ? "not enough memory" : r->in.error);
    }
    bool ok = t && read_header(r, t) && read_tables(r, t);
    vs_trace_stream_close(&r->in);
    if (!ok) {
        vs_tables_close(t);
        return NULL;
    }
    return t;
}

struct vs_recorded_tables *vs_tables_open(const char *path, char *err, size_t err_size)
{
    struct reader r = {.path = path, .err = err, .err_size = err_size};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(err, err_size, "%s: page tables: %s", path, strerror(errno));
        return NULL;
    }
    return finish(&r, vs_trace_stream_open_fd(&r.in, fd));
}

struct vs_recorded_tables *vs_tables_open_memory(const void *data, size_t size, char *err,
                                                 size_t err_size)
{
    struct reader r = {.path = "memory", .err = err, .err_size = err_size};
    return finish(&r, vs_trace_stream_open_memory(&r.in, data, size));
}

bool vs_tables_walk(const struct vs_recorded_tables *t, uint64_t gva, uint64_t *pa, bool *writable)
{
    const struct vs_radix_format *f = &vs_radix_x86_64;
    uint64_t at = t->root & f->address;
    *writable = true;
    for (unsigned level = 4; level; level--) {
        const struct vs_recorded_table *table = find(t, at);
        if (!table) {
            return false;
        }
        uint64_t e = vs_trace_le64(table->bytes + vs_radix_offset(f, level, gva));
        if (!(e & f->present)) {
            return false;
        }
        *writable = *writable && (e & f->write);
        at = e & f->address;
        if (vs_radix_is_leaf(f, level, e)) {
            uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
            *pa = (at & ~low) | (gva & low);
            return true;
        }
    }
    return false;
}

void vs_tables_close(struct vs_recorded_tables *t)
{
    if (t) {
        free((void *)(uintptr_t)t->table);
        free(t);
    }
}
