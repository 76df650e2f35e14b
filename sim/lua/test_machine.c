/* SPDX-License-Identifier: MIT */
/* Laws of machine files: nothing without source and grade, every mistake named with its place. */
#include "machine.h"
#include "test_lua.h"
#include "virtsim/sim.h"

#define HOME VS_BUILD_DIR "/tests/lua_home"

static const struct vs_knob_desc toy_knobs[] = {
    {"toy.entries", VS_KNOB_NUM, 64, 1, 4096, "entries", NULL, VS_GRADE_assumed, "-", "", 0},
    {"toy.latency", VS_KNOB_CYCLES, 7, 0, 1000, "cycles", NULL, VS_GRADE_assumed, "-", "", 8},
    {"toy.policy", VS_KNOB_CHOICE, 0, 0, 255, "choice", "lru|fifo", VS_GRADE_assumed, "-", "", 16}};
static const struct vs_component_desc toy = {"toy", toy_knobs, 3, NULL, 0, NULL, 0, 24};

static void put(const char *file, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, HOME "/scripts/lua/%s.lua", file);
    write_text(path, text);
}

static int make_home(void **state)
{
    static const char *const folders[] = {"",          "/scripts", "/scripts/lua",
                                          "/machines", "/cpus",    "/hypervisors"};
    (void)state;
    for (int i = 0; i < 6; i++) {
        char path[600];
        snprintf(path, sizeof path, i < 3 ? HOME "%s" : HOME "/scripts/lua%s", folders[i]);
        mkdir(path, 0777);
    }
    put("cpus/small",
        "return { text = 'a cpu', toy = { entries = { 16, 'its manual', 'documented' } } }");
    return 0;
}

struct outcome {
    struct vs_knobs *knobs;
    struct vs_errors errors;
    struct vs_machine_info info;
    enum vs_status status;
};

static struct outcome load(const char *name)
{
    const struct vs_component_desc *const all[] = {&toy, &vs_sim_desc};
    struct outcome o = {.knobs = vs_knobs_create(all, 2)};
    o.status = vs_machine_load(HOME, name, o.knobs, &o.info, &o.errors);
    return o;
}

static void done(struct outcome *o)
{
    vs_knobs_destroy(o->knobs);
    vs_errors_free(&o->errors);
}

static void refused(const char *text, const char *want)
{
    put("machines/m", text);
    struct outcome o = load("m");
    assert_true(o.status != VS_OK);
    assert_says(&o.errors, want);
    done(&o);
}

static void test_a_number_reaches_its_knob_with_source_and_grade(void **state)
{
    (void)state;
    put("machines/m",
        "return { text = 'it', cpu = 'small', toy = { latency = { 9, 'a paper', 'measured' },"
        " policy = { 'fifo', 'a guess', 'assumed' } } }");
    struct outcome o = load("m");
    assert_int_equal(o.status, VS_OK);
    assert_string_equal(o.info.name, "m");
    assert_string_equal(o.info.text, "it");
    const struct vs_knob *k = vs_knobs_find(o.knobs, "toy.latency");
    assert_int_equal(k->value, 9);
    assert_string_equal(k->source, "a paper");
    assert_int_equal(k->grade, VS_GRADE_measured);
    assert_int_equal(k->rank, VS_RANK_MACHINE);
    assert_int_equal(vs_knobs_find(o.knobs, "toy.policy")->value, 1);
    assert_int_equal(vs_knobs_find(o.knobs, "toy.entries")->value, 16); /* of its cpu */
    assert_string_equal(vs_knobs_find(o.knobs, "toy.entries")->source, "its manual");
    done(&o);
}

static void test_a_bare_number_is_an_error(void **state)
{
    (void)state;
    refused("return { toy = { entries = 16 } }", "toy.entries: a number without a source");
    refused("return { toy = { entries = { 16 } } }", "toy.entries: a number without a source");
    refused("return { toy = { entries = { 16, '' , 'measured' } } }", "without a source");
    refused("return { toy = { entries = { 16, 3 , 'measured' } } }", "without a source");
    refused("return { toy = { entries = { 16, 'a paper' } } }",
            "measured, derived, documented or assumed");
    refused("return { toy = { entries = { 16, 'a paper', 'guessed' } } }", "measured, derived");
    refused("return { toy = { entries = { {}, 'a paper', 'measured' } } }", "must be a number");
}

