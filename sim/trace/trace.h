/* SPDX-License-Identifier: MIT */
/*
 * Readers of recorded memory traces: one stream of accesses out of many file formats.
 *
 *   struct vs_trace *t = vs_trace_open("prog.lackey.zst", NULL, err, sizeof err);
 *   while ((n = vs_trace_read(t, recs, 4096)) > 0) ...
 *   if (n < 0) report(vs_trace_error(t));
 *   vs_trace_close(t);
 *
 * Shape. A file (or "-", standard input) passes through a decompressor chosen by its first bytes,
 * never by its name (compressions and archives, in each other too; concatenated frames, streams and
 * members are one trace), then through one format's decoder. Everything streams: memory is a few
 * fixed buffers plus the decompressor's window, whatever the length of the trace.
 *
 * Errors. A user's mistake is one line of text that names the file, the place (record number and
 * byte offset in the decompressed trace; the compressed offset too if the container is at fault),
 * what was found and what would be right. vs_trace_open() fails for everything that leaves not a
 * single record: missing, empty or unrecognised file, unknown format name, damage before the first
 * record. Later damage is met by vs_trace_read() where it stands: every record before it is
 * delivered first, then -1.
 *
 * What each format records, and how it maps to these records: docs/traces.md.
 */
#ifndef VS_SIM_TRACE_TRACE_H
#define VS_SIM_TRACE_TRACE_H

#include "virtsim/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vs_trace;

struct vs_trace_info {
    const char *format; /* name in the format table */
    /* "none", or "zstd", "xz", "gzip", "bzip2", "lz4", "lzip", "compress", "zip", "tar"; within
     * each other, outermost first: "gzip+tar". Valid until close. */
    const char *compression;
    uint64_t bytes_read;  /* of the file as it lies there (compressed), read so far */
    uint64_t bytes_total; /* size of that file; 0 = unknown (pipe) */
    uint64_t records;     /* delivered by vs_trace_read() so far */
    /*
     * XXH64 (seed 0) of the first bytes_read bytes of the file as it lies there, so it can be
     * checked from outside: `xxhsum -H1 FILE`, or `head -c BYTES_READ FILE | xxhsum -H1`. Once
     * vs_trace_read() returned 0 it covers the whole file. Input is read in fixed blocks (from
     * pipes too), so the value depends only on the content and on how many records were asked for.
     */
    uint64_t xxh64;
    bool system;      /* see struct vs_trace_format */
    uint64_t foreign; /* lines skipped because they are not of the format (lackey-mixed only) */
};

/*
 * One row of the format table. detect() judges by content alone: head is the beginning of the
 * decompressed trace, complete tells that nothing follows. Formats that are explicit_only are used
 * only when named (their content could be taken for something else); their detect() serves hints.
 * decode() and state_size belong to the reader.
 */
struct vs_trace_format {
    const char *name;
    const char *description;
    const char *extensions; /* customary file names, for people; blank-separated */
    bool explicit_only;
    bool (*detect)(const uint8_t *head, size_t n, bool complete);
    long (*decode)(struct vs_trace *t, struct vs_trace_rec *out, size_t n);
    size_t state_size;
    bool system; /* records of a whole system: with events and physical addresses */
};

/*
 * Opens path ("-" = standard input) and decodes the beginning. format is a name of the table, or
 * NULL to recognise it by content. On failure returns NULL and fills err (always terminated).
 */
struct vs_trace *vs_trace_open(const char *path, const char *format, char *err, size_t err_size);

/*
 * Fills up to n records and returns how many. Fewer than n (but more than 0) only when the end or
 * an error comes next. 0 = clean end. -1 = truncated or corrupt: see vs_trace_error(); it stays -1.
 */
long vs_trace_read(struct vs_trace *t, struct vs_trace_rec *out, size_t n);

/* The message of the error met by vs_trace_read(); "" if there was none. Valid until close. */
const char *vs_trace_error(const struct vs_trace *t);

/* State so far; cheap enough for a progress display. */
struct vs_trace_info vs_trace_info(const struct vs_trace *t);

void vs_trace_close(struct vs_trace *t); /* NULL is allowed */

/* The table, for `virtsim list formats`; the order is the order of recognition. */
const struct vs_trace_format *vs_trace_formats(size_t *n);

#ifdef __cplusplus
}
#endif
#endif
