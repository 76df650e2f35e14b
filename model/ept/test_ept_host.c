/* SPDX-License-Identifier: MIT */
/* How the host backs guest memory, and what it changes in its leaves. */
#include "ept/slat.h"
#include "test_ept.h"

#define MIB (1ull << 20)
#define BLOCKS 64u

static struct {
    uint64_t huge, small, alone;
} told;

static bool mapped(void *ctx, uint64_t gpa, uint64_t hpa, unsigned shift, bool alone)
{
    const struct vs_vm *vm = ctx;
    assert_int_equal((gpa | hpa) & ((1ull << shift) - 1u), 0);
    *(shift == vm->huge_shift ? &told.huge : &told.small) += 1;
    told.alone += alone;
    return true;
}

struct machine {
    struct vs_phys *phys;
    struct vs_frames host;
    struct vs_vm vm;
};

static void begin(struct machine *m, const struct vs_radix_format *f, uint64_t bytes,
                  uint32_t fragmented, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    memset(&told, 0, sizeof told);
    m->phys = vs_phys_create(64 * GIB);
    assert_int_equal(vs_frames_init(&m->host, GIB, 60 * GIB, VS_FRAMES_RANDOM, 3), VS_OK);
    assert_int_equal(
        vs_vm_init_format(&m->vm, f, m->phys, &m->host, bytes, f->granule, VS_FRAMES_CONTIGUOUS, 4),
        VS_OK);
    vs_vm_thp(&m->vm, fragmented, seed);
    m->vm.mapped = mapped;
    m->vm.ctx = &m->vm;
}

static void end(struct machine *m)
{
    vs_vm_free(&m->vm);
    vs_frames_free(&m->host);
    vs_phys_destroy(m->phys);
}

static unsigned leaf(struct machine *m, uint64_t gpa)
{
    uint64_t hpa;
    unsigned shift = 0;
    assert_true(vs_vm_leaf(&m->vm, gpa, &hpa, &shift));
    assert_int_equal((hpa ^ gpa) & ((1ull << shift) - 1u), 0);
    return shift;
}

static void test_a_whole_block_gets_one_huge_frame_at_its_first_touch(void **state)
{
    (void)state;
    struct machine m;
    begin(&m, &vs_radix_ept, GIB, 0, 1);
    assert_int_equal(vs_vm_back(&m.vm, 5 * MIB + 123), VS_OK);
    assert_int_equal(leaf(&m, 4 * MIB), 21);
    assert_int_equal(leaf(&m, 6 * MIB - 1), 21);
    assert_false(vs_vm_locate(&m.vm, 6 * MIB, &(uint64_t){0}));
    assert_int_equal(vs_vm_back(&m.vm, 4 * MIB), VS_OK); /* there already */
    assert_int_equal(m.vm.backed, 1);
    assert_int_equal(told.huge, 1);
    end(&m);
}

static void test_a_block_that_reaches_beyond_guest_memory_gets_small_pages(void **state)
{
    (void)state;
    struct machine m;
    begin(&m, &vs_radix_ept, 5 * MIB, 0, 1);
    for (uint64_t at = 0; at < 5 * MIB; at += 4096) {
        assert_int_equal(vs_vm_back(&m.vm, at), VS_OK);
    }
    assert_int_equal(told.huge, 2);
    assert_int_equal(told.small, 256);
    assert_int_equal(told.alone, 0); /* nobody could have asked for a huge one */
    end(&m);
}

static void test_a_block_with_a_small_page_in_it_stays_small(void **state)
{
    (void)state;
    struct machine m;
    begin(&m, &vs_radix_ept, GIB, 100, 1);
    assert_int_equal(vs_vm_back(&m.vm, 0), VS_OK);
    assert_int_equal(leaf(&m, 0), 12);
    m.vm.fragmented = 0; /* memory is compacted: blocks begun stay as they are */
    assert_int_equal(vs_vm_back(&m.vm, 4096), VS_OK);
    assert_int_equal(leaf(&m, 4096), 12);
    assert_int_equal(vs_vm_back(&m.vm, 2 * MIB), VS_OK);
    assert_int_equal(leaf(&m, 2 * MIB), 21);
    assert_int_equal(told.alone, 1);
    end(&m);
}

