/* SPDX-License-Identifier: MIT */
/* Laws of programs: what is refused when they are linked, and how they run. */
#include "virtsim/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NUMBERS                                                                                    \
    {                                                                                              \
        -1, -1, -1, -1, -1, -1                                                                     \
    }

/* ---- linking ---- */

static unsigned line_nine(void *ctx, const char *program, const char *word)
{
    (void)ctx, (void)program, (void)word;
    return 9;
}

/* A set of one or two programs that is refused with this text. */
static void refused(const struct vs_program_desc *p, size_t n, const char *text)
{
    struct vs_errors e = {NULL, 0};
    struct vs_program_set_desc d = {.name = "h", .file = "h.lua", .program = p, .n = n};
    assert_null(vs_program_set_link(&d, line_nine, NULL, &e));
    assert_true(e.n >= 1);
    if (!strstr(e.text[0], text) || !strstr(e.text[0], "h.lua:9: program ")) {
        fail_msg("%s: no '%s'", e.text[0], text);
    }
    vs_errors_free(&e);
}

/* One step in one program. */
static void refused_step(struct vs_step_desc s, const char *text)
{
    struct vs_program_desc p = {.name = "cpu_id", .at = "kernel", .of = "h", .step = &s, .n = 1};
    refused(&p, 1, text);
}

static void test_a_word_that_is_in_no_list_is_refused_with_the_nearest(void **state)
{
    (void)state;
    struct vs_step_desc s = {.name = "a", .kind = "runn", .number = NUMBERS};
    refused_step(s, "unknown step 'runn'; did you mean 'run'?");
    s.kind = "action", s.target = "wrok";
    refused_step(s, "unknown action 'wrok'; did you mean 'work'?");
    s.target = "work", s.when = "not fats";
    refused_step(s, "unknown predicate 'fats'; did you mean 'fast'?");
    s.when = NULL, s.each = "arond";
    refused_step(s, "unknown cursor 'arond'; did you mean 'around'?");
    s.each = NULL, s.kind = "state", s.state = "pc rfflags";
    refused_step(s, "unknown field 'rfflags'");
    s.state = "pc=nxt";
    refused_step(s, "unknown value 'nxt'; did you mean 'next'?");
    s.kind = "call", s.target = "cpuid";
    refused_step(s, "unknown program 'cpuid'; did you mean 'cpu_id'?");
    s.kind = "wait", s.target = "godot";
    refused_step(s, "a thread waits for an \"event\"");
    s.kind = "clear";
    refused_step(s, "unknown place 'godot'");
}

/* A hypervisor's words are no kernel's, and the other way round. */
static void test_each_role_has_its_own_words(void **state)
{
    (void)state;
    static const struct {
        enum vs_role role;
        struct vs_step_desc step;
        const char *text;
    } of[] = {
        {VS_ROLE_GUEST, {.name = "a", .kind = "action", .target = "work"}, "unknown action 'work'"},
        {VS_ROLE_GUEST, {.name = "a", .kind = "state", .state = "pc"}, "unknown step 'state'"},
        {VS_ROLE_GUEST, {.name = "a", .kind = "send", .target = "kick"}, "unknown message 'kick'"},
        {VS_ROLE_GUEST, {.name = "a", .kind = "trap", .target = "cpuid"}, "unknown instruction"},
        {VS_ROLE_HYPERVISOR,
         {.name = "a", .kind = "trap", .target = "invalidate"},
         "unknown step 'trap'"},
        {VS_ROLE_HYPERVISOR,
         {.name = "a", .kind = "clear", .target = "table"},
         "unknown place 'table'; one of page"},
        {VS_ROLE_HYPERVISOR,
         {.name = "a", .kind = "action", .target = "work", .when = "flush_requested"},
         "unknown predicate"}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct vs_step_desc s = of[i].step;
        struct vs_errors e = {NULL, 0};
        struct vs_program_desc p = {
            .name = "cpu_id", .at = "kernel", .of = "h", .step = &s, .n = 1};
        struct vs_program_set_desc d = {
            .name = "r", .file = "r.lua", .program = &p, .n = 1, .role = of[i].role};
        for (int k = 0; k < VS_NUMBERS; k++) {
            s.number[k] = VS_NUMBER_NONE;
        }
        assert_null(vs_program_set_link(&d, NULL, NULL, &e));
        if (!e.n || !strstr(e.text[0], of[i].text)) {
            fail_msg("%s: no '%s'", e.n ? e.text[0] : "no error", of[i].text);
        }
        vs_errors_free(&e);
    }
}

