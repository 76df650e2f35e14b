/* SPDX-License-Identifier: MIT */
/* Laws of the page-table formats: what maps can be found, where, in how many steps, and which
 * combinations do not exist. */
#include "virtsim/radix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (1ull << 30)

struct pool {
    struct vs_phys *phys;
    uint64_t next, bytes;
    unsigned made;
};

static bool table(void *ctx, uint64_t *value, uint64_t *bytes)
{
    struct pool *p = ctx;
    *value = *bytes = p->next;
    p->next += p->bytes;
    p->made++;
    return true;
}

static struct vs_radix_format arm(unsigned stage, unsigned granule, unsigned t0sz, unsigned sl0)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_radix_format f;
    vs_radix_arm(&f, stage, granule, t0sz, sl0, &errors);
    assert_int_equal(errors.n, 0);
    vs_errors_free(&errors);
    return f;
}

static void refused(unsigned stage, unsigned granule, unsigned t0sz, unsigned sl0)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_radix_format f;
    vs_radix_arm(&f, stage, granule, t0sz, sl0, &errors);
    assert_int_equal(errors.n, 1);
    vs_errors_free(&errors);
}

static void maps_and_finds(const struct vs_radix_format *f, uint64_t address)
{
    for (unsigned level = 1; level <= f->max_leaf && level <= f->levels; level++) {
        unsigned shift = vs_radix_level_shift(f, level), found;
        uint64_t from = address >> shift << shift, to = 3ull << shift;
        struct pool p = {vs_phys_create(64 * GIB), GIB, 1ull << f->granule, 0};
        struct vs_radix_alloc alloc = {&p, table, NULL, 0};
        uint64_t root = 16ull << f->granule;
        vs_hpa at;
        assert_int_equal(vs_radix_map(p.phys, f, root, from, to, shift,
                                      vs_radix_leaf_flags(f, VS_RIGHTS), &alloc),
                         VS_OK);
        assert_int_equal(p.made, f->levels - level); /* below the root */
        assert_true(
            vs_radix_find(p.phys, f, root, from | ((1ull << shift) - 8), &alloc, &at, &found));
        assert_int_equal(found, level);
        uint64_t entry = vs_phys_read64(p.phys, at);
        assert_int_equal(entry & f->address & ~((1ull << shift) - 1u), to);
        assert_true(vs_radix_is_leaf(f, level, entry));
        /* its neighbours on both sides are not mapped */
        assert_false(vs_radix_find(p.phys, f, root, from + (1ull << shift), &alloc, &at, &found));
        assert_false(vs_radix_find(p.phys, f, root, from - 1, &alloc, &at, &found));
        /* nor can a page of another size be put there */
        for (unsigned other = 1; other < level; other++) {
            assert_int_equal(vs_radix_map(p.phys, f, root, from, 0, vs_radix_level_shift(f, other),
                                          vs_radix_leaf_flags(f, VS_RIGHTS), &alloc),
                             VS_E_CONFIG);
        }
        vs_phys_destroy(p.phys);
    }
}

static void test_every_page_size_of_every_format_is_found_where_it_was_mapped(void **state)
{
    (void)state;
    static const unsigned granules[] = {12, 14, 16};
    maps_and_finds(&vs_radix_x86_64, 0x7123456789abull);
    maps_and_finds(&vs_radix_x86_64_la57, 0x00f1234567890123ull);
    maps_and_finds(&vs_radix_ept, 0x7123456789abull);
    maps_and_finds(&vs_radix_ept5, 0x00f1234567890123ull);
    maps_and_finds(&vs_radix_vtd, 0x7123456789abull);
    for (int g = 0; g < 3; g++) {
        for (unsigned t0sz = 16; t0sz <= 33; t0sz++) {
            struct vs_radix_format f = arm(1, granules[g], t0sz, 0);
            maps_and_finds(&f, 0x7123456789abull >> (t0sz - 16));
        }
    }
    struct vs_radix_format s2 = arm(2, 12, 24, 1);
    maps_and_finds(&s2, 0xf123456789ull); /* in the second of two root tables */
}

