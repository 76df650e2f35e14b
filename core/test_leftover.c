/* SPDX-License-Identifier: MIT */
/* Laws of files that are removed with the process that made them. */
#include "virtsim/leftover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HERE VS_BUILD_DIR "/tests/leftover_here"
#define WHOLE VS_BUILD_DIR "/tests/leftover_whole"
#define THERE VS_BUILD_DIR "/tests/leftover_there"

static void make(const char *path)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

static void test_what_is_not_whole_is_removed_and_what_is_stays(void **state)
{
    (void)state;
    make(HERE);
    make(WHOLE);
    assert_true(vs_leftover(HERE));
    assert_true(vs_leftover(WHOLE));
    vs_leftover_done(WHOLE);
    vs_leftover_remove();
    assert_int_not_equal(access(HERE, F_OK), 0);
    assert_int_equal(access(WHOLE, F_OK), 0);
    vs_leftover_done(HERE);
    unlink(WHOLE);
}

static void test_a_child_removes_its_own_files_only(void **state)
{
    (void)state;
    make(HERE);
    assert_true(vs_leftover(HERE));
    pid_t child = fork();
    if (child == 0) {
        make(THERE);
        _exit(vs_leftover(THERE) ? (vs_leftover_remove(), 0) : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(access(HERE, F_OK), 0);
    assert_int_not_equal(access(THERE, F_OK), 0);
    vs_leftover_remove();
    vs_leftover_done(HERE);
    assert_int_not_equal(access(HERE, F_OK), 0);
}

static void test_what_finds_no_place_is_said(void **state)
{
    (void)state;
    char path[5000], name[32];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_false(vs_leftover(path));
    for (unsigned i = 0; i <= VS_LEFTOVERS; i++) {
        snprintf(name, sizeof name, "leftover%u", i);
        assert_true(vs_leftover(name) == (i < VS_LEFTOVERS));
    }
    for (unsigned i = 0; i < VS_LEFTOVERS; i++) {
        snprintf(name, sizeof name, "leftover%u", i);
        vs_leftover_done(name);
    }
    assert_true(vs_leftover("again"));
    vs_leftover_done("again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_whole_is_removed_and_what_is_stays),
        cmocka_unit_test(test_a_child_removes_its_own_files_only),
        cmocka_unit_test(test_what_finds_no_place_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