/* Code at an offset lies where nothing else can. */
static void test_an_offset_is_a_place_of_its_own(void **state)
{
    (void)state;
    struct vs_step_desc s = {.name = "a", .kind = "action", .target = "work", .number = NUMBERS};
    struct vs_program_desc p[2] = {
        {.name = "a", .at = "kernel", .of = "h", .step = &s, .n = 1, .placed = true},
        {.name = "b", .at = "kernel", .of = "h", .step = &s, .n = 1, .placed = true}};
    p[0].offset = 0x1000;
    refused(p, 1, "offset = 0x1000: a multiple of 0x10000 from 0xd00000 on, below 0x1000000");
    p[0].offset = p[1].offset = 0xe00000;
    refused(p, 2, "offset = 0xe00000 is that of the program a");
    p[0].name = "cpu_id";
    refused(p, 1, "programs of traps and of user space have their places");
}

static void test_numbers_have_a_source_and_a_grade(void **state)
{
    (void)state;
    struct vs_step_desc s = {.name = "a", .kind = "run", .number = {5, -1, -1, -1, -1, -1}};
    s.grade = "assumed";
    refused_step(s, "numbers without a source");
    s.source = "reading", s.grade = NULL;
    refused_step(s, "numbers without a grade");
    s.grade = "guessed";
    refused_step(s, "the grade must be");
    s.grade = "assumed", s.number[VS_NUMBER_DATA] = VS_PROGRAM_TRAP_DATA + 1;
    refused_step(s, "data_bytes = 4097 is outside 0..4096");
}

static void test_names_are_those_that_a_knob_can_have_each_once(void **state)
{
    (void)state;
    struct vs_step_desc two[2] = {
        {.name = "a", .kind = "action", .target = "work", .number = NUMBERS},
        {.name = "a", .kind = "action", .target = "work", .number = NUMBERS}};
    struct vs_program_desc p = {.name = "cpu_id", .at = "kernel", .of = "h", .step = two, .n = 2};
    refused(&p, 1, "a second step of this name");
    two[1].name = "B";
    refused(&p, 1, "small letters");
    two[1].name = "b", p.at = "moon";
    refused(&p, 1, "at = \"kernel\" or at = \"user\"");
    p.at = "kernel", two[1].like = "b";
    refused(&p, 1, "`like` names a step before it");
    two[1].like = NULL, two[0].kind = "wait", two[0].target = "event";
    refused(&p, 1, "it is the last step");
}

static void test_calls_form_no_circle(void **state)
{
    (void)state;
    struct vs_step_desc a = {.name = "x", .kind = "call", .target = "b", .number = NUMBERS},
                        b = {.name = "y", .kind = "call", .target = "a", .number = NUMBERS};
    struct vs_program_desc p[2] = {{.name = "a", .at = "kernel", .of = "h", .step = &a, .n = 1},
                                   {.name = "b", .at = "kernel", .of = "h", .step = &b, .n = 1}};
    refused(p, 2, "calls may form no circle");
    a.target = "b.y", b.target = "a.x"; /* nor by single steps */
    refused(p, 2, "calls may form no circle");
    a.target = "a";
    refused(p, 1, "calls may form no circle");
}

