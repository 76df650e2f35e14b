/* SPDX-License-Identifier: MIT */
/* Laws of walkers that several misses want, of what a walk may cost at most, and of what it tells.
 */
#include "test_ept.h"

#include "ept/slat.h"

static void all_free(struct vs_slots *s)
{
    vs_ps zero = {0};
    for (uint32_t i = 0; i < s->n; i++) {
        vs_release(s, i, zero);
    }
}

/* One walker and one place to wait: of three misses at one time the second waits for the walker,
 * the third for the place and then for the walker. */
static void test_a_miss_waits_for_a_place_and_then_for_a_walker(void **state)
{
    (void)state;
    for (uint64_t places = 0; places < 2; places++) {
        struct vs_ept_config c;
        struct fixture f;
        struct vs_txn t[4];
        uint64_t queued[4], waited[4], own, ends[4];
        everything_off(&c);
        c.walkers = 1;
        c.walk_queue = places;
        start(&f, &c, 12, 12);
        assert_int_equal(vs_ept_overlap(&f.ept), VS_OK);
        uint64_t from = f.t.now_ps;
        (void)walk(&f, VA, VS_REF_READ); /* sets the flags */
        all_free(&f.ept.walker);
        all_free(&f.ept.queue);
        from = f.t.now_ps;
        (void)walk(&f, VA, VS_REF_READ);
        own = f.t.now_ps - from;
        all_free(&f.ept.walker);
        all_free(&f.ept.queue);
        for (int i = 0; i < 4; i++) {
            struct vs_translation out;
            vs_gva at = {VA};
            vs_ps zero = {0};
            char name[] = "miss0";
            name[4] = (char)('0' + i);
            vs_txn_begin(&t[i], f.ledger, vs_ledger_actor(f.ledger, name), zero);
            vs_open(&t[i], VS_OP_ACCESS_LOAD);
            const struct vs_part *w = t[i].acc->work + f.ept.account;
            f.port.walk(f.port.ctx, &t[i], at, VS_REF_READ, &out);
            queued[i] = out.queued.v;
            waited[i] = out.waited.v;
            ends[i] = t[i].now_ps;
            assert_int_equal(w[VS_ACC_ept_queue_wait].ps, queued[i]);
            assert_int_equal(w[VS_ACC_ept_walker_wait].ps, waited[i]);
            assert_int_equal(out.walked.v, own);
            vs_close(&t[i]);
            vs_txn_end(&t[i]);
        }
        for (uint64_t i = 0; i < 4; i++) {
            assert_int_equal(ends[i], (i + 1) * own);
            assert_int_equal(waited[i], i < places ? i * own : places * (i ? own : 0));
            assert_int_equal(queued[i] + waited[i], i * own);
        }
        stop(&f);
    }
}

/* Whatever is looked up, a walk charges beside memory no more than the port says. */
static void test_no_walk_costs_more_than_the_port_says(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.l2_latency = 7;
    c.nested_latency = 50;
    c.npde_latency = 11;
    c.gpde_latency = 13;
    c.walk_start = 5;
    c.line_entries = c.line_latency = 0;
    start(&f, &c, 12, 12);
    for (uint64_t i = 0; i < 64; i++) {
        uint64_t at = VA + i * (GIB / 2);
        assert_int_equal(vs_space_touch(&f.space, at, 12, true, true), VS_OK);
        f.memory.loads = f.memory.stores = 0;
        uint64_t from = f.t.now_ps;
        (void)walk(&f, at, i & 1u ? VS_REF_WRITE : VS_REF_FETCH);
        uint64_t beside = f.t.now_ps - from - (f.memory.loads + f.memory.stores) * 1000u;
        assert_true(beside <= vs_ept_fast_port(&f.ept).worst_ps);
        assert_true(beside > 0);
    }
    stop(&f);
}

/* SDM 3C 28.2.1: only some exits have a qualification; a misconfiguration is none of them. */
static void test_a_misconfiguration_has_no_qualification(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    vs_hpa at = {f.ept.slat_leaf};
    vs_phys_write64(f.phys, at, (vs_phys_read64(f.phys, at) & ~7ull) | 2u); /* write-only */
    (void)vs_ept_flush(&f.ept, NULL, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0});
    struct vs_translation out = walk(&f, VA + 8, VS_REF_WRITE);
    assert_int_equal(out.fault, VS_FAULT_EPT_MISCONFIG);
    assert_int_equal(out.qualification, 0);
    stop(&f);
}

