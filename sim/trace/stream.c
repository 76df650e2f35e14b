/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a trace: input in fixed blocks, hashed as it lies there, then one layer for each
 * compression or archive that its bytes announce, whichever stands in whichever, and on top a layer
 * that hands out what is none.
 */
#define _POSIX_C_SOURCE 200809L

#include "layer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { depth_max = 8, head_bytes = 1024 }; /* tar's magic is known with 512 */

/* Keeps the first error of a stream, and returns false for the caller to pass on. */
bool vs__stream_fail(struct vs_trace_stream *in, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!in->failed) {
        vsnprintf(in->error, sizeof in->error, fmt, ap);
    }
    va_end(ap);
    in->failed = true;
    return false;
}

bool vs__layer_truncated(struct vs_layer *l)
{
    return vs__stream_fail(l->in,
                           "the %s stream is truncated: the file is cut off at its byte %" PRIu64
                           "; copy or record it again",
                           l->codec->name, l->in->raw_read);
}

bool vs__layer_corrupt(struct vs_layer *l, const char *why)
{
    return vs__stream_fail(
        l->in,
        "the %s stream is corrupt near byte %" PRIu64 " of the file (%s); copy or record it again",
        l->codec->name, l->in->raw_read - (l->raw_is_file ? l->have - l->at : 0), why);
}

/* Whole blocks, also from pipes: so the hash doesn't depend on how the writer was scheduled. */
static long read_block(void *ctx, uint8_t *dst, size_t room)
{
    struct vs_trace_stream *in = ctx;
    size_t have = 0;
    while (have < room && !in->raw_end) {
        size_t left = room - have;
        if (in->fd < 0) {
            size_t n = in->mem_left < left ? in->mem_left : left;
            if (n > 0)
                memcpy(dst + have, in->mem, n);
            in->mem += n;
            in->mem_left -= n;
            have += n;
            in->raw_end = in->mem_left == 0;
            continue;
        }
        ssize_t n = read(in->fd, dst + have, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vs__stream_fail(in, "reading failed after %" PRIu64 " bytes: %s", in->raw_read + have,
                            strerror(errno));
            return -1;
        }
        if (n == 0)
            in->raw_end = true;
        have += (size_t)n;
    }
    in->raw_read += have;
    if (have > 0)
        XXH64_update(in->hash, dst, have);
    return (long)have;
}

bool vs__layer_input(struct vs_layer *l)
{
    if (l->at < l->have || l->end)
        return true;
    if (l->broken) {
        l->in->failed = true; /* the message is there */
        return false;
    }
    long n = l->below.read(l->below.ctx, l->raw, VS_TRACE_RAW);
    l->at = 0;
    l->have = n > 0 ? (size_t)n : 0;
    l->end = n == 0;
    return n >= 0;
}

/* The message stands; it counts when what came before the damage has been read. */
static void put_off(struct vs_layer *l)
{
    l->broken = true;
    l->in->failed = false;
}

/* Reads decompressed bytes of a layer; what came out before damage is given first. */
static long layer_read(void *ctx, uint8_t *dst, size_t room)
{
    struct vs_layer *l = ctx;
    size_t made = 0;
    if (l->spent) {
        l->in->failed = true;
        return -1;
    }
    while (!made && !l->ended) {
        if (!l->codec->step(l, dst, room, &made)) {
            if (!made)
                return -1;
            l->spent = true;
            put_off(l);
        }
    }
    return (long)made;
}

/* ---- the layer on top ---- */

/* Says whether bytes look like text: no control characters but blanks, line ends and escape. */
static bool is_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < 9 || (p[i] > 13 && p[i] < 32 && p[i] != 27))
            return false;
    return n > 0;
}

/* Line ends of a carriage return alone become line feeds; those of both are the decoders'. */
static bool line_ends(struct vs_layer *l, uint8_t *p, size_t n)
{
    for (uint8_t *cr = p; (cr = memchr(cr, '\r', n - (size_t)(cr - p))); cr++) {
        if (cr + 1 == p + n && !vs__layer_input(l))
            return false;
        uint8_t next = cr + 1 < p + n ? cr[1] : l->at < l->have ? l->raw[l->at] : 0;
        if (next != '\n')
            *cr = '\n';
        if (cr + 1 == p + n)
            break;
    }
    return true;
}

/* Passes bytes on as they are, for a layer that isn't compressed. */
static bool step_plain(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made)
{
    if (!vs__layer_input(l))
        return false;
    size_t n = l->have - l->at;
    if (n == 0) {
        l->ended = true;
        return true;
    }
    n = n < room ? n : room;
    memcpy(dst, l->raw + l->at, n);
    l->at += n;
    *made = n;
    return !l->text || line_ends(l, dst, n);
}

static const struct vs_codec plain = {"none", NULL, NULL, step_plain, NULL};

/* ---- the stack of layers ---- */

void vs__layers_close(struct vs_layer *top)
{
    while (top) {
        struct vs_layer *below = top->lower;
        if (top->codec && top->codec->close && top->state)
            top->codec->close(top);
        free(top);
        top = below;
    }
}

