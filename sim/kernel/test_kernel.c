/* SPDX-License-Identifier: MIT */
/* Laws of a kernel, of both of them: in which order agents run, and how far they may go. */
#include "kernel.h"

#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { AGENTS = 4, STEPS = 400 };

/* One step: who ran, when, and its horizon. */
struct step {
    unsigned agent;
    uint64_t now, horizon;
};

struct company;

struct member {
    struct company *of;
    unsigned number;
    unsigned steps;
};

/* What agent `number` does at its nth step; returns when it wants to run again. */
typedef uint64_t does(struct company *c, unsigned number, unsigned nth, uint64_t now);

struct company {
    struct vs_kernel *kernel;
    struct member member[AGENTS];
    does *what;
    struct vs_rng rng;
    struct step log[STEPS];
    unsigned n;
};

/* Logs the step, up to the log's end, and does what the test says. */
static uint64_t step(void *ctx, uint64_t now_ps, uint64_t horizon_ps)
{
    struct member *m = ctx;
    struct company *c = m->of;
    if (c->n == STEPS) {
        vs_kernel_stop(c->kernel);
        return VS_NEVER;
    }
    c->log[c->n++] = (struct step){m->number, now_ps, horizon_ps};
    return c->what(c, m->number, m->steps++, now_ps);
}

/* Runs four agents to the end; false: this build has no such kernel. */
static bool play(enum vs_kernel_kind kind, struct company *c, does *what)
{
    char error[300] = "";
    memset(c, 0, sizeof *c);
    c->what = what;
    vs_rng_seed(&c->rng, 1, 1);
    c->kernel = vs_kernel_create(kind, error, sizeof error);
    if (!c->kernel) {
        assert_non_null(strstr(error, "-DVIRTSIM_WITHOUT=systemc"));
        return false;
    }
    for (unsigned i = 0; i < AGENTS; i++) {
        char name[8];
        unsigned number;
        snprintf(name, sizeof name, "a%u", i);
        struct vs_agent agent = {name, &c->member[i], step, NULL};
        c->member[i] = (struct member){c, i, 0};
        assert_true(vs_kernel_add(c->kernel, &agent, &number));
        assert_int_equal(number, i);
    }
    assert_true(vs_kernel_run(c->kernel, error, sizeof error));
    vs_kernel_destroy(c->kernel);
    return true;
}

/* What both kernels must have done. */
static void expect(does *what, const struct step *steps, unsigned n)
{
    static struct company c;
    for (unsigned kind = VS_KERNEL_PLAIN; kind <= VS_KERNEL_SYSTEMC; kind++) {
        if (!play((enum vs_kernel_kind)kind, &c, what)) {
            continue;
        }
        for (unsigned i = 0; i < n && i < c.n; i++) {
            assert_int_equal(c.log[i].agent, steps[i].agent);
            assert_int_equal(c.log[i].now, steps[i].now);
            assert_int_equal(c.log[i].horizon, steps[i].horizon);
        }
        assert_int_equal(c.n, n);
    }
}

/* Agent 3 asks first and for the same time as the others. */
static uint64_t together(struct company *c, unsigned number, unsigned nth, uint64_t now)
{
    (void)c;
    return nth < 2 ? (now / 10 + 1) * 10 + (number == 2 ? 5 : 0) : VS_NEVER;
}

static void agents_due_at_the_same_time_run_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    static const struct step steps[] = {{0, 0, 0},   {1, 0, 0},   {2, 0, 0},   {3, 0, 10},
                                        {0, 10, 10}, {1, 10, 10}, {3, 10, 15}, {2, 15, 20},
                                        {0, 20, 20}, {1, 20, 20}, {3, 20, 25}, {2, 25, VS_NEVER}};
    expect(together, steps, sizeof steps / sizeof steps[0]);
}

/* All sleep after their first step; 1 wakes the others at 100, the last first, and each twice. */
static uint64_t wakes(struct company *c, unsigned number, unsigned nth, uint64_t now)
{
    if (number == 1 && now == 0) {
        return 100;
    }
    if (number == 1 && nth == 1) {
        vs_kernel_wake(c->kernel, 3, now);
        vs_kernel_wake(c->kernel, 3, 7); /* passed: now */
        vs_kernel_wake(c->kernel, 2, now + 30);
        vs_kernel_wake(c->kernel, 2, now + 20); /* the earlier one counts */
        vs_kernel_wake(c->kernel, 0, now);
    }
    return VS_NEVER;
}

