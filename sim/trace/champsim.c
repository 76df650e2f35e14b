/* SPDX-License-Identifier: MIT */
/*
 * ChampSim: headerless array of little-endian instruction records (inc/trace_instruction.h).
 * 0 in an address slot means unused. The file knows no sizes: fetches get 1 byte, data 8.
 */
#include "trace_internal.h"

#include <inttypes.h>

struct layout {
    size_t bytes;
    size_t store_at;
    size_t stores;
    size_t load_at;
    size_t loads;
};

static const struct layout plain = {64, 16, 2, 32, 4};
static const struct layout cloudsuite = {96, 24, 4, 56, 4};
enum { is_branch_at = 8, branch_taken_at = 9, data_bytes = 8 };

/* NULL if the record is possible; else what is wrong with it. */
static const char *check(const struct layout *l, const uint8_t *p)
{
    if (vs_trace_le64(p) == 0)
        return "its instruction pointer is 0";
    if (p[is_branch_at] > 1)
        return "its is_branch byte is neither 0 nor 1";
    if (p[branch_taken_at] > 1)
        return "its branch_taken byte is neither 0 nor 1";
    for (size_t i = 0; i < l->stores; i++)
        if (vs_trace_le64(p + l->store_at + 8 * i) > UINT64_MAX - (data_bytes - 1))
            return "a store wraps around the end of the address space";
    for (size_t i = 0; i < l->loads; i++)
        if (vs_trace_le64(p + l->load_at + 8 * i) > UINT64_MAX - (data_bytes - 1))
            return "a load wraps around the end of the address space";
    return NULL;
}

/* Makes records of one instruction: its fetch, its loads and its stores. */
static size_t convert(const struct layout *l, const uint8_t *p, struct vs_trace_rec *out)
{
    size_t k = 0;
    out[k++] = (struct vs_trace_rec){.addr = vs_trace_le64(p), .size = 1, .kind = VS_TRACE_FETCH};
    for (size_t i = 0; i < l->loads; i++) {
        uint64_t a = vs_trace_le64(p + l->load_at + 8 * i);
        if (a)
            out[k++] = (struct vs_trace_rec){.addr = a, .size = data_bytes, .kind = VS_TRACE_LOAD};
    }
    for (size_t i = 0; i < l->stores; i++) {
        uint64_t a = vs_trace_le64(p + l->store_at + 8 * i);
        if (a)
            out[k++] = (struct vs_trace_rec){.addr = a, .size = data_bytes, .kind = VS_TRACE_STORE};
    }
    return k;
}

/* Makes one whole record available at in->pos: 1; 0 at the end; -1 on error. */
static int need(struct vs_trace *t, const struct layout *l, uint64_t number)
{
    struct vs_trace_stream *in = &t->in;
    while (in->len - in->pos < l->bytes) {
        switch (vs_trace_stream_fill(in)) {
        case VS_TRACE_FILL_MORE:
            break;
        case VS_TRACE_FILL_END:
            if (in->len == in->pos)
                return 0;
            vs_trace_fail(
                t, "instruction record", number,
                "truncated: %zu of its %zu bytes are there; the length of a %s trace is a "
                "multiple of %zu",
                in->len - in->pos, l->bytes, t->format->name, l->bytes);
            return -1;
        default:
            vs_trace_fail_stream(t, "instruction record", number);
            return -1;
        }
    }
    return 1;
}

/* Decodes instructions into up to n records; those of the last one that find no room wait. */
static long decode(struct vs_trace *t, const struct layout *l, struct vs_trace_rec *out, size_t n)
{
    struct vs_trace_stream *in = &t->in;
    struct vs_trace_champsim *s = t->state;
    if (s->waiting.pos < s->waiting.len)
        return (long)vs_trace_hand_out(&s->waiting, out, n);
    size_t k = 0;
    bool direct = n >= VS_TRACE_WAITING;
    do {
        if (in->len - in->pos < l->bytes) {
            if (k > 0)
                break;
            int r = need(t, l, s->instructions + 1);
            if (r <= 0)
                return r;
        }
        const uint8_t *p = in->buf + in->pos;
        const char *wrong = check(l, p);
        if (wrong) {
            if (k > 0)
                break;
            return vs_trace_fail(t, "instruction record", s->instructions + 1,
                                 "corrupt: %s (ip 0x%" PRIx64 "); a %s record is %zu bytes", wrong,
                                 vs_trace_le64(p), t->format->name, l->bytes);
        }
        if (direct) {
            k += convert(l, p, out + k);
        } else {
            s->waiting.pos = 0;
            s->waiting.len = convert(l, p, s->waiting.rec);
            k = vs_trace_hand_out(&s->waiting, out, n);
        }
        in->pos += l->bytes;
        s->instructions++;
    } while (direct && n - k >= VS_TRACE_WAITING);
    return (long)k;
}

long vs_trace_champsim_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    return decode(t, &plain, out, n);
}

long vs_trace_cloudsuite_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    return decode(t, &cloudsuite, out, n);
}

/* No magic number: every record at the beginning must be possible, with a canonical ip. */
static bool detect(const struct layout *l, const uint8_t *head, size_t n)
{
    if (n < l->bytes)
        return false;
    for (size_t at = 0; at + l->bytes <= n && at < 1024 * l->bytes; at += l->bytes) {
        uint64_t top = vs_trace_le64(head + at) >> 47;
        if (check(l, head + at) || (top != 0 && top != 0x1ffff))
            return false;
    }
    return true;
}

bool vs_trace_champsim_detect(const uint8_t *head, size_t n, bool complete)
{
    (void)complete;
    return detect(&plain, head, n);
}

bool vs_trace_cloudsuite_detect(const uint8_t *head, size_t n, bool complete)
{
    (void)complete;
    return detect(&cloudsuite, head, n);
}
