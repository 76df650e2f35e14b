/* SPDX-License-Identifier: MIT */
/*
 * The path of a translation: second-level TLB (probe), then the walk (walk.inc): guest walk caches,
 * for each guest entry its nested translation (nested TLB, nested walk caches, EPT entries),
 * accessed and dirty flags, permissions; then the fill of both TLB levels.
 */
#include "ept_impl.h"

#include <string.h>

#define VS_DEF_NAME ept
#define VS_DEF_FILE "ept/ept.def"
#include "virtsim/def_tables.h"

/* ---- probe: L1 of the other sizes was looked up by the core; here the second level ---- */

/* Where in its page the piece around gva begins. */
static uint64_t piece_of(uint64_t gva, unsigned page, unsigned piece)
{
    return gva & ((1ull << page) - 1u) & ~((1ull << piece) - 1u);
}

/* Fills the first-level TLB with a translation. */
static void fill_l1(struct vs_ept *e, enum vs_ref ref, uint64_t gva, uint64_t payload,
                    unsigned shift)
{
    struct vs_l1 *l = ref == VS_REF_FETCH ? e->fetch : e->data;
    if (vs_unlikely(ref == VS_REF_WRITE && !(payload & VS__READ))) {
        return; /* write-only (Arm stage 2): the core's inline path takes reads for granted */
    }
    struct vs_l1_tlb *t = vs_l1_tlb(l, ref == VS_REF_WRITE);
    unsigned k = VS_L1_HUGE;
    while (k && (shift < t->shift[k] || !(t->held >> k & 1u))) {
        k--; /* the largest that it holds: of a larger page a piece */
    }
    payload += piece_of(gva, shift, t->shift[k]);
    uint64_t other = (uint64_t)(e->tag_now ^ vs__ept_tag_of(e, payload)) << VS_L1_CONTEXT_SHIFT;
    t->sizes |= 1u << k;
    *(other ? &t->shared : &t->own) |= 1u << k;
    vs__ept_put(e, &t->table[t->table_of[k]], vs_l1_key(l, t, gva, k) ^ other, payload,
                ref != VS_REF_READ);
}

/* Says whether a translation allows an access. */
static bool allowed(uint64_t payload, enum vs_ref ref)
{
    return (payload & (ref == VS_REF_READ    ? VS__READ
                       : ref == VS_REF_WRITE ? VS__WRITE
                                             : VS__EXECUTE)) != 0;
}

/* Fetches where they have a second level of their own. */
static bool probe_fetch(struct vs_ept *e, uint64_t gva, uint32_t tag, struct vs_translation *out)
{
    for (uint32_t m = e->fetch_sizes; m; m &= m - 1u) {
        unsigned shift = 12u + (unsigned)__builtin_ctz(m);
        const uint64_t *p = vs_settab_find(&e->l2i, vs__ept_key(gva, shift, tag));
        if (p && allowed(*p, VS_REF_FETCH)) {
            e->count[VS_CNT_ept_l2i_hits]++;
            out->hpa.v = (*p & VS_RADIX_ADDRESS) | (gva & ((1ull << shift) - 1u));
            out->page_shift = shift;
            out->second = 2;
            out->fault = VS_FAULT_NONE;
            fill_l1(e, VS_REF_FETCH, gva, *p, shift);
            return true;
        }
    }
    return false;
}

/* Looks an address up in the second level under one tag. */
static bool probe_tag(struct vs_ept *e, uint64_t gva, enum vs_ref ref, uint32_t tag,
                      struct vs_translation *out)
{
    for (uint32_t m = e->sizes; m; m &= m - 1u) {
        unsigned shift = 12u + (unsigned)__builtin_ctz(m);
        struct vs_settab *t = vs__ept_second(e, shift);
        const uint64_t *p = vs_settab_find(t, vs__ept_second_key(e, t, gva, shift, tag));
        if (p && allowed(*p, ref)) {
            e->count[VS_CNT_ept_l2_hits]++;
            out->hpa.v = (*p & VS_RADIX_ADDRESS) | (gva & ((1ull << shift) - 1u));
            out->page_shift = shift;
            out->second = t == &e->l2_1g;
            out->fault = VS_FAULT_NONE;
            fill_l1(e, ref, gva, *p, shift);
            return true;
        }
    }
    return false;
}

