/* SPDX-License-Identifier: MIT */
/* Laws of page requests at the remapping unit (VT-d specification 5.10, 7.4 to 7.8). */
#include "iommu_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEVICE 0x0108u
#define DOMAIN 5u
#define IOVA 0x40000000u
#define FRAME 0x2000000u
#define QUEUE 0x3000000u
#define SHARED 1u /* domain of first levels */

struct fixture {
    struct iommu_machine m;
    struct vs_iommu *i;
    struct {
        uint16_t requester, group;
        unsigned code;
        uint32_t prefix;
    } answer[16]; /* in the order in which they were sent; with them, invalidations as code 99 */
    unsigned n;
};

static void respond(void *ctx, struct vs_txn *t, uint16_t requester, uint16_t group, unsigned code)
{
    struct fixture *f = ctx;
    f->answer[f->n].requester = requester;
    f->answer[f->n].group = group;
    f->answer[f->n].prefix = t->prefix;
    f->answer[f->n++].code = code;
}

static void invalidate(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, unsigned order)
{
    (void)at;
    respond(ctx, t, requester, (uint16_t)order, 99);
}

/* A device with requests of its own (PASID 0, second level) and the PASIDs 3 and 4, which have a
 * first level and a nested one. */
static void start(struct fixture *f, bool scalable, bool allowed)
{
    struct vs_iommu_config c;
    memset(f, 0, sizeof *f);
    vs_defaults(&vs_iommu_desc, &c);
    c.mode = scalable;
    assert_true(iommu_machine_start(&f->m, &c));
    f->i = &f->m.iommu;
    if (scalable) {
        vs_hpa table[3], none[3] = {{0}, {0}, {0}};
        for (unsigned k = 0; k < 3; k++) {
            uint64_t page;
            assert_true(iommu_machine_table(&f->m, &page, &page));
            table[k].v = page;
        }
        uint64_t root;
        assert_true(iommu_machine_table(&f->m, &root, &root));
        struct vs_iommu_pasid what = {
            .type = VS_IOMMU_SECOND, .domain = DOMAIN, .second = {IOMMU_SECOND + DOMAIN * 4096u}};
        vs_iommu_attach_pasid(f->i, DEVICE, 0, &what, table);
        what = (struct vs_iommu_pasid){.type = VS_IOMMU_FIRST, .domain = SHARED, .first = {root}};
        vs_iommu_attach_pasid(f->i, DEVICE, 3, &what, none);
        vs_iommu_allow_services(f->i, DEVICE);
    } else {
        iommu_machine_attach(&f->m, DEVICE, DOMAIN);
    }
    if (allowed) {
        vs_iommu_allow_page_requests(f->i, DEVICE);
    }
    vs_iommu_page_queue(f->i, (vs_hpa){QUEUE}, 0);
    struct vs_invalidate_port devices = {f, invalidate, respond};
    vs_iommu_devices(f->i, &devices);
}

static struct vs_iommu_page_request usual(uint32_t pasid)
{
    return (struct vs_iommu_page_request){.address = IOVA + 0x7000,
                                          .requester = DEVICE,
                                          .group = 5,
                                          .write = true,
                                          .last = true,
                                          .prefix =
                                              pasid ? vs_pasid_prefix(pasid, false, false) : 0};
}

static enum vs_iommu_taken ask(struct fixture *f, const struct vs_iommu_page_request *r,
                               enum vs_page_response *answer)
{
    enum vs_page_response a;
    return vs_iommu_request_page(f->i, &f->m.t, r, answer ? answer : &a);
}

/* Software takes all that is there. */
static unsigned serve(struct fixture *f)
{
    uint64_t tail = vs_iommu_page_requests(f->i), head = f->i->pages_head;
    (void)vs_iommu_page_requests_done(f->i, tail);
    return (unsigned)(tail - head);
}

