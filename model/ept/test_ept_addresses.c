/* SPDX-License-Identifier: MIT */
/* Laws of addresses at the edges: where formats, processors and memories end, on which side of the
 * hole between two halves, and what is given back. */
#include "test_ept.h"

static void test_an_arm_output_address_beyond_the_processors_is_an_address_size_fault(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    struct vs_radix_format g = arm(1, 12, 16, 0), n = arm(2, 12, 24, 1);
    everything_off(&c);
    c.physical_bits = 40;
    for (unsigned level = 1; level <= 4; level++) { /* stage 1 */
        uint64_t at[VS_RADIX_LEVELS + 1u];
        start_formats(&f, &c, &g, &n, 12, 0);
        assert_int_equal(vs_space_path(&f.space, VA, at), 1);
        vs_hpa h = {at[level]};
        vs_phys_write64(f.phys, h, vs_phys_read64(f.phys, h) | 1ull << 40);
        struct vs_translation w = walk(&f, VA, VS_REF_WRITE);
        assert_int_equal(w.fault, VS_FAULT_PAGE);
        assert_int_equal(w.qualification, (4u - level) | 1u << 6); /* DFSC 0000LL, WnR */
        assert_int_equal(vs_space_malformed(&f.space, VA, 40), level);
        vs_phys_write64(f.phys, h, vs_phys_read64(f.phys, h) & ~(1ull << 40));
        assert_int_equal(walk(&f, VA, VS_REF_WRITE).fault, VS_FAULT_NONE);
        assert_int_equal(vs_space_malformed(&f.space, VA, 40), 0);
        stop(&f);
    }
    uint64_t gpa, hpa;
    vs_hpa at;
    unsigned level;
    start_formats(&f, &c, &g, &n, 12, 12); /* stage 2 */
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    assert_true(vs_radix_find(f.phys, &n, f.vm.ept_root, gpa, NULL, &at, &level));
    vs_phys_write64(f.phys, at, vs_phys_read64(f.phys, at) | 1ull << 41);
    struct vs_translation w = walk(&f, VA, VS_REF_READ);
    assert_int_equal(w.fault, VS_FAULT_EPT_VIOLATION);
    assert_int_equal(w.qualification, 3); /* level 3, of the final address */
    stop(&f);
}

/* Two roots, each with its own width: the address says which. */
static void test_bit_55_chooses_the_root_and_the_hole_between_faults(void **state)
{
    (void)state;
    static const unsigned widths[][2] = {{16, 16}, {25, 16}, {16, 25}, {25, 25}};
    for (int i = 0; i < 4; i++) {
        for (unsigned host = 0; host <= 12; host += 12) {
            struct vs_radix_format g = arm(1, 12, widths[i][0], 0), n = arm(2, 12, 24, 1),
                                   upper = arm(1, 12, widths[i][1], 0);
            struct vs_ept_config c;
            struct fixture f;
            uint64_t low = VA, high = UINT64_MAX << upper.input_bits | VA, gpa[2], hpa[2];
            vs_defaults(&vs_ept_desc, &c);
            start_formats(&f, &c, &g, &n, 12, host);
            vs_ept_upper(&f.ept, &upper);
            vs_space_upper(&f.space, &upper);
            /* no walks before there is a root */
            assert_int_equal(walk(&f, high, VS_REF_READ).qualification, 4);
            assert_int_equal(vs_space_touch(&f.space, high, 12, true, true), VS_OK);
            f.context.upper = f.space.upper_cr3;
            vs_ept_context(&f.ept, &f.context);
            f.ept.cfg.verify = 1;
            for (int again = 0; again < 2; again++) {
                assert_true(vs_space_locate(&f.space, low, &gpa[0], &hpa[0]));
                assert_true(vs_space_locate(&f.space, high, &gpa[1], &hpa[1]));
                assert_true(gpa[0] != gpa[1]);
                assert_int_equal(walk(&f, low, VS_REF_READ).hpa.v, hpa[0]);
                assert_int_equal(walk(&f, high, VS_REF_READ).hpa.v, hpa[1]);
            }
            assert_int_equal(f.ept.count[VS_CNT_ept_disagreements], 0);
            assert_int_equal(f.ept.count[VS_CNT_ept_verified], 4);
            uint64_t hole[] = {1ull << g.input_bits, high & ~(1ull << upper.input_bits), 1ull << 55,
                               high & ~(1ull << 55), high & ~(1ull << 63)};
            for (int k = 0; k < 5; k++) {
                struct vs_translation w = walk(&f, hole[k], VS_REF_READ);
                assert_int_equal(w.fault, VS_FAULT_PAGE);
                assert_int_equal(w.qualification, 4); /* translation fault, level 0 */
                assert_false(vs_space_reaches(&f.space, hole[k]));
                assert_int_equal(vs_space_touch(&f.space, hole[k], 12, true, true), VS_E_BOUNDS);
            }
            /* a kernel's pages stay when one address space is left: they are global */
            (void)vs_ept_flush(&f.ept, NULL, VS_FLUSH_PCID, f.context.vpid, 0, 0, (vs_gva){0});
            assert_false(probe(&f, low, VS_REF_READ));
            assert_true(probe(&f, high, VS_REF_READ));
            stop(&f);
        }
    }
}