/* Looks an address up in the second level, also among global pages. */
static bool probe_port(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out)
{
    struct vs_ept *e = ctx;
    if (vs_unlikely((uint64_t)((int64_t)(at.v << 7) >> 7) != at.v)) {
        return false; /* keys have no room for what a non-canonical address has there */
    }
    bool own = ref == VS_REF_FETCH && e->l2i.entries;
    if (own ? probe_fetch(e, at.v, e->tag_now, out) : probe_tag(e, at.v, ref, e->tag_now, out)) {
        return true;
    }
    if (e->data->globals && (own ? probe_fetch(e, at.v, e->tag_global, out)
                                 : probe_tag(e, at.v, ref, e->tag_global, out))) {
        return true;
    }
    return false; /* counted as a miss by whoever walks then, unless the walk faults */
}

void vs__ept_fill(struct vs_ept *e, enum vs_ref ref, uint64_t gva, uint64_t frame, unsigned shift,
                  uint64_t flags)
{
    if (vs_unlikely(e->prefetch.running)) {
        e->prefetch.frame = frame;
        e->prefetch.shift = shift;
        e->prefetch.flags = flags;
        e->prefetch.full = true;
        return;
    }
    bool own = ref == VS_REF_FETCH && e->l2i.entries;
    unsigned held = own ? vs__ept_fetch_held(e, shift) : vs__ept_held(e, shift);
    struct vs_settab *t = own ? &e->l2i : vs__ept_second(e, held);
    if (held && t->entries) {
        *(own ? &e->fetch_sizes : &e->sizes) |= 1u << (held - 12u);
        vs__ept_put(e, t, vs__ept_second_key(e, t, gva, held, vs__ept_tag_of(e, flags)),
                    (frame + piece_of(gva, shift, held)) | flags, ref != VS_REF_READ);
    }
    fill_l1(e, ref, gva, frame | flags, shift);
}

/* A walker and a place among those that have one or wait for one. */
struct walker {
    uint32_t walker, place;
};
/* Waits for a place in the queue and for a walker. */
static struct walker walker_take(struct vs_ept *e, struct vs_txn *t, struct vs_translation *out)
{
    struct walker k;
    uint64_t from = vs_now(t).v;
    k.place = vs_acquire(t, (uint16_t)(e->account + VS_ACC_ept_queue_wait), &e->queue);
    uint64_t placed = t->now_ps;
    k.walker = vs_acquire(t, (uint16_t)(e->account + VS_ACC_ept_walker_wait), &e->walker);
    out->queued.v = placed - from;
    out->waited.v = t->now_ps - placed;
    e->count[VS_CNT_ept_walker_waits] += out->waited.v != 0;
    return k;
}

/* Charges the second level's lookup that missed. */
static inline void missed_second(const struct vs_ept *e, struct vs_txn *t, enum vs_ref ref)
{
    const struct vs_lookup *k = ref == VS_REF_FETCH ? &e->fetch_miss : &e->probe_miss;
    if (k->ps.v) {
        vs_charge(t, k->account, k->ps);
    }
}

/* Walks the tables for an address, with queueing and prefetch. */
static void walk_port(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                      struct vs_translation *out)
{
    struct vs_ept *e = ctx;
    memset(out, 0, sizeof *out);
    missed_second(e, t, ref);
    struct walker k = {0, 0};
    if (vs_unlikely(e->walker.n)) {
        k = walker_take(e, t, out);
    }
    vs_open(t, VS_OP_WALK);
    bool found = vs_unlikely(e->prefetch.on) && vs__ept_prefetched(e, t, at.v, ref, out);
    e->count[VS_CNT_ept_walks] += !found;
    if (found || vs__ept_walk_tables(e, t, at.v, ref, out)) {
        if (e->hints && !found) {
            vs__ept_hints_learn(e, at.v);
        }
        if (vs_unlikely(e->cfg.verify)) {
            vs__ept_verify(e, at.v, out);
        }
        if (vs_unlikely(e->prefetch.on)) {
            vs__ept_prefetch_next(e, t, at.v, out->page_shift);
        }
    }
    out->walked = vs_close(t);
    if (vs_unlikely(e->walker.n)) {
        vs_ps now = {t->now_ps};
        vs_release(&e->walker, k.walker, now);
        vs_release(&e->queue, k.place, now);
    }
}

