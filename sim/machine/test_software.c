/* SPDX-License-Identifier: MIT */
/* Laws of the tables that the build makes of the shipped hypervisors' files: who has no Lua runs
 * the same programs. */
#include "home.h"
#include "lua/machine.h"
#include "lua/programs.h"
#include "machine_impl.h"
#include "platform.h"
#include "renames.h"
#include "request/request.h"
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
    (void)path;
    for (int role = 0; role < VS_ROLES; role++) {
        const struct vs_program_set *set = vs_program_set_of(k, (enum vs_role)role);
        assert_ptr_equal(set, vs_software((enum vs_role)role, set->desc->name));
    }
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

static void same_knob(const struct vs_knob_desc *a, const struct vs_knob_desc *b)
{
    assert_string_equal(a->path, b->path);
    assert_int_equal(a->kind, b->kind);
    assert_true(a->def == b->def && a->min == b->min && a->max == b->max);
    assert_string_equal(a->unit, b->unit);
    assert_true(!a->choices && !b->choices); /* a step's number is none */
    assert_int_equal(a->grade, b->grade);
    assert_string_equal(a->source, b->source);
    assert_string_equal(a->text, b->text);
    assert_int_equal(a->offset, b->offset);
}

static void same_program(const struct vs_program *a, const struct vs_program *b)
{
    assert_true(a->trap == b->trap && a->user == b->user && a->guest == b->guest);
    assert_int_equal(a->first, b->first);
    for (size_t i = 0; i < a->desc->n; i++) {
        assert_memory_equal(&a->step[i], &b->step[i], offsetof(struct vs_step, desc));
        assert_ptr_equal(a->step[i].desc, &a->desc->step[i]);
    }
}

/* Every field of the set that the build has linked is what linking its description gives here. */
static void test_the_builds_set_is_what_its_description_is_linked_to(void **state)
{
    static struct vs_program_set_desc again[64]; /* as long as the sets */
    struct vs_errors errors = {NULL, 0};
    size_t n = 0;
    (void)state;
    for (; vs_software_tables[n].name && n < 64; n++) {
        again[n] = vs_software_tables[n];
        again[n].name = "linked again";
        again[n].linked = NULL;
        const struct vs_program_set *built = vs_software_tables[n].linked,
                                    *set = vs_program_set_link(&again[n], NULL, NULL, &errors);
        assert_true(built && set && built != set);
        const struct vs_component_desc *a = &built->component, *b = &set->component;
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->n_knobs, b->n_knobs);
        assert_int_equal(a->n_accounts, b->n_accounts);
        assert_int_equal(a->n_counters, b->n_counters);
        assert_int_equal(a->config_bytes, b->config_bytes);
        for (size_t i = 0; i < a->n_knobs; i++) {
            same_knob(&a->knobs[i], &b->knobs[i]);
        }
        for (size_t i = 0; i < a->n_accounts; i++) {
            assert_string_equal(a->accounts[i].path, b->accounts[i].path);
            assert_string_equal(a->accounts[i].priced_by, b->accounts[i].priced_by);
            assert_int_equal(a->accounts[i].wait, b->accounts[i].wait);
            assert_string_equal(a->accounts[i].text, b->accounts[i].text);
        }
        assert_memory_equal(built->by_trap, set->by_trap, sizeof set->by_trap);
        assert_int_equal(built->otherwise, set->otherwise);
        assert_int_equal(built->n_steps, set->n_steps);
        for (size_t i = 0; i < again[n].n; i++) {
            same_program(&built->program[i], &set->program[i]);
        }
    }
    assert_true(n > 1);
    vs_errors_free(&errors);
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
    vs_knobs_renamed_by(vs_renamed_knobs, vs_renamed_part);
    for (int twice = 1; twice <= 2; twice++) {
        struct vs_knobs *k = knobs_of("skylake_sp_kvm");
        uint64_t sum = 0;
        assert_int_equal(vs_knobs_set(k, "hypervisor.common.instructions",
                                      twice == 1 ? "1488" : "2977", &who, &errors),
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
        assert_int_equal(sum, 1488 * twice + (twice == 2));
        vs_knobs_destroy(k);
    }
    struct vs_knobs *k = knobs_of("document"); /* has none of them */
    assert_int_equal(vs_knobs_set(k, "hypervisor.cpuid.instructions", "5", &who, &errors),
                     VS_E_UNKNOWN);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.text[0], "is 'hypervisor.cpu_id.search.instructions' now"));
    vs_errors_free(&errors);
    vs_knobs_renamed_by(NULL, NULL);
    vs_knobs_destroy(k);
}

/* What was two knobs is one: a recording of before says both, and means their sum; one alone, or a
 * later word of the same one, is what it says. */
