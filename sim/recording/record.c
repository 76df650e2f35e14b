/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "recording/format.h"
#include "recording/recording.h"
#include "trace/trace.h"
#include "virtsim/leftover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define LEVEL 3
#define LONGEST 16u /* bytes of one number or of theta, with room to spare */

struct lane {
    struct vs_recorder *r;
    struct vs_guest_source inner;
    struct vs_request last; /* its answer is not known yet */
    bool have, ended;
    char unknown[80]; /* why it is not written further: a request that the format does not have */
    uint32_t vcpu, requests;
    uint8_t *raw;
    size_t len, cap;
};

struct vs_recorder {
    FILE *file;
    char *path, *part;
    struct lane *lane;
    unsigned n;
    uint64_t blocks, codes; /* how many were written, and what is in them (vs_vst_bit) */
    ZSTD_CCtx *zstd;
    uint8_t *stored;
    size_t stored_cap;
    bool done;
    int error; /* errno of the first failure */
};

/* Writes bytes to the file, and keeps the first error. */
static bool put(struct vs_recorder *r, const void *data, size_t n)
{
    if (!r->error && fwrite(data, 1, n, r->file) != n) {
        r->error = errno ? errno : EIO;
    }
    return !r->error;
}

/* Writes a lane's requests as one compressed block. */
static void flush(struct lane *l)
{
    struct vs_recorder *r = l->r;
    size_t bound = ZSTD_compressBound(l->len);
    if (!l->len || r->error) {
        return;
    }
    if (bound > r->stored_cap) {
        uint8_t *more = realloc(r->stored, bound);
        if (!more) {
            r->error = ENOMEM;
            return;
        }
        r->stored = more;
        r->stored_cap = bound;
    }
    size_t n = ZSTD_compressCCtx(r->zstd, r->stored, bound, l->raw, l->len, LEVEL);
    if (ZSTD_isError(n)) {
        r->error = ENOMEM;
        return;
    }
    struct vs_vst_block b = {l->vcpu, l->requests, (uint32_t)l->len, (uint32_t)n, 0};
    b.xxh64 = vs_vst_block_sum(r->blocks, &b, r->stored);
    (void)(put(r, &b, sizeof b) && put(r, r->stored, n));
    r->blocks++;
    l->len = 0;
    l->requests = 0;
}

/* Makes room for n more bytes of a lane. */
static bool room(struct lane *l, size_t n)
{
    if (l->len + n <= l->cap) {
        return true;
    }
    size_t cap = l->cap ? l->cap : VS_VST_BLOCK;
    while (cap < l->len + n) {
        cap *= 2;
    }
    uint8_t *more = cap <= VS_VST_BLOCK_MAX ? realloc(l->raw, cap) : NULL;
    if (!more) {
        l->r->error = ENOMEM;
        return false;
    }
    l->raw = more;
    l->cap = cap;
    return true;
}

/* Writes a number in variable length, seven bits in a byte. */
static void number(struct lane *l, uint64_t v)
{
    if (!room(l, LONGEST)) {
        return;
    }
    for (; v >= 0x80; v >>= 7) {
        l->raw[l->len++] = (uint8_t)(v | 0x80);
    }
    l->raw[l->len++] = (uint8_t)v;
}

/* Differences of either sign, small ones short. */
static void difference(struct lane *l, uint64_t now, uint64_t before)
{
    uint64_t d = now - before;
    number(l, d << 1 ^ (0 - (d >> 63)));
}

/* Writes n plain bytes. */
static void bytes(struct lane *l, const void *data, size_t n)
{
    if (room(l, n)) {
        memcpy(l->raw + l->len, data, n);
        l->len += n;
    }
}

/* Writes the memory accesses of a request. */
static void records(struct lane *l, const struct vs_request *q)
{
    uint64_t before = 0;
    number(l, q->n_records);
    for (size_t i = 0; i < q->n_records; i++) {
        const struct vs_trace_rec *t = &q->records[i];
        number(l, (uint64_t)t->kind | (uint64_t)t->flags << 4 | (uint64_t)t->size << 8);
        difference(l, t->addr, before);
        number(l, t->gap);
        if (t->flags & VS_TRACE_PHYSICAL) {
            number(l, t->physical);
        }
        before = t->addr;
    }
}

