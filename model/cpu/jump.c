/* SPDX-License-Identifier: MIT */
/*
 * Bulk operations that jump about. Host memory is slow, and the next addresses are known: they are
 * made some dozens at a time, what the models hold about each is announced when it is made, and
 * what that leads to is fetched before it is used.
 */
#include "cpu/bulk.h"
#include "cpu/gather.h"
#include "cpu/zipf.h"

#define MADE (VS_BULK_AHEAD / 2u) /* addresses at a time */
/* accesses one by one: foretold and expected so many before */
#define FAR 24u
#define NEAR 6u

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
    uint64_t elements = b->stride / VS__ELEMENT, draw[2][MADE], rest;
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

static void make_chase(struct vs_cpu_bulk *b, uint64_t *out, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        out[i] = b->base.v + vs_perm_at(&b->perm, b->offset) * b->stride;
        b->offset = b->offset + 1u == b->perm.n ? 0 : b->offset + 1u;
    }
}

/* The next addresses, when less than half of the ring is left. */
static void make(const struct vs_cpu *c, struct vs_cpu_bulk *b, bool hints)
{
    if (b->made == b->count || b->made - b->done > MADE) {
        return;
    }
    /* up to the ring's end: the count may have grown since, from one that is no multiple of MADE */
    uint64_t n = b->count - b->made, at = b->made % VS_BULK_AHEAD, *out = &b->ahead[at];
    n = n < MADE ? n : MADE;
    n = n < VS_BULK_AHEAD - at ? n : VS_BULK_AHEAD - at;
    if (b->kind == VS_BULK_RANDOM) {
        make_random(b, out, n);
    } else if (b->kind == VS_BULK_ZIPF) {
        make_zipf(b, out, n);
    } else {
        make_chase(b, out, n);
    }
    b->made += n;
    if (hints) {
        c->mmu.announce(c->mmu.ctx, out, (uint32_t)n);
    }
}

/* All before `end`, as far as they are made. */
static void foretell(const struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t end)
{
    end = end < b->made ? end : b->made;
    for (; b->foretold < end; b->foretold++) {
        vs_gva at = {b->ahead[b->foretold % VS_BULK_AHEAD]};
        c->mmu.foretell(c->mmu.ctx, at);
    }
}

/* At most n accesses at once. False: the last one faulted. */
static bool together(struct vs__gathering *g, struct vs_cpu *c, struct vs_cpu_bulk *b, bool hints,
                     uint64_t n)
{
    bool ok = true;
    uint64_t first = b->done, left = b->made - b->done;
    n = n < left ? n : left;
    n = n < VS__GATHERED ? n : VS__GATHERED;
    while (ok && b->done - first < n && vs__gather_fits(g)) {
        ok = vs__gather_access(g, c, b->ahead[b->done % VS_BULK_AHEAD], b->ref);
        b->done += ok;
    }
    vs__cpu_instructions(c, (b->done - first) * b->instructions);
    make(c, b, hints);
    if (hints) { /* theirs, while the caches are at these */
        foretell(c, b, b->done + VS__GATHERED);
    }
    vs__gather_end(g, c, b->ref);
    return ok;
}

enum vs_cpu_stop vs__bulk_jumping(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    struct vs_l1 *l = vs__cpu_l1(c, b->ref);
    struct vs__gathering g;
    bool straddles = b->stride % VS__ELEMENT || b->base.v % VS__ELEMENT;
    bool hints = c->cfg.translation && c->mmu.announce && l->lines.prefetch;
    while (b->done < b->count) {
        uint64_t now = vs_cpu_now_ps(c);
        if (now >= until) {
            return VS_CPU_HORIZON;
        }
        make(c, b, hints);
        uint64_t n = straddles ? 0 : vs__gather_room(c, b, until - now);
        if (n > 1u && vs__gather_begin(&g, c, b->ref)) {
            if (!together(&g, c, b, hints, n)) {
                return VS_CPU_FAULT;
            }
            continue;
        }
        if (hints) {
            foretell(c, b, b->done + FAR);
            if (b->done + NEAR < b->made) {
                vs__bulk_expect(c, l, b->ahead[(b->done + NEAR) % VS_BULK_AHEAD]);
            }
        }
        vs_gva at = {b->ahead[b->done % VS_BULK_AHEAD]};
        if (vs_unlikely(straddles) ? vs_cpu_access(c, at, VS__ELEMENT, b->ref) != VS_CPU_DONE
                                   : !vs__cpu_access_line(c, at.v, b->ref)) {
            return VS_CPU_FAULT;
        }
        vs__bulk_made(c, b->instructions);
        b->done++;
    }
    return VS_CPU_DONE;
}