static void test_five_levels_tell_addresses_apart_that_four_levels_confuse(void **state)
{
    (void)state;
    uint64_t a = 0x1000, b = a | 1ull << 50;
    assert_int_equal(vs_radix_offset(&vs_radix_x86_64_la57, 5, a), 0);
    assert_int_equal(vs_radix_offset(&vs_radix_x86_64_la57, 5, b), 4 * 8);
    for (unsigned level = 1; level <= 4; level++) {
        assert_int_equal(vs_radix_offset(&vs_radix_x86_64, level, a),
                         vs_radix_offset(&vs_radix_x86_64, level, b));
    }
}

static void test_the_start_level_follows_from_granule_and_t0sz(void **state)
{
    (void)state;
    /* Arm ARM, stage 1: a level less whenever the addresses fit */
    static const struct {
        unsigned granule, t0sz, levels;
    } c[] = {{12, 16, 4}, {12, 24, 4}, {12, 25, 3}, {12, 33, 3}, {12, 34, 2}, {12, 39, 2},
             {14, 16, 4}, {14, 17, 3}, {14, 27, 3}, {14, 28, 2}, {14, 38, 2}, {14, 39, 1},
             {16, 16, 3}, {16, 21, 3}, {16, 22, 2}, {16, 34, 2}, {16, 35, 1}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct vs_radix_format f = arm(1, c[i].granule, c[i].t0sz, 0);
        assert_int_equal(f.levels, c[i].levels);
        assert_int_equal(vs_radix_roots(&f), 1);
    }
}

static void test_stage_2_concatenates_up_to_sixteen_root_tables(void **state)
{
    (void)state;
    static const struct {
        unsigned granule, t0sz, sl0, levels, roots;
    } c[] = {{12, 24, 1, 3, 2},  {12, 25, 1, 3, 1},  {12, 21, 1, 3, 16}, {12, 16, 2, 4, 1},
             {12, 30, 0, 2, 16}, {14, 24, 1, 2, 16}, {14, 16, 2, 3, 2},  {14, 17, 2, 3, 1},
             {16, 24, 1, 2, 1},  {16, 22, 1, 2, 1},  {16, 18, 1, 2, 16}, {16, 16, 2, 3, 1}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct vs_radix_format f = arm(2, c[i].granule, c[i].t0sz, c[i].sl0);
        assert_int_equal(f.levels, c[i].levels);
        assert_int_equal(vs_radix_roots(&f), c[i].roots);
        /* the highest address uses the last entry of the last root table */
        unsigned shift = vs_radix_level_shift(&f, f.levels);
        uint64_t entries = 1ull << (f.input_bits - shift);
        assert_int_equal(vs_radix_offset(&f, f.levels, (1ull << f.input_bits) - 1),
                         (entries - 1) * 8);
    }
}

static void test_combinations_that_hardware_does_not_have_are_refused(void **state)
{
    (void)state;
    refused(1, 13, 16, 0); /* no such granule */
    refused(1, 12, 15, 0);
    refused(1, 12, 40, 0);
    refused(2, 12, 20, 1); /* 44 bits would need 32 tables at Arm's level 1 */
    refused(2, 12, 34, 1); /* 30 bits do not reach level 1 */
    refused(2, 12, 16, 3);
    refused(2, 14, 16, 1);
    refused(2, 16, 16, 1);
    refused(2, 16, 23, 2); /* 41 bits fit level 2 */
}

static void test_a_size_the_granule_does_not_have_cannot_be_mapped(void **state)
{
    (void)state;
    struct vs_radix_format f = arm(1, 16, 16, 0);
    struct pool p = {vs_phys_create(GIB), 0x100000, 65536, 0};
    struct vs_radix_alloc alloc = {&p, table, NULL, 0};
    static const unsigned none[] = {12, 14, 21, 25, 30, 42};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(vs_radix_map(p.phys, &f, 0, 0, 0, none[i], 1, &alloc), VS_E_CONFIG);
    }
    vs_phys_destroy(p.phys);
}

