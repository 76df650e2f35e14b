/* SPDX-License-Identifier: MIT */
/* The numbers of programs as knobs, the steps that run as accounts; steps as text. */
#include "program_impl.h"

#include "virtsim/op.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct vs__program_names vs__program_role[VS_ROLES] = {
    [VS_ROLE_HYPERVISOR] = {"program", "hypervisor"}, [VS_ROLE_GUEST] = {"guest_program", "guest"}};

/* Where a program lies: a trap's own, what the hypervisor's share, user space, at an offset, what a
 * guest kernel's share. */
enum { OF_TRAP, SHARED, USER, PLACED, GUEST_SHARED, PLACES };
#define SAME(n)                                                                                    \
    {                                                                                              \
        n, n, n, n, n                                                                              \
    }

/* What each number of a step is called, and its bounds by where the program lies. */
static const struct {
    const char *property, *unit, *text;
    uint64_t max[PLACES];
} numbers[VS_NUMBERS] = {
    [VS_NUMBER_INSTRUCTIONS] = {"instructions", "instructions", "instructions", SAME(10000000)},
    [VS_NUMBER_CODE] = {"code_bytes",
                        "bytes",
                        "code they are spread over",
                        {VS_PROGRAM_TRAP_CODE, VS_PROGRAM_CODE, VS_PROGRAM_USER, VS_PROGRAM_PLACED,
                         VS_PROGRAM_PLACED}},
    [VS_NUMBER_DATA] = {"data_bytes",
                        "bytes",
                        "data it touches, the last quarter of it written",
                        {VS_PROGRAM_TRAP_DATA, VS_PROGRAM_DATA, VS_PROGRAM_USER, VS_PROGRAM_PLACED,
                         VS_PROGRAM_PLACED}},
    [VS_NUMBER_COPY] = {"copy_bytes", "bytes",
                        "bytes copied between guest and host, a load and a store each line",
                        SAME(1048576)},
    [VS_NUMBER_CYCLES] = {"cycles", "cycles", "how long it takes", SAME(10000000)},
    [VS_NUMBER_TAKEN] = {"taken", "flag", "whether the step is taken", SAME(1)},
};

#define TEXTS 16384u /* bytes of texts that are made room for at once */
#define TEXT_PARTS 8 /* of a text, at most */

/* Texts that stay, one behind the other: hundreds are made at every start of the program. */
struct texts {
    char *at;
    size_t left;
    struct piece { /* of memory, which stays */
        struct piece *before;
        char text[];
    } * last;
};

/* The parts, up to a NULL, as one text; NULL without memory. */
static const char *text(struct texts *t, const char *const *part)
{
    size_t bytes = 1, n[TEXT_PARTS];
    for (size_t i = 0; part[i]; i++) {
        n[i] = strlen(part[i]);
        bytes += n[i];
    }
    if (bytes > t->left) {
        size_t room = bytes > TEXTS ? bytes : TEXTS;
        struct piece *more = malloc(sizeof *more + room);
        if (!more) {
            return NULL;
        }
        more->before = t->last;
        *t = (struct texts){more->text, room, more};
    }
    char *out = t->at;
    for (size_t i = 0; part[i]; i++) {
        memcpy(t->at, part[i], n[i]);
        t->at += n[i];
    }
    *t->at++ = '\0';
    t->left -= bytes;
    return out;
}
#define TEXT(t, ...) text(t, (const char *const[]){__VA_ARGS__, NULL})

/* Which of the bounds are a program's. */
static int place_of(const struct vs_program *p)
{
    return p->desc->placed        ? PLACED
           : p->user              ? USER
           : p->guest             ? GUEST_SHARED
           : p->trap == VS_TRAP_N ? SHARED
                                  : OF_TRAP;
}

/* The first word of a program's knobs. */
static const char *prefix_of(const struct vs_program *p)
{
    return vs__program_role[p->guest ? VS_ROLE_GUEST : VS_ROLE_HYPERVISOR].prefix;
}

uint64_t vs__program_number_max(const struct vs_program *p, int number)
{
    return numbers[number].max[place_of(p)];
}

