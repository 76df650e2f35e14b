/* SPDX-License-Identifier: MIT */
/* Laws of the second dimension's leaves: what their types, reserved bits, flags and rights do on
 * the first walk and on later ones, and what a hit of each of its structures costs and counts. */
#include "ept/slat.h"
#include "test_ept.h"

static struct vs_slat_leaf leaf_of(struct fixture *f, uint64_t va)
{
    struct vs_slat_leaf leaf;
    uint64_t gpa, hpa;
    assert_true(vs_space_locate(&f->space, va, &gpa, &hpa));
    assert_true(vs_slat_find(&f->vm, gpa, &leaf));
    return leaf;
}

static uint64_t entry_of(struct fixture *f, const struct vs_slat_leaf *leaf)
{
    return vs_phys_read64(f->phys, leaf->at);
}

static void forget(struct fixture *f)
{
    (void)vs_ept_flush(&f->ept, NULL, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0});
}

/* A leaf with other bits: what becomes of a read when nothing is cached. Visited before: its flags
 * are set, and the walk has nothing to write. */
static enum vs_fault read_with(uint64_t ad, uint64_t set, uint64_t clear, bool visited)
{
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.ept_ad = ad;
    start(&f, &c, 12, 12);
    if (visited) {
        (void)walk(&f, VA, VS_REF_WRITE);
    }
    struct vs_slat_leaf leaf = leaf_of(&f, VA);
    vs_phys_write64(f.phys, leaf.at, (entry_of(&f, &leaf) & ~clear) | set);
    enum vs_fault fault = walk(&f, VA, VS_REF_READ).fault;
    stop(&f);
    return fault;
}

/* SDM 3C 28.3.3.1: types 2, 3 and 7 of a leaf, and address bits beyond the processor's. */
static void test_a_leaf_with_a_reserved_type_or_bit_is_misconfigured_on_every_walk(void **state)
{
    (void)state;
    struct vs_ept_config c;
    everything_off(&c);
    for (unsigned how = 0; how < 4; how++) {
        uint64_t ad = how & 1u;
        for (uint64_t type = 0; type < 8; type++) {
            bool bad = type == 2 || type == 3 || type == 7;
            assert_int_equal(read_with(ad, type << 3, 7u << 3, how & 2u),
                             bad ? VS_FAULT_EPT_MISCONFIG : VS_FAULT_NONE);
            assert_int_equal(read_with(ad, type << 3, 7u << 3 | 2u, how & 2u), /* read-only */
                             bad ? VS_FAULT_EPT_MISCONFIG : VS_FAULT_NONE);
        }
        assert_int_equal(read_with(ad, 1ull << c.physical_bits, 0, how & 2u),
                         VS_FAULT_EPT_MISCONFIG);
    }
}

/* SDM 3C 28.3.5: the flag is set by the first write, whatever was read, and cached, before. */
static void test_the_first_write_sets_the_dirty_flag_however_often_was_read(void **state)
{
    (void)state;
    struct vs_ept_config c;
    everything_off(&c);
    c.nested_entries = 64;
    for (unsigned walks = 1; walks < 4; walks++) {
        struct fixture f;
        start(&f, &c, 12, 12);
        struct vs_slat_leaf leaf = leaf_of(&f, VA);
        for (unsigned i = 0; i < walks; i++) {
            assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_NONE);
            assert_int_equal(entry_of(&f, &leaf) & 0x300, 0x100);
            if (i + 1 < walks) {
                forget(&f); /* the last one stays in the nested TLB */
            }
        }
        uint64_t held = vs_settab_used(&f.ept.nested);
        assert_int_equal(walk(&f, VA, VS_REF_WRITE).fault, VS_FAULT_NONE);
        assert_int_equal(entry_of(&f, &leaf) & 0x300, 0x300);
        /* the entry that was there has become a writable one: none stands twice */
        assert_int_equal(vs_settab_used(&f.ept.nested), held);
        stop(&f);
    }
}

/* APM volume 2, 15.25.6: nested walks are user accesses. */
static void test_a_nested_page_of_the_supervisor_permits_nothing(void **state)
{
    (void)state;
    for (unsigned ref = VS_REF_READ; ref <= VS_REF_FETCH; ref++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        start_formats(&f, &c, &vs_radix_x86_64, &vs_radix_x86_64, 12, 12);
        struct vs_slat_leaf leaf = leaf_of(&f, VA);
        assert_int_equal(walk(&f, VA, (enum vs_ref)ref).fault, VS_FAULT_NONE);
        vs_phys_write64(f.phys, leaf.at, entry_of(&f, &leaf) & ~4ull);
        struct vs_translation w = walk(&f, VA, (enum vs_ref)ref);
        assert_int_equal(w.fault, VS_FAULT_EPT_VIOLATION);
        assert_int_equal(w.qualification & 1u, 1); /* P: there, and not allowed */
        stop(&f);
    }
}

