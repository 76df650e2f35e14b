/* SPDX-License-Identifier: MIT */
/* Bulk operations: which addresses they touch, access by access. fast/ takes several at once. */
#include "cpu/bulk.h"
#include "cpu/zipf.h"

#include <string.h>

#define ELEMENT VS__ELEMENT

/* ---- set-up ---- */

/* Prepares accesses in bulk, and refuses what doesn't fit its region. */
static enum vs_status bulk_init(struct vs_cpu_bulk *b, const struct vs_cpu *c,
                                enum vs_bulk_kind kind, enum vs_ref ref, vs_gva base,
                                uint64_t bytes, uint64_t step, uint64_t count)
{
    memset(b, 0, sizeof *b);
    b->kind = kind;
    b->ref = ref;
    b->base = base;
    b->bytes = bytes;
    b->stride = step;
    b->count = count;
    b->instructions = c->cfg.bulk_instructions;
    return step == 0 || bytes < ELEMENT || bytes < step || base.v + bytes < base.v ? VS_E_BOUNDS
                                                                                   : VS_OK;
}

enum vs_status vs_bulk_stride(struct vs_cpu_bulk *b, const struct vs_cpu *c, enum vs_ref ref,
                              vs_gva base, uint64_t bytes, uint64_t stride, uint64_t count)
{
    return bulk_init(b, c, VS_BULK_STRIDE, ref, base, bytes, stride, count);
}

enum vs_status vs_bulk_random(struct vs_cpu_bulk *b, const struct vs_cpu *c, enum vs_ref ref,
                              vs_gva base, uint64_t bytes, uint64_t count, uint64_t seed)
{
    enum vs_status s = bulk_init(b, c, VS_BULK_RANDOM, ref, base, bytes, ELEMENT, count);
    vs_rng_seed(&b->rng, seed, 0xb1);
    return s;
}

enum vs_status vs_bulk_zipf(struct vs_cpu_bulk *b, const struct vs_cpu *c, enum vs_ref ref,
                            vs_gva base, uint64_t bytes, uint64_t grain, double theta,
                            uint64_t count, uint64_t seed)
{
    enum vs_status s = bulk_init(b, c, VS_BULK_ZIPF, ref, base, bytes, grain, count);
    if (s != VS_OK || grain < ELEMENT || !(theta >= 0) || bytes / grain > 1ull << 36) {
        return VS_E_BOUNDS;
    }
    vs_rng_seed(&b->rng, seed, 0xb2);
    vs_perm_init(&b->perm, bytes / grain, seed);
    b->zipf = vs__zipf_create(bytes / grain, theta);
    return b->zipf ? VS_OK : VS_E_NOMEM;
}

enum vs_status vs_bulk_chase(struct vs_cpu_bulk *b, const struct vs_cpu *c, vs_gva base,
                             uint64_t bytes, uint64_t node, uint64_t count, uint64_t seed)
{
    enum vs_status s = bulk_init(b, c, VS_BULK_CHASE, VS_REF_READ, base, bytes, node, count);
    if (s == VS_OK) {
        vs_perm_init(&b->perm, bytes / node, seed);
    }
    return s;
}

enum vs_status vs_bulk_stream(struct vs_cpu_bulk *b, const struct vs_cpu *c, vs_gva base,
                              uint64_t bytes, uint64_t count)
{
    enum vs_status s = bulk_init(b, c, VS_BULK_STREAM, VS_REF_READ, base, bytes, ELEMENT, count);
    return s == VS_OK && bytes < 3u * ELEMENT ? VS_E_BOUNDS : s;
}

void vs_bulk_free(struct vs_cpu_bulk *b)
{
    vs__zipf_free(b->zipf);
    b->zipf = NULL;
}

/* ---- which addresses ---- */

/* Makes the next addresses of a random pattern. */
static void make_random(struct vs_cpu_bulk *b, uint64_t *out, uint64_t n)
{
    uint64_t elements = b->bytes / VS__ELEMENT;
    struct vs_rng rng = b->rng;
    for (uint64_t i = 0; i < n; i++) {
        out[i] = b->base.v + vs_rng_below(&rng, elements) * VS__ELEMENT;
    }
    b->rng = rng;
}

