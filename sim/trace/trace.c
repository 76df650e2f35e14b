/* SPDX-License-Identifier: MIT */
/* Opens a trace, recognises its format, hands out records and words the errors. */
#define _POSIX_C_SOURCE 200809L

#include "memo.h"
#include "trace_internal.h"

#include "virtsim/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(sizeof(struct vs_trace_rec) == 24, "blocks of records stay dense");

/* A new format is one file and one row here. */
static const struct vs_trace_format formats[] = {
    {"lackey", "valgrind --tool=lackey --trace-mem=yes, text", ".lackey .txt .log", false,
     vs_trace_lackey_detect, vs_trace_lackey_decode, sizeof(struct vs_trace_text), false},
    {"qmt", "accesses of a whole guest, virtual and physical, recorded by an emulator", ".qmt",
     false, vs_trace_qmt_detect, vs_trace_qmt_decode, sizeof(struct vs_trace_qmt), true},
    {"drmemtrace", "DynamoRIO drmemtrace, post-processed, of 64-bit programs", ".trace .zip", false,
     vs_trace_drmemtrace_detect, vs_trace_drmemtrace_decode, sizeof(struct vs_trace_drmemtrace),
     false},
    {"lackey-mixed", "lackey text mixed with the program's own output; other lines are counted",
     ".log", true, vs_trace_lackey_mixed_detect, vs_trace_lackey_mixed_decode,
     sizeof(struct vs_trace_text), false},
    {"champsim", "ChampSim instruction records of 64 bytes", ".champsimtrace .trace", false,
     vs_trace_champsim_detect, vs_trace_champsim_decode, sizeof(struct vs_trace_champsim), false},
    {"champsim-cloudsuite", "ChampSim instruction records of 96 bytes (CloudSuite)", ".trace", true,
     vs_trace_cloudsuite_detect, vs_trace_cloudsuite_decode, sizeof(struct vs_trace_champsim),
     false},
    {"din", "Dinero III/IV text: label address", ".din", false, vs_trace_din_detect,
     vs_trace_din_decode, sizeof(struct vs_trace_text), false},
};
enum { n_formats = sizeof formats / sizeof formats[0] };

const struct vs_trace_format *vs_trace_formats(size_t *n)
{
    *n = n_formats;
    return formats;
}

char *vs_trace_quote(char *dst, size_t dst_size, const uint8_t *text, size_t n, size_t max)
{
    size_t k = 0;
    size_t i = 0;
    for (; i < n && i < max && k + 8 < dst_size; i++) {
        uint8_t c = text[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            dst[k++] = (char)c;
        else
            k += (size_t)snprintf(dst + k, dst_size - k, "\\x%02x", c);
    }
    snprintf(dst + k, dst_size - k, "%s", i < n ? "..." : "");
    return dst;
}

/* Says whether the trace is not compressed. */
static bool is_plain(const struct vs_trace *t)
{
    return !*t->in.names;
}

/* What a byte offset counts in, for messages. */
static const char *of_what(const struct vs_trace *t)
{
    return is_plain(t) ? "" : " of the decompressed trace";
}

/* Keeps a message with the file, the record or line and the offset; returns -1. */
long vs_trace_fail(struct vs_trace *t, const char *unit, uint64_t number, const char *fmt, ...)
{
    int n = snprintf(t->error, sizeof t->error,
                     "%s: %s %" PRIu64 " at byte offset %" PRIu64 "%s: ", t->name, unit, number,
                     vs_trace_offset(&t->in), of_what(t));
    if (n > 0 && (size_t)n < sizeof t->error) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(t->error + n, sizeof t->error - (size_t)n, fmt, ap);
        va_end(ap);
    }
    t->failed = true;
    return -1;
}

long vs_trace_fail_stream(struct vs_trace *t, const char *unit, uint64_t number)
{
    char after[64] = "before its first record";
    if (number > 1)
        snprintf(after, sizeof after, "after %s %" PRIu64, unit, number - 1);
    snprintf(t->error, sizeof t->error, "%s: %s, at byte offset %" PRIu64 "%s: %s", t->name, after,
             vs_trace_offset(&t->in), of_what(t), t->in.error);
    t->failed = true;
    return -1;
}

