/* SPDX-License-Identifier: MIT */
/* Laws of what a machine takes over: what is not about the part that uses it is assumed. */
#include "borrow.h"
#include "machine.h"
#include "test_lua.h"

#define HOME VS_BUILD_DIR "/tests/borrow_home"

/* Named after real components, since a default's part goes by its path. */
static const struct vs_knob_desc knob_descs[] = {
    {"cpu.vendor", VS_KNOB_CHOICE, 0, 0, 255, "choice", "intel|amd|arm", VS_GRADE_documented, "-",
     "", 0},
    {"cpu.load_queue", VS_KNOB_NUM, 72, 1, 4096, "entries", NULL, VS_GRADE_documented, "a manual",
     "", 8},
    {"cpu.mshrs", VS_KNOB_NUM, 10, 1, 4096, "lines", NULL, VS_GRADE_assumed, "a guess", "", 16},
    {"ept.l2_tlb.entries", VS_KNOB_NUM, 64, 0, 4096, "entries", NULL, VS_GRADE_assumed, "-", "",
     24},
    {"ept.l2_tlb.latency", VS_KNOB_NUM, 9, 0, 4096, "cycles", NULL, VS_GRADE_measured, "a loop", "",
     32},
    {"memory.line", VS_KNOB_NUM, 64, 1, 4096, "bytes", NULL, VS_GRADE_documented, "a manual", "",
     40},
    {"memory.nodes", VS_KNOB_NUM, 1, 1, 4, "nodes", NULL, VS_GRADE_documented, "usual", "", 48},
    {"memory.remote", VS_KNOB_NUM, 5, 1, 99, "ns", NULL, VS_GRADE_assumed, "a guess", "", 56},
    {"vmcs.unexplained", VS_KNOB_NUM, 62, 0, 4096, "cycles", NULL, VS_GRADE_derived, "rest", "",
     64},
    {"svm.unexplained", VS_KNOB_NUM, 99, 0, 4096, "cycles", NULL, VS_GRADE_derived, "rest", "", 72},
    {"zoo.new", VS_KNOB_NUM, 3, 0, 99, "cycles", NULL, VS_GRADE_measured, "a loop", "", 80},
};
static const struct vs_component_desc zoo = {
    "zoo", knob_descs, sizeof knob_descs / sizeof knob_descs[0], NULL, 0, NULL, 0, 88};

static void put(const char *file, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, HOME "/scripts/lua/%s.lua", file);
    write_text(path, text);
}

static int make_home(void **state)
{
    static const char *const folders[] = {"",      "/scripts",  "/scripts/lua", "/machines",
                                          "/cpus", "/memories", "/iommus"};
    (void)state;
    for (int i = 0; i < 7; i++) {
        char path[600];
        snprintf(path, sizeof path, i < 3 ? HOME "%s" : HOME "/scripts/lua%s", folders[i]);
        mkdir(path, 0777);
    }
    put("cpus/old", "return { cpu = { load_queue = { 48, 'its manual', 'documented' },"
                    " mshrs = { 8, 'a thought', 'assumed' } } }");
    put("memories/old", "return { memory = { remote = { 7, 'a tool', 'measured' } } }");
    put("cpus/new",
        "return { base = 'old', cpu = { mshrs = { 12, 'its own manual', 'documented' } } }");
    put("cpus/kin",
        "return { base = 'old', same = { old = { why = 'one die', 'cpu.load_queue' } } }");
    return 0;
}

static struct vs_knobs *load(const char *text)
{
    const struct vs_component_desc *const all[] = {&zoo};
    struct vs_knobs *k = vs_knobs_create(all, 1);
    struct vs_errors errors = {0};
    put("machines/m", text);
    assert_int_equal(vs_machine_load(HOME, "m", k, NULL, &errors), VS_OK);
    vs_errors_free(&errors);
    return k;
}

static void expect(const struct vs_knobs *k, const char *path, enum vs_evidence grade,
                   const char *source)
{
    const struct vs_knob *knob = vs_knobs_find(k, path);
    char from[64];
    bool taken = !strncmp(source, "taken from ", 11);
    assert_string_equal(knob->source ? knob->source : knob->desc->source, source);
    assert_int_equal(knob->grade, grade);
    assert_int_equal(vs_borrow_from(knob, from, sizeof from), taken);
    if (taken) {
        assert_memory_equal(source + 11, from, strlen(from));
        assert_int_equal(source[11 + strlen(from)], ':');
    }
}

