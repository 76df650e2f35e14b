/* SPDX-License-Identifier: MIT */
/* Laws of the tables that the build makes of the shipped hypervisors' files: who has no Lua runs
 * the same programs. */
#include "home.h"
#include "lua/machine.h"
#include "platform.h"
#include "software.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
    assert_int_equal(vs_knobs_find(sum, "hypervisor.path_in.fixed.cycles")->value, 800);
    assert_int_equal(vs_knobs_find(kvm, "hypervisor.path_in.fixed.cycles")->value, 0);
    vs_knobs_destroy(kvm);
    vs_knobs_destroy(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_machine_runs_the_table_of_its_hypervisors_file),
        cmocka_unit_test(test_the_knobs_of_two_hypervisors_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
