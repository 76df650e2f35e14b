/* SPDX-License-Identifier: MIT */
/*
 * Programs: what software does, as data. A program is a list of steps; each has an account, a
 * source and a grade. There is no jump, and calls form no circle. A set of programs is what one
 * hypervisor does: a program for each trap, named after it, and others that they call; or what the
 * kernel of a guest does. Sets come from Lua files (sim/lua/programs.h) or from tables that the
 * build made of the shipped ones.
 *
 * Three forms: the description, words and numbers as a file states them; the linked set, its words
 * looked up and its numbers knobs `hypervisor.<program>.<step>.<property>`, `guest.` of a kernel;
 * and a bound one, whose numbers are those of a run and whose code and data have their addresses.
 * One interpreter runs bound programs (vs_program_run).
 */
#ifndef VIRTSIM_PROGRAM_H
#define VIRTSIM_PROGRAM_H

#include "virtsim/batch.h"
#include "virtsim/knob.h"
#include "virtsim/port/core.h"
#include "virtsim/port/state.h"
#include "virtsim/trap.h"

#define VS_STEP_KIND(e, name, who, text) VS_STEP_##e,
enum vs_step_kind {
#include "virtsim/steps.def"
    VS_STEP_N
};
#define VS_PREDICATE(e, name, who, text) VS_WHEN_##e,
enum vs_predicate {
#include "virtsim/steps.def"
    VS_WHEN_N
};
#define VS_CURSOR(e, name, who, text) VS_EACH_##e,
enum vs_cursor {
#include "virtsim/steps.def"
    VS_EACH_N
};
#define VS_ACTION(e, name, who, text) VS_ACTION_##e,
enum vs_action {
#include "virtsim/steps.def"
    VS_ACTION_N
};
#define VS_PLACE(e, name, who, text) VS_AT_##e,
enum vs_spot {
#include "virtsim/steps.def"
    VS_AT_N
};
#define VS_INSTRUCTION(e, name, who, text) VS_INSTRUCTION_##e,
enum vs_instruction {
#include "virtsim/steps.def"
    VS_INSTRUCTION_N
};
#define VS_MESSAGE(e, name, who, text) VS_MESSAGE_##e,
enum vs_message {
#include "virtsim/steps.def"
    VS_MESSAGE_N
};
#define VS_STATE_VALUE(e, name, text) VS_VALUE_##e,
enum vs_state_value {
#include "virtsim/steps.def"
    VS_VALUE_N
};

/* What of a step is a number. */
enum vs_step_number {
    VS_NUMBER_INSTRUCTIONS,
    VS_NUMBER_CODE,
    VS_NUMBER_DATA,
    VS_NUMBER_COPY,
    VS_NUMBER_CYCLES,
    VS_NUMBER_TAKEN, /* 0 or 1: a step that may be left out */
    VS_NUMBERS
};
#define VS_NUMBER_NONE (-1)

/* Whose programs these are. */
enum vs_role { VS_ROLE_HYPERVISOR, VS_ROLE_GUEST, VS_ROLES };

/* ---- the description ---- */

struct vs_step_desc {
    const char *name, *kind, *target; /* target: the word of a call, an action, a place ... */
    const char *state;                /* fields, by spaces: "reason vectoring", "pc=next" */
    const char *when, *each;          /* NULL: always, once; "not fast" is the other way round */
    const char *like;                 /* the step of this program whose code it shares, or NULL */
    int64_t number[VS_NUMBERS];       /* VS_NUMBER_NONE: it has no such number */
    const char *source, *grade;
};

struct vs_program_desc {
    const char *name;
    const char *at; /* "kernel", or "user": in the vCPU's process */
    const char *of; /* the hypervisor whose file states it; others take it over */
    const struct vs_step_desc *step;
    size_t n;
    bool
        placed; /* its code and data lie `offset` behind the kernel's, in VS_PROGRAM_PLACED bytes */
    uint32_t offset;
};

struct vs_program_set_desc {
    const char *name, *file; /* of the hypervisor, and where it is described */
    const struct vs_program_desc *program;
    size_t n; /* ordered by name */
    enum vs_role role;
    const struct vs_program_set *linked; /* what the build has made of it, or NULL */
};

/* ---- the linked set ---- */

#define VS_STEP_FIELDS 12u
#define VS_PROGRAM_NONE UINT16_MAX

struct vs_step {
    uint8_t kind, when, each, n_fields;
    uint8_t word; /* of an action, a place, an instruction, a message: its enumerator */
    bool negated;
    uint8_t field[VS_STEP_FIELDS], value[VS_STEP_FIELDS]; /* enum vs_state, vs_state_value */
    uint16_t callee, only;       /* of a call; only: one step of it, VS_PROGRAM_NONE: all */
    uint16_t like;               /* VS_PROGRAM_NONE: code of its own */
    uint16_t account;            /* of a run, from the set's first */
    uint16_t number[VS_NUMBERS]; /* index of the knob; VS_PROGRAM_NONE */
    const struct vs_step_desc *desc;
};

