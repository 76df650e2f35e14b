/* SPDX-License-Identifier: MIT */
/*
 * Bulk operations. The loop knows its next addresses: it announces those that will miss, and takes
 * the further accesses to a line it has just used in one step, since they can only hit.
 */
#include "cpu/gather.h"
#include "cpu/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENT 8u

/* ---- Zipf: alias table (Walker, Vose) over single ranks, then groups of ranks ---- */
#define ZIPF_SINGLE 1024u
struct vs_zipf {
    uint32_t n;
    struct zipf_slot {
        uint64_t threshold; /* below: own, else the alias; in 2^-64 */
        uint64_t first[2];  /* first rank of own and of alias group */
        uint32_t span[2];   /* ranks in it */
    } * slot;
};

static uint64_t zipf_group_end(uint64_t first, uint64_t ranks)
{
    uint64_t step = first < ZIPF_SINGLE ? 1u : first / 64u, end = first + step;
    return end < ranks ? end : ranks;
}

static struct vs_zipf *zipf_create(uint64_t ranks, double theta)
{
    uint32_t n = 0;
    for (uint64_t r = 0; r < ranks; r = zipf_group_end(r, ranks)) {
        n++;
    }
    n = n ? n : 1;
    struct vs_zipf *z = calloc(1, sizeof *z);
    double *weight = calloc(n, sizeof *weight);
    uint32_t *work = calloc(2u * (size_t)n, sizeof *work), small = 0, large = n;
    struct zipf_slot *slot = calloc(n, sizeof *slot);
    if (!z || !weight || !work || !slot) {
        free(z);
        free(weight);
        free(work);
        free(slot);
        return NULL;
    }
    double sum = 0;
    uint64_t r = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t end = zipf_group_end(r, ranks);
        double middle = (double)r + (double)(end - r + 1u) / 2.0; /* ranks count from 1 */
        weight[i] = (double)(end - r) * pow(middle, -theta);
        sum += weight[i];
        slot[i].first[0] = slot[i].first[1] = r;
        slot[i].span[0] = slot[i].span[1] = (uint32_t)(end - r);
        slot[i].threshold = UINT64_MAX;
        r = end;
    }
    for (uint32_t i = 0; i < n; i++) {
        weight[i] *= (double)n / sum;
        if (weight[i] < 1.0) {
            work[small++] = i;
        } else {
            work[n + --large] = i;
        }
    }
    while (small && large < n) {
        uint32_t a = work[--small], b = work[n + large];
        slot[a].threshold = (uint64_t)(weight[a] * 0x1p63) << 1;
        slot[a].first[1] = slot[b].first[0];
        slot[a].span[1] = slot[b].span[0];
        weight[b] -= 1.0 - weight[a];
        if (weight[b] < 1.0) {
            large++;
            work[small++] = b;
        }
    }
    free(weight);
    free(work);
    z->n = n;
    z->slot = slot;
    return z;
}

static uint64_t zipf_rank(const struct vs_zipf *z, struct vs_rng *rng)
{
    vs_u128 x = (vs_u128)vs_rng_next(rng) * z->n;
    const struct zipf_slot *s = &z->slot[(uint64_t)(x >> 64)];
    uint32_t k = (uint64_t)x > s->threshold;
    return s->span[k] == 1u ? s->first[k] : s->first[k] + vs_rng_below(rng, s->span[k]);
}

/* ---- set-up ---- */

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
    b->zipf = zipf_create(bytes / grain, theta);
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
    if (b->zipf) {
        free(b->zipf->slot);
        free(b->zipf);
    }
    b->zipf = NULL;
}

/* ---- running ---- */

/* What comes with an access that has been made. */
static inline void made(struct vs_cpu *c, uint64_t instructions)
{
    if (vs_likely(!c->window)) {
        vs__cpu_instructions(c, instructions);
    } else if (instructions) {
        vs__window_instructions(c, instructions);
    } else {
        vs__window_issue(c);
    }
}

/* Addresses of the patterns that jump about. */
static uint64_t next_address(struct vs_cpu_bulk *b)
{
    if (b->kind == VS_BULK_RANDOM) {
        return b->base.v + vs_rng_below(&b->rng, b->bytes / ELEMENT) * ELEMENT;
    }
    if (b->kind == VS_BULK_ZIPF) {
        uint64_t page = vs_perm_at(&b->perm, zipf_rank(b->zipf, &b->rng));
        return b->base.v + page * b->stride + vs_rng_below(&b->rng, b->stride / ELEMENT) * ELEMENT;
    }
    uint64_t node = vs_perm_at(&b->perm, b->offset);
    b->offset = b->offset + 1u == b->perm.n ? 0 : b->offset + 1u;
    return b->base.v + node * b->stride;
}

/* Host memory is slow, and the next addresses are known: what the models hold about an address is
 * announced when it is made, and what that leads to is fetched NEAR accesses before it is used. */
