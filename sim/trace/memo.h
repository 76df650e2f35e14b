/* SPDX-License-Identifier: MIT */
/*
 * Traces that a process reads again and again, as the worker of a sweep does: decoded once, then
 * played from a file without a name. A block is kept with what vs_trace_info() said behind it, so a
 * reader cannot tell the difference.
 */
#ifndef VS_SIM_TRACE_MEMO_H
#define VS_SIM_TRACE_MEMO_H

#include "trace.h"

#define VS_TRACE_MEMO_BYTES (UINT64_C(4) << 30) /* of records; a longer trace is decoded again */

/* From now on; for a process whose inputs do not change. */
void vs_trace_memo_begin(void);
/* How many records were decoded since, for tests. */
uint64_t vs_trace_memo_decoded(void);

struct stat;
/* Says whether two looks at a file saw the same content: inode, size and time of change agree. */
bool vs_trace_same_content(const struct stat *a, const struct stat *b);

struct vs_trace_memo;

/* Between trace.c and memo.c. The memo of this file as this format, NULL: none is kept. */
struct vs_trace_memo *vs__trace_memo(const char *path, const char *format);
/* What was known before the first block; false: not yet. */
bool vs__trace_memo_opened(const struct vs_trace_memo *m, struct vs_trace_info *info,
                           const struct vs_trace_format **format);
void vs__trace_memo_open(struct vs_trace_memo *m, const struct vs_trace_info *info,
                         const struct vs_trace_format *format);
/* Block `i` of at most n records into out: how many, 0 at the end of the trace; -1: it is not
 * kept, or was read in blocks of another size. */
long vs__trace_memo_read(const struct vs_trace_memo *m, size_t i, struct vs_trace_rec *out,
                         size_t n, struct vs_trace_info *info);
/* Keeps block `i`, the next one, which was asked for as n records and has `got`. */
void vs__trace_memo_keep(struct vs_trace_memo *m, size_t i, const struct vs_trace_rec *rec,
                         size_t n, size_t got, const struct vs_trace_info *info);

#endif
