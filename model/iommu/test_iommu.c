/* SPDX-License-Identifier: MIT */
/* Laws of DMA and interrupt remapping: what is cached, what drops it, what is blocked. */
#include "iommu_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEVICE 0x0108u
#define DOMAIN 5u
#define IOVA 0x40000000u
#define FRAME 0x2000000u /* behind the tables */

static void config(struct vs_iommu_config *c)
{
    vs_defaults(&vs_iommu_desc, c);
}

static void start(struct iommu_machine *m, const struct vs_iommu_config *c)
{
    assert_true(iommu_machine_start(m, c));
    iommu_machine_attach(m, DEVICE, DOMAIN);
}

static bool read_at(struct iommu_machine *m, uint16_t requester, uint64_t at)
{
    uint64_t bytes;
    vs_iova iova = {at};
    return m->dma.read(m->dma.ctx, &m->t, requester, iova, &bytes, sizeof bytes);
}

static bool write_at(struct iommu_machine *m, uint64_t at, uint64_t value)
{
    vs_iova iova = {at};
    return m->dma.write(m->dma.ctx, &m->t, DEVICE, iova, &value, sizeof value);
}

/* Loads that one read needs. */
static uint64_t loads(struct iommu_machine *m, uint64_t at)
{
    uint64_t before = m->loads;
    assert_true(read_at(m, DEVICE, at));
    return m->loads - before;
}

static void test_a_first_request_reads_root_context_and_one_entry_a_level(void **state)
{
    (void)state;
    static const unsigned shift[] = {12, 21, 30};
    for (unsigned i = 0; i < 3; i++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        config(&c);
        start(&m, &c);
        assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, 0, shift[i], 3), VS_OK);
        assert_int_equal(loads(&m, IOVA), 2 + 4 - i); /* root and context entry */
        assert_int_equal(m.iommu.count[VS_CNT_iommu_refs], 4 - i);
        assert_int_equal(loads(&m, IOVA), 0);
        assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_hits], 1);
        iommu_machine_stop(&m);
    }
}

static void test_a_paging_structure_cache_of_level_l_leaves_l_minus_1_entries(void **state)
{
    (void)state;
    for (unsigned level = 2; level <= 4; level++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        config(&c);
        c.iotlb_entries = 0;
        c.pwc_l2 = level == 2 ? 4 : 0;
        c.pwc_l3 = level == 3 ? 4 : 0;
        c.pwc_l4 = level == 4 ? 4 : 0;
        start(&m, &c);
        assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 3), VS_OK);
        assert_int_equal(loads(&m, IOVA), 2 + 4);
        assert_int_equal(loads(&m, IOVA), level - 1);
        iommu_machine_stop(&m);
    }
}

static void test_n_pages_hit_in_n_entries_and_not_in_n_minus_1(void **state)
{
    (void)state;
    for (unsigned entries = 15; entries <= 16; entries++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        config(&c);
        c.iotlb_entries = entries;
        c.iotlb_ways = 0;
        start(&m, &c);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 0; i < 16; i++) {
                uint64_t at = IOVA + i * 4096u;
                assert_int_equal(iommu_machine_map(&m, DOMAIN, at, FRAME + i * 4096u, 12, 3),
                                 VS_OK);
                assert_true(read_at(&m, DEVICE, at));
            }
        }
        assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_hits], entries == 16 ? 32 : 0);
        iommu_machine_stop(&m);
    }
}

static void bytes_move_page_by_page(uint64_t iotlb_entries)
{
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    c.iotlb_entries = iotlb_entries;
    c.iotlb_ways = 0;
    start(&m, &c);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME + 0x5000, 12, 3), VS_OK);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA + 4096, FRAME + 0x1000, 12, 3), VS_OK);
    vs_iova at = {IOVA + 4092};
    uint64_t value = 0x1122334455667788u;
    assert_true(m.dma.write(m.dma.ctx, &m.t, DEVICE, at, &value, sizeof value));
    uint32_t low = 0, high = 0;
    vs_phys_read(m.phys, (vs_hpa){FRAME + 0x5ffc}, &low, 4);
    vs_phys_read(m.phys, (vs_hpa){FRAME + 0x1000}, &high, 4);
    assert_int_equal(low, 0x55667788u);
    assert_int_equal(high, 0x11223344u);
    value = 0;
    assert_true(m.dma.read(m.dma.ctx, &m.t, DEVICE, at, &value, sizeof value));
    assert_true(value == 0x1122334455667788u);
    iommu_machine_stop(&m);
}