static void test_a_missing_number_is_an_error(void **state)
{
    (void)state;
    refused(
        "local spec = {} return { toy = { entries = { spec.entries, 'a paper', 'measured' } } }",
        "toy.entries");
}

static void test_an_unknown_knob_gives_the_nearest_name(void **state)
{
    (void)state;
    refused("return { toy = { entrys = { 16, 'a paper', 'measured' } } }",
            "did you mean 'toy.entries'");
    refused("return { toy = { entries = { 5000, 'a paper', 'measured' } } }", "4096");
    refused("return { toy = { policy = { 'plru', 'a paper', 'measured' } } }", "lru|fifo");
}

static void test_an_unknown_part_gives_the_nearest_name(void **state)
{
    (void)state;
    refused("return { cpu = 'smal' }",
            "machines/m.lua: nothing called 'smal' in scripts/lua/cpus; did you mean 'small'");
    refused("return { nic = 'x710' }", "nothing called 'x710'");
    refused("return { base = 'zzzzzz' }", "unknown machine 'zzzzzz'");
    struct outcome o = load("mm");
    assert_int_equal(o.status, VS_E_UNKNOWN);
    assert_says(&o.errors, "did you mean 'm'");
    done(&o);
}

static void test_all_mistakes_are_reported_together(void **state)
{
    (void)state;
    put("machines/m",
        "return { cpu = 'nosuch', toy = { entries = 16, latency = { 9, 'p', 'measured' },"
        " nosuch = { 1, 'p', 'measured' } } }");
    struct outcome o = load("m");
    assert_int_equal(o.errors.n, 3);
    done(&o);
}

static void test_a_circle_of_bases_ends(void **state)
{
    (void)state;
    refused("return { base = 'm' }", "in a circle");
}

static void test_the_later_statement_wins_over_base_and_part(void **state)
{
    (void)state;
    put("machines/b", "return { cpu = 'small', toy = { latency = { 3, 'p', 'measured' } } }");
    put("machines/m", "return { base = 'b', toy = { entries = { 32, 'q', 'derived' } } }");
    struct outcome o = load("m");
    assert_int_equal(o.status, VS_OK);
    assert_int_equal(vs_knobs_find(o.knobs, "toy.entries")->value, 32);
    assert_int_equal(vs_knobs_find(o.knobs, "toy.latency")->value, 3);
    done(&o);
}

static void test_what_was_fitted_to_is_named_once(void **state)
{
    (void)state;
    put("cpus/fitted", "return { calibrated = '1X061 1X06 4M094' }");
    put("machines/b", "return { cpu = 'fitted', calibrated = '1X06' }");
    put("machines/m", "return { base = 'b', cpu = 'fitted', calibrated = '4M094 4M09 1X061' }");
    struct outcome o = load("m");
    assert_int_equal(o.status, VS_OK);
    assert_string_equal(o.info.calibrated, "1X061 1X06 4M094 4M09");
    done(&o);
}

static void test_a_group_is_of_the_part_that_states_it_with_its_values(void **state)
{
    static const char group[] = "groups = { pair = { source = '1X061', grade = 'measured', "
                                "'toy.entries', 'toy.latency' } }";
    char text[400];
    (void)state;
    snprintf(text, sizeof text, "return { %s, toy = { entries = { 16, 'm', 'assumed' } } }", group);
    put("cpus/whole", text);
    put("machines/m", "return { cpu = 'whole' }");
    struct outcome o = load("m");
    assert_int_equal(o.status, VS_OK);
    assert_int_equal(o.info.n_groups, 1);
    assert_string_equal(o.info.group[0].source, "1X061");
    assert_true(vs_group_holds(&o.info.group[0], o.knobs));
    struct vs_origin who = {VS_RANK_CLI, "--set", "-", VS_GRADE_assumed};
    assert_int_equal(vs_knobs_set(o.knobs, "toy.latency", "8", &who, &o.errors), VS_OK);
    assert_false(vs_group_holds(&o.info.group[0], o.knobs)); /* 1 cycle more is another sum */
    done(&o);
    /* another part that takes its values over, and a machine that sets one itself, have no group */
    put("cpus/later", "return { base = 'whole' }");
    put("machines/m", "return { cpu = 'later' }");
    o = load("m");
    assert_int_equal(o.info.n_groups, 0);
    done(&o);
    put("cpus/later", "return { base = 'whole', same = { whole = { why = 'one die', 'toy' } } }");
    o = load("m");
    assert_int_equal(o.info.n_groups, 1);
    done(&o);
    put("machines/m", "return { cpu = 'whole', toy = { entries = { 16, 'p', 'assumed' } } }");
    o = load("m");
    assert_int_equal(o.info.n_groups, 0);
    done(&o);
    /* a condition on another slot */
    snprintf(text, sizeof text,
             "return { groups = { pair = { source = 's', grade = 'derived', with = { hypervisor = "
             "'hv' }, 'toy.entries', 'toy.latency' } } }");
    put("cpus/whole", text);
    put("hypervisors/hv", "return { text = 'one' }");
    put("machines/m", "return { cpu = 'whole' }");
    o = load("m");
    assert_int_equal(o.info.n_groups, 0);
    done(&o);
    put("machines/m", "return { cpu = 'whole', hypervisor = 'hv' }");
    o = load("m");
    assert_int_equal(o.info.n_groups, 1);
    done(&o);
}

