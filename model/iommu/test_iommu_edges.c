/* SPDX-License-Identifier: MIT */
/* Laws of the VT-d unit's formats and structures: what context entries may say, rights over all
 * levels and through each cache, invalidation descriptors, remappable messages. */
#include "iommu_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DEVICE 0x0108u
#define DOMAIN 5u
#define IOVA 0x40000000u
#define FRAME 0x2000000u

static void start(struct iommu_machine *m, const struct vs_iommu_config *c)
{
    assert_true(iommu_machine_start(m, c));
    iommu_machine_attach(m, DEVICE, DOMAIN);
}

static bool read_as(struct iommu_machine *m, uint16_t requester, uint64_t at)
{
    uint64_t bytes;
    return m->dma.read(m->dma.ctx, &m->t, requester, (vs_iova){at}, &bytes, sizeof bytes);
}

static bool write_as(struct iommu_machine *m, uint16_t requester, uint64_t at, uint64_t value)
{
    return m->dma.write(m->dma.ctx, &m->t, requester, (vs_iova){at}, &value, sizeof value);
}

static void map(struct iommu_machine *m, uint16_t domain, uint64_t at, uint64_t to, unsigned shift,
                unsigned flags)
{
    assert_int_equal(iommu_machine_map(m, domain, at, to, shift, flags), VS_OK);
}

/* ---- contexts ----------------------------------------------------------------------------------
 */

/* VT-d 9.3: translation type in bits 3:2 (00 second level, 01 the same with translation services,
 * 10 pass-through), width in 66:64. */
static void test_a_context_entry_says_a_type_and_width_that_exist(void **state)
{
    (void)state;
    for (uint64_t type = 0; type < 4; type++) {
        for (uint64_t width = 0; width < 8; width++) {
            struct iommu_machine m;
            struct vs_iommu_config c;
            vs_defaults(&vs_iommu_desc, &c);
            start(&m, &c);
            map(&m, DOMAIN, IOVA, FRAME, 12, 3);
            vs_hpa low = {IOMMU_CONTEXTS + (DEVICE & 255u) * 16u}, high = {low.v + 8};
            vs_phys_write64(m.phys, low,
                            (vs_phys_read64(m.phys, low) & ~(UINT64_C(3) << 2)) | type << 2);
            vs_phys_write64(m.phys, high, (vs_phys_read64(m.phys, high) & ~UINT64_C(7)) | width);
            bool good = type == 2 || (type < 2 && width == 2); /* four levels */
            assert_int_equal(read_as(&m, DEVICE, IOVA), good);
            if (!good) {
                assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_CONTEXT_INVALID);
            }
            iommu_machine_stop(&m);
        }
    }
}

static void test_domains_that_differ_in_one_bit_share_nothing(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        vs_defaults(&vs_iommu_desc, &c);
        start(&m, &c);
        uint16_t other = (uint16_t)(DOMAIN ^ 1u << bit);
        /* its second level where the machine puts that of domain 6 */
        vs_iommu_attach(&m.iommu, DEVICE + 1, other, (vs_hpa){IOMMU_SECOND + 6 * 4096u},
                        (vs_hpa){IOMMU_CONTEXTS});
        map(&m, DOMAIN, IOVA, FRAME, 12, 3);
        map(&m, 6, IOVA, FRAME + 0x1000, 12, 3);
        for (unsigned round = 0; round < 2; round++) {
            assert_true(write_as(&m, DEVICE, IOVA, 1));
            assert_true(write_as(&m, DEVICE + 1, IOVA, 2));
            assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){FRAME}), 1);
            assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){FRAME + 0x1000}), 2);
        }
        iommu_machine_stop(&m);
    }
}

/* ---- rights ------------------------------------------------------------------------------------
 */

/* The entry of `level` that leads to IOVA. */
static vs_hpa entry_at(struct iommu_machine *m, unsigned level)
{
    uint64_t table = IOMMU_SECOND + DOMAIN * 4096u;
    for (unsigned l = 4; l > level; l--) {
        table = vs_phys_read64(m->phys, vs_radix_entry(table, l, IOVA)) & VS_RADIX_ADDRESS;
    }
    return vs_radix_entry(table, level, IOVA);
}

