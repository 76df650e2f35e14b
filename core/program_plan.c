/* SPDX-License-Identifier: MIT */
/*
 * Binding programs: numbers and places of their steps, and the plan of what they do.
 *
 * A plan is a program read in advance: a call stands for the steps it calls, a step without numbers
 * for nothing, and a step that is left out whatever happens is left out of the plan. What remains
 * of a condition or a loop is one act in front of what depends on it.
 */
#include "program_impl.h"

#include <stdlib.h>
#include <string.h>

#define LINE VS_TOUCH_BYTES

/* ---- numbers and places ---- */

/* Lines that so many bytes take. */
static uint64_t lines(uint64_t bytes)
{
    return (bytes + LINE - 1u) / LINE;
}

/* Where the next code and data go: of the kernel's shared part, and of user space. */
struct places {
    uint64_t code, data;
};

/* The steps of one program lie one behind the other, from `at` on. */
static void place(struct vs_software *s, const struct vs_program *p, struct places *at)
{
    for (size_t i = 0; i < p->desc->n; i++) {
        struct vs_bound_step *b = &s->step[p->first + i];
        uint16_t like = p->step[i].like;
        b->code_at = at->code;
        b->data_at = at->data;
        if (like != VS_PROGRAM_NONE) {
            b->code_at = s->step[p->first + like].code_at;
        } else {
            at->code += lines(b->number[VS_NUMBER_CODE]) * LINE;
        }
        at->data += lines(b->number[VS_NUMBER_DATA]) * LINE;
    }
}

/* Each step has the values of its knobs, and its code and data their place. */
static void bind_steps(struct vs_software *s, const uint64_t *values, uint64_t period_ps)
{
    const struct vs_program_layout *a = &s->at;
    struct places kernel = {a->code + a->shared, a->data + a->shared},
                  user = {a->user_code, a->user_data};
    for (size_t i = 0; i < s->set->desc->n; i++) {
        const struct vs_program *p = &s->set->program[i];
        for (size_t k = 0; k < p->desc->n; k++) {
            struct vs_bound_step *b = &s->step[p->first + k];
            for (int n = 0; n < VS_NUMBERS; n++) {
                uint16_t knob = p->step[k].number[n];
                b->number[n] = knob == VS_PROGRAM_NONE ? 0 : values[knob];
            }
            b->number[VS_NUMBER_CYCLES] *= period_ps;
        }
        struct places own = {a->code + VS_PROGRAM_CODE + p->trap * VS_PROGRAM_TRAP_CODE,
                             a->data + VS_PROGRAM_DATA + p->trap * VS_PROGRAM_TRAP_DATA};
        if (p->desc->placed) {
            own = (struct places){a->code + p->desc->offset, a->data + p->desc->offset};
        }
        bool shares = p->trap == VS_TRAP_N && !p->desc->placed;
        place(s, p, p->user ? &user : shares ? &kernel : &own);
    }
}

/* ---- the plan ---- */

/* A plan while it grows. Steps of the core name their runs by number until it is complete. */
struct planner {
    const struct vs_software *s;
    struct vs_plan *to;
    uint32_t n_acts, n_work, n_runs, room_acts, room_work, room_runs;
    uint32_t label; /* the act that something else leads to: it is not part of the one before */
    bool failed;    /* no memory */
    bool running;   /* the world has all that it will ever have: what it has settled is asked now */
};

/* A plan that was not made, or is no longer needed. */
static void free_plan(struct vs_plan *p)
{
    vs__put_off_free(p->put_off);
    free(p->act);
    free(p->work);
    free(p->run);
    *p = (struct vs_plan){0};
}

/* Room for one more in an array of n; false: no memory. */
static bool grow(struct planner *p, void **array, uint32_t n, uint32_t *room, size_t bytes)
{
    if (n < *room) {
        return true;
    }
    uint32_t more = *room ? 2u * *room : 16u;
    void *grown = realloc(*array, more * bytes);
    if (!grown) {
        p->failed = true;
        return false;
    }
    *array = grown;
    *room = more;
    return true;
}

/* One more act, all of it zero but kind, step and place; NULL: no memory. */
static struct vs_act *act(struct planner *p, enum vs_act_kind kind, const struct vs_step *step,
                          const struct vs_bound_step *bound)
{
    if (!grow(p, (void **)&p->to->act, p->n_acts, &p->room_acts, sizeof *p->to->act)) {
        return NULL;
    }
    struct vs_act *a = &p->to->act[p->n_acts++];
    *a = (struct vs_act){.kind = (uint8_t)kind, .step = step, .bound = bound};
    return a;
}

/* One more run of `n` lines of the step, if it has any. */
static void run(struct planner *p, struct vs_core_step *step, uint64_t at, uint64_t n,
                enum vs_ref ref)
{
    if (n && grow(p, (void **)&p->to->run, p->n_runs, &p->room_runs, sizeof *p->to->run)) {
        p->to->run[p->n_runs++] = (struct vs_core_run){at, (uint32_t)n, ref};
        step->n_runs++;
    }
}

/* Code is fetched, data touched, instructions execute. Data is read line by line, and about a
 * quarter of its lines, the last ones, written. */
