/* SPDX-License-Identifier: MIT */
/* Laws of a device TLB, with the sections of the PCI Express Base Specification 4.0, chapter 10. */
#include "ats/ats.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DEVICE 0x310u
#define ASK_PS 900000u
#define MOVE_PS 300000u
#define FRAME 0x100000000u
#define PAGE_PS 9000000u

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_ats a;
    struct vs_upstream_port port;
    uint16_t account;
    unsigned asked, moved, shift;
    bool refuses, read_only, executable;
    unsigned pages_asked;
    uint32_t moved_prefix;          /* of the last transfer */
    enum vs_page_response response; /* to a page request; success: the page is there then */
    uint64_t last;                  /* where the last transfer went */
};

static const struct vs_account_desc accounts[] = {{"fake.link", "", false, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, accounts, 1, NULL, 0, 0};

static bool translate(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                      struct vs_ats_answer *out)
{
    struct fixture *f = ctx;
    (void)requester;
    (void)write;
    f->asked++;
    vs_charge(t, f->account, (vs_ps){ASK_PS});
    uint64_t low = (1ull << f->shift) - 1u;
    *out =
        (struct vs_ats_answer){(FRAME + at.v) & ~low, f->shift, true, !f->read_only, f->executable};
    return !f->refuses;
}

static enum vs_page_response request_page(void *ctx, struct vs_txn *t, uint16_t requester,
                                          vs_iova at, bool write)
{
    struct fixture *f = ctx;
    (void)requester;
    (void)at;
    (void)write;
    f->pages_asked++;
    vs_charge(t, f->account, (vs_ps){PAGE_PS});
    f->refuses = f->refuses && f->response != VS_PAGE_SUCCESS;
    return f->response;
}

static bool moved(struct fixture *f, struct vs_txn *t, uint64_t at, uint64_t *taken)
{
    f->moved++;
    f->moved_prefix = t->prefix;
    f->last = at;
    *taken = t->now_ps + 1000;
    vs_charge(t, f->account, (vs_ps){MOVE_PS});
    return true;
}

static bool do_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_hpa at, void *buf,
                    size_t bytes, uint64_t *taken)
{
    (void)requester;
    (void)buf;
    (void)bytes;
    return moved(ctx, t, at.v, taken);
}

static bool do_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_hpa at, const void *buf,
                     size_t bytes, uint64_t *taken)
{
    (void)requester;
    (void)buf;
    (void)bytes;
    return moved(ctx, t, at.v, taken);
}

static void start(struct fixture *f, uint64_t entries)
{
    struct vs_ats_config c;
    memset(f, 0, sizeof *f);
    vs_defaults(&vs_ats_desc, &c);
    c.enabled = 1;
    c.entries = entries;
    f->shift = 12;
    f->ledger = vs_ledger_create(1);
    f->account = vs_ledger_accounts(f->ledger, &fake);
    struct vs_ats_link link = {f, translate, request_page, do_read, do_write};
    struct vs_upstream_port plain = {.ctx = f};
    assert_int_equal(vs_ats_init(&f->a, &c, f->ledger, &link, &plain), VS_OK);
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "device"), (vs_ps){0});
    f->port = vs_ats_upstream(&f->a);
}

static void stop(struct fixture *f)
{
    vs_txn_end(&f->t);
    vs_ats_free(&f->a);
    vs_ledger_destroy(f->ledger);
}

static bool reads(struct fixture *f, uint64_t at, size_t bytes)
{
    uint64_t taken;
    return f->port.read(f->port.ctx, &f->t, DEVICE, (vs_iova){at}, NULL, bytes, &taken);
}

static bool writes(struct fixture *f, uint64_t at, size_t bytes)
{
    uint64_t taken;
    return f->port.write(f->port.ctx, &f->t, DEVICE, (vs_iova){at}, NULL, bytes, &taken);
}

static void pcie_10_1_a_translation_is_asked_for_once(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 16);
    assert_true(reads(&f, 0x5010, 64));
    assert_int_equal(f.last, FRAME + 0x5010);
    assert_true(writes(&f, 0x5fc0, 64));
    assert_int_equal(f.asked, 1);
    assert_true(reads(&f, 0x5fc0, 128)); /* into the next page */
    assert_int_equal(f.asked, 2);
    assert_int_equal(f.moved, 4);
    assert_int_equal(f.last, FRAME + 0x6000);
    assert_int_equal(f.a.count[VS_CNT_ats_hits], 2);
    stop(&f);
}

static void a_full_tlb_forgets_the_oldest(void **state)
{
    (void)state;
    for (uint64_t pages = 4; pages <= 5; pages++) {
        struct fixture f;
        start(&f, 4);
        for (uint64_t n = 0; n < 2 * pages; n++) {
            assert_true(reads(&f, n % pages * 4096, 8));
        }
        assert_int_equal(f.asked, pages == 4 ? 4 : 10);
        stop(&f);
    }
}

