/* SPDX-License-Identifier: MIT */
/* Laws of the packets into which a transfer falls, over all small addresses and lengths. */
#include "pcie/tlp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BASE 0x10000u
#define MOST 40u /* packets of one transfer here */

static const struct vs_tlp_limits all[] = {
    {128, 128, 64}, {128, 512, 128}, {256, 512, 64}, {512, 256, 128}, {4096, 4096, 64}};

static unsigned split(enum vs_tlp_kind kind, uint64_t at, uint64_t bytes,
                      const struct vs_tlp_limits *l, struct vs_tlp out[MOST])
{
    struct vs_tlps t = vs_tlps_of(kind, at, bytes);
    unsigned n = 0;
    while (n < MOST && vs_tlp_next(&t, l, &out[n])) {
        n++;
    }
    assert_true(n < MOST);
    return n;
}

/* Calls `law` with the packets of transfers around every boundary. */
static void each(enum vs_tlp_kind kind, uint64_t most,
                 void (*law)(const struct vs_tlp *tlp, unsigned n, uint64_t at, uint64_t bytes,
                             const struct vs_tlp_limits *l))
{
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (uint64_t at = BASE + 4096u - 300u; at < BASE + 4096u + 70u; at += 1 + at % 5) {
            for (uint64_t bytes = 0; bytes <= most && bytes <= 4 * all[i].mps;
                 bytes += 1 + bytes % 7) {
                struct vs_tlp tlp[MOST];
                law(tlp, split(kind, at, bytes, &all[i], tlp), at, bytes, &all[i]);
            }
        }
    }
}

static void covers(const struct vs_tlp *tlp, unsigned n, uint64_t at, uint64_t bytes,
                   const struct vs_tlp_limits *l)
{
    (void)l;
    uint64_t next = at;
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(tlp[i].at, next);
        assert_true(tlp[i].bytes || !bytes);
        next += tlp[i].bytes;
    }
    assert_int_equal(next, at + bytes);
    assert_true(n >= 1);
}

static void the_packets_cover_the_transfer_and_nothing_twice(void **state)
{
    (void)state;
    each(VS_TLP_WRITE, 1100, covers);
    each(VS_TLP_READ, 1100, covers);
    each(VS_TLP_COMPLETION, 512, covers);
}

static void within_page_and_payload(const struct vs_tlp *tlp, unsigned n, uint64_t at,
                                    uint64_t bytes, const struct vs_tlp_limits *l)
{
    (void)at;
    (void)bytes;
    for (unsigned i = 0; i < n; i++) {
        assert_true(tlp[i].at >> 12 == (tlp[i].at + (tlp[i].bytes ? tlp[i].bytes - 1 : 0)) >> 12);
        assert_true(tlp[i].payload <= l->mps);
        assert_int_equal(tlp[i].payload % 4, 0);
        assert_true(tlp[i].payload >= tlp[i].bytes && tlp[i].payload < tlp[i].bytes + 8);
    }
}

static void a_write_crosses_no_page_and_its_payload_is_dwords_up_to_mps(void **state)
{
    (void)state;
    each(VS_TLP_WRITE, 1100, within_page_and_payload);
}

static void within_page_and_request(const struct vs_tlp *tlp, unsigned n, uint64_t at,
                                    uint64_t bytes, const struct vs_tlp_limits *l)
{
    (void)at;
    (void)bytes;
    for (unsigned i = 0; i < n; i++) {
        assert_true(tlp[i].at >> 12 == (tlp[i].at + (tlp[i].bytes ? tlp[i].bytes - 1 : 0)) >> 12);
        assert_true((tlp[i].at & 3u) + tlp[i].bytes <= l->mrrs);
        assert_int_equal(tlp[i].payload, 0);
    }
}

static void a_request_crosses_no_page_and_asks_for_at_most_mrrs(void **state)
{
    (void)state;
    each(VS_TLP_READ, 1100, within_page_and_request);
}

static void splits_at_rcb(const struct vs_tlp *tlp, unsigned n, uint64_t at, uint64_t bytes,
                          const struct vs_tlp_limits *l)
{
    (void)at;
    (void)bytes;
    for (unsigned i = 0; i < n; i++) {
        assert_true(tlp[i].payload <= l->mps);
        assert_int_equal(tlp[i].payload % 4, 0);
        if (i + 1 < n) {
            assert_int_equal((tlp[i].at + tlp[i].bytes) % l->rcb, 0);
        }
    }
}

static void all_completions_but_the_last_end_at_the_boundary(void **state)
{
    (void)state;
    each(VS_TLP_COMPLETION, 512, splits_at_rcb);
}

static void steps_come_where_the_sizes_are_full(void **state)
{
    (void)state;
    static const struct vs_tlp_limits l = {128, 512, 64};
    static const struct {
        enum vs_tlp_kind kind;
        uint64_t at, bytes, n, payload;
    } law[] = {
        {VS_TLP_WRITE, 0, 0, 1, 4},          {VS_TLP_WRITE, 0, 64, 1, 64},
        {VS_TLP_WRITE, 0, 65, 1, 68},        {VS_TLP_WRITE, 0, 128, 1, 128},
        {VS_TLP_WRITE, 0, 129, 2, 132},      {VS_TLP_WRITE, 3, 2, 1, 8},
        {VS_TLP_WRITE, 4094, 4, 2, 8},       {VS_TLP_READ, 0, 512, 1, 0},
        {VS_TLP_READ, 0, 513, 2, 0},         {VS_TLP_READ, 4095, 2, 2, 0},
        {VS_TLP_COMPLETION, 0, 128, 1, 128}, {VS_TLP_COMPLETION, 0, 129, 2, 132},
        {VS_TLP_COMPLETION, 4, 200, 2, 200}, {VS_TLP_COMPLETION, 63, 66, 1, 72},
    };
    for (unsigned i = 0; i < sizeof law / sizeof law[0]; i++) {
        uint64_t payload;
        assert_int_equal(vs_tlp_count(law[i].kind, law[i].at, law[i].bytes, &l, &payload),
                         law[i].n);
        assert_int_equal(payload, law[i].payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_packets_cover_the_transfer_and_nothing_twice),
        cmocka_unit_test(a_write_crosses_no_page_and_its_payload_is_dwords_up_to_mps),
        cmocka_unit_test(a_request_crosses_no_page_and_asks_for_at_most_mrrs),
        cmocka_unit_test(all_completions_but_the_last_end_at_the_boundary),
        cmocka_unit_test(steps_come_where_the_sizes_are_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
