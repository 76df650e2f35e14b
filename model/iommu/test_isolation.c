/* SPDX-License-Identifier: MIT */
/* What a device, or the driver that programs it, tries against remapping: each try is a fault or
 * is confined; and what software may do wrong with the invalidation queue. */
#include "iommu_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEVICE 0x0108u
#define DOMAIN 0x8005u /* a domain whose 16 bits all count */
#define IOVA 0x40000000u
#define FRAME 0x2000000u
#define SECOND 0x14000u

static void start(struct iommu_machine *m, const struct vs_iommu_config *c)
{
    assert_true(iommu_machine_start(m, c));
    vs_hpa second = {SECOND}, contexts = {IOMMU_CONTEXTS};
    vs_iommu_attach(&m->iommu, DEVICE, DOMAIN, second, contexts);
}

static void defaults(struct vs_iommu_config *c)
{
    vs_defaults(&vs_iommu_desc, c);
}

static void map(struct iommu_machine *m, uint64_t at, uint64_t to, unsigned shift, unsigned flags)
{
    struct vs_radix_alloc alloc = {.ctx = m, .table = iommu_machine_table};
    assert_int_equal(vs_radix_map(m->phys, &vs_radix_vtd, SECOND, at, to, shift, flags, &alloc),
                     VS_OK);
}

static bool reads(struct iommu_machine *m, uint16_t requester, uint64_t at)
{
    uint64_t bytes;
    return m->dma.read(m->dma.ctx, &m->t, requester, (vs_iova){at}, &bytes, sizeof bytes);
}

static uint64_t hits(const struct iommu_machine *m)
{
    return m->iommu.count[VS_CNT_iommu_iotlb_hits];
}

static void domains_of_sixteen_bits_are_apart(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        defaults(&c);
        start(&m, &c);
        map(&m, IOVA, FRAME, 12, 3);
        vs_hpa none = {SECOND + 4096u}, contexts = {IOMMU_CONTEXTS};
        vs_iommu_attach(&m.iommu, DEVICE + 1, (uint16_t)(DOMAIN ^ 1u << bit), none, contexts);
        assert_true(reads(&m, DEVICE, IOVA));
        assert_false(reads(&m, DEVICE + 1, IOVA)); /* not through the other one's entry */
        /* invalidating one domain leaves the other's entries */
        vs_iommu_queue_iotlb_domain(&m.iommu, (uint16_t)(DOMAIN ^ 1u << bit));
        vs_iommu_execute(&m.iommu, &m.t);
        uint64_t before = hits(&m);
        assert_true(reads(&m, DEVICE, IOVA));
        assert_int_equal(hits(&m), before + 1);
        iommu_machine_stop(&m);
    }
}

/* One entry answers for all of a large page, and an invalidation of any of its pages drops it. */
static void a_large_page_is_one_entry(void **state)
{
    (void)state;
    static const unsigned shift[] = {12, 21, 30};
    for (unsigned i = 0; i < 3; i++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        defaults(&c);
        c.iotlb_entries = 4;
        start(&m, &c);
        uint64_t size = 1ull << shift[i];
        map(&m, IOVA, 0, shift[i], 3);
        assert_true(reads(&m, DEVICE, IOVA));
        for (uint64_t at = 0; at < size; at += size / 16) {
            assert_true(reads(&m, DEVICE, IOVA + at));
        }
        assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_misses], 1);
        vs_iova last = {IOVA + size - 4096u}, beyond = {IOVA + size};
        vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, beyond, 0);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_true(reads(&m, DEVICE, IOVA));
        assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_misses], 1);
        vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, last, 0);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_true(reads(&m, DEVICE, IOVA));
        assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_misses], 2);
        iommu_machine_stop(&m);
    }
}

