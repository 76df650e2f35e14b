/* SPDX-License-Identifier: MIT */
/* Laws of translation services at the remapping unit (VT-d specification 3.x, chapter 4). */
#include "iommu_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEVICE 0x0108u
#define DOMAIN 5u
#define IOVA 0x40000000u
#define FRAME 0x2000000u

struct fixture {
    struct iommu_machine m;
    struct vs_translate_port agent;
    struct vs_dma_port direct;
    uint64_t at, order, takes_ps;
    uint16_t requester, account;
    unsigned invalidated;
};

static void invalidate(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, unsigned order)
{
    struct fixture *f = ctx;
    f->invalidated++;
    f->requester = requester;
    f->at = at.v;
    f->order = order;
    vs_ps d = {f->takes_ps};
    vs_charge(t, f->m.iommu.account, d);
}

static void start(struct fixture *f, bool scalable, bool allowed)
{
    struct vs_iommu_config c;
    memset(f, 0, sizeof *f);
    vs_defaults(&vs_iommu_desc, &c);
    c.mode = scalable;
    assert_true(iommu_machine_start(&f->m, &c));
    if (scalable) {
        uint64_t page[3];
        vs_hpa table[3];
        for (unsigned k = 0; k < 3; k++) {
            assert_true(iommu_machine_table(&f->m, &page[k], &page[k]));
            table[k].v = page[k];
        }
        struct vs_iommu_pasid what = {
            .type = VS_IOMMU_SECOND, .domain = DOMAIN, .second = {IOMMU_SECOND + DOMAIN * 4096u}};
        vs_iommu_attach_pasid(&f->m.iommu, DEVICE, 0, &what, table);
    } else {
        iommu_machine_attach(&f->m, DEVICE, DOMAIN);
    }
    if (allowed) {
        vs_iommu_allow_services(&f->m.iommu, DEVICE);
    }
    struct vs_invalidate_port devices = {.ctx = f, .invalidate = invalidate};
    vs_iommu_devices(&f->m.iommu, &devices);
    f->agent = vs_iommu_translate_port(&f->m.iommu);
    f->direct = vs_iommu_translated_port(&f->m.iommu);
}

static bool ask(struct fixture *f, uint64_t at, bool write, struct vs_ats_answer *out)
{
    return f->agent.translate(f->agent.ctx, &f->m.t, DEVICE, (vs_iova){at}, write, out);
}

static void vtd_4_1_a_translation_request_is_answered_with_page_and_rights(void **state)
{
    (void)state;
    for (unsigned scalable = 0; scalable < 2; scalable++) {
        struct fixture f;
        struct vs_ats_answer a;
        start(&f, scalable, true);
        assert_int_equal(iommu_machine_map(&f.m, DOMAIN, IOVA, FRAME, 12, 1), VS_OK);
        assert_int_equal(iommu_machine_map(&f.m, DOMAIN, IOVA + 0x200000, 0x200000, 21, 3), VS_OK);
        assert_true(ask(&f, IOVA + 9, false, &a));
        assert_int_equal(a.page, FRAME);
        assert_int_equal(a.shift, 12);
        assert_true(a.read);
        assert_false(a.write);
        assert_true(ask(&f, IOVA + 0x200000 + 0x5000, true, &a));
        assert_int_equal(a.shift, 21);
        assert_true(a.read && a.write);
        /* 4.2.3: what is not mapped is an answer without rights, and no fault */
        assert_true(ask(&f, IOVA + 0x1000, false, &a));
        assert_false(a.read || a.write);
        assert_true(ask(&f, IOVA, true, &a));
        assert_false(a.write);
        assert_int_equal(f.m.iommu.n_faults, 0);
        assert_int_equal(f.m.iommu.count[VS_CNT_iommu_faults], 0);
        iommu_machine_stop(&f.m);
    }
}

static void vtd_4_2_who_may_not_use_services_is_blocked(void **state)
{
    (void)state;
    for (unsigned scalable = 0; scalable < 2; scalable++) {
        struct fixture f;
        struct vs_ats_answer a;
        uint64_t word = 0;
        start(&f, scalable, false);
        assert_int_equal(iommu_machine_map(&f.m, DOMAIN, IOVA, FRAME, 12, 3), VS_OK);
        assert_false(ask(&f, IOVA, false, &a));
        assert_int_equal(f.m.iommu.fault[0].reason, scalable ? 0x44 : 0xd);
        /* 4.2.4: nor may it send translated requests */
        assert_false(f.direct.write(f.direct.ctx, &f.m.t, DEVICE, (vs_iova){FRAME}, &word, 8));
        assert_int_equal(f.m.iommu.n_faults, 2);
        iommu_machine_stop(&f.m);
    }
}

