/* SPDX-License-Identifier: MIT */
/* Laws of TLP prefixes on the link: PCI Express Base Specification 4.0, 2.2.10.2 and 6.20. */
#include "pcie/pcie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REQUEST 24u
#define COMPLETION 20u
#define HIGH (1ull << 40) /* an address whose requests have a header of four dwords */

/* What is behind the link, and the prefix of what came there last. */
struct host {
    uint32_t prefix;
    unsigned order;
};

static bool take_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                      size_t bytes)
{
    struct host *h = ctx;
    (void)requester;
    (void)at;
    (void)buf;
    (void)bytes;
    h->prefix = t->prefix;
    return true;
}

static bool take_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                       size_t bytes)
{
    (void)buf;
    return take_read(ctx, t, requester, at, NULL, bytes);
}

static bool take_translation(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at,
                             bool write, struct vs_ats_answer *out)
{
    (void)write;
    *out = (struct vs_ats_answer){.page = HIGH, .shift = 12, .read = true};
    return take_read(ctx, t, requester, at, NULL, 0);
}

static void take_invalidation(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at,
                              unsigned order)
{
    ((struct host *)ctx)->order = order;
    (void)take_read(ctx, t, requester, at, NULL, 0);
}

static enum vs_page_response take_page(void *ctx, struct vs_txn *t, const struct vs_page_group *g,
                                       unsigned k)
{
    (void)take_read(ctx, t, g->requester, (vs_iova){g->page[k]}, NULL, 0);
    return VS_PAGE_SUCCESS;
}

/* A write of two packets, a read of two, a translation, an invalidation, a page request. */
static void all_of_them(struct vs_pcie *link, struct vs_txn *t, struct host *h, uint32_t seen[5])
{
    struct vs_invalidate_port device = {.ctx = h, .invalidate = take_invalidation};
    struct vs_page_port by = {h, take_page};
    struct vs_ats_answer answer;
    vs_iova at = {HIGH};
    uint64_t taken;
    assert_true(vs_pcie_write(link, t, 3, at, NULL, 512, &taken));
    seen[0] = h->prefix;
    assert_true(vs_pcie_read(link, t, 3, at, NULL, 1024, &taken));
    seen[1] = h->prefix;
    assert_true(vs_pcie_translate(link, t, 3, at, false, &answer));
    seen[2] = h->prefix;
    vs_pcie_invalidate(link, t, 3, at, 1, &device);
    seen[3] = h->prefix;
    struct vs_page_group g = {.requester = 3, .n = 1, .page = {HIGH}};
    assert_int_equal(vs_pcie_request_page(link, t, &g, &by), VS_PAGE_SUCCESS);
    seen[4] = h->prefix;
}

/* A prefix is a dword before the header of each request, of an invalidation, of a page request and
 * of the response to one; completions have none. */
static void pcie_6_20_a_prefix_is_four_bytes_of_what_may_have_one(void **state)
{
    static const struct vs_pcie_config c = {.generation = 3,
                                            .width = 8,
                                            .mps = 256,
                                            .mrrs = 512,
                                            .rcb = 64,
                                            .tags = 32,
                                            .posted_headers = 64,
                                            .posted_data = 8192,
                                            .requests = 64,
                                            .request_bytes = REQUEST,
                                            .completion_bytes = COMPLETION};
    (void)state;
    uint64_t up[2], down[2];
    for (unsigned process = 0; process < 2; process++) {
        struct host h = {0, 0};
        struct vs_pcie link;
        struct vs_txn t;
        uint32_t seen[5];
        struct vs_ledger *l = vs_ledger_create(1);
        struct vs_dma_port port = {&h, take_read, take_write};
        struct vs_translate_port agent = {&h, take_translation};
        struct vs_msi_port msi = {0};
        assert_int_equal(vs_pcie_init(&link, &c, l, &port, &msi), VS_OK);
        vs_pcie_translator(&link, &agent, &port);
        vs_txn_beside(&t, l, vs_ledger_actor(l, "device"));
        t.prefix = process ? vs_pasid_prefix(70, true, false) : 0;
        all_of_them(&link, &t, &h, seen);
        for (unsigned k = 0; k < 5; k++) {
            assert_int_equal(seen[k], process ? 0x91200046u : 0);
        }
        up[process] = link.count[VS_CNT_pcie_bytes_up];
        down[process] = link.count[VS_CNT_pcie_bytes_down];
        vs_pcie_free(&link);
        vs_ledger_destroy(l);
    }
    assert_int_equal(up[1] - up[0], (2 + 2 + 1 + 1) * 4u);
    assert_int_equal(down[1] - down[0], 2 * 4u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcie_6_20_a_prefix_is_four_bytes_of_what_may_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