/* Bytes of a large page are where its offset says, in each part of it. */
static void a_large_page_leads_to_its_own_bytes(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    start(&m, &c);
    map(&m, IOVA, FRAME, 21, 3);
    for (uint64_t at = 0; at < 1u << 21; at += 0x11000) {
        uint64_t value = 0x1234567800000000u | at, seen = 0;
        vs_phys_write64(m.phys, (vs_hpa){FRAME + at}, value);
        assert_true(m.dma.read(m.dma.ctx, &m.t, DEVICE, (vs_iova){IOVA + at}, &seen, 8));
        assert_true(seen == value);
    }
    iommu_machine_stop(&m);
}

static void reserved_bits_fault(void **state)
{
    (void)state;
    const struct {
        uint64_t at, bits;
        unsigned reason;
    } law[] = {{IOMMU_ROOT + 16, 1u << 1, VS_IOMMU_ROOT_RESERVED},
               {IOMMU_ROOT + 16, 1u << 11, VS_IOMMU_ROOT_RESERVED},
               {IOMMU_ROOT + 24, 1, VS_IOMMU_ROOT_RESERVED},
               {IOMMU_CONTEXTS + 8 * 16, 1u << 4, VS_IOMMU_CONTEXT_RESERVED},
               {IOMMU_CONTEXTS + 8 * 16, 1u << 11, VS_IOMMU_CONTEXT_RESERVED},
               {IOMMU_CONTEXTS + 8 * 16 + 8, 1u << 7, VS_IOMMU_CONTEXT_RESERVED},
               {IOMMU_CONTEXTS + 8 * 16 + 8, 1ull << 24, VS_IOMMU_CONTEXT_RESERVED},
               {IOMMU_CONTEXTS + 8 * 16 + 8, 1ull << 63, VS_IOMMU_CONTEXT_RESERVED},
               {IOMMU_CONTEXTS + 8 * 16, 1ull << 51, VS_IOMMU_TABLE_POINTER},
               {SECOND, 1u << 7, VS_IOMMU_ENTRY_RESERVED}, /* a page of 512 GiB */
               {SECOND, 1ull << 51, VS_IOMMU_TABLE_POINTER}};
    for (unsigned i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        defaults(&c);
        start(&m, &c);
        map(&m, IOVA, FRAME, 12, 3);
        vs_hpa at = {law[i].at};
        vs_phys_write64(m.phys, at, vs_phys_read64(m.phys, at) | law[i].bits);
        assert_false(reads(&m, DEVICE, IOVA));
        assert_int_equal(m.iommu.n_faults, 1);
        assert_int_equal(m.iommu.fault[0].reason, law[i].reason);
        iommu_machine_stop(&m);
    }
}

static void a_large_page_that_is_askew_or_not_there_faults(void **state)
{
    (void)state;
    for (unsigned askew = 0; askew < 2; askew++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        defaults(&c);
        c.superpages = askew;
        start(&m, &c);
        map(&m, IOVA, FRAME, 21, 3);
        if (askew) { /* find its entry: the only one with bit 7 in the tables */
            for (uint64_t at = IOMMU_TABLES; at < m.next_table; at += 8) {
                uint64_t entry = vs_phys_read64(m.phys, (vs_hpa){at});
                if (entry & 1u << 7) {
                    vs_phys_write64(m.phys, (vs_hpa){at}, entry | 1u << 12);
                }
            }
        }
        assert_false(reads(&m, DEVICE, IOVA));
        assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_ENTRY_RESERVED);
        iommu_machine_stop(&m);
    }
}

/* FPD: blocked all the same, counted, and not recorded. */
static void a_context_may_keep_its_faults_to_itself(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    start(&m, &c);
    vs_hpa low = {IOMMU_CONTEXTS + 8 * 16};
    vs_phys_write64(m.phys, low, vs_phys_read64(m.phys, low) | 2u);
    assert_false(reads(&m, DEVICE, IOVA));
    assert_false(reads(&m, DEVICE, IOVA)); /* the second from the context cache */
    assert_int_equal(m.iommu.n_faults, 0);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_faults], 2);
    assert_false(reads(&m, DEVICE + 1, IOVA)); /* and this only of it */
    assert_int_equal(m.iommu.n_faults, 1);
    iommu_machine_stop(&m);
}