static void who_is_woken_runs_once_at_the_earliest_time_and_not_in_the_past(void **state)
{
    (void)state;
    static const struct step steps[] = {{0, 0, 0},     {1, 0, 0},          {2, 0, 0},
                                        {3, 0, 100},   {1, 100, VS_NEVER}, {0, 100, 100},
                                        {3, 100, 120}, {2, 120, VS_NEVER}};
    expect(wakes, steps, sizeof steps / sizeof steps[0]);
}

/* 2 and 3 are due at 10; 2 wakes 1 for now, and itself for later than it asks. */
static uint64_t overtakes(struct company *c, unsigned number, unsigned nth, uint64_t now)
{
    if (number == 2 && nth == 1) {
        vs_kernel_wake(c->kernel, 1, now);
        vs_kernel_wake(c->kernel, 2, 50);
        return 40;
    }
    return number >= 2 && nth == 0 ? 10 : VS_NEVER;
}

static void
who_is_woken_goes_before_a_higher_number_that_is_due_and_wakes_outlive_a_step(void **state)
{
    (void)state;
    static const struct step steps[] = {{0, 0, 0},   {1, 0, 0},   {2, 0, 0},
                                        {3, 0, 10},  {2, 10, 10}, {1, 10, 10},
                                        {3, 10, 40}, {2, 40, 50}, {2, 50, VS_NEVER}};
    expect(overtakes, steps, sizeof steps / sizeof steps[0]);
}

/* 1 stops the kernel at 10, when all are due. */
static uint64_t stops(struct company *c, unsigned number, unsigned nth, uint64_t now)
{
    if (number == 1 && nth == 1) {
        vs_kernel_wake(c->kernel, 0, now);
        vs_kernel_stop(c->kernel);
    }
    return now + 10;
}

static void nobody_runs_after_the_one_that_stops(void **state)
{
    (void)state;
    static const struct step steps[] = {{0, 0, 0},  {1, 0, 0},   {2, 0, 0},
                                        {3, 0, 10}, {0, 10, 10}, {1, 10, 10}};
    expect(stops, steps, sizeof steps / sizeof steps[0]);
}

/* Few times, so that many fall together; wakes of anybody, passed ones too. */
static uint64_t anything(struct company *c, unsigned number, unsigned nth, uint64_t now)
{
    (void)number;
    (void)nth;
    for (uint64_t wakes = vs_rng_below(&c->rng, 3); wakes; wakes--) {
        unsigned who = (unsigned)vs_rng_below(&c->rng, AGENTS);
        vs_kernel_wake(c->kernel, who,
                       now + vs_rng_below(&c->rng, 6) -
                           vs_rng_below(&c->rng, 2) * (now > 3 ? 3 : 0));
    }
    return vs_rng_below(&c->rng, 4) ? now + vs_rng_below(&c->rng, 5) : VS_NEVER;
}

static void both_kernels_make_the_same_steps(void **state)
{
    (void)state;
    static struct company plain, systemc;
    assert_true(play(VS_KERNEL_PLAIN, &plain, anything));
    if (!play(VS_KERNEL_SYSTEMC, &systemc, anything)) {
        skip();
    }
    assert_int_equal(plain.n, STEPS);
    assert_int_equal(systemc.n, STEPS);
    for (unsigned i = 0; i < STEPS; i++) {
        assert_int_equal(plain.log[i].agent, systemc.log[i].agent);
        assert_int_equal(plain.log[i].now, systemc.log[i].now);
        assert_int_equal(plain.log[i].horizon, systemc.log[i].horizon);
        assert_true(plain.log[i].horizon >= plain.log[i].now);
        assert_true(!i || plain.log[i].now >= plain.log[i - 1].now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_due_at_the_same_time_run_in_the_order_of_their_numbers),
        cmocka_unit_test(who_is_woken_runs_once_at_the_earliest_time_and_not_in_the_past),
        cmocka_unit_test(
            who_is_woken_goes_before_a_higher_number_that_is_due_and_wakes_outlive_a_step),
        cmocka_unit_test(nobody_runs_after_the_one_that_stops),
        cmocka_unit_test(both_kernels_make_the_same_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