static void test_bare_metal_holds_no_translation_to_where_no_memory_is(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 0);
    f.ept.memory_end = 64 * GIB;
    assert_int_equal(vs_space_map_at(&f.space, VA + 4096, 64 * GIB, 12, true), VS_OK);
    assert_int_equal(vs_space_map_at(&f.space, VA + 8192, 64 * GIB - 4096, 12, true), VS_OK);
    struct vs_translation w = walk(&f, VA + 4096 + 8, VS_REF_READ);
    assert_int_equal(w.fault, VS_FAULT_NO_MEMORY);
    assert_int_equal(w.gpa.v, 64 * GIB + 8);
    assert_false(probe(&f, VA + 4096, VS_REF_READ));
    assert_int_equal(walk(&f, VA + 8192, VS_REF_READ).fault, VS_FAULT_NONE);
    stop(&f);
}

static void test_what_is_unmapped_is_given_out_again_whatever_its_size(void **state)
{
    (void)state;
    static const struct {
        unsigned granule, shift;
    } c[] = {{12, 12}, {12, 21}, {12, 30}, {14, 14}, {14, 25}, {16, 16}, {16, 29}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        for (unsigned host = 0; host <= 12; host += 12) {
            struct vs_radix_format g = arm(1, c[i].granule, 16, 0), n = arm(2, 12, 24, 1);
            struct vs_ept_config cfg;
            struct fixture f;
            unsigned shift;
            uint64_t gpa, first = 0;
            everything_off(&cfg);
            start_formats(&f, &cfg, &g, &n, c[i].granule, host);
            for (int again = 0; again < 100; again++) { /* far more than there is */
                uint64_t at = 1ull << 40;
                assert_int_equal(vs_space_touch(&f.space, at, c[i].shift, true, false), VS_OK);
                assert_true(vs_space_find(&f.space, at, &gpa));
                first = again ? first : gpa;
                assert_int_equal(gpa, first);
                assert_true(vs_space_unmap(&f.space, at, &shift));
                assert_int_equal(shift, c[i].shift);
            }
            stop(&f);
        }
    }
}

/* KVM's device pages: not readable, but writable and executable. */
static void test_a_devices_page_is_misconfigured_and_memory_is_not(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    uint64_t hpa;
    everything_off(&c);
    start(&f, &c, 12, 12);
    uint64_t beyond = f.vm.bytes + 8192;
    assert_int_equal(vs_space_map_at(&f.space, VA + 4096, beyond, 12, true), VS_OK);
    struct vs_translation w = walk(&f, VA + 4096 + 16, VS_REF_READ);
    assert_int_equal(w.fault, VS_FAULT_EPT_VIOLATION);
    assert_int_equal(w.gpa.v, beyond + 16);
    assert_false(w.table);
    assert_int_equal(vs_vm_device(&f.vm, beyond + 16), VS_OK);
    assert_int_equal(walk(&f, VA + 4096, VS_REF_READ).fault, VS_FAULT_EPT_MISCONFIG);
    assert_false(vs_vm_locate(&f.vm, beyond, &hpa));
    assert_int_equal(vs_vm_device(&f.vm, 4096), VS_E_CONFIG); /* it is memory */
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_arm_output_address_beyond_the_processors_is_an_address_size_fault),
        cmocka_unit_test(test_bit_55_chooses_the_root_and_the_hole_between_faults),
        cmocka_unit_test(test_bare_metal_holds_no_translation_to_where_no_memory_is),
        cmocka_unit_test(test_what_is_unmapped_is_given_out_again_whatever_its_size),
        cmocka_unit_test(test_a_devices_page_is_misconfigured_and_memory_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
