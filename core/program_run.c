/* SPDX-License-Identifier: MIT */
/*
 * The interpreter of bound programs.
 *
 * Work is handed to the core when something comes that could see whether it was done: steps of the
 * core that stand one behind the other in the plan are then one call. While somebody looks at the
 * order of everything (a tape, spans, the window) it is done at once.
 */
#include "program_impl.h"

#define LINE VS_TOUCH_BYTES

/* Copies bytes line by line between the two halves of the software's area for it. */
static void copy(const struct vs_software *s, struct vs_txn *t, uint64_t bytes)
{
    uint64_t from = s->at.copy, to = from + s->at.copy_bytes;
    for (uint64_t done = 0; done < bytes; done += LINE) {
        uint64_t off = done % s->at.copy_bytes;
        vs_gva a = {from + off}, b = {to + off};
        s->core.touch(s->core.ctx, t, a, VS_REF_READ);
        s->core.touch(s->core.ctx, t, b, VS_REF_WRITE);
    }
}

/* Accesses the fields that a step names, those that lie beside each other together. */
static void state(const struct vs_software *s, struct vs_txn *t, const struct vs_step *step)
{
    for (unsigned i = 0, n; i < step->n_fields; i += n) {
        for (n = 0; i + n < step->n_fields && step->value[i + n] == VS_VALUE_READ;) {
            n++;
        }
        if (n) {
            s->world.read(s->world.ctx, t, &step->field[i], n);
        } else {
            s->world.write(s->world.ctx, t, (enum vs_state)step->field[i],
                           (enum vs_state_value)step->value[i]);
            n = 1;
        }
    }
}

/* A step that is neither work nor a call, once. */
static enum vs_program_end once(const struct vs_software *s, struct vs_txn *t,
                                const struct vs_act *a)
{
    switch ((enum vs_step_kind)a->step->kind) {
    case VS_STEP_CLEAR:
        s->world.clear(s->world.ctx, t, (enum vs_spot)a->step->word);
        break;
    case VS_STEP_COPY:
        copy(s, t, a->bound->number[VS_NUMBER_COPY]);
        break;
    case VS_STEP_STATE:
        state(s, t, a->step);
        break;
    case VS_STEP_ACTION:
        return s->world.action(s->world.ctx, t, (enum vs_action)a->step->word) ? VS_PROGRAM_DONE
                                                                               : VS_PROGRAM_FAILED;
    case VS_STEP_LOAD:
    case VS_STEP_STORE:
        s->world.access(s->world.ctx, t, (enum vs_spot)a->step->word,
                        a->step->kind == VS_STEP_STORE ? VS_REF_WRITE : VS_REF_READ);
        break;
    case VS_STEP_TRAP:
        s->world.trap(s->world.ctx, t, (enum vs_instruction)a->step->word);
        break;
    case VS_STEP_SEND:
        s->world.send(s->world.ctx, t, (enum vs_message)a->step->word);
        break;
    case VS_STEP_WAIT:
        return VS_PROGRAM_WAITS;
    case VS_STEP_RUN:
    case VS_STEP_TOUCH:
    case VS_STEP_CALL:
    case VS_STEP_N:
        break;
    }
    return VS_PROGRAM_DONE;
}

/* So many cycles, n times over. */
static void stall(const struct vs_software *s, struct vs_txn *t, const struct vs_act *a, uint64_t n)
{
    vs_ps d = {n * a->bound->number[VS_NUMBER_CYCLES]};
    vs_charge_beside(t, (uint16_t)(s->account + a->step->account), d);
}

/* Asks the world whether a step's condition holds. */
static bool holds(const struct vs_software *s, const struct vs_act *a)
{
    return s->world.holds(s->world.ctx, (enum vs_predicate)a->step->when, a->taken) !=
           a->step->negated;
}

/* A run of a program. */
struct way {
    const struct vs_software *s;
    struct vs_plan *plan;
    struct vs_txn *t;
    struct vs_put_off *put_off; /* work that was passed and not done yet; NULL: none */
    bool later;                 /* it may be done later */
};

/* What was put off is done. */
static inline void catch_up(struct way *w)
{
    if (w->put_off) {
        vs__put_off_make(w->s, w->t, w->plan, w->put_off);
        w->put_off = NULL;
    }
}

/* The branch that goes on with this act; NULL: it does not. */
static inline struct vs_put_off *branch(struct way *w, const struct vs_act *a)
{
    struct vs_put_off *o = w->put_off ? w->put_off->next : w->plan->put_off;
    while (o && o->first != a->first) {
        o = o->other;
    }
    return vs_likely(o != NULL) ? o : vs__put_off_new(w->plan, w->put_off, a);
}

/* Runs a step's instructions; in a path that is put off its work is collected. */
static inline void work(struct way *w, const struct vs_act *a)
{
    struct vs_put_off *o = w->later ? branch(w, a) : NULL;
    if (w->later && !o) {
        catch_up(w);
        o = branch(w, a);
    }
    w->put_off = o;
    if (!o) {
        vs_core_steps(&w->s->core, w->t, w->plan->work + a->first, a->n);
    }
}

