/* SPDX-License-Identifier: MIT */
/* Which exit of an architecture a trap has that a trace of exits recorded. */
#include "virtsim/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* An architecture of three exits, two of one trap and of different codes. */
static const struct vs_op_desc list[] = {
    {"exit.tested.fetch", "a fetch", NULL, VS_TRAP_STAGE2_FAULT},
    {"exit.tested.access", "an access", NULL, VS_TRAP_STAGE2_FAULT},
    {"exit.tested.halt", "a halt", NULL, VS_TRAP_HALT},
};
static const uint32_t code[] = {0x20, 0x24, 0x1};
enum { N = sizeof list / sizeof list[0] };

static void test_of_several_exits_the_code_says_which(void **state)
{
    (void)state;
    enum vs_op op[N];
    vs_ops_register("tested", list, N, op);
    assert_int_equal(vs_ops_of_trap(op, code, N, VS_TRAP_STAGE2_FAULT, 0x24), 1);
    assert_int_equal(vs_ops_of_trap(op, code, N, VS_TRAP_STAGE2_FAULT, 0x20), 0);
}

static void test_without_a_code_of_the_trap_it_is_the_first(void **state)
{
    (void)state;
    enum vs_op op[N];
    vs_ops_register("tested", list, N, op);
    assert_int_equal(vs_ops_of_trap(op, code, N, VS_TRAP_STAGE2_FAULT, 0x1), 0);
    assert_int_equal(vs_ops_of_trap(op, code, N, VS_TRAP_HALT, UINT64_MAX), 2);
}

static void test_an_architecture_may_lack_the_trap(void **state)
{
    (void)state;
    enum vs_op op[N];
    vs_ops_register("tested", list, N, op);
    assert_int_equal(vs_ops_of_trap(op, code, N, VS_TRAP_PIO, 0x20), -1);
}

/* Tools register when they need names, and the machine does: nothing is there twice. */
static void test_registering_again_gives_the_same_operations_and_names(void **state)
{
    enum vs_op first[N], again[N], found[VS_OP_SAME];
    size_t n, more;
    (void)state;
    vs_ops_register("tested", list, N, first);
    (void)vs_op_aliases(&n);
    vs_ops_register("tested", list, N, again);
    const struct vs_op_alias *a = vs_op_aliases(&more);
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(n, more);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(a[i].op != a[k].op || strcmp(a[i].alias, a[k].alias) != 0);
        }
    }
    assert_int_equal(vs_op_resolve("exit.tested", "tested", found), 3);
    assert_int_equal(found[0], first[0]);
    assert_int_equal(vs_op_resolve("exit.stage2_fault", "tested", found), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_several_exits_the_code_says_which),
        cmocka_unit_test(test_without_a_code_of_the_trap_it_is_the_first),
        cmocka_unit_test(test_an_architecture_may_lack_the_trap),
        cmocka_unit_test(test_registering_again_gives_the_same_operations_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