static uint64_t pattern(uint32_t fragmented, uint64_t seed)
{
    struct machine m;
    uint64_t huge = 0;
    begin(&m, &vs_radix_ept, GIB, fragmented, seed);
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_int_equal(vs_vm_back(&m.vm, i * 2 * MIB), VS_OK);
        huge |= (uint64_t)(leaf(&m, i * 2 * MIB) == 21) << i;
    }
    assert_int_equal(told.alone + told.huge, BLOCKS);
    end(&m);
    return huge;
}

static void test_fragmentation_leaves_its_share_of_blocks_small_by_the_seed(void **state)
{
    (void)state;
    assert_int_equal(pattern(0, 1), UINT64_MAX);
    assert_int_equal(pattern(100, 1), 0);
    uint64_t half = pattern(50, 1);
    assert_in_range(__builtin_popcountll(half), 20, 44);
    assert_int_equal(pattern(50, 1), half);
    assert_int_not_equal(pattern(50, 2), half);
    /* a block that is huge in worse memory is huge in better */
    assert_int_equal(pattern(75, 1) & ~half, 0);
}

static void test_without_a_contiguous_frame_pages_are_small(void **state)
{
    (void)state;
    struct machine m;
    begin(&m, &vs_radix_ept, GIB, 0, 1);
    vs_frames_fragment(&m.host, 100);
    assert_int_equal(vs_vm_back(&m.vm, 0), VS_OK);
    assert_int_equal(leaf(&m, 0), 12);
    assert_int_equal(told.alone, 1);
    end(&m);
}

static void test_the_huge_page_is_that_of_the_granule(void **state)
{
    (void)state;
    static const struct {
        unsigned granule, huge;
    } of[] = {{12, 21}, {14, 25}, {16, 29}};
    for (size_t i = 0; i < 3; i++) {
        struct vs_errors errors = {NULL, 0};
        struct vs_radix_format f;
        struct machine m;
        vs_radix_arm(&f, 2, of[i].granule, 24, 1, &errors);
        assert_int_equal(errors.n, 0);
        for (uint32_t fragmented = 0; fragmented <= 100; fragmented += 100) {
            begin(&m, &f, 4 * GIB, fragmented, 1);
            assert_int_equal(vs_vm_back(&m.vm, 3 * GIB + 5), VS_OK);
            assert_int_equal(leaf(&m, 3 * GIB), fragmented ? of[i].granule : of[i].huge);
            end(&m);
        }
    }
}

/* Every pair of guest and host page: the mapping is as large as the smaller of the two. */
static void test_a_mixed_mapping_is_as_large_as_the_smaller_page(void **state)
{
    (void)state;
    struct vs_ept_config c;
    vs_defaults(&vs_ept_desc, &c);
    c.verify = 1;
    for (unsigned guest = 12; guest <= 21; guest += 9) {
        struct fixture f;
        start(&f, &c, guest, 12);
        vs_vm_thp(&f.vm, 50, 7);
        unsigned seen[2] = {0, 0};
        for (uint64_t i = 1; i < 64; i++) {
            uint64_t at = VA + i * 2 * MIB, gpa, hpa;
            unsigned shift;
            assert_int_equal(vs_space_touch(&f.space, at, guest, true, true), VS_OK);
            for (uint64_t k = 0; k < 3; k++) {
                uint64_t byte = at + (guest == 21 ? k * 0x5a000 : k * 8);
                assert_true(vs_space_locate(&f.space, byte, &gpa, &hpa));
                assert_true(vs_vm_leaf(&f.vm, gpa, &hpa, &shift));
                struct vs_translation w = walk(&f, byte, VS_REF_WRITE);
                assert_int_equal(w.fault, VS_FAULT_NONE);
                assert_int_equal(w.hpa.v, hpa);
                assert_int_equal(w.page_shift, shift < guest ? shift : guest);
            }
            seen[shift == 21]++;
        }
        assert_true(seen[0] > 8 && seen[1] > 8);
        assert_int_equal(f.ept.count[VS_CNT_ept_disagreements], 0);
        assert_true(f.ept.count[VS_CNT_ept_verified] >= 189);
        stop(&f);
    }
}