static void test_a_part_s_own_value_keeps_its_grade(void **state)
{
    (void)state;
    struct vs_knobs *k = load("return { cpu = 'old', memory = 'old' }");
    expect(k, "cpu.load_queue", VS_GRADE_documented, "its manual");
    expect(k, "cpu.mshrs", VS_GRADE_assumed, "a thought");
    expect(k, "memory.remote", VS_GRADE_measured, "a tool");
    vs_knobs_destroy(k);
}

static void test_a_value_inherited_from_another_part_is_assumed(void **state)
{
    (void)state;
    struct vs_knobs *k = load("return { cpu = 'new', memory = 'old' }");
    expect(k, "cpu.load_queue", VS_GRADE_assumed, "taken from old: its manual, documented");
    assert_int_equal(vs_knobs_find(k, "cpu.load_queue")->value, 48);
    expect(k, "cpu.mshrs", VS_GRADE_documented, "its own manual");
    /* so is that of a memory which was described with another processor */
    expect(k, "memory.remote", VS_GRADE_assumed, "taken from old: a tool, measured");
    vs_knobs_destroy(k);
}

static void test_a_value_copied_from_another_part_is_assumed(void **state)
{
    (void)state;
    put("cpus/copy",
        "return { cpu = { load_queue = { 48, 'its manual', 'documented', of = 'old' } } }");
    struct vs_knobs *k = load("return { cpu = 'copy' }");
    expect(k, "cpu.load_queue", VS_GRADE_assumed, "taken from old: its manual, documented");
    vs_knobs_destroy(k);
}

static void test_a_default_that_describes_another_part_is_assumed(void **state)
{
    (void)state;
    put("cpus/skylake_sp", "return { text = 'all defaults' }");
    struct vs_knobs *k = load("return { cpu = 'skylake_sp' }");
    expect(k, "cpu.load_queue", VS_GRADE_documented, "a manual");
    expect(k, "ept.l2_tlb.latency", VS_GRADE_measured, "a loop");
    /* what a measured transition leaves is Haswell's */
    expect(k, "vmcs.unexplained", VS_GRADE_assumed, "taken from haswell_ep: rest, derived");
    vs_knobs_destroy(k);
    k = load("return { cpu = 'old' }");
    expect(k, "ept.l2_tlb.latency", VS_GRADE_assumed, "taken from skylake_sp: a loop, measured");
    vs_knobs_destroy(k);
    /* a machine that names no part has nothing of its own */
    k = load("return { cpu = { mshrs = { 9, 'a test', 'measured' } } }");
    expect(k, "cpu.mshrs", VS_GRADE_measured, "a test");
    expect(k, "cpu.load_queue", VS_GRADE_assumed, "taken from skylake_sp: a manual, documented");
    vs_knobs_destroy(k);
}

static void test_a_default_that_nobody_claims_is_nobody_s(void **state)
{
    (void)state;
    struct vs_knobs *k = load("return { cpu = 'skylake_sp' }");
    expect(k, "zoo.new", VS_GRADE_assumed, "taken from a default: a loop, measured");
    vs_knobs_destroy(k);
}

static void test_what_an_architecture_or_a_run_states_is_not_taken_over(void **state)
{
    (void)state;
    struct vs_knobs *k = load("return { cpu = 'old' }");
    expect(k, "memory.nodes", VS_GRADE_documented, "usual");
    expect(k, "memory.line", VS_GRADE_documented, "a manual"); /* every Intel part's */
    expect(k, "cpu.vendor", VS_GRADE_documented, "-");
    vs_knobs_destroy(k);
    put("cpus/rival", "return { cpu = { vendor = { 'amd', 'it', 'documented' } } }");
    k = load("return { cpu = 'rival' }");
    expect(k, "memory.line", VS_GRADE_assumed, "taken from intel: a manual, documented");
    vs_knobs_destroy(k);
}

static void test_what_the_machine_does_not_have_is_not_taken_over(void **state)
{
    (void)state;
    struct vs_knobs *k = load("return { cpu = 'old' }");
    expect(k, "svm.unexplained", VS_GRADE_derived, "rest"); /* AMD's */
    vs_knobs_destroy(k);
    k = load("return { cpu = 'rival' }");
    expect(k, "vmcs.unexplained", VS_GRADE_derived, "rest");
    expect(k, "svm.unexplained", VS_GRADE_assumed, "taken from zen2_rome: rest, derived");
    vs_knobs_destroy(k);
    put("cpus/bare", "return { ept = { l2_tlb = { entries = { 0, 'it', 'documented' } } } }");
    k = load("return { cpu = 'bare' }");
    expect(k, "ept.l2_tlb.latency", VS_GRADE_assumed, "of no effect here: ept.l2_tlb.entries is 0");
    vs_knobs_destroy(k);
}