/* Arm ARM, FEAT_HAFDBS: DBM makes a clean page writable where hardware manages the state. */
static void test_a_clean_page_is_writable_where_hardware_keeps_dirty_state(void **state)
{
    (void)state;
    struct vs_radix_format g = arm(1, 12, 16, 0), n = arm(2, 12, 24, 1);
    const uint64_t dbm = 1ull << 51, writable = 1ull << 7;
    for (uint64_t ad = 0; ad < 2; ad++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.ept_ad = ad;
        start_formats(&f, &c, &g, &n, 12, 12);
        struct vs_slat_leaf leaf = leaf_of(&f, VA);
        vs_phys_write64(f.phys, leaf.at, (entry_of(&f, &leaf) & ~writable) | dbm);
        assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_NONE);
        assert_int_equal(entry_of(&f, &leaf) & writable, 0);
        struct vs_translation w = walk(&f, VA, VS_REF_WRITE);
        assert_int_equal(w.fault, ad ? VS_FAULT_NONE : VS_FAULT_EPT_VIOLATION);
        assert_int_equal(entry_of(&f, &leaf) & writable, ad ? writable : 0);
        if (!ad) { /* permission fault at Arm's level 3, WnR */
            assert_int_equal(w.qualification, 0xfu | 1u << 6);
        }
        stop(&f);
    }
}

static void test_memory_ends_where_it_ends(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    start(&f, &c, 12, 0);
    uint64_t hpa = walk(&f, VA, VS_REF_READ).hpa.v;
    f.ept.memory_end = hpa + 1;
    assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_NONE);
    f.ept.memory_end = hpa;
    struct vs_translation out = walk(&f, VA, VS_REF_READ);
    assert_int_equal(out.fault, VS_FAULT_NO_MEMORY);
    assert_int_equal(out.gpa.v, hpa);
    stop(&f);
}

/* ---- structures --------------------------------------------------------------------------------
 */

static struct vs_part part(const struct fixture *f, unsigned account)
{
    return f->t.by_op[VS_OP_WALK]->work[f->ept.account + account];
}

static void test_every_nested_translation_looks_the_nested_tlb_up(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.nested_entries = 64;
    c.nested_latency = 6;
    start(&f, &c, 12, 12);
    for (uint64_t i = 1; i <= 3; i++) {
        (void)walk(&f, VA, VS_REF_READ);
        /* four guest tables and the page */
        assert_int_equal(part(&f, VS_ACC_ept_nested_tlb).n, 5 * i);
        assert_int_equal(part(&f, VS_ACC_ept_nested_tlb).ps, 5 * i * 6 * 500);
        assert_int_equal(f.ept.count[VS_CNT_ept_nested_misses], 5);
        assert_int_equal(f.ept.count[VS_CNT_ept_nested_hits], 5 * (i - 1));
    }
    stop(&f);
}

static void test_a_nested_walk_cache_counts_and_costs_by_the_level_that_answers(void **state)
{
    (void)state;
    static const unsigned count[] = {0, 0, VS_CNT_ept_npwc_l2, VS_CNT_ept_npwc_l3,
                                     VS_CNT_ept_npwc_l4};
    static const unsigned account[] = {0, 0, VS_ACC_ept_nested_pwc_l2, VS_ACC_ept_nested_pwc_l3,
                                       VS_ACC_ept_nested_pwc_l4};
    for (unsigned answers = 2; answers <= 4; answers++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.npde = c.npdpte = c.npml4e = 64;
        c.npde_latency = 3; /* a higher level is waited for longer */
        c.npdpte_latency = 5;
        c.npml4e_latency = 7;
        start(&f, &c, 12, 12);
        (void)walk(&f, VA, VS_REF_READ);
        for (unsigned level = 2; level < answers; level++) {
            vs_settab_clear(&f.ept.npwc[level]);
        }
        uint64_t before = f.ept.count[count[answers]], ps = part(&f, account[answers]).ps;
        (void)walk(&f, VA, VS_REF_READ);
        uint64_t hits = f.ept.count[count[answers]] - before;
        assert_true(hits >= 1 && hits <= 5);
        assert_int_equal(part(&f, account[answers]).ps - ps, hits * (2 * answers - 1) * 500);
        stop(&f);
    }
}

/* The entries' rights together are reported, those of a cached table entry among them (SDM 3C table
 * 28-7: bits 5:3, and 6 with mode-based execution). */