/* SDM 3C 29.3.6: an index outside 0..511 is a full log; what is logged is a page's address. */
static void test_a_log_holds_page_addresses_at_indices_below_its_size(void **state)
{
    (void)state;
    static const uint16_t index[] = {0, 511, 512, 513, 65535};
    for (size_t i = 0; i < sizeof index / sizeof index[0]; i++) {
        struct vs_ept_config c;
        struct fixture f;
        vs_defaults(&vs_ept_desc, &c);
        c.ept_ad = 1;
        start(&f, &c, 12, 12);
        uint64_t gpa, hpa, log = 4096;
        assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
        (void)walk(&f, VA, VS_REF_READ);
        f.ept.pml = (struct vs_ept_pml){true, log, index[i]};
        uint64_t full = f.ept.count[VS_CNT_ept_pml_full];
        (void)walk(&f, VA + 8, VS_REF_WRITE);
        assert_int_equal(f.ept.count[VS_CNT_ept_pml_full] - full, index[i] >= 512);
        vs_hpa at = {log + index[i] * 8ull};
        if (index[i] < 512) {
            assert_int_equal(vs_phys_read64(f.phys, at) & 4095, 0);
        } else if (index[i] < 514) {
            assert_int_equal(vs_phys_read64(f.phys, at), 0);
        }
        stop(&f);
    }
}

/* A huge page that has no table of its own in the second level does not wait for one. */
static void test_a_table_that_is_not_there_is_not_waited_for(void **state)
{
    (void)state;
    for (uint64_t place = VS_EPT_1G_OWN; place <= VS_EPT_1G_PIECES; place++) {
        struct vs_ept_config c;
        struct fixture f;
        vs_defaults(&vs_ept_desc, &c);
        c.l2_latency = 3;
        c.l2_1g_latency = 100;
        c.l2_1g_place = place;
        start(&f, &c, 12, 0);
        assert_int_equal(f.port.missed[0].ps.v, (place == VS_EPT_1G_OWN ? 100 : 3) * 500);
        stop(&f);
    }
}

/* Misses are counted in the world that runs. */
static void test_each_world_counts_its_own_first_level(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.store_entries = 16;
    start(&f, &c, 12, 0);
    for (int host = 0; host < 2; host++) {
        vs_ept_world(&f.ept, host);
        uint64_t *of = f.ept.counts[host];
        assert_ptr_equal(f.data.tlb[0].misses, &of[VS_CNT_ept_dtlb_misses]);
        assert_ptr_equal(f.data.tlb[0].hits, &of[VS_CNT_ept_dtlb_hits]);
        assert_ptr_equal(f.data.tlb[1].misses, &of[VS_CNT_ept_store_misses]);
        assert_ptr_equal(f.data.tlb[1].hits, &of[VS_CNT_ept_store_hits]);
        assert_ptr_equal(f.fetch.tlb[0].misses, &of[VS_CNT_ept_itlb_misses]);
        assert_ptr_equal(f.fetch.tlb[0].hits, &of[VS_CNT_ept_itlb_hits]);
    }
    stop(&f);
}

/* Bit 7 of a 4 KiB entry is none of its size: x86 has PAT there. */
static void test_pieces_of_a_split_page_do_not_inherit_the_bit_of_its_size(void **state)
{
    (void)state;
    const struct vs_radix_format *n[] = {&vs_radix_ept, &vs_radix_x86_64};
    for (int i = 0; i < 2; i++) {
        struct vs_ept_config c;
        struct fixture f;
        struct vs_slat_leaf leaf;
        uint64_t gpa, hpa;
        vs_defaults(&vs_ept_desc, &c);
        start_formats(&f, &c, &vs_radix_x86_64, n[i], 21, 21);
        assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
        assert_true(vs_slat_find(&f.vm, gpa, &leaf) && leaf.shift == 21);
        uint64_t rights = vs_radix_rights(n[i], true, leaf.entry);
        assert_int_equal(leaf.entry & 0x80, 0x80);
        assert_int_equal(vs_slat_split(&f.vm, gpa), VS_OK);
        assert_true(vs_slat_find(&f.vm, gpa, &leaf) && leaf.shift == 12);
        assert_int_equal(leaf.entry & 0x80, 0);
        assert_int_equal(vs_radix_rights(n[i], true, leaf.entry), rights);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_miss_waits_for_a_place_and_then_for_a_walker),
        cmocka_unit_test(test_no_walk_costs_more_than_the_port_says),
        cmocka_unit_test(test_a_misconfiguration_has_no_qualification),
        cmocka_unit_test(test_a_log_holds_page_addresses_at_indices_below_its_size),
        cmocka_unit_test(test_a_table_that_is_not_there_is_not_waited_for),
        cmocka_unit_test(test_each_world_counts_its_own_first_level),
        cmocka_unit_test(test_pieces_of_a_split_page_do_not_inherit_the_bit_of_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
