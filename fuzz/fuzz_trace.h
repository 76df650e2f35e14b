/* SPDX-License-Identifier: MIT */
/* What must hold for any bytes given to the trace readers. */
#ifndef VS_FUZZ_TRACE_H
#define VS_FUZZ_TRACE_H

#include "../sim/trace/trace_internal.h"

#include <stdlib.h>

struct fuzz_sum {
    uint64_t records;
    uint64_t hash;
    long end;
};

static inline void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static inline struct fuzz_sum fuzz_read(const uint8_t *data, size_t size, const char *format,
                                        size_t portion)
{
    struct vs_trace_rec r[256];
    struct fuzz_sum s = {0, 0, -2};
    char err[1024] = "";
    struct vs_trace *t = vs_trace_open_memory(data, size, format, err, sizeof err);
    if (!t) {
        fuzz_must(err[0] != 0);
        return s;
    }
    /* a decompressed gigabyte proves no more than a megabyte */
    while (s.records < 100000 && (s.end = vs_trace_read(t, r, portion)) > 0) {
        fuzz_must((size_t)s.end <= portion);
        for (long i = 0; i < s.end; i++) {
            fuzz_must(r[i].size >= 1 && r[i].size <= VS_TRACE_MAX_SIZE);
            fuzz_must(r[i].kind <= VS_TRACE_MARK);
            fuzz_must(r[i].addr <= UINT64_MAX - (r[i].size - 1));
            s.hash = (s.hash ^ r[i].addr ^ r[i].size ^ r[i].kind) * UINT64_C(0x9e3779b185ebca87);
        }
        s.records += (uint64_t)s.end;
    }
    fuzz_must(s.records > 0); /* open() has seen the first one */
    fuzz_must((s.end == -1) == (vs_trace_error(t)[0] != 0));
    fuzz_must(vs_trace_info(t).records == s.records);
    vs_trace_close(t);
    return s;
}

static inline void fuzz_trace(const uint8_t *data, size_t size, const char *format)
{
    struct fuzz_sum a = fuzz_read(data, size, format, 256);
    struct fuzz_sum b = fuzz_read(data, size, format, 3);
    if (a.records < 100000) {
        fuzz_must(a.records == b.records && a.hash == b.hash);
        fuzz_must((a.end < 0) == (b.end < 0));
    }
}

#endif
