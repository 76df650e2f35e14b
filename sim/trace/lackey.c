/* SPDX-License-Identifier: MIT */
/*
 * valgrind lackey text (lackey/lk_main.c prints "I  %08lx,%lu", " L ...", " S ...", " M ...").
 *
 * Nearly every line is a record, so parse_record() is the hot loop: it takes the eight digits that
 * are always there in one word and relies on the 0 byte behind the data to stop it.
 */
#include "trace_internal.h"

enum {
    max_size = 512, /* lackey's own limit (MAX_DSIZE) */
    min_line = 13   /* "I  00000000,1" */
};

static const uint64_t ones = UINT64_C(0x0101010101010101);

/* Eight lower-case hex digits at p; false if one of them is not. */
static inline bool hex8(const uint8_t *p, uint64_t *value)
{
    const uint64_t high = ones << 7;
    uint64_t x = vs_trace_le64(p);
    /* adding 0x80 - c sets a byte's top bit iff it is >= c; no carries, as x has no top bits */
    uint64_t digit = (x + ones * 0x50) & ~(x + ones * 0x46);
    uint64_t letter = (x + ones * 0x1f) & ~(x + ones * 0x19);
    if ((x & high) || ((digit | letter) & high) != high)
        return false;
    x = (x & ones * 0x0f) + 9 * ((x >> 6) & ones);
    x = (x << 4 | x >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x << 8 | x >> 16) & UINT64_C(0x0000ffff0000ffff);
    *value = (x << 16 | x >> 32) & UINT64_C(0xffffffff);
    return true;
}

/* The value of a lower-case or decimal hex digit; 16 for what is none. */
static inline unsigned hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    if (c >= 'a' && c <= 'f')
        return c - (unsigned)'a' + 10;
    return 16;
}

/* One record and its line end at p; the bytes used, or 0 if it is anything else (or cut off). */
static inline size_t parse_record(const uint8_t *p, struct vs_trace_rec *r)
{
    const uint8_t *q = p + 3;
    if (p[0] == 'I' && p[1] == ' ') {
        r->kind = VS_TRACE_FETCH;
    } else if (p[0] == ' ') {
        if (p[1] == 'L')
            r->kind = VS_TRACE_LOAD;
        else if (p[1] == 'S')
            r->kind = VS_TRACE_STORE;
        else if (p[1] == 'M')
            r->kind = VS_TRACE_MODIFY;
        else
            return 0;
    } else {
        return 0;
    }
    uint64_t addr;
    if (p[2] != ' ' || !hex8(q, &addr))
        return 0;
    q += 8;
    const uint8_t *last = q + 8;
    for (unsigned d; q < last && (d = hex_digit(*q)) < 16; q++)
        addr = addr << 4 | d;
    if (*q++ != ',')
        return 0;
    uint32_t size = (uint32_t)(*q++ - '0');
    if (size - 1 > 8) /* 1..9 */
        return 0;
    for (; *q >= '0' && *q <= '9'; q++) {
        size = size * 10 + (uint32_t)(*q - '0');
        if (size > max_size)
            return 0;
    }
    if (*q++ != '\n' || addr > UINT64_MAX - (size - 1))
        return 0;
    *r = (struct vs_trace_rec){.addr = addr, .size = (uint16_t)size, .kind = r->kind};
    return (size_t)(q - p);
}

/* Says whether a character separates words within a line. */
static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/*
 * A record as other producers than lackey write it: any number of blanks, 0x, fewer digits than
 * eight, upper case, blanks or a carriage return behind it. The line is [p, p + n).
 */
static bool parse_loose(const uint8_t *p, size_t n, struct vs_trace_rec *r)
{
    static const char letters[] = "ILSM";
    static const uint8_t kinds[] = {VS_TRACE_FETCH, VS_TRACE_LOAD, VS_TRACE_STORE, VS_TRACE_MODIFY};
    const uint8_t *end = p + n;
    while (p < end && is_blank(*p))
        p++;
    const char *letter = p < end && *p ? strchr(letters, *p) : NULL;
    if (!letter || ++p == end || !is_blank(*p))
        return false;
    while (p < end && is_blank(*p))
        p++;
    if (end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x')
        p += 2;
    uint64_t addr = 0;
    uint32_t size = 0;
    unsigned digits = 0;
    for (; p < end && digits < 17; p++, digits++) {
        unsigned d = hex_digit(*p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);
        if (d > 15)
            break;
        addr = addr << 4 | d;
    }
    if (!digits || digits > 16 || p == end || *p++ != ',')
        return false;
    for (; p < end && *p >= '0' && *p <= '9' && size <= max_size; p++)
        size = size * 10 + (uint32_t)(*p - '0');
    while (p < end && is_blank(*p))
        p++;
    if (p < end || !size || size > max_size || addr > UINT64_MAX - (size - 1))
        return false;
    *r = (struct vs_trace_rec){
        .addr = addr, .size = (uint16_t)size, .kind = kinds[letter - letters]};
    return true;
}

/*
 * What valgrind prints itself, m_libcprint.c: '>' for each level of a valgrind within a valgrind,
 * the letter of its kind twice (user, debugging, more of it, client), a time stamp with
 * --time-stamp=yes, the process, the letter twice.
 */
static bool is_banner(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] == '>')
        i++;
    if (i + 5 > n || !p[i] || !strchr("=-+*", p[i]) || p[i + 1] != p[i])
        return false;
    uint8_t c = p[i];
    bool digit = false;
    for (i += 2;
         i < n && ((p[i] >= '0' && p[i] <= '9') || p[i] == ':' || p[i] == '.' || p[i] == ' '); i++)
        digit = digit || p[i] != ' ';
    return digit && i + 1 < n && p[i] == c && p[i + 1] == c;
}