static void test_two_knobs_that_became_one_are_added_up(void **state)
{
    (void)state;
    struct vs_errors errors = {NULL, 0};
    struct vs_origin who = {VS_RANK_CLI, "--set", "the request", VS_GRADE_assumed};
    struct vs_knobs *k = knobs_of("skylake_sp_kvm");
    const struct vs_knob *whole = vs_knobs_find(k, "vmcs.unexplained");
    vs_knobs_renamed_by(vs_renamed_knobs, vs_renamed_part);
    assert_int_equal(whole->value, 186);
    assert_int_equal(vs_knobs_set(k, "vmcs.exit.detect", "93", &who, &errors), VS_OK);
    assert_int_equal(whole->value, 93);
    assert_int_equal(vs_knobs_set(k, "vmcs.exit.detect", "90", &who, &errors), VS_OK);
    assert_int_equal(whole->value, 90);
    assert_int_equal(vs_knobs_set(k, "vmcs.entry.begin", "7", &who, &errors), VS_OK);
    assert_int_equal(whole->value, 97);
    assert_int_equal(vs_knobs_set(k, "vmcs.unexplained", "5", &who, &errors), VS_OK);
    assert_int_equal(whole->value, 5);
    assert_int_equal(vs_knobs_set(k, "vmcs.entry.begin", "8", &who, &errors), VS_OK);
    assert_int_equal(whole->value, 8);
    assert_int_equal(errors.n, 0);
    vs_knobs_renamed_by(NULL, NULL);
    vs_knobs_destroy(k);
}

/* ---- the same rows, with Lua and without ---- */

struct guest {
    unsigned left;
};

/* CPUID, a port of the kernel's, one of user space, in turn. */
static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct guest *g = ctx;
    (void)reply;
    memset(out, 0, sizeof *out);
    out->kind = g->left % 3 == 0 ? VS_REQ_CPUID : VS_REQ_IN;
    out->a = g->left % 3 == 1 ? 0x40 : g->left % 3 == 2 ? 0x80 : 0;
    out->bytes = 1;
    if (!g->left--) {
        out->kind = VS_REQ_END;
    }
}

static const char *error(void *ctx)
{
    (void)ctx;
    return "";
}

static void close_nothing(void *ctx)
{
    (void)ctx;
}

struct rows {
    uint64_t sum, n, end_ps;
    size_t accounts;
};

/* Adds everything that an operation has booked, each account apart. */
static void add(void *ctx, const struct vs_op_acc *acc)
{
    struct rows *r = ctx;
    r->n += acc->n;
    r->sum = r->sum * 31u + acc->total_ps;
    for (size_t i = 0; i < r->accounts; i++) {
        r->sum = r->sum * 31u + acc->work[i].ps + acc->work[i].n;
    }
}

/* A run of the declared defaults, with these programs. */
static struct rows run_with(const struct vs_program_set *set)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_run_options options = {.seed = 1};
    struct vs_platform *p;
    struct rows rows = {0, 0, 0, 0};
    struct guest g = {30};
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    struct vs_knobs *k = vs_knobs_create(c, n);
    assert_int_equal(vs_program_set_use(k, set), VS_OK);
    assert_int_equal(vs_platform_create(k, &options, 1, &p, &errors), VS_OK);
    struct vs_guest_source source = {&g, next, error, close_nothing, NULL};
    vs_platform_guest(p, 0, &source);
    if (vs_platform_run(p, &errors)) {
        fail_msg("%s", errors.text[0]);
    }
    rows.accounts = vs_ledger_n_accounts(vs_platform_ledger(p));
    vs_ledger_each(vs_platform_ledger(p), add, &rows);
    rows.end_ps = vs_platform_end_ps(p);
    vs_platform_destroy(p);
    vs_knobs_destroy(k);
    vs_errors_free(&errors);
    return rows;
}

/* The library's own programs, and those that Lua reads of the file, as a set of their own. */
static void test_a_run_without_lua_has_the_rows_of_one_with_it(void **state)
{
    (void)state;
    struct vs_errors errors = {NULL, 0};
    struct vs_lua_programs *read = NULL;
    struct vs_box *box = vs_box_open(0);
    assert_int_equal(
        vs_lua_programs_file(&read, box, VS_ROLE_HYPERVISOR, VS_SOURCE_DIR, "kvm", &errors), VS_OK);
    static struct vs_program_set_desc desc; /* as long as the set */
    desc = *vs_lua_programs_desc(read);
    desc.name = "kvm, as it is read";
    const struct vs_program_set *own = vs_program_set_link(&desc, NULL, NULL, &errors),
                                *table = vs_software(VS_ROLE_HYPERVISOR, "kvm");
    assert_non_null(own);
    assert_ptr_not_equal(own, table);
    struct rows with = run_with(own), without = run_with(table);
    assert_true(without.n > 60);
    assert_int_equal(with.n, without.n);
    assert_int_equal(with.end_ps, without.end_ps);
    assert_int_equal(with.sum, without.sum);
    vs_box_close(box); /* what was read stays: a linked set points into it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_machine_runs_the_table_of_its_hypervisors_file),
        cmocka_unit_test(test_the_builds_set_is_what_its_description_is_linked_to),
        cmocka_unit_test(test_the_knobs_of_two_hypervisors_do_not_mix),
        cmocka_unit_test(test_a_run_without_lua_has_the_rows_of_one_with_it),
        cmocka_unit_test(test_a_knob_that_became_several_is_divided_among_them),
        cmocka_unit_test(test_two_knobs_that_became_one_are_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