static void a_context_invalidation_by_domain_covers_pass_through(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    start(&m, &c);
    vs_hpa none = {0}, contexts = {IOMMU_CONTEXTS}, second = {SECOND};
    vs_iommu_attach(&m.iommu, DEVICE, DOMAIN, none, contexts);
    assert_true(reads(&m, DEVICE, FRAME));
    vs_iommu_attach(&m.iommu, DEVICE, DOMAIN, second, contexts); /* nothing is mapped in it */
    assert_true(vs_iommu_queue(&m.iommu, 1u | 2u << 4 | (DOMAIN ^ 1u) << 16, 0));
    vs_iommu_execute(&m.iommu, &m.t);
    assert_true(reads(&m, DEVICE, FRAME)); /* another domain's: stale, as hardware allows */
    assert_true(vs_iommu_queue(&m.iommu, 1u | 2u << 4 | DOMAIN << 16, 0));
    vs_iommu_execute(&m.iommu, &m.t);
    assert_false(reads(&m, DEVICE, FRAME));
    iommu_machine_stop(&m);
}

/* Several functions at once: the mask names bits of the function's number that do not count. */
static void a_context_invalidation_by_device_has_a_mask(void **state)
{
    (void)state;
    static const unsigned ignored[] = {0, 4, 6, 7};
    for (unsigned mask = 0; mask < 4; mask++) {
        for (unsigned function = 0; function < 8; function++) {
            struct iommu_machine m;
            struct vs_iommu_config c;
            defaults(&c);
            start(&m, &c);
            map(&m, IOVA, FRAME, 12, 3);
            vs_hpa second = {SECOND}, contexts = {IOMMU_CONTEXTS};
            uint16_t device = (uint16_t)(DEVICE | function);
            vs_iommu_attach(&m.iommu, device, DOMAIN, second, contexts);
            assert_true(reads(&m, device, IOVA));
            assert_true(vs_iommu_queue(
                &m.iommu, 1u | 3u << 4 | (uint64_t)DEVICE << 32 | (uint64_t)mask << 48, 0));
            vs_iommu_execute(&m.iommu, &m.t);
            uint64_t before = m.iommu.count[VS_CNT_iommu_context_hits];
            assert_true(reads(&m, device, IOVA));
            assert_int_equal(m.iommu.count[VS_CNT_iommu_context_hits] - before,
                             (function & ~ignored[mask]) != 0);
            iommu_machine_stop(&m);
        }
    }
}

/* ---- interrupts ---- */

static enum vs_msi_result message(struct iommu_machine *m, uint32_t index, uint16_t requester)
{
    uint64_t address;
    uint32_t data;
    vs_iommu_msi(index, &address, &data);
    return m->msi.write(m->msi.ctx, &m->t, requester, address, data);
}

static void a_message_without_an_entry_is_blocked(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++) { /* remapping; with these messages allowed; without it */
        struct iommu_machine m;
        struct vs_iommu_config c;
        defaults(&c);
        c.remap = k < 2;
        c.compatibility = k == 1;
        start(&m, &c);
        enum vs_msi_result result =
            m.msi.write(m.msi.ctx, &m.t, DEVICE, 0xfee00000u | 3u << 12, 0x51);
        assert_int_equal(result, k ? VS_MSI_DELIVERED : VS_MSI_BLOCKED);
        assert_int_equal(m.raised, k > 0);
        if (!k) {
            assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_COMPATIBILITY);
            assert_int_equal(m.iommu.fault[0].requester, DEVICE);
        }
        iommu_machine_stop(&m);
    }
}

