/* SPDX-License-Identifier: MIT */
/* Laws of what a region can still give: whatever its edges are, whatever was taken, nothing lies
 * outside or twice, and a page of a size is refused only where none of it is left. */
#include "virtsim/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GIB (1ull << 30)
#define LARGE (2ull << 20)

struct region {
    struct vs_frames f;
    uint64_t base, frames;
    unsigned char *owned;
};

static void begin(struct region *r, uint64_t base, uint64_t bytes, enum vs_frames_order order)
{
    r->base = base;
    r->frames = bytes >> 12;
    r->owned = calloc(r->frames, 1);
    assert_non_null(r->owned);
    assert_int_equal(vs_frames_init(&r->f, base, bytes, order, base ^ bytes), VS_OK);
}

static void end(struct region *r)
{
    vs_frames_free(&r->f);
    free(r->owned);
}

static void own(struct region *r, uint64_t at, unsigned shift)
{
    uint64_t first = (at - r->base) >> 12, n = 1ull << (shift - 12u);
    assert_int_equal(at & ((1ull << shift) - 1u), 0);
    assert_true(at >= r->base && first + n <= r->frames);
    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(r->owned[first + i]++, 0);
    }
}

/* Aligned places of a size that are free and inside. */
static uint64_t places(const struct region *r, unsigned shift)
{
    uint64_t size = 1ull << shift, n = 0;
    for (uint64_t at = (r->base + size - 1u) & ~(size - 1u);
         at + size <= r->base + (r->frames << 12); at += size) {
        uint64_t first = (at - r->base) >> 12, i = 0;
        while (i < size >> 12 && !r->owned[first + i]) {
            i++;
        }
        n += i == size >> 12;
    }
    return n;
}

/* Edges as they come: on no multiple of anything, on one of a frame, a chunk, a unit. */
static uint64_t edge(struct vs_rng *rng, uint64_t most)
{
    uint64_t at = vs_rng_below(rng, most >> 12) << 12;
    switch (vs_rng_below(rng, 4)) {
    case 0:
        return at & ~(LARGE - 1u);
    case 1:
        return (at + GIB - 1u) & ~(GIB - 1u);
    case 2:
        return ((at + GIB - 1u) & ~(GIB - 1u)) + 0x3000u; /* just too late for a whole one */
    default:
        return at;
    }
}

static void every_place_of_a_size_is_given_whatever_the_edges(void **state)
{
    (void)state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 4, 4);
    for (int i = 0; i < 60; i++) {
        for (unsigned shift = 21; shift <= 30; shift += i % 2 ? 9 : 4) {
            struct region r;
            uint64_t base = edge(&rng, 4 * GIB), bytes = edge(&rng, 4 * GIB) + 4096, at, given = 0;
            begin(&r, base, bytes, (enum vs_frames_order)vs_rng_below(&rng, 3));
            uint64_t want = places(&r, shift);
            while (vs_frames_alloc(&r.f, shift, &at)) {
                own(&r, at, shift);
                given++;
            }
            assert_int_equal(given, want);
            while (vs_frames_alloc(&r.f, 12, &at)) { /* the rest, edges included */
                own(&r, at, 12);
                given++;
            }
            assert_int_equal(r.f.used_bytes, bytes);
            end(&r);
        }
    }
}

/* Contiguous: a small frame breaks the chunk it lies in. Otherwise small frames come from an eighth
 * of all chunks, or from so many as the window has. */
static void small_frames_break_no_more_chunks_than_they_may(void **state)
{
    (void)state;
    static const uint64_t chunks[] = {8, 80, 800, 8000};
    for (int i = 0; i < 4; i++) {
        for (int order = 0; order < 3; order++) {
            struct region r;
            uint64_t at, large = 0, broken = chunks[i] / 8;
            begin(&r, GIB, chunks[i] * LARGE, (enum vs_frames_order)order);
            assert_true(vs_frames_alloc(&r.f, 12, &at));
            while (vs_frames_alloc(&r.f, 21, &at)) {
                own(&r, at, 21);
                large++;
            }
            broken = broken < VS_FRAMES_WINDOW ? broken : VS_FRAMES_WINDOW;
            assert_int_equal(chunks[i] - large, order == VS_FRAMES_CONTIGUOUS ? 1 : broken);
            end(&r);
        }
    }
}

/* A chunk to be cut up may be a fragmented one, and one that was passed over before. */
static void a_fragmented_chunk_can_be_cut(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++) {
        for (unsigned pages_first = 0; pages_first < 2; pages_first++) {
            struct region r;
            uint64_t at, n = 0;
            begin(&r, 0, 64 * LARGE, (enum vs_frames_order)order);
            vs_frames_fragment(&r.f, 100);
            assert_true(!pages_first || !vs_frames_alloc(&r.f, 21, &at));
            while (vs_frames_alloc_chunk(&r.f, &at)) {
                own(&r, at, 21);
                n++;
            }
            assert_int_equal(n, 64);
            end(&r);
        }
    }
}

static void a_region_that_wraps_is_refused(void **state)
{
    (void)state;
    struct vs_frames f;
    assert_int_equal(vs_frames_init(&f, UINT64_MAX - 8191u, 16384, VS_FRAMES_RANDOM, 1),
                     VS_E_CONFIG);
    assert_int_equal(vs_frames_init(&f, 4096, 0, VS_FRAMES_RANDOM, 1), VS_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_of_a_size_is_given_whatever_the_edges),
        cmocka_unit_test(small_frames_break_no_more_chunks_than_they_may),
        cmocka_unit_test(a_fragmented_chunk_can_be_cut),
        cmocka_unit_test(a_region_that_wraps_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
