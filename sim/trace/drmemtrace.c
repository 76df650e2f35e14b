/* SPDX-License-Identifier: MIT */
/*
 * DynamoRIO's drmemtrace, post-processed traces of 64-bit programs: packed little-endian records
 * {u16 type, u16 size, u64 address} (clients/drcachesim/common/trace_entry.h). Threads that stand
 * in one file are read in the file's order; a footer ends one of them, and in the file of a
 * processor (core-sharded) or in files that were put together another one follows. What repeats at
 * the beginning of a chunk are markers and encodings, which are no records here.
 */
#include "trace_internal.h"

#include <inttypes.h>

enum { record_bytes = 12, newest = 7 };

/* types, and the types of markers (in `size`) */
enum {
    t_read = 0,
    t_write = 1,
    t_instr = 10,
    t_return = 16,
    t_bundle = 17,
    t_thread = 22,
    t_header = 25,
    t_footer = 26,
    t_marker = 28,
    t_no_fetch = 29,
    t_sysenter = 31,
    t_encoding = 47,
    t_taken_jump = 48,
    t_untaken_jump = 49,
    t_invalid = 50,
    m_filetype = 9,
    filetype_filtered = 0x80 | 0x100
};

struct entry {
    unsigned type, size;
    uint64_t address;
};

/* Reads the packed entry at p. */
static struct entry entry_at(const uint8_t *p)
{
    uint16_t type, size;
    memcpy(&type, p, sizeof type);
    memcpy(&size, p + 2, sizeof size);
    struct entry e = {type, size, 0};
    memcpy(&e.address, p + 4, sizeof e.address);
    return e;
}

bool vs_trace_drmemtrace_detect(const uint8_t *head, size_t n, bool complete)
{
    (void)complete;
    if (n < 2u * record_bytes)
        return false;
    struct entry first = entry_at(head), second = entry_at(head + record_bytes);
    return first.type == t_header && !first.size && first.address && first.address < 256 &&
           second.type < t_invalid;
}

/* Says whether an entry's type is one of the instructions that are fetched. */
static bool is_instruction(unsigned type)
{
    return (type >= t_instr && type <= t_return) || type == t_sysenter || type == t_taken_jump ||
           type == t_untaken_jump;
}

/* NULL if the entry is possible; else what is wrong with it. */
static const char *check(const struct vs_trace_drmemtrace *s, const struct entry *e)
{
    if (e->type >= t_invalid)
        return "its type is none of drmemtrace's";
    if (s->ended && !s->resumed &&
        (e->type <= t_write || is_instruction(e->type) || e->type == t_bundle))
        return "an entry after the footer, of no thread";
    if ((e->type <= t_write || is_instruction(e->type)) &&
        (e->size > VS_TRACE_MAX_SIZE || e->address > UINT64_MAX - (e->size ? e->size - 1u : 0)))
        return "its size is impossible";
    if (e->type == t_bundle && (!e->size || e->size > 8))
        return "a bundle has 1 to 8 instructions";
    return NULL;
}

/* What nobody should take for a whole program's accesses. */
static const char *unfit(const struct entry *e)
{
    if (e->type == t_header && e->address > newest)
        return "its version is newer than 7, the newest that is read";
    if (e->type == t_marker && e->size == m_filetype && e->address & filetype_filtered)
        return "it was filtered when it was recorded: accesses that hit are missing; record it "
               "without -L0_filter";
    return NULL;
}

/* A record of an address, a size and a kind. */
static struct vs_trace_rec record(uint64_t address, unsigned size, enum vs_trace_kind kind)
{
    /* size 0: instructions that touch a line but name no bytes */
    return (struct vs_trace_rec){
        .addr = address, .size = (uint16_t)(size ? size : 1u), .kind = (uint8_t)kind};
}

/* Records of one entry; at most 8. */
static size_t convert(struct vs_trace_drmemtrace *s, const struct entry *e,
                      struct vs_trace_rec *out)
{
    if (is_instruction(e->type)) {
        s->ended = false;
        s->next_pc = e->address + e->size;
        out[0] = record(e->address, e->size, VS_TRACE_FETCH);
        return 1;
    }
    switch (e->type) {
    case t_read:
    case t_write:
        s->ended = false;
        out[0] = record(e->address, e->size, e->type == t_read ? VS_TRACE_LOAD : VS_TRACE_STORE);
        return 1;
    case t_bundle: /* lengths, a byte each; each begins where the one before ended */
        s->ended = false;
        for (unsigned i = 0; i < e->size; i++) {
            unsigned length = (unsigned)(e->address >> 8u * i & 0xffu);
            if (s->next_pc > UINT64_MAX - length)
                s->next_pc = 0;
            out[i] = record(s->next_pc, length, VS_TRACE_FETCH);
            s->next_pc += length;
        }
        return e->size;
    case t_footer:
        s->ended = true;
        s->resumed = false;
        return 0;
    case t_header: /* another thread's file behind this one */
    case t_thread: /* of a processor's file: the next thread that it ran */
        s->resumed = true;
        return 0;
    default: /* prefetches, flushes, markers, encodings, iterations of rep */
        return 0;
    }
}

/* Makes one whole record available at in->pos: 1; 0 at the end; -1 on error. */
static int need(struct vs_trace *t, const struct vs_trace_drmemtrace *s)
{
    struct vs_trace_stream *in = &t->in;
    while (in->len - in->pos < record_bytes) {
        switch (vs_trace_stream_fill(in)) {
        case VS_TRACE_FILL_MORE:
            break;
        case VS_TRACE_FILL_END:
            if (in->len != in->pos)
                vs_trace_fail(t, "record", s->entries + 1,
                              "truncated: %zu of its %d bytes are there", in->len - in->pos,
                              (int)record_bytes);
            else if (!s->ended)
                vs_trace_fail(
                    t, "record", s->entries + 1,
                    "truncated: the trace ends without its footer; record or copy it again");
            else
                return 0;
            return -1;
        default:
            vs_trace_fail_stream(t, "record", s->entries + 1);
            return -1;
        }
    }
    return 1;
}

long vs_trace_drmemtrace_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    struct vs_trace_stream *in = &t->in;
    struct vs_trace_drmemtrace *s = t->state;
    size_t k = vs_trace_hand_out(&s->waiting, out, n);
    while (k < n) {
        if (in->len - in->pos < record_bytes) {
            int r = k ? 0 : need(t, s);
            if (r <= 0)
                return k ? (long)k : r;
        }
        struct entry e = entry_at(in->buf + in->pos);
        const char *wrong = check(s, &e), *no = unfit(&e);
        if (wrong || no) {
            if (k)
                break;
            return vs_trace_fail(t, "record", s->entries + 1, "%s%s (type %u, size %u)",
                                 wrong ? "corrupt: " : "", wrong ? wrong : no, e.type, e.size);
        }
        s->waiting.pos = 0;
        s->waiting.len = convert(s, &e, s->waiting.rec);
        k += vs_trace_hand_out(&s->waiting, out + k, n - k);
        in->pos += record_bytes;
        s->entries++;
    }
    return (long)k;
}