static void a_source_is_verified_in_every_form(void **state)
{
    (void)state;
    static const unsigned ignored[] = {0, 4, 6, 7};
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    c.iec_entries = 0;
    start(&m, &c);
    vs_hpa none = {0}, high = {IOMMU_IRT + 9 * 16 + 8};
    vs_iommu_route(&m.iommu, 9, DEVICE, 3, 0x51, none);
    for (unsigned sq = 0; sq < 4; sq++) {
        vs_phys_write64(m.phys, high, DEVICE | sq << 16 | 1u << 18);
        for (unsigned other = 0; other < 16; other++) {
            bool fits = !(other & ~ignored[sq]);
            assert_int_equal(message(&m, 9, (uint16_t)(DEVICE ^ other)),
                             fits ? VS_MSI_DELIVERED : VS_MSI_BLOCKED);
        }
    }
    vs_phys_write64(m.phys, high, 3u << 8 | 5u | 2u << 18); /* buses 3 to 5 */
    for (unsigned bus = 0; bus < 8; bus++) {
        assert_int_equal(message(&m, 9, (uint16_t)(bus << 8 | 17u)),
                         bus >= 3 && bus <= 5 ? VS_MSI_DELIVERED : VS_MSI_BLOCKED);
    }
    vs_phys_write64(m.phys, high, 0); /* no verification */
    assert_int_equal(message(&m, 9, 0xffff), VS_MSI_DELIVERED);
    m.iommu.n_faults = 0;
    vs_phys_write64(m.phys, high, DEVICE | 3u << 18);
    assert_int_equal(message(&m, 9, DEVICE), VS_MSI_BLOCKED);
    assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_IRTE_RESERVED);
    iommu_machine_stop(&m);
}

static void reserved_bits_of_an_interrupt_entry_fault(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    c.iec_entries = 0;
    start(&m, &c);
    vs_hpa low = {IOMMU_IRT + 9 * 16}, high = {low.v + 8};
    for (unsigned posted = 0; posted < 2; posted++) {
        vs_hpa descriptor = {posted ? FRAME : 0};
        for (unsigned bit = 0; bit < 128; bit++) {
            bool reserved = posted
                                ? (bit >= 2 && bit <= 7) || bit == 12 || bit == 13 ||
                                      (bit >= 24 && bit <= 37) || (bit >= 84 && bit <= 95)
                                : (bit >= 12 && bit <= 14) || (bit >= 24 && bit <= 31) || bit >= 84;
            if (!reserved) {
                continue;
            }
            vs_iommu_route(&m.iommu, 9, DEVICE, 3, 0x51, descriptor);
            vs_hpa at = bit < 64 ? low : high;
            vs_phys_write64(m.phys, at, vs_phys_read64(m.phys, at) | 1ull << (bit & 63u));
            m.iommu.n_faults = 0;
            assert_int_equal(message(&m, 9, DEVICE), VS_MSI_BLOCKED);
            assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_IRTE_RESERVED);
        }
    }
    assert_int_equal(m.raised, 0);
    iommu_machine_stop(&m);
}

/* URG: a notification although others are suppressed, but one at a time all the same. */
static void an_urgent_message_notifies_where_others_are_suppressed(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    c.iec_entries = 0;
    start(&m, &c);
    vs_hpa descriptor = {FRAME + 0x40}, control = {FRAME + 0x60}, low = {IOMMU_IRT + 16};
    for (unsigned urgent = 0; urgent < 2; urgent++) {
        for (unsigned flags = 0; flags < 4; flags++) { /* ON, SN */
            vs_iommu_route(&m.iommu, 1, DEVICE, 0, 0x85, descriptor);
            vs_phys_write64(m.phys, low, vs_phys_read64(m.phys, low) | (uint64_t)urgent << 14);
            vs_phys_write64(m.phys, control, (uint64_t)0xf2 << 16 | flags);
            bool notified = !(flags & 1u) && (urgent || !(flags & 2u));
            assert_int_equal(message(&m, 1, DEVICE),
                             notified ? VS_MSI_POSTED : VS_MSI_POSTED_SILENT);
        }
    }
    iommu_machine_stop(&m);
}

/* ---- the queue ---- */