/* Contents that people offer by mistake, and what to do instead. */
static const struct {
    size_t at;
    const char *magic;
    size_t n;
    const char *text;
} strangers[] = {
    {257, "ustar", 5, "a tar archive with a damaged header: copy or pack it again"},
    {0, "BZh", 3, "bzip2 that is cut off or damaged: copy it again"},
    {0, "7z\xbc\xaf\x27\x1c", 6, "a 7z archive: not read; use 7z x -so FILE | virtsim replay -"},
    {0, "Rar!\x1a\x07", 6, "a rar archive: not read; use unrar p -inul FILE | virtsim replay -"},
    {0, "\xff\x06\x00\x00sNaPpY", 10,
     "snappy: not read; use snzip -dc FILE | virtsim replay -, or record with -compress gzip"},
    {0, "\x89LZO\x00\r\n\x1a\n", 9, "lzop: not read; use lzop -dc FILE | virtsim replay -"},
    {0, "LRZI", 4, "lrzip: not read; use lrzcat FILE | virtsim replay -"},
    {0, "\x5d\x00\x00", 3, "lzma (before xz): not read; use xz -dc FILE | virtsim replay -"},
    {0, "\x1f\xa0", 2, "pack or lzh: not read; use gzip -dc FILE | virtsim replay -"},
    {0, "\x78\x01", 2, "a bare zlib stream: not read; use pigz -dz <FILE | virtsim replay -"},
    {0, "\x78\x9c", 2, "a bare zlib stream: not read; use pigz -dz <FILE | virtsim replay -"},
    {0, "\x78\xda", 2, "a bare zlib stream: not read; use pigz -dz <FILE | virtsim replay -"},
    {0, "PK\005\006", 4, "an empty zip archive"},
    {0, "MSCF", 4, "a cab archive: not read; use cabextract -p FILE | virtsim replay -"},
    {0, "07070", 5, "a cpio archive: not read; use cpio -i --to-stdout <FILE | virtsim replay -"},
    {0, "!<arch>\n", 8, "an ar archive: not read; use ar p FILE | virtsim replay -"},
    {0, "\xff\xfe", 2,
     "text in UTF-16, as some shells write it: iconv -f UTF-16 -t UTF-8 FILE | virtsim replay -"},
    {0, "\xfe\xff", 2,
     "text in UTF-16, as some shells write it: iconv -f UTF-16 -t UTF-8 FILE | virtsim replay -"},
    {0, "gem5", 4, "a trace of gem5's: not read; known are those that virtsim list formats prints"},
    {0, "SQLite format 3", 15, "a SQLite database: see virtsim show"},
    {0, "VST1", 4,
     "a recording of a run (vst): it is read from a plain file, not from a pipe or compressed; "
     "virtsim replay FILE.vst"},
    {0, "\177ELF", 4, "a program: record a trace of it with tools/record-trace"},
};

/* Names a known kind of file that is no trace, or NULL. */
static const char *stranger(const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (n >= strangers[i].at + strangers[i].n &&
            memcmp(head + strangers[i].at, strangers[i].magic, strangers[i].n) == 0)
            return strangers[i].text;
    return NULL;
}

/* Writes the names of all formats, separated by commas. */
static void list_formats(char *dst, size_t size)
{
    size_t k = 0;
    dst[0] = 0;
    for (size_t i = 0; i < n_formats && k < size; i++)
        k += (size_t)snprintf(dst + k, size - k, "%s%s", i ? ", " : "", formats[i].name);
}

/* The first format that recognises the beginning of the trace, or NULL. */
static const struct vs_trace_format *detect(const struct vs_trace *t, bool explicit_ones)
{
    const struct vs_trace_stream *in = &t->in;
    for (size_t i = 0; i < n_formats; i++)
        if (formats[i].explicit_only == explicit_ones &&
            formats[i].detect(in->buf, in->len, in->ended))
            return &formats[i];
    return NULL;
}

/* The beginning of a file in an archive is that of a trace. */
static bool begins(const uint8_t *head, size_t n, bool complete)
{
    for (size_t i = 0; i < n_formats; i++)
        if (!formats[i].explicit_only && formats[i].detect(head, n, complete))
            return true;
    return false;
}

/* Says how an unrecognised file begins, and what it may be. */
static void fail_unrecognised(struct vs_trace *t)
{
    char names[160];
    char start[64];
    const struct vs_trace_stream *in = &t->in;
    const struct vs_trace_format *hint = detect(t, true);
    const char *known = stranger(in->buf, in->len);
    size_t name = strlen(t->name);
    if (!known && !hint && name > 3 && strcmp(t->name + name - 3, ".br") == 0)
        known = "brotli by its name, as its content does not say: not read; use brotli -dc FILE | "
                "virtsim replay -";
    list_formats(names, sizeof names);
    vs_trace_quote(start, sizeof start, in->buf, in->len, 12);
    int n = snprintf(t->error, sizeof t->error,
                     "%s: not recognised as a trace: it begins with \"%s\" at byte offset 0%s",
                     t->name, start, of_what(t));
    if (n < 0 || (size_t)n >= sizeof t->error)
        return;
    char *rest = t->error + n;
    size_t room = sizeof t->error - (size_t)n;
    if (known)
        snprintf(rest, room, "; this looks like %s", known);
    else if (hint)
        snprintf(rest, room, "; this looks like %s: name it with --trace-format %s", hint->name,
                 hint->name);
    else
        snprintf(
            rest, room,
            "; known formats: %s, plain or in zstd, xz, gzip, bzip2, lz4, lzip, compress, zip, "
            "tar; exits of virtual machines, kvm; and recordings of runs, vst, plain",
            names);
}