static void plan_work(struct planner *p, const struct vs_step *step, const struct vs_bound_step *b)
{
    struct vs_core_step work = {.account = (uint16_t)(p->s->account + step->account)};
    uint64_t n = lines(b->number[VS_NUMBER_DATA]), written = (n + 2u) / 4u, read = n - written;
    if (step->kind == VS_STEP_RUN) {
        work.instructions = b->number[VS_NUMBER_INSTRUCTIONS];
        run(p, &work, b->code_at, lines(b->number[VS_NUMBER_CODE]), VS_REF_FETCH);
    }
    run(p, &work, b->data_at, read, VS_REF_READ);
    run(p, &work, b->data_at + read * LINE, written, VS_REF_WRITE);
    if (!work.n_runs && !work.instructions) {
        return;
    }
    bool more = p->n_acts > p->label && p->to->act[p->n_acts - 1u].kind == VS_ACT_WORK;
    struct vs_act *a = more ? &p->to->act[p->n_acts - 1u] : act(p, VS_ACT_WORK, step, b);
    if (a && grow(p, (void **)&p->to->work, p->n_work, &p->room_work, sizeof *p->to->work)) {
        a->first = a->n ? a->first : p->n_work;
        a->n++;
        p->to->work[p->n_work++] = work;
    }
}

static void plan_program(struct planner *p, uint16_t program, uint16_t only);

/* What a step does, its condition and its repetition aside. */
static void plan_body(struct planner *p, const struct vs_step *step, const struct vs_bound_step *b)
{
    switch ((enum vs_step_kind)step->kind) {
    case VS_STEP_RUN:
    case VS_STEP_TOUCH:
        plan_work(p, step, b);
        if (step->kind == VS_STEP_RUN && b->number[VS_NUMBER_CYCLES]) {
            (void)act(p, VS_ACT_CYCLES, step, b);
        }
        break;
    case VS_STEP_COPY:
        if (b->number[VS_NUMBER_COPY]) {
            (void)act(p, VS_ACT_STEP, step, b);
        }
        break;
    case VS_STEP_CALL:
        plan_program(p, step->callee, step->only);
        break;
    case VS_STEP_CLEAR:
    case VS_STEP_STATE:
    case VS_STEP_ACTION:
    case VS_STEP_LOAD:
    case VS_STEP_STORE:
    case VS_STEP_TRAP:
    case VS_STEP_SEND:
    case VS_STEP_WAIT:
        (void)act(p, VS_ACT_STEP, step, b);
        break;
    case VS_STEP_N:
        break;
    }
}

/* What a step does, behind its condition and in its loop; nothing of either where it does nothing.
 */
static void plan_step(struct planner *p, const struct vs_step *step, const struct vs_bound_step *b)
{
    bool optional = step->number[VS_NUMBER_TAKEN] != VS_PROGRAM_NONE,
         taken = !optional || b->number[VS_NUMBER_TAKEN] != 0;
    uint32_t from = p->n_acts, label = p->label;
    if (!taken && step->when != VS_WHEN_USER) { /* what `taken` means there, the world knows */
        return;
    }
    const struct vs_program_world *w = &p->s->world;
    enum vs_predicate when = (enum vs_predicate)step->when;
    bool settled = p->running && w->settled && w->settled(w->ctx, when);
    if (settled && w->holds(w->ctx, when, taken) == step->negated) {
        return;
    }
    if (when != VS_WHEN_ALWAYS && !settled) {
        struct vs_act *a = act(p, VS_ACT_IF, step, b);
        if (a) {
            a->taken = taken;
        }
    }
    if (step->each != VS_EACH_ONCE) {
        (void)act(p, VS_ACT_EACH, step, b);
    }
    uint32_t body = p->n_acts;
    p->label = body > from ? body : p->label;
    plan_body(p, step, b);
    if (p->n_acts == body) { /* nothing depends on the condition */
        p->n_acts = from;
        p->label = label;
    } else if (body > from) {
        for (; from < body; from++) {
            p->to->act[from].to = p->n_acts;
        }
        p->label = p->n_acts;
    }
}

/* A program's steps, or one of them. */
static void plan_program(struct planner *p, uint16_t program, uint16_t only)
{
    const struct vs_program *of = &p->s->set->program[program];
    for (size_t i = 0; i < of->desc->n && !p->failed; i++) {
        if (only == VS_PROGRAM_NONE || only == i) {
            plan_step(p, &of->step[i], &p->s->step[of->first + i]);
        }
    }
}

bool vs_program_plan(const struct vs_software *s, uint16_t program)
{
    struct vs_plan *to = &s->plan[program];
    struct planner p = {.s = s, .to = to, .running = s->set->program[program].trap != VS_TRAP_N};
    if (to->made) {
        return true;
    }
    plan_program(&p, program, VS_PROGRAM_NONE);
    if (p.failed) {
        free_plan(to);
        return false;
    }
    for (uint32_t i = 0, at = 0; i < p.n_work; at += to->work[i++].n_runs) {
        to->work[i].run = to->run ? to->run + at : NULL;
    }
    to->n_acts = p.n_acts;
    to->made = true;
    return true;
}

enum vs_status vs_software_bind(struct vs_software *s, const uint64_t *values, uint64_t period_ps)
{
    s->step = calloc((size_t)s->set->n_steps + 1, sizeof *s->step);
    s->plan = calloc(s->set->desc->n + 1, sizeof *s->plan);
    bool good = s->step && s->plan;
    if (good) {
        bind_steps(s, values, period_ps);
    }
    for (uint16_t i = 0; good && i < s->set->desc->n; i++) {
        good = s->set->program[i].trap != VS_TRAP_N || vs_program_plan(s, i);
    }
    if (!good) {
        vs_software_free(s);
    }
    return good ? VS_OK : VS_E_NOMEM;
}

void vs_software_free(struct vs_software *s)
{
    for (size_t i = 0; s->plan && i < s->set->desc->n; i++) {
        free_plan(&s->plan[i]);
    }
    free(s->step);
    free(s->plan);
    s->step = NULL;
    s->plan = NULL;
}
