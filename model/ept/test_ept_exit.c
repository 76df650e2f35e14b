/* SPDX-License-Identifier: MIT */
/* Laws of a walk that a VM exit cuts short. */
#include "test_ept.h"

#define FRESH (VA + 64 * 4096)

static uint64_t frame(struct vs_space *s, uint64_t at)
{
    uint64_t gpa = 0, hpa = 0;
    assert_true(vs_space_locate(s, at, &gpa, &hpa));
    return hpa;
}

/* The guest's walk ends in an EPT violation, the host's handler uses the same virtual address, and
 * the walk is made again: what either filled carries its own tags, with and without VPID. */
static void test_a_walk_under_way_at_an_exit_keeps_its_own_tags(void **state)
{
    (void)state;
    struct vs_ept_config c;
    vs_defaults(&vs_ept_desc, &c);
    struct fixture f;
    struct vs_space host;
    start(&f, &c, 12, 12);
    assert_int_equal(vs_space_init(&host, f.phys, NULL, &f.host), VS_OK);
    assert_int_equal(vs_space_touch(&host, FRESH, 12, true, true), VS_OK);
    assert_int_equal(vs_space_touch(&f.space, FRESH, 12, true, false), VS_OK);
    const struct vs_ept_context root = {0, 0, host.cr3, 0, 0};

    struct vs_translation t = walk(&f, FRESH, VS_REF_READ);
    assert_int_equal(t.fault, VS_FAULT_EPT_VIOLATION);
    vs_ept_context(&f.ept, &root);
    assert_false(probe(&f, FRESH, VS_REF_READ)); /* the cut walk has left no mapping */
    assert_int_equal(walk(&f, FRESH, VS_REF_READ).hpa.v, frame(&host, FRESH));
    assert_int_equal(vs_vm_back(&f.vm, t.gpa.v), VS_OK);

    vs_ept_context(&f.ept, &f.context);
    assert_false(probe(&f, FRESH, VS_REF_READ)); /* the host's is not the guest's */
    assert_int_equal(walk(&f, FRESH, VS_REF_READ).hpa.v, frame(&f.space, FRESH));
    assert_true(frame(&f.space, FRESH) != frame(&host, FRESH));
    vs_ept_context(&f.ept, &root);
    assert_true(probe(&f, FRESH, VS_REF_READ));
    assert_int_equal(walk(&f, FRESH, VS_REF_READ).hpa.v, frame(&host, FRESH));
    stop(&f);
}

/* A host's own translation never meets the second dimension, nor does it fill its caches. */
static void test_without_a_second_stage_no_nested_structure_is_asked_or_filled(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 0);
    for (uint64_t i = 0; i < 64; i++) {
        assert_int_equal(vs_space_touch(&f.space, VA + i * 4096, 12, true, true), VS_OK);
        assert_int_equal(walk(&f, VA + i * 4096, VS_REF_READ).fault, VS_FAULT_NONE);
    }
    assert_true(f.ept.count[VS_CNT_ept_refs_guest] > 0);
    assert_int_equal(f.ept.count[VS_CNT_ept_refs_nested], 0);
    assert_int_equal(f.ept.count[VS_CNT_ept_nested_hits] + f.ept.count[VS_CNT_ept_nested_misses],
                     0);
    assert_int_equal(vs_settab_used(&f.ept.nested), 0);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_walk_under_way_at_an_exit_keeps_its_own_tags),
        cmocka_unit_test(test_without_a_second_stage_no_nested_structure_is_asked_or_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
