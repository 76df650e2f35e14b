/* SPDX-License-Identifier: MIT */
/* Laws of phases: their rows are the exit's time, each charge in the phase in which it came. */
#include "explain/phase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An exit on AMD: lines of the save area, a handler that loads and executes, lines on the way in.
 * The mean of two exits is twice what the sampled one took in memory. */
static const char *const tape[][2] = {
    {"svm.unexplained", "100"},
    {"svm.exit.save_guest", "10"},
    {"memory.l1_hit", "4"},
    {"memory.l2_hit", "6"},
    {"svm.exit.load_host", "20"},
    {"memory.l1_hit", "4"},
    {"svm.instruction.stgi", "8"},
    {"memory.l1_hit", "8"},
    {"hypervisor.path_in.common", "50"},
    {"memory.l1_hit", "4"},
    {"hypervisor.cpu_id.search", "30"},
    {"memory.l2_hit", "6"},
    {"svm.instruction.stgi", "8"},
    {"svm.entry.tlb", "90"},
    {"svm.entry.load_guest", "12"},
    {"memory.l1_hit", "4"},
};

static struct vs_db *made(void)
{
    struct vs_db *db = NULL;
    char err[1200], sql[400];
    assert_int_equal(vs_db_open(":memory:", true, &db, err, sizeof err), VS_OK);
    sqlite3 *h = vs_db_handle(db);
    sqlite3_exec(h, "INSERT INTO run VALUES (1, 'run', 'w', 'h', '', 'm', 1, 0, 0, '');", NULL,
                 NULL, NULL);
    long total = 0;
    for (size_t i = 0; i < sizeof tape / sizeof tape[0]; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO charge VALUES (1, 'a', 'exit.cpuid', 0, %zu, '%s', 0, %s);"
                 "INSERT INTO part VALUES (1, 'a', 'exit.cpuid', '%s', 'work', 2, 2 * %s) ON "
                 "CONFLICT DO UPDATE SET n = n + 2, total_ps = total_ps + 2 * %s",
                 i, tape[i][0], tape[i][1], tape[i][0], tape[i][1], tape[i][1]);
        assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
        total += 2 * strtol(tape[i][1], NULL, 10);
    }
    snprintf(sql, sizeof sql, "INSERT INTO op VALUES (1, 'a', 'exit.cpuid', 2, %ld, 1, 1, 1, 1, 1)",
             total);
    assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static struct vs_phases phases_of(struct vs_db *db)
{
    struct vs_tree t;
    struct vs_phases p;
    assert_int_equal(vs_tree_build(db, 1, NULL, "exit.cpuid", &t), VS_OK);
    assert_int_equal(vs_phases_build(db, 1, &t, &p), VS_OK);
    double rows = 0, sums = 0;
    for (size_t i = 0; i < p.n; i++) {
        rows += p.row[i].ps;
    }
    for (int i = 0; i < VS_PHASE_N; i++) {
        sums += p.ps[i];
    }
    assert_true(rows > t.total_ps - 1e-6 && rows < t.total_ps + 1e-6);
    assert_true(sums > t.total_ps - 1e-6 && sums < t.total_ps + 1e-6);
    vs_tree_free(&t);
    return p;
}

static void is(const struct vs_phases *p, enum vs_phase phase, double ps)
{
    if (p->ps[phase] < ps - 1e-6 || p->ps[phase] > ps + 1e-6) {
        fail_msg("%s: %g, not %g", vs_phase_name(phase), p->ps[phase], ps);
    }
}

static void test_a_reference_counts_in_the_phase_that_made_it(void **state)
{
    struct vs_db *db = made();
    struct vs_phases p = phases_of(db);
    (void)state;
    assert_true(p.timed);
    is(&p, VS_PHASE_EXIT, 100);
    is(&p, VS_PHASE_SAVE, 10 + 4 + 6);
    is(&p, VS_PHASE_LOAD_HOST, 20 + 4 + 8);
    is(&p, VS_PHASE_COMMON, 8 + 50);     /* a step's references come before what it executes */
    is(&p, VS_PHASE_REASON, 4 + 30 + 6); /* and behind the last step they are still its own */
    is(&p, VS_PHASE_LOAD_GUEST, 8 + 12 + 4);
    is(&p, VS_PHASE_ENTRY, 90);
    is(&p, VS_PHASE_OTHER, 0);
    vs_phases_free(&p);
    vs_db_close(db);
}

static void test_phases_stand_in_the_order_of_time_and_parts_in_that_of_their_charges(void **state)
{
    struct vs_db *db = made();
    struct vs_phases p = phases_of(db);
    (void)state;
    for (size_t i = 1; i < p.n; i++) {
        assert_true(p.row[i - 1].phase <= p.row[i].phase);
    }
    assert_string_equal(p.row[1].account, "svm.exit.save_guest");
    assert_string_equal(p.row[2].account, "memory.l1_hit");
    vs_phases_by_size(&p);
    assert_string_equal(p.row[1].account, "svm.exit.save_guest"); /* 10, 6, 4 */
    assert_string_equal(p.row[2].account, "memory.l2_hit");
    vs_phases_free(&p);
    vs_db_close(db);
}

static void test_what_is_folded_is_still_counted(void **state)
{
    struct vs_db *db = made();
    struct vs_phases p = phases_of(db);
    (void)state;
    double before = 0, after = 0;
    for (size_t i = 0; i < p.n; i++) {
        before += p.row[i].ps;
    }
    size_t n = p.n;
    vs_phases_fold(&p, 0.02);
    for (size_t i = 0; i < p.n; i++) {
        after += p.row[i].ps;
    }
    assert_true(p.n < n);
    assert_true(before > after - 1e-6 && before < after + 1e-6);
    assert_string_equal(p.row[2].account, "2 smaller parts"); /* of saving the guest: 4 and 6 */
    vs_phases_free(&p);
    vs_db_close(db);
}

static void test_without_spans_accounts_stand_where_their_phase_is_known(void **state)
{
    struct vs_db *db = made();
    (void)state;
    sqlite3_exec(vs_db_handle(db), "DELETE FROM charge", NULL, NULL, NULL);
    struct vs_phases p = phases_of(db);
    assert_false(p.timed);
    is(&p, VS_PHASE_EXIT, 100);
    is(&p, VS_PHASE_COMMON, 50);
    is(&p, VS_PHASE_OTHER, 4 + 6 + 4 + 8 + 8 + 4 + 6 + 8 + 4); /* references, STGI */
    vs_phases_free(&p);
    vs_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reference_counts_in_the_phase_that_made_it),
        cmocka_unit_test(test_phases_stand_in_the_order_of_time_and_parts_in_that_of_their_charges),
        cmocka_unit_test(test_what_is_folded_is_still_counted),
        cmocka_unit_test(test_without_spans_accounts_stand_where_their_phase_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
