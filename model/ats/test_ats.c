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
    bool refuses, aborts, read_only, executable; /* refuses: without rights */
    unsigned pages_asked, groups_asked, missing; /* missing: so many requests do not help */
    struct vs_page_group group;                  /* the last one */
    uint64_t page_ps;                            /* that its response takes */
    uint32_t moved_prefix;                       /* of the last transfer */
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
    *out = (struct vs_ats_answer){(FRAME + at.v) & ~low, f->shift, !f->refuses,
                                  !f->refuses && !f->read_only, f->executable};
    return !f->aborts;
}

static enum vs_page_response request_page(void *ctx, struct vs_txn *t,
                                          const struct vs_page_group *g)
{
    struct fixture *f = ctx;
    f->pages_asked += g->n;
    f->groups_asked++;
    f->group = *g;
    vs_charge(t, f->account, (vs_ps){f->page_ps});
    if (f->missing) {
        f->missing--;
    } else {
        f->refuses = f->refuses && f->response != VS_PAGE_SUCCESS;
    }
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

static void start_asking(struct fixture *f, uint64_t entries, uint64_t page_requests)
{
    struct vs_ats_config c;
    memset(f, 0, sizeof *f);
    vs_defaults(&vs_ats_desc, &c);
    c.enabled = 1;
    c.entries = entries;
    c.page_requests = page_requests;
    f->shift = 12;
    f->page_ps = PAGE_PS;
    f->ledger = vs_ledger_create(1);
    f->account = vs_ledger_accounts(f->ledger, &fake);
    struct vs_ats_link link = {f, translate, request_page, do_read, do_write};
    struct vs_upstream_port plain = {.ctx = f};
    assert_int_equal(vs_ats_init(&f->a, &c, f->ledger, &link, &plain), VS_OK);
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "device"), (vs_ps){0});
    f->port = vs_ats_upstream(&f->a);
}