static void test_bytes_move_where_the_tables_say_page_by_page(void **state)
{
    (void)state;
    for (uint64_t entries = 0; entries <= 2; entries++) { /* whatever the IOTLB can hold */
        bytes_move_page_by_page(entries);
    }
}

static void test_an_unmapped_page_is_reached_until_its_entry_is_invalidated(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 3), VS_OK);
    assert_true(read_at(&m, DEVICE, IOVA));
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 0), VS_OK);
    assert_true(read_at(&m, DEVICE, IOVA)); /* stale, as hardware allows */
    vs_iova at = {IOVA};
    vs_hpa status = {0x15000u + 16u * 4096u};
    vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, at, 0);
    vs_iommu_queue_wait(&m.iommu, status, 0xabcd);
    assert_true(read_at(&m, DEVICE, IOVA)); /* queued is not executed */
    assert_int_equal(vs_phys_read64(m.phys, status), 0);
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal(vs_phys_read64(m.phys, status) & 0xffffffffu, 0xabcd);
    assert_int_equal(m.iommu.queue_head, m.iommu.queue_tail);
    assert_false(read_at(&m, DEVICE, IOVA));
    iommu_machine_stop(&m);
}

static void test_an_invalidation_drops_its_scope_and_nothing_else(void **state)
{
    (void)state;
    enum { PAGE, PAGES4, DOMAIN_ALL, GLOBAL, N };
    static const bool kept[N][3] = {/* page 1 and 3 of this domain, page 1 of another */
                                    {false, true, true},
                                    {false, false, true},
                                    {false, false, true},
                                    {false, false, false}};
    for (int k = 0; k < N; k++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        config(&c);
        start(&m, &c);
        iommu_machine_attach(&m, DEVICE + 1, DOMAIN + 1);
        uint64_t page[3] = {IOVA + 0x1000, IOVA + 0x3000, IOVA + 0x1000};
        for (unsigned i = 0; i < 3; i++) {
            uint16_t d = (uint16_t)(DOMAIN + (i == 2));
            assert_int_equal(iommu_machine_map(&m, d, page[i], FRAME, 12, 3), VS_OK);
            assert_true(read_at(&m, (uint16_t)(DEVICE + (i == 2)), page[i]));
        }
        vs_iova at = {k == PAGE ? page[0] : IOVA};
        if (k <= PAGES4) {
            vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, at, k == PAGE ? 0 : 2);
        } else if (k == DOMAIN_ALL) {
            vs_iommu_queue_iotlb_domain(&m.iommu, DOMAIN);
        } else {
            vs_iommu_queue_global(&m.iommu);
        }
        vs_iommu_execute(&m.iommu, &m.t);
        for (unsigned i = 0; i < 3; i++) {
            uint64_t hits = m.iommu.count[VS_CNT_iommu_iotlb_hits];
            assert_true(read_at(&m, (uint16_t)(DEVICE + (i == 2)), page[i]));
            assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_hits] - hits, kept[k][i]);
        }
        iommu_machine_stop(&m);
    }
}

