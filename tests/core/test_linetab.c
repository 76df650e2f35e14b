/* SPDX-License-Identifier: MIT */
/* Law of a run of hits: it finds the lines, and leaves the order of recency and the flags, that
 * looking its lines up one after the other finds and leaves. */
#include "virtsim/linetab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES 512u /* that may be in the table: runs begin among them */

/* One line, as slowly as it can be written. False: it is not there. */
static bool slow_hit(struct vs_linetab *c, uint64_t line, uint32_t flags)
{
    uint64_t set = line % c->by_sets.n, quotient = line / c->by_sets.n;
    uint32_t *way = c->tag + set * c->stride, w = 0;
    while (w < c->ways && way[w] >> 2 != quotient + 1u) {
        w++;
    }
    if (w == c->ways) {
        return false;
    }
    uint32_t found = way[w] | flags;
    memmove(way + 1, way, w * sizeof *way);
    way[0] = found;
    return true;
}

static size_t bytes_of(const struct vs_linetab *c)
{
    return c->by_sets.n * c->stride * sizeof *c->tag;
}

/* Most lines are somewhere in their set, some are missing, ways behind the last valid one are 0. */
static void fill(struct vs_linetab *c, struct vs_rng *rng)
{
    vs_linetab_clear(c);
    for (uint64_t line = 0; line < LINES; line++) {
        uint64_t set = line % c->by_sets.n;
        uint32_t *way = c->tag + set * c->stride;
        if (vs_rng_below(rng, 12) && !way[c->ways - 1u]) {
            memmove(way + 1, way, (c->ways - 1u) * sizeof *way);
            way[0] = ((uint32_t)(line / c->by_sets.n) + 1u) << 2 | (uint32_t)vs_rng_below(rng, 4);
        }
    }
    for (uint64_t i = 0; i < LINES; i++) { /* any order */
        (void)slow_hit(c, vs_rng_below(rng, LINES), 0);
    }
}

static void runs(struct vs_rng *rng, const char *variant)
{
    static const uint32_t sets[] = {1, 2, 12, 64, 100};
    uint32_t ways = 1u + (uint32_t)vs_rng_below(rng, VS_LINETAB_MAX_WAYS),
             n_sets = sets[vs_rng_below(rng, 5)];
    struct vs_linetab a, b;
    assert_int_equal(vs_linetab_init(&a, n_sets * ways, ways), VS_OK);
    assert_int_equal(vs_linetab_init(&b, n_sets * ways, ways), VS_OK);
    if (!vs_linetab_use(&a, variant)) {
        assert_true(vs_linetab_use(&a, "plain"));
    }
    fill(&a, rng);
    memcpy(b.tag, a.tag, bytes_of(&a));
    for (int i = 0; i < 200; i++) {
        uint64_t line = vs_rng_below(rng, LINES);
        uint32_t n = (uint32_t)vs_rng_below(rng, 70), one = 0,
                 flags = (uint32_t)vs_rng_below(rng, 2);
        while (one < n && slow_hit(&b, line + one, flags)) {
            one++;
        }
        assert_int_equal(vs_linetab_hits(&a, line, n, flags), one);
        assert_memory_equal(a.tag, b.tag, bytes_of(&a));
    }
    vs_linetab_free(&a);
    vs_linetab_free(&b);
}

/* Spans, some of them one behind the other, and flags for each line of them. */
#define SPANS 4u
#define SPAN_LINES 40u
static uint32_t some_spans(struct vs_rng *rng, struct vs_linetab_spans *s,
                           struct vs_linetab_span *span, uint32_t *flags)
{
    uint32_t all = 0;
    s->span = span;
    s->n = (uint32_t)vs_rng_below(rng, SPANS + 1u);
    s->offset = vs_rng_below(rng, 9) - 4u; /* sometimes backwards */
    for (uint32_t i = 0; i < s->n; i++) {
        bool goes_on = i && vs_rng_below(rng, 2);
        span[i].line = goes_on ? span[i - 1u].line + span[i - 1u].n : 4u + vs_rng_below(rng, LINES);
        span[i].n = (uint32_t)vs_rng_below(rng, SPAN_LINES);
        all += span[i].n;
    }
    for (uint32_t i = 0; i < all; i++) {
        flags[i] = (uint32_t)vs_rng_below(rng, 2);
    }
    return all;
}

static uint32_t slow_spans(struct vs_linetab *c, const struct vs_linetab_spans *s, uint32_t most,
                           const uint32_t *flags)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        for (uint32_t k = 0; k < s->span[i].n; k++, done++) {
            if (done == most ||
                !slow_hit(c, s->span[i].line + s->offset + k, flags ? flags[done] : 0)) {
                return done;
            }
        }
    }
    return done;
}

