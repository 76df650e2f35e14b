/* SPDX-License-Identifier: MIT */
/*
 * Which records of a trace are left out, warm the machine up, are measured: amounts in records or
 * in instructions. A part ends between two instructions: an amount of records finishes the
 * instruction that it ends in.
 *
 * An instruction begins with its FETCH record, in a recording of a whole system with a record whose
 * gap is not 0; what follows belongs to it. Records before the first instruction stand alone.
 */
#ifndef VIRTSIM_SIM_REPLAY_PARTS_H
#define VIRTSIM_SIM_REPLAY_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vs_trace_rec;

struct vs_amount {
    uint64_t n;
    bool instructions; /* of records otherwise */
};

/* limit.n = 0: all that are left. */
struct vs_parts_wanted {
    struct vs_amount skip, warmup, limit;
};

enum vs_replay_part { VS_PART_SKIP, VS_PART_WARMUP, VS_PART_MEASURED, VS_PART_OVER };

struct vs_parts {
    struct vs_parts_wanted wanted;
    enum vs_replay_part part;
    uint64_t left;     /* of the present part; UINT64_MAX: no end */
    bool begun;        /* an instruction has begun */
    uint64_t measured; /* records so far */
};

void vs_parts_begin(struct vs_parts *p, const struct vs_parts_wanted *wanted);
/*
 * How many of the next n > 0 records belong to the present part. *ends: it ends behind them.
 * *split: of the record behind them so many instructions still belong to this part, and have been
 * taken off its gap.
 */
size_t vs_parts_take(struct vs_parts *p, struct vs_trace_rec *rec, size_t n, bool *ends,
                     uint32_t *split);
/* The present part has ended; on to the next one that is wanted. */
void vs_parts_next(struct vs_parts *p);
/* The trace has ended: writes what is wrong with that, or returns true. */
bool vs_parts_end(const struct vs_parts *p, const char *path, char *err, size_t err_size);
/* "100", "100i": as on the command line. */
char *vs_amount_text(const struct vs_amount *a, char *out, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
