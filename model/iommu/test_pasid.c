/* SPDX-License-Identifier: MIT */
/* Laws of requests with PASID in scalable mode, each with the section of the VT-d specification
 * (3.x) that states it. */
#include "test_scalable.h"

/* 7.1.3 and 9.6: what a request asks for besides is in its prefix; SRE, ERE, U/S, R/W with WPE and
 * XD decide, and the record has PP, PASID, PRIV and EXE. The same when all of it is cached. */
static void vtd_7_1_3_supervisor_and_execute_requests(void **state)
{
    uint8_t bytes[8] = {0};
    static const struct {
        bool sre, ere, privileged, execute, write;
        uint64_t flags;
        unsigned reason;
    } law[] = {{false, false, false, false, false, USER_RW, 0},
               {false, false, true, false, false, USER_RW, VS_IOMMU_SM_SUPERVISOR},
               {false, false, false, true, false, USER_RW, VS_IOMMU_SM_EXECUTE},
               {true, false, true, false, false, USER_RW, 0},
               {true, false, true, false, true, USER_RW, 0},
               {true, false, true, false, true, 3, 0}, /* the supervisor's own page */
               {true, false, false, false, false, 3, VS_IOMMU_SM_USER},
               {true, false, true, false, true, 5, VS_IOMMU_SM_NO_WRITE}, /* WPE */
               {true, true, true, true, false, USER_RW, 0},
               {false, true, false, true, false, USER_RW, 0},
               {false, true, false, true, false, USER_RW | 1ull << 63, VS_IOMMU_SM_NO_EXECUTE},
               {false, true, false, false, false, USER_RW | 1ull << 63, 0}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        start(&m, true);
        uint64_t root = page(&m);
        attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, root);
        vs_phys_write64(m.phys, (vs_hpa){entry_at(&m) + 16},
                        root | (law[k].sre ? 1u : 0) | (law[k].ere ? 2u : 0) | 16u);
        first(&m, root, IOVA, FRAME, 12, law[k].flags);
        for (unsigned again = 0; again < 3; again++) {
            m.t.prefix = vs_pasid_prefix(PASID, law[k].privileged, law[k].execute);
            m.iommu.n_faults = 0;
            bool good = law[k].write
                            ? m.dma.write(m.dma.ctx, &m.t, DEVICE, (vs_iova){IOVA}, bytes, 8)
                            : m.dma.read(m.dma.ctx, &m.t, DEVICE, (vs_iova){IOVA}, bytes, 8);
            assert_int_equal(good, !law[k].reason);
            if (law[k].reason) {
                const struct vs_iommu_fault *f = &m.iommu.fault[0];
                assert_int_equal(f->reason, law[k].reason);
                assert_true(f->present);
                assert_int_equal(f->pasid, PASID);
                assert_int_equal(f->privileged, law[k].privileged);
                assert_int_equal(f->execute, law[k].execute);
            }
            /* in between others use the page as they may, which changes nothing */
            m.t.prefix = vs_pasid_prefix(PASID, again == 1 && law[k].sre, false);
            (void)m.dma.read(m.dma.ctx, &m.t, DEVICE, (vs_iova){IOVA}, bytes, 8);
        }
        m.t.prefix = 0;
        iommu_machine_stop(&m);
    }
}

/* A supervisor's walk leaves paging-structure entries behind that no user's walk may begin at. */
static void vtd_6_2_4_the_way_to_a_page_binds_users_too(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint8_t bytes[8];
    start(&m, true);
    uint64_t root = page(&m), out;
    attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, root);
    first(&m, root, IOVA, FRAME, 12, USER_RW);
    vs_phys_write64(m.phys, (vs_hpa){entry_at(&m) + 16}, root | 1u | 16u);
    uint64_t at = vs_radix_entry(root, 4, IOVA).v;
    vs_phys_write64(m.phys, (vs_hpa){at}, vs_phys_read64(m.phys, (vs_hpa){at}) & ~4ull);
    m.t.prefix = vs_pasid_prefix(PASID, true, false);
    assert_true(m.dma.read(m.dma.ctx, &m.t, DEVICE, (vs_iova){IOVA}, bytes, 8));
    m.t.prefix = 0;
    assert_false(ask(&m, PASID, IOVA, false, &out));
    assert_false(ask(&m, PASID, IOVA + 4096, false, &out));
    assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_SM_USER);
    assert_int_equal(m.iommu.fault[1].reason, VS_IOMMU_SM_USER);
    iommu_machine_stop(&m);
}

static void vtd_3_4_2_legacy_mode_takes_no_requests_with_pasid(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    uint8_t bytes[8];
    vs_defaults(&vs_iommu_desc, &c);
    assert_true(iommu_machine_start(&m, &c));
    iommu_machine_attach(&m, DEVICE, DOMAIN);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 3), VS_OK);
    assert_int_equal(reason(&m, PASID, IOVA, false), VS_IOMMU_LEGACY_PASID);
    assert_true(m.dma.read(m.dma.ctx, &m.t, DEVICE, (vs_iova){IOVA}, bytes, 8));
    iommu_machine_stop(&m);
}

