/* SPDX-License-Identifier: MIT */
#include "replay/replay.h"

#include "replay/system.h"
#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 8192u

struct vs_replay {
    struct vs_trace *trace;
    struct vs_system *system; /* NULL: accesses of one program only */
    uint64_t skip, skipped, limit, warmup, done;
    bool marked;
    char error[1200];
    const char *path;
    size_t have, at; /* of the block */
    struct vs_trace_rec block[BLOCK];
};

struct vs_replay *vs_replay_create(struct vs_trace *trace, const char *path, uint64_t skip,
                                   uint64_t limit, uint64_t warmup, struct vs_system *system)
{
    struct vs_replay *r = calloc(1, sizeof *r);
    if (r) {
        r->trace = trace;
        r->system = system;
        r->path = path;
        r->skip = r->skipped = skip;
        r->limit = limit ? limit : UINT64_MAX;
        r->warmup = warmup;
        r->marked = warmup == 0;
    }
    return r;
}

static void fail(struct vs_replay *r, struct vs_request *out, const char *message)
{
    out->kind = VS_REQ_ERROR;
    snprintf(r->error, sizeof r->error, "%s", message);
}

/* Makes sure there is a record at `at`; false at the end or on error (out is filled). */
static bool refill(struct vs_replay *r, struct vs_request *out)
{
    while (r->at == r->have) {
        long n = vs_trace_read(r->trace, r->block, BLOCK);
        if (n < 0) {
            fail(r, out, vs_trace_error(r->trace));
            return false;
        }
        if (n == 0) {
            char text[1100];
            if (r->skip) {
                snprintf(text, sizeof text,
                         "%s: ends before --skip is reached: %llu more records were to be skipped",
                         r->path, (unsigned long long)r->skip);
                fail(r, out, text);
            } else if (!r->marked) {
                snprintf(text, sizeof text,
                         "%s: ends within --warmup: %llu of %llu warm-up records came; nothing is "
                         "left to measure",
                         r->path, (unsigned long long)r->done, (unsigned long long)r->warmup);
                fail(r, out, text);
            } else if (r->done == r->warmup) {
                snprintf(text, sizeof text,
                         "%s: ends with the %llu records of --skip and the %llu of --warmup: none "
                         "of its records is left to measure",
                         r->path, (unsigned long long)r->skipped, (unsigned long long)r->warmup);
                fail(r, out, text);
            } else {
                out->kind = VS_REQ_END;
            }
            return false;
        }
        r->have = (size_t)n;
        r->at = r->skip < r->have ? (size_t)r->skip : r->have;
        r->skip -= r->at;
    }
    return true;
}

static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct vs_replay *r = ctx;
    (void)reply;
    memset(out, 0, sizeof *out);
    if (!r->marked && r->done == r->warmup) {
        r->marked = true;
        out->kind = VS_REQ_MARK;
        memcpy(out->name, "roi", 4);
        return;
    }
    uint64_t left = r->marked ? r->limit - (r->done - r->warmup) : r->warmup - r->done;
    if (r->system && vs_system_pending(r->system)) {
        vs_system_next(r->system, NULL, 0, out);
        return;
    }
    if (!left) {
        out->kind = VS_REQ_END;
        return;
    }
    if (!refill(r, out)) {
        return;
    }
    size_t n = r->have - r->at;
    n = left < n ? (size_t)left : n;
    if (r->system) {
        n = vs_system_next(r->system, &r->block[r->at], n, out);
        if (out->kind == VS_REQ_ERROR) {
            fail(r, out, "replay: no memory is left for the pages of the recording");
        }
    } else {
        out->kind = VS_REQ_TRACE;
        out->records = &r->block[r->at];
        out->n_records = n;
    }
    r->at += n;
    r->done += n;
}

static const char *error(void *ctx)
{
    const struct vs_replay *r = ctx;
    return r->error;
}

static void close_nothing(void *ctx)
{
    (void)ctx; /* destroyed by its owner, who still asks for the hash */
}

void vs_replay_source(struct vs_replay *r, struct vs_guest_source *out)
{
    *out = (struct vs_guest_source){r, next, error, close_nothing};
}

void vs_replay_destroy(struct vs_replay *r)
{
    if (r) {
        vs_trace_close(r->trace);
        vs_system_destroy(r->system);
        free(r);
    }
}
