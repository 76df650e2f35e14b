/* SPDX-License-Identifier: MIT */
/*
 * Between the reader (trace.c), the byte stream (stream.c) and the decoders (one file per format).
 *
 * A decoder looks at the bytes in->buf[in->pos .. in->len), advances in->pos past what it has
 * turned into records, and asks vs_trace_stream_fill() for more. Contract of decode():
 *   - returns > 0 records, 0 at the clean end, -1 after vs_trace_fail();
 *   - it may return short; trouble met after some records is left where it stands and met again,
 *     as the first thing, by the next call. So decoders need no error state.
 */
#ifndef VS_SIM_TRACE_INTERNAL_H
#define VS_SIM_TRACE_INTERNAL_H

#include "trace.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the trace decoders load little-endian words directly"
#endif

enum {
    VS_TRACE_BUF = 256 * 1024, /* also the longest line that a text format may have */
    VS_TRACE_RAW = 64 * 1024,
    VS_TRACE_SLACK = 64, /* readable bytes behind the data, the first of them 0 */
    VS_TRACE_MAX_SIZE = 4096
};

enum vs_trace_fill {
    VS_TRACE_FILL_MORE,  /* at least one byte was added */
    VS_TRACE_FILL_END,   /* clean end of the input */
    VS_TRACE_FILL_FULL,  /* no room: VS_TRACE_BUF bytes are pending */
    VS_TRACE_FILL_ERROR, /* in->error says why */
};

struct vs_layer;

struct vs_trace_stream {
    /* decompressed side: what decoders see */
    uint8_t *buf; /* VS_TRACE_BUF + VS_TRACE_SLACK; buf[len] is always 0 */
    size_t pos;
    size_t len;
    uint64_t base; /* offset of buf[0] in the decompressed trace */
    bool ended;
    bool failed;
    char error[320];

    /* raw side */
    int fd; /* -1: memory only */
    const uint8_t *mem;
    size_t mem_left;
    bool raw_end;
    uint64_t raw_read;
    uint64_t raw_total;
    void *hash; /* XXH64_state_t */

    /* between them: compressions and archives (layer.h) */
    struct vs_layer *top;
    unsigned depth;
    bool named;     /* `names` is complete */
    char names[96]; /* outermost first; "": none */
    /* whether an archive's member begins a trace; NULL: all of them belong to it */
    bool (*begins)(const uint8_t *head, size_t n, bool complete);
};

struct vs_trace {
    struct vs_trace_stream in;
    const struct vs_trace_format *format;
    void *state; /* format->state_size zeroed bytes */
    char *name;
    uint64_t decoded;   /* records returned by decode() */
    uint64_t delivered; /* records returned by vs_trace_read() */
    uint64_t foreign;
    bool failed;
    char error[1024];
    /* decoded by open() to know that the beginning is sound */
    struct vs_trace_rec first[64];
    size_t first_pos;
    size_t first_len;
    /* memo.h: where blocks are kept, and which is next; NULL: nowhere */
    struct vs_trace_memo *memo;
    size_t block;
    bool played;               /* blocks come from the memo, `in` is not open */
    const char *asked;         /* then: the format that was asked for; NULL: detected */
    struct vs_trace_info info; /* then */
};

/* stream.c */
bool vs_trace_stream_open_fd(struct vs_trace_stream *in, int fd);
bool vs_trace_stream_open_memory(struct vs_trace_stream *in, const void *data, size_t size);
enum vs_trace_fill vs_trace_stream_fill(struct vs_trace_stream *in);
const char *vs_trace_stream_codec(const struct vs_trace_stream *in);
uint64_t vs_trace_stream_hash(const struct vs_trace_stream *in);
void vs_trace_stream_close(struct vs_trace_stream *in);

/* The offset, in the decompressed trace, of the next byte. */
static inline uint64_t vs_trace_offset(const struct vs_trace_stream *in)
{
    return in->base + in->pos;
}

/* For decoders: sets the error "FILE: UNIT number at byte offset X: WHAT" and returns -1. */
__attribute__((format(printf, 4, 5))) long vs_trace_fail(struct vs_trace *t, const char *unit,
                                                         uint64_t number, const char *fmt, ...);
/* The same for a failure of the container (in.error), which says what came before it: "FILE: after
 * UNIT number - 1, at byte offset X: WHAT". */
long vs_trace_fail_stream(struct vs_trace *t, const char *unit, uint64_t number);

/* Makes up to max bytes of a text printable; returns dst. */
char *vs_trace_quote(char *dst, size_t dst_size, const uint8_t *text, size_t n, size_t max);

/* Like vs_trace_open() from memory; data must outlive the trace. For tests and fuzzing. */
struct vs_trace *vs_trace_open_memory(const void *data, size_t size, const char *format, char *err,
                                      size_t err_size);

/* Reads a little-endian number of 64 bits. */
static inline uint64_t vs_trace_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* one pair per format, and its state */
struct vs_trace_text {
    uint64_t lines; /* consumed; all kinds of lines */
};
bool vs_trace_lackey_detect(const uint8_t *head, size_t n, bool complete);
bool vs_trace_lackey_mixed_detect(const uint8_t *head, size_t n, bool complete);
long vs_trace_lackey_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);
long vs_trace_lackey_mixed_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);

/* Records of one instruction or entry, those of them that found no room in a call wait here. */
enum { VS_TRACE_WAITING = 9 }; /* one of ChampSim's instructions has that many, a bundle eight */
struct vs_trace_waiting {
    size_t pos, len;
    struct vs_trace_rec rec[VS_TRACE_WAITING];
};
/* Gives up to n of the records that wait; returns how many. */
static inline size_t vs_trace_hand_out(struct vs_trace_waiting *w, struct vs_trace_rec *out,
                                       size_t n)
{
    size_t k = w->len - w->pos;
    k = k < n ? k : n;
    memcpy(out, w->rec + w->pos, k * sizeof *out);
    w->pos += k;
    return k;
}

struct vs_trace_champsim {
    uint64_t instructions;
    struct vs_trace_waiting waiting;
};
/* ChampSim's records, of 64 bytes an instruction, and those of CloudSuite's fork. */
bool vs_trace_champsim_detect(const uint8_t *head, size_t n, bool complete);
long vs_trace_champsim_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);
bool vs_trace_cloudsuite_detect(const uint8_t *head, size_t n, bool complete);
long vs_trace_cloudsuite_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);

struct vs_trace_drmemtrace {
    uint64_t entries, next_pc;
    bool ended, resumed; /* by a footer; and another thread's entries may follow */
    struct vs_trace_waiting waiting;
};
bool vs_trace_drmemtrace_detect(const uint8_t *head, size_t n, bool complete);
long vs_trace_drmemtrace_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);

struct vs_trace_qmt {
    uint64_t records;
    bool begun;
};
bool vs_trace_qmt_detect(const uint8_t *head, size_t n, bool complete);
long vs_trace_qmt_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);

bool vs_trace_din_detect(const uint8_t *head, size_t n, bool complete);
long vs_trace_din_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n);

#endif