static void an_unknown_descriptor_stops_the_queue_until_it_is_mended(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    start(&m, &c);
    vs_hpa status = {FRAME};
    assert_true(vs_iommu_queue(&m.iommu, 0xf, 0));
    vs_iommu_queue_wait(&m.iommu, status, 7);
    for (unsigned tries = 0; tries < 3; tries++) {
        vs_iommu_execute(&m.iommu, &m.t);
        assert_true(m.iommu.queue_error);
        assert_int_equal(m.iommu.queue_head, 0);
        assert_int_equal((uint32_t)vs_phys_read64(m.phys, status), 0);
    }
    assert_int_equal(m.iommu.count[VS_CNT_iommu_queue_errors], 1);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_invalidations], 0);
    vs_iommu_queue_mend(&m.iommu, 2u | 1u << 4, 0);
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal((uint32_t)vs_phys_read64(m.phys, status), 7);
    assert_int_equal(m.iommu.queue_head, 2);
    iommu_machine_stop(&m);
}

static void a_full_ring_takes_no_more_and_loses_nothing(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    start(&m, &c);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 255; i++) {
            assert_true(vs_iommu_queue(&m.iommu, 2u | 1u << 4, 0));
        }
        assert_false(vs_iommu_queue(&m.iommu, 0xf, 0));
        vs_iommu_execute(&m.iommu, &m.t);
        assert_false(m.iommu.queue_error);
        assert_int_equal(m.iommu.count[VS_CNT_iommu_invalidations], 255u * (round + 1));
    }
    iommu_machine_stop(&m);
}

/* A descriptor has 128 bits, which is one reference. */
static void a_descriptor_is_one_reference(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    start(&m, &c);
    assert_true(vs_iommu_queue(&m.iommu, 2u | 1u << 4, 0));
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal(m.loads, 1);
    iommu_machine_stop(&m);
}

/* The second request for a page whose walk is under way neither walks nor is served before it. */
static void requests_for_one_page_share_its_walk(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    defaults(&c);
    c.walkers = 4;
    start(&m, &c);
    map(&m, IOVA, FRAME, 12, 3);
    struct vs_txn a, b;
    vs_txn_beside(&a, m.ledger, vs_ledger_actor(m.ledger, "a"));
    vs_txn_beside(&b, m.ledger, vs_ledger_actor(m.ledger, "b"));
    uint64_t bytes;
    assert_true(m.dma.read(m.dma.ctx, &a, DEVICE, (vs_iova){IOVA}, &bytes, 8));
    assert_true(m.dma.read(m.dma.ctx, &b, DEVICE, (vs_iova){IOVA + 64}, &bytes, 8));
    assert_int_equal(m.iommu.count[VS_CNT_iommu_iotlb_misses], 1);
    assert_int_equal(b.now_ps, a.now_ps);
    b.now_ps = a.now_ps;
    assert_true(m.dma.read(m.dma.ctx, &b, DEVICE, (vs_iova){IOVA + 64}, &bytes, 8));
    assert_int_equal(b.now_ps - a.now_ps, c.context_latency + c.iotlb_latency);
    iommu_machine_stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_of_sixteen_bits_are_apart),
        cmocka_unit_test(a_large_page_is_one_entry),
        cmocka_unit_test(a_large_page_leads_to_its_own_bytes),
        cmocka_unit_test(reserved_bits_fault),
        cmocka_unit_test(a_large_page_that_is_askew_or_not_there_faults),
        cmocka_unit_test(a_context_may_keep_its_faults_to_itself),
        cmocka_unit_test(a_context_invalidation_by_domain_covers_pass_through),
        cmocka_unit_test(a_context_invalidation_by_device_has_a_mask),
        cmocka_unit_test(a_message_without_an_entry_is_blocked),
        cmocka_unit_test(a_source_is_verified_in_every_form),
        cmocka_unit_test(reserved_bits_of_an_interrupt_entry_fault),
        cmocka_unit_test(an_urgent_message_notifies_where_others_are_suppressed),
        cmocka_unit_test(an_unknown_descriptor_stops_the_queue_until_it_is_mended),
        cmocka_unit_test(a_full_ring_takes_no_more_and_loses_nothing),
        cmocka_unit_test(a_descriptor_is_one_reference),
        cmocka_unit_test(requests_for_one_page_share_its_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
