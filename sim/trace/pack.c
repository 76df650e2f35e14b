/* SPDX-License-Identifier: MIT */
/*
 * What libarchive reads: archives (zip, tar) and the compressions that have no library of ours
 * (bzip2, lz4, lzip, compress).
 *
 * An archive's members are one trace, one after the other; each may be compressed or an archive
 * itself. Text that begins no trace (a README) is passed over.
 */
#include "layer.h"
#include "libarchive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pack {
    const struct vs_libarchive *lib;
    struct archive *archive;
    const void *block; /* what libarchive has made, and how much of it is left */
    size_t left;
    struct vs_layer *member; /* the top of its stack; NULL: between members */
    unsigned depth;          /* of the archive itself */
    bool ordered;            /* members must lie in the order of their names */
    bool text;               /* the member is */
    uint8_t final;           /* its last byte so far */
    unsigned taken, passed;
    char last[256];
};

/* libarchive asks for input itself. */
static la_ssize_t input(struct archive *a, void *ctx, const void **data)
{
    struct vs_layer *l = ctx;
    if (!vs__layer_input(l)) {
        const struct pack *k = l->state;
        k->lib->archive_set_error(a, EIO, "reading failed");
        return ARCHIVE_FATAL;
    }
    size_t n = l->have - l->at;
    *data = l->raw + l->at;
    l->at = l->have;
    return (la_ssize_t)n;
}

/* Reports the archive library's error as a cut or damaged layer; an error of reading stays as it
 * is. */
static bool failed(struct vs_layer *l)
{
    const struct pack *k = l->state;
    const char *why = k->lib->archive_error_string(k->archive);
    if (l->in->failed)
        return false; /* reading did */
    return l->end || (why && strstr(why, "runcated"))
               ? vs__layer_truncated(l)
               : vs__layer_corrupt(l, why ? why : "data error");
}

/* One of libarchive's functions that say what it shall read; 0: none. */
#define READS(name) offsetof(struct vs_libarchive, archive_read_support_##name)

/* Switches on one format or filter of the archive library. */
static int support(const struct pack *k, size_t function)
{
    int (*f)(struct archive *);
    memcpy(&f, (const char *)k->lib + function, sizeof f);
    return f(k->archive);
}

/* Opens a layer that the archive library reads, with one format and one filter. */
static bool open_with(struct vs_layer *l, size_t format, size_t filter, bool ordered)
{
    char why[200];
    struct pack *k = calloc(1, sizeof *k);
    l->state = k;
    if (!k)
        return false;
    k->ordered = ordered;
    k->depth = l->in->depth;
    k->lib = vs__libarchive(why, sizeof why);
    if (!k->lib)
        return vs__stream_fail(l->in,
                               "%s is read by libarchive, which cannot be loaded (%s); install it, "
                               "or unpack the file",
                               l->codec->name, why);
    k->archive = k->lib->archive_read_new();
    if (!k->archive || support(k, format) != ARCHIVE_OK ||
        (filter && support(k, filter) < ARCHIVE_WARN))
        return false;
    return k->lib->archive_read_open(k->archive, l, NULL, input, NULL) == ARCHIVE_OK || failed(l);
}

/* Closes the member that is open and the archive. */
static void close_pack(struct vs_layer *l)
{
    struct pack *k = l->state;
    vs__layers_close(k->member);
    if (k && k->archive)
        k->lib->archive_read_free(k->archive);
    free(k);
}

/* Of the present member; block by block, so that what comes before damage is not lost. */
static long contents(struct vs_layer *l, uint8_t *dst, size_t room)
{
    struct pack *k = l->state;
    int64_t offset;
    while (!k->left) {
        int r = k->lib->archive_read_data_block(k->archive, &k->block, &k->left, &offset);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_WARN) {
            (void)failed(l);
            return -1;
        }
    }
    size_t n = k->left < room ? k->left : room;
    memcpy(dst, k->block, n);
    k->block = (const uint8_t *)k->block + n;
    k->left -= n;
    return (long)n;
}

/* ---- archives ---- */

/* Reads the bytes of the member that is open, for the layers inside it. */
static long member_bytes(void *ctx, uint8_t *dst, size_t room)
{
    return contents(ctx, dst, room);
}

/* What systems add to an archive of their own accord. */
static bool is_foreign(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return !strncmp(base, "._", 2) || !strncmp(name, "__MACOSX/", 9);
}

/* Opens the member unless it is passed over. */
static bool take_member(struct vs_layer *l, struct pack *k, const char *name)
{
    struct vs_trace_stream *in = l->in;
    in->depth = k->depth + 1u;
    k->member = vs__layers_open(in, (struct vs_source){member_bytes, l});
    if (!k->member)
        return false;
    const struct vs_layer *m = k->member;
    const uint8_t *head = m->raw + m->at;
    size_t n = m->have - m->at;
    k->text = m->text;
    if (!n || (in->begins && m->text && !in->begins(head, n, m->end))) {
        k->passed += n != 0;
        vs__layers_close(k->member);
        k->member = NULL;
        return true;
    }
    /* chunks of a trace are numbered: in another order they would be another trace */
    if (k->ordered && k->taken && strcmp(name, k->last) <= 0)
        return vs__stream_fail(in,
                               "the zip archive's members are not in the order of their names: "
                               "'%.60s' after '%.60s'; pack them again",
                               name, k->last);
    snprintf(k->last, sizeof k->last, "%s", name);
    k->taken++;
    return true;
}

