/* SPDX-License-Identifier: MIT */
/*
 * Accesses of a whole guest system, written by a plugin of an emulator: a header of 24 bytes, then
 * records of 24 bytes, little-endian: virtual address, physical address (0: none), instructions
 * since the record before, processor, flags, log2 of the size, 0. Layout and flags: docs/traces.md.
 */
#include "trace_internal.h"

#include <inttypes.h>

enum {
    record_bytes = 24,
    f_store = 0x01,
    f_mmio = 0x02,
    f_no_physical = 0x04,
    f_mov_cr3 = 0x10,
    f_invlpg = 0x20,
    f_fetch_page = 0x40,
    f_mark = 0x80,
    f_events = 0xf0,
    f_known = 0xf7,
    max_log2 = 6,
    most_processors = 64 /* as many as a record of ours can name */
};

static const uint8_t magic[8] = {'Q', 'M', 'T', '1', 0, 0, 0, record_bytes};

/* Recognises a trace of a whole guest by its magic. */
bool vs_trace_qmt_detect(const uint8_t *head, size_t n, bool complete)
{
    (void)complete;
    return n >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
}

/* Makes one whole record available at in->pos: 1; 0 at the end; -1 on error. */
static int need(struct vs_trace *t, uint64_t number)
{
    struct vs_trace_stream *in = &t->in;
    while (in->len - in->pos < record_bytes) {
        switch (vs_trace_stream_fill(in)) {
        case VS_TRACE_FILL_MORE:
            break;
        case VS_TRACE_FILL_END:
            if (in->len == in->pos)
                return 0;
            vs_trace_fail(t, "record", number,
                          "truncated: %zu of its %d bytes are there; a qmt trace is a header and "
                          "records of %d bytes",
                          in->len - in->pos, (int)record_bytes, (int)record_bytes);
            return -1;
        default:
            vs_trace_fail_stream(t, "record", number);
            return -1;
        }
    }
    return 1;
}

/* Reads the file's first record, which holds magic and version. */
static long header(struct vs_trace *t, struct vs_trace_qmt *s)
{
    struct vs_trace_stream *in = &t->in;
    int r = need(t, 0);
    if (r <= 0)
        return r;
    uint64_t version = vs_trace_le64(in->buf + in->pos + 8);
    if (version != 1)
        return vs_trace_fail(t, "record", 0, "a qmt trace of version %" PRIu64 "; 1 is read",
                             version);
    in->pos += record_bytes;
    s->begun = true;
    return 1;
}

/* NULL if the record is possible; else what is wrong with it. */
static const char *check(const uint8_t *p)
{
    uint8_t flags = p[21], events = flags & f_events;
    if (p[20] >= most_processors)
        return "it is of processor 64 or higher; recordings of processors 0 to 63 are read";
    if ((flags & ~f_known) || (events & (events - 1)) || (events && (flags & ~f_events)))
        return "its flags contradict each other";
    if (!events && p[22] > max_log2)
        return "its size is more than 64 bytes";
    if (p[23])
        return "its last byte is not 0";
    if (!events && vs_trace_le64(p) > UINT64_MAX - 63)
        return "it wraps around the end of the address space";
    return NULL;
}

/* What a record is: an event of the machine, or a store or load. */
static uint8_t kind_of(uint8_t flags)
{
    switch (flags & f_events) {
    case f_mov_cr3:
        return VS_TRACE_MOV_CR3;
    case f_invlpg:
        return VS_TRACE_INVLPG;
    case f_fetch_page:
        return VS_TRACE_FETCH_PAGE;
    case f_mark:
        return VS_TRACE_MARK;
    default:
        return flags & f_store ? VS_TRACE_STORE : VS_TRACE_LOAD;
    }
}

/* The instructions between this record and the one before. */
static uint32_t gap_of(const uint8_t *p)
{
    uint32_t gap;
    memcpy(&gap, p + 16, sizeof gap);
    return gap;
}

/* Makes a record of the trace one of the reader's; an event has no size and no physical address. */
static void convert(const uint8_t *p, struct vs_trace_rec *r)
{
    uint8_t flags = p[21];
    bool event = flags & f_events, physical = !event && !(flags & f_no_physical);
    *r = (struct vs_trace_rec){.addr = vs_trace_le64(p),
                               .size = (uint16_t)(event ? 1u : 1u << p[22]),
                               .kind = kind_of(flags),
                               .flags = (uint8_t)((physical ? VS_TRACE_PHYSICAL : 0) |
                                                  (flags & f_mmio ? VS_TRACE_MMIO : 0) |
                                                  p[20] << VS_TRACE_PROCESSOR),
                               .gap = gap_of(p),
                               .physical = physical ? vs_trace_le64(p + 8) : 0};
}

/* Decodes up to n records, returns how many, 0 at the end and -1 after an error. */
long vs_trace_qmt_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    struct vs_trace_stream *in = &t->in;
    struct vs_trace_qmt *s = t->state;
    size_t k = 0;
    if (!s->begun) {
        long r = header(t, s);
        if (r <= 0)
            return r;
    }
    while (k < n) {
        if (in->len - in->pos < record_bytes) {
            int r = k ? 0 : need(t, s->records + 1);
            if (r <= 0)
                return k ? (long)k : r;
        }
        const uint8_t *p = in->buf + in->pos;
        const char *wrong = check(p);
        if (wrong) {
            if (k)
                break;
            return vs_trace_fail(t, "record", s->records + 1, "corrupt: %s (flags 0x%02x)", wrong,
                                 (unsigned)p[21]);
        }
        convert(p, &out[k++]);
        in->pos += record_bytes;
        s->records++;
    }
    return (long)k;
}