static void test_a_group_that_is_none_is_refused(void **state)
{
    (void)state;
    refused("return { groups = 1 }", "groups: write groups = ");
    refused("return { groups = { g = 1 } }", "groups.g: a group is a table");
    refused("return { groups = { g = { grade = 'measured', 'toy.entries', 'toy.latency' } } }",
            "needs its source");
    refused("return { groups = { g = { source = 's', grade = 'assumed', 'toy.entries', "
            "'toy.latency' } } }",
            "must be measured, derived or documented");
    refused("return { groups = { g = { source = 's', grade = 'measured', 'toy.entries' } } }",
            "2 to 24 knobs");
    refused("return { groups = { g = { source = 's', grade = 'measured', 'toy.entries', 7 } } }",
            "paths of knobs");
    refused("return { groups = { g = { source = 's', grade = 'measured', with = { os = 'x' }, "
            "'toy.entries', 'toy.latency' } } }",
            "names parts");
    refused("return { groups = { g = { source = 's', grade = 'measured', 'toy.entries', 'toy.no' "
            "} } }",
            "groups.g: there is no knob 'toy.no'");
}

static void test_a_file_that_is_no_description_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("return 7", "machines/m.lua: must return a table");
    refused("x = = 2", "m.lua:1:");
    refused("\nerror('boom')", "m.lua:2: boom");
    refused("return { [1] = { 2, 's', 'measured' } }", "knob names are strings");
    refused("local t = {} for _ = 1, 20 do t = { t = t } end return t", "nested too deeply");
    refused("local t = {} t.t = t return t", "nested too deeply");
    put("machines/m", "local t = {} t.a = t t.b = t t.c = t t.d = t return t");
    struct outcome o = load("m");
    assert_int_equal(o.errors.n, 1); /* not once for every way down */
    done(&o);
    refused(
        "local t = {} for d = 1, 7 do local u = {} for i = 1, 1000 do u['k' .. i] = t end t = u "
        "end return { set = t }",
        "too many fields");
    refused("return { ['toy.entries'] = { 2, 's', 'assumed' },\n"
            "toy = { entries = { 4, 's', 'assumed' } } }",
            "toy.entries: is said twice");
    refused("return { set = { toy = { entries = { 2, 's', 'assumed' } } },\n"
            "toy = { entries = { 4, 's', 'assumed' } } }",
            "toy.entries: is said twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_reaches_its_knob_with_source_and_grade),
        cmocka_unit_test(test_a_bare_number_is_an_error),
        cmocka_unit_test(test_a_missing_number_is_an_error),
        cmocka_unit_test(test_an_unknown_knob_gives_the_nearest_name),
        cmocka_unit_test(test_an_unknown_part_gives_the_nearest_name),
        cmocka_unit_test(test_all_mistakes_are_reported_together),
        cmocka_unit_test(test_a_circle_of_bases_ends),
        cmocka_unit_test(test_the_later_statement_wins_over_base_and_part),
        cmocka_unit_test(test_what_was_fitted_to_is_named_once),
        cmocka_unit_test(test_a_group_is_of_the_part_that_states_it_with_its_values),
        cmocka_unit_test(test_a_group_that_is_none_is_refused),
        cmocka_unit_test(test_a_file_that_is_no_description_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, make_home, NULL);
}
