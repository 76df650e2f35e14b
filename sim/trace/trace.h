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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * MODIFY is one access that reads and writes the same bytes (lackey's M). FETCH is an instruction;
 * FETCH_PAGE only tells that instructions come from another page now. Recordings of whole systems
 * have events besides: INSTRUCTIONS (addr = how many), MOV_CR3 and INVLPG (addr = of the
 * instruction; new value and operand are not recorded), MARK.
 */
enum vs_trace_kind {
    VS_TRACE_FETCH,
    VS_TRACE_LOAD,
    VS_TRACE_STORE,
    VS_TRACE_MODIFY,
    VS_TRACE_FETCH_PAGE,
    VS_TRACE_INSTRUCTIONS,
    VS_TRACE_MOV_CR3, /* this and what follows are no accesses, and stand alone */
    VS_TRACE_INVLPG,
    VS_TRACE_MARK
};

enum vs_trace_flags {
    VS_TRACE_PHYSICAL = 1, /* physical is known */
    VS_TRACE_MMIO = 2,     /* a device register */
    VS_TRACE_FLAGS = 3,    /* these */
    VS_TRACE_PROCESSOR = 2 /* bits 2 to 7: of a whole system's processors, which one */
};

/*
 * One access in program order. addr is virtual, in bytes; size in bytes, 1..4096;
 * addr + size - 1 never wraps. An instruction's FETCH precedes its data records. gap: instructions
 * since the record before, with this one's; those that FETCH records stand for are not in it.
 * 24 bytes, so that blocks stay dense.
 */
struct vs_trace_rec {
    uint64_t addr;
    uint64_t physical; /* guest-physical, of the first byte */
    uint32_t gap;
    uint16_t size;
    uint8_t kind;  /* enum vs_trace_kind */
    uint8_t flags; /* enum vs_trace_flags */
};

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