/* A step of a program that calls that program may be called alone: it is no circle. */
static void test_one_step_of_a_program_is_called_without_the_others(void **state)
{
    (void)state;
    struct vs_errors e = {NULL, 0};
    struct vs_step_desc a[2] =
        {{.name = "zero", .kind = "clear", .target = "page", .number = NUMBERS},
         {.name = "more", .kind = "call", .target = "b", .number = NUMBERS}},
                        b = {.name = "y", .kind = "call", .target = "a.zero", .number = NUMBERS};
    struct vs_program_desc p[2] = {{.name = "a", .at = "kernel", .of = "h", .step = a, .n = 2},
                                   {.name = "b", .at = "kernel", .of = "h", .step = &b, .n = 1}};
    struct vs_program_set_desc d = {.name = "alone", .file = "alone.lua", .program = p, .n = 2};
    assert_non_null(vs_program_set_link(&d, NULL, NULL, &e));
    assert_int_equal(e.n, 0);
}

/* ---- running ---- */

struct world {
    uint64_t work, touched[3];
    bool fast;
    uint64_t pages, clears, mapped;
    bool full;
    bool unwatched, quiet;
    uint64_t work_before; /* an action, the last one */
};

static void work(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n)
{
    struct world *w = ctx;
    w->work += n;
    vs_charge_n(t, account, n, (vs_ps){n});
}

static void touch(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref)
{
    struct world *w = ctx;
    (void)t, (void)at;
    w->touched[ref]++;
}

static bool holds(void *ctx, enum vs_predicate p, bool taken)
{
    const struct world *w = ctx;
    return p == VS_WHEN_USER ? taken : w->fast;
}

static bool action(void *ctx, struct vs_txn *t, enum vs_action a)
{
    struct world *w = ctx;
    (void)t;
    w->mapped += a == VS_ACTION_MAP_AROUND;
    w->work_before = w->work;
    return !w->full;
}

static bool unwatched(void *ctx)
{
    const struct world *w = ctx;
    return w->unwatched;
}

static bool quiet(void *ctx, enum vs_action a)
{
    const struct world *w = ctx;
    (void)a;
    return w->quiet;
}

static bool next(void *ctx, enum vs_cursor c, uint64_t *k)
{
    const struct world *w = ctx;
    (void)c;
    return (*k)++ < w->pages;
}

static void clear(void *ctx, struct vs_txn *t, enum vs_spot at)
{
    struct world *w = ctx;
    (void)t, (void)at;
    w->clears++;
}

static void none_read(void *ctx, struct vs_txn *t, const uint8_t *what, unsigned n)
{
    (void)ctx, (void)t, (void)what, (void)n;
}

static void none_write(void *ctx, struct vs_txn *t, enum vs_state what, enum vs_state_value v)
{
    (void)ctx, (void)t, (void)what, (void)v;
}

static const struct vs_step_desc handler[] = {
    {.name = "long",
     .kind = "run",
     .when = "not fast",
     .number = {100, 640, 256, -1, -1, -1},
     .source = "s",
     .grade = "assumed"},
    {.name = "short",
     .kind = "run",
     .when = "fast",
     .like = "long",
     .number = {10, 128, -1, -1, -1, -1},
     .source = "s",
     .grade = "assumed"},
    {.name = "stall",
     .kind = "run",
     .number = {-1, -1, -1, -1, 7, -1},
     .source = "s",
     .grade = "assumed"},
    {.name = "pages", .kind = "call", .target = "page", .each = "around", .number = NUMBERS},
    {.name = "maybe",
     .kind = "call",
     .target = "page.zero",
     .when = "user",
     .number = {-1, -1, -1, -1, -1, 0},
     .source = "s",
     .grade = "assumed"},
    {.name = "wait", .kind = "wait", .target = "event", .number = NUMBERS},
};
static const struct vs_step_desc page[] = {
    {.name = "map", .kind = "action", .target = "map_around", .number = NUMBERS},
    {.name = "zero", .kind = "clear", .target = "page", .number = NUMBERS},
};
static const struct vs_program_desc programs[] = {
    {.name = "cpu_id", .at = "kernel", .of = "h", .step = handler, .n = 6},
    {.name = "page", .at = "kernel", .of = "h", .step = page, .n = 2}};
static const struct vs_program_set_desc desc = {
    .name = "t", .file = "t.lua", .program = programs, .n = 2};