struct vs_program {
    const struct vs_program_desc *desc;
    enum vs_trap_kind trap; /* VS_TRAP_N: of no trap's */
    bool user, guest;
    uint16_t first; /* number of its first step, all programs' counted */
    struct vs_step *step;
};

/* The component `program`, of a kernel `guest_program`: its knobs and accounts are those of the
 * steps. */
struct vs_program_set {
    struct vs_component_desc component;
    const struct vs_program_set_desc *desc;
    struct vs_program *program;
    struct vs_step *step;        /* of all of them, one behind the other */
    const void *texts;           /* that its knobs and accounts are called by */
    uint16_t by_trap[VS_TRAP_N]; /* index, VS_PROGRAM_NONE: the default, or nothing */
    uint16_t otherwise;          /* the program `default` */
    uint16_t n_steps;
};

/* Links a description, which must outlive it; NULL and what is wrong, each mistake with the file
 * and, where `line_of` finds it, its line. The set stays until the process ends: books and
 * databases point into it. A description that was linked before gives the same set. */
typedef unsigned vs_line_of(void *ctx, const char *program, const char *word);
const struct vs_program_set *vs_program_set_link(const struct vs_program_set_desc *d,
                                                 vs_line_of *line_of, void *ctx,
                                                 struct vs_errors *errors);
/* VS_PROGRAM_NONE: there is none of this name. */
uint16_t vs_program_set_find(const struct vs_program_set *s, const char *name);
/* Some step of it depends on this, either way round. */
bool vs_program_set_asks(const struct vs_program_set *s, enum vs_predicate when);
/* Whose file states what a knob of the set belongs to; NULL: it is no knob of the set. */
const char *vs_program_set_states(const struct vs_program_set *s, const struct vs_knob_desc *knob);
/* The set of this role that a store of knobs has; its knobs replace those of the set before. */
const struct vs_program_set *vs_program_set_of(const struct vs_knobs *k, enum vs_role role);
enum vs_status vs_program_set_use(struct vs_knobs *k, const struct vs_program_set *s);
/* A step as one line of text: what it does, when, how long. */
void vs_step_text(const struct vs_program_set *s, const struct vs_step *step,
                  const uint64_t *values, char *out, size_t bytes);

/* ---- bound programs ---- */

/* Where code and data of software lie. A program of a trap has its own part of `code` and `data`,
 * behind what the others of the kernel share. */
struct vs_program_layout {
    uint64_t code, data, user_code, user_data; /* addresses */
    uint64_t copy, copy_bytes;                 /* where copies read; as much again: written */
    uint64_t shared; /* from there on the programs of no trap, behind what is placed */
};
#define VS_PROGRAM_CODE 0x100000u /* of the kernel, before that of traps */
#define VS_PROGRAM_TRAP_CODE 0x10000u
#define VS_PROGRAM_DATA 0x8000u
#define VS_PROGRAM_TRAP_DATA 0x1000u
#define VS_PROGRAM_USER 0x100000u
#define VS_PROGRAM_PLACED 0x10000u
#define VS_PROGRAM_PLACES                                                                          \
    0xd00000u /* of a hypervisor's that are placed, and the end of all code                        \
               */
#define VS_PROGRAM_PLACES_END 0x1000000u
#define VS_PROGRAM_GUEST 0x40000u /* of code, and of data, of a guest's kernel */
/* In VS_PROGRAM_PLACED bytes from there on is what is not placed. */
#define VS_PROGRAM_GUEST_SHARED 0x20000u
/* Room for so many: where a vCPU's data lies does not change when a trap is added. */
#define VS_PROGRAM_TRAPS UINT64_C(52)
_Static_assert(VS_TRAP_N <= VS_PROGRAM_TRAPS, "each trap's program has code and data of its own");

struct vs_bound_step {
    uint64_t number[VS_NUMBERS]; /* 0 where it has none; cycles in picoseconds */
    uint64_t code_at, data_at;
};

/* What a bound program does, in a row: calls are opened out, and what has nothing to do is left
 * out. Steps that touch and execute one behind the other are one act. */
enum vs_act_kind { VS_ACT_WORK, VS_ACT_CYCLES, VS_ACT_STEP, VS_ACT_IF, VS_ACT_EACH };
struct vs_act {
    uint8_t kind;
    bool taken;                 /* of a condition: what the step says of itself */
    uint32_t first, n;          /* of work: the core's steps */
    uint32_t to;                /* of a condition or a loop: the act behind what depends on it */
    const struct vs_step *step; /* whose it is; of work: the last one's */
    const struct vs_bound_step *bound;
};

