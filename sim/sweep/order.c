/* SPDX-License-Identifier: MIT */
/* What workers bring goes into the database in the order of points, several in one transaction. */
#include "sweep/pool.h"

#include "virtsim/ending.h"
#include "virtsim/host_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Results wait so long for others of their transaction: what a kill may cost. */
#define WAIT_S 0.2
/* Results that wait for an earlier point stay in memory up to here; beyond, in a file. */
#define HELD_BYTES (256u << 20)

enum state { OPEN, DONE, FAILED };

struct held {
    struct vs_bytes bytes;
    long at; /* in the file; -1: in memory */
    enum state state;
};

struct order {
    const struct vs_pool_order *o;
    const struct vs_pool_work *work;
    struct vs_db *db;
    struct vs_errors *errors;
    struct held *held; /* one a point */
    FILE *spill;
    size_t in_memory, next, ended, merged, failed, refused;
    int64_t first;
    double t0, stored_at;
};

/* The point at a position of the order; without a list of points they are the same. */
static size_t point_of(const struct order *r, size_t i)
{
    return r->o->points ? r->o->points[i] : i;
}

/* Hands the pool the next point of the order. */
static bool next_point(void *ctx, size_t *point)
{
    struct order *r = ctx;
    if (r->next == r->o->n) {
        return false;
    }
    *point = point_of(r, r->next++);
    return true;
}

/* Points are handed out in order: the position is found by halving. */
static size_t position_of(const struct order *r, size_t point)
{
    size_t low = 0, high = r->o->n;
    if (!r->o->points) {
        return point;
    }
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        *(r->o->points[middle] <= point ? &low : &high) = middle;
    }
    return low;
}

/* Keeps a result until its predecessors have come. */
static enum vs_status hold(struct order *r, struct held *h, struct vs_bytes *bytes)
{
    h->bytes = *bytes;
    h->at = -1;
    bytes->at = NULL;
    r->in_memory += h->bytes.n;
    if (r->in_memory <= HELD_BYTES) {
        return VS_OK;
    }
    r->spill = r->spill ? r->spill : tmpfile();
    if (!r->spill || fseek(r->spill, 0, SEEK_END) || (h->at = ftell(r->spill)) < 0 ||
        fwrite(h->bytes.at, 1, h->bytes.n, r->spill) != h->bytes.n) {
        vs_error(r->errors, "cannot keep the results that wait for an earlier point in a temporary "
                            "file; TMPDIR names another folder for it");
        return VS_E_IO;
    }
    free(h->bytes.at);
    h->bytes.at = NULL;
    r->in_memory -= h->bytes.n;
    return VS_OK;
}

/* Reads a result that was spilled to the temporary file back into memory. */
static enum vs_status bring_back(struct order *r, struct held *h)
{
    if (h->at < 0) {
        return VS_OK;
    }
    h->bytes.at = malloc(h->bytes.n);
    if (!h->bytes.at || fseek(r->spill, h->at, SEEK_SET) ||
        fread(h->bytes.at, 1, h->bytes.n, r->spill) != h->bytes.n) {
        vs_error(r->errors, "cannot read results back from a temporary file");
        return VS_E_IO;
    }
    r->in_memory += h->bytes.n;
    h->at = -1;
    return VS_OK;
}

/* Stores the result at one position, unless another sweep has stored that point meanwhile. */
static enum vs_status store_one(struct order *r, size_t i)
{
    struct held *h = &r->held[i];
    const struct vs_pool_order *o = r->o;
    int64_t run = 0;
    bool is_there = false;
    enum vs_status st = bring_back(r, h);
    if (!st && o->there) {
        st = o->there(o->ctx, point_of(r, i), &is_there);
    }
    if (st || is_there) {
        return st; /* another sweep was faster */
    }
    st = vs_db_unpack(r->db, &h->bytes, &run);
    r->first = r->first || st ? r->first : run;
    return !st && o->stored ? o->stored(o->ctx, point_of(r, i), run) : st;
}

/* Results whose predecessors have ended, in one transaction. */
static enum vs_status store_ready(struct order *r)
{
    size_t from = r->merged, i = from;
    while (i < r->o->n && r->held[i].state == FAILED) {
        i++; /* nothing of them is stored */
    }
    if (i == r->o->n || r->held[i].state == OPEN) {
        r->merged = i;
        return VS_OK;
    }
    enum vs_status st = vs_db_begin(r->db);
    for (; !st && i < r->o->n && r->held[i].state != OPEN; i++) {
        st = r->held[i].state == DONE ? store_one(r, i) : VS_OK;
    }
    st = vs_db_end(r->db, st);
    if (st) {
        if (!vs_ending_came()) {
            vs_error(r->errors, "%s", vs_db_error(r->db));
        }
        return st;
    }
    for (size_t k = from; k < i; k++) {
        if (r->held[k].bytes.at) {
            r->in_memory -= r->held[k].bytes.n;
            free(r->held[k].bytes.at);
            r->held[k].bytes.at = NULL;
        }
    }
    r->merged = i;
    r->stored_at = vs_host_seconds();
    return VS_OK;
}

/* What a message calls a point: the values it has. */
static const char *name_of(const struct order *r, const struct vs_pool_answer *a)
{
    static struct vs_point p;
    bool named = r->work->make(r->work->ctx, a->point, &p) && *p.label;
    return named ? p.label : a->died ? "the run" : "";
}

/* Takes a worker's answer: keeps its result for its turn, or counts and reports the failure. */
static enum vs_status take(void *ctx, struct vs_pool_answer *a)
{
    struct order *r = ctx;
    size_t i = position_of(r, a->point);
    enum vs_status st = VS_OK;
    if (a->status) {
        r->held[i].state = FAILED;
        r->failed++;
        r->refused += a->status == VS_E_BOUNDS;
        vs_pool_say(a, name_of(r, a), r->errors);
    } else {
        r->held[i].state = DONE;
        st = hold(r, &r->held[i], &a->bytes);
    }
    free(a->text);
    free(a->bytes.at);
    r->ended++;
    if (!st && (r->ended == r->o->n || vs_host_seconds() - r->stored_at >= WAIT_S)) {
        st = store_ready(r);
    }
    if (!st && r->o->progress) {
        r->o->progress(r->o->progress_ctx, r->ended, r->o->n, vs_host_seconds() - r->t0);
    }
    return st;
}

enum vs_status vs_pool_store(struct vs_pool *p, const struct vs_pool_order *o, struct vs_db *db,
                             int64_t *first, struct vs_errors *errors)
{
    struct order r = {.o = o, .work = vs_pool_work(p), .db = db, .errors = errors};
    r.held = calloc(o->n ? o->n : 1, sizeof *r.held);
    *first = 0;
    if (!r.held) {
        vs_error(errors, "out of memory for %zu points", o->n);
        return VS_E_NOMEM;
    }
    r.t0 = r.stored_at = vs_host_seconds();
    enum vs_status st = vs_pool_each(p, VS_POOL_RUN, next_point, take, &r, errors);
    if (st && !vs_ending_came() && st != VS_E_IO) { /* what is whole is kept */
        enum vs_status kept = store_ready(&r);
        st = st ? st : kept;
    }
    for (size_t i = 0; i < o->n; i++) {
        free(r.held[i].bytes.at);
    }
    free(r.held);
    if (r.spill) {
        fclose(r.spill);
    }
    *first = r.first;
    return st ? st : o->n && r.refused == o->n ? VS_E_BOUNDS : r.failed ? VS_E_RUN : VS_OK;
}