struct fixture {
    struct world world;
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_software s;
    uint64_t values[16];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct vs_errors e = {NULL, 0};
    f->s.set = vs_program_set_link(&desc, NULL, NULL, &e);
    assert_non_null(f->s.set);
    vs_defaults(&f->s.set->component, f->values);
    f->ledger = vs_ledger_create(1);
    f->s.account = vs_ledger_accounts(f->ledger, &f->s.set->component);
    f->s.at = (struct vs_program_layout){0x1000000, 0x2000000, 0x3000000, 0x4000000,
                                         0x5000000, 0x1000,    0};
    f->s.core = (struct vs_core_port){
        .ctx = &f->world, .work = work, .touch = touch, .unwatched = unwatched};
    f->s.world = (struct vs_program_world){.ctx = &f->world,
                                           .holds = holds,
                                           .action = action,
                                           .next = next,
                                           .clear = clear,
                                           .read = none_read,
                                           .write = none_write,
                                           .quiet = quiet};
    assert_int_equal(vs_software_bind(&f->s, f->values, 500), VS_OK);
    vs_txn_begin(&f->t, f->ledger, vs_ledger_actor(f->ledger, "a"), (vs_ps){0});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vs_txn_end(&f->t);
    vs_ledger_destroy(f->ledger);
    vs_software_free(&f->s);
    free(f);
    return 0;
}

static enum vs_program_end run(struct fixture *f)
{
    return vs_program_run(&f->s, &f->t, f->s.set->by_trap[VS_TRAP_CPU_ID]);
}

static void test_each_step_books_its_time_on_its_own_account(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f), VS_PROGRAM_WAITS);
    const struct vs_op_acc *a = f->t.acc;
    assert_int_equal(a->work[f->s.account + 0].ps, 100);
    assert_int_equal(a->work[f->s.account + 1].n, 0);
    assert_int_equal(a->work[f->s.account + 2].ps, 7 * 500);
    assert_string_equal(f->s.set->component.accounts[2].path, "hypervisor.cpu_id.stall");
    assert_string_equal(f->s.set->component.accounts[2].priced_by,
                        "hypervisor.cpu_id.stall.cycles");
}

/* What is taken whatever happens stands in the plan; of what is never taken nothing does. */
static void test_a_plan_holds_what_a_program_may_do_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    uint16_t program = f->s.set->by_trap[VS_TRAP_CPU_ID];
    const struct vs_plan *plan = &f->s.plan[program];
    uint32_t work = 0, loops = 0;
    assert_true(vs_program_plan(&f->s, program));
    for (uint32_t i = 0; i < plan->n_acts; i++) {
        const struct vs_act *a = &plan->act[i];
        work += a->kind == VS_ACT_WORK ? a->n : 0;
        loops += a->kind == VS_ACT_EACH;
        assert_true(a->kind != VS_ACT_STEP || a->step->kind != VS_STEP_CALL);
        bool leads = a->kind == VS_ACT_IF || a->kind == VS_ACT_EACH;
        assert_true(!leads ||
                    (a->to > i + 1u && a->to <= plan->n_acts)); /* something depends on it */
    }
    assert_int_equal(work, 2); /* long and short; `stall` only waits */
    assert_int_equal(loops, 1);
}

static void test_a_step_is_taken_when_its_predicate_holds(void **state)
{
    struct fixture *f = *state;
    f->world.fast = true;
    run(f);
    assert_int_equal(f->world.work, 10);
    assert_int_equal(f->world.touched[VS_REF_FETCH], 2);
    f->world.fast = false;
    run(f);
    assert_int_equal(f->world.work, 110);
    assert_int_equal(f->world.touched[VS_REF_FETCH], 2 + 10);
    assert_int_equal(f->world.touched[VS_REF_READ], 3);
    assert_int_equal(f->world.touched[VS_REF_WRITE], 1);
}

static bool settled(void *ctx, enum vs_predicate p)
{
    (void)ctx;
    return p == VS_WHEN_FAST;
}