/* VT-d 9.8: a request needs its right at every level, however much of the way is cached. */
static void test_a_right_is_needed_at_every_level_whatever_is_cached(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        for (unsigned cached = 0; cached < 4; cached++) {
            for (unsigned taken = 1; taken <= 2; taken++) { /* read, write */
                struct iommu_machine m;
                struct vs_iommu_config c;
                vs_defaults(&vs_iommu_desc, &c);
                c.iotlb_entries = cached & 1u ? c.iotlb_entries : 0;
                c.pwc_l2 = c.pwc_l3 = c.pwc_l4 = cached & 2u ? 4 : 0;
                start(&m, &c);
                map(&m, DOMAIN, IOVA, FRAME, 12, 3);
                map(&m, DOMAIN, IOVA + 0x1000, FRAME + 0x1000, 12, 3);
                vs_hpa at = entry_at(&m, level);
                vs_phys_write64(m.phys, at, vs_phys_read64(m.phys, at) & ~(uint64_t)taken);
                bool reads = taken != 1;
                for (unsigned round = 0; round < 2; round++) { /* the allowed one fills caches */
                    assert_int_equal(read_as(&m, DEVICE, IOVA), reads);
                    assert_int_equal(write_as(&m, DEVICE, IOVA, 0), !reads);
                }
                assert_int_equal(m.iommu.fault[0].reason,
                                 reads ? VS_IOMMU_NO_WRITE : VS_IOMMU_NO_READ);
                assert_int_equal(m.iommu.fault[0].write, reads);
                /* its neighbour shares all entries but the last */
                assert_int_equal(read_as(&m, DEVICE, IOVA + 0x1000), reads || level == 1);
                assert_int_equal(write_as(&m, DEVICE, IOVA + 0x1000, 0), !reads || level == 1);
                iommu_machine_stop(&m);
            }
        }
    }
}

static void test_a_fault_record_names_the_page(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    assert_false(read_as(&m, DEVICE, IOVA + 0x1238));
    assert_int_equal(m.iommu.fault[0].address, IOVA + 0x1000);
    assert_int_equal(m.iommu.fault[0].requester, DEVICE);
    iommu_machine_stop(&m);
}

/* ---- walks -------------------------------------------------------------------------------------
 */

static void test_a_walk_begins_below_the_deepest_entry_that_is_cached(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    c.iotlb_entries = 0;
    c.pwc_l2 = c.pwc_l3 = c.pwc_l4 = 4;
    start(&m, &c);
    map(&m, DOMAIN, IOVA, FRAME, 12, 3);
    assert_true(read_as(&m, DEVICE, IOVA));
    uint64_t before = m.loads;
    assert_true(read_as(&m, DEVICE, IOVA));
    assert_int_equal(m.loads - before, 1);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_pwc_hits], 1);
    iommu_machine_stop(&m);
}

static void test_every_piece_of_a_large_page_is_its_own(void **state)
{
    (void)state;
    for (unsigned shift = 21; shift <= 30; shift += 9) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        vs_defaults(&vs_iommu_desc, &c);
        start(&m, &c);
        uint64_t base = shift == 21 ? FRAME : 0, inside = shift == 21 ? 0 : FRAME;
        map(&m, DOMAIN, IOVA, base, shift, 3);
        for (uint64_t i = 0; i < 8; i++) {
            uint64_t offset = inside + i * 0x3000 + i * 8;
            assert_true(write_as(&m, DEVICE, IOVA + offset, i + 1));
            assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){base + offset}), i + 1);
        }
        iommu_machine_stop(&m);
    }
}

/* A machine whose IOMMU has so many walkers. */
static void start_walkers(struct iommu_machine *m, uint64_t walkers)
{
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    c.walkers = walkers;
    start(m, &c);
}

static void test_a_second_walk_waits_for_the_only_walker(void **state)
{
    (void)state;
    for (uint64_t walkers = 1; walkers <= 2; walkers++) {
        struct iommu_machine m;
        struct vs_txn other;
        uint64_t bytes;
        start_walkers(&m, walkers);
        map(&m, DOMAIN, IOVA, FRAME, 12, 3);
        map(&m, DOMAIN, IOVA + 0x1000, FRAME, 12, 3);
        assert_true(read_as(&m, DEVICE, IOVA));
        uint64_t end = m.t.now_ps;
        uint16_t actor = vs_ledger_actor(m.ledger, "another");
        vs_txn_begin(&other, m.ledger, actor, (vs_ps){0}); /* it came when the first did */
        assert_true(m.dma.read(m.dma.ctx, &other, DEVICE, (vs_iova){IOVA + 0x1000}, &bytes, 8));
        const struct vs_op_acc *op = vs_ledger_acc(m.ledger, actor, VS_OP_IOMMU_TRANSLATE);
        uint64_t waited = op->work[m.iommu.account + VS_ACC_iommu_walk_queue].ps;
        assert_int_equal(waited != 0, walkers == 1);
        assert_true(walkers == 2 || other.now_ps > end);
        vs_txn_end(&other);
        iommu_machine_stop(&m);
    }
}