static void test_a_request_that_no_table_permits_is_blocked_and_recorded(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 1), VS_OK); /* read only */
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA + 0x1000, FRAME, 12, 2), VS_OK);
    vs_phys_write64(m.phys, (vs_hpa){FRAME}, 77);
    struct {
        uint16_t requester;
        uint64_t at;
        bool write;
        unsigned reason;
    } bad[] = {{0x0200, IOVA, false, VS_IOMMU_ROOT_NOT_PRESENT},
               {DEVICE + 7, IOVA, false, VS_IOMMU_CONTEXT_NOT_PRESENT},
               {DEVICE, 1ull << 48, false, VS_IOMMU_BEYOND_WIDTH},
               {DEVICE, IOVA, true, VS_IOMMU_NO_WRITE},
               {DEVICE, IOVA + 0x1000, false, VS_IOMMU_NO_READ},
               {DEVICE, IOVA + 0x9000, true, VS_IOMMU_NO_WRITE}};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(bad[i].write ? write_at(&m, bad[i].at, 99)
                                  : read_at(&m, bad[i].requester, bad[i].at));
        const struct vs_iommu_fault *f = &m.iommu.fault[i];
        assert_int_equal(m.iommu.n_faults, i + 1);
        assert_int_equal(f->reason, bad[i].reason);
        assert_int_equal(f->requester, bad[i].requester);
        assert_int_equal(f->address, bad[i].at & ~0xfffull);
        assert_int_equal(f->write, bad[i].write);
    }
    assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){FRAME}), 77);
    iommu_machine_stop(&m);
}

static void test_a_request_over_a_bad_second_page_moves_no_byte(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 3), VS_OK);
    assert_false(write_at(&m, IOVA + 4092, UINT64_MAX));
    uint32_t bytes = 1;
    vs_phys_read(m.phys, (vs_hpa){FRAME + 4092}, &bytes, 4);
    assert_int_equal(bytes, 0);
    iommu_machine_stop(&m);
}

static void test_the_eighth_fault_is_recorded_and_the_ninth_overflows(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    for (unsigned i = 0; i < VS_IOMMU_FAULTS; i++) {
        assert_false(read_at(&m, DEVICE, IOVA + i * 4096u));
        assert_false(m.iommu.fault_overflow);
    }
    assert_false(read_at(&m, DEVICE, IOVA));
    assert_true(m.iommu.fault_overflow);
    assert_int_equal(m.iommu.n_faults, VS_IOMMU_FAULTS);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_faults], VS_IOMMU_FAULTS + 1);
    iommu_machine_stop(&m);
}

static enum vs_msi_result message(struct iommu_machine *m, uint32_t index, uint16_t requester)
{
    uint64_t address;
    uint32_t data;
    vs_iommu_msi(index, &address, &data);
    return m->msi.write(m->msi.ctx, &m->t, requester, address, data);
}

static void test_a_message_reaches_the_cpu_and_vector_of_its_entry(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    vs_hpa none = {0};
    vs_iommu_route(&m.iommu, 9, DEVICE, 3, 0x51, none);
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_DELIVERED);
    assert_int_equal(m.raised, 1);
    assert_int_equal(m.apic, 3);
    assert_int_equal(m.vector, 0x51);
    uint64_t before = m.loads;
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_DELIVERED);
    assert_int_equal(m.loads, before); /* from the interrupt entry cache */
    /* another source, no entry, no such index: blocked and recorded */
    assert_int_equal(message(&m, 9, DEVICE + 1), VS_MSI_BLOCKED);
    assert_int_equal(message(&m, 10, DEVICE), VS_MSI_BLOCKED);
    assert_int_equal(message(&m, 256, DEVICE), VS_MSI_BLOCKED);
    static const unsigned reason[] = {VS_IOMMU_IRTE_SOURCE, VS_IOMMU_IRTE_NOT_PRESENT,
                                      VS_IOMMU_IRTE_INDEX};
    assert_int_equal(m.iommu.n_faults, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(m.iommu.fault[i].reason, reason[i]);
    }
    assert_int_equal(m.raised, 2);
    iommu_machine_stop(&m);
}

static void test_a_changed_entry_counts_once_its_cached_copy_is_invalidated(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    vs_hpa none = {0};
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_BLOCKED); /* an absent entry is not cached */
    vs_iommu_route(&m.iommu, 9, DEVICE, 3, 0x51, none);
    vs_iommu_route(&m.iommu, 8, DEVICE, 3, 0x51, none);
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_DELIVERED);
    assert_int_equal(message(&m, 8, DEVICE), VS_MSI_DELIVERED);
    vs_iommu_route(&m.iommu, 9, DEVICE, 2, 0x61, none);
    vs_iommu_route(&m.iommu, 8, DEVICE, 2, 0x61, none);
    vs_iommu_queue_iec(&m.iommu, 9, 0);
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_DELIVERED);
    assert_int_equal(m.vector, 0x51); /* stale, as hardware allows */
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_DELIVERED);
    assert_int_equal(m.vector, 0x61);
    assert_int_equal(m.apic, 2);
    assert_int_equal(message(&m, 8, DEVICE), VS_MSI_DELIVERED);
    assert_int_equal(m.vector, 0x51); /* its neighbour's copy was kept */
    iommu_machine_stop(&m);
}