const char *vs__program_number_name(int number)
{
    return numbers[number].property;
}

/* The knob of a number of the step at `path`. */
static bool add_knob(struct vs_knob_desc *k, struct texts *t, const struct vs_program *p,
                     const struct vs_step *s, const char *path, int number, size_t index)
{
    const struct vs_step_desc *d = s->desc;
    enum vs_evidence grade = VS_GRADE_assumed;
    (void)vs_evidence_parse(d->grade ? d->grade : "", &grade);
    *k = (struct vs_knob_desc){.path = TEXT(t, path, ".", numbers[number].property),
                               .kind = number == VS_NUMBER_TAKEN    ? VS_KNOB_FLAG
                                       : number == VS_NUMBER_CYCLES ? VS_KNOB_CYCLES
                                                                    : VS_KNOB_NUM,
                               .def = (uint64_t)d->number[number],
                               .max = numbers[number].max[place_of(p)],
                               .unit = numbers[number].unit,
                               .grade = grade,
                               .source = d->source,
                               .text = TEXT(t, numbers[number].text, ": step ", d->name,
                                            " of the program ", p->desc->name),
                               .offset = index * sizeof(uint64_t)};
    return k->path && k->text;
}

/* The account of the step at `path`, which takes time of its own. */
static bool add_account(struct vs_account_desc *a, struct texts *t, const struct vs_step *s,
                        const char *path)
{
    const struct vs_step_desc *d = s->desc;
    bool cycles = s->number[VS_NUMBER_CYCLES] != VS_PROGRAM_NONE,
         runs = s->number[VS_NUMBER_INSTRUCTIONS] != VS_PROGRAM_NONE;
    const char *priced =
        !runs    ? TEXT(t, cycles ? path : "", cycles ? ".cycles" : "")
        : cycles ? TEXT(t, path, ".instructions,cpu.ipc,cpu.clock.mhz,", path, ".cycles")
                 : TEXT(t, path, ".instructions,cpu.ipc,cpu.clock.mhz");
    *a = (struct vs_account_desc){path, priced, false, d->source ? d->source : ""};
    return priced != NULL;
}

/* How many knobs and accounts a set has. */
static void count(const struct vs_program_set *set, size_t *knobs, size_t *accounts)
{
    *knobs = *accounts = 0;
    for (size_t i = 0; i < set->desc->n; i++) {
        const struct vs_program *p = &set->program[i];
        for (size_t k = 0; k < p->desc->n; k++) {
            *accounts += p->step[k].kind == VS_STEP_RUN;
            for (int j = 0; j < VS_NUMBERS; j++) {
                *knobs += p->desc->step[k].number[j] != VS_NUMBER_NONE;
            }
        }
    }
}

/* The step has a knob or an account, which are called after it. */
static bool named(const struct vs_step *s)
{
    bool found = s->kind == VS_STEP_RUN;
    for (int j = 0; j < VS_NUMBERS && !found; j++) {
        found = s->desc->number[j] != VS_NUMBER_NONE;
    }
    return found;
}

bool vs__program_set_describe(struct vs_program_set *set)
{
    size_t n_knobs = 0, n_accounts = 0, knobs, accounts;
    count(set, &knobs, &accounts);
    struct texts texts = {NULL, 0, NULL};
    struct vs_knob_desc *knob = malloc((knobs + 1) * sizeof *knob);
    struct vs_account_desc *account = malloc((accounts + 1) * sizeof *account);
    bool good = knob && account;
    for (size_t i = 0; good && i < set->desc->n; i++) {
        struct vs_program *p = &set->program[i];
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): texts stay, and set->texts finds them */
        for (size_t k = 0; good && k < p->desc->n; k++) {
            struct vs_step *s = &p->step[k];
            const char *path = "";
            if (named(s)) {
                path = TEXT(&texts, prefix_of(p), ".", p->desc->name, ".", s->desc->name);
                good = path != NULL;
            }
            for (int j = 0; good && j < VS_NUMBERS; j++) {
                s->number[j] = VS_PROGRAM_NONE;
                if (s->desc->number[j] != VS_NUMBER_NONE) {
                    s->number[j] = (uint16_t)n_knobs;
                    good = add_knob(&knob[n_knobs], &texts, p, s, path, j, n_knobs);
                    n_knobs++;
                }
            }
            if (good && s->kind == VS_STEP_RUN) {
                s->account = (uint16_t)n_accounts;
                good = add_account(&account[n_accounts++], &texts, s, path);
            }
        }
    }
    set->texts = texts.last;
    set->component = (struct vs_component_desc){.name = vs__program_role[set->desc->role].component,
                                                .knobs = knob,
                                                .n_knobs = n_knobs,
                                                .accounts = account,
                                                .n_accounts = n_accounts,
                                                .config_bytes = n_knobs * sizeof(uint64_t)};
    return good;
}