/* Writes the page tables of a request. */
static void tables(struct lane *l, const struct vs_recorded_tables *t)
{
    number(l, t->root);
    number(l, t->memory);
    number(l, t->n);
    for (size_t i = 0; i < t->n; i++) {
        number(l, t->table[i].at);
        bytes(l, t->table[i].bytes, sizeof t->table[i].bytes);
    }
}

/* Writes the field of a request that a letter of its form stands for. */
static void field(struct lane *l, char letter, const struct vs_request *q, uint64_t answer)
{
    size_t n;
    switch (letter) {
    case 'A':
    case 'F':
        number(l, q->address);
        break;
    case 'B':
    case 'z':
        number(l, q->bytes);
        break;
    case 'C':
        number(l, q->count);
        break;
    case 'a':
    case 'c':
        number(l, q->a);
        break;
    case 'b':
    case 'e':
        number(l, q->b);
        break;
    case 'p':
        number(l, q->ps);
        break;
    case 's':
        number(l, q->stride);
        break;
    case 't':
        bytes(l, &q->theta, sizeof q->theta);
        break;
    case 'w':
        number(l, q->work);
        break;
    case 'o':
        number(l, q->op);
        break;
    case 'P':
        number(l, q->pattern);
        break;
    case 'k':
        number(l, q->backing);
        break;
    case 'g':
        number(l, q->page_shift);
        break;
    case 'd':
        number(l, q->depends);
        break;
    case 'x':
        number(l, q->fixed);
        break;
    case 'n':
        n = strnlen(q->name, sizeof q->name);
        number(l, n);
        bytes(l, q->name, n);
        break;
    case 'v':
        number(l, answer);
        break;
    case 'W':
        number(l, q->walks != NULL);
        for (unsigned i = 0; q->walks && i < 2u * VS_WALK_N; i++) {
            number(l, q->walks[i]);
        }
        break;
    case 'R':
        records(l, q);
        break;
    default:
        tables(l, q->tables);
        break;
    }
}

/* Writes one request and its answer. */
static void write_down(struct lane *l, const struct vs_request *q, uint64_t answer)
{
    number(l, q->kind);
    l->r->codes |= vs_vst_bit(q->kind);
    for (const char *f = vs_vst_kinds[q->kind].fields; *f; f++) {
        field(l, *f, q, answer);
    }
    l->requests++;
    if (l->len >= VS_VST_BLOCK) {
        flush(l);
    }
}

/* Takes the program's next request, and writes down the one before, whose answer is known now. */
static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct lane *l = ctx;
    if (l->have) { /* before its records are gone */
        write_down(l, &l->last, reply->value);
    }
    l->inner.next(l->inner.ctx, reply, out);
    if (out->kind != VS_REQ_ERROR && !vs_vst_has(out->kind)) {
        snprintf(l->unknown, sizeof l->unknown,
                 "--record: recordings have no request of kind %d; leave --record out",
                 (int)out->kind);
        out->kind = VS_REQ_ERROR;
    }
    l->have = out->kind != VS_REQ_END && out->kind != VS_REQ_ERROR;
    l->last = *out;
    if (out->kind == VS_REQ_END) {
        l->ended = true;
        write_down(l, out, 0);
    }
}

/* The message of the program that is recorded, or of a request the format doesn't know. */
static const char *error(void *ctx)
{
    const struct lane *l = ctx;
    return *l->unknown ? l->unknown : l->inner.error(l->inner.ctx);
}

/* Closes the program that is recorded. */
static void close_inner(void *ctx)
{
    struct lane *l = ctx;
    l->inner.close(l->inner.ctx);
}

/* The place in the program that is recorded. */
static void where(void *ctx, char *out, size_t bytes)
{
    const struct lane *l = ctx;
    if (l->inner.where) {
        l->inner.where(l->inner.ctx, out, bytes);
    }
}

void vs_recorder_wrap(struct vs_recorder *r, unsigned vcpu, struct vs_guest_source *source)
{
    struct lane *l = &r->lane[vcpu];
    l->inner = *source;
    *source = (struct vs_guest_source){l, next, error, close_inner, where};
}