/* Whether a step could tell that work before it is still to be done. */
static inline bool sees(const struct vs_software *s, const struct vs_step *step)
{
    if (step->kind == VS_STEP_STATE) {
        return !s->world.state_apart;
    }
    return step->kind != VS_STEP_ACTION || !s->world.quiet ||
           !s->world.quiet(s->world.ctx, (enum vs_action)step->word);
}

/* Acts [i, to). */
static enum vs_program_end acts(struct way *w, uint32_t i, uint32_t to)
{
    const struct vs_software *s = w->s;
    enum vs_program_end end = VS_PROGRAM_DONE;
    while (i < to && !end) {
        const struct vs_act *a = &w->plan->act[i++];
        switch ((enum vs_act_kind)a->kind) {
        case VS_ACT_WORK:
            work(w, a);
            break;
        case VS_ACT_CYCLES:
            stall(s, w->t, a, 1);
            break;
        case VS_ACT_STEP:
            if (w->put_off && sees(s, a->step)) {
                catch_up(w);
            }
            end = once(s, w->t, a);
            break;
        case VS_ACT_IF:
            i = holds(s, a) ? i : a->to;
            break;
        case VS_ACT_EACH:
            for (uint64_t k = 0;
                 !end && s->world.next(s->world.ctx, (enum vs_cursor)a->step->each, &k);) {
                end = acts(w, i, a->to);
            }
            i = a->to;
            break;
        }
    }
    return end;
}

enum vs_program_end vs_program_run(const struct vs_software *s, struct vs_txn *t, uint16_t program)
{
    struct way w = {.s = s, .plan = &s->plan[program], .t = t};
    if (!w.plan->made && !vs_program_plan(s, program)) {
        return VS_PROGRAM_FAILED;
    }
    w.later = s->core.unwatched && s->core.unwatched(s->core.ctx);
    enum vs_program_end end = acts(&w, 0, w.plan->n_acts);
    catch_up(&w);
    return end;
}

/* The act at `at`, of work one step of it; where that leads. */
static enum vs_program_end one(struct way *w, struct vs_program_place *at)
{
    const struct vs_act *a = &w->plan->act[at->act];
    enum vs_program_end end = VS_PROGRAM_DONE;
    if (a->kind == VS_ACT_WORK) {
        vs_core_steps(&w->s->core, w->t, w->plan->work + a->first + at->step, 1);
        bool last = ++at->step == a->n;
        *at = last ? (struct vs_program_place){.act = at->act + 1u} : *at;
    } else if (a->kind == VS_ACT_IF) {
        at->act = holds(w->s, a) ? at->act + 1u : a->to;
    } else {
        end = acts(w, at->act, at->act + 1u);
        at->act = a->kind == VS_ACT_EACH ? a->to : at->act + 1u;
    }
    return end;
}

enum vs_program_end vs_program_run_from(const struct vs_software *s, struct vs_txn *t,
                                        uint16_t program, struct vs_program_place *at,
                                        const struct vs_program_stop *stop)
{
    struct way w = {.s = s, .plan = &s->plan[program], .t = t}; /* nothing is put off */
    enum vs_program_end end = VS_PROGRAM_DONE;
    if (!w.plan->made && !vs_program_plan(s, program)) {
        return VS_PROGRAM_FAILED;
    }
    while (at->act < w.plan->n_acts && !end) {
        end = one(&w, at);
        if (!end && stop->asked(stop->ctx, t)) {
            return VS_PROGRAM_STOPPED;
        }
    }
    *at = (struct vs_program_place){0};
    return end;
}

void vs_program_code(const struct vs_software *s, struct vs_txn *t, uint16_t program)
{
    const struct vs_plan *p = &s->plan[program];
    for (uint32_t i = 0; i < p->n_acts; i++) {
        const struct vs_act *a = &p->act[i];
        for (uint32_t k = 0; a->kind == VS_ACT_WORK && k < a->n; k++) {
            struct vs_core_step touches = p->work[a->first + k];
            touches.instructions = 0;
            vs_core_steps(&s->core, t, &touches, 1);
        }
    }
}

void vs_program_rounds(const struct vs_software *s, struct vs_txn *t, uint16_t program, uint64_t n)
{
    const struct vs_plan *p = &s->plan[program];
    for (uint32_t i = 0; n && i < p->n_acts; i++) {
        const struct vs_act *a = &p->act[i];
        for (uint32_t k = 0; a->kind == VS_ACT_WORK && k < a->n; k++) {
            const struct vs_core_step *w = &p->work[a->first + k];
            if (w->instructions) {
                s->core.work(s->core.ctx, t, w->account, n * w->instructions);
            }
        }
        if (a->kind == VS_ACT_CYCLES) {
            stall(s, t, a, n);
        }
    }
}
