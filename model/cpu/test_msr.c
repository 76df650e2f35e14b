/* SPDX-License-Identifier: MIT */
/* Laws of model-specific registers that hold a value (SDM volume 4, APM volume 2 appendix A). */
#include "cpu/msr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_a_written_register_reads_back(void **state)
{
    (void)state;
    struct vs_msrs m;
    uint64_t v = 0;
    vs_msrs_reset(&m, VS_MSR_INTEL);
    assert_null(vs_msr_write(&m, 0xc0000103, 7));
    assert_null(vs_msr_write(&m, 0x175, 0xffff800000001000));
    assert_null(vs_msr_read(&m, 0xc0000103, &v));
    assert_int_equal(v, 7);
    assert_null(vs_msr_read(&m, 0x175, &v));
    assert_int_equal(v, 0xffff800000001000);
    assert_null(vs_msr_read(&m, 0x176, &v)); /* its neighbour on the same line */
    assert_int_equal(v, 0);
}

static void test_what_a_part_lacks_is_a_fault(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        bool intel, amd;
    } rows[] = {{0xc0000080, true, true},
                {0x3a, true, false},
                {0xc0010015, false, true},
                {0x12345, false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_msrs m;
        uint64_t v;
        vs_msrs_reset(&m, VS_MSR_INTEL);
        assert_int_equal(!vs_msr_read(&m, rows[i].index, &v), rows[i].intel);
        vs_msrs_reset(&m, VS_MSR_AMD);
        assert_int_equal(!vs_msr_read(&m, rows[i].index, &v), rows[i].amd);
    }
}

static void test_what_may_not_be_written_is_a_fault_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        uint64_t good, bad;
    } rows[] = {{0x48, 7, 8},
                {0xc0000082, 0x00007fffffffffff, 0x0000800000000000},
                {0x277, 0x0606060606060606, 0x0606060606060602},
                {0xc0000103, 0xffffffff, 0x100000000},
                {0x38f, 0x70000000f, 0x10}};
    struct vs_msrs m;
    uint64_t v;
    vs_msrs_reset(&m, VS_MSR_INTEL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_null(vs_msr_write(&m, rows[i].index, rows[i].good));
        assert_non_null(vs_msr_write(&m, rows[i].index, rows[i].bad));
        assert_null(vs_msr_read(&m, rows[i].index, &v));
        assert_int_equal(v, rows[i].good);
    }
    assert_non_null(vs_msr_write(&m, 0xfe, 0)); /* read only */
    assert_null(vs_msr_write(&m, 0x49, 1));
    assert_non_null(vs_msr_read(&m, 0x49, &v)); /* a command */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_written_register_reads_back),
        cmocka_unit_test(test_what_a_part_lacks_is_a_fault),
        cmocka_unit_test(test_what_may_not_be_written_is_a_fault_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