static void test_a_split_leaf_leads_where_it_led_with_the_same_flags(void **state)
{
    (void)state;
    struct vs_errors errors = {NULL, 0};
    struct vs_radix_format arm16;
    vs_radix_arm(&arm16, 2, 14, 24, 1, &errors);
    static const struct {
        unsigned shift;
        bool held;
    } of[] = {{21, false}, {30, false}, {21, true}, {25, false}, {25, true}};
    for (size_t i = 0; i < 5; i++) {
        const struct vs_radix_format *f = of[i].shift == 25 ? &arm16 : &vs_radix_ept;
        struct machine m;
        struct vs_slat_leaf leaf;
        uint64_t gpa = 3 * GIB + 0x12345000, hpa, now;
        begin(&m, f, 4 * GIB, 0, 1);
        m.vm.huge_shift = 0;
        m.vm.mapped = NULL;
        m.vm.host_shift = of[i].shift;
        assert_int_equal(vs_vm_back(&m.vm, gpa), VS_OK);
        assert_true(vs_slat_find(&m.vm, gpa, &leaf));
        assert_int_equal(leaf.shift, of[i].shift);
        uint64_t rights = of[i].held ? 0 : VS_RIGHT_READ;
        vs_slat_put(&m.vm, &leaf,
                    vs_radix_with(f, leaf.entry | f->dirty | VS_SLAT_WATCHED, rights));
        assert_true(vs_vm_locate(&m.vm, gpa, &hpa));
        uint64_t tables = m.vm.tables;
        assert_int_equal(vs_slat_split(&m.vm, gpa), VS_OK);
        assert_int_equal(m.vm.tables - tables, of[i].shift == 30 ? 2 : 1);
        for (uint64_t k = 0; k < 3; k++) {
            uint64_t step = k << f->granule;
            assert_true(vs_slat_find(&m.vm, gpa + step, &leaf));
            assert_int_equal(leaf.shift, f->granule);
            assert_true(vs_vm_locate(&m.vm, gpa + step, &now));
            assert_int_equal(now, hpa + step);
            assert_int_equal(leaf.entry & f->dirty, f->dirty);
            assert_true(leaf.entry & VS_SLAT_WATCHED);
            assert_int_equal((leaf.entry & f->present) != 0, !of[i].held);
            assert_int_equal(vs_radix_rights(f, true, vs_radix_with(f, leaf.entry, 1)), 1);
        }
        assert_int_equal(vs_slat_split(&m.vm, gpa), VS_OK); /* nothing is left to split */
        assert_int_equal(m.vm.tables - tables, of[i].shift == 30 ? 2 : 1);
        end(&m);
    }
}

/* Each right withheld in the second dimension is an EPT violation that says what was asked for and
 * what was allowed (SDM 3C table 28-7). */
static void test_a_right_that_is_withheld_is_a_violation_that_says_so(void **state)
{
    (void)state;
    static const uint64_t rights[] = {0, 1, 3, 5, 4};
    struct vs_ept_config c;
    vs_defaults(&vs_ept_desc, &c);
    for (size_t i = 0; i < 5; i++) {
        for (unsigned ref = VS_REF_READ; ref <= VS_REF_FETCH; ref++) {
            struct fixture f;
            struct vs_slat_leaf leaf;
            uint64_t gpa, hpa, need = 1ull << ref;
            start(&f, &c, 12, 12);
            assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
            assert_true(vs_slat_find(&f.vm, gpa, &leaf));
            vs_slat_put(&f.vm, &leaf, vs_radix_with(&vs_radix_ept, leaf.entry, rights[i]));
            struct vs_translation w = walk(&f, VA, (enum vs_ref)ref);
            if (rights[i] & need) {
                assert_int_equal(w.fault, VS_FAULT_NONE);
            } else {
                assert_int_equal(w.fault, VS_FAULT_EPT_VIOLATION);
                assert_int_equal(w.gpa.v & ~4095ull, gpa);
                assert_int_equal(w.qualification, need | rights[i] << 3 | 3u << 7);
                assert_int_equal(w.rights, need);
            }
            stop(&f);
        }
    }
}