/* Goes to the archive's next file, and takes it if it begins as a trace. */
static bool next_member(struct vs_layer *l, struct pack *k)
{
    struct archive_entry *e;
    int r = k->lib->archive_read_next_header(k->archive, &e);
    if (r == ARCHIVE_EOF) {
        l->ended = true;
        return k->taken || !k->passed ||
               vs__stream_fail(l->in, "none of the %u files in the %s archive begins as a trace",
                               k->passed, l->codec->name);
    }
    if (r < ARCHIVE_WARN)
        return failed(l);
    const char *name = k->lib->archive_entry_pathname(e);
    name = name ? name : "";
    if (k->lib->archive_entry_filetype(e) != AE_IFREG || is_foreign(name))
        return true;
    if (k->lib->archive_entry_is_encrypted(e))
        return vs__stream_fail(l->in, "'%.60s' in the %s archive is encrypted; unpack it", name,
                               l->codec->name);
    return take_member(l, k, name);
}

/* Gives the next bytes of an archive: its traces one after the other, each ending its last line. */
static bool step_archive(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made)
{
    struct pack *k = l->state;
    if (!k->member)
        return next_member(l, k);
    long n = vs__layers_read(k->member, dst, room);
    if (n < 0)
        return false;
    *made = (size_t)n;
    if (n > 0) {
        k->final = dst[n - 1];
        return true;
    }
    if (k->text && k->final != '\n') { /* its last line is one */
        dst[0] = '\n';
        *made = 1;
    }
    vs__layers_close(k->member);
    k->member = NULL;
    return true;
}

/* Recognises a ZIP archive by its first local header. */
static bool is_zip(const uint8_t *p, size_t n)
{
    return n >= 4 && memcmp(p, "PK\003\004", 4) == 0;
}

/* Opens a ZIP archive as a stream. */
static bool open_zip(struct vs_layer *l)
{
    return open_with(l, READS(format_zip_streamable), 0, true);
}

/* A header whose sum is right; "ustar" is only in those of later tars. */
static bool is_tar(const uint8_t *p, size_t n)
{
    enum { header = 512, sum_at = 148, sum_bytes = 8 };
    unsigned sum = 0, want = 0, digits = 0;
    if (n < header || !p[0])
        return false;
    for (unsigned i = 0; i < header; i++)
        sum += i >= sum_at && i < sum_at + sum_bytes ? ' ' : p[i];
    for (unsigned i = sum_at; i < sum_at + sum_bytes; i++) {
        if (p[i] >= '0' && p[i] <= '7') {
            want = want * 8u + (p[i] - (unsigned)'0');
            digits++;
        } else if (p[i] != ' ' && p[i]) {
            return false;
        }
    }
    return digits && want == sum;
}

/* Opens a tar archive. */
static bool open_tar(struct vs_layer *l)
{
    return open_with(l, READS(format_tar), 0, false);
}

const struct vs_codec vs__codec_zip = {"zip", is_zip, open_zip, step_archive, close_pack};
const struct vs_codec vs__codec_tar = {"tar", is_tar, open_tar, step_archive, close_pack};

/* ---- compressions ---- */

/* Gives the next bytes of a single compressed file. */
static bool step_filter(struct vs_layer *l, uint8_t *dst, size_t room, size_t *made)
{
    struct pack *k = l->state;
    struct archive_entry *e;
    if (!k->taken) {
        int r = k->lib->archive_read_next_header(k->archive, &e);
        k->taken = 1;
        l->ended = r == ARCHIVE_EOF;
        return r >= ARCHIVE_WARN || l->ended || failed(l);
    }
    long n = contents(l, dst, room);
    if (n < 0)
        return false;
    *made = (size_t)n;
    l->ended = n == 0;
    return true;
}

/* Recognises bzip2: its magic, a level, and a block or the end of an empty file. */
static bool is_bzip2(const uint8_t *p, size_t n)
{
    return n >= 10 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9' &&
           (memcmp(p + 4, "1AY&SY", 6) == 0 || memcmp(p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

/* Opens a bzip2 file. */
static bool open_bzip2(struct vs_layer *l)
{
    return open_with(l, READS(format_raw), READS(filter_bzip2), false);
}

/* Recognises lz4 frames of today and of the legacy format. */
static bool is_lz4(const uint8_t *p, size_t n)
{
    return n >= 4 &&
           (memcmp(p, "\x04\x22\x4d\x18", 4) == 0 || memcmp(p, "\x02\x21\x4c\x18", 4) == 0);
}

/* Opens an lz4 file. */
static bool open_lz4(struct vs_layer *l)
{
    return open_with(l, READS(format_raw), READS(filter_lz4), false);
}

/* Recognises lzip of the versions 0 and 1. */
static bool is_lzip(const uint8_t *p, size_t n)
{
    return n >= 6 && memcmp(p, "LZIP", 4) == 0 && p[4] <= 1;
}

/* Opens an lzip file. */
static bool open_lzip(struct vs_layer *l)
{
    return open_with(l, READS(format_raw), READS(filter_lzip), false);
}

/* Its header: magic, then the width of its codes, 9 to 16 bits, and whether it is in blocks. */
static bool is_compress(const uint8_t *p, size_t n)
{
    return n >= 3 && p[0] == 0x1f && p[1] == 0x9d && !(p[2] & 0x60) && (p[2] & 0x1f) >= 9 &&
           (p[2] & 0x1f) <= 16;
}

/* Opens a file of compress(1). */
static bool open_compress(struct vs_layer *l)
{
    return open_with(l, READS(format_raw), READS(filter_compress), false);
}

const struct vs_codec vs__codec_bzip2 = {"bzip2", is_bzip2, open_bzip2, step_filter, close_pack};
const struct vs_codec vs__codec_lz4 = {"lz4", is_lz4, open_lz4, step_filter, close_pack};
const struct vs_codec vs__codec_lzip = {"lzip", is_lzip, open_lzip, step_filter, close_pack};
const struct vs_codec vs__codec_compress = {"compress", is_compress, open_compress, step_filter,
                                            close_pack};
