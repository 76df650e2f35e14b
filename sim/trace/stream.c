/* SPDX-License-Identifier: MIT */
/* Bytes of a trace: input in fixed blocks, hashed as it lies there, decompressed by its magic. */
#define _POSIX_C_SOURCE 200809L

#include "trace_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A trace may not choose how much memory we need: zstd -19 uses 8 MiB, xz -9 65 MiB. */
static const int max_zstd_window_log = 27;
static const uint64_t max_xz_memory = UINT64_C(256) << 20;

static const char *const codec_names[] = {"none", "zstd", "xz", "gzip", "zip"};

const char *vs_trace_stream_codec(const struct vs_trace_stream *in)
{
    return codec_names[in->codec];
}

__attribute__((format(printf, 2, 3))) static bool fail(struct vs_trace_stream *in, const char *fmt,
                                                       ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(in->error, sizeof in->error, fmt, ap);
    va_end(ap);
    in->failed = true;
    return false;
}

static uint64_t raw_offset(const struct vs_trace_stream *in)
{
    return in->raw_read - (in->raw_len - in->raw_pos);
}

static bool fail_truncated(struct vs_trace_stream *in)
{
    return fail(in,
                "the %s stream is truncated: it breaks off after %" PRIu64
                " compressed bytes; copy or record the file again",
                codec_names[in->codec], in->raw_read);
}

static bool fail_corrupt(struct vs_trace_stream *in, const char *why)
{
    return fail(in,
                "the %s stream is corrupt near compressed byte %" PRIu64
                " (%s); copy or record the file again",
                codec_names[in->codec], raw_offset(in), why);
}