/* A page that another request's walk is about to bring is waited for, whichever of the walkers it
 * is on; one that a walk has brought is not. */
static void test_a_page_that_is_walked_for_is_waited_for(void **state)
{
    (void)state;
    for (uint64_t walkers = 1; walkers <= 4; walkers++) {
        struct iommu_machine m;
        struct vs_txn other;
        uint64_t bytes;
        start_walkers(&m, walkers);
        for (uint64_t page = 0; page < 4; page++) {
            map(&m, DOMAIN, IOVA + page * 0x1000, FRAME, 12, 3);
            assert_true(read_as(&m, DEVICE, IOVA + page * 0x1000));
        }
        uint64_t end = m.t.now_ps;
        uint16_t actor = vs_ledger_actor(m.ledger, "another");
        vs_txn_begin(&other, m.ledger, actor, (vs_ps){0}); /* before the last walk has ended */
        const struct vs_op_acc *op = vs_ledger_acc(m.ledger, actor, VS_OP_IOMMU_TRANSLATE);
        const struct vs_part *shared = &op->work[m.iommu.account + VS_ACC_iommu_walk_shared];
        assert_true(m.dma.read(m.dma.ctx, &other, DEVICE, (vs_iova){IOVA + 0x3000}, &bytes, 8));
        assert_int_equal(shared->n, 1);
        other.now_ps = end;
        assert_true(m.dma.read(m.dma.ctx, &other, DEVICE, (vs_iova){IOVA + 0x3000}, &bytes, 8));
        assert_int_equal(shared->n, 1);
        vs_txn_end(&other);
        iommu_machine_stop(&m);
    }
}

/* More than sixteen pages, from the middle of one: all bytes, each once. */
static void test_a_long_transfer_from_inside_a_page_moves_every_byte(void **state)
{
    (void)state;
    enum { BYTES = 3 * 16 * 4096 };
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    for (uint64_t i = 0; i < 50; i++) { /* in the opposite order */
        map(&m, DOMAIN, IOVA + i * 4096, FRAME + (63 - i) * 4096, 12, 3);
    }
    unsigned char *out = malloc(BYTES), *in = calloc(1, BYTES);
    assert_true(out && in);
    for (size_t i = 0; i < BYTES; i++) {
        out[i] = (unsigned char)(i * 31 + i / 4096);
    }
    vs_iova at = {IOVA + 4088};
    assert_true(m.dma.write(m.dma.ctx, &m.t, DEVICE, at, out, BYTES));
    assert_int_equal(m.iommu.count[VS_CNT_iommu_requests], 49);
    assert_true(m.dma.read(m.dma.ctx, &m.t, DEVICE, at, in, BYTES));
    assert_memory_equal(in, out, BYTES);
    for (size_t i = 0; i < BYTES; i += 509) {
        uint64_t from = 4088 + i;
        unsigned char byte;
        vs_phys_read(m.phys, (vs_hpa){FRAME + (63 - from / 4096) * 4096 + from % 4096}, &byte, 1);
        assert_int_equal(byte, out[i]);
    }
    free(out);
    free(in);
    iommu_machine_stop(&m);
}

/* ---- the invalidation queue --------------------------------------------------------------------
 */

static bool hits(struct iommu_machine *m, uint16_t requester, uint64_t at, unsigned counter)
{
    uint64_t before = m->iommu.count[counter];
    assert_true(read_as(m, requester, at));
    return m->iommu.count[counter] != before;
}

/* VT-d 6.5.2.1: global, domain-selective, device-selective. */
static void test_a_context_invalidation_drops_what_its_granularity_names(void **state)
{
    (void)state;
    for (uint64_t granularity = 1; granularity <= 3; granularity++) {
        struct iommu_machine m;
        struct vs_iommu_config c;
        vs_defaults(&vs_iommu_desc, &c);
        start(&m, &c);
        iommu_machine_attach(&m, DEVICE + 1, DOMAIN);
        iommu_machine_attach(&m, DEVICE + 2, DOMAIN + 1);
        for (uint16_t d = DOMAIN; d <= DOMAIN + 1; d++) {
            map(&m, d, IOVA, FRAME, 12, 3);
        }
        for (uint16_t i = 0; i < 3; i++) {
            assert_true(read_as(&m, (uint16_t)(DEVICE + i), IOVA));
        }
        vs_iommu_queue(&m.iommu,
                       1u | granularity << 4 | (uint64_t)DOMAIN << 16 | (uint64_t)DEVICE << 32, 0);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_false(hits(&m, DEVICE, IOVA, VS_CNT_iommu_context_hits));
        assert_int_equal(hits(&m, DEVICE + 1, IOVA, VS_CNT_iommu_context_hits), granularity == 3);
        assert_int_equal(hits(&m, DEVICE + 2, IOVA, VS_CNT_iommu_context_hits), granularity != 1);
        iommu_machine_stop(&m);
    }
}