const char *vs_program_set_states(const struct vs_program_set *s, const struct vs_knob_desc *knob)
{
    const struct vs_component_desc *c = &s->component;
    if (knob < c->knobs || knob >= c->knobs + c->n_knobs) {
        return NULL;
    }
    uint16_t index = (uint16_t)(knob - c->knobs);
    for (size_t i = 0; i < s->desc->n; i++) {
        const struct vs_program *p = &s->program[i];
        for (size_t k = 0; k < p->desc->n; k++) {
            for (int j = 0; j < VS_NUMBERS; j++) {
                if (p->step[k].number[j] == index) {
                    return p->desc->of;
                }
            }
        }
    }
    return NULL;
}

/* ---- bounds ---- */

/* A number of a step in a run. */
static uint64_t value(const struct vs_step *s, const uint64_t *values, int number)
{
    return s->number[number] == VS_PROGRAM_NONE ? 0 : values[s->number[number]];
}

/* Bytes of whole lines. */
static uint64_t lines(uint64_t bytes)
{
    return (bytes + 63u) & ~UINT64_C(63);
}

/* What a program's steps take of code or data, those that share a step's code once. */
static uint64_t sum_of(const struct vs_program *p, const uint64_t *values, int number)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->desc->n; i++) {
        bool shares = number == VS_NUMBER_CODE && p->step[i].like != VS_PROGRAM_NONE;
        sum += shares ? 0 : lines(value(&p->step[i], values, number));
    }
    return sum;
}

/* Refuses steps whose code or data is larger than its area. */
static void check_area(const struct vs_program_set *s, const char *who, uint64_t bytes,
                       uint64_t room, const char *what, struct vs_errors *errors)
{
    if (bytes > room) {
        vs_error(errors,
                 "%s: %s: its steps have %" PRIu64 " bytes of %s, and there is room for %" PRIu64,
                 s->desc->file, who, bytes, what, room);
    }
}

void vs_program_set_check(const struct vs_program_set *s, const uint64_t *values,
                          struct vs_errors *errors)
{
    uint64_t code[PLACES] = {0}, data[PLACES] = {0};
    for (size_t i = 0; i < s->desc->n; i++) {
        const struct vs_program *p = &s->program[i];
        int place = place_of(p);
        uint64_t c = sum_of(p, values, VS_NUMBER_CODE), d = sum_of(p, values, VS_NUMBER_DATA);
        code[place] += c;
        data[place] += d;
        if (place == OF_TRAP || place == PLACED) {
            bool none = place == PLACED && !p->guest; /* a hypervisor's data is one area */
            uint64_t c_room = numbers[VS_NUMBER_CODE].max[place],
                     d_room = none ? 0 : numbers[VS_NUMBER_DATA].max[place];
            char who[100] = "";
            if (c > c_room || d > d_room) {
                snprintf(who, sizeof who, "program %s", p->desc->name);
            }
            check_area(s, who, c, c_room, "code", errors);
            check_area(s, who, d, d_room, "data", errors);
        }
        for (size_t k = 0; k < p->desc->n; k++) {
            const struct vs_step *t = &p->step[k];
            if (value(t, values, VS_NUMBER_CODE) && !value(t, values, VS_NUMBER_INSTRUCTIONS) &&
                !value(t, values, VS_NUMBER_CYCLES)) {
                vs_error(
                    errors, "%s.%s.%s.code_bytes = %" PRIu64 ": that step executes no instruction",
                    prefix_of(p), p->desc->name, t->desc->name, value(t, values, VS_NUMBER_CODE));
            }
        }
    }
    check_area(s, "programs of no trap", code[SHARED], VS_PROGRAM_CODE, "code", errors);
    check_area(s, "programs of no trap", data[SHARED], VS_PROGRAM_DATA, "data", errors);
    check_area(s, "programs in user space", code[USER], VS_PROGRAM_USER, "code", errors);
    check_area(s, "programs in user space", data[USER], VS_PROGRAM_USER, "data", errors);
    check_area(s, "programs without an offset", code[GUEST_SHARED], VS_PROGRAM_PLACED, "code",
               errors);
    check_area(s, "programs without an offset", data[GUEST_SHARED], VS_PROGRAM_PLACED, "data",
               errors);
}

