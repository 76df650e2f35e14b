/* SPDX-License-Identifier: MIT */
/* Laws of translation: how many references a walk makes, what is cached where, and what drops it.
 */
#include "test_ept.h"

#include "ept/slat.h"

static unsigned levels(unsigned shift)
{
    return shift == 12 ? 4 : shift == 21 ? 3 : 2;
}

static void test_an_uncached_walk_makes_n_plus_1_times_m_plus_1_minus_1_references(void **state)
{
    (void)state;
    static const unsigned shift[] = {12, 21, 30};
    struct vs_ept_config c;
    everything_off(&c);
    for (int g = 0; g < 3; g++) {
        for (int h = 0; h < 3; h++) {
            struct fixture f;
            start(&f, &c, shift[g], shift[h]);
            unsigned n = levels(shift[g]), m = levels(shift[h]);
            uint64_t want = (uint64_t)(n + 1) * (m + 1) - 1;
            assert_int_equal(references(&f, VA), want);
            assert_int_equal(f.ept.count[VS_CNT_ept_refs_guest], n);
            assert_int_equal(
                f.ept.count[VS_CNT_ept_refs_guest] + f.ept.count[VS_CNT_ept_refs_nested], want);
            stop(&f);
        }
        struct fixture f;
        start(&f, &c, shift[g], 0);
        assert_int_equal(references(&f, VA), levels(shift[g]));
        stop(&f);
    }
}

static void test_4k_pages_in_both_dimensions_cost_24_references(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    start(&f, &c, 12, 12);
    assert_int_equal(references(&f, VA), 24);
    stop(&f);
    start(&f, &c, 12, 21);
    assert_int_equal(references(&f, VA), 19);
    stop(&f);
    start(&f, &c, 21, 12);
    assert_int_equal(references(&f, VA), 19);
    stop(&f);
    start(&f, &c, 21, 21);
    assert_int_equal(references(&f, VA), 15);
    stop(&f);
}

static void test_a_cached_level_l_entry_starts_the_walk_at_l_minus_1(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    for (unsigned level = 2; level <= 4; level++) {
        everything_off(&c);
        *(level == 2 ? &c.gpde : level == 3 ? &c.gpdpte : &c.gpml4e) = 4;
        start(&f, &c, 12, 0);
        assert_int_equal(references(&f, VA), 4);
        assert_int_equal(references(&f, VA), level - 1);
        stop(&f);
        /* the pointer is host-physical: each level left costs its entry and one nested walk */
        start(&f, &c, 12, 12);
        assert_int_equal(references(&f, VA), 24);
        assert_int_equal(references(&f, VA), (level - 1) * 5);
        stop(&f);
    }
}

static void test_the_nested_walk_cache_serves_the_last_step_as_every_other(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.npde = 64;
    start(&f, &c, 12, 12);
    (void)references(&f, VA);
    /* root, four tables and the page: each nested walk is one leaf reference now */
    assert_int_equal(references(&f, VA), 4 + 5);
    stop(&f);
}

static void test_the_nested_tlb_is_keyed_by_guest_physical_page(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.nested_entries = 64;
    start(&f, &c, 12, 12);
    uint64_t gpa, hpa;
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    /* a second virtual page for the same guest frame, beside the first */
    assert_int_equal(vs_space_map_at(&f.space, VA + 4096, gpa, 12, true), VS_OK);
    assert_int_equal(references(&f, VA), 24);
    uint64_t misses = f.ept.count[VS_CNT_ept_nested_misses];
    assert_int_equal(references(&f, VA + 4096), 4); /* guest entries only */
    assert_int_equal(f.ept.count[VS_CNT_ept_nested_misses], misses);
    stop(&f);
}

