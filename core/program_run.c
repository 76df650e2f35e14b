/* SPDX-License-Identifier: MIT */
/* The interpreter of programs, and what a run gives to their steps. */
#include "virtsim/program.h"

#include <string.h>

#define LINE 64u

/* ---- numbers and places ---- */

/* Bytes of whole lines. */
static uint64_t lines(uint64_t bytes)
{
    return (bytes + LINE - 1u) & ~(uint64_t)(LINE - 1u);
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
            at->code += lines(b->number[VS_NUMBER_CODE]);
        }
        at->data += lines(b->number[VS_NUMBER_DATA]);
    }
}

void vs_software_bind(struct vs_software *s, const uint64_t *values, uint64_t period_ps)
{
    const struct vs_program_layout *a = &s->at;
    struct places kernel = {a->code, a->data}, user = {a->user_code, a->user_data};
    for (size_t i = 0; i < s->set->desc->n; i++) {
        const struct vs_program *p = &s->set->program[i];
        for (size_t k = 0; k < p->desc->n; k++) {
            struct vs_bound_step *b = &s->step[p->first + k];
            for (int n = 0; n < VS_NUMBERS; n++) {
                uint16_t knob = p->step[k].number[n];
                b->number[n] = knob == VS_PROGRAM_NONE ? 0 : values[knob];
            }
            b->number[VS_NUMBER_CYCLES] *= period_ps;
            b->plain = p->step[k].when == VS_WHEN_ALWAYS &&
                       p->step[k].number[VS_NUMBER_TAKEN] == VS_PROGRAM_NONE;
        }
        struct places own = {a->code + VS_PROGRAM_CODE + p->trap * VS_PROGRAM_TRAP_CODE,
                             a->data + VS_PROGRAM_DATA + p->trap * VS_PROGRAM_TRAP_DATA};
        place(s, p, p->user ? &user : p->trap == VS_TRAP_N ? &kernel : &own);
    }
}

/* ---- steps ---- */

static void touch(const struct vs_software *s, struct vs_txn *t, uint64_t at, uint64_t bytes,
                  enum vs_ref ref)
{
    vs_gva a = {at};
    if (bytes) {
        vs_core_touches(&s->core, t, a, bytes, ref);
    }
}

/* Data is read line by line, and about a quarter of its lines, the last ones, written. */
static void touch_data(const struct vs_software *s, struct vs_txn *t, const struct vs_bound_step *b)
{
    uint64_t n = lines(b->number[VS_NUMBER_DATA]) / LINE, written = (n + 2u) / 4u,
             read = (n - written) * LINE;
    touch(s, t, b->data_at, read, VS_REF_READ);
    touch(s, t, b->data_at + read, written * LINE, VS_REF_WRITE);
}

/* Code is fetched, data touched, instructions execute. */
static void run(const struct vs_software *s, struct vs_txn *t, const struct vs_step *step,
                const struct vs_bound_step *b)
{
    uint16_t account = (uint16_t)(s->account + step->account);
    touch(s, t, b->code_at, b->number[VS_NUMBER_CODE], VS_REF_FETCH);
    touch_data(s, t, b);
    if (b->number[VS_NUMBER_INSTRUCTIONS]) {
        s->core.work(s->core.ctx, t, account, b->number[VS_NUMBER_INSTRUCTIONS]);
    }
    if (b->number[VS_NUMBER_CYCLES]) {
        vs_ps d = {b->number[VS_NUMBER_CYCLES]};
        vs_txn_settle(t);
        vs_charge(t, account, d);
    }
}

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

static void state(const struct vs_software *s, struct vs_txn *t, const struct vs_step *step)
{
    for (unsigned i = 0; i < step->n_fields; i++) {
        enum vs_state field = (enum vs_state)step->field[i].field;
        if (step->field[i].value == VS_VALUE_READ) {
            s->world.read(s->world.ctx, t, field);
        } else {
            s->world.write(s->world.ctx, t, field, (enum vs_state_value)step->field[i].value);
        }
    }
}

/* One step, once. */
static enum vs_program_end once(const struct vs_software *s, struct vs_txn *t,
                                const struct vs_step *step, const struct vs_bound_step *b)
{
    switch ((enum vs_step_kind)step->kind) {
    case VS_STEP_RUN:
        run(s, t, step, b);
        break;
    case VS_STEP_TOUCH:
        touch_data(s, t, b);
        break;
    case VS_STEP_CLEAR:
        s->world.clear(s->world.ctx, t);
        break;
    case VS_STEP_COPY:
        copy(s, t, b->number[VS_NUMBER_COPY]);
        break;
    case VS_STEP_STATE:
        state(s, t, step);
        break;
    case VS_STEP_ACTION:
        return s->world.action(s->world.ctx, t, (enum vs_action)step->action) ? VS_PROGRAM_DONE
                                                                              : VS_PROGRAM_FAILED;
    case VS_STEP_WAIT:
        return VS_PROGRAM_WAITS;
    case VS_STEP_CALL:
        return vs_program_run(s, t, step->callee, step->only);
    case VS_STEP_N:
        break;
    }
    return VS_PROGRAM_DONE;
}

/* Whether the step is to be taken now. */
static bool holds(const struct vs_software *s, const struct vs_step *step,
                  const struct vs_bound_step *b)
{
    bool optional = step->number[VS_NUMBER_TAKEN] != VS_PROGRAM_NONE,
         taken = !optional || b->number[VS_NUMBER_TAKEN] != 0;
    if (step->when == VS_WHEN_ALWAYS) {
        return taken;
    }
    if (step->when == VS_WHEN_USER) { /* what `taken` means, the world knows */
        return s->world.holds(s->world.ctx, VS_WHEN_USER, taken) != step->negated;
    }
    return taken &&
           s->world.holds(s->world.ctx, (enum vs_predicate)step->when, taken) != step->negated;
}

static enum vs_program_end step_of(const struct vs_software *s, struct vs_txn *t,
                                   const struct vs_program *p, size_t i)
{
    const struct vs_step *step = &p->step[i];
    const struct vs_bound_step *b = &s->step[p->first + i];
    if (!b->plain && !holds(s, step, b)) {
        return VS_PROGRAM_DONE;
    }
    if (step->each == VS_EACH_ONCE) {
        return once(s, t, step, b);
    }
    enum vs_program_end end = VS_PROGRAM_DONE;
    uint64_t k = 0;
    while (!end && s->world.next(s->world.ctx, (enum vs_cursor)step->each, &k)) {
        end = once(s, t, step, b);
    }
    return end;
}

enum vs_program_end vs_program_run(const struct vs_software *s, struct vs_txn *t, uint16_t program,
                                   uint16_t only)
{
    const struct vs_program *p = &s->set->program[program];
    enum vs_program_end end = VS_PROGRAM_DONE;
    if (only != VS_PROGRAM_NONE) {
        return step_of(s, t, p, only);
    }
    for (size_t i = 0; i < p->desc->n && !end; i++) {
        end = step_of(s, t, p, i);
    }
    return end;
}