bool vs_program_only_runs(const struct vs_program *p)
{
    bool only = true;
    for (size_t i = 0; i < p->desc->n; i++) {
        only = only && p->step[i].kind == VS_STEP_RUN && p->step[i].when == VS_WHEN_ALWAYS &&
               p->step[i].each == VS_EACH_ONCE;
    }
    return only;
}

bool vs_program_only_cycles(const struct vs_program *p)
{
    return p->desc->n == 1 && vs_program_only_runs(p) &&
           p->step[0].number[VS_NUMBER_CYCLES] != VS_PROGRAM_NONE &&
           p->step[0].number[VS_NUMBER_INSTRUCTIONS] == VS_PROGRAM_NONE &&
           p->step[0].number[VS_NUMBER_TAKEN] == VS_PROGRAM_NONE;
}

/* ---- text ---- */

/* One more number, if the step has it and it is not zero. */
static int put_number(const struct vs_step *s, const uint64_t *values, int number, const char *unit,
                      char *out, size_t bytes, int at)
{
    uint64_t v = value(s, values, number);
    return v && at < (int)bytes
               ? at + snprintf(out + at, bytes - (size_t)at, ", %" PRIu64 " %s", v, unit)
               : at;
}

/* The words of a step's own kind. */
static int put_kind(const struct vs_step *s, const uint64_t *values, char *out, size_t bytes)
{
    const struct vs_step_desc *d = s->desc;
    switch ((enum vs_step_kind)s->kind) {
    case VS_STEP_RUN:
        if (s->number[VS_NUMBER_INSTRUCTIONS] != VS_PROGRAM_NONE) {
            return snprintf(out, bytes, "run %" PRIu64 " instructions",
                            value(s, values, VS_NUMBER_INSTRUCTIONS));
        }
        return snprintf(out, bytes, "run %" PRIu64 " cycles", value(s, values, VS_NUMBER_CYCLES));
    case VS_STEP_STATE:
        return snprintf(out, bytes, "state %s", d->state);
    default:
        return snprintf(out, bytes, "%s%s%s", d->kind, d->target ? " " : "",
                        d->target ? d->target : "");
    }
}

void vs_step_text(const struct vs_program_set *set, const struct vs_step *s, const uint64_t *values,
                  char *out, size_t bytes)
{
    (void)set;
    int at = put_kind(s, values, out, bytes);
    at = put_number(s, values, VS_NUMBER_CODE, "bytes of code", out, bytes, at);
    at = put_number(s, values, VS_NUMBER_DATA, "bytes of data", out, bytes, at);
    at = put_number(s, values, VS_NUMBER_COPY, "bytes copied", out, bytes, at);
    if (s->number[VS_NUMBER_TAKEN] != VS_PROGRAM_NONE && at < (int)bytes) {
        at += snprintf(out + at, bytes - (size_t)at,
                       value(s, values, VS_NUMBER_TAKEN) ? ", taken" : ", not taken");
    }
    if (s->desc->when && at < (int)bytes) {
        at += snprintf(out + at, bytes - (size_t)at, ", when %s", s->desc->when);
    }
    if (s->desc->each && at < (int)bytes) {
        snprintf(out + at, bytes - (size_t)at, ", each %s", s->desc->each);
    }
}