/* 7.4.1.1: what the descriptor has of the message, round the ring. */
static void vtd_7_4_1_1_a_request_is_a_descriptor(void **state)
{
    static const struct {
        struct vs_iommu_page_request r;
        uint64_t low, high;
    } law[] = {{{IOVA, DEVICE, 0, true, false, true, 0}, 1u | DEVICE << 16, IOVA | 1u | 4u},
               {{IOVA + 0x7123, DEVICE, 0x1ff, false, true, false, VS_PASID_PREFIX | 3u},
                1u | 1u << 8 | DEVICE << 16 | 3ull << 32,
                (IOVA + 0x7000) | 2u | 0x1ffull << 3},
               {{0xffff800000000000u, DEVICE, 7, true, true, true,
                 VS_PASID_PREFIX | VS_PASID_PRIVILEGED | 3u},
                1u | 1u << 8 | DEVICE << 16 | 3ull << 32 | 1ull << 53,
                0xffff800000000000u | 7u | 7ull << 3},
               {{IOVA, DEVICE, 7, true, false, true, VS_PASID_PREFIX | VS_PASID_EXECUTE | 3u},
                1u | 1u << 8 | DEVICE << 16 | 3ull << 32 | 1ull << 52,
                IOVA | 5u | 7ull << 3},
               {{0, DEVICE, 0, false, false, true, VS_PASID_PREFIX | 3u}, /* a stop marker */
                1u | 1u << 8 | DEVICE << 16 | 3ull << 32,
                4u}};
    (void)state;
    struct fixture f;
    start(&f, true, true);
    for (unsigned n = 0; n < 300; n++) {
        size_t k = n % (sizeof law / sizeof law[0]);
        struct vs_iommu_page_request got, want = law[k].r;
        assert_int_equal(ask(&f, &law[k].r, NULL), VS_IOMMU_QUEUED_EVENT);
        uint64_t tail = vs_iommu_page_requests(f.i);
        assert_int_equal(tail, n + 1);
        vs_hpa at = vs_iommu_read_request(f.i, n, &got);
        assert_int_equal(at.v, QUEUE + n % 128u * 32u);
        assert_int_equal(vs_phys_read64(f.m.phys, at), law[k].low);
        assert_int_equal(vs_phys_read64(f.m.phys, (vs_hpa){at.v + 8}), law[k].high);
        want.address &= ~0xfffull;
        assert_int_equal(got.address, want.address);
        assert_int_equal(got.requester, want.requester);
        assert_int_equal(got.group, want.group);
        assert_true(got.read == want.read && got.write == want.write && got.last == want.last);
        assert_int_equal(got.prefix, want.prefix);
        assert_false(vs_iommu_page_requests_done(f.i, tail));
    }
    assert_int_equal(f.i->n_faults, 0);
    iommu_machine_stop(&f.m);
}

/* Tables 30 and 31: who may not ask is a fault; the last of a group is answered so, no other and no
 * stop marker. */
static void vtd_7_4_1_who_may_not_ask_is_told(void **state)
{
    static const struct {
        bool scalable, allowed;
        uint16_t requester;
        uint32_t pasid;
        unsigned reason;
    } law[] = {{true, false, DEVICE, 0, 0x47},     {true, false, DEVICE, 3, 0x47},
               {true, true, DEVICE, 5, 0x59},      {true, true, DEVICE, 70, 0x51},
               {true, true, DEVICE, 0x8000, 0x46}, {true, true, DEVICE + 1, 0, 0x41},
               {true, true, 0xff00, 0, 0x39},      {false, false, DEVICE, 0, 0x32},
               {false, false, DEVICE, 3, 0x32}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        for (unsigned last = 0; last < 2; last++) {
            struct fixture f;
            enum vs_page_response answer = VS_PAGE_FAILURE;
            start(&f, law[k].scalable, law[k].allowed);
            struct vs_iommu_page_request r = usual(law[k].pasid);
            r.requester = law[k].requester;
            r.last = last;
            assert_int_equal(ask(&f, &r, &answer), last ? VS_IOMMU_ANSWERED : VS_IOMMU_DROPPED);
            assert_int_equal(answer, VS_PAGE_INVALID);
            assert_int_equal(f.i->n_faults, 1);
            assert_int_equal(f.i->fault[0].reason, law[k].reason);
            assert_int_equal(f.i->fault[0].address, r.address);
            assert_int_equal(f.i->fault[0].pasid, law[k].pasid ? law[k].pasid : VS_IOMMU_NO_PASID);
            assert_int_equal(serve(&f), 0);
            r.write = false;
            assert_int_equal(ask(&f, &r, &answer), VS_IOMMU_DROPPED); /* a stop marker */
            iommu_machine_stop(&f.m);
        }
    }
}

/* 7.4.1: the queue holds one less than its entries. What finds it full sets PRO, with an event
 * where none is due yet; from then on nothing is written until software has read all and cleared
 * it. Who waits for an answer is told Success, and asks again. */