static void start(struct fixture *f, uint64_t entries)
{
    start_asking(f, entries, 0);
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
        start_asking(&f, 16, law[k].enabled);
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

/* 10.2.3: what the agent aborts is no missing page. */
static void pcie_10_2_3_an_aborted_translation_is_no_missing_page(void **state)
{
    (void)state;
    struct fixture f;
    start_asking(&f, 16, 8);
    f.aborts = f.refuses = true;
    assert_false(reads(&f, 0x5000, 64));
    assert_int_equal(f.asked, 1);
    assert_int_equal(f.pages_asked, 0);
    stop(&f);
}

/* A page that is said to be there and is not is asked for again, and not for ever. */
static void a_page_that_is_not_there_yet_is_asked_for_again(void **state)
{
    (void)state;
    for (unsigned missing = 0; missing < 20; missing++) {
        struct fixture f;
        start_asking(&f, 16, 8);
        f.refuses = true;
        f.missing = missing;
        assert_int_equal(reads(&f, 0x5000, 64), missing < 8);
        assert_int_equal(f.pages_asked, missing < 8 ? missing + 1 : 8);
        stop(&f);
    }
}

/* 10.4.1: a group has the pages of the transfer that the TLB lacks, up to its size and to what may
 * be under way, and one response. */
static void pcie_10_4_1_a_group_has_what_the_transfer_lacks(void **state)
{
    (void)state;
    static const struct {
        uint64_t group, allocation, at, bytes;
        unsigned groups, pages, last; /* last: of the first group */
    } law[] = {{1, 8, 0x5000, 0x4000, 4, 4, 1},  {4, 8, 0x5000, 0x4000, 1, 4, 4},
               {2, 8, 0x5000, 0x4000, 2, 4, 2},  {32, 3, 0x5000, 0x4000, 2, 4, 3},
               {32, 32, 0x5ff8, 0x10, 1, 2, 2},  {32, 32, 0x5000, 0x1000, 1, 1, 1},
               {32, 32, 0x5800, 0x2000, 1, 3, 3}};
    for (size_t k = 0; k < sizeof law / sizeof *law; k++) {
        struct fixture f;
        start_asking(&f, 16, law[k].allocation);
        f.a.cfg.group = law[k].group;
        unsigned pages = 0, groups = 0;
        for (uint64_t done = 0; done < law[k].bytes;) { /* what a group asked for is there then */
            uint64_t at = law[k].at + done, end = 4096 - (at & 4095);
            f.refuses = true;
            f.page_ps = PAGE_PS;
            assert_true(reads(&f, at, law[k].bytes - done));
            if (!groups) {
                assert_int_equal(f.group.n, law[k].last);
                assert_int_equal(f.group.page[0], at);
                for (unsigned n = 1; n < f.group.n; n++) {
                    assert_int_equal(f.group.page[n], (at & ~4095ull) + n * 4096ull);
                }
            }
            pages += f.group.n;
            groups++;
            for (unsigned n = 0; n < f.group.n; n++) {
                done += done ? 4096 : end;
            }
            vs_ats_reset(&f.a, DEVICE);
        }
        assert_int_equal(groups, law[k].groups);
        assert_int_equal(pages, law[k].pages);
        stop(&f);
    }
}

/* What the TLB has is not asked for. */
static void a_group_leaves_out_what_is_there(void **state)
{
    (void)state;
    struct fixture f;
    start_asking(&f, 16, 8);
    f.a.cfg.group = 8;
    assert_true(reads(&f, 0x6000, 8));
    f.refuses = true;
    assert_true(reads(&f, 0x5000, 0x3000));
    assert_int_equal(f.group.n, 2);
    assert_int_equal(f.group.page[1], 0x7000);
    stop(&f);
}

/* 10.5.2.5: a page each; who has none left waits until a response has brought one back. */
static void pcie_10_5_2_5_no_more_are_under_way_than_allocated(void **state)
{
    (void)state;
    for (unsigned allocation = 1; allocation <= 4; allocation++) {
        struct fixture f;
        start_asking(&f, 64, allocation);
        uint64_t first = 0;
        f.page_ps = 1000000;
        for (unsigned n = 0; n < 6; n++) { /* as six transfers that begin at one time */
            f.t.now_ps = 0;
            f.refuses = true;
            assert_true(reads(&f, 0x100000 + n * 0x1000, 8));
            first = n ? first : f.t.now_ps;
            assert_int_equal(f.t.now_ps, first + n / allocation * 1000000u);
        }
        stop(&f);
    }
}

/* Numbers of groups that are under way differ, and each is one of nine bits. */
static void pcie_10_4_1_numbers_of_groups_differ(void **state)
{
    (void)state;
    struct fixture f;
    start_asking(&f, 16, 4096);
    bool seen[VS_PAGE_GROUPS] = {false};
    f.page_ps = 1000000000;
    for (unsigned n = 0; n < VS_PAGE_GROUPS; n++) {
        f.t.now_ps = 0;
        f.refuses = true;
        assert_true(reads(&f, 0x100000 + n * 0x1000, 8));
        assert_true(f.group.index < VS_PAGE_GROUPS && !seen[f.group.index]);
        seen[f.group.index] = true;
    }
    f.t.now_ps = 0;
    f.refuses = true;
    assert_true(reads(&f, 0x10000000, 8));
    assert_true(f.t.now_ps > 1000000000); /* credits are left, numbers are not */
    stop(&f);
}

/* 10.4.2: after Response Failure nothing is asked for before a reset. */
static void pcie_10_4_2_a_failure_ends_the_interface(void **state)
{
    (void)state;
    struct fixture f;
    start_asking(&f, 16, 8);
    f.refuses = true;
    f.response = VS_PAGE_FAILURE;
    assert_false(reads(&f, 0x5000, 8));
    assert_false(reads(&f, 0x6000, 8));
    assert_int_equal(f.pages_asked, 1);
    vs_ats_reset(&f.a, DEVICE);
    assert_false(reads(&f, 0x6000, 8));
    assert_int_equal(f.pages_asked, 2);
    stop(&f);
}

/* 10.4.2: a response is to a group that is under way, of its function and PASID; once. */
static void pcie_10_4_2_a_response_is_to_what_was_asked(void **state)
{
    (void)state;
    struct fixture f;
    start_asking(&f, 16, 8);
    uint32_t prefix = vs_pasid_prefix(70, false, false);
    f.a.group[3].asked = true;
    f.a.group[3].requester = DEVICE;
    f.a.group[3].prefix = prefix;
    f.t.prefix = prefix;
    assert_false(vs_ats_respond(&f.a, &f.t, DEVICE, 2, VS_PAGE_INVALID));
    assert_false(vs_ats_respond(&f.a, &f.t, DEVICE + 1, 3, VS_PAGE_INVALID));
    f.t.prefix = 0;
    assert_false(vs_ats_respond(&f.a, &f.t, DEVICE, 3, VS_PAGE_INVALID));
    f.t.prefix = vs_pasid_prefix(71, false, false);
    assert_false(vs_ats_respond(&f.a, &f.t, DEVICE, 3, VS_PAGE_INVALID));
    f.t.prefix = prefix;
    assert_true(vs_ats_respond(&f.a, &f.t, DEVICE, 3, VS_PAGE_INVALID));
    assert_false(vs_ats_respond(&f.a, &f.t, DEVICE, 3, VS_PAGE_INVALID));
    assert_int_equal(f.a.count[VS_CNT_ats_page_unexpected], 5);
    assert_int_equal(f.a.group[3].code, VS_PAGE_INVALID);
    assert_int_equal(f.a.count[VS_CNT_ats_page_invalid], 1); /* nobody waits for it */
    assert_false(f.a.failed);
    vs_ats_sent(&f.a, &f.t, DEVICE, 3, true, false);
    assert_true(vs_ats_respond(&f.a, &f.t, DEVICE, 3, VS_PAGE_FAILURE));
    assert_true(f.a.failed);
    f.t.prefix = 0;
    stop(&f);
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
        cmocka_unit_test(pcie_10_2_3_an_aborted_translation_is_no_missing_page),
        cmocka_unit_test(a_page_that_is_not_there_yet_is_asked_for_again),
        cmocka_unit_test(pcie_10_4_1_a_group_has_what_the_transfer_lacks),
        cmocka_unit_test(a_group_leaves_out_what_is_there),
        cmocka_unit_test(pcie_10_5_2_5_no_more_are_under_way_than_allocated),
        cmocka_unit_test(pcie_10_4_1_numbers_of_groups_differ),
        cmocka_unit_test(pcie_10_4_2_a_failure_ends_the_interface),
        cmocka_unit_test(pcie_10_4_2_a_response_is_to_what_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