/* What the world around a program answers and does. An action fails where memory is short: the
 * program ends there. Of what no step of its role can be, it needs no function. */
struct vs_program_world {
    void *ctx;
    bool (*holds)(void *ctx, enum vs_predicate p, bool taken);
    /* what a predicate says stays as it is from the first trap on; NULL: it may change */
    bool (*settled)(void *ctx, enum vs_predicate p);
    bool (*action)(void *ctx, struct vs_txn *t, enum vs_action a);
    bool (*next)(void *ctx, enum vs_cursor c, uint64_t *k); /* k: 0 at first; false: no more */
    void (*clear)(void *ctx, struct vs_txn *t, enum vs_spot at);
    void (*read)(void *ctx, struct vs_txn *t, const uint8_t *what, unsigned n); /* enum vs_state */
    void (*write)(void *ctx, struct vs_txn *t, enum vs_state what, enum vs_state_value value);
    /* the action touches nothing and looks at no clock; NULL: it may */
    bool (*quiet)(void *ctx, enum vs_action a);
    bool state_apart; /* reading and writing state touches nothing */
    void (*access)(void *ctx, struct vs_txn *t, enum vs_spot at, enum vs_ref ref);
    void (*trap)(void *ctx, struct vs_txn *t, enum vs_instruction i);
    void (*send)(void *ctx, struct vs_txn *t, enum vs_message m);
};

/* Work that may be put off until something could see that it was: of this act, behind what was put
 * off before it. A plan has a tree of them, a branch for what was passed in a row. */
struct vs_put_off {
    uint32_t first, n; /* the core's steps of the act */
    uint32_t depth;
    struct vs_put_off *before, *next, *other; /* next: the first that follows; other: its sibling */
    bool looked;                              /* at what it comes to: */
    struct vs_batch batch; /* of all of them; no steps: they are made act by act */
};

/* What a program does, read in advance. */
struct vs_plan {
    struct vs_act *act;
    struct vs_core_step *work; /* what acts have the core do */
    struct vs_core_run *run;
    struct vs_put_off *put_off; /* the first of all */
    uint32_t n_acts;
    bool made; /* a trap's is when the trap first comes: a run has few of them */
};

/* Software of one processor. */
struct vs_software {
    const struct vs_program_set *set;
    struct vs_bound_step *step; /* [set->n_steps] */
    struct vs_plan *plan;       /* of each program */
    uint16_t account;           /* the ledger's, of the set's first */
    struct vs_program_layout at;
    struct vs_core_port core;
    struct vs_program_world world;
};

enum vs_program_end { VS_PROGRAM_DONE, VS_PROGRAM_WAITS, VS_PROGRAM_FAILED, VS_PROGRAM_STOPPED };

/* Where a program is that can be stopped between two of its steps; 0: at its beginning. */
struct vs_program_place {
    uint32_t act, step; /* step: of an act of work */
};
/* Asked behind each step: it stops here, and goes on from there when it is run again. */
struct vs_program_stop {
    bool (*asked)(void *ctx, struct vs_txn *t);
    void *ctx;
};

/* Code or data beyond its area, code without instructions. `values`: of the set's knobs. */
void vs_program_set_check(const struct vs_program_set *s, const uint64_t *values,
                          struct vs_errors *errors);
/* Gives the steps their numbers and places, and plans what the programs of no trap do. VS_E_NOMEM:
 * nothing is left to free. */
enum vs_status vs_software_bind(struct vs_software *s, const uint64_t *values, uint64_t period_ps);
void vs_software_free(struct vs_software *s);
/* Plans what a program does, once; false: no memory. */
bool vs_program_plan(const struct vs_software *s, uint16_t program);
/* Runs a program. */
enum vs_program_end vs_program_run(const struct vs_software *s, struct vs_txn *t, uint16_t program);
/* The same step by step, from `at` on; a loop is one. At its end `at` is its beginning again. */
enum vs_program_end vs_program_run_from(const struct vs_software *s, struct vs_txn *t,
                                        uint16_t program, struct vs_program_place *at,
                                        const struct vs_program_stop *stop);
/* A program of `run` steps alone, as a loop around work of the caller's: its code is fetched and
 * its data touched; then its instructions execute, `n` times over. */
void vs_program_code(const struct vs_software *s, struct vs_txn *t, uint16_t program);
void vs_program_rounds(const struct vs_software *s, struct vs_txn *t, uint16_t program, uint64_t n);
/* Whether it is such a program; whether it is one step of so many cycles and nothing else. */
bool vs_program_only_runs(const struct vs_program *p);
bool vs_program_only_cycles(const struct vs_program *p);

#endif