/* What a predicate says for ever is asked once, when a trap is first planned. */
static void test_a_settled_predicate_is_planned_away(void **state)
{
    struct fixture *f = *state;
    const struct vs_plan *plan = &f->s.plan[f->s.set->by_trap[VS_TRAP_CPU_ID]];
    f->s.world.settled = settled;
    run(f);
    assert_int_equal(f->world.work, 100); /* it was not fast, */
    f->world.fast = true;
    run(f);
    assert_int_equal(f->world.work, 200); /* and nobody asks again */
    for (uint32_t i = 0; i < plan->n_acts; i++) {
        assert_true(plan->act[i].kind != VS_ACT_IF || plan->act[i].step->when != VS_WHEN_FAST);
    }
}

/* Work may be put off while nobody looks; what is not quiet looks. */
static void test_work_is_done_before_what_could_see_that_it_is_not(void **state)
{
    struct fixture *f = *state;
    f->world.pages = 1;
    for (unsigned i = 0; i < 4; i++) {
        f->world.unwatched = i & 1;
        f->world.quiet = i & 2;
        f->world.work = f->world.touched[VS_REF_FETCH] = 0;
        assert_int_equal(run(f), VS_PROGRAM_WAITS);
        assert_int_equal(f->world.work_before, i == 3 ? 0 : 100);
        assert_int_equal(f->world.work, 100); /* in the end all of it */
        assert_int_equal(f->world.touched[VS_REF_FETCH], 10);
    }
}

static void test_a_cursor_takes_the_step_once_for_each_and_ends(void **state)
{
    struct fixture *f = *state;
    f->world.pages = 5;
    run(f);
    assert_int_equal(f->world.mapped, 5);
    assert_int_equal(f->world.clears, 5);
}

static void test_a_step_that_fails_ends_the_program_where_it_stands(void **state)
{
    struct fixture *f = *state;
    f->world.pages = 5;
    f->world.full = true;
    assert_int_equal(run(f), VS_PROGRAM_FAILED);
    assert_int_equal(f->world.mapped, 1);
    assert_int_equal(f->world.clears, 0);
}

static void test_a_step_that_shares_anothers_code_lies_where_that_does(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->s.step[1].code_at, f->s.step[0].code_at);
    assert_int_equal(f->s.step[2].code_at, f->s.step[0].code_at + 640);
}

static void test_what_may_be_left_out_is_taken_when_its_knob_says_so(void **state)
{
    struct fixture *f = *state;
    run(f);
    assert_int_equal(f->world.clears, 0);
    for (size_t i = 0; i < f->s.set->component.n_knobs; i++) {
        f->values[i] |= !strcmp(f->s.set->component.knobs[i].path, "hypervisor.cpu_id.maybe.taken");
    }
    vs_software_free(&f->s);
    assert_int_equal(vs_software_bind(&f->s, f->values, 500), VS_OK);
    run(f);
    assert_int_equal(f->world.clears, 1);
}