static void test_a_leaf_grants_the_rights_it_was_made_with(void **state)
{
    (void)state;
    struct vs_radix_format s1 = arm(1, 12, 16, 0), s2 = arm(2, 12, 24, 1);
    const struct vs_radix_format *f[] = {&vs_radix_x86_64, &vs_radix_ept, &s1, &s2};
    for (unsigned rights = 0; rights < 8; rights++) {
        for (int i = 0; i < 4; i++) {
            if (i % 2 == 0 && !(rights & VS_RIGHT_READ)) {
                continue; /* the first dimension has no execute-only or write-only pages */
            }
            assert_int_equal(vs_radix_rights(f[i], true, vs_radix_leaf_flags(f[i], rights)),
                             rights);
        }
    }
    /* a table entry of stage 1 restricts what is below it */
    assert_int_equal(vs_radix_rights(&s1, false, 3), VS_RIGHTS);
    assert_int_equal(vs_radix_rights(&s1, false, 3 | 1ull << 62), VS_RIGHT_READ | VS_RIGHT_EXECUTE);
    assert_int_equal(vs_radix_rights(&s1, false, 3 | 1ull << 61),
                     VS_RIGHT_WRITE | VS_RIGHT_EXECUTE);
    assert_int_equal(vs_radix_rights(&s1, false, 3 | 1ull << 60), VS_RIGHT_READ | VS_RIGHT_WRITE);
    /* clean but writable: DBM */
    assert_int_equal(vs_radix_rights(&s1, true, 3 | 3u << 6 | 1ull << 51), VS_RIGHTS);
    assert_int_equal(vs_radix_rights(&s2, true, 3 | 1u << 6 | 1ull << 51), VS_RIGHTS);
}

static void test_reserved_bits_are_those_between_the_fields(void **state)
{
    (void)state;
    const struct vs_radix_format *x = &vs_radix_x86_64, *e = &vs_radix_ept;
    assert_int_equal(vs_radix_reserved(x, 1, true, 46), 0x000fc00000000000ull);
    assert_int_equal(vs_radix_reserved(x, 2, true, 52), 0x1fe000);
    assert_int_equal(vs_radix_reserved(x, 3, true, 52), 0x3fffe000);
    assert_int_equal(vs_radix_reserved(x, 4, false, 52), 0x80);
    struct vs_radix_format amd = *x;
    vs_radix_amd(&amd);
    assert_int_equal(vs_radix_reserved(&amd, 5, false, 52), 0x180);
    assert_int_equal(vs_radix_reserved(&amd, 4, false, 52), 0x180);
    assert_int_equal(vs_radix_reserved(&amd, 3, false, 52), 0); /* ignored there */
    assert_int_equal(vs_radix_reserved(&amd, 2, true, 52), 0x1fe000);
    assert_int_equal(vs_radix_reserved(e, 1, true, 52), 0);
    assert_int_equal(vs_radix_reserved(e, 2, true, 52), 0x1ff000);
    assert_int_equal(vs_radix_reserved(e, 2, false, 52), 0x78);
    assert_int_equal(vs_radix_reserved(e, 4, false, 46), 0x000fc000000000f8ull);
}

static void test_an_arm_entry_with_an_address_beyond_the_processors_has_reserved_bits(void **state)
{
    (void)state;
    static const unsigned granules[] = {12, 14, 16};
    for (int g = 0; g < 3; g++) {
        struct vs_radix_format s1 = arm(1, granules[g], 16, 0), s2 = arm(2, granules[g], 24, 1);
        for (unsigned leaf = 0; leaf < 2; leaf++) {
            assert_int_equal(vs_radix_reserved(&s1, 2, leaf, 44), 0x0000f00000000000ull);
            assert_int_equal(vs_radix_reserved(&s2, 2, leaf, 36), 0x0000fff000000000ull);
            assert_int_equal(vs_radix_reserved(&s2, 2, leaf, 48), 0);
            assert_int_equal(vs_radix_reserved(&s1, 2, leaf, 52), 0);
        }
    }
}