/* Frees the recorder and closes its file. */
static void release(struct vs_recorder *r)
{
    for (unsigned i = 0; r->lane && i < r->n; i++) {
        free(r->lane[i].raw);
    }
    if (r->file) {
        (void)fclose(r->file);
    }
    ZSTD_freeCCtx(r->zstd);
    free(r->stored);
    free(r->lane);
    free(r->path);
    free(r->part);
    free(r);
}

struct vs_recorder *vs_recorder_create(const char *path, unsigned n_vcpus, uint64_t seed,
                                       const char *text, struct vs_errors *errors)
{
    size_t n = strlen(path), text_bytes = strnlen(text, VS_VST_TEXT_MAX);
    if (n_vcpus > VS_VST_VCPUS) {
        vs_error(errors, "--record %s: %u vCPUs; a recording has at most %u", path, n_vcpus,
                 VS_VST_VCPUS);
        return NULL;
    }
    struct stat there; /* the recording will take its place */
    bool exists = n && !stat(path, &there);
    if (exists && S_ISREG(there.st_mode) && there.st_size && !vs_recording_is(path)) {
        vs_error(errors, "--record %s: holds something that is no recording; give another name",
                 path);
        return NULL;
    }
    if (!n || (exists && !S_ISREG(there.st_mode))) {
        vs_error(errors,
                 n ? "--record %s: is a folder or a device; give the name of a file"
                   : "--record '%s': give the name of a file",
                 path);
        return NULL;
    }
    struct vs_recorder *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    r->n = n_vcpus;
    r->lane = calloc(n_vcpus, sizeof *r->lane);
    r->path = strdup(path);
    r->part = malloc(n + 6);
    r->zstd = ZSTD_createCCtx();
    if (!r->lane || !r->path || !r->part || !r->zstd) {
        release(r);
        return NULL;
    }
    for (unsigned i = 0; i < n_vcpus; i++) {
        r->lane[i].r = r;
        r->lane[i].vcpu = i;
    }
    snprintf(r->part, n + 6, "%s.part", path);
    struct vs_vst_header h = {{'V', 'S', 'T', '1'}, VS_VST_VERSION, n_vcpus,
                              (uint32_t)text_bytes, seed,           0};
    h.xxh64 = vs_vst_header_sum(&h, text);
    (void)vs_leftover(r->part);
    r->file = fopen(r->part, "wb");
    if (!r->file || !put(r, &h, sizeof h) || !put(r, text, text_bytes)) {
        vs_error(errors, "--record %s: %s", path, strerror(r->error ? r->error : errno));
        r->done = !r->file; /* a file that could not be opened is not ours to remove */
        vs_leftover_done(r->part);
        vs_recorder_free(r);
        return NULL;
    }
    return r;
}

enum vs_status vs_recorder_finish(struct vs_recorder *r, struct vs_errors *errors)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (!r->lane[i].ended) {
            vs_error(errors,
                     "--record %s: the program of vCPU %u has not come to its end; the recording "
                     "was not kept",
                     r->path, i);
            return VS_E_RUN;
        }
        flush(&r->lane[i]);
    }
    struct vs_vst_block end = {VS_VST_END, r->n, (uint32_t)r->codes, (uint32_t)(r->codes >> 32), 0};
    end.xxh64 = vs_vst_end_sum(r->blocks, &end);
    (void)put(r, &end, sizeof end);
    if (fclose(r->file) && !r->error) {
        r->error = errno;
    }
    r->file = NULL;
    if (!r->error && rename(r->part, r->path)) {
        r->error = errno;
    }
    r->done = !r->error;
    if (r->done) {
        vs_leftover_done(r->part);
    }
    if (r->error) {
        vs_error(errors, "--record %s: %s; the recording was not kept", r->path,
                 strerror(r->error));
        return VS_E_IO;
    }
    return VS_OK;
}

void vs_recorder_free(struct vs_recorder *r)
{
    if (r && !r->done && r->part) {
        (void)unlink(r->part);
        vs_leftover_done(r->part);
    }
    if (r) {
        release(r);
    }
}
