/* SPDX-License-Identifier: MIT */
#include "virtsim/frames.h"
#include "virtsim/phys.h"
#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void zero_until_written(struct vs_phys *p)
{
    assert_non_null(p);
    vs_hpa a = {0x123456788}, end = {(1ull << 36) - 8u}, beyond = {1ull << 36},
           across = {(1ull << 36) - 4u}, huge = {UINT64_MAX};
    assert_int_equal(vs_phys_read64(p, a), 0);
    vs_phys_write64(p, a, 0x1122334455667788u);
    assert_int_equal(vs_phys_read64(p, a), 0x1122334455667788u);
    unsigned char b[8];
    vs_phys_read(p, a, b, 8);
    assert_int_equal(b[0], 0x88); /* little-endian */
    vs_phys_write64(p, end, 7);
    assert_int_equal(vs_phys_read64(p, end), 7);
    vs_phys_write64(p, beyond, 7);
    vs_phys_write64(p, across, 7);
    vs_phys_write64(p, huge, 7);
    assert_int_equal(vs_phys_read64(p, beyond), 0);
    assert_int_equal(vs_phys_read64(p, across), 0);
    assert_int_equal(vs_phys_read64(p, huge), 0);
    memset(b, 0xee, 8);
    vs_phys_read(p, across, b, 8); /* the inner half is memory, the outer reads 0 */
    assert_int_equal(b[4], 0);
    vs_phys_write(p, across, "abcdefgh", 8);
    vs_phys_read(p, across, b, 8);
    assert_memory_equal(b, "abcd\0\0\0\0", 8);
    vs_phys_destroy(p);
}

static void untouched_memory_reads_zero_and_written_bytes_stay(void **state)
{
    (void)state;
    zero_until_written(vs_phys_create(1ull << 36));
    zero_until_written(vs_phys_create_sparse(1ull << 36));
}

/* Both kinds of memory hold the same bytes, wherever an access begins and however long it is. */
static void sparse_memory_holds_what_one_mapping_does(void **state)
{
    (void)state;
    const uint64_t size = 3ull << 30,
                   base[] = {0, (1ull << 30) - 40u, (2ull << 30) + 4000u, size - 60u};
    struct vs_phys *flat = vs_phys_create(size), *sparse = vs_phys_create_sparse(size);
    struct vs_rng r;
    unsigned char a[9000], b[9000];
    assert_non_null(flat);
    assert_non_null(sparse);
    vs_rng_seed(&r, 7, 7);
    for (unsigned i = 0; i < 20000; i++) {
        vs_hpa at = {base[vs_rng_next(&r) % 4u] + vs_rng_next(&r) % 9000u};
        uint64_t value = vs_rng_next(&r);
        size_t bytes = value % 100u ? value % 70u : value % sizeof a;
        for (size_t k = 0; k < bytes; k++) {
            a[k] = (unsigned char)(value >> k % 56u);
        }
        vs_phys_write64(flat, at, value);
        vs_phys_write64(sparse, at, value);
        at.v += value >> 50;
        vs_phys_write(flat, at, a, bytes);
        vs_phys_write(sparse, at, a, bytes);
        at.v -= value >> 51;
        vs_phys_read(flat, at, a, sizeof a);
        vs_phys_read(sparse, at, b, sizeof b);
        assert_memory_equal(a, b, sizeof a);
        assert_int_equal(vs_phys_read64(flat, at), vs_phys_read64(sparse, at));
    }
    assert_false(sparse->exhausted);
    vs_phys_destroy(flat);
    vs_phys_destroy(sparse);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Every frame of the region is given out exactly once. */
static void frames_of_4k_cover_the_region_once(void **state)
{
    (void)state;
    static const uint64_t region[][2] = {
        {0, 64ull << 20}, {0x100000, 0x700000}, {0x201000, 0x3000}, {5ull << 30, 300ull << 20}};
    for (size_t k = 0; k < 4; k++) {
        for (int order = 0; order < 3; order++) {
            struct vs_frames f;
            uint64_t base = region[k][0], n = region[k][1] >> 12, at;
            uint64_t *got = calloc(n, sizeof *got);
            assert_non_null(got);
            assert_int_equal(vs_frames_init(&f, base, n << 12, (enum vs_frames_order)order, 3),
                             VS_OK);
            for (uint64_t i = 0; i < n; i++) {
                assert_true(vs_frames_alloc(&f, 12, &got[i]));
                assert_true(order != VS_FRAMES_CONTIGUOUS || got[i] == base + (i << 12));
            }
            assert_false(vs_frames_alloc(&f, 12, &at));
            qsort(got, n, sizeof *got, by_value);
            for (uint64_t i = 0; i < n; i++) {
                assert_int_equal(got[i], base + (i << 12));
            }
            free(got);
            vs_frames_free(&f);
        }
    }
}

static void frames_of_all_sizes_never_overlap(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct vs_frames f;
        struct vs_rng r;
        vs_rng_seed(&r, 11, 1);
        uint64_t base = 3ull << 29, n = (6ull << 30) >> 12;
        unsigned char *owned = calloc(n, 1);
        assert_non_null(owned);
        assert_int_equal(vs_frames_init(&f, base, n << 12, (enum vs_frames_order)order, 9), VS_OK);
        uint64_t at, got[3] = {0, 0, 0};
        static const unsigned shift[3] = {12, 21, 30};
        for (int i = 0; i < 100000; i++) {
            int k = i % 4000 == 10 ? 2 : vs_rng_below(&r, 40) == 0 ? 1 : 0;
            if (!vs_frames_alloc(&f, shift[k], &at)) {
                continue;
            }
            got[k]++;
            assert_int_equal(at & ((1ull << shift[k]) - 1u), 0);
            assert_true(at >= base && at + (1ull << shift[k]) <= base + (n << 12));
            for (uint64_t j = 0; j < 1ull << (shift[k] - 12u); j++) {
                assert_int_equal(owned[((at - base) >> 12) + j]++, 0);
            }
        }
        assert_true(got[0] > 10000 && got[1] > 500 && got[2] >= 1);
        vs_frames_free(&f);
        free(owned);
    }
}