/* ---- the same where nobody wants to know when what happened ---- */

/* Says whether a walk needs nothing beyond the walk itself. */
static bool plain(void *ctx)
{
    const struct vs_ept *e = ctx;
    return !e->walker.n && !e->prefetch.on && !e->cfg.verify && !e->pml.on;
}

/* Walks for the fast path, which notes lines instead of accessing them. */
static uint64_t walk_plain(void *ctx, struct vs_txn *t, struct vs_op_acc *walk,
                           struct vs_gather *lines, vs_gva at, enum vs_ref ref,
                           struct vs_translation *out)
{
    struct vs_ept *e = ctx;
    struct vs_op_acc *outer = t->acc;
    memset(out, 0, sizeof *out);
    missed_second(e, t, ref);
    uint64_t from = t->now_ps;
    t->acc = walk;
    e->lines_noted = lines;
    e->count[VS_CNT_ept_walks]++;
    if (vs__ept_walk_tables(e, t, at.v, ref, out) && e->hints) {
        vs__ept_hints_learn(e, at.v);
    }
    e->lines_noted = NULL;
    t->acc = outer;
    return from;
}

/* Of what a walk charges beside memory: every lookup there is, at every level and again for its
 * flags. */
static uint64_t worst_ps(const struct vs_ept *e)
{
    uint64_t guest = 0, nested = 0;
    for (unsigned level = 0; level <= VS_EPT_LEVELS; level++) {
        uint64_t lower = e->gpwc_lookup[0][level].ps.v, upper = e->gpwc_lookup[1][level].ps.v;
        guest = lower > guest ? lower : guest;
        guest = upper > guest ? upper : guest;
        nested = e->npwc_lookup[level].ps.v > nested ? e->npwc_lookup[level].ps.v : nested;
    }
    uint64_t second =
        e->probe_miss.ps.v > e->fetch_miss.ps.v ? e->probe_miss.ps.v : e->fetch_miss.ps.v;
    return second + e->start_ps + guest + 2u * (VS_EPT_LEVELS + 1u) * (e->nested_ps + nested) +
           VS_GATHER_WALK * e->lines_ps;
}

enum vs_status vs_ept_overlap(struct vs_ept *e)
{
    uint32_t n = (uint32_t)e->cfg.walkers;
    enum vs_status s = vs_slots_init(&e->walker, n);
    return s ? s : vs_slots_init(&e->queue, n + (uint32_t)e->cfg.walk_queue);
}

struct vs_mmu_port vs_ept_mmu_port(struct vs_ept *e)
{
    return (struct vs_mmu_port){.ctx = e,
                                .probe = probe_port,
                                .walk = walk_port,
                                .probed = {e->probed[0], e->probed[1], e->probed[2]},
                                .missed = {e->probe_miss, e->fetch_miss},
                                .queue_wait = (uint16_t)(e->account + VS_ACC_ept_queue_wait),
                                .walker_wait = (uint16_t)(e->account + VS_ACC_ept_walker_wait)};
}

struct vs_fast_mmu vs_ept_fast_port(struct vs_ept *e)
{
    if (!e->hints) {
        e->hints = vs__ept_hints_create();
    }
    return (struct vs_fast_mmu){.ctx = e,
                                .announce = e->hints ? vs__ept_announce : NULL,
                                .foretell = e->hints ? vs__ept_foretell : NULL,
                                .expect = e->hints ? vs__ept_expect : NULL,
                                .plain = plain,
                                .walk_plain = walk_plain,
                                .worst_ps = worst_ps(e)};
}