/* Whole blocks, also from pipes: so the hash doesn't depend on how the writer was scheduled. */
static bool read_block(struct vs_trace_stream *in)
{
    in->raw_pos = 0;
    in->raw_len = 0;
    while (in->raw_len < VS_TRACE_RAW && !in->raw_end) {
        size_t room = VS_TRACE_RAW - in->raw_len;
        if (in->fd < 0) {
            size_t n = in->mem_left < room ? in->mem_left : room;
            if (n > 0)
                memcpy(in->raw + in->raw_len, in->mem, n);
            in->mem += n;
            in->mem_left -= n;
            in->raw_len += n;
            in->raw_end = in->mem_left == 0;
            continue;
        }
        ssize_t n = read(in->fd, in->raw + in->raw_len, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(in, "reading failed after %" PRIu64 " bytes: %s",
                        in->raw_read + in->raw_len, strerror(errno));
        if (n == 0)
            in->raw_end = true;
        in->raw_len += (size_t)n;
    }
    in->raw_read += in->raw_len;
    if (in->raw_len > 0)
        XXH64_update(in->hash, in->raw, in->raw_len);
    return true;
}

/*
 * A step moves bytes from raw to dst. It returns false after fail(); *made may be 0 when only input
 * was consumed. Sets ended when input and output are complete.
 */
static bool step_plain(struct vs_trace_stream *in, uint8_t *dst, size_t room, size_t *made)
{
    size_t n = in->raw_len - in->raw_pos;
    if (n == 0) {
        in->ended = in->raw_end;
        return true;
    }
    if (n > room)
        n = room;
    memcpy(dst, in->raw + in->raw_pos, n);
    in->raw_pos += n;
    *made = n;
    return true;
}

static bool step_zstd(struct vs_trace_stream *in, uint8_t *dst, size_t room, size_t *made)
{
    bool no_input = in->raw_pos == in->raw_len;
    if (no_input && in->raw_end && !in->mid_frame) {
        in->ended = true;
        return true;
    }
    ZSTD_inBuffer src = {in->raw, in->raw_len, in->raw_pos};
    ZSTD_outBuffer out = {dst, room, 0};
    size_t rest = ZSTD_decompressStream(in->codec_state, &out, &src);
    in->raw_pos = src.pos;
    *made = out.pos;
    if (ZSTD_isError(rest)) {
        switch (ZSTD_getErrorCode(rest)) {
        case ZSTD_error_frameParameter_windowTooLarge:
            return fail(in, "the zstd window is over 128 MiB; compress without --long (zstd -19)");
        case ZSTD_error_memory_allocation:
            return fail(in, "out of memory for the zstd window");
        case ZSTD_error_prefix_unknown:
            return fail_corrupt(in, "what follows the last frame is not zstd");
        default:
            return fail_corrupt(in, ZSTD_getErrorName(rest));
        }
    }
    in->mid_frame = rest != 0;
    if (in->mid_frame && no_input && in->raw_end && *made == 0)
        return fail_truncated(in);
    return true;
}

static bool step_xz(struct vs_trace_stream *in, uint8_t *dst, size_t room, size_t *made)
{
    lzma_stream *z = in->codec_state;
    z->next_in = in->raw + in->raw_pos;
    z->avail_in = in->raw_len - in->raw_pos;
    z->next_out = dst;
    z->avail_out = room;
    lzma_ret r = lzma_code(z, in->raw_end ? LZMA_FINISH : LZMA_RUN);
    in->raw_pos = in->raw_len - z->avail_in;
    *made = room - z->avail_out;
    switch (r) {
    case LZMA_OK:
        return true;
    case LZMA_STREAM_END:
        in->ended = true;
        return true;
    case LZMA_BUF_ERROR:
        return in->raw_end && z->avail_in == 0 ? fail_truncated(in) : true;
    case LZMA_MEM_ERROR:
        return fail(in, "out of memory for the xz dictionary");
    case LZMA_MEMLIMIT_ERROR:
        return fail(in, "the xz dictionary needs over 256 MiB; compress with xz -9 or less");
    case LZMA_FORMAT_ERROR:
        return fail_corrupt(in, "what follows the last stream is not xz");
    case LZMA_OPTIONS_ERROR:
        return fail_corrupt(in, "unsupported xz options");
    default:
        return fail_corrupt(in, "xz data error");
    }
}

static bool step_gzip(struct vs_trace_stream *in, uint8_t *dst, size_t room, size_t *made)
{
    z_stream *z = in->codec_state;
    if (!in->mid_frame) {
        /* between members; zero padding is customary (tapes) */
        while (in->raw_pos < in->raw_len && in->raw[in->raw_pos] == 0)
            in->raw_pos++;
        if (in->raw_pos == in->raw_len) {
            in->ended = in->raw_end;
            return true;
        }
        inflateReset(z);
        in->mid_frame = true;
    }
    z->next_in = in->raw + in->raw_pos;
    z->avail_in = (uInt)(in->raw_len - in->raw_pos);
    z->next_out = dst;
    z->avail_out = (uInt)room;
    int r = inflate(z, Z_NO_FLUSH);
    in->raw_pos = in->raw_len - z->avail_in;
    *made = room - z->avail_out;
    switch (r) {
    case Z_OK:
        return true;
    case Z_STREAM_END:
        in->mid_frame = false;
        return true;
    case Z_BUF_ERROR:
        return in->raw_end && z->avail_in == 0 ? fail_truncated(in) : true;
    case Z_MEM_ERROR:
        return fail(in, "out of memory for the gzip window");
    default:
        return fail_corrupt(in, z->msg ? z->msg : "gzip data error");
    }
}

/* A zip's members, one after the other. */
struct zip {
    struct archive *archive;
    bool in_member;
    char last[256];
};

/* libarchive asks for input itself. */
static la_ssize_t zip_input(struct archive *a, void *ctx, const void **data)
{
    struct vs_trace_stream *in = ctx;
    if (in->raw_pos == in->raw_len && !in->raw_end && !read_block(in)) {
        archive_set_error(a, EIO, "reading failed");
        return ARCHIVE_FATAL;
    }
    size_t n = in->raw_len - in->raw_pos;
    *data = in->raw + in->raw_pos;
    in->raw_pos = in->raw_len;
    return (la_ssize_t)n;
}

static bool start_zip(struct vs_trace_stream *in)
{
    struct zip *z = calloc(1, sizeof *z);
    in->codec_state = z;
    if (z)
        z->archive = archive_read_new();
    return z && z->archive &&
           archive_read_support_format_zip_streamable(z->archive) == ARCHIVE_OK &&
           archive_read_open(z->archive, in, NULL, zip_input, NULL) == ARCHIVE_OK;
}

static bool fail_zip(struct vs_trace_stream *in, const struct zip *z)
{
    const char *why = archive_error_string(z->archive);
    if (in->failed)
        return false; /* reading did */
    return in->raw_end ? fail_truncated(in) : fail_corrupt(in, why ? why : "zip data error");
}

/* Chunks of a trace are numbered: in another order they would be another trace. */
static bool next_member(struct vs_trace_stream *in, struct zip *z)
{
    struct archive_entry *e;
    int r = archive_read_next_header(z->archive, &e);
    if (r == ARCHIVE_EOF) {
        in->ended = true;
        return true;
    }
    if (r < ARCHIVE_WARN)
        return fail_zip(in, z);
    const char *name = archive_entry_pathname(e);
    name = name ? name : "";
    if (strcmp(name, z->last) <= 0)
        return fail(in,
                    "the zip archive's members are not in the order of their names: '%.60s' "
                    "after '%.60s'; pack them again",
                    name, z->last);
    snprintf(z->last, sizeof z->last, "%s", name);
    z->in_member = true;
    return true;
}

static bool step_zip(struct vs_trace_stream *in, uint8_t *dst, size_t room, size_t *made)
{
    struct zip *z = in->codec_state;
    if (!z->in_member)
        return next_member(in, z);
    la_ssize_t n = archive_read_data(z->archive, dst, room);
    if (n < 0)
        return fail_zip(in, z);
    *made = (size_t)n;
    z->in_member = n > 0;
    return true;
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
        if (in->codec != VS_TRACE_ZIP && in->raw_pos == in->raw_len && !in->raw_end &&
            !read_block(in))
            break;
        uint8_t *dst = in->buf + in->len;
        size_t room = VS_TRACE_BUF - in->len;
        size_t made = 0;
        switch (in->codec) {
        case VS_TRACE_PLAIN:
            step_plain(in, dst, room, &made);
            break;
        case VS_TRACE_ZSTD:
            step_zstd(in, dst, room, &made);
            break;
        case VS_TRACE_XZ:
            step_xz(in, dst, room, &made);
            break;
        case VS_TRACE_GZIP:
            step_gzip(in, dst, room, &made);
            break;
        case VS_TRACE_ZIP:
            step_zip(in, dst, room, &made);
            break;
        }
        in->len += made;
    }
    in->buf[in->len] = 0;
    if (in->len > before)
        return VS_TRACE_FILL_MORE; /* what came before the damage is delivered first */
    return in->failed ? VS_TRACE_FILL_ERROR : VS_TRACE_FILL_END;
}

