/* SPDX-License-Identifier: MIT */
#include "replay/replay.h"

#include "replay/system.h"
#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 8192u

struct lane {
    struct vs_replay *r;
    struct vs_system *system; /* NULL: accesses of one program only */
    unsigned processor;
    bool ended;
};

struct vs_replay {
    struct vs_trace *trace;
    const char *path;
    struct vs_parts parts;
    struct lane lane[VS_REPLAY_LANES];
    unsigned n_lanes, turn; /* the lane that has it */
    unsigned first;         /* vCPU of lane 0 */
    unsigned together, leader;
    bool over;
    char error[1200];
    size_t have, at, ready; /* of the block; ready: of the present part, from `at` */
    bool ends;              /* the part ends behind them */
    uint32_t split;         /* and so many instructions of the next record */
    struct vs_trace_rec rest;
    struct vs_trace_rec block[BLOCK];
};

struct vs_replay *vs_replay_create(struct vs_trace *trace, const char *path,
                                   const struct vs_parts_wanted *wanted)
{
    struct vs_replay *r = calloc(1, sizeof *r);
    if (r) {
        r->trace = trace;
        r->path = path;
        vs_parts_begin(&r->parts, wanted);
    }
    return r;
}

void vs_replay_lane(struct vs_replay *r, unsigned processor, struct vs_system *system)
{
    r->lane[r->n_lanes++] = (struct lane){r, system, processor, false};
}

unsigned vs_replay_lanes(const struct vs_replay *r)
{
    return r->n_lanes;
}

uint64_t vs_replay_measured(const struct vs_replay *r)
{
    return r->parts.measured;
}

void vs_replay_together(struct vs_replay *r, unsigned traces, unsigned leader)
{
    r->together = traces;
    r->leader = leader;
}

/* Ends the replay with a message. */
static void fail(struct vs_replay *r, struct vs_request *out, const char *message)
{
    out->kind = VS_REQ_ERROR;
    snprintf(r->error, sizeof r->error, "%s", message);
}

/* Makes sure there is a record at `at`; false at the end or on error (out is filled). */
static bool refill(struct vs_replay *r, struct vs_request *out)
{
    if (r->at < r->have) {
        return true;
    }
    long n = vs_trace_read(r->trace, r->block, BLOCK);
    r->at = 0;
    r->have = n > 0 ? (size_t)n : 0;
    if (n < 0) {
        fail(r, out, vs_trace_error(r->trace));
    } else if (!n) {
        r->over = vs_parts_end(&r->parts, r->path, r->error, sizeof r->error);
        out->kind = r->over ? VS_REQ_END : VS_REQ_ERROR;
    }
    return n > 0;
}

/* The region of interest begins, when all traces are there. */
static void begin_roi(struct vs_replay *r, struct vs_request *out)
{
    if (r->together > 1u) {
        out->kind = VS_REQ_TOGETHER;
        out->a = r->together;
        out->b = r->leader;
        return;
    }
    out->kind = VS_REQ_MARK;
    memcpy(out->name, "roi", 4);
}

/* Records of the present part, or what comes before them: false, and out says it. */
static bool records_are_ready(struct vs_replay *r, struct vs_request *out)
{
    while (!r->ready && !r->split) {
        if (r->ends) {
            r->ends = false;
            vs_parts_next(&r->parts);
            if (r->parts.part == VS_PART_MEASURED && r->parts.wanted.warmup.n) {
                begin_roi(r, out);
                return false;
            }
        }
        if (r->parts.part == VS_PART_OVER) {
            r->over = true;
            out->kind = VS_REQ_END;
            return false;
        }
        if (!refill(r, out)) {
            return false;
        }
        bool skipped = r->parts.part == VS_PART_SKIP;
        r->ready = vs_parts_take(&r->parts, &r->block[r->at], r->have - r->at, &r->ends, &r->split);
        if (skipped) {
            r->at += r->ready;
            r->ready = r->split = 0;
        }
    }
    return true;
}

/* The processor that a record is of. */
static unsigned processor(const struct vs_trace_rec *rec)
{
    return rec->flags >> VS_TRACE_PROCESSOR;
}

/* The lane whose records come next; n_lanes: none has that processor. */
static unsigned lane_of(const struct vs_replay *r, unsigned of)
{
    unsigned i = 0;
    while (i < r->n_lanes && r->lane[i].processor != of) {
        i++;
    }
    return i;
}

/* Passes the turn to another vCPU. */
static void pass(struct vs_replay *r, unsigned to, bool back, struct vs_request *out)
{
    r->turn = to;
    out->kind = VS_REQ_TURN;
    out->a = r->first + to;
    out->b = !back;
}

/* Nothing is left: each lane ends, one after the other. */
static void end(struct vs_replay *r, struct lane *l, struct vs_request *out)
{
    l->ended = true;
    for (unsigned i = 0; i < r->n_lanes; i++) {
        if (!r->lane[i].ended) {
            pass(r, i, false, out);
            return;
        }
    }
    out->kind = VS_REQ_END;
}

