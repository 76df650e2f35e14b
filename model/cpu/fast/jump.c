/* SPDX-License-Identifier: MIT */
/*
 * Bulk operations that jump about. Host memory is slow, and the next addresses are known: they are
 * made some dozens at a time, what the models hold about each is announced when it is made, and
 * what that leads to is fetched before it is used.
 */
#include "cpu/fast/fast.h"
#include "cpu/fast/gather.h"

/* accesses one by one: foretold and expected so many before */
#define FAR 24u
#define NEAR 6u

/* The next addresses, when less than half of the ring is left. */
static void make(const struct vs_cpu *c, struct vs_cpu_bulk *b, bool hints)
{
    const uint64_t *made;
    uint64_t n;
    if (vs__bulk_make(b, &made, &n) && hints) {
        c->fast_port.mmu.announce(c->fast_port.mmu.ctx, made, (uint32_t)n);
    }
}

/* All before `end`, as far as they are made. */
static void foretell(const struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t end)
{
    end = end < b->made ? end : b->made;
    for (; b->foretold < end; b->foretold++) {
        vs_gva at = {b->ahead[b->foretold % VS_BULK_AHEAD]};
        c->fast_port.mmu.foretell(c->fast_port.mmu.ctx, at);
    }
}

/* At most n accesses at once. False: the last one faulted. */
static bool together(struct vs__gathering *g, struct vs_cpu *c, struct vs_cpu_bulk *b, bool hints,
                     uint64_t n)
{
    bool ok = true;
    uint64_t first = b->done, left = b->made - b->done;
    const uint32_t right = b->modifies ? (uint32_t)VS_REF_WRITE : (uint32_t)b->ref;
    n = n < left ? n : left;
    n = n < VS__GATHERED ? n : VS__GATHERED;
    while (ok && b->done - first < n && vs__gather_fits(g)) {
        ok = vs__gather_access(g, c, b->ahead[b->done % VS_BULK_AHEAD], b->ref, right);
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

enum vs_cpu_stop vs__fast_jump(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    struct vs_l1 *l = vs__cpu_l1(c, b->ref);
    struct vs__gathering g;
    bool straddles = b->stride % VS__ELEMENT || b->base.v % VS__ELEMENT;
    bool hints = c->cfg.translation && c->fast_port.mmu.announce && c->fast_port.lines.prefetch;
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
                vs__fast_expect(c, l, b->ahead[(b->done + NEAR) % VS_BULK_AHEAD]);
            }
        }
        vs_gva at = {b->ahead[b->done % VS_BULK_AHEAD]};
        if (b->modifies              ? !vs__cpu_modify(c, at.v, VS__ELEMENT)
            : vs_unlikely(straddles) ? vs_cpu_access(c, at, VS__ELEMENT, b->ref) != VS_CPU_DONE
                                     : !vs__cpu_access_line(c, at.v, b->ref)) {
            return VS_CPU_FAULT;
        }
        vs__bulk_made(c, b->instructions);
        b->done++;
    }
    return VS_CPU_DONE;
}