#define NEAR 6u
static void foretell(const struct vs_cpu *c, const struct vs_l1 *l, uint64_t gva)
{
    uint64_t hpa[VS_FORETOLD];
    vs_gva at = {gva};
    uint32_t n = c->mmu.foretell(c->mmu.ctx, at, hpa);
    for (uint32_t i = 0; !c->gathers && i < n;
         i++) { /* gathered lines are announced by the memory */
        l->lines.prefetch(l->lines.ctx, hpa[i] >> l->line_shift);
    }
}

static uint64_t jump(const struct vs_cpu *c, struct vs_cpu_bulk *b, const struct vs_l1 *l,
                     bool hints)
{
    while (b->made < b->count && b->made - b->done < VS_BULK_AHEAD) {
        uint64_t a = next_address(b);
        b->ahead[b->made++ % VS_BULK_AHEAD] = a;
        if (hints) {
            vs_gva at = {a};
            c->mmu.announce(c->mmu.ctx, at);
        }
    }
    if (hints && b->done + NEAR < b->made) {
        foretell(c, l, b->ahead[(b->done + NEAR) % VS_BULK_AHEAD]);
    }
    return b->ahead[b->done % VS_BULK_AHEAD];
}

/* At most n accesses at once. False: the last one faulted. */
static bool jump_together(struct vs__gathering *g, struct vs_cpu *c, struct vs_cpu_bulk *b,
                          const struct vs_l1 *l, bool hints, uint64_t n)
{
    bool ok = true;
    while (ok && n-- && b->done < b->count && !vs__gather_full(g)) {
        ok = vs__gather_access(g, c, jump(c, b, l, hints), b->ref);
        if (ok) {
            vs__cpu_instructions(c, b->instructions);
            b->done++;
        }
    }
    vs__gather_end(g, c, b->ref);
    return ok;
}

static enum vs_cpu_stop run_jumping(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    struct vs_l1 *l = vs__cpu_l1(c, b->ref);
    struct vs__gathering g;
    bool straddles = b->stride % ELEMENT || b->base.v % ELEMENT;
    bool hints = c->cfg.translation && c->mmu.announce && c->mmu.foretell && l->lines.prefetch;
    while (b->done < b->count) {
        uint64_t now = vs_cpu_now_ps(c);
        if (now >= until) {
            return VS_CPU_HORIZON;
        }
        uint64_t n = straddles ? 0 : vs__gather_room(c, b, until - now);
        if (n > 1u && vs__gather_begin(&g, c, b->ref)) {
            if (!jump_together(&g, c, b, l, hints, n)) {
                return VS_CPU_FAULT;
            }
            continue;
        }
        uint64_t a = jump(c, b, l, hints);
        vs_gva at = {a};
        if (vs_unlikely(straddles) ? vs_cpu_access(c, at, ELEMENT, b->ref) != VS_CPU_DONE
                                   : !vs__cpu_access_line(c, a, b->ref)) {
            return VS_CPU_FAULT;
        }
        made(c, b->instructions);
        b->done++;
    }
    return VS_CPU_DONE;
}

/* After an inline hit: how many more accesses fall into the same line and fit before `until`. They
 * find translation and line where this one found them. */
static uint64_t same_line(const struct vs_cpu *c, const struct vs_cpu_bulk *b,
                          const struct vs_l1 *l, uint32_t tlb, uint64_t at, uint64_t until)
{
    uint64_t line = 1ull << l->line_shift, n = (line - (at & (line - 1u)) - ELEMENT) / b->stride;
    uint64_t in_region = (b->bytes - b->offset - ELEMENT) / b->stride,
             left = b->count - b->done - 1u;
    n = n < in_region ? n : in_region;
    n = n < left ? n : left;
    uint64_t now = vs_cpu_now_ps(c),
             each = c->price[b->ref][tlb][0] + b->instructions * (c->instruction_q + 1u);
    return now < until && (n + 1u) * each < until - now ? n : 0; /* near the horizon: one by one */
}

/* Whole lines of the page that translated last, starting at the present position: the translation
 * is the most recent entry and stays so, so only the lines are looked up. How many accesses it
 * made; 0: go on one by one. */
