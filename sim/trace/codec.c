/* SPDX-License-Identifier: MIT */
/* The compressions: zstd, xz and gzip by their own libraries; the list of all. */
#include "layer.h"

#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A trace may not choose how much memory we need: zstd -19 uses 8 MiB, xz -9 65 MiB. */
static const int max_zstd_window_log = 27;
static const uint64_t max_xz_memory = UINT64_C(256) << 20;

/* ---- zstd ---- */

/* Recognises a zstd frame, also one to be skipped. */
static bool is_zstd(const uint8_t *p, size_t n)
{
    return n >= 4 && (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
                      /* a frame to be skipped, 0x50 to 0x5f */
                      ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0));
}

/* Makes a zstd decoder with a bounded window. */
static bool open_zstd(struct vs_layer *l)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    l->state = z;
    return z && !ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, max_zstd_window_log));
}

/* Decompresses the next bytes; frames may follow one another. */
static bool step_zstd(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made)
{
    if (!vs__layer_input(l))
        return false;
    bool no_input = l->at == l->have;
    if (no_input && !l->mid_frame) {
        l->ended = true;
        return true;
    }
    ZSTD_inBuffer src = {l->raw, l->have, l->at};
    ZSTD_outBuffer out = {dst, room, 0};
    size_t rest = ZSTD_decompressStream(l->state, &out, &src);
    l->at = src.pos;
    *made = out.pos;
    if (ZSTD_isError(rest)) {
        switch (ZSTD_getErrorCode(rest)) {
        case ZSTD_error_frameParameter_windowTooLarge:
            return vs__stream_fail(
                l->in, "the zstd window is over 128 MiB; compress without --long (zstd -19)");
        case ZSTD_error_memory_allocation:
            return vs__stream_fail(l->in, "out of memory for the zstd window");
        case ZSTD_error_prefix_unknown:
            return vs__layer_corrupt(l, "what follows the last frame is not zstd");
        default:
            return vs__layer_corrupt(l, ZSTD_getErrorName(rest));
        }
    }
    l->mid_frame = rest != 0;
    return !(l->mid_frame && no_input && *made == 0) || vs__layer_truncated(l);
}

/* Frees the zstd decoder. */
static void close_zstd(struct vs_layer *l)
{
    ZSTD_freeDCtx(l->state);
}

/* ---- xz ---- */

/* Recognises xz by its magic. */
static bool is_xz(const uint8_t *p, size_t n)
{
    return n >= 6 && memcmp(p,
                            "\xfd"
                            "7zXZ\0",
                            6) == 0;
}

/* Makes an xz decoder with bounded memory for concatenated streams. */
static bool open_xz(struct vs_layer *l)
{
    lzma_stream *z = calloc(1, sizeof *z);
    l->state = z;
    return z && lzma_stream_decoder(z, max_xz_memory, LZMA_CONCATENATED) == LZMA_OK;
}

/* Decompresses the next bytes of xz. */
static bool step_xz(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made)
{
    lzma_stream *z = l->state;
    if (!vs__layer_input(l))
        return false;
    z->next_in = l->raw + l->at;
    z->avail_in = l->have - l->at;
    z->next_out = dst;
    z->avail_out = room;
    lzma_ret r = lzma_code(z, l->end ? LZMA_FINISH : LZMA_RUN);
    l->at = l->have - z->avail_in;
    *made = room - z->avail_out;
    switch (r) {
    case LZMA_OK:
        return true;
    case LZMA_STREAM_END:
        l->ended = true;
        return true;
    case LZMA_BUF_ERROR:
        return !(l->end && z->avail_in == 0) || vs__layer_truncated(l);
    case LZMA_MEM_ERROR:
        return vs__stream_fail(l->in, "out of memory for the xz dictionary");
    case LZMA_MEMLIMIT_ERROR:
        return vs__stream_fail(l->in,
                               "the xz dictionary needs over 256 MiB; compress with xz -9 or less");
    case LZMA_FORMAT_ERROR:
        return vs__layer_corrupt(l, "what follows the last stream is not xz");
    case LZMA_OPTIONS_ERROR:
        return vs__layer_corrupt(l, "unsupported xz options");
    default:
        return vs__layer_corrupt(l, "xz data error");
    }
}

/* Frees the xz decoder. */
static void close_xz(struct vs_layer *l)
{
    lzma_end(l->state);
    free(l->state);
}

/* ---- gzip ---- */

/* Recognises a gzip member with deflate in it. */
static bool is_gzip(const uint8_t *p, size_t n)
{
    return n >= 3 && memcmp(p, "\x1f\x8b\x08", 3) == 0;
}

/* Makes a decoder of gzip members. */
static bool open_gzip(struct vs_layer *l)
{
    z_stream *z = calloc(1, sizeof *z);
    if (z && inflateInit2(z, 15 + 16) != Z_OK) {
        free(z);
        z = NULL;
    }
    l->state = z;
    return z != NULL;
}

/* Decompresses the next bytes; members may follow one another, with zeros after the last. */
static bool step_gzip(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made)
{
    z_stream *z = l->state;
    if (!vs__layer_input(l))
        return false;
    if (!l->mid_frame) {
        /* between members; zero padding is customary (tapes) */
        while (l->at < l->have && l->raw[l->at] == 0)
            l->at++;
        if (l->at == l->have) {
            l->ended = l->end;
            return true;
        }
        inflateReset(z);
        l->mid_frame = true;
    }
    z->next_in = l->raw + l->at;
    z->avail_in = (uInt)(l->have - l->at);
    z->next_out = dst;
    z->avail_out = (uInt)room;
    int r = inflate(z, Z_NO_FLUSH);
    l->at = l->have - z->avail_in;
    *made = room - z->avail_out;
    switch (r) {
    case Z_OK:
        return true;
    case Z_STREAM_END:
        l->mid_frame = false;
        return true;
    case Z_BUF_ERROR:
        return !(l->end && z->avail_in == 0) || vs__layer_truncated(l);
    case Z_MEM_ERROR:
        return vs__stream_fail(l->in, "out of memory for the gzip window");
    default:
        return vs__layer_corrupt(l, z->msg ? z->msg : "gzip data error");
    }
}

/* Frees the gzip decoder. */
static void close_gzip(struct vs_layer *l)
{
    inflateEnd(l->state);
    free(l->state);
}

/* ---- all of them ---- */

static const struct vs_codec zstd = {"zstd", is_zstd, open_zstd, step_zstd, close_zstd},
                             xz = {"xz", is_xz, open_xz, step_xz, close_xz},
                             gzip = {"gzip", is_gzip, open_gzip, step_gzip, close_gzip};

const struct vs_codec *vs__codec_of(const uint8_t *head, size_t n)
{
    static const struct vs_codec *const all[] = {&zstd,
                                                 &xz,
                                                 &gzip,
                                                 &vs__codec_zip,
                                                 &vs__codec_tar,
                                                 &vs__codec_bzip2,
                                                 &vs__codec_lz4,
                                                 &vs__codec_lzip,
                                                 &vs__codec_compress};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i]->is(head, n))
            return all[i];
    return NULL;
}