/* Draws first, then ranks, then permutations, so that those of several addresses overlap. */
static void make_zipf(struct vs_cpu_bulk *b, uint64_t *out, uint64_t n)
{
    uint64_t elements = b->stride / VS__ELEMENT, draw[2][VS__BULK_MADE], rest;
    struct vs_rng rng = b->rng;
    for (uint64_t i = 0; i < n; i++) {
        draw[0][i] = vs_rng_next(&rng);
        draw[1][i] = vs_rng_next(&rng);
    }
    b->rng = rng;
    for (uint64_t i = 0; i < n; i++) {
        draw[0][i] = vs__zipf_rank(b->zipf, draw[0][i], draw[1][i], &rest);
        draw[1][i] = (uint64_t)(((vs_u128)rest * elements) >> 64);
    }
    for (uint64_t i = 0; i < n; i++) {
        out[i] =
            b->base.v + vs_perm_at(&b->perm, draw[0][i]) * b->stride + draw[1][i] * VS__ELEMENT;
    }
}

/* Makes the next addresses of a chain that visits every element once. */
static void make_chase(struct vs_cpu_bulk *b, uint64_t *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        out[i] = b->base.v + vs_perm_at(&b->perm, b->offset) * b->stride;
        b->offset = b->offset + 1u == b->perm.n ? 0 : b->offset + 1u;
    }
}

bool vs__bulk_make(struct vs_cpu_bulk *b, const uint64_t **first, uint64_t *n)
{
    if (b->made == b->count || b->made - b->done > VS__BULK_MADE) {
        return false;
    }
    /* up to the ring's end: the count may have grown since, from one that is no multiple of it */
    uint64_t left = b->count - b->made, at = b->made % VS_BULK_AHEAD, *out = &b->ahead[at];
    left = left < VS__BULK_MADE ? left : VS__BULK_MADE;
    left = left < VS_BULK_AHEAD - at ? left : VS_BULK_AHEAD - at;
    if (b->kind == VS_BULK_RANDOM) {
        make_random(b, out, left);
    } else if (b->kind == VS_BULK_ZIPF) {
        make_zipf(b, out, left);
    } else {
        make_chase(b, out, left);
    }
    b->made += left;
    *first = out;
    *n = left;
    return true;
}

/* ---- running ---- */

/* One access of a stride or a jump; straddles: it may lie in two lines. */
static bool touch(struct vs_cpu *c, const struct vs_cpu_bulk *b, vs_gva at, bool straddles)
{
    bool ok = b->modifies ? vs__cpu_modify(c, at.v, ELEMENT)
              : straddles ? vs_cpu_access(c, at, ELEMENT, b->ref) == VS_CPU_DONE
                          : vs__cpu_access_line(c, at.v, b->ref);
    if (ok) {
        vs__cpu_left(c);
        vs__bulk_made(c, b->instructions);
    }
    return ok;
}

/* Runs a stride up to the horizon. */
static enum vs_cpu_stop run_stride(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    bool straddles = b->stride % ELEMENT || b->base.v % ELEMENT || b->bytes % ELEMENT;
    for (; b->done < b->count; b->done++) {
        if (vs_cpu_now_ps(c) >= until) {
            return VS_CPU_HORIZON;
        }
        vs_gva at = {b->base.v + b->offset};
        if (!touch(c, b, at, straddles)) {
            return VS_CPU_FAULT;
        }
        b->offset += b->stride;
        if (b->offset + ELEMENT > b->bytes) {
            b->offset = 0;
        }
    }
    return VS_CPU_DONE;
}

/* Runs a pattern of made addresses up to the horizon. */
static enum vs_cpu_stop run_jumping(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    bool straddles = b->stride % ELEMENT || b->base.v % ELEMENT;
    for (; b->done < b->count; b->done++) {
        const uint64_t *made;
        uint64_t n;
        if (vs_cpu_now_ps(c) >= until) {
            return VS_CPU_HORIZON;
        }
        (void)vs__bulk_make(b, &made, &n);
        vs_gva at = {b->ahead[b->done % VS_BULK_AHEAD]};
        if (!touch(c, b, at, straddles)) {
            return VS_CPU_FAULT;
        }
    }
    return VS_CPU_DONE;
}