/* A translation request says in its prefix whose it is; so do its answer's rights. */
static void vtd_4_1_translation_requests_with_pasid(void **state)
{
    static const struct {
        uint32_t prefix;
        bool answered, read, write, execute;
    } law[] = {{VS_PASID_PREFIX | PASID, true, true, true, false},
               {VS_PASID_PREFIX | PASID | VS_PASID_EXECUTE, true, true, true, true},
               {VS_PASID_PREFIX | PASID | VS_PASID_PRIVILEGED, true, true, true, false},
               {VS_PASID_PREFIX | (PASID + 1u), true, false, false, false}, /* nobody's: no right */
               {0, true, false, false, false}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        struct vs_ats_answer a;
        start(&m, true);
        uint64_t root = page(&m);
        attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, root);
        vs_iommu_allow_services(&m.iommu, DEVICE);
        vs_phys_write64(m.phys, (vs_hpa){entry_at(&m) + 16}, root | 3u | 16u);
        first(&m, root, IOVA, FRAME, 12, USER_RW | 0x60); /* accessed and dirty */
        struct vs_translate_port agent = vs_iommu_translate_port(&m.iommu);
        m.t.prefix = law[k].prefix;
        assert_int_equal(agent.translate(agent.ctx, &m.t, DEVICE, (vs_iova){IOVA}, false, &a),
                         law[k].answered);
        assert_int_equal(a.read, law[k].read);
        assert_int_equal(a.write, law[k].write);
        assert_int_equal(a.execute, law[k].execute);
        m.t.prefix = 0;
        iommu_machine_stop(&m);
    }
}

/* Where invalidations of devices go. */
struct device {
    unsigned n, order;
    uint16_t requester;
    uint32_t prefix;
    uint64_t at;
};

static void dropped(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, unsigned order)
{
    struct device *d = ctx;
    d->n++;
    d->requester = requester;
    d->prefix = t->prefix;
    d->at = at.v;
    d->order = order;
}

static void vtd_6_5_2_6_a_devices_translations_of_a_pasid_are_invalidated(void **state)
{
    static const struct {
        uint64_t at;
        unsigned order;
        uint64_t low, high;
    } law[] = {
        {0x5000, 0, 8u | DEVICE << 16 | (uint64_t)PASID << 32, 0x5000},
        {0x4000, 1, 8u | DEVICE << 16 | (uint64_t)PASID << 32, 0x4000 | 1u << 11},
        {0x8000, 3, 8u | DEVICE << 16 | (uint64_t)PASID << 32, 0x8000 | 0x3000 | 1u << 11},
        {0, 52, 8u | DEVICE << 16 | (uint64_t)PASID << 32, ~0xfffull | 1u << 11},
        {0x5000, VS_INVALIDATE_GLOBAL, 8u | DEVICE << 16 | (uint64_t)PASID << 32, 0x5000 | 1u}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        struct device d = {0};
        struct vs_invalidate_port devices = {.ctx = &d, .invalidate = dropped};
        start(&m, true);
        vs_iommu_devices(&m.iommu, &devices);
        vs_iommu_queue_device_pasid(&m.iommu, DEVICE, PASID, (vs_iova){law[k].at}, law[k].order);
        assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){IOMMU_QUEUE}), law[k].low);
        assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){IOMMU_QUEUE + 8}), law[k].high);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_int_equal(d.n, 1);
        assert_int_equal(d.requester, DEVICE);
        assert_int_equal(d.prefix, vs_pasid_prefix(PASID, false, false));
        assert_int_equal(d.at, law[k].at);
        assert_int_equal(d.order, law[k].order);
        assert_int_equal(m.t.prefix, 0);
        iommu_machine_stop(&m);
    }
}

/* A descriptor that is none stops the queue, and drops nothing. */
static void vtd_6_5_2_granularities_and_reserved_bits_of_pasid_descriptors(void **state)
{
    static const struct {
        uint64_t low, high;
        bool good;
    } law[] = {{7, 0, true},
               {7u | 1u << 4, 0, true},
               {7u | 2u << 4, 0, false},
               {7u | 3u << 4, 0, true},
               {7u | 1u << 6, 0, false},
               {7u | 1ull << 52, 0, false},
               {7, 1, false},
               {6, 0, false},
               {6u | 1u << 4, 0, false},
               {6u | 2u << 4, 0, true},
               {6u | 3u << 4, 0, true},
               {6u | 3u << 4 | 1u << 12, 0, false},
               {6u | 3u << 4 | 1ull << 63, 0, false},
               {6u | 3u << 4, 1u << 7, false},
               {8, 1, true},
               {8u | 31u << 4 | 15u << 12, 0x801, true}, /* queue depth, PFSID, S and G */
               {8, 2, false},
               {8, 1u << 10, false}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        uint64_t out;
        start(&m, true);
        uint64_t root = page(&m);
        attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, root);
        first(&m, root, IOVA, FRAME, 12, USER_RW);
        assert_true(ask(&m, PASID, IOVA, false, &out));
        assert_true(vs_iommu_queue(&m.iommu, law[k].low, law[k].high));
        vs_iommu_execute(&m.iommu, &m.t);
        assert_int_equal(m.iommu.queue_error, !law[k].good);
        if (!law[k].good) {
            uint64_t before = m.loads;
            assert_true(ask(&m, PASID, IOVA, false, &out));
            assert_int_equal(m.loads, before);
        }
        iommu_machine_stop(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vtd_7_1_3_supervisor_and_execute_requests),
        cmocka_unit_test(vtd_6_2_4_the_way_to_a_page_binds_users_too),
        cmocka_unit_test(vtd_3_4_2_legacy_mode_takes_no_requests_with_pasid),
        cmocka_unit_test(vtd_4_1_translation_requests_with_pasid),
        cmocka_unit_test(vtd_6_5_2_6_a_devices_translations_of_a_pasid_are_invalidated),
        cmocka_unit_test(vtd_6_5_2_granularities_and_reserved_bits_of_pasid_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