/* A page's invalidation takes the domain's paging-structure entries along. */
static void test_an_invalidated_page_is_walked_from_the_root_in_its_domain_only(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    c.iotlb_entries = 0;
    start(&m, &c);
    iommu_machine_attach(&m, DEVICE + 1, DOMAIN + 1);
    map(&m, DOMAIN, IOVA, FRAME, 12, 3);
    map(&m, DOMAIN + 1, IOVA, FRAME, 12, 3);
    assert_true(read_as(&m, DEVICE, IOVA));
    assert_true(read_as(&m, DEVICE + 1, IOVA));
    vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, (vs_iova){IOVA + 0x7000}, 0);
    vs_iommu_execute(&m.iommu, &m.t);
    uint64_t before = m.loads;
    assert_true(read_as(&m, DEVICE, IOVA));
    assert_int_equal(m.loads - before, 4);
    before = m.loads;
    assert_true(read_as(&m, DEVICE + 1, IOVA));
    assert_int_equal(m.loads - before, 1);
    iommu_machine_stop(&m);
}

static void test_an_invalidation_names_pages_up_to_the_last_of_48_bits(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    static const uint64_t at[] = {0xfffffffff000, 0x800000000000, 0x100000000};
    for (size_t i = 0; i < 3; i++) {
        map(&m, DOMAIN, at[i], FRAME, 12, 3);
        assert_true(read_as(&m, DEVICE, at[i]));
    }
    for (size_t i = 0; i < 3; i++) {
        vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, (vs_iova){at[i]}, 0);
        vs_iommu_execute(&m.iommu, &m.t);
        for (size_t k = 0; k < 3; k++) {
            if (k > i) {
                assert_true(hits(&m, DEVICE, at[k], VS_CNT_iommu_iotlb_hits));
            } else if (k == i) {
                assert_false(hits(&m, DEVICE, at[k], VS_CNT_iommu_iotlb_hits));
            }
        }
    }
    iommu_machine_stop(&m);
}

