/* SPDX-License-Identifier: MIT */
/* Laws of a translated kernel: which of its instructions call, which do not leave at all, and that
 * everything else is the world's inside. */
#include "bt/bt.h"

#include "virtsim/knob.h"
#include "virtsim/x86.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct vs_ledger *ledger;
    struct vs_bt_config config;
    struct vs_bt b;
    struct vs_world_port world;
    unsigned asked, left, entered; /* of the world inside */
};

static bool inner_leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap,
                         struct vs_exit *exit)
{
    struct fixture *f = ctx;
    (void)t;
    f->asked++;
    *exit = (struct vs_exit){.trap = trap->kind};
    return true;
}
static bool inner_leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    struct fixture *f = ctx;
    (void)t, (void)exit;
    f->left++;
    return true;
}
static bool inner_enter(void *ctx, struct vs_txn *t)
{
    struct fixture *f = ctx;
    (void)t;
    f->entered++;
    return true;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct vs_world_port inner = {
        .ctx = f, .leaves = inner_leaves, .leave = inner_leave, .enter = inner_enter};
    const struct vs_core_port core = {.ctx = f};
    vs_defaults(&vs_bt_desc, &f->config);
    f->ledger = vs_ledger_create(1);
    vs_bt_init(&f->b, &f->config, f->ledger, &inner, &core);
    f->world = vs_bt_world(&f->b);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

/* The whole of it, untimed; false: it does not leave. */
static bool go(struct fixture *f, struct vs_trap trap, struct vs_exit *exit)
{
    if (!f->world.leaves(f->world.ctx, NULL, &trap, exit)) {
        return false;
    }
    return f->world.leave(f->world.ctx, NULL, exit) && f->world.enter(f->world.ctx, NULL);
}

static void test_a_privileged_instruction_calls_and_the_world_inside_hears_nothing(void **state)
{
    struct fixture *f = *state;
    struct vs_exit exit;
    assert_true(go(f, (struct vs_trap){.kind = VS_TRAP_MSR_READ}, &exit));
    assert_string_equal(vs_op_name(exit.op), "callout.rdmsr");
    assert_false(exit.undecoded); /* its operands are in the translation */
    assert_int_equal(f->asked + f->left + f->entered, 0);
    assert_int_equal(f->b.count[VS_CNT_bt_callouts], 1);
}

static void test_what_is_short_does_not_leave(void **state)
{
    struct fixture *f = *state;
    struct vs_exit exit;
    const struct vs_trap list[] = {
        {.kind = VS_TRAP_FLAGS, .write = true},
        {.kind = VS_TRAP_FLAGS, .x86 = VS_X86_POPF},
        {.kind = VS_TRAP_DESCRIPTOR_TABLE, .x86 = VS_X86_SGDT},
        {.kind = VS_TRAP_CONTROL_REGISTER, .x86 = VS_X86_SMSW},
    };
    for (unsigned i = 0; i < 4u; i++) {
        assert_false(go(f, list[i], &exit));
    }
    assert_int_equal(f->b.count[VS_CNT_bt_in_cache], 4);
    assert_int_equal(f->asked, 0);
    assert_true(
        go(f, (struct vs_trap){.kind = VS_TRAP_DESCRIPTOR_TABLE, .x86 = VS_X86_LGDT}, &exit));
    assert_string_equal(vs_op_name(exit.op), "callout.table");
}

static void test_what_is_no_instruction_leaves_by_the_world_inside(void **state)
{
    struct fixture *f = *state;
    struct vs_exit exit;
    assert_true(go(f, (struct vs_trap){.kind = VS_TRAP_INTERRUPT, .number = 0xec}, &exit));
    assert_true(go(f, (struct vs_trap){.kind = VS_TRAP_EXCEPTION, .number = 6}, &exit));
    assert_int_equal(f->left, 2);
    assert_int_equal(f->entered, 2);
    assert_int_equal(f->b.count[VS_CNT_bt_callouts], 0);
}

static void test_the_fifth_store_to_a_guarded_table_calls(void **state)
{
    struct fixture *f = *state;
    struct vs_exit exit;
    const struct vs_trap store = {.kind = VS_TRAP_EXCEPTION, .number = 14, .error_code = 3};
    struct vs_trap absent = store, program = store;
    absent.error_code = 2;
    program.cpl = 3;
    for (unsigned i = 0; i < 4u; i++) {
        assert_true(go(f, store, &exit));
    }
    assert_int_equal(f->left, 4);
    assert_true(go(f, store, &exit));
    assert_string_equal(vs_op_name(exit.op), "callout.pf");
    assert_true(go(f, absent, &exit)); /* an ordinary fault, and a program's, stay faults */
    assert_true(go(f, program, &exit));
    assert_int_equal(f->left, 6);
    assert_int_equal(f->b.count[VS_CNT_bt_adapted], 1);
}

static void test_a_page_table_is_never_adapted_to_where_that_is_off(void **state)
{
    struct fixture *f = *state;
    struct vs_exit exit;
    f->b.config.adapt_after = 0;
    for (unsigned i = 0; i < 100u; i++) {
        assert_true(go(
            f, (struct vs_trap){.kind = VS_TRAP_EXCEPTION, .number = 14, .error_code = 3}, &exit));
    }
    assert_int_equal(f->left, 100);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_privileged_instruction_calls_and_the_world_inside_hears_nothing),
        LAW(test_what_is_short_does_not_leave),
        LAW(test_what_is_no_instruction_leaves_by_the_world_inside),
        LAW(test_the_fifth_store_to_a_guarded_table_calls),
        LAW(test_a_page_table_is_never_adapted_to_where_that_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