static void test_a_statement_changes_no_value_and_counts_what_it_is_true_of(void **state)
{
    (void)state;
    const struct vs_component_desc *const all[] = {&zoo};
    struct vs_knobs *k = vs_knobs_create(all, 1);
    struct vs_errors errors = {0};
    static struct vs_machine_info info;
    put("cpus/said", "return { base = 'old', borrows = { old = { why = 'no other', 'cpu.mshrs' },"
                     " skylake_sp = { 'cpu', 'ept.l2_tlb' }, old_too = { 'cpu' } } }");
    put("machines/m", "return { cpu = 'said' }");
    assert_int_equal(vs_machine_load(HOME, "m", k, &info, &errors), VS_OK);
    expect(k, "cpu.mshrs", VS_GRADE_assumed, "taken from old: a thought, assumed");
    assert_int_equal(info.n_stated, 4);
    for (size_t i = 0; i < info.n_stated; i++) {
        const struct vs_stated *s = &info.stated[i];
        bool is_true = !strcmp(s->prefix, "cpu.mshrs") || !strcmp(s->prefix, "ept.l2_tlb");
        assert_int_equal(s->taken, is_true);
        assert_string_equal(s->file, "cpus/said.lua");
    }
    assert_non_null(vs_borrow_stated(info.stated, info.n_stated, "old", "cpu.mshrs"));
    assert_null(vs_borrow_stated(info.stated, info.n_stated, "old", "cpu.load_queue"));
    vs_knobs_destroy(k);
    vs_errors_free(&errors);
}

static void test_a_family_relation_is_stated_and_keeps_the_grade(void **state)
{
    (void)state;
    struct vs_knobs *k = load("return { cpu = 'kin' }");
    expect(k, "cpu.load_queue", VS_GRADE_documented, "as old (one die): its manual");
    expect(k, "cpu.mshrs", VS_GRADE_assumed, "taken from old: a thought, assumed"); /* not named */
    vs_knobs_destroy(k);
    put("cpus/mute", "return { base = 'old', same = { old = { 'cpu.load_queue' } } }");
    put("machines/m", "return { cpu = 'mute' }");
    const struct vs_component_desc *const all[] = {&zoo};
    struct vs_errors errors = {0};
    k = vs_knobs_create(all, 1);
    assert_true(vs_machine_load(HOME, "m", k, NULL, &errors) != VS_OK);
    assert_says(&errors, "why = ");
    vs_errors_free(&errors);
    vs_knobs_destroy(k);
}

static void test_a_machine_s_own_word_stands(void **state)
{
    (void)state;
    struct vs_knobs *k = load(
        "return { cpu = 'new', set = { cpu = { load_queue = { 50, 'a test', 'measured' } } } }");
    expect(k, "cpu.load_queue", VS_GRADE_measured, "a test");
    vs_knobs_destroy(k);
    /* one that builds on another machine and takes another processor keeps nothing as its own */
    put("machines/b", "return { cpu = 'old', memory = 'old' }");
    k = load("return { base = 'b', cpu = 'rival' }");
    expect(k, "cpu.load_queue", VS_GRADE_assumed, "taken from old: its manual, documented");
    expect(k, "memory.remote", VS_GRADE_assumed, "taken from old: a tool, measured");
    vs_knobs_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_part_s_own_value_keeps_its_grade),
        cmocka_unit_test(test_a_value_inherited_from_another_part_is_assumed),
        cmocka_unit_test(test_a_value_copied_from_another_part_is_assumed),
        cmocka_unit_test(test_a_default_that_describes_another_part_is_assumed),
        cmocka_unit_test(test_a_default_that_nobody_claims_is_nobody_s),
        cmocka_unit_test(test_what_an_architecture_or_a_run_states_is_not_taken_over),
        cmocka_unit_test(test_what_the_machine_does_not_have_is_not_taken_over),
        cmocka_unit_test(test_a_statement_changes_no_value_and_counts_what_it_is_true_of),
        cmocka_unit_test(test_a_family_relation_is_stated_and_keeps_the_grade),
        cmocka_unit_test(test_a_machine_s_own_word_stands),
    };
    return cmocka_run_group_tests(tests, make_home, NULL);
}
