/* SPDX-License-Identifier: MIT */
/* Laws of the heap: blocks are apart, keep their bytes, come back, and lie where they lay before.
 */
#include "heap.h"
#include "test_lua.h"

#define N 500u

struct piece {
    unsigned char *at;
    size_t bytes;
    unsigned char mark;
};

/* Random calls on a new heap; a sum of the lower halves of all addresses. Checks every byte. */
static uint64_t churn(unsigned steps, size_t most)
{
    static struct vs_heap h;
    static struct piece piece[N];
    uint64_t x = 88172645463325252u, sum = 0;
    memset(piece, 0, sizeof piece);
    assert_true(vs_heap_open(&h));
    for (unsigned i = 0; i < steps; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        struct piece *p = &piece[x % N];
        size_t bytes = x >> 33 & 1 ? (x >> 34) % most : (x >> 34) % 200u;
        size_t kept = p->bytes < bytes ? p->bytes : bytes;
        for (size_t k = 0; k < p->bytes; k += k + 64 < p->bytes ? 61 : 1) {
            assert_int_equal(p->at[k], p->mark);
        }
        unsigned char *q = vs_heap_move(&h, p->at, bytes);
        assert_true((q != NULL) == (bytes != 0));
        assert_int_equal((uintptr_t)q % 16, 0);
        for (size_t k = 0; k < kept; k += k + 64 < kept ? 61 : 1) {
            assert_int_equal(q[k], p->mark);
        }
        *p = (struct piece){q, bytes, (unsigned char)i};
        memset(q ? q : (unsigned char *)&x, (int)p->mark, q ? bytes : 0);
        sum = sum * 31 + (uint32_t)(uintptr_t)q;
    }
    size_t mapped = (size_t)(h.end - h.base);
    for (unsigned i = 0; i < N; i++) {
        vs_heap_move(&h, piece[i].at, 0);
    }
    /* everything is one free block again: it can be had at once */
    assert_non_null(vs_heap_move(&h, NULL, mapped - mapped / 7));
    assert_int_equal(h.end - h.base, mapped);
    vs_heap_close(&h);
    return sum;
}

static void test_blocks_keep_their_bytes_and_come_back(void **state)
{
    (void)state;
    churn(20000, 300);
    churn(3000, 200000);
}

static void test_the_same_calls_give_the_same_addresses(void **state)
{
    (void)state;
    assert_true(churn(5000, 5000) == churn(5000, 5000));
    struct vs_heap other; /* while another heap is in the first place */
    uint64_t first = churn(5000, 5000);
    assert_true(vs_heap_open(&other));
    assert_true(churn(5000, 5000) == first);
    vs_heap_close(&other);
}

static void test_what_shrinks_stays_where_it_is(void **state)
{
    (void)state;
    struct vs_heap h;
    assert_true(vs_heap_open(&h));
    void *p = vs_heap_move(&h, NULL, 100000);
    for (size_t bytes = 100000; bytes; bytes /= 2) {
        assert_ptr_equal(vs_heap_move(&h, p, bytes), p);
    }
    assert_null(vs_heap_move(&h, NULL, SIZE_MAX));
    assert_null(vs_heap_move(&h, NULL, (size_t)3 << 30));
    vs_heap_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_keep_their_bytes_and_come_back),
        cmocka_unit_test(test_the_same_calls_give_the_same_addresses),
        cmocka_unit_test(test_what_shrinks_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