/* Takes the format by name if one was given, else by the content. */
static bool choose_format(struct vs_trace *t, const char *name)
{
    if (!name) {
        t->format = detect(t, false);
        if (!t->format && t->in.failed) /* too little came out to judge by */
            vs_trace_fail_stream(t, "record", 1);
        else if (!t->format)
            fail_unrecognised(t);
        return t->format != NULL;
    }
    for (size_t i = 0; i < n_formats; i++)
        if (strcmp(name, formats[i].name) == 0)
            t->format = &formats[i];
    if (t->format)
        return true;
    char names[160];
    list_formats(names, sizeof names);
    const char *name_of[sizeof formats / sizeof *formats];
    char otherwise[200], hint[VS_SUGGEST];
    for (size_t i = 0; i < n_formats; i++)
        name_of[i] = formats[i].name;
    snprintf(otherwise, sizeof otherwise, "known formats: %s", names);
    snprintf(t->error, sizeof t->error, "%s: unknown trace format \"%s\"; %s", t->name, name,
             vs_suggest(name, name_of, n_formats, otherwise, hint, sizeof hint));
    return false;
}

/* A named format whose first record is wrong: the content may be of another one. */
static void hint_other_format(struct vs_trace *t)
{
    const struct vs_trace_format *other = detect(t, false);
    const char *known = other ? NULL : stranger(t->in.buf, t->in.len);
    size_t n = strlen(t->error);
    if (known)
        snprintf(t->error + n, sizeof t->error - n, " (the content looks like %s)", known);
    if (other && other != t->format)
        snprintf(t->error + n, sizeof t->error - n, " (the content looks like %s)", other->name);
}

/* Reads the first bytes, and settles what format they have. */
static bool begin(struct vs_trace *t, const char *format)
{
    switch (vs_trace_stream_fill(&t->in)) {
    case VS_TRACE_FILL_MORE:
        break;
    case VS_TRACE_FILL_ERROR:
        vs_trace_fail_stream(t, "record", 1);
        return false;
    default:
        snprintf(t->error, sizeof t->error,
                 "%s: empty%s: byte offset 0 is the end; a trace holds at least one record",
                 t->name, is_plain(t) ? "" : " once decompressed");
        return false;
    }
    if (!choose_format(t, format))
        return false;
    t->state = calloc(1, t->format->state_size);
    if (!t->state) {
        snprintf(t->error, sizeof t->error, "%s: out of memory", t->name);
        return false;
    }
    long n = t->format->decode(t, t->first, sizeof t->first / sizeof t->first[0]);
    if (n < 0) {
        hint_other_format(t);
        return false;
    }
    if (n == 0) {
        snprintf(t->error, sizeof t->error,
                 "%s: no record in %" PRIu64 " bytes of %s; a trace holds at least one%s", t->name,
                 vs_trace_offset(&t->in), t->format->name,
                 strncmp(t->format->name, "lackey", 6) == 0 ? " (run lackey with --trace-mem=yes)"
                                                            : "");
        return false;
    }
    t->first_len = (size_t)n;
    t->decoded = (uint64_t)n;
    return true;
}

/* A trace without input, or NULL with a message. */
static struct vs_trace *new_trace(const char *name, char *err, size_t err_size)
{
    struct vs_trace *t = calloc(1, sizeof *t);
    if (t) {
        t->in.fd = -1;
        t->name = strdup(name);
    }
    if (t && t->name)
        return t;
    free(t);
    snprintf(err, err_size, "%s: out of memory", name);
    return NULL;
}

/* Completes the opening of a trace, or frees it and passes its error on. */
static struct vs_trace *finish(struct vs_trace *t, bool opened, const char *format, char *err,
                               size_t err_size)
{
    if (!opened)
        snprintf(t->error, sizeof t->error, "%s: %s", t->name, t->in.error);
    else if (begin(t, format))
        return t;
    snprintf(err, err_size, "%s", t->error);
    vs_trace_close(t);
    return NULL;
}