static void test_a_page_without_rights_keeps_its_frame(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    uint64_t gpa, hpa, again;
    unsigned shift;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    assert_true(vs_space_protect(&f.space, VA, 0, &shift));
    assert_true(vs_space_held(&f.space, VA));
    assert_false(vs_space_held(&f.space, VA + GIB));
    struct vs_translation w = walk(&f, VA, VS_REF_READ);
    assert_int_equal(w.fault, VS_FAULT_PAGE);
    assert_int_equal(w.error_code, 4); /* as if nothing were there */
    assert_true(vs_space_protect(&f.space, VA, VS_RIGHT_READ | VS_RIGHT_WRITE, &shift));
    assert_true(vs_space_locate(&f.space, VA, &again, &hpa));
    assert_int_equal(again, gpa);
    assert_int_equal(walk(&f, VA, VS_REF_WRITE).fault, VS_FAULT_NONE);
    assert_int_equal(walk(&f, VA, VS_REF_FETCH).error_code, 0x15); /* P, U, I/D */
    assert_true(vs_space_protect(&f.space, VA, 0, &shift));
    assert_true(vs_space_unmap(&f.space, VA, &shift)); /* its frame comes back */
    assert_int_equal(f.vm.guest.n_freed[0], 1);
    stop(&f);
}

/* What a hypervisor walks with for the guest of its guest's hypervisor: merged(a) =
 * outer(inner(a)), whoever of the three got its page first, and no frame but outer's. */
static void test_merged_tables_lead_where_both_together_do(void **state)
{
    (void)state;
    struct machine m;
    struct vs_vm inner, outer;
    begin(&m, &vs_radix_ept, 64 * MIB, 0, 1);
    assert_int_equal(vs_vm_init_format(&outer, &vs_radix_ept, m.phys, &m.host, 128 * MIB, 12,
                                       VS_FRAMES_RANDOM, 5),
                     VS_OK);
    assert_int_equal(vs_vm_init_format(&inner, &vs_radix_ept, m.phys, &m.host, 64 * MIB, 12,
                                       VS_FRAMES_RANDOM, 6),
                     VS_OK);
    vs_vm_place(&inner, &outer.guest, &outer.guest);
    m.vm.huge_shift = 0;
    m.vm.mapped = NULL;
    m.vm.inner = &inner;
    m.vm.outer = &outer;
    for (uint64_t page = 0; page < 64; page++) {
        uint64_t gpa = page * 37u % 64u << 12 | 0x123u, between, hpa, both;
        if (page % 3 == 0) {
            assert_int_equal(vs_vm_back(&inner, gpa), VS_OK);
        }
        assert_int_equal(vs_vm_back(&m.vm, gpa), VS_OK);
        assert_true(vs_vm_locate(&inner, gpa, &between));
        assert_true(vs_vm_locate(&outer, between, &both));
        assert_true(vs_vm_locate(&m.vm, gpa, &hpa));
        assert_int_equal(hpa, both);
    }
    assert_int_equal(outer.backed, 64);
    vs_vm_free(&inner);
    vs_vm_free(&outer);
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_block_gets_one_huge_frame_at_its_first_touch),
        cmocka_unit_test(test_a_block_that_reaches_beyond_guest_memory_gets_small_pages),
        cmocka_unit_test(test_a_block_with_a_small_page_in_it_stays_small),
        cmocka_unit_test(test_fragmentation_leaves_its_share_of_blocks_small_by_the_seed),
        cmocka_unit_test(test_without_a_contiguous_frame_pages_are_small),
        cmocka_unit_test(test_the_huge_page_is_that_of_the_granule),
        cmocka_unit_test(test_a_mixed_mapping_is_as_large_as_the_smaller_page),
        cmocka_unit_test(test_a_split_leaf_leads_where_it_led_with_the_same_flags),
        cmocka_unit_test(test_a_right_that_is_withheld_is_a_violation_that_says_so),
        cmocka_unit_test(test_a_page_without_rights_keeps_its_frame),
        cmocka_unit_test(test_merged_tables_lead_where_both_together_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