static enum vs_trace_codec recognise(const uint8_t *p, size_t n)
{
    static const uint8_t zstd[4] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[3] = {0x2a, 0x4d, 0x18}; /* after 0x50..0x5f */
    static const uint8_t xz[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    static const uint8_t gzip[3] = {0x1f, 0x8b, 8};
    if (n >= sizeof zstd && memcmp(p, zstd, sizeof zstd) == 0)
        return VS_TRACE_ZSTD;
    if (n >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, skippable, sizeof skippable) == 0)
        return VS_TRACE_ZSTD;
    if (n >= sizeof xz && memcmp(p, xz, sizeof xz) == 0)
        return VS_TRACE_XZ;
    if (n >= sizeof gzip && memcmp(p, gzip, sizeof gzip) == 0)
        return VS_TRACE_GZIP;
    if (n >= 4 && memcmp(p, "PK\003\004", 4) == 0)
        return VS_TRACE_ZIP;
    return VS_TRACE_PLAIN;
}

static bool start_codec(struct vs_trace_stream *in)
{
    switch (in->codec) {
    case VS_TRACE_ZSTD: {
        ZSTD_DCtx *z = ZSTD_createDCtx();
        in->codec_state = z;
        return z &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, max_zstd_window_log));
    }
    case VS_TRACE_XZ: {
        lzma_stream *z = calloc(1, sizeof *z);
        in->codec_state = z;
        return z && lzma_stream_decoder(z, max_xz_memory, LZMA_CONCATENATED) == LZMA_OK;
    }
    case VS_TRACE_GZIP: {
        z_stream *z = calloc(1, sizeof *z);
        if (z && inflateInit2(z, 15 + 16) != Z_OK) {
            free(z);
            z = NULL;
        }
        in->codec_state = z;
        return z != NULL;
    }
    case VS_TRACE_ZIP:
        return start_zip(in);
    case VS_TRACE_PLAIN:
        break;
    }
    return true;
}

static bool start(struct vs_trace_stream *in)
{
    in->buf = calloc(1, VS_TRACE_BUF + VS_TRACE_SLACK);
    in->raw = malloc(VS_TRACE_RAW);
    in->hash = XXH64_createState();
    if (!in->buf || !in->raw || !in->hash)
        return fail(in, "out of memory");
    XXH64_reset(in->hash, 0);
    if (!read_block(in))
        return false;
    in->codec = recognise(in->raw, in->raw_len);
    if (!start_codec(in))
        return fail(in, "out of memory");
    return true;
}

bool vs_trace_stream_open_fd(struct vs_trace_stream *in, int fd)
{
    struct stat st;
    in->fd = fd;
    if (fstat(fd, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return fail(in, "is a directory; name a trace file");
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
    switch (in->codec) {
    case VS_TRACE_ZSTD:
        ZSTD_freeDCtx(in->codec_state);
        break;
    case VS_TRACE_XZ:
        if (in->codec_state)
            lzma_end(in->codec_state);
        free(in->codec_state);
        break;
    case VS_TRACE_GZIP:
        if (in->codec_state)
            inflateEnd(in->codec_state);
        free(in->codec_state);
        break;
    case VS_TRACE_ZIP:
        if (in->codec_state)
            archive_read_free(((struct zip *)in->codec_state)->archive);
        free(in->codec_state);
        break;
    case VS_TRACE_PLAIN:
        break;
    }
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    XXH64_freeState(in->hash);
    free(in->raw);
    free(in->buf);
}