static void test_code_and_data_beyond_their_area_are_refused(void **state)
{
    struct fixture *f = *state;
    struct vs_errors e = {NULL, 0};
    vs_program_set_check(f->s.set, f->values, &e);
    assert_int_equal(e.n, 0);
    for (size_t i = 0; i < f->s.set->component.n_knobs; i++) {
        const char *path = f->s.set->component.knobs[i].path;
        f->values[i] = !strcmp(path, "hypervisor.cpu_id.long.code_bytes") ? VS_PROGRAM_TRAP_CODE + 1
                       : !strcmp(path, "hypervisor.cpu_id.long.data_bytes")
                           ? VS_PROGRAM_TRAP_DATA + 1
                           : f->values[i];
    }
    vs_program_set_check(f->s.set, f->values, &e);
    assert_int_equal(e.n, 2);
    assert_non_null(strstr(e.text[0], "t.lua: program cpu_id: its steps have 65600 bytes of code"));
    vs_errors_free(&e);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Stops the program from a moment on. */
static bool from_then_on(void *ctx, struct vs_txn *t)
{
    const uint64_t *at = ctx;
    return vs_now(t).v >= *at;
}

static void test_a_program_stops_behind_the_first_step_that_reaches_the_moment(void **state)
{
    struct fixture *f = *state;
    uint16_t program = f->s.set->by_trap[VS_TRAP_CPU_ID];
    struct vs_program_place at = {0};
    uint64_t begun = vs_now(&f->t).v, moment = begun + 100; /* the first step takes so long */
    struct vs_program_stop stop = {from_then_on, &moment};
    assert_int_equal(vs_program_run_from(&f->s, &f->t, program, &at, &stop), VS_PROGRAM_STOPPED);
    assert_int_equal(vs_now(&f->t).v, moment);
    moment = UINT64_MAX;
    assert_int_equal(vs_program_run_from(&f->s, &f->t, program, &at, &stop), VS_PROGRAM_WAITS);
    begun = vs_now(&f->t).v;
    moment = begun + 101; /* the second one ends behind it */
    assert_int_equal(vs_program_run_from(&f->s, &f->t, program, &at, &stop), VS_PROGRAM_STOPPED);
    assert_int_equal(vs_now(&f->t).v, begun + 100 + 7 * 500);
}

static void test_a_program_that_is_stopped_everywhere_does_what_it_does_in_one_go(void **state)
{
    struct fixture *f = *state;
    uint16_t program = f->s.set->by_trap[VS_TRAP_CPU_ID];
    for (unsigned i = 0; i < 8; i++) {
        struct vs_program_place at = {0};
        uint64_t moment = 0, begun = vs_now(&f->t).v;
        struct vs_program_stop stop = {from_then_on, &moment};
        struct world *w = &f->world, before;
        *w = (struct world){.fast = i & 1u, .pages = i / 2u, .unwatched = true, .quiet = true};
        enum vs_program_end whole = run(f), end;
        uint64_t took = vs_now(&f->t).v - begun;
        before = *w;
        begun = vs_now(&f->t).v;
        *w = (struct world){.fast = i & 1u, .pages = i / 2u, .unwatched = true, .quiet = true};
        unsigned stops = 0;
        while ((end = vs_program_run_from(&f->s, &f->t, program, &at, &stop)) ==
               VS_PROGRAM_STOPPED) {
            stops++;
        }
        assert_int_equal(end, whole);
        assert_true(stops >= 2);
        assert_int_equal(vs_now(&f->t).v - begun, took);
        assert_int_equal(w->work, before.work);
        assert_int_equal(w->clears, before.clears);
        assert_int_equal(w->mapped, before.mapped);
        assert_memory_equal(w->touched, before.touched, sizeof w->touched);
        assert_int_equal(at.act + at.step, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_word_that_is_in_no_list_is_refused_with_the_nearest),
        cmocka_unit_test(test_each_role_has_its_own_words),
        cmocka_unit_test(test_an_offset_is_a_place_of_its_own),
        cmocka_unit_test(test_numbers_have_a_source_and_a_grade),
        cmocka_unit_test(test_names_are_those_that_a_knob_can_have_each_once),
        cmocka_unit_test(test_calls_form_no_circle),
        cmocka_unit_test(test_one_step_of_a_program_is_called_without_the_others),
        T(test_each_step_books_its_time_on_its_own_account),
        T(test_a_plan_holds_what_a_program_may_do_and_nothing_else),
        T(test_work_is_done_before_what_could_see_that_it_is_not),
        T(test_a_settled_predicate_is_planned_away),
        T(test_a_step_is_taken_when_its_predicate_holds),
        T(test_a_cursor_takes_the_step_once_for_each_and_ends),
        T(test_a_step_that_fails_ends_the_program_where_it_stands),
        T(test_a_step_that_shares_anothers_code_lies_where_that_does),
        T(test_a_program_stops_behind_the_first_step_that_reaches_the_moment),
        T(test_a_program_that_is_stopped_everywhere_does_what_it_does_in_one_go),
        T(test_what_may_be_left_out_is_taken_when_its_knob_says_so),
        T(test_code_and_data_beyond_their_area_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