/* A layer whose input begins with what decides about it; NULL after a failure. */
static struct vs_layer *new_layer(struct vs_trace_stream *in, struct vs_source below,
                                  struct vs_layer *lower)
{
    struct vs_layer *l = calloc(1, sizeof *l);
    if (!l) {
        vs__stream_fail(in, "out of memory");
        return NULL;
    }
    l->in = in;
    l->below = below;
    l->lower = lower;
    l->raw_is_file = below.read == read_block;
    long n = 1;
    while (n > 0 && l->have < head_bytes) {
        n = below.read(below.ctx, l->raw + l->have, VS_TRACE_RAW - l->have);
        l->have += n > 0 ? (size_t)n : 0;
    }
    l->end = n == 0;
    if (n < 0 && !l->have) {
        free(l);
        return NULL;
    }
    if (n < 0)
        put_off(l);
    return l;
}

/* Those of the outermost stack, for people. */
static void add_name(struct vs_trace_stream *in, const char *name)
{
    size_t n = strlen(in->names);
    snprintf(in->names + n, sizeof in->names - n, "%s%s", n ? "+" : "", name);
}

struct vs_layer *vs__layers_open(struct vs_trace_stream *in, struct vs_source from)
{
    struct vs_layer *top = NULL;
    if (in->depth > depth_max) {
        vs__stream_fail(in, "more than %d archives or compressions within each other; unpack it",
                        (int)depth_max);
        return NULL;
    }
    for (;;) {
        struct vs_layer *l = new_layer(in, from, top);
        if (!l) {
            vs__layers_close(top);
            return NULL;
        }
        top = l;
        l->codec = vs__codec_of(l->raw, l->have);
        if (!l->codec) {
            l->codec = &plain;
            l->text = is_text(l->raw, l->have);
            static const uint8_t bom[3] = {0xef, 0xbb, 0xbf}; /* of UTF-8: editors' mark */
            l->at += l->text && l->have > sizeof bom && !memcmp(l->raw, bom, sizeof bom) ? 3u : 0u;
            return top;
        }
        if (!in->named)
            add_name(in, l->codec->name);
        if (++in->depth > depth_max || !l->codec->open(l)) {
            vs__stream_fail(
                in,
                in->depth > depth_max
                    ? "more than %d archives or compressions within each other; unpack it"
                    : "out of memory",
                (int)depth_max);
            vs__layers_close(top);
            return NULL;
        }
        from = (struct vs_source){layer_read, l};
    }
}

long vs__layers_read(struct vs_layer *top, uint8_t *dst, size_t room)
{
    return layer_read(top, dst, room);
}

enum vs_trace_fill vs_trace_stream_fill(struct vs_trace_stream *in)
{
    if (in->pos > 0) {
        memmove(in->buf, in->buf + in->pos, in->len - in->pos);
        in->base += in->pos;
        in->len -= in->pos;
        in->pos = 0;
        in->buf[in->len] = 0;
    }
    if (in->len == VS_TRACE_BUF)
        return VS_TRACE_FILL_FULL;
    size_t before = in->len;
    while (in->len < VS_TRACE_BUF && !in->ended && !in->failed) {
        long n = layer_read(in->top, in->buf + in->len, VS_TRACE_BUF - in->len);
        in->ended = n == 0;
        in->len += n > 0 ? (size_t)n : 0;
    }
    in->buf[in->len] = 0;
    if (in->len > before)
        return VS_TRACE_FILL_MORE; /* what came before the damage is delivered first */
    return in->failed ? VS_TRACE_FILL_ERROR : VS_TRACE_FILL_END;
}

/* Makes a stream's buffers and opens the first layer on its input. */
static bool start(struct vs_trace_stream *in)
{
    in->buf = calloc(1, VS_TRACE_BUF + VS_TRACE_SLACK);
    in->hash = XXH64_createState();
    if (!in->buf || !in->hash)
        return vs__stream_fail(in, "out of memory");
    XXH64_reset(in->hash, 0);
    in->top = vs__layers_open(in, (struct vs_source){read_block, in});
    in->named = true;
    return in->top || in->raw_read; /* damage at once is met by who reads, who says where */
}

const char *vs_trace_stream_codec(const struct vs_trace_stream *in)
{
    return *in->names ? in->names : "none";
}

bool vs_trace_stream_open_fd(struct vs_trace_stream *in, int fd)
{
    struct stat st;
    in->fd = fd;
    if (fstat(fd, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return vs__stream_fail(in, "is a directory; name a trace file");
        if (S_ISREG(st.st_mode))
            in->raw_total = (uint64_t)st.st_size;
    }
    return start(in);
}

bool vs_trace_stream_open_memory(struct vs_trace_stream *in, const void *data, size_t size)
{
    in->fd = -1;
    in->mem = data;
    in->mem_left = size;
    in->raw_total = size;
    return start(in);
}

uint64_t vs_trace_stream_hash(const struct vs_trace_stream *in)
{
    return in->hash ? XXH64_digest(in->hash) : 0;
}

void vs_trace_stream_close(struct vs_trace_stream *in)
{
    vs__layers_close(in->top);
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    XXH64_freeState(in->hash);
    free(in->buf);
}