static void vtd_4_2_4_translated_requests_go_where_they_say(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t word = 0x1122334455667788u, got = 0;
    start(&f, false, true);
    assert_true(f.direct.write(f.direct.ctx, &f.m.t, DEVICE, (vs_iova){FRAME}, &word, 8));
    assert_true(f.direct.read(f.direct.ctx, &f.m.t, DEVICE, (vs_iova){FRAME}, &got, 8));
    assert_int_equal(got, word);
    assert_int_equal(f.m.iommu.count[VS_CNT_iommu_iotlb_misses], 0);
    assert_false(
        f.direct.read(f.direct.ctx, &f.m.t, DEVICE, (vs_iova){IOMMU_BYTES}, &got, 8)); /* none */
    iommu_machine_stop(&f.m);
}

static void vtd_6_5_2_6_a_device_is_told_which_pages(void **state)
{
    static const struct {
        uint64_t at;
        unsigned order;
    } law[] = {{IOVA, 0}, {IOVA + 0x1000, 0}, {IOVA, 1}, {IOVA, 2}, {IOVA, 9}, {0, 52}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct fixture f;
        vs_hpa status = {FRAME};
        start(&f, k & 1u, true);
        vs_iommu_queue_device(&f.m.iommu, DEVICE, (vs_iova){law[k].at}, law[k].order);
        vs_iommu_queue_wait(&f.m.iommu, status, 7);
        f.takes_ps = 5000000;
        uint64_t before = f.m.t.now_ps;
        vs_iommu_execute(&f.m.iommu, &f.m.t);
        assert_int_equal(f.invalidated, 1);
        assert_int_equal(f.requester, DEVICE);
        assert_int_equal(f.at, law[k].at);
        assert_int_equal(f.order, law[k].order);
        assert_true(f.m.t.now_ps - before >= 5000000); /* the wait is behind it */
        assert_int_equal(vs_phys_read64(f.m.phys, status), 7);
        iommu_machine_stop(&f.m);
    }
}

/* 6.5.2.10: a device that does not answer in time is an error, and the queue stops there. */
static void vtd_6_5_2_10_an_invalidation_times_out(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct fixture f;
        vs_hpa status = {FRAME};
        start(&f, false, true);
        f.takes_ps = 60000000000000u + late;
        vs_iommu_queue_device(&f.m.iommu, DEVICE, (vs_iova){IOVA}, 0);
        vs_iommu_queue_wait(&f.m.iommu, status, 7);
        vs_iommu_execute(&f.m.iommu, &f.m.t);
        assert_int_equal(f.m.iommu.timeout, late);
        assert_int_equal(f.m.iommu.count[VS_CNT_iommu_timeouts], late);
        assert_int_equal(vs_phys_read64(f.m.phys, status), late ? 0 : 7);
        iommu_machine_stop(&f.m);
    }
}

/* 7.1.3, table 30: nobody's PASID, and what its entry does not take, are answers without rights; a
 * PASID that is none is a fault. */
static void vtd_7_1_3_what_lacks_a_page_is_no_fault_of_a_translation_request(void **state)
{
    static const struct {
        uint32_t prefix;
        uint64_t at;
        bool good;
        unsigned faults;
    } law[] = {{VS_PASID_PREFIX | 5u, IOVA, true, 0},       /* no entry */
               {VS_PASID_PREFIX | 70u, IOVA, true, 0},      /* no table */
               {VS_PASID_PREFIX | 0x8000u, IOVA, false, 1}, /* beyond the directory */
               {0, 1ull << 52, true, 0}};                   /* beyond the tables */
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct fixture f;
        struct vs_ats_answer a;
        start(&f, true, true);
        f.m.t.prefix = law[k].prefix;
        assert_int_equal(ask(&f, law[k].at, false, &a), law[k].good);
        assert_false(a.read || a.write);
        assert_int_equal(f.m.iommu.n_faults, law[k].faults);
        f.m.t.prefix = 0;
        iommu_machine_stop(&f.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vtd_4_1_a_translation_request_is_answered_with_page_and_rights),
        cmocka_unit_test(vtd_4_2_who_may_not_use_services_is_blocked),
        cmocka_unit_test(vtd_4_2_4_translated_requests_go_where_they_say),
        cmocka_unit_test(vtd_6_5_2_6_a_device_is_told_which_pages),
        cmocka_unit_test(vtd_6_5_2_10_an_invalidation_times_out),
        cmocka_unit_test(vtd_7_1_3_what_lacks_a_page_is_no_fault_of_a_translation_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