/* A trace that was opened before in this process begins with what is kept of it. */
static struct vs_trace *replay(struct vs_trace_memo *memo, const char *path, const char *asked,
                               char *err, size_t err_size)
{
    struct vs_trace_info info;
    const struct vs_trace_format *format;
    struct vs_trace *t = NULL;
    if (memo && vs__trace_memo_opened(memo, &info, &format) &&
        (t = new_trace(path, err, err_size)) != NULL) {
        t->memo = memo;
        t->format = format;
        t->info = info;
        t->played = true;
        t->asked = asked ? format->name : NULL;
    }
    return t;
}

struct vs_trace *vs_trace_open(const char *path, const char *format, char *err, size_t err_size)
{
    bool from_stdin = strcmp(path, "-") == 0;
    struct vs_trace_memo *memo = from_stdin ? NULL : vs__trace_memo(path, format);
    struct vs_trace *t = replay(memo, path, format, err, err_size);
    if (t)
        return t;
    t = new_trace(from_stdin ? "standard input" : path, err, err_size);
    if (!t)
        return NULL;
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    t->in.begins = format ? NULL : begins;
    if (fd < 0) {
        snprintf(err, err_size, "%s: cannot open the trace: %s", path, strerror(errno));
        vs_trace_close(t);
        return NULL;
    }
    t = finish(t, vs_trace_stream_open_fd(&t->in, fd), format, err, err_size);
    if (t && memo) {
        struct vs_trace_info info = vs_trace_info(t);
        vs__trace_memo_open(memo, &info, t->format);
        t->memo = memo;
    }
    return t;
}

struct vs_trace *vs_trace_open_memory(const void *data, size_t size, const char *format, char *err,
                                      size_t err_size)
{
    struct vs_trace *t = new_trace("memory", err, err_size);
    if (!t)
        return NULL;
    t->in.begins = format ? NULL : begins;
    return finish(t, vs_trace_stream_open_memory(&t->in, data, size), format, err, err_size);
}

/* Gives the records that were read ahead, then those of the format's decoder. */
static long decode(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    size_t k = t->first_len - t->first_pos;
    if (k > n)
        k = n;
    if (k > 0) {
        memcpy(out, t->first + t->first_pos, k * sizeof *out);
        t->first_pos += k;
    }
    while (k < n) {
        long r = t->failed ? -1 : t->format->decode(t, out + k, n - k);
        if (r <= 0) {
            if (k == 0)
                return r;
            break;
        }
        t->decoded += (uint64_t)r;
        k += (size_t)r;
    }
    t->delivered += k;
    return (long)k;
}

/* What is kept has come to its end, or this reader wants other blocks: the file again, up to where
 * the reader is. */
static bool go_on_in_file(struct vs_trace *t, size_t n)
{
    uint64_t left = t->delivered;
    struct vs_trace_rec *rec = malloc(n * sizeof *rec);
    int fd = rec ? open(t->name, O_RDONLY | O_CLOEXEC) : -1;
    t->played = false;
    t->delivered = 0;
    t->in.begins = t->asked ? NULL : begins;
    bool good = fd >= 0 && vs_trace_stream_open_fd(&t->in, fd) && begin(t, t->asked);
    while (good && left) {
        long got = decode(t, rec, left < n ? left : n);
        good = got > 0;
        left -= good ? (uint64_t)got : 0;
    }
    free(rec);
    if (!good && !*t->error)
        snprintf(t->error, sizeof t->error, "%s: cannot be read again", t->name);
    t->failed = t->failed || !good;
    return good;
}

long vs_trace_read(struct vs_trace *t, struct vs_trace_rec *out, size_t n)
{
    if (t->played) {
        long got = vs__trace_memo_read(t->memo, t->block, out, n, &t->info);
        if (got >= 0) {
            t->block++;
            t->delivered += (uint64_t)got;
            return got;
        }
        if (!go_on_in_file(t, n))
            return -1;
    }
    long got = decode(t, out, n);
    if (got >= 0 && t->memo) {
        struct vs_trace_info info = vs_trace_info(t);
        vs__trace_memo_keep(t->memo, t->block++, out, n, (size_t)got, &info);
    }
    return got;
}

const char *vs_trace_error(const struct vs_trace *t)
{
    return t->error;
}

struct vs_trace_info vs_trace_info(const struct vs_trace *t)
{
    if (t->played)
        return t->info;
    return (struct vs_trace_info){
        .format = t->format->name,
        .compression = vs_trace_stream_codec(&t->in),
        .bytes_read = t->in.raw_read,
        .bytes_total = t->in.raw_total,
        .records = t->delivered,
        .xxh64 = vs_trace_stream_hash(&t->in),
        .foreign = t->foreign,
        .system = t->format->system,
    };
}

void vs_trace_close(struct vs_trace *t)
{
    if (!t)
        return;
    vs_trace_stream_close(&t->in);
    free(t->state);
    free(t->name);
    free(t);
}