static void vtd_7_4_1_a_full_queue_answers_success(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        struct fixture f;
        enum vs_page_response answer = VS_PAGE_FAILURE;
        struct vs_iommu_page_request r = usual(3);
        start(&f, true, true);
        vs_iommu_page_queue(f.i, (vs_hpa){QUEUE}, order);
        unsigned holds = (128u << order) - 1u;
        for (unsigned n = 0; n < holds; n++) {
            assert_int_equal(ask(&f, &r, NULL), n ? VS_IOMMU_QUEUED : VS_IOMMU_QUEUED_EVENT);
        }
        assert_false(f.i->pages_lost);
        assert_int_equal(ask(&f, &r, &answer), VS_IOMMU_ANSWERED); /* PPR is set: no event */
        assert_int_equal(answer, VS_PAGE_SUCCESS);
        assert_true(f.i->pages_lost);
        r.last = false;
        assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_DROPPED);
        r.last = true;
        /* the handler reads the tail; room alone does not help before PRO is cleared */
        uint64_t tail = vs_iommu_page_requests(f.i);
        assert_int_equal(tail - f.i->pages_head, holds);
        f.i->pages_head = tail - 1u;
        assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_ANSWERED);
        assert_true(vs_iommu_page_requests_done(f.i, tail));
        assert_false(f.i->pages_lost);
        assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_QUEUED_EVENT);
        assert_int_equal(f.i->count[VS_CNT_iommu_page_lost], 3);
        assert_int_equal(f.i->count[VS_CNT_iommu_faults], 0);
        /* full again while software is at work: now the event is PRO's */
        tail = vs_iommu_page_requests(f.i);
        f.i->pages_head = f.i->pages_tail - holds;
        assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_ANSWERED_EVENT);
        assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_ANSWERED);
        assert_true(vs_iommu_page_requests_done(f.i, tail));
        iommu_machine_stop(&f.m);
    }
}

/* What came while software was at work keeps PRO set: it is to look again. */
static void an_overflow_is_cleared_when_nothing_is_left(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_iommu_page_request r = usual(3);
    start(&f, true, true);
    assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_QUEUED_EVENT);
    uint64_t tail = vs_iommu_page_requests(f.i);
    for (unsigned n = 1; n < 127; n++) {
        assert_int_equal(ask(&f, &r, NULL), n == 1 ? VS_IOMMU_QUEUED_EVENT : VS_IOMMU_QUEUED);
    }
    assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_ANSWERED);
    assert_true(vs_iommu_page_requests_done(f.i, tail));
    assert_true(f.i->pages_lost);
    assert_int_equal(serve(&f), 126);
    assert_false(f.i->pages_lost);
    iommu_machine_stop(&f.m);
}

/* 7.5: no event while software has one to look at. */
static void vtd_7_5_an_event_until_software_has_looked(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_iommu_page_request r = usual(3);
    start(&f, true, true);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned n = 0; n < 5; n++) {
            assert_int_equal(vs_iommu_page_event(ask(&f, &r, NULL)), n == 0);
        }
        uint64_t tail = vs_iommu_page_requests(f.i); /* clears PPR first, reads the tail then */
        assert_int_equal(vs_iommu_page_event(ask(&f, &r, NULL)), true);
        (void)vs_iommu_page_requests_done(f.i, tail);
        assert_int_equal(serve(&f), 1);
    }
    assert_int_equal(f.i->count[VS_CNT_iommu_page_events], 6);
    iommu_machine_stop(&f.m);
}

/* 6.5.3.1: what is cached of the page goes before software sees the request: a right that software
 * adds without an invalidation is there when the device asks again. */