static void spans(struct vs_rng *rng, const char *variant)
{
    static const uint32_t sets[] = {1, 2, 12, 64, 100};
    uint32_t ways = 1u + (uint32_t)vs_rng_below(rng, VS_LINETAB_MAX_WAYS),
             n_sets = sets[vs_rng_below(rng, 5)];
    struct vs_linetab a, b;
    assert_int_equal(vs_linetab_init(&a, n_sets * ways, ways), VS_OK);
    assert_int_equal(vs_linetab_init(&b, n_sets * ways, ways), VS_OK);
    (void)vs_linetab_use(&a, variant);
    fill(&a, rng);
    memcpy(b.tag, a.tag, bytes_of(&a));
    struct vs_linetab_span span[2][SPANS];
    struct vs_linetab_spans two[2];
    uint32_t flags[2][SPANS * SPAN_LINES], n[2];
    for (unsigned i = 0; i < 100; i++) {
        unsigned k = i % 2u; /* two take turns, so that lines are where the last turn left them */
        if (i < 2u || !vs_rng_below(rng, 4)) {
            n[k] = some_spans(rng, &two[k], span[k], flags[k]);
        }
        struct vs_linetab_spans s = two[k];
        uint32_t all = n[k],
                 most = vs_rng_below(rng, 3) ? all : (uint32_t)vs_rng_below(rng, all + 1u);
        const uint32_t *f = vs_rng_below(rng, 2) ? flags[k] : NULL;
        uint32_t slow = slow_spans(&b, &s, most, f);
        assert_int_equal(vs_linetab_spans_hit(&a, &s, most, f), slow);
        assert_memory_equal(a.tag, b.tag, bytes_of(&a));
    }
    vs_linetab_free(&a);
    vs_linetab_free(&b);
}

static void spans_do_what_their_lines_do(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < VS_LINETAB_VARIANTS; v++) {
        struct vs_rng rng;
        vs_rng_seed(&rng, 22, v);
        for (int i = 0; i < 300; i++) {
            spans(&rng, vs_linetab_variant[v]);
        }
    }
}

static void a_run_of_hits_does_what_its_lines_do(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < VS_LINETAB_VARIANTS; v++) {
        struct vs_rng rng;
        vs_rng_seed(&rng, 21, v);
        for (int i = 0; i < 300; i++) {
            runs(&rng, vs_linetab_variant[v]);
        }
    }
}

/* A line that leaves: the others of its set keep their order, and what is known of another cache's
 * copy, that it was dirty, stays known. */
static void a_line_that_leaves_moves_the_older_ones_up(void **state)
{
    struct vs_rng rng;
    (void)state;
    vs_rng_seed(&rng, 23, 0);
    for (int i = 0; i < 300; i++) {
        struct vs_linetab a, b;
        uint32_t ways = 1u + (uint32_t)vs_rng_below(&rng, VS_LINETAB_MAX_WAYS);
        assert_int_equal(vs_linetab_init(&a, 12u * ways, ways), VS_OK);
        assert_int_equal(vs_linetab_init(&b, 12u * ways, ways), VS_OK);
        fill(&a, &rng);
        memcpy(b.tag, a.tag, bytes_of(&a));
        for (int k = 0; k < 100; k++) {
            uint64_t line = vs_rng_below(&rng, LINES);
            bool known = vs_rng_below(&rng, 2), dirty = known, there = slow_hit(&b, line, 0);
            if (there) { /* it is the newest now: out with it, where it was before */
                memcpy(b.tag, a.tag, bytes_of(&a));
                uint32_t *way = b.tag + line % b.by_sets.n * b.stride, w = 0;
                while (way[w] >> 2 != line / b.by_sets.n + 1u) {
                    w++;
                }
                known = known || (way[w] & VS_LINE_DIRTY);
                memmove(way + w, way + w + 1u, (ways - 1u - w) * sizeof *way);
                way[ways - 1u] = 0;
            }
            assert_int_equal(vs_linetab_drop(&a, line, &dirty), there);
            assert_int_equal(dirty, known);
            assert_memory_equal(a.tag, b.tag, bytes_of(&a));
        }
        vs_linetab_free(&a);
        vs_linetab_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_that_leaves_moves_the_older_ones_up),
                                       cmocka_unit_test(a_run_of_hits_does_what_its_lines_do),
                                       cmocka_unit_test(spans_do_what_their_lines_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
