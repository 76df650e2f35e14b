/* SPDX-License-Identifier: MIT */
/* Shared by the tests of the trace readers: opening bytes, making traces, compressing them. */
#ifndef VS_SIM_TRACE_TEST_TRACE_H
#define VS_SIM_TRACE_TEST_TRACE_H

#include "trace_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <lzma.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function" /* each test uses a part */
#endif

enum { N_CODECS = 4 };

static inline void source_path(char *dst, size_t size, const char *relative)
{
    snprintf(dst, size, "%s/%s", VS_SOURCE_DIR, relative);
}

/* One trace is open at a time; its bytes are copied so that overruns are seen by ASan. */
static struct vs_trace *last;
static void *last_bytes;

static inline void close_last(void)
{
    vs_trace_close(last);
    free(last_bytes);
    last = NULL;
    last_bytes = NULL;
}

static inline struct vs_trace *open_bytes(const void *data, size_t size, const char *format)
{
    char err[1024] = "";
    last_bytes = malloc(size ? size : 1);
    assert_non_null(last_bytes);
    memcpy(last_bytes, data, size);
    last = vs_trace_open_memory(last_bytes, size, format, err, sizeof err);
    assert_string_equal(err, "");
    assert_non_null(last);
    return last;
}

static inline struct vs_trace *open_text(const char *text, const char *format)
{
    return open_bytes(text, strlen(text), format);
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("\"%s\" lacks \"%s\"", text, part);                                           \
    } while (0)

#define assert_rec(r, k, a, s)                                                                     \
    do {                                                                                           \
        assert_int_equal((r).kind, k);                                                             \
        assert_true((r).addr == (a));                                                              \
        assert_int_equal((r).size, s);                                                             \
    } while (0)

static inline void put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void champsim_record(uint8_t *p, uint64_t ip, const uint64_t load[4],
                                   const uint64_t store[2])
{
    memset(p, 0, 64);
    put64(p, ip);
    for (int i = 0; i < 2; i++)
        put64(p + 16 + 8 * i, store[i]);
    for (int i = 0; i < 4; i++)
        put64(p + 32 + 8 * i, load[i]);
}

/* Lackey text of about `lines` lines of many lengths, banners among them; caller frees. */
static inline char *make_lackey(size_t lines, size_t *size, size_t *records)
{
    char *text = malloc(lines * 48);
    assert_non_null(text);
    uint64_t x = 12345;
    size_t k = 0;
    *records = 0;
    for (size_t i = 0; i < lines; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (i % 97 == 0) {
            k += (size_t)sprintf(text + k, "==123== %.*s\n", (int)(x % 20), "....................");
            continue;
        }
        static const char *const kinds[] = {"I ", " L", " S", " M"};
        k +=
            (size_t)sprintf(text + k, "%s %08llx,%u\n", kinds[x & 3],
                            (unsigned long long)(x >> (8 + x % 33)), 1 + (unsigned)(x >> 40) % 512);
        ++*records;
    }
    *size = k;
    return text;
}

/* 0 plain, 1 zstd, 2 xz, 3 gzip, all with their checksums; caller frees. */
static inline uint8_t *compress_as(int codec, const void *data, size_t size, size_t *packed)
{
    size_t room = size + size / 2 + 4096;
    uint8_t *out = malloc(room);
    assert_non_null(out);
    if (codec == 0) {
        memcpy(out, data, size);
        *packed = size;
    } else if (codec == 1) {
        ZSTD_CCtx *z = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
        *packed = ZSTD_compress2(z, out, room, data, size);
        assert_false(ZSTD_isError(*packed));
        ZSTD_freeCCtx(z);
    } else if (codec == 2) {
        *packed = 0;
        assert_int_equal(
            lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, size, out, packed, room),
            LZMA_OK);
    } else {
        z_stream z = {0};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = data;
        z.avail_in = (uInt)size;
        z.next_out = out;
        z.avail_out = (uInt)room;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        *packed = z.total_out;
        deflateEnd(&z);
    }
    return out;
}

/* Of a whole trace, by kind of its records. */
struct counts {
    uint64_t kind[4];
    int end; /* 0 or -1 */
};

static inline struct counts count(struct vs_trace *t)
{
    static struct vs_trace_rec recs[5000];
    struct counts c = {{0}, 0};
    long n;
    while ((n = vs_trace_read(t, recs, 5000)) > 0)
        for (long i = 0; i < n; i++)
            c.kind[recs[i].kind]++;
    c.end = (int)n;
    return c;
}

static inline void expect_counts(const char *path, const char *format, const uint64_t want[4])
{
    char err[1024] = "";
    struct vs_trace *t = vs_trace_open(path, NULL, err, sizeof err);
    assert_string_equal(err, "");
    assert_non_null(t);
    struct counts c = count(t);
    assert_string_equal(vs_trace_error(t), "");
    assert_int_equal(c.end, 0);
    for (int k = 0; k < 4; k++)
        assert_int_equal(c.kind[k], want[k]);
    struct vs_trace_info info = vs_trace_info(t);
    assert_string_equal(info.format, format);
    assert_int_equal(info.records, want[0] + want[1] + want[2] + want[3]);
    assert_int_equal(info.bytes_read, info.bytes_total);
    vs_trace_close(t);
}

#endif