static void pcie_10_2_3_2_a_large_translation_covers_its_page(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 4);
    f.shift = 21;
    assert_true(reads(&f, 0x200000, 8));
    assert_true(reads(&f, 0x3ffff8, 8));
    assert_int_equal(f.asked, 1);
    assert_int_equal(f.last, FRAME + 0x3ffff8);
    assert_true(reads(&f, 0x400000, 8));
    assert_int_equal(f.asked, 2);
    stop(&f);
}

static void pcie_10_2_3_5_what_is_not_granted_is_not_done(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 4);
    f.read_only = true;
    assert_true(reads(&f, 0x1000, 8));
    assert_false(writes(&f, 0x1000, 8)); /* asked again, for writing */
    assert_int_equal(f.asked, 2);
    f.refuses = true;
    assert_false(reads(&f, 0x2000, 8));
    assert_int_equal(f.moved, 1);
    assert_int_equal(f.a.count[VS_CNT_ats_refused], 2);
    stop(&f);
}

static void pcie_10_3_1_an_invalidation_drops_its_pages_of_its_function(void **state)
{
    static const struct {
        uint16_t requester;
        uint64_t at;
        unsigned order;
        bool dropped;
    } law[] = {{DEVICE, 0x5000, 0, true},
               {DEVICE, 0x4000, 0, false},
               {DEVICE, 0x4000, 1, true},
               {DEVICE, 0, 52, true},
               {DEVICE + 1, 0x5000, 0, false}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct fixture f;
        start(&f, 16);
        assert_true(reads(&f, 0x5000, 8));
        vs_ats_invalidate(&f.a, &f.t, law[k].requester, (vs_iova){law[k].at}, law[k].order);
        assert_true(reads(&f, 0x5000, 8));
        assert_int_equal(f.asked, law[k].dropped ? 2 : 1);
        stop(&f);
    }
}

/* 10.3.2: the completion is sent when no request that used the translation is outstanding. */
static void pcie_10_3_2_an_invalidation_waits_for_what_is_under_way(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct fixture f;
        struct vs_txn unit;
        start(&f, 16);
        assert_true(reads(&f, 0x5000, 8));
        uint64_t done = f.t.now_ps, drop = f.a.cfg.drop;
        vs_txn_beside(&unit, f.ledger, vs_ledger_actor(f.ledger, "unit"));
        unit.now_ps = late ? done - drop + 1 : done - drop - 1;
        uint64_t asked = unit.now_ps;
        vs_ats_invalidate(&f.a, &unit, DEVICE, (vs_iova){0x9000}, 0);
        assert_int_equal(unit.now_ps, late ? asked + drop : done);
        stop(&f);
    }
}

static void a_device_without_services_sends_what_it_has(void **state)
{
    (void)state;
    struct vs_ats_config c;
    struct vs_ats a;
    struct vs_ats_link link = {0};
    struct vs_upstream_port plain = {.read = NULL, .ctx = &c};
    struct vs_ledger *l = vs_ledger_create(1);
    vs_defaults(&vs_ats_desc, &c);
    assert_int_equal(vs_ats_init(&a, &c, l, &link, &plain), VS_OK);
    assert_ptr_equal(vs_ats_upstream(&a).ctx, &c);
    vs_ats_free(&a);
    vs_ledger_destroy(l);
}

/* A refused translation is asked for again when the page is there, and what a page request does not
 * get is not done; a device without them gives up at once. */
static void pcie_10_4_a_missing_page_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint64_t enabled;
        enum vs_page_response response;
        bool done;
        unsigned pages, translations;
    } law[] = {{0, VS_PAGE_SUCCESS, false, 0, 1},
               {1, VS_PAGE_SUCCESS, true, 1, 2},
               {1, VS_PAGE_INVALID, false, 1, 1},
               {1, VS_PAGE_FAILURE, false, 1, 1}};
    for (unsigned k = 0; k < sizeof law / sizeof *law; k++) {
        struct fixture f;
        start(&f, 16);
        f.a.cfg.page_requests = law[k].enabled;
        f.refuses = true;
        f.response = law[k].response;
        assert_int_equal(reads(&f, 0x5000, 64), law[k].done);
        assert_int_equal(f.pages_asked, law[k].pages);
        assert_int_equal(f.asked, law[k].translations);
        assert_int_equal(f.a.count[VS_CNT_ats_page_requests], law[k].pages);
        assert_int_equal(f.a.count[VS_CNT_ats_page_invalid], law[k].pages && !law[k].done);
        assert_int_equal(f.a.count[VS_CNT_ats_refused], !law[k].done);
        if (law[k].done) { /* once */
            assert_true(writes(&f, 0x5040, 64));
            assert_int_equal(f.pages_asked, 1);
        }
        stop(&f);
    }
}