static void vtd_6_5_3_1_a_request_drops_what_is_cached_of_its_page(void **state)
{
    (void)state;
    struct fixture f;
    struct vs_translate_port agent;
    struct vs_ats_answer a;
    struct vs_iommu_page_request r = usual(0);
    start(&f, true, true);
    agent = vs_iommu_translate_port(f.i);
    assert_int_equal(iommu_machine_map(&f.m, DOMAIN, IOVA + 0x7000, FRAME, 12, 1), VS_OK);
    assert_int_equal(iommu_machine_map(&f.m, DOMAIN, IOVA + 0x8000, FRAME, 12, 1), VS_OK);
    for (unsigned page = 0; page < 2; page++) {
        vs_iova at = {IOVA + 0x7000 + page * 0x1000};
        assert_true(agent.translate(agent.ctx, &f.m.t, DEVICE, at, false, &a));
        assert_true(a.read && !a.write);
    }
    uint64_t misses = f.i->count[VS_CNT_iommu_iotlb_misses];
    assert_int_equal(ask(&f, &r, NULL), VS_IOMMU_QUEUED_EVENT);
    assert_true(agent.translate(agent.ctx, &f.m.t, DEVICE, (vs_iova){IOVA + 0x8000}, false, &a));
    assert_int_equal(f.i->count[VS_CNT_iommu_iotlb_misses], misses);
    assert_true(agent.translate(agent.ctx, &f.m.t, DEVICE, (vs_iova){IOVA + 0x7000}, false, &a));
    assert_int_equal(f.i->count[VS_CNT_iommu_iotlb_misses], misses + 1);
    iommu_machine_stop(&f.m);
}

/* 7.6.1, 7.7, 7.8: responses have what software says, and go out among invalidations in the order
 * of the queue. */
static void vtd_7_8_responses_keep_their_order(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, true, true);
    struct vs_iommu_page_request with = usual(3), without = usual(0);
    with.group = 0x1ff;
    without.group = 1;
    vs_iommu_queue_response(f.i, &with, VS_PAGE_SUCCESS);
    vs_iommu_queue_device_pasid(f.i, DEVICE, 3, (vs_iova){0}, 52);
    vs_iommu_queue_response(f.i, &without, VS_PAGE_INVALID);
    vs_iommu_queue_response(f.i, &with, VS_PAGE_FAILURE);
    vs_iommu_execute(f.i, &f.m.t);
    assert_int_equal(f.n, 4);
    static const struct {
        unsigned group, code, pasid;
    } law[] = {{0x1ff, 0, 3}, {52, 99, 3}, {1, 1, 0}, {0x1ff, 15, 3}};
    for (unsigned k = 0; k < 4; k++) {
        assert_int_equal(f.answer[k].requester, DEVICE);
        assert_int_equal(f.answer[k].group, law[k].group);
        assert_int_equal(f.answer[k].code, law[k].code);
        assert_int_equal(f.answer[k].prefix,
                         law[k].pasid ? vs_pasid_prefix(law[k].pasid, false, false) : 0);
    }
    assert_int_equal(f.i->responded.code, 15);
    assert_int_equal(f.i->count[VS_CNT_iommu_page_responses], 3);
    iommu_machine_stop(&f.m);
}

/* 7.6.1: reserved bits, and legacy mode, stop the queue. */
static void vtd_7_6_1_a_response_that_is_none_stops_the_queue(void **state)
{
    static const struct {
        uint64_t low, high;
        bool good;
    } law[] = {{9u | DEVICE << 16, 4u, true},
               {9u | DEVICE << 16 | 15u << 12 | 0xfffffull << 32 | 16u, 0xffcu, true},
               {9u | 1u << 5, 0, false},
               {9u | 1u << 9, 0, false},
               {9u | 1ull << 52, 0, false},
               {9u, 1u, false},
               {9u, 1u << 12, false}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        for (unsigned scalable = 0; scalable < 2; scalable++) {
            struct fixture f;
            start(&f, scalable, false);
            assert_true(vs_iommu_queue(f.i, law[k].low, law[k].high));
            vs_iommu_execute(f.i, &f.m.t);
            assert_int_equal(f.i->queue_error, !(law[k].good && scalable));
            assert_int_equal(f.n, law[k].good && scalable);
            iommu_machine_stop(&f.m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vtd_7_4_1_1_a_request_is_a_descriptor),
        cmocka_unit_test(vtd_7_4_1_who_may_not_ask_is_told),
        cmocka_unit_test(vtd_7_4_1_a_full_queue_answers_success),
        cmocka_unit_test(an_overflow_is_cleared_when_nothing_is_left),
        cmocka_unit_test(vtd_7_5_an_event_until_software_has_looked),
        cmocka_unit_test(vtd_6_5_3_1_a_request_drops_what_is_cached_of_its_page),
        cmocka_unit_test(vtd_7_8_responses_keep_their_order),
        cmocka_unit_test(vtd_7_6_1_a_response_that_is_none_stops_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