static void test_a_stage_2_that_begins_high_needs_wide_physical_addresses(void **state)
{
    (void)state;
    static const struct {
        unsigned granule, t0sz, sl0, need; /* AArch64.S2InvalidSL */
    } c[] = {{12, 16, 2, 44}, {14, 16, 2, 42}, {16, 16, 2, 44}, {12, 24, 1, 0},
             {14, 24, 1, 0},  {16, 24, 1, 0},  {12, 30, 0, 0}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct vs_radix_format f = arm(2, c[i].granule, c[i].t0sz, c[i].sl0);
        for (unsigned bits = 32; bits <= 52; bits++) {
            struct vs_errors errors = {NULL, 0};
            vs_radix_arm_start(&f, bits, &errors);
            assert_int_equal(errors.n, bits < c[i].need);
            vs_errors_free(&errors);
        }
    }
}

static void test_an_address_above_the_formats_is_no_other_address(void **state)
{
    (void)state;
    struct vs_radix_format s1 = arm(1, 12, 25, 0), s2 = arm(2, 12, 24, 1);
    const struct vs_radix_format *f[] = {&vs_radix_ept, &vs_radix_vtd, &s1, &s2, &vs_radix_x86_64};
    for (int i = 0; i < 5; i++) {
        struct pool p = {vs_phys_create(GIB), 0x100000, 4096, 0};
        struct vs_radix_alloc alloc = {&p, table, NULL, 0};
        uint64_t flags = vs_radix_leaf_flags(f[i], VS_RIGHTS), above = 3ull << f[i]->input_bits;
        vs_hpa at;
        unsigned level;
        assert_int_equal(vs_radix_map(p.phys, f[i], 0, 0x5000, 0x7000, 12, flags, &alloc), VS_OK);
        assert_true(vs_radix_find(p.phys, f[i], 0, 0x5000, &alloc, &at, &level));
        assert_false(vs_radix_find(p.phys, f[i], 0, 0x5000 | above, &alloc, &at, &level));
        assert_int_equal(vs_radix_map(p.phys, f[i], 0, 0x5000 | above, 0, 12, flags, &alloc),
                         VS_E_BOUNDS);
        assert_true(vs_radix_reaches(f[i], 0x5000));
        assert_false(vs_radix_reaches(f[i], 0x5000 | above));
        vs_phys_destroy(p.phys);
    }
    assert_true(vs_radix_reaches(&vs_radix_x86_64, 0xffff800000000000ull)); /* canonical */
    assert_false(vs_radix_reaches(&vs_radix_x86_64, 0x0000800000000000ull));
    assert_true(vs_radix_reaches(&vs_radix_x86_64_la57, 0x0000800000000000ull));
}

static void test_nothing_is_mapped_in_a_table_where_no_memory_is(void **state)
{
    (void)state;
    struct pool p = {vs_phys_create(GIB), 0x100000, 4096, 0};
    struct vs_radix_alloc alloc = {&p, table, NULL, 0};
    vs_hpa top = {0};
    vs_phys_write64(p.phys, top, 16 * GIB | 7);
    for (unsigned level = 1; level <= 3; level++) {
        assert_int_equal(
            vs_radix_map(p.phys, &vs_radix_x86_64, 0, 0, 0, vs_radix_shift(level), 7, &alloc),
            VS_E_BOUNDS);
    }
    assert_int_equal(p.made, 0);
    vs_phys_destroy(p.phys);
}