/* Runs two loads and a store for each element up to the horizon. */
static enum vs_cpu_stop run_stream(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    uint64_t third = b->bytes / 3u / ELEMENT * ELEMENT;
    while (b->done < b->count) {
        if (vs_cpu_now_ps(c) >= until) {
            return VS_CPU_HORIZON;
        }
        uint64_t which = b->done % 3u; /* b, c, then a */
        vs_gva at = {b->base.v + (which == 2u ? 0 : which + 1u) * third + b->offset};
        if (vs_cpu_access(c, at, ELEMENT, which == 2u ? VS_REF_WRITE : VS_REF_READ) !=
            VS_CPU_DONE) {
            return VS_CPU_FAULT;
        }
        vs__bulk_made(c, b->instructions);
        b->done++;
        if (which == 2u) {
            b->offset = b->offset + ELEMENT == third ? 0 : b->offset + ELEMENT;
        }
    }
    return VS_CPU_DONE;
}

/* Where the next access of a stream goes: b, c, then a; and whether it is a store. */
static uint64_t stream_at(const struct vs_cpu_bulk *b, enum vs_ref *ref)
{
    const uint64_t third = b->bytes / 3u / ELEMENT * ELEMENT, which = b->done % 3u;
    *ref = which == 2u ? VS_REF_WRITE : VS_REF_READ;
    return b->base.v + (which == 2u ? 0 : which + 1u) * third + b->offset;
}

vs_gva vs_bulk_next(struct vs_cpu_bulk *b, enum vs_ref *ref)
{
    const uint64_t *made;
    uint64_t n;
    *ref = b->ref;
    if (b->kind == VS_BULK_STREAM) {
        return (vs_gva){stream_at(b, ref)};
    }
    if (b->kind == VS_BULK_STRIDE) {
        return (vs_gva){b->base.v + b->offset};
    }
    (void)vs__bulk_make(b, &made, &n);
    return (vs_gva){b->ahead[b->done % VS_BULK_AHEAD]};
}

void vs_bulk_made(struct vs_cpu_bulk *b)
{
    const bool stream = b->kind == VS_BULK_STREAM;
    if (b->kind == VS_BULK_STRIDE || (stream && b->done % 3u == 2u)) {
        const uint64_t bytes = stream ? b->bytes / 3u / ELEMENT * ELEMENT : b->bytes;
        b->offset += stream ? ELEMENT : b->stride;
        b->offset = b->offset + ELEMENT > bytes ? 0 : b->offset;
    }
    b->done++;
}

enum vs_cpu_stop vs_cpu_bulk_run(struct vs_cpu *c, struct vs_cpu_bulk *b, vs_ps until)
{
    struct vs_l1 *l = vs__cpu_l1(c, b->ref);
    bool was_exact = c->exact, was_fast = l->fast, depended = c->depends;
    c->depends = depended || b->kind == VS_BULK_CHASE;
    if (!c->window && (vs__cpu_listened(c, b->ref) ||
                       (b->kind == VS_BULK_STREAM && vs__cpu_listened(c, VS_REF_WRITE)))) {
        c->exact = true;
        l->fast = false; /* every access is charged part by part */
    }
    /* strides are run by what the last page allows to load, jumps by each one's own right */
    const bool step_by_step =
        b->modifies && (b->kind == VS_BULK_STRIDE || vs_l1_tlb(l, true) != vs_l1_tlb(l, false));
    enum vs_cpu_stop stop = b->kind == VS_BULK_STREAM       ? run_stream(c, b, until.v)
                            : c->fast_bulk && !step_by_step ? c->fast_bulk(c, b, until.v)
                            : b->kind == VS_BULK_STRIDE     ? run_stride(c, b, until.v)
                                                            : run_jumping(c, b, until.v);
    c->exact = was_exact;
    l->fast = was_fast;
    c->depends = depended;
    return stop;
}
