/* SPDX-License-Identifier: MIT */
/*
 * Dinero III/IV "din" text: label, blanks, hex address; the rest of the line is ignored. Labels 0
 * read, 1 write, 2 instruction fetch. No sizes: 4 bytes, as Dinero assumes. Dinero IV's extended
 * form has letters (r, w, i, m miscellaneous, read like r; c and v, copy back and invalidate, are
 * no accesses) and a hex size behind the address. The last line may lack its line end (real files
 * do), so a cut inside it cannot be seen.
 */
#include "trace_internal.h"

enum { din_bytes = 4 };

/* Says whether a character separates words within a line. */
static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Hex digits at p[*i], 0x before them or not, up to a blank; false if there is anything else. */
static bool hex(const uint8_t *p, size_t n, size_t *i, uint64_t *value)
{
    size_t digits = 0;
    *value = 0;
    while (*i < n && is_blank(p[*i]))
        ++*i;
    if (n - *i > 2 && p[*i] == '0' && (p[*i + 1] | 0x20) == 'x')
        *i += 2;
    for (; *i < n && !is_blank(p[*i]); ++*i, digits++) {
        uint8_t c = p[*i];
        uint8_t lower = c | 0x20;
        unsigned d;
        if (c >= '0' && c <= '9')
            d = c - (unsigned)'0';
        else if (lower >= 'a' && lower <= 'f')
            d = lower - (unsigned)'a' + 10;
        else
            return false;
        *value = *value << 4 | d;
    }
    return digits > 0 && digits <= 16;
}

/* Parses the line [p, p+n). 1 = record, 0 = no access, -1 = neither. */
static int parse_line(const uint8_t *p, size_t n, struct vs_trace_rec *r)
{
    static const char labels[] = "012rwiRWImMcvCV";
    enum { load = VS_TRACE_LOAD, store = VS_TRACE_STORE, fetch = VS_TRACE_FETCH };
    static const uint8_t kinds[] = {load, store, fetch, load, store, fetch,
                                    load, store, fetch, load, load};
    size_t i = 0;
    while (i < n && is_blank(p[i]))
        i++;
    if (i == n)
        return 0;
    const char *label = p[i] ? strchr(labels, p[i]) : NULL;
    if (!label || i + 1 >= n || !is_blank(p[i + 1]))
        return -1;
    uint64_t addr, size = din_bytes;
    bool extended = label - labels > 2;
    i++;
    if (!hex(p, n, &i, &addr) || (extended && !hex(p, n, &i, &size)) || size > VS_TRACE_MAX_SIZE)
        return -1;
    size = size ? size : 1;
    if (addr > UINT64_MAX - (size - 1))
        return -1;
    if ((size_t)(label - labels) >= sizeof kinds)
        return 0;
    *r = (struct vs_trace_rec){.addr = addr, .size = (uint16_t)size, .kind = kinds[label - labels]};
    return 1;
}

/* Decodes up to n lines of a din trace, returns how many, 0 at the end and -1 after an error. */
long vs_trace_din_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    struct vs_trace_stream *in = &t->in;
    struct vs_trace_text *s = t->state;
    size_t k = 0;
    while (k < n) {
        const uint8_t *p = in->buf + in->pos;
        size_t left = in->len - in->pos;
        const uint8_t *end = left ? memchr(p, '\n', left) : NULL;
        if (!end && k > 0)
            break;
        if (!end) {
            enum vs_trace_fill f = vs_trace_stream_fill(in);
            if (f == VS_TRACE_FILL_MORE)
                continue;
            if (f == VS_TRACE_FILL_ERROR)
                return vs_trace_fail_stream(t, "record", t->decoded + 1);
            if (f == VS_TRACE_FILL_FULL)
                return vs_trace_fail(t, "line", s->lines + 1,
                                     "the line is longer than %d bytes; this is not din text",
                                     VS_TRACE_BUF);
            if (left == 0)
                return 0;
            p = in->buf + in->pos;
            end = p + left; /* last line without its line end */
        }
        size_t len = (size_t)(end - p);
        int r = parse_line(p, len, &out[k]);
        if (r < 0) {
            char text[80];
            if (k > 0)
                break;
            return vs_trace_fail(t, "line", s->lines + 1,
                                 "(record %llu) \"%s\" is not a din line; right is \"LABEL ADDR\" "
                                 "with LABEL 0 (read), 1 (write) or 2 (fetch) and ADDR in hex, or "
                                 "Dinero IV's \"LABEL ADDR SIZE\" with LABEL r, w, i, m, c or v",
                                 (unsigned long long)t->decoded + 1,
                                 vs_trace_quote(text, sizeof text, p, len, 40));
        }
        k += (size_t)r;
        s->lines++;
        in->pos += len + (len < left);
    }
    return (long)k;
}

/* The first lines, up to 64, must all be din (a cut one at the end of head is not judged). */
bool vs_trace_din_detect(const uint8_t *head, size_t n, bool complete)
{
    size_t at = 0;
    size_t records = 0;
    struct vs_trace_rec r;
    for (int i = 0; i < 64 && at < n; i++) {
        const uint8_t *end = memchr(head + at, '\n', n - at);
        if (!end && !complete)
            break;
        size_t len = end ? (size_t)(end - (head + at)) : n - at;
        int kind = parse_line(head + at, len, &r);
        if (kind < 0)
            return false;
        records += (size_t)kind;
        at += len + 1;
    }
    return records > 0;
}