/* Of the records that are ready those that are this lane's; instructions that were split off. */
static void hand_out(struct vs_replay *r, struct lane *l, struct vs_request *out)
{
    struct vs_trace_rec *rec = &r->block[r->at];
    size_t n = 0;
    if (!r->ready) {
        r->rest = (struct vs_trace_rec){.kind = VS_TRACE_INSTRUCTIONS, .gap = r->split};
        r->split = 0;
        out->kind = VS_REQ_TRACE;
        out->records = &r->rest;
        out->n_records = 1;
        return;
    }
    if (l->system) {
        while (n < r->ready && processor(&rec[n]) == l->processor) {
            n++;
        }
        n = vs_system_next(l->system, rec, n, out);
        if (out->kind == VS_REQ_ERROR) {
            fail(r, out,
                 "replay: no memory of this computer is left for what is known of the "
                 "recording's pages");
        }
        for (size_t i = 0; i < n; i++) {
            rec[i].flags &= VS_TRACE_FLAGS; /* whose it is has been said */
        }
    } else {
        n = r->ready;
        out->kind = VS_REQ_TRACE;
        out->records = rec;
        out->n_records = n;
    }
    r->at += n;
    r->ready -= n;
}

/* Gives the next records of this vCPU, or passes the turn to whose they are. */
static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct lane *l = ctx;
    struct vs_replay *r = l->r;
    unsigned self = (unsigned)(l - r->lane);
    (void)reply;
    memset(out, 0, sizeof *out);
    if (l->ended) {
        out->kind = VS_REQ_END;
        return;
    }
    if (r->turn != self) {
        out->kind = VS_REQ_TURN; /* waits until it has it */
        out->a = r->first + self;
        return;
    }
    if (l->system && vs_system_pending(l->system)) {
        vs_system_next(l->system, NULL, 0, out);
        return;
    }
    if (r->over || !records_are_ready(r, out)) {
        if (r->over) {
            end(r, l, out);
        }
        return;
    }
    unsigned whose = l->system ? lane_of(r, processor(&r->block[r->at])) : self;
    if (whose == self) {
        hand_out(r, l, out);
    } else if (whose < r->n_lanes) {
        pass(r, whose, true, out);
    } else {
        char text[1100];
        snprintf(
            text, sizeof text,
            "%s: a record of processor %u, after those of processor %u: a recording of several "
            "processors is replayed from a file, which is read twice; not from a pipe",
            r->path, processor(&r->block[r->at]), l->processor);
        fail(r, out, text);
    }
}

/* The replay's message. */
static const char *error(void *ctx)
{
    const struct lane *l = ctx;
    return l->r->error;
}

/* Closes nothing, since the owner still asks for the hash. */
static void close_nothing(void *ctx)
{
    (void)ctx; /* destroyed by its owner, who still asks for the hash */
}

void vs_replay_source(struct vs_replay *r, unsigned lane, unsigned first,
                      struct vs_guest_source *out)
{
    r->first = first;
    *out = (struct vs_guest_source){&r->lane[lane], next, error, close_nothing, NULL};
}

void vs_replay_destroy(struct vs_replay *r)
{
    if (r) {
        vs_trace_close(r->trace);
        for (unsigned i = 0; i < r->n_lanes; i++) {
            vs_system_destroy(r->lane[i].system);
        }
        free(r);
    }
}

enum vs_status vs_replay_count(const char *path, const char *format,
                               const struct vs_parts_wanted *wanted, struct vs_replay_census *out)
{
    char err[1200];
    struct vs_parts parts;
    memset(out, 0, sizeof *out);
    struct vs_trace_rec *rec = malloc(BLOCK * sizeof *rec);
    struct vs_trace *t = rec ? vs_trace_open(path, format, err, sizeof err) : NULL;
    vs_parts_begin(&parts, wanted);
    for (long n; t && parts.part < VS_PART_OVER && (n = vs_trace_read(t, rec, BLOCK)) > 0;) {
        for (size_t at = 0; at < (size_t)n && parts.part < VS_PART_OVER;) {
            bool ends;
            uint32_t split;
            bool skipped = parts.part == VS_PART_SKIP, measured = parts.part == VS_PART_MEASURED;
            size_t k = vs_parts_take(&parts, rec + at, (size_t)n - at, &ends, &split);
            size_t end = at + k + (split != 0);
            for (size_t i = at; i < end && !skipped; i++) {
                out->replayed[processor(&rec[i])]++;
                out->measured[processor(&rec[i])] += measured;
            }
            at += k;
            if (ends) {
                vs_parts_next(&parts);
            }
        }
    }
    vs_trace_close(t);
    free(rec);
    return rec ? VS_OK : VS_E_NOMEM;
}