static uint64_t whole_lines(struct vs_cpu *c, const struct vs_cpu_bulk *b, struct vs_l1 *l,
                            uint64_t until)
{
    uint64_t line = 1ull << l->line_shift, at = b->base.v + b->offset, hpa, end;
    uint64_t each = b->stride < line ? line / b->stride : 1u, /* accesses to a line */
        step = b->stride < line ? line : b->stride;
    if ((at & (line - 1u)) >= b->stride || !vs_l1_page(l, at, b->ref == VS_REF_WRITE, &hpa, &end)) {
        return 0;
    }
    uint32_t tlb = vs_l1_tlb(l, b->ref == VS_REF_WRITE)->last_table;
    uint64_t last = b->base.v + b->bytes; /* whole steps inside the page and the region */
    uint64_t n = ((end < last ? end : last) - at) / step, left = (b->count - b->done) / each;
    n = n < left ? n : left;
    uint64_t now = vs_cpu_now_ps(c), worst = c->worst_ps[b->ref] +
                                             (each - 1u) * c->price[b->ref][tlb][0] +
                                             each * b->instructions * (c->instruction_q + 1u);
    uint64_t fit = now < until ? (until - now) / worst : 0;
    n = n < fit ? n : fit;
    n = n < VS_LINE_RUN ? n : VS_LINE_RUN;
    if (n < 2u) {
        return 0;
    }
    uint8_t levels[VS_LINE_RUN];
    uint64_t answered[VS_LINE_LEVELS] = {0};
    if (end - at <= n * step && c->mmu.foretell) {
        foretell(c, l, end); /* the next page's first line */
    }
    l->lines.run(l->lines.ctx, hpa >> l->line_shift, (uint32_t)n, step >> l->line_shift, b->ref,
                 levels, answered);
    for (uint32_t level = 0; level < VS_LINE_LEVELS; level++) {
        if (answered[level]) {
            c->pending[b->ref][tlb][level] += answered[level];
            c->pending_mask[b->ref] |= 1ull << level;
            c->pending_ps += answered[level] * c->price[b->ref][tlb][level];
        }
    }
    c->fast[b->ref][tlb] += n * (each - 1u); /* the others of each line: inline hits */
    c->pending_ps += n * (each - 1u) * c->price[b->ref][tlb][0];
    return n * each;
}

/* The rest of the page that translated last, for the window. */
static uint64_t window_lines(struct vs_cpu *c, const struct vs_cpu_bulk *b, const struct vs_l1 *l,
                             uint64_t at, uint64_t until)
{
    uint64_t n = (b->bytes - b->offset - ELEMENT) / b->stride + 1u, left = b->count - b->done, hpa,
             end;
    n = n < left ? n : left;
    if (c->mmu.foretell && vs_l1_page(l, at, b->ref == VS_REF_WRITE, &hpa, &end) &&
        n * b->stride > end - at) {
        foretell(c, l, end);
    }
    return vs__window_lines(c, at, b->ref, n, b->stride, b->instructions, until);
}

static enum vs_cpu_stop run_stride(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    struct vs_l1 *l = vs__cpu_l1(c, b->ref);
    const struct vs_l1_tlb *t = vs_l1_tlb(l, b->ref == VS_REF_WRITE);
    uint64_t line = 1ull << l->line_shift;
    bool straddles = b->stride % ELEMENT || b->base.v % ELEMENT || b->bytes % ELEMENT;
    bool grouped = l->fast && !straddles && b->stride <= line / 2u;
    bool whole = l->fast && !straddles && l->lines.run &&
                 (b->stride < line ? line % b->stride == 0 : b->stride % line == 0);
    while (b->done < b->count) {
        if (vs_cpu_now_ps(c) >= until) {
            return VS_CPU_HORIZON;
        }
        vs_gva at = {b->base.v + b->offset};
        uint64_t n = whole                     ? whole_lines(c, b, l, until)
                     : c->window && !straddles ? window_lines(c, b, l, at.v, until)
                                               : 0;
        bool entered = c->window && n; /* with their instructions */
        if (n) {
            /* done */
        } else if (grouped && vs_l1_hit(l, t, at.v, b->ref == VS_REF_WRITE)) {
            n = 1u + same_line(c, b, l, t->last_table, at.v, until);
            c->fast[b->ref][t->last_table] += n;
            c->pending_ps += n * c->price[b->ref][t->last_table][0];
        } else if (vs_unlikely(straddles) ? vs_cpu_access(c, at, ELEMENT, b->ref) != VS_CPU_DONE
                                          : !vs__cpu_access_line(c, at.v, b->ref)) {
            return VS_CPU_FAULT;
        } else {
            n = 1;
        }
        if (!entered) {
            made(c, n * b->instructions);
        }
        b->done += n;
        b->offset += n * b->stride;
        if (b->offset + ELEMENT > b->bytes) {
            b->offset = 0;
        }
    }
    return VS_CPU_DONE;
}

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
        made(c, b->instructions);
        b->done++;
        if (which == 2u) {
            b->offset = b->offset + ELEMENT == third ? 0 : b->offset + ELEMENT;
        }
    }
    return VS_CPU_DONE;
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
    enum vs_cpu_stop stop = b->kind == VS_BULK_STRIDE   ? run_stride(c, b, until.v)
                            : b->kind == VS_BULK_STREAM ? run_stream(c, b, until.v)
                                                        : run_jumping(c, b, until.v);
    c->exact = was_exact;
    l->fast = was_fast;
    c->depends = depended;
    return stop;
}