static void test_a_combined_mapping_is_as_large_as_the_smaller_page(void **state)
{
    (void)state;
    static const struct {
        unsigned guest, host, want;
    } cases[] = {{12, 12, 12}, {12, 21, 12}, {21, 12, 12}, {21, 21, 21},
                 {30, 21, 21}, {21, 30, 21}, {30, 30, 30}};
    struct vs_ept_config c;
    vs_defaults(&vs_ept_desc, &c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        start(&f, &c, cases[i].guest, cases[i].host);
        assert_int_equal(walk(&f, VA, VS_REF_READ).page_shift, cases[i].want);
        assert_true(probe(&f, VA + (1ull << cases[i].want) - 8, VS_REF_READ));
        if (cases[i].want < cases[i].guest) {
            assert_false(probe(&f, VA + (1ull << cases[i].want), VS_REF_READ));
        }
        stop(&f);
    }
}

static void test_translation_gives_the_address_the_tables_give(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    for (uint64_t page = 1; page < 2000; page++) {
        assert_int_equal(vs_space_touch(&f.space, VA + page * 4096, 12, true, true), VS_OK);
    }
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t at = VA + (i * 7919u % 2000u) * 4096u + i % 4096u, gpa, hpa;
        struct vs_translation out;
        vs_gva a = {at};
        assert_true(vs_space_locate(&f.space, at, &gpa, &hpa));
        if (!f.port.probe(f.port.ctx, a, VS_REF_READ, &out)) {
            out = walk(&f, at, VS_REF_READ);
        }
        assert_int_equal(out.hpa.v, hpa);
    }
    stop(&f);
}

static void test_the_first_store_through_a_clean_entry_walks_again(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    assert_true(probe(&f, VA, VS_REF_READ));
    assert_false(probe(&f, VA, VS_REF_WRITE));
    f.memory.stores = 0;
    (void)walk(&f, VA, VS_REF_WRITE);
    assert_int_equal(f.memory.stores, 2); /* D of the guest's leaf and of the EPT's */
    assert_true(probe(&f, VA, VS_REF_WRITE));
    stop(&f);
}

static void test_the_exit_qualification_says_what_was_tried_and_where(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    start(&f, &c, 12, 12);
    /* guest-mapped, not backed: the final access violates */
    assert_int_equal(vs_space_touch(&f.space, VA + 4096, 12, true, false), VS_OK);
    struct vs_translation r = walk(&f, VA + 4096, VS_REF_READ),
                          w = walk(&f, VA + 4096, VS_REF_WRITE),
                          x = walk(&f, VA + 4096, VS_REF_FETCH);
    assert_int_equal(r.fault, VS_FAULT_EPT_VIOLATION);
    assert_int_equal(r.qualification, 0x181);
    assert_int_equal(w.qualification, 0x182);
    assert_int_equal(x.qualification, 0x184);
    /* an entry of the guest's own tables: bit 8 clear, bits 0 and 1 both set */
    vs_hpa root = {f.vm.ept_root};
    uint64_t first = vs_phys_read64(f.phys, root);
    vs_phys_write64(f.phys, root, 0);
    struct vs_translation g = walk(&f, VA, VS_REF_READ);
    assert_int_equal(g.qualification, 0x83);
    assert_int_equal(g.gpa.v, f.space.cr3);
    /* writable but not readable: a misconfiguration */
    vs_phys_write64(f.phys, root, (first & ~7ull) | 2u);
    assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_EPT_MISCONFIG);
    stop(&f);
}

static void test_a_page_fault_tells_presence_write_and_fetch(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    unsigned shift;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    assert_int_equal(walk(&f, VA + 8192, VS_REF_READ).error_code, 4);
    assert_int_equal(walk(&f, VA + 8192, VS_REF_WRITE).error_code, 6);
    assert_int_equal(walk(&f, VA + 8192, VS_REF_FETCH).error_code, 20);
    assert_true(vs_space_protect(&f.space, VA, VS_RIGHT_READ, &shift));
    assert_int_equal(walk(&f, VA, VS_REF_WRITE).error_code, 7);
    stop(&f);
}

