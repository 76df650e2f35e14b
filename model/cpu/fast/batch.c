/* SPDX-License-Identifier: MIT */
/*
 * A batch (batch.h) made at once: spans of code, then spans of data, as long as all their lines hit
 * in the pages that the last runs were in. Nearly always that is all.
 *
 * At the first miss the order matters, as the levels below see it: from there on it goes run by
 * run. Of the data only what lies before a miss of the code is made, since what is written and then
 * driven out by that miss would be written back. Of the code more than what lies before a miss of
 * the data was made already. Those lines are made once more, in their order, before any other line
 * of code: the second hit leaves the order of recency that it would have left alone. A miss of the
 * data may have driven one of them out of the first level; then its place is free, so that its
 * return drives nothing out.
 */
#include "cpu/fast/touches.h"

/* The touches of this kind lie in the page it was in last, or in one that is as easily found. */
static inline bool in_page(struct vs_cpu *c, const struct vs_batch *b, uint32_t ref)
{
    struct vs_cpu_page *p = &c->page[ref];
    uint64_t from = b->area[ref].from, to = b->area[ref].to;
    if (!b->lines[ref]) {
        return true;
    }
    struct vs_l1 *l = vs__cpu_l1(c, ref);
    if (vs_unlikely(from - p->first >= p->bytes || !vs__fast_still(l, ref, p))) {
        p->bytes = 0;
        if (!vs__fast_turn_to(l, from, ref, p)) {
            return false;
        }
    }
    return to - p->first <= p->bytes;
}

/* How many lines further than their addresses say the lines of a page lie. */
static inline uint64_t offset_of(const struct vs_cpu_page *p)
{
    return p->line - (p->first >> TOUCH_SHIFT);
}

/* The runs of code in a batch. */
static inline struct vs_linetab_spans code_of(const struct vs_cpu *c, const struct vs_batch *b)
{
    return (struct vs_linetab_spans){b->span, b->n_code, offset_of(&c->page[VS_REF_FETCH])};
}

/* The runs of data in a batch. */
static inline struct vs_linetab_spans data_of(const struct vs_cpu *c, const struct vs_batch *b)
{
    enum vs_ref ref = b->lines[VS_REF_READ] ? VS_REF_READ : VS_REF_WRITE;
    return (struct vs_linetab_spans){b->span + b->n_code, b->n_data, offset_of(&c->page[ref])};
}

/* Hits of one kind. */
static inline void count_lines(struct vs_cpu *c, uint32_t n, uint32_t ref)
{
    uint32_t tlb = c->page[ref].tlb;
    c->fast[ref][tlb] += n;
    c->pending_ps += n * c->price[ref][tlb][0];
}

/* Counts the lines of a batch by kind of access. */
static inline void count_all(struct vs_cpu *c, const uint32_t lines[3])
{
    count_lines(c, lines[VS_REF_READ], VS_REF_READ);
    count_lines(c, lines[VS_REF_WRITE], VS_REF_WRITE);
    count_lines(c, lines[VS_REF_FETCH], VS_REF_FETCH);
}

/* Not all lines of code hit, or not all lines of data. */
static __attribute__((noinline)) void go_on(struct vs_cpu *c, const struct vs_batch *b,
                                            uint32_t code, uint32_t data)
{
    struct vs_batch_reach r = vs_batch_reach(b, code, data);
    count_all(c, r.lines);
    vs__fast_touch_on(c, b->run + r.run, b->run + b->n_runs, r.off);
}

bool vs__fast_batch(struct vs_cpu *c, const struct vs_batch *b)
{
    uint32_t all_code = b->lines[VS_REF_FETCH],
             all_data = b->lines[VS_REF_READ] + b->lines[VS_REF_WRITE], most = all_data;
    if (!in_page(c, b, VS_REF_READ) || !in_page(c, b, VS_REF_WRITE) ||
        !in_page(c, b, VS_REF_FETCH)) {
        return false;
    }
    if (b->lines[VS_REF_READ] && b->lines[VS_REF_WRITE] &&
        vs_unlikely(offset_of(&c->page[VS_REF_READ]) != offset_of(&c->page[VS_REF_WRITE]))) {
        return false; /* what is written does not lie where it is read */
    }
    struct vs_linetab_spans spans = code_of(c, b);
    uint32_t code = vs_linetab_spans_hit(&c->fetch.cache, &spans, all_code, NULL);
    if (vs_unlikely(code < all_code)) {
        struct vs_batch_reach r = vs_batch_reach(b, code, all_data);
        most = r.lines[VS_REF_READ] + r.lines[VS_REF_WRITE];
    }
    spans = data_of(c, b);
    uint32_t data = vs_linetab_spans_hit(&c->data.cache, &spans, most, b->flags);
    if (vs_unlikely(code < all_code || data < all_data)) {
        go_on(c, b, code, data);
    } else {
        count_all(c, b->lines);
    }
    return true;
}