static void a_returned_frame_is_given_again(void **state)
{
    (void)state;
    struct vs_frames f;
    uint64_t a, b;
    assert_int_equal(vs_frames_init(&f, 0, 1ull << 30, VS_FRAMES_RANDOM, 3), VS_OK);
    assert_true(vs_frames_alloc(&f, 21, &a));
    assert_int_equal(f.used_bytes, 1u << 21);
    vs_frames_free_one(&f, 21, a);
    assert_int_equal(f.used_bytes, 0);
    assert_true(vs_frames_alloc(&f, 21, &b));
    assert_int_equal(a, b);
    assert_false(vs_frames_alloc(&f, 13, &b));
    vs_frames_free(&f);
    assert_int_equal(vs_frames_init(&f, 1, 4096, VS_FRAMES_RANDOM, 3), VS_E_CONFIG);
}

static void random_frames_spread_over_cache_sets(void **state)
{
    (void)state;
    struct vs_frames f;
    uint64_t colour[64] = {0}, at, ascending = 0, last = 0;
    assert_int_equal(vs_frames_init(&f, 0, 4ull << 30, VS_FRAMES_RANDOM, 3), VS_OK);
    for (int i = 0; i < 64000; i++) {
        assert_true(vs_frames_alloc(&f, 12, &at));
        colour[at >> 12 & 63u]++;
        ascending += at == last + 4096u;
        last = at;
    }
    for (int i = 0; i < 64; i++) {
        assert_in_range(colour[i], 850, 1150); /* 1000 expected, standard deviation 31 */
    }
    assert_true(ascending < 20);
    vs_frames_free(&f);
}

static void permutation_is_one(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 3000; n = n * 3 / 2 + 1) {
        struct vs_perm p;
        vs_perm_init(&p, n, n);
        unsigned char *seen = calloc(n, 1);
        assert_non_null(seen);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t v = vs_perm_at(&p, i);
            assert_true(v < n);
            assert_int_equal(seen[v]++, 0);
        }
        free(seen);
    }
}

/* Successive frames fill a cache evenly whose ways hold a page of each color, and still lie far
 * apart. */
static void colored_frames_take_turns_in_the_bits_above_the_page(void **state)
{
    (void)state;
    for (uint32_t colors = 1; colors <= VS_FRAMES_MAX_COLORS; colors *= 2) {
        struct vs_frames f;
        uint64_t at, before = 0, far = 0;
        assert_int_equal(vs_frames_init(&f, 0, 4ull << 30, VS_FRAMES_COLORED, 3), VS_OK);
        assert_int_equal(vs_frames_color(&f, colors), VS_OK);
        for (uint64_t i = 0; i < 100000; i++) {
            assert_true(vs_frames_alloc(&f, 12, &at));
            assert_int_equal((at >> 12) % colors, i % colors);
            far += (at > before ? at - before : before - at) > 1u << 20;
            before = at;
        }
        assert_true(far > 90000);
        static const uint32_t wrong[] = {0, 3, 192, VS_FRAMES_MAX_COLORS * 2u};
        for (int i = 0; i < 4; i++) {
            assert_int_equal(vs_frames_color(&f, wrong[i]), VS_E_CONFIG);
        }
        vs_frames_free(&f);
    }
}