static void test_rights_taken_and_given_back_leave_the_leaf_as_it_was(void **state)
{
    (void)state;
    struct vs_radix_format s1 = arm(1, 12, 16, 0), s2 = arm(2, 14, 24, 1);
    const struct vs_radix_format *all[] = {&vs_radix_x86_64, &vs_radix_ept, &s1, &s2};
    static const uint64_t rights[] = {0, 1, 3, 5, 7, 4};
    for (size_t i = 0; i < 4; i++) {
        const struct vs_radix_format *f = all[i];
        uint64_t whole = 0x123440000ull | f->page | vs_radix_leaf_flags(f, VS_RIGHTS);
        for (size_t k = 0; k < 6; k++) {
            if (!vs_radix_can(f, rights[k])) {
                assert_true(f->kind == VS_RADIX_X86 && rights[k] == VS_RIGHT_EXECUTE);
                continue;
            }
            uint64_t e = vs_radix_with(f, whole, rights[k]);
            assert_int_equal(e & f->address, whole & f->address);
            assert_int_equal((e & f->present) != 0, rights[k] != 0);
            assert_int_equal(vs_radix_held(f, e), rights[k] == 0);
            if (rights[k]) {
                assert_int_equal(vs_radix_rights(f, true, e), rights[k]);
            }
            assert_int_equal(vs_radix_with(f, e, VS_RIGHTS), whole);
        }
        assert_false(vs_radix_can(f, VS_RIGHT_WRITE));
        assert_false(vs_radix_can(f, VS_RIGHT_WRITE | VS_RIGHT_EXECUTE));
        assert_false(vs_radix_held(f, 0));
    }
}

static void test_a_page_lies_on_its_own_size_and_over_no_smaller_ones(void **state)
{
    (void)state;
    const struct vs_radix_format *f = &vs_radix_x86_64;
    struct pool p = {vs_phys_create(GIB), 0x100000, 4096, 0};
    struct vs_radix_alloc alloc = {&p, table, NULL, 0};
    uint64_t flags = vs_radix_leaf_flags(f, VS_RIGHTS), large = 2u << 20;
    assert_int_equal(vs_radix_map(p.phys, f, 0, large, 4096, 21, flags, &alloc), VS_E_CONFIG);
    assert_int_equal(vs_radix_map(p.phys, f, 0, 4096, large, 21, flags, &alloc), VS_E_CONFIG);
    assert_int_equal(vs_radix_map(p.phys, f, 0, large + 4096, 0x5000, 12, flags, &alloc), VS_OK);
    assert_int_equal(vs_radix_map(p.phys, f, 0, large, large, 21, flags, &alloc), VS_E_CONFIG);
    vs_hpa at;
    unsigned level;
    assert_true(vs_radix_find(p.phys, f, 0, large + 4096, &alloc, &at, &level));
    assert_int_equal(level, 1);
    /* a page of the same size takes the place of one */
    assert_int_equal(vs_radix_map(p.phys, f, 0, large + 4096, 0x9000, 12, flags, &alloc), VS_OK);
    assert_int_equal(vs_phys_read64(p.phys, at) & f->address, 0x9000);
    vs_phys_destroy(p.phys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_lies_on_its_own_size_and_over_no_smaller_ones),
        cmocka_unit_test(test_an_arm_entry_with_an_address_beyond_the_processors_has_reserved_bits),
        cmocka_unit_test(test_a_stage_2_that_begins_high_needs_wide_physical_addresses),
        cmocka_unit_test(test_an_address_above_the_formats_is_no_other_address),
        cmocka_unit_test(test_nothing_is_mapped_in_a_table_where_no_memory_is),
        cmocka_unit_test(test_every_page_size_of_every_format_is_found_where_it_was_mapped),
        cmocka_unit_test(test_five_levels_tell_addresses_apart_that_four_levels_confuse),
        cmocka_unit_test(test_the_start_level_follows_from_granule_and_t0sz),
        cmocka_unit_test(test_stage_2_concatenates_up_to_sixteen_root_tables),
        cmocka_unit_test(test_combinations_that_hardware_does_not_have_are_refused),
        cmocka_unit_test(test_a_size_the_granule_does_not_have_cannot_be_mapped),
        cmocka_unit_test(test_a_leaf_grants_the_rights_it_was_made_with),
        cmocka_unit_test(test_rights_taken_and_given_back_leave_the_leaf_as_it_was),
        cmocka_unit_test(test_reserved_bits_are_those_between_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
