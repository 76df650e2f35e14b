/* SPDX-License-Identifier: MIT */
/* Laws of shares: a source that fixes a sum vouches for who holds the sum, and for nobody else. */
#include "explain/tree.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A run in which exit.cpuid holds both parts of a group and exit.hlt one of them. */
static struct vs_db *made(const char *more)
{
    static const char sql[] =
        "INSERT INTO run VALUES (1, 'run', 'w', 'h', '', 'm', 1, 0, 0, '');"
        "INSERT INTO knob_own VALUES (1, 'vmcs.unexplained', '90', 'cycles', 's', 'assumed', 'd'),"
        " (1, 'vmcs.entry.fetch', '90', 'cycles', 's', 'assumed', 'd'),"
        " (1, 'vmcs.exit.resume', '0', 'cycles', 's', 'assumed', 'd'),"
        " (1, 'vmcs.instruction.vmread', '20', 'cycles', 's', 'assumed', 'd');"
        "INSERT INTO evidence_group VALUES (1, 'g', 'vmcs.unexplained', '1X061', 'measured'),"
        " (1, 'g', 'vmcs.entry.fetch', '1X061', 'measured'),"
        " (1, 'g', 'vmcs.exit.resume', '1X061', 'measured');"
        "INSERT INTO op VALUES (1, 'vcpu0/host', 'exit.cpuid', 2, 400, 200, 200, 200, 200, 200),"
        " (1, 'vcpu0/host', 'exit.hlt', 1, 190, 190, 190, 190, 190, 190);"
        "INSERT INTO part VALUES"
        " (1, 'vcpu0/host', 'exit.cpuid', 'vmcs.unexplained', 'work', 2, 180),"
        " (1, 'vcpu0/host', 'exit.cpuid', 'vmcs.entry.fetch', 'work', 2, 180),"
        " (1, 'vcpu0/host', 'exit.cpuid', 'vmcs.instruction.vmread', 'work', 2, 40),"
        " (1, 'vcpu0/host', 'exit.hlt', 'vmcs.unexplained', 'work', 1, 190);";
    struct vs_db *db = NULL;
    char err[1200];
    assert_int_equal(vs_db_open(":memory:", true, &db, err, sizeof err), VS_OK);
    sqlite3 *h = vs_db_handle(db);
    assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, more, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static double share(struct vs_db *db, const char *op)
{
    struct vs_tree t;
    assert_int_equal(vs_tree_build(db, 1, NULL, op, &t), VS_OK);
    double s = t.assumed_share;
    vs_tree_free(&t);
    return s;
}

static void test_who_holds_the_whole_group_counts_its_sum_as_measured(void **state)
{
    struct vs_db *db = made("");
    (void)state;
    assert_true(share(db, "exit.cpuid") > 0.0999 && share(db, "exit.cpuid") < 0.1001); /* VMREAD */
    vs_db_close(db);
}

static void test_who_holds_a_part_of_it_counts_the_part_as_assumed(void **state)
{
    struct vs_db *db = made("");
    (void)state;
    assert_true(share(db, "exit.hlt") > 0.9999);
    vs_db_close(db);
}

static void test_parts_alone_hold_what_they_hold_of_a_group(void **state)
{
    struct vs_db *db = made("");
    struct vs_tree t;
    (void)state;
    assert_int_equal(vs_tree_build_parts(db, 1, NULL, "exit.cpuid", "vmcs.un", &t), VS_OK);
    assert_true(t.total_ps > 89.9 && t.total_ps < 90.1);
    assert_true(t.assumed_share > 0.9999);
    vs_tree_free(&t);
    vs_db_close(db);
}

static void test_a_knob_that_costs_something_elsewhere_is_missing_here(void **state)
{
    /* the zero of vmcs.exit.resume was held by everybody; 5 cycles are held by nobody here */
    struct vs_db *db = made("UPDATE knob_own SET value = '5' WHERE path = 'vmcs.exit.resume'");
    (void)state;
    assert_true(share(db, "exit.cpuid") > 0.9999);
    vs_db_close(db);
}

static void test_a_part_is_as_weak_as_its_weakest_price(void **state)
{
    /* cpu.instruction is priced by the instructions' pace and the clock; the group has the first */
    struct vs_db *db =
        made("INSERT INTO knob_own VALUES (1, 'cpu.ipc', '2', 'x', 's', 'assumed', 'd'),"
             " (1, 'cpu.clock.mhz', '2600', 'MHz', 's', 'assumed', 'd');"
             "INSERT INTO evidence_group VALUES (1, 'g', 'cpu.ipc', '1X064', 'measured');"
             "INSERT INTO part VALUES (1, 'vcpu0/host', 'exit.cpuid', 'cpu.instruction', 'work', "
             "2, 600);"
             "UPDATE op SET total_ps = 1000 WHERE op = 'exit.cpuid'");
    (void)state;
    assert_true(share(db, "exit.cpuid") > 0.6399); /* the clock is assumed, and VMREAD */
    assert_int_equal(sqlite3_exec(vs_db_handle(db),
                                  "UPDATE knob_own SET evidence = 'documented' WHERE path = "
                                  "'cpu.clock.mhz'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_true(share(db, "exit.cpuid") < 0.0401);
    vs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_holds_the_whole_group_counts_its_sum_as_measured),
        cmocka_unit_test(test_who_holds_a_part_of_it_counts_the_part_as_assumed),
        cmocka_unit_test(test_parts_alone_hold_what_they_hold_of_a_group),
        cmocka_unit_test(test_a_knob_that_costs_something_elsewhere_is_missing_here),
        cmocka_unit_test(test_a_part_is_as_weak_as_its_weakest_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