static void test_a_violation_reports_the_rights_above_a_cached_entry(void **state)
{
    (void)state;
    static const struct {
        uint64_t mbec, clear, want; /* want: bits 6:3 */
    } rows[] = {{0, 4, 3},   {0, 2, 5},  {1, 4, 0xb}, {1, 1u << 10, 7}, {1, 4 | 1u << 10, 3},
                {1, 2, 0xd}, {1, 0, 0xf}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned cached = 0; cached < 2; cached++) {
            struct vs_ept_config c;
            struct fixture f;
            struct vs_radix_format g, n;
            struct vs_errors errors = {NULL, 0};
            everything_off(&c);
            c.mbec = rows[i].mbec;
            c.npde = cached ? 64 : 0;
            vs_ept_formats_of(&c, &g, &n, &errors);
            start_formats(&f, &c, &g, &n, 12, 12);
            uint64_t gpa, hpa, table = f.vm.ept_root;
            assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
            assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_NONE);
            forget(&f);
            for (unsigned level = 4; level > 2; level--) {
                table =
                    vs_phys_read64(f.phys, vs_radix_entry(table, level, gpa)) & VS_RADIX_ADDRESS;
            }
            /* the entry of level 2 that leads to the page's table; its leaf says nothing of it */
            vs_hpa at = vs_radix_entry(table, 2, gpa);
            uint64_t upper = vs_phys_read64(f.phys, at);
            vs_hpa leaf = vs_radix_entry(upper & VS_RADIX_ADDRESS, 1, gpa);
            uint64_t page = vs_phys_read64(f.phys, leaf);
            vs_phys_write64(f.phys, at, upper & ~rows[i].clear);
            /* a leaf that forbids all says so, whatever is above */
            vs_phys_write64(f.phys, leaf, page & ~(7ull | 1u << 10));
            struct vs_translation none = walk(&f, VA, VS_REF_READ);
            assert_int_equal(none.fault, VS_FAULT_EPT_VIOLATION);
            assert_int_equal(none.qualification >> 3 & 0xfu, 0);
            /* readable: the entry above is cached where there is a cache */
            vs_phys_write64(f.phys, leaf, page);
            assert_int_equal(walk(&f, VA, VS_REF_READ).fault, VS_FAULT_NONE);
            enum vs_ref ref = rows[i].clear & 2 ? VS_REF_WRITE : VS_REF_FETCH;
            struct vs_translation w = walk(&f, VA, ref);
            bool denied =
                rows[i].clear & 2 || (rows[i].mbec ? rows[i].clear & 1u << 10 : rows[i].clear & 4);
            assert_int_equal(w.fault, denied ? VS_FAULT_EPT_VIOLATION : VS_FAULT_NONE);
            if (denied) {
                assert_int_equal(w.qualification >> 3 & 0xfu, rows[i].want);
            }
            stop(&f);
        }
    }
}

/* Arm's levels count from the root: a page that is missing is missed at level 3. */
static void test_a_stage_2_fault_names_the_level_that_has_no_entry(void **state)
{
    (void)state;
    struct vs_radix_format g = arm(1, 12, 16, 0), n = arm(2, 12, 24, 1);
    for (unsigned level = 1; level <= 3; level++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        start_formats(&f, &c, &g, &n, 12, 12);
        uint64_t gpa, hpa, table = f.vm.ept_root;
        assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
        vs_hpa at = {0};
        for (unsigned l = 3; l >= level; l--) { /* counted from the page */
            at.v = table + vs_radix_offset(&n, l, gpa);
            table = vs_phys_read64(f.phys, at) & n.address;
        }
        vs_phys_write64(f.phys, at, 0);
        struct vs_translation w = walk(&f, VA, VS_REF_READ);
        assert_int_equal(w.fault, VS_FAULT_EPT_VIOLATION);
        /* its own tables may lie under the same upper entry */
        uint64_t walked = w.table ? 1u << 7 : 0;
        assert_int_equal(w.qualification, 4u | (4u - level) | walked);
        assert_true(level > 1 || !w.table);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_leaf_with_a_reserved_type_or_bit_is_misconfigured_on_every_walk),
        cmocka_unit_test(test_the_first_write_sets_the_dirty_flag_however_often_was_read),
        cmocka_unit_test(test_a_nested_page_of_the_supervisor_permits_nothing),
        cmocka_unit_test(test_a_clean_page_is_writable_where_hardware_keeps_dirty_state),
        cmocka_unit_test(test_memory_ends_where_it_ends),
        cmocka_unit_test(test_every_nested_translation_looks_the_nested_tlb_up),
        cmocka_unit_test(test_a_nested_walk_cache_counts_and_costs_by_the_level_that_answers),
        cmocka_unit_test(test_a_violation_reports_the_rights_above_a_cached_entry),
        cmocka_unit_test(test_a_stage_2_fault_names_the_level_that_has_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