/* 10.2.2 and 6.20: translations of one PASID are no other's, privileged ones no user's, and what
 * was not asked for to be executed is asked for again. */
static void pcie_6_20_translations_are_a_pasids_own(void **state)
{
    (void)state;
    static const struct {
        uint32_t pasid;
        bool present, privileged, execute;
        unsigned asked;
    } law[] = {{70, true, false, false, 0}, {71, true, false, false, 1},
               {70, true, true, false, 1},  {0, false, false, false, 1},
               {70, true, false, true, 1},  {0, true, false, false, 1}};
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct fixture f;
        start(&f, 16);
        f.t.prefix = vs_pasid_prefix(70, false, false);
        assert_true(reads(&f, 0x5000, 8));
        assert_int_equal(f.t.prefix, vs_pasid_prefix(70, false, false));
        assert_int_equal(f.moved_prefix, 0); /* a translated request has none */
        f.executable = true;
        f.t.prefix =
            law[k].present ? vs_pasid_prefix(law[k].pasid, law[k].privileged, law[k].execute) : 0;
        assert_true(reads(&f, 0x5000, 8));
        assert_int_equal(f.asked, 1 + law[k].asked);
        f.executable = false;
        f.t.prefix = vs_pasid_prefix(70, false, true);
        assert_int_equal(reads(&f, 0x6000, 8), false);
        stop(&f);
    }
}

/* 10.3.8: with a PASID its own go, with the global bit every PASID's; without one, those without.
 */
static void pcie_10_3_8_an_invalidation_means_whom_its_prefix_names(void **state)
{
    (void)state;
    static const struct {
        uint32_t pasid; /* 0: none */
        unsigned order;
        bool plain, own, other; /* dropped */
    } law[] = {{0, 52, true, false, false},
               {70, 52, false, true, false},
               {70, 0, false, true, false},
               {71, 52, false, false, true},
               {70, 52 | VS_INVALIDATE_GLOBAL, false, true, true},
               {72, VS_INVALIDATE_GLOBAL, false, true, true}};
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        static const uint32_t who[] = {0, 70, 71};
        struct fixture f;
        start(&f, 16);
        for (unsigned w = 0; w < 3; w++) {
            f.t.prefix = who[w] ? vs_pasid_prefix(who[w], false, false) : 0;
            assert_true(reads(&f, 0x5000, 8));
        }
        f.t.prefix = law[k].pasid ? vs_pasid_prefix(law[k].pasid, false, false) : 0;
        vs_ats_invalidate(&f.a, &f.t, DEVICE, (vs_iova){0x5000}, law[k].order);
        for (unsigned w = 0; w < 3; w++) {
            unsigned before = f.asked;
            f.t.prefix = who[w] ? vs_pasid_prefix(who[w], false, false) : 0;
            assert_true(reads(&f, 0x5000, 8));
            assert_int_equal(f.asked - before, w == 0   ? law[k].plain
                                               : w == 1 ? law[k].own
                                                        : law[k].other);
        }
        stop(&f);
    }
}

/* More PASIDs than it has numbers for: none is taken for another. */
static void numbers_of_pasids_are_used_again_for_nobody_else(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 16);
    for (uint32_t n = 0; n < 2u * VS_ATS_SPACES + 5u; n++) {
        f.t.prefix = vs_pasid_prefix(n, false, false);
        assert_true(reads(&f, 0x5000, 8));
        assert_int_equal(f.asked, n + 1u);
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcie_10_1_a_translation_is_asked_for_once),
        cmocka_unit_test(a_full_tlb_forgets_the_oldest),
        cmocka_unit_test(pcie_10_2_3_2_a_large_translation_covers_its_page),
        cmocka_unit_test(pcie_10_2_3_5_what_is_not_granted_is_not_done),
        cmocka_unit_test(pcie_10_3_1_an_invalidation_drops_its_pages_of_its_function),
        cmocka_unit_test(pcie_10_3_2_an_invalidation_waits_for_what_is_under_way),
        cmocka_unit_test(a_device_without_services_sends_what_it_has),
        cmocka_unit_test(pcie_6_20_translations_are_a_pasids_own),
        cmocka_unit_test(pcie_10_3_8_an_invalidation_means_whom_its_prefix_names),
        cmocka_unit_test(numbers_of_pasids_are_used_again_for_nobody_else),
        cmocka_unit_test(pcie_10_4_a_missing_page_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
