/* SPDX-License-Identifier: MIT */
/* Laws of the tables that the build makes of the shipped hypervisors' files: who has no Lua runs
 * the same programs. */
#include "home.h"
#include "lua/machine.h"
#include "platform.h"
#include "renames.h"
#include "software.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A machine's knobs as its file states them. */
static struct vs_knobs *knobs_of(const char *machine)
{
    size_t n;
    struct vs_errors errors = {NULL, 0};
    const struct vs_component_desc *const *c = vs_components(&n);
    struct vs_knobs *k = vs_knobs_create(c, n);
    assert_non_null(k);
    vs_operations();
    if (vs_machine_load(VS_SOURCE_DIR, machine, k, NULL, &errors)) {
        fail_msg("%s", errors.n ? errors.text[0] : machine);
    }
    vs_errors_free(&errors);
    return k;
}

/* What was read of a file is the table, word for word: linking the two gives one set. */
static void one(void *ctx, const char *name, const char *path)
{
    size_t *n = ctx;
    struct vs_knobs *k = knobs_of(name);
    const struct vs_program_set *set = vs_program_set_of(k);
    (void)path;
    assert_ptr_equal(set, vs_software(set->desc->name));
    vs_knobs_destroy(k);
    ++*n;
}

static void test_each_machine_runs_the_table_of_its_hypervisors_file(void **state)
{
    size_t n = 0;
    (void)state;
    vs_machine_each(VS_SOURCE_DIR, one, &n);
    assert_true(n > 10);
}

static void test_the_knobs_of_two_hypervisors_do_not_mix(void **state)
{
    (void)state;
    struct vs_knobs *kvm = knobs_of("skylake_sp_kvm"), *sum = knobs_of("document");
    assert_non_null(vs_knobs_find(kvm, "hypervisor.cpu_id.search.instructions"));
    assert_null(vs_knobs_find(sum, "hypervisor.cpu_id.search.instructions"));
    assert_null(vs_knobs_find(sum, "hypervisor.stub.leave.instructions"));
    assert_int_equal(vs_knobs_find(sum, "hypervisor.path_in.fixed.cycles")->value, 800);
    assert_int_equal(vs_knobs_find(kvm, "hypervisor.path_in.fixed.cycles")->value, 0);
    vs_knobs_destroy(kvm);
    vs_knobs_destroy(sum);
}

/* What one program was is several steps: an old name's value is their sum, divided as they are. */
static void test_a_knob_that_became_several_is_divided_among_them(void **state)
{
    (void)state;
    static const char *const parts[] = {"stub.leave",       "path_in.exit",     "path_in.dispatch",
                                        "path_out.pending", "path_out.prepare", "stub.enter"};
    struct vs_errors errors = {NULL, 0};
    struct vs_origin who = {VS_RANK_CLI, "--set", "the request", VS_GRADE_assumed};
    vs_knobs_renamed_by(vs_renamed_knobs);
    for (int twice = 1; twice <= 2; twice++) {
        struct vs_knobs *k = knobs_of("skylake_sp_kvm");
        uint64_t sum = 0;
        assert_int_equal(vs_knobs_set(k, "hypervisor.common.instructions",
                                      twice == 1 ? "1440" : "2881", &who, &errors),
                         VS_OK);
        for (size_t i = 0; i < 6; i++) {
            char path[80];
            snprintf(path, sizeof path, "hypervisor.%s.instructions", parts[i]);
            const struct vs_knob *part = vs_knobs_find(k, path);
            assert_non_null(part);
            assert_true(part->value >= part->desc->def * (uint64_t)twice);
            assert_true(part->value <= part->desc->def * (uint64_t)twice + 1);
            sum += part->value;
        }
        assert_int_equal(sum, 1440 * twice + (twice == 2));
        vs_knobs_destroy(k);
    }
    struct vs_knobs *k = knobs_of("document"); /* has none of them */
    assert_int_equal(vs_knobs_set(k, "hypervisor.cpuid.instructions", "5", &who, &errors),
                     VS_E_UNKNOWN);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.text[0], "is 'hypervisor.cpu_id.search.instructions' now"));
    vs_errors_free(&errors);
    vs_knobs_renamed_by(NULL);
    vs_knobs_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_machine_runs_the_table_of_its_hypervisors_file),
        cmocka_unit_test(test_the_knobs_of_two_hypervisors_do_not_mix),
        cmocka_unit_test(test_a_knob_that_became_several_is_divided_among_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
