/* SPDX-License-Identifier: MIT */
/*
 * A compression or an archive between a file and a decoder: takes bytes from below, makes those
 * that it holds. A new one is an implementation of struct vs_codec and a line in codec.c.
 */
#ifndef VS_SIM_TRACE_LAYER_H
#define VS_SIM_TRACE_LAYER_H

#include "trace_internal.h"

/* Bytes from somewhere: how many came, 0 at the end, -1 after a failure. */
struct vs_source {
    long (*read)(void *ctx, uint8_t *dst, size_t room);
    void *ctx;
};

struct vs_codec {
    const char *name;
    bool (*is)(const uint8_t *head, size_t n); /* by content alone */
    bool (*open)(struct vs_layer *l);
    /* Moves bytes from below to dst: false after a failure; *made may be 0 when only input was
     * consumed; sets `ended` when input and output are complete. */
    bool (*step)(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made);
    void (*close)(struct vs_layer *l);
};

struct vs_layer {
    struct vs_trace_stream *in;
    const struct vs_codec *codec;
    struct vs_source below;
    struct vs_layer *lower; /* of the same stack, NULL: the lowest */
    void *state;
    size_t at, have; /* of raw */
    bool end;        /* nothing comes from below any more */
    bool broken;     /* damage follows what is in raw */
    bool spent;      /* damage follows what it has made */
    bool ended, mid_frame, text, raw_is_file;
    uint8_t raw[VS_TRACE_RAW];
};

/* Of these bytes; NULL: none, they are the contents. */
const struct vs_codec *vs__codec_of(const uint8_t *head, size_t n);
extern const struct vs_codec vs__codec_zip, vs__codec_tar, vs__codec_bzip2, vs__codec_lz4,
    vs__codec_lzip, vs__codec_compress;

/* A stack of layers over a source, as its bytes announce them; NULL after a failure. */
struct vs_layer *vs__layers_open(struct vs_trace_stream *in, struct vs_source from);
long vs__layers_read(struct vs_layer *top, uint8_t *dst, size_t room);
void vs__layers_close(struct vs_layer *top); /* NULL is allowed */

/* Makes sure there is input, if any is left; false after a failure. */
bool vs__layer_input(struct vs_layer *l);
__attribute__((format(printf, 2, 3))) bool vs__stream_fail(struct vs_trace_stream *in,
                                                           const char *fmt, ...);
bool vs__layer_truncated(struct vs_layer *l);
bool vs__layer_corrupt(struct vs_layer *l, const char *why);

#endif