/* Says whether a line holds blanks only. */
static bool is_empty(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i < n && is_blank(p[i]))
        i++;
    return i == n;
}

/* Recognises lackey's lines of superblocks, which are passed over. */
static bool is_superblock(const uint8_t *p, size_t n)
{
    if (n < 4 || memcmp(p, "SB ", 3) != 0)
        return false;
    for (size_t i = 3; i < n; i++)
        if (hex_digit(p[i]) > 15 && !is_blank(p[i]))
            return false;
    return true;
}

/* A line that stands for nothing. */
static bool is_known(const uint8_t *p, size_t n)
{
    return is_banner(p, n) || is_superblock(p, n) || is_empty(p, n);
}

/*
 * Whatever is not a record as lackey writes it at in->pos: another producer's record (*r), a line
 * that may be skipped, more to read, or a failure. 2 = a record, 1 = go on, 0 = end, -1 = error.
 */
static int other_line(struct vs_trace *t, bool mixed, struct vs_trace_rec *r)
{
    struct vs_trace_stream *in = &t->in;
    struct vs_trace_text *s = t->state;
    const uint8_t *p = in->buf + in->pos;
    size_t left = in->len - in->pos;
    const uint8_t *end = left ? memchr(p, '\n', left) : NULL;
    char text[80];
    if (end) {
        size_t n = (size_t)(end - p);
        /* the program's own output may look like another producer's record */
        bool strict = n && p[n - 1] == '\r' && n > min_line && (p[0] == 'I' || p[0] == ' ');
        if ((!mixed || strict) && parse_loose(p, n, r)) {
            s->lines++;
            in->pos += n + 1;
            return 2;
        }
        bool known = is_known(p, n);
        if (!known && !mixed) {
            vs_trace_fail(
                t, "line", s->lines + 1,
                "(record %llu) \"%s\" is not a lackey line; right is \"I  ADDR,SIZE\", "
                "\" L ADDR,SIZE\", \" S ...\" or \" M ...\" with ADDR of 1 to 16 hex digits "
                "and SIZE 1 to 512; a trace mixed with the program's own "
                "output is read by --trace-format lackey-mixed",
                (unsigned long long)t->decoded + 1, vs_trace_quote(text, sizeof text, p, n, 40));
            return -1;
        }
        t->foreign += !known;
        s->lines++;
        in->pos += n + 1;
        return 1;
    }
    switch (vs_trace_stream_fill(in)) {
    case VS_TRACE_FILL_MORE:
        return 1;
    case VS_TRACE_FILL_END:
        if (left == 0)
            return 0;
        vs_trace_fail(t, "line", s->lines + 1,
                      "(record %llu) truncated: the trace ends inside the line \"%s\"; record it "
                      "again, or if the line is whole, end it: echo >>FILE",
                      (unsigned long long)t->decoded + 1,
                      vs_trace_quote(text, sizeof text, in->buf + in->pos, in->len - in->pos, 40));
        return -1;
    case VS_TRACE_FILL_FULL:
        vs_trace_fail(t, "line", s->lines + 1,
                      "(record %llu) the line is longer than %d bytes; this is not lackey text",
                      (unsigned long long)t->decoded + 1, VS_TRACE_BUF);
        return -1;
    case VS_TRACE_FILL_ERROR:
        break;
    }
    vs_trace_fail_stream(t, "record", t->decoded + 1);
    return -1;
}

/* Decodes up to n lines, the plain ones in one tight loop; mixed allows lines of another tool. */
static long decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n, bool mixed)
{
    struct vs_trace_stream *in = &t->in;
    struct vs_trace_text *s = t->state;
    for (;;) {
        const uint8_t *p = in->buf + in->pos;
        size_t k = 0;
        for (size_t used; k < n && (used = parse_record(p, &out[k])) > 0; k++)
            p += used;
        in->pos = (size_t)(p - in->buf);
        s->lines += k;
        if (k > 0)
            return (long)k;
        int r = other_line(t, mixed, out);
        if (r != 1)
            return r == 2 ? 1 : r;
    }
}

long vs_trace_lackey_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    return decode(t, out, n, false);
}

long vs_trace_lackey_mixed_decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    return decode(t, out, n, true);
}

/* The next line in [*p, end): its length without the line end, or -1 if none is complete. */
static long next_line(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return nl ? (long)(nl - p) : -1;
}

/* Recognises a line of lackey's banner. */
static bool is_lackey_banner(const uint8_t *p, size_t n)
{
    static const char name[] = " Lackey";
    if (!is_banner(p, n))
        return false;
    for (size_t i = 4; i + sizeof name - 1 <= n; i++)
        if (memcmp(p + i, name, sizeof name - 1) == 0)
            return true;
    return false;
}

/* Lackey if the tool introduces itself, or if the first line that is no banner is a record. */
bool vs_trace_lackey_detect(const uint8_t *head, size_t n, bool complete)
{
    const uint8_t *p = head;
    struct vs_trace_rec r;
    (void)complete;
    for (long len; (len = next_line(p, head + n)) >= 0; p += len + 1) {
        if (is_lackey_banner(p, (size_t)len))
            return true;
        if (!is_known(p, (size_t)len))
            return parse_loose(p, (size_t)len, &r);
    }
    return false;
}

/* Hint only: at least one record or banner of lackey among the first lines. */
bool vs_trace_lackey_mixed_detect(const uint8_t *head, size_t n, bool complete)
{
    const uint8_t *p = head;
    struct vs_trace_rec r;
    (void)complete;
    for (long len; (len = next_line(p, head + n)) >= 0; p += len + 1)
        if (is_lackey_banner(p, (size_t)len) || parse_loose(p, (size_t)len, &r))
            return true;
    return false;
}