static void test_a_posted_message_notifies_once_until_the_descriptor_is_emptied(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    vs_hpa descriptor = {FRAME + 0x40}, control = {FRAME + 0x60};
    uint64_t notify = (uint64_t)0xf2 << 16 | 6ull << 32; /* NV, NDST */
    vs_phys_write64(m.phys, control, notify);
    vs_iommu_route(&m.iommu, 1, DEVICE, 0, 0x85, descriptor);
    assert_int_equal(message(&m, 1, DEVICE), VS_MSI_POSTED);
    assert_int_equal(m.apic, 6);
    assert_int_equal(m.vector, 0xf2);
    vs_hpa word = {descriptor.v + 16}; /* vectors 128 to 191 */
    assert_int_equal(vs_phys_read64(m.phys, word), 1ull << (0x85 - 128));
    assert_int_equal(vs_phys_read64(m.phys, control), notify | 1); /* ON */
    assert_int_equal(message(&m, 1, DEVICE), VS_MSI_POSTED_SILENT);
    vs_phys_write64(m.phys, control, notify | 2); /* SN: suppressed */
    vs_phys_write64(m.phys, word, 0);
    assert_int_equal(message(&m, 1, DEVICE), VS_MSI_POSTED_SILENT);
    assert_int_equal(vs_phys_read64(m.phys, word), 1ull << (0x85 - 128)); /* posted all the same */
    assert_int_equal(m.raised, 1);
    vs_phys_write64(m.phys, control, notify);
    assert_int_equal(message(&m, 1, DEVICE), VS_MSI_POSTED);
    iommu_machine_stop(&m);
}

static void test_the_time_of_a_translation_is_its_lookups_and_loads(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    config(&c);
    start(&m, &c);
    assert_int_equal(iommu_machine_map(&m, DOMAIN, IOVA, FRAME, 12, 3), VS_OK);
    uint64_t begin = m.t.now_ps;
    assert_true(read_at(&m, DEVICE, IOVA));
    assert_int_equal(m.t.now_ps - begin,
                     c.context_latency + c.iotlb_latency + c.walk + 6u * IOMMU_LOAD_PS);
    begin = m.t.now_ps;
    assert_true(read_at(&m, DEVICE, IOVA));
    assert_int_equal(m.t.now_ps - begin, c.context_latency + c.iotlb_latency);
    iommu_machine_stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_first_request_reads_root_context_and_one_entry_a_level),
        cmocka_unit_test(test_a_paging_structure_cache_of_level_l_leaves_l_minus_1_entries),
        cmocka_unit_test(test_n_pages_hit_in_n_entries_and_not_in_n_minus_1),
        cmocka_unit_test(test_bytes_move_where_the_tables_say_page_by_page),
        cmocka_unit_test(test_an_unmapped_page_is_reached_until_its_entry_is_invalidated),
        cmocka_unit_test(test_an_invalidation_drops_its_scope_and_nothing_else),
        cmocka_unit_test(test_a_request_that_no_table_permits_is_blocked_and_recorded),
        cmocka_unit_test(test_a_request_over_a_bad_second_page_moves_no_byte),
        cmocka_unit_test(test_the_eighth_fault_is_recorded_and_the_ninth_overflows),
        cmocka_unit_test(test_a_message_reaches_the_cpu_and_vector_of_its_entry),
        cmocka_unit_test(test_a_changed_entry_counts_once_its_cached_copy_is_invalidated),
        cmocka_unit_test(test_a_posted_message_notifies_once_until_the_descriptor_is_emptied),
        cmocka_unit_test(test_the_time_of_a_translation_is_its_lookups_and_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