static void fill_two_contexts(struct fixture *f, const struct vs_ept_context *other)
{
    (void)walk(f, VA, VS_REF_READ);
    vs_ept_context(&f->ept, other);
    (void)walk(f, VA, VS_REF_READ);
    vs_ept_context(&f->ept, &f->context);
}

static void test_tags_keep_address_spaces_apart_and_invalidations_keep_their_scope(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_gva va = {VA};
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    struct vs_ept_context vpid2 = f.context, pcid1 = f.context;
    vpid2.vpid = 2;
    pcid1.pcid = 1;

    (void)walk(&f, VA, VS_REF_READ);
    vs_ept_context(&f.ept, &vpid2);
    assert_false(probe(&f, VA, VS_REF_READ));
    vs_ept_context(&f.ept, &pcid1);
    assert_false(probe(&f, VA, VS_REF_READ));
    vs_ept_context(&f.ept, &f.context);
    assert_true(probe(&f, VA, VS_REF_READ));

    /* INVVPID of one VPID leaves the other, and leaves guest-physical mappings */
    fill_two_contexts(&f, &vpid2);
    uint64_t nested = vs_settab_used(&f.ept.nested);
    assert_true(nested > 0);
    assert_true(vs_ept_flush(&f.ept, &f.t, VS_FLUSH_VPID, 1, 0, 0, va) > 0);
    assert_false(probe(&f, VA, VS_REF_READ));
    assert_int_equal(vs_settab_used(&f.ept.nested), nested);
    vs_ept_context(&f.ept, &vpid2);
    assert_true(probe(&f, VA, VS_REF_READ));

    /* INVEPT drops guest-physical and combined mappings of its EP4TA */
    assert_true(vs_ept_flush(&f.ept, &f.t, VS_FLUSH_EPT, 0, 0, f.context.eptp, va) > 0);
    assert_int_equal(vs_settab_used(&f.ept.nested), 0);
    assert_false(probe(&f, VA, VS_REF_READ));

    /* MOV to CR3 drops its PCID unless told to keep; INVLPG one address */
    vs_ept_context(&f.ept, &f.context);
    fill_two_contexts(&f, &pcid1);
    assert_int_equal(vs_ept_mov_cr3(&f.ept, &f.t, 0, true), 0);
    assert_true(probe(&f, VA, VS_REF_READ));
    assert_true(vs_ept_mov_cr3(&f.ept, &f.t, 0, false) > 0);
    assert_false(probe(&f, VA, VS_REF_READ));
    vs_ept_context(&f.ept, &pcid1);
    assert_true(probe(&f, VA, VS_REF_READ));
    assert_true(vs_ept_invlpg(&f.ept, &f.t, va) > 0);
    assert_false(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

static void test_a_walk_is_charged_inside_its_operation(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    const struct vs_op_acc *w = f.t.by_op[VS_OP_WALK];
    assert_int_equal(w->n, 1);
    assert_int_equal(w->work[f.memory.account].n, f.memory.loads + f.memory.stores);
    assert_int_equal(w->total_ps, (f.memory.loads + f.memory.stores) * 1000 + f.ept.start_ps);
    stop(&f);
}

static void test_a_split_page_translates_as_before_with_the_same_rights(void **state)
{
    (void)state;
    struct vs_ept_config c;
    everything_off(&c);
    for (unsigned shift = 21; shift <= 30; shift += 9) {
        struct fixture f;
        start(&f, &c, shift, 12);
        uint64_t step = 1ull << (shift - 9u), gpa, hpa, was[512], leaf[VS_RADIX_LEVELS + 1u];
        for (uint64_t i = 0; i < 512; i++) {
            assert_true(vs_space_locate(&f.space, VA + i * step, &was[i], &hpa));
        }
        assert_int_equal(vs_space_split(&f.space, VA), VS_OK);
        for (uint64_t i = 0; i < 512; i++) {
            assert_true(vs_space_locate(&f.space, VA + i * step, &gpa, &hpa));
            assert_int_equal(gpa, was[i]);
        }
        assert_int_equal(vs_space_path(&f.space, VA, leaf), (shift - 12u) / 9u);
        assert_int_equal(walk(&f, VA + step, VS_REF_WRITE).fault, VS_FAULT_NONE);
        stop(&f);
    }
}

/* Views of a machine's memory map its pages, in tables of their own (Xen's altp2m). */
static void test_a_view_has_the_machine_s_pages_and_rights_of_its_own(void **state)
{
    (void)state;
    struct vs_ept_config c;
    everything_off(&c);
    for (unsigned shift = 12; shift <= 21; shift += 9) {
        struct fixture f;
        start(&f, &c, 12, shift);
        struct vs_vm view;
        struct vs_slat_leaf leaf;
        uint64_t gpa, hpa, in_view, other = 0x3000, elsewhere = 0;
        assert_int_equal(vs_vm_view(&view, &f.vm), VS_OK);
        assert_true(view.ept_root != f.vm.ept_root);
        assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
        assert_false(vs_vm_locate(&view, gpa, &in_view));
        assert_int_equal(vs_slat_copy(&view, gpa, &f.vm, gpa), VS_OK);
        assert_true(vs_vm_locate(&view, gpa, &in_view));
        assert_int_equal(in_view, hpa);
        assert_true(vs_slat_find(&view, gpa, &leaf));
        assert_int_equal(leaf.shift, shift);
        assert_int_equal(vs_slat_copy(&view, gpa, &f.vm, gpa), VS_E_CONFIG); /* it has it */
        /* a right less there, and none less in the machine */
        vs_slat_put(&view, &leaf, vs_radix_with(&view.format, leaf.entry, VS_RIGHT_READ));
        assert_true(vs_slat_find(&f.vm, gpa, &leaf));
        assert_int_equal(vs_radix_rights(&f.vm.format, true, leaf.entry), VS_RIGHTS);
        /* a small page in the place of a larger one: where the machine has another */
        assert_int_equal(vs_slat_split(&view, gpa), VS_OK);
        assert_true(vs_slat_find(&view, gpa, &leaf));
        vs_slat_put(&view, &leaf, 0);
        assert_int_equal(vs_vm_back(&f.vm, other), VS_OK);
        assert_int_equal(vs_slat_copy(&view, gpa, &f.vm, other), VS_OK);
        assert_true(vs_vm_locate(&view, gpa, &in_view) && vs_vm_locate(&f.vm, other, &elsewhere));
        assert_int_equal(in_view, elsewhere | (gpa & 0xfff));
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_uncached_walk_makes_n_plus_1_times_m_plus_1_minus_1_references),
        cmocka_unit_test(test_4k_pages_in_both_dimensions_cost_24_references),
        cmocka_unit_test(test_a_cached_level_l_entry_starts_the_walk_at_l_minus_1),
        cmocka_unit_test(test_the_nested_walk_cache_serves_the_last_step_as_every_other),
        cmocka_unit_test(test_the_nested_tlb_is_keyed_by_guest_physical_page),
        cmocka_unit_test(test_a_combined_mapping_is_as_large_as_the_smaller_page),
        cmocka_unit_test(test_translation_gives_the_address_the_tables_give),
        cmocka_unit_test(test_the_first_store_through_a_clean_entry_walks_again),
        cmocka_unit_test(test_the_exit_qualification_says_what_was_tried_and_where),
        cmocka_unit_test(test_a_page_fault_tells_presence_write_and_fetch),
        cmocka_unit_test(test_tags_keep_address_spaces_apart_and_invalidations_keep_their_scope),
        cmocka_unit_test(test_a_walk_is_charged_inside_its_operation),
        cmocka_unit_test(test_a_split_page_translates_as_before_with_the_same_rights),
        cmocka_unit_test(test_a_view_has_the_machine_s_pages_and_rights_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