/* However many tables are made between them, pages get the frames they would get without. */
static void frames_of_tables_stand_outside_the_order_of_pages(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++) {
        struct vs_frames f;
        uint64_t page, table, expected = 0;
        assert_int_equal(vs_frames_init(&f, 0, 4ull << 30, (enum vs_frames_order)order, 3), VS_OK);
        for (uint64_t i = 0; i < 400; i++) {
            assert_true(vs_frames_alloc(&f, 12, &page));
            if (order == VS_FRAMES_CONTIGUOUS) {
                assert_true(!i || page == expected);
                expected = page + 4096u;
            } else if (order == VS_FRAMES_COLORED) {
                assert_int_equal((page >> 12) % VS_FRAMES_COLORS, i % VS_FRAMES_COLORS);
            }
            for (uint64_t k = 0; k < i % 5u; k++) {
                assert_true(vs_frames_alloc_table(&f, &table));
                assert_true(table >> 21 != page >> 21);
            }
        }
        vs_frames_free(&f);
    }
}

/* The last frame can become either, whatever the others are. */
static void tables_and_pages_share_what_is_left(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++) {
        for (uint64_t every = 1; every <= 1000;
             every *= 10) { /* of so many frames one is a table's */
            struct vs_frames f;
            uint64_t n = (12ull << 20) >> 12, at;
            unsigned char *owned = calloc(n, 1);
            assert_non_null(owned);
            assert_int_equal(vs_frames_init(&f, 1u << 20, n << 12, (enum vs_frames_order)order, 5),
                             VS_OK);
            for (uint64_t i = 0; i < n; i++) {
                assert_true(i % every ? vs_frames_alloc(&f, 12, &at)
                                      : vs_frames_alloc_table(&f, &at));
                assert_int_equal(owned[(at - (1u << 20)) >> 12]++, 0);
            }
            assert_false(vs_frames_alloc(&f, 12, &at));
            assert_false(vs_frames_alloc_table(&f, &at));
            vs_frames_free(&f);
            free(owned);
        }
    }
}

/* Fragmentation takes large frames, and not one small one. */
static void fragmented_chunks_serve_small_frames_only(void **state)
{
    (void)state;
    for (uint32_t percent = 0; percent <= 100; percent += 25) {
        struct vs_frames f;
        uint64_t at, large = 0, small = 0, chunks = 2048;
        assert_int_equal(vs_frames_init(&f, 0, chunks << 21, VS_FRAMES_RANDOM, 7), VS_OK);
        vs_frames_fragment(&f, percent);
        while (vs_frames_alloc(&f, 21, &at)) {
            large++;
        }
        assert_in_range(large, (100u - percent) * chunks * 95u / 10000u,
                        (100u - percent) * chunks * 105u / 10000u);
        while (vs_frames_alloc(&f, 12, &at)) {
            small++;
        }
        assert_int_equal(small, (chunks - large) * 512u);
        vs_frames_free(&f);
    }
}

/* Arm's large pages: one needs its own chunks unfragmented, not a whole GiB; small ones any chunk.
 */
static void a_frame_of_any_size_needs_its_own_chunks_and_no_more(void **state)
{
    (void)state;
    static const enum vs_frames_order order[] = {VS_FRAMES_CONTIGUOUS, VS_FRAMES_RANDOM};
    for (unsigned i = 0; i < 4; i++) {
        struct vs_frames f;
        uint64_t at, n = 0, seen[64] = {0}, bytes = 2ull << 30;
        assert_int_equal(vs_frames_init(&f, 0, bytes, order[i % 2], 3), VS_OK);
        vs_frames_fragment(&f, i < 2 ? 5 : 0);
        while (vs_frames_alloc(&f, 25, &at)) {
            assert_int_equal(at & ((1u << 25) - 1u), 0);
            assert_true(at + (1u << 25) <= bytes);
            assert_int_equal(seen[at >> 25], 0);
            seen[at >> 25] = 1;
            n++;
        }
        assert_true(i < 2 ? n > 10 && n < 50 : n == 64);
        assert_false(vs_frames_alloc(&f, 30, &at));
        uint64_t chunks = 0;
        while (vs_frames_alloc_chunk(&f, &at)) {
            assert_int_equal(at & ((1u << 21) - 1u), 0);
            assert_int_equal(seen[at >> 25], 0);
            chunks++;
        }
        assert_int_equal(chunks, (64u - n) * 16u);
        assert_int_equal(f.used_bytes, bytes);
        vs_frames_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched_memory_reads_zero_and_written_bytes_stay),
        cmocka_unit_test(sparse_memory_holds_what_one_mapping_does),
        cmocka_unit_test(frames_of_4k_cover_the_region_once),
        cmocka_unit_test(frames_of_all_sizes_never_overlap),
        cmocka_unit_test(a_returned_frame_is_given_again),
        cmocka_unit_test(random_frames_spread_over_cache_sets),
        cmocka_unit_test(colored_frames_take_turns_in_the_bits_above_the_page),
        cmocka_unit_test(frames_of_tables_stand_outside_the_order_of_pages),
        cmocka_unit_test(tables_and_pages_share_what_is_left),
        cmocka_unit_test(fragmented_chunks_serve_small_frames_only),
        cmocka_unit_test(a_frame_of_any_size_needs_its_own_chunks_and_no_more),
        cmocka_unit_test(permutation_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
