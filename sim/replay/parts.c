/* SPDX-License-Identifier: MIT */
#include "replay/parts.h"

#include "trace/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Instructions that begin with this record. */
static uint32_t instructions(const struct vs_trace_rec *r)
{
    return r->kind == VS_TRACE_FETCH ? 1u : r->gap;
}

/* How much the part that is under way takes. */
static const struct vs_amount *amount(const struct vs_parts *p)
{
    return p->part == VS_PART_SKIP     ? &p->wanted.skip
           : p->part == VS_PART_WARMUP ? &p->wanted.warmup
                                       : &p->wanted.limit;
}

/* Enters this part, or the first one after it that is wanted. */
static void enter(struct vs_parts *p, enum vs_replay_part part)
{
    p->part = part;
    if (part == VS_PART_SKIP && !p->wanted.skip.n) {
        p->part = VS_PART_WARMUP;
    }
    if (p->part == VS_PART_WARMUP && !p->wanted.warmup.n) {
        p->part = VS_PART_MEASURED;
    }
    p->left = p->part < VS_PART_OVER && amount(p)->n ? amount(p)->n : UINT64_MAX;
}

/* Begins with the part that is skipped. */
void vs_parts_begin(struct vs_parts *p, const struct vs_parts_wanted *wanted)
{
    memset(p, 0, sizeof *p);
    p->wanted = *wanted;
    enter(p, VS_PART_SKIP);
}

void vs_parts_next(struct vs_parts *p)
{
    enter(p, (enum vs_replay_part)(p->part + 1));
}

/* Takes records until the part has its instructions, and splits the one that has too many. */
static size_t take_instructions(struct vs_parts *p, struct vs_trace_rec *rec, size_t n, bool *ends,
                                uint32_t *split)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t c = instructions(&rec[i]);
        p->begun = p->begun || c;
        if (c > p->left) {
            *split = (uint32_t)p->left;
            rec[i].gap -= *split;
            p->left = 0;
            *ends = true;
            return i;
        }
        p->left -= c;
    }
    return n;
}

/* Takes records until the part has its number. */
static size_t take_records(struct vs_parts *p, const struct vs_trace_rec *rec, size_t n, bool *ends)
{
    size_t k = p->left < n ? (size_t)p->left : n;
    p->left -= k;
    for (size_t i = 0; i < k && !p->begun; i++) {
        p->begun = instructions(&rec[i]) != 0;
    }
    if (p->left) {
        return k;
    }
    while (k < n && p->begun && !instructions(&rec[k])) {
        k++; /* it ends inside an instruction */
    }
    *ends = k < n;
    return k;
}

size_t vs_parts_take(struct vs_parts *p, struct vs_trace_rec *rec, size_t n, bool *ends,
                     uint32_t *split)
{
    *ends = false;
    *split = 0;
    size_t k = n;
    if (p->left != UINT64_MAX) {
        k = amount(p)->instructions ? take_instructions(p, rec, n, ends, split)
                                    : take_records(p, rec, n, ends);
    }
    p->measured += p->part == VS_PART_MEASURED ? k + (*split != 0) : 0;
    return k;
}

char *vs_amount_text(const struct vs_amount *a, char *out, size_t bytes)
{
    snprintf(out, bytes, "%" PRIu64 "%s", a->n, a->instructions ? "i" : "");
    return out;
}

/* What an amount counts. */
static const char *unit(const struct vs_amount *a)
{
    return a->instructions ? "instructions" : "records";
}

bool vs_parts_end(const struct vs_parts *p, const char *path, char *err, size_t err_size)
{
    const struct vs_amount *a = amount(p), *skip = &p->wanted.skip, *warmup = &p->wanted.warmup;
    static const char *const option[] = {"--skip", "--warmup", "--limit", ""};
    /* an amount of instructions that never comes: why */
    const char *none = p->part < VS_PART_OVER && a->instructions && !p->begun
                           ? "; it has no instructions (fetches): give a number of records"
                           : "";
    if (p->part == VS_PART_SKIP && p->left) {
        snprintf(err, err_size,
                 "%s: ends before --skip is reached: %" PRIu64
                 " more %s were to be skipped%s; give "
                 "less than it has",
                 path, p->left, unit(a), none);
    } else if (p->part == VS_PART_WARMUP && p->left) {
        snprintf(err, err_size,
                 "%s: ends within --warmup: %" PRIu64 " of %" PRIu64
                 " warm-up %s came; nothing is left to measure%s",
                 path, a->n - p->left, a->n, unit(a), none);
    } else if (p->part < VS_PART_MEASURED || !p->measured) {
        snprintf(err, err_size,
                 "%s: ends with the %" PRIu64 " %s of --skip and the %" PRIu64
                 " %s of --warmup: none of its records is left to measure",
                 path, skip->n, unit(skip), warmup->n, unit(warmup));
    } else if (*none) {
        snprintf(err, err_size, "%s: %s %" PRIu64 "i counts instructions%s", path, option[p->part],
                 a->n, none);
    } else {
        return true;
    }
    return false;
}
