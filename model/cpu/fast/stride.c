/* SPDX-License-Identifier: MIT */
/*
 * Bulk operations that stride, in steps of a line or more: the further accesses to a line that has
 * just been used are taken at once, since they can only hit, and so are whole lines of a page.
 */
#include "cpu/fast/fast.h"

/* After an inline hit: how many more accesses fall into the same line and fit before `until`. They
 * find translation and line where this one found them. */
static uint64_t same_line(const struct vs_cpu *c, const struct vs_cpu_bulk *b,
                          const struct vs_l1 *l, uint32_t tlb, uint64_t at, uint64_t until)
{
    uint64_t line = 1ull << l->line_shift,
             n = (line - (at & (line - 1u)) - VS__ELEMENT) / b->stride;
    uint64_t in_region = (b->bytes - b->offset - VS__ELEMENT) / b->stride,
             left = b->count - b->done - 1u;
    n = n < in_region ? n : in_region;
    n = n < left ? n : left;
    uint64_t now = vs_cpu_now_ps(c),
             each = c->price[b->ref][tlb][0] + b->instructions * (c->instruction_q + 1u);
    return now < until && (n + 1u) * each < until - now ? n : 0; /* near the horizon: one by one */
}

/* The next page of a stride, whose entry is in a line with those of eight pages, and of the line
 * after that one. */
static void next_page(const struct vs_cpu *c, const struct vs_l1 *l, uint64_t gva)
{
    const uint64_t later = gva + 8u * 4096u;
    const struct vs_fast_mmu *mmu = &c->fast_port.mmu;
    vs_gva at = {gva};
    mmu->announce(mmu->ctx, &later, 1);
    mmu->foretell(mmu->ctx, at);
    if (!c->gathers) {
        vs__fast_expect(c, l, gva);
    }
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
    if (end - at <= n * step && c->fast_port.mmu.foretell) {
        next_page(c, l, end);
    }
    l->lines.run(l->lines.ctx, hpa >> l->line_shift, (uint32_t)n, step >> l->line_shift, b->ref,
                 levels, answered);
    for (uint32_t level = 0; level < VS_LINE_LEVELS; level++) {
        if (answered[level]) {
            vs__cpu_count_n(c, b->ref, tlb, level, answered[level]);
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
    uint64_t n = (b->bytes - b->offset - VS__ELEMENT) / b->stride + 1u, left = b->count - b->done,
             hpa, end;
    n = n < left ? n : left;
    if (c->fast_port.mmu.foretell && vs_l1_page(l, at, b->ref == VS_REF_WRITE, &hpa, &end) &&
        n * b->stride > end - at) {
        next_page(c, l, end);
    }
    return vs__window_lines(c, at, b->ref, n, b->stride, b->instructions, until);
}

enum vs_cpu_stop vs__fast_stride(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until)
{
    struct vs_l1 *l = vs__cpu_l1(c, b->ref);
    const struct vs_l1_tlb *t = vs_l1_tlb(l, b->ref == VS_REF_WRITE);
    uint64_t line = 1ull << l->line_shift;
    bool straddles = b->stride % VS__ELEMENT || b->base.v % VS__ELEMENT || b->bytes % VS__ELEMENT;
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
        } else if (vs_unlikely(straddles) ? vs_cpu_access(c, at, VS__ELEMENT, b->ref) != VS_CPU_DONE
                                          : !vs__cpu_access_line(c, at.v, b->ref)) {
            return VS_CPU_FAULT;
        } else {
            n = 1;
        }
        if (!entered) {
            vs__bulk_made(c, n * b->instructions);
        }
        b->done += n;
        b->offset += n * b->stride;
        if (b->offset + VS__ELEMENT > b->bytes) {
            b->offset = 0;
        }
    }
    return VS_CPU_DONE;
}
