/* SPDX-License-Identifier: MIT */
/* Laws of agents that do something on their own (vs_pace), in both kernels: passing over what they
 * do changes nothing but how many steps that takes. */
#include "kernel.h"

#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { AGENTS = 4, TASKS = 40, ROUND = 3 };

/* Where the clocks of all agents stand when one of them begins a task. */
struct seen {
    unsigned agent;
    uint64_t now, clock[AGENTS];
};

struct company;

/* Counts pieces of work: ROUND of them take `round_ps`, which need not be a multiple. */
struct worker {
    struct company *of;
    unsigned number, agent;
    uint64_t clock, begun_ps, done, pieces; /* of the present task: since when, how much, of what */
    uint64_t wake_ps;                       /* somebody else wants it to look up then */
    unsigned tasks;
};

struct company {
    struct vs_kernel *kernel;
    struct worker worker[AGENTS];
    struct vs_rng rng;
    uint64_t round_ps;
    uint64_t steps;
    struct seen seen[AGENTS * TASKS];
    unsigned n;
};

/* The moment at which n pieces of the task are done. */
static uint64_t after(const struct worker *w, uint64_t n)
{
    return w->begun_ps + n * w->of->round_ps / ROUND;
}

/* The next task: a piece of work, of which one in four tells somebody to look up. */
static void begin(struct worker *w)
{
    struct company *c = w->of;
    struct seen *s = &c->seen[c->n++];
    *s = (struct seen){.agent = w->number, .now = w->clock};
    for (unsigned i = 0; i < AGENTS; i++) {
        s->clock[i] = c->worker[i].clock;
    }
    w->begun_ps = w->clock;
    w->done = 0;
    w->pieces = ROUND * (1u + vs_rng_below(&c->rng, 2000));
    w->tasks++;
    struct worker *other = &c->worker[vs_rng_below(&c->rng, AGENTS)];
    uint64_t at = w->clock + vs_rng_below(&c->rng, 3000);
    if (!vs_rng_below(&c->rng, 4) && other != w && at < other->wake_ps) {
        other->wake_ps = at;
        vs_kernel_wake(c->kernel, other->agent, at);
    }
}

/* Works to the first moment behind the horizon, task after task; being told something, it loses the
 * time of a round. */
static uint64_t step(void *ctx, uint64_t now_ps, uint64_t horizon_ps)
{
    struct worker *w = ctx;
    struct company *c = w->of;
    c->steps++;
    while (w->clock <= horizon_ps) {
        if (w->done == w->pieces) {
            if (w->tasks == TASKS) {
                return VS_NEVER;
            }
            begin(w);
        }
        if (w->wake_ps <= w->clock) {
            w->wake_ps = VS_NEVER;
            w->begun_ps += c->round_ps;
        }
        w->clock = after(w, ++w->done);
    }
    return w->clock > now_ps ? w->clock : now_ps;
}

/* To the end of the task, or to when it is to look up. */
static uint64_t alone(void *ctx, uint64_t due_ps, uint64_t *each_ps)
{
    struct worker *w = ctx;
    uint64_t end = after(w, w->pieces);
    *each_ps = w->of->round_ps;
    return due_ps != w->clock ? 0 : w->wake_ps < end ? w->wake_ps : end;
}

static void pass(void *ctx, uint64_t n)
{
    struct worker *w = ctx;
    w->done += n * ROUND;
    w->clock = after(w, w->done);
}

static const struct vs_pace pace = {alone, pass};

/* The agents from `first` on say what they do on their own; false: there is no such kernel. */
static bool play(struct company *c, enum vs_kernel_kind kind, unsigned first, uint64_t round_ps)
{
    char error[300];
    memset(c, 0, sizeof *c);
    vs_rng_seed(&c->rng, round_ps, 1);
    c->round_ps = round_ps;
    c->kernel = vs_kernel_create(kind, error, sizeof error);
    for (unsigned i = 0; c->kernel && i < AGENTS; i++) {
        struct vs_agent agent = {i & 1u ? "odd" : "even", &c->worker[i], step,
                                 i >= first ? &pace : NULL};
        c->worker[i] = (struct worker){.of = c, .number = i, .wake_ps = VS_NEVER};
        assert_true(vs_kernel_add(c->kernel, &agent, &c->worker[i].agent));
    }
    if (c->kernel) {
        assert_true(vs_kernel_run(c->kernel, error, sizeof error));
        vs_kernel_destroy(c->kernel);
    }
    return c->kernel != NULL;
}

/* Rounds whose pieces take whole times, with many that fall together, and others. */
static const uint64_t rounds[] = {3, 30, 31, 100, 1155};
enum { ROUNDS = sizeof rounds / sizeof rounds[0] };

static void what_each_sees_of_the_others_is_as_step_by_step(void **state)
{
    (void)state;
    static struct company by_step, passed;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_true(play(&by_step, VS_KERNEL_PLAIN, AGENTS, rounds[i]));
        for (unsigned kind = VS_KERNEL_PLAIN; kind <= VS_KERNEL_SYSTEMC; kind++) {
            for (unsigned first = 0; first < AGENTS; first++) {
                if (play(&passed, (enum vs_kernel_kind)kind, first, rounds[i])) {
                    assert_int_equal(passed.n, AGENTS * TASKS);
                    assert_memory_equal(by_step.seen, passed.seen, sizeof passed.seen);
                }
            }
        }
    }
}

static void who_works_on_his_own_takes_steps_by_the_task_and_not_by_the_piece(void **state)
{
    (void)state;
    static struct company by_step, passed;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_true(play(&by_step, VS_KERNEL_PLAIN, AGENTS, rounds[i]));
        assert_true(play(&passed, VS_KERNEL_PLAIN, 0, rounds[i]));
        assert_true(by_step.steps > 100000); /* 160 tasks of 3000 pieces */
        assert_true(passed.steps < 60u * AGENTS * TASKS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_sees_of_the_others_is_as_step_by_step),
        cmocka_unit_test(who_works_on_his_own_takes_steps_by_the_task_and_not_by_the_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