/* VT-d 6.5.2.8: the status is a doubleword of its own; without the SW bit nothing is written. */
static void test_a_wait_writes_its_doubleword_and_the_ring_wraps(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    vs_hpa pair = {FRAME};
    for (uint32_t i = 1; i <= 600; i++) { /* more than twice the ring's 256 */
        vs_phys_write64(m.phys, pair, 0x1111111122222222u);
        vs_iommu_queue_wait(&m.iommu, (vs_hpa){FRAME + (i & 1u) * 4u}, i);
        uint64_t before = m.t.now_ps, loads = m.loads;
        vs_iommu_execute(&m.iommu, &m.t);
        uint64_t want = i & 1u ? (uint64_t)i << 32 | 0x22222222u : 0x1111111100000000u | i;
        assert_int_equal(vs_phys_read64(m.phys, pair), want);
        assert_int_equal(m.t.now_ps - before, (m.loads - loads) * IOMMU_LOAD_PS + c.descriptor);
        vs_hpa slot = {IOMMU_QUEUE + (i - 1) % 256u * 16u};
        assert_int_equal(vs_phys_read64(m.phys, slot) >> 32, i);
    }
    vs_iommu_queue(&m.iommu, 5u | 0x77ull << 32, FRAME);
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal(vs_phys_read64(m.phys, pair), 0x1111111100000000u | 600u);
    iommu_machine_stop(&m);
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static enum vs_msi_result send(struct iommu_machine *m, uint64_t address, uint32_t data)
{
    return m->msi.write(m->msi.ctx, &m->t, DEVICE, address, data);
}

/* VT-d 5.1.2.1: 31:20 FEEh, 19:5 handle 14:0, 4 format, 3 SHV, 2 handle 15. */
static void test_a_message_carries_its_handle_and_subhandle(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    uint64_t address;
    uint32_t data;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    for (uint32_t bit = 0; bit < 16; bit++) {
        vs_iommu_msi(1u << bit, &address, &data);
        assert_int_equal(address, 0xfee00010u | (bit < 15 ? 1u << (bit + 5) : 1u << 2));
        assert_int_equal(data, 0);
    }
    vs_iommu_msi(0x8009, &address, &data);
    assert_int_equal(send(&m, address, data), VS_MSI_BLOCKED); /* beyond the table */
    assert_int_equal(m.iommu.fault[0].reason, VS_IOMMU_IRTE_INDEX);
    assert_int_equal(m.iommu.fault[0].address, 0x8009);
    vs_iommu_route(&m.iommu, 12, DEVICE, 3, 0x51, (vs_hpa){0});
    vs_iommu_msi(9, &address, &data);
    assert_int_equal(send(&m, address, 3), VS_MSI_BLOCKED); /* without SHV the data is nothing */
    assert_int_equal(send(&m, address | 8u, 3), VS_MSI_DELIVERED);
    assert_int_equal(m.vector, 0x51);
    iommu_machine_stop(&m);
}

/* VT-d 9.11: 63:38 and 127:96 are the descriptor's address, 23:16 the vector, 15 posted; 83:82 SVT.
 */
static void test_a_posted_entry_holds_the_whole_address_of_its_descriptor(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    vs_iommu_route(&m.iommu, 2, DEVICE, 0, 0x85, (vs_hpa){0x123456789c0});
    assert_true(vs_phys_read64(m.phys, (vs_hpa){IOMMU_IRT + 32}) == 0x456789c000858001u);
    assert_true(vs_phys_read64(m.phys, (vs_hpa){IOMMU_IRT + 40}) ==
                (0x12300000000u | 1u << 18 | DEVICE));
    iommu_machine_stop(&m);
}

/* VT-d 5.2.3: what is pending stays pending; the lookup is paid for. */
static void test_a_post_adds_its_vector_to_those_that_are_pending(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    uint64_t address;
    uint32_t data;
    vs_defaults(&vs_iommu_desc, &c);
    start(&m, &c);
    vs_hpa pir = {FRAME + 16}; /* vectors 128 to 191 */
    vs_phys_write64(m.phys, pir, 2);
    vs_iommu_route(&m.iommu, 1, DEVICE, 0, 0x85, (vs_hpa){FRAME});
    vs_iommu_msi(1, &address, &data);
    uint64_t before = m.t.now_ps, loads = m.loads;
    assert_int_equal(send(&m, address, data), VS_MSI_POSTED);
    assert_int_equal(vs_phys_read64(m.phys, pir), 2u | 1u << 5);
    assert_int_equal(m.t.now_ps - before, (m.loads - loads) * IOMMU_LOAD_PS + c.iec_latency);
    iommu_machine_stop(&m);
}

/* Without remapping the message is in compatibility format: 19:12 the destination. */
static void test_without_remapping_address_and_data_are_the_interrupt(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    c.remap = 0;
    start(&m, &c);
    assert_int_equal(send(&m, 0xfee00000u | 0xa5u << 12, 0x4071), VS_MSI_DELIVERED);
    assert_int_equal(m.apic, 0xa5);
    assert_int_equal(m.vector, 0x71);
    iommu_machine_stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_context_entry_says_a_type_and_width_that_exist),
        cmocka_unit_test(test_domains_that_differ_in_one_bit_share_nothing),
        cmocka_unit_test(test_a_right_is_needed_at_every_level_whatever_is_cached),
        cmocka_unit_test(test_a_fault_record_names_the_page),
        cmocka_unit_test(test_a_walk_begins_below_the_deepest_entry_that_is_cached),
        cmocka_unit_test(test_every_piece_of_a_large_page_is_its_own),
        cmocka_unit_test(test_a_second_walk_waits_for_the_only_walker),
        cmocka_unit_test(test_a_page_that_is_walked_for_is_waited_for),
        cmocka_unit_test(test_a_long_transfer_from_inside_a_page_moves_every_byte),
        cmocka_unit_test(test_a_context_invalidation_drops_what_its_granularity_names),
        cmocka_unit_test(test_an_invalidated_page_is_walked_from_the_root_in_its_domain_only),
        cmocka_unit_test(test_an_invalidation_names_pages_up_to_the_last_of_48_bits),
        cmocka_unit_test(test_a_wait_writes_its_doubleword_and_the_ring_wraps),
        cmocka_unit_test(test_a_message_carries_its_handle_and_subhandle),
        cmocka_unit_test(test_a_posted_entry_holds_the_whole_address_of_its_descriptor),
        cmocka_unit_test(test_a_post_adds_its_vector_to_those_that_are_pending),
        cmocka_unit_test(test_without_remapping_address_and_data_are_the_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
