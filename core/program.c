/* SPDX-License-Identifier: MIT */
/* Programs are linked: each word of a description is looked up, numbers become knobs, circles of
 * calls are refused. */
#include "virtsim/program.h"

#include "program_impl.h"
#include "virtsim/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 48u

/* ---- words ---- */

/* Whose a word is. */
#define HOST (1u << VS_ROLE_HYPERVISOR)
#define GUEST (1u << VS_ROLE_GUEST)
#define BOTH (HOST | GUEST)

struct word {
    const char *name;
    unsigned who;
};
static const struct word kinds[] = {
#define VS_STEP_KIND(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const struct word predicates[] = {
#define VS_PREDICATE(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const struct word cursors[] = {
#define VS_CURSOR(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const struct word actions[] = {
#define VS_ACTION(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const struct word places[] = {
#define VS_PLACE(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const struct word instructions[] = {
#define VS_INSTRUCTION(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const struct word messages[] = {
#define VS_MESSAGE(e, name, who, text) {name, who},
#include "virtsim/steps.def"
    {NULL, 0}};
static const char *const values[] = {
#define VS_STATE_VALUE(e, name, text) name,
#include "virtsim/steps.def"
    NULL};
static const char *const fields[] = {
#define VS_STATE_NAME(e, name, text) name,
#include "virtsim/steps.def"
    NULL};
static const uint8_t field_of[] = {
#define VS_STATE_NAME(e, name, text) VS_STATE_##e,
#include "virtsim/steps.def"
};
static const char *const traps[] = {
#define VS_TRAP(e, name, text) name,
#include "virtsim/traps.def"
#undef VS_TRAP
    NULL};

/* A list of words that only some roles have. */
struct list {
    const char *name;
    const struct word *words;
};
static const struct list of_kind = {"step", kinds}, of_predicate = {"predicate", predicates},
                         of_cursor = {"cursor", cursors}, of_action = {"action", actions},
                         of_place = {"place", places},
                         of_instruction = {"instruction", instructions},
                         of_message = {"message", messages};

/* The number of words in a list that NULL ends. */
static size_t length(const char *const *words)
{
    size_t n = 0;
    while (words[n]) {
        n++;
    }
    return n;
}

/* The index of a word; length of the list: it is not in it. */
static unsigned look_up(const char *const *words, const char *word, size_t bytes)
{
    unsigned i = 0;
    while (words[i] &&
           (*words[i] != *word || strncmp(words[i], word, bytes) != 0 || words[i][bytes] != '\0')) {
        i++;
    }
    return i;
}

/* ---- mistakes ---- */

struct linker {
    const struct vs_program_set_desc *desc;
    struct vs_program_set *set;
    vs_line_of *line_of;
    void *ctx;
    struct vs_errors *errors;
    const struct vs_program_desc *program; /* the present one, and its step */
    const struct vs_step_desc *step;
    bool failed;
};

/* "kvm.lua:12: program cpu_id, step 'search': " in front of what is wrong with `word`. */
static void wrong(struct linker *l, const char *word, const char *what)
{
    char place[400] = "", line[16] = "";
    unsigned at = l->line_of ? l->line_of(l->ctx, l->program->name, word) : 0;
    if (at) {
        snprintf(line, sizeof line, ":%u", at);
    }
    if (l->step) {
        snprintf(place, sizeof place, ", step '%.60s'", l->step->name ? l->step->name : "?");
    }
    vs_error(l->errors, "%s%s: program %.60s%s: %s", l->desc->file, line, l->program->name, place,
             what);
    l->failed = true;
}

/* An unknown word of a list: the nearest, or all of them. */
static void unknown(struct linker *l, const char *list, const char *const *words, const char *word)
{
    char what[900], all[600] = "one of", hint[VS_SUGGEST];
    size_t n = strlen(all);
    for (size_t i = 0; words[i] && n < sizeof all - 60; i++) {
        n += (size_t)snprintf(all + n, sizeof all - n, "%s %s", i ? "," : "", words[i]);
    }
    snprintf(what, sizeof what, "unknown %s '%.60s'; %s", list, word,
             vs_suggest(word, words, length(words), all, hint, sizeof hint));
    wrong(l, word, what);
}

/* A word of a list that the set's role has, or a mistake. */
static uint8_t word_of(struct linker *l, const struct list *list, const char *word)
{
    const char *mine[64];
    size_t n = 0;
    for (size_t i = 0; list->words[i].name && n < 63; i++) {
        bool has = list->words[i].who >> l->desc->role & 1u;
        if (has && *list->words[i].name == *word && !strcmp(list->words[i].name, word)) {
            return (uint8_t)i;
        }
        mine[n] = list->words[i].name;
        n += has;
    }
    mine[n] = NULL;
    unknown(l, list->name, mine, word);
    return 0;
}

/* A value that a field is given, or a mistake. */
static uint8_t value_of(struct linker *l, const char *word)
{
    unsigned i = look_up(values, word, strlen(word));
    if (!values[i]) {
        unknown(l, "value", values, word);
        return 0;
    }
    return (uint8_t)i;
}

/* ---- one step ---- */

/* "pc=next" or "pc". */
static void link_fields(struct linker *l, struct vs_step *s, const char *text)
{
    char word[64];
    while (*text) {
        size_t n = strcspn(text, " "), name = strcspn(text, "= ");
        unsigned field = look_up(fields, text, name);
        size_t kept = n < sizeof word - 4 ? n : sizeof word - 4;
        memcpy(word, text, kept);
        word[kept] = '\0';
        if (!fields[field]) {
            word[name < 60 ? name : 60] = '\0';
            unknown(l, "field", fields, word);
        } else if (s->n_fields == VS_STEP_FIELDS) {
            wrong(l, word, "a step reads or writes at most 12 fields; make two of it");
            return;
        } else {
            s->field[s->n_fields] = field_of[field];
            s->value[s->n_fields++] = name < n ? value_of(l, word + name + 1) : VS_VALUE_READ;
        }
        text += n;
        text += *text == ' ';
    }
}

/* Links a step's condition, which "not" turns round. */
static void link_when(struct linker *l, struct vs_step *s, const char *when)
{
    if (when && !strncmp(when, "not ", 4)) {
        s->negated = true;
        when += 4;
    }
    s->when = when ? word_of(l, &of_predicate, when) : VS_WHEN_ALWAYS;
}

/* The step of a program by name; VS_PROGRAM_NONE. */
static uint16_t step_of(const struct vs_program_desc *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        const char *is = p->step[i].name;
        if (is && name && *is == *name && !strcmp(is, name)) {
            return (uint16_t)i;
        }
    }
    return VS_PROGRAM_NONE;
}

/* Reports a call of a program that there is not, with the nearest one. */
static void no_program(struct linker *l, const char *name)
{
    const char **names = calloc(l->desc->n + 1, sizeof *names);
    for (size_t i = 0; names && i < l->desc->n; i++) {
        names[i] = l->desc->program[i].name;
    }
    if (names) {
        unknown(l, "program", names, name);
    }
    free(names);
}

/* "mmio", a program, or "mmio.emulate", one step of it. */
static void link_call(struct linker *l, struct vs_step *s, const char *target)
{
    char name[128];
    size_t n = strlen(target);
    n = n < sizeof name ? n : sizeof name - 1u;
    memcpy(name, target, n);
    name[n] = '\0';
    s->callee = vs_program_set_find(l->set, name); /* a trap's name may have a dot (msr.read) */
    s->only = VS_PROGRAM_NONE;
    char *dot = strrchr(name, '.');
    if (s->callee == VS_PROGRAM_NONE && dot) {
        *dot = '\0';
        s->callee = vs_program_set_find(l->set, name);
        if (s->callee != VS_PROGRAM_NONE) {
            s->only = step_of(&l->desc->program[s->callee], dot + 1);
            if (s->only == VS_PROGRAM_NONE) {
                char what[200];
                snprintf(what, sizeof what, "the program %.60s has no step '%.60s'", name, dot + 1);
                wrong(l, target, what);
            }
            return;
        }
    }
    if (s->callee == VS_PROGRAM_NONE) {
        no_program(l, target);
    }
}

/* Source and grade go with numbers. */
static void link_evidence(struct linker *l, const struct vs_step_desc *d)
{
    enum vs_evidence grade;
    bool numbers = false;
    for (int i = 0; i < VS_NUMBERS; i++) {
        numbers = numbers || d->number[i] != VS_NUMBER_NONE;
    }
    if (numbers && (!d->source || !*d->source)) {
        wrong(l, d->name, "numbers without a source; write source = \"...\", grade = \"...\"");
    }
    if (d->grade && !vs_evidence_parse(d->grade, &grade)) {
        wrong(l, d->grade, "the grade must be measured, derived, documented or assumed");
    } else if (numbers && !d->grade) {
        wrong(l, d->name, "numbers without a grade: measured, derived, documented or assumed");
    }
}

/* A number beyond what the program's area holds. */
static void link_bounds(struct linker *l, const struct vs_program *p, const struct vs_step_desc *d)
{
    for (int i = 0; i < VS_NUMBERS; i++) {
        if (d->number[i] == VS_NUMBER_NONE) {
            continue;
        }
        uint64_t max = vs__program_number_max(p, i);
        if (d->number[i] < 0 || (uint64_t)d->number[i] > max) {
            char what[160];
            snprintf(what, sizeof what, "%s = %lld is outside 0..%llu", vs__program_number_name(i),
                     (long long)d->number[i], (unsigned long long)max);
            wrong(l, d->name, what);
        }
    }
}

/* A name that can be part of a knob's path. */
static bool plain(const char *name, bool dots)
{
    size_t n = 0;
    while (name && ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9') ||
                    name[n] == '_' || (dots && name[n] == '.'))) {
        n++;
    }
    return n && n <= NAME_MAX_LENGTH && !name[n];
}

/* Links one step: its words become numbers and its bounds are checked. */
static void link_step(struct linker *l, struct vs_program *p, size_t index)
{
    static const struct list *const named[VS_STEP_N] = {
        /* steps that are a word of a list */
        [VS_STEP_ACTION] = &of_action,    [VS_STEP_CLEAR] = &of_place,
        [VS_STEP_LOAD] = &of_place,       [VS_STEP_STORE] = &of_place,
        [VS_STEP_TRAP] = &of_instruction, [VS_STEP_SEND] = &of_message};
    const struct vs_step_desc *d = &p->desc->step[index];
    struct vs_step *s = &p->step[index];
    l->step = d;
    s->desc = d;
    s->callee = s->only = s->like = VS_PROGRAM_NONE;
    if (!plain(d->name, false)) {
        wrong(l, d->name ? d->name : "",
              "a step's first word is its name: small letters, digits, underlines");
    } else if (step_of(p->desc, d->name) != index) {
        wrong(l, d->name, "a second step of this name");
    }
    s->kind = word_of(l, &of_kind, d->kind ? d->kind : "");
    s->each = d->each ? word_of(l, &of_cursor, d->each) : VS_EACH_ONCE;
    link_when(l, s, d->when);
    if (s->kind == VS_STEP_STATE) {
        link_fields(l, s, d->state ? d->state : "");
    } else if (named[s->kind]) {
        s->word = word_of(l, named[s->kind], d->target ? d->target : "");
    } else if (s->kind == VS_STEP_CALL) {
        link_call(l, s, d->target ? d->target : "");
    } else if (s->kind == VS_STEP_WAIT && (!d->target || strcmp(d->target, "event") != 0)) {
        wrong(l, d->target ? d->target : "", "a thread waits for an \"event\"");
    } else if (s->kind == VS_STEP_WAIT && index + 1u < p->desc->n) {
        wrong(l, d->name, "a thread that waits does nothing behind that: it is the last step");
    }
    if (d->like && (s->like = step_of(p->desc, d->like)) >= index) {
        wrong(l, d->like, "`like` names a step before it in the same program");
    }
    link_evidence(l, d);
    link_bounds(l, p, d);
}

/* ---- circles ---- */

/* Whether a step comes back to itself by calls. `seen`, by number of the step: 1 on the way, 2
 * done. */
static bool circles(struct linker *l, const struct vs_program *p, size_t step, uint8_t *seen)
{
    const struct vs_step *s = &p->step[step];
    uint8_t *mine = &seen[p->first + step];
    *mine = 1;
    if (s->kind == VS_STEP_CALL && s->callee != VS_PROGRAM_NONE) {
        const struct vs_program *to = &l->set->program[s->callee];
        bool one = s->only != VS_PROGRAM_NONE;
        for (size_t i = one ? s->only : 0; i < (one ? s->only + 1u : to->desc->n); i++) {
            if (seen[to->first + i] == 1) {
                char what[200];
                snprintf(what, sizeof what,
                         "calls %.60s, from where it is called itself: calls may form no circle",
                         to->desc->name);
                l->program = p->desc;
                l->step = s->desc;
                wrong(l, s->desc->target, what);
                return true;
            }
            if (!seen[to->first + i] && circles(l, to, i, seen)) {
                return true;
            }
        }
    }
    *mine = 2;
    return false;
}

/* Refuses programs that call each other in a circle. */
static void check_circles(struct linker *l)
{
    uint8_t *seen = calloc((size_t)l->set->n_steps + 1u, 1);
    bool found = !seen;
    for (size_t i = 0; i < l->desc->n && !found; i++) {
        const struct vs_program *p = &l->set->program[i];
        for (size_t k = 0; k < p->desc->n && !found; k++) {
            found = !seen[p->first + k] && circles(l, p, k, seen);
        }
    }
    free(seen);
}

/* ---- the set ---- */

bool vs_program_set_asks(const struct vs_program_set *s, enum vs_predicate when)
{
    for (uint16_t i = 0; i < s->n_steps; i++) {
        if (s->step[i].when == when) {
            return true;
        }
    }
    return false;
}

uint16_t vs_program_set_find(const struct vs_program_set *s, const char *name)
{
    size_t from = 0, to = s->desc->n; /* they are ordered by name */
    while (from < to) {
        size_t at = (from + to) / 2u;
        int c = strcmp(s->desc->program[at].name, name);
        if (!c) {
            return (uint16_t)at;
        }
        from = c < 0 ? at + 1u : from;
        to = c < 0 ? to : at;
    }
    return VS_PROGRAM_NONE;
}

/* The trap that a program is named after. */
static enum vs_trap_kind trap_of(const char *name)
{
    unsigned i = look_up(traps, name, strlen(name));
    return (enum vs_trap_kind)i; /* VS_TRAP_N: of none */
}

/* A place of its own is where no other program can lie. */
static void link_offset(struct linker *l, const struct vs_program *p)
{
    uint32_t at = p->desc->offset, first = p->guest ? 0 : VS_PROGRAM_PLACES,
             end = p->guest ? VS_PROGRAM_GUEST : VS_PROGRAM_PLACES_END;
    char what[160];
    if (p->desc->placed && (p->trap != VS_TRAP_N || p->user)) {
        wrong(l, "offset", "programs of traps and of user space have their places: no offset");
    } else if (p->desc->placed && (at % VS_PROGRAM_PLACED || at < first || at >= end ||
                                   (p->guest && at == VS_PROGRAM_GUEST_SHARED))) {
        snprintf(what, sizeof what, "offset = 0x%x: a multiple of 0x%x from 0x%x on, below 0x%x%s",
                 at, VS_PROGRAM_PLACED, first, end,
                 p->guest ? ", but for 0x20000, where the others lie" : "");
        wrong(l, "offset", what);
    }
    for (const struct vs_program_desc *o = l->desc->program; p->desc->placed && o < p->desc; o++) {
        if (o->placed && o->offset == at) {
            snprintf(what, sizeof what, "offset = 0x%x is that of the program %.60s", at, o->name);
            wrong(l, "offset", what);
        }
    }
}

/* Links all steps of a program. */
static void link_program(struct linker *l, uint16_t index)
{
    struct vs_program *p = &l->set->program[index];
    l->program = p->desc;
    l->step = NULL;
    if (!plain(p->desc->name, true)) {
        wrong(l, p->desc->name, "a program's name is small letters, digits, underlines");
    }
    if (index && strcmp(l->desc->program[index - 1].name, p->desc->name) >= 0) {
        wrong(l, p->desc->name, "programs are ordered by name, each once");
    }
    p->guest = l->desc->role == VS_ROLE_GUEST; /* whose programs are no trap's */
    p->trap = p->guest ? VS_TRAP_N : trap_of(p->desc->name);
    p->user = !strcmp(p->desc->at, "user");
    if (!p->user && strcmp(p->desc->at, "kernel") != 0) {
        wrong(l, p->desc->at, "a program is at = \"kernel\" or at = \"user\"");
    }
    if (p->guest && p->user) {
        wrong(l, p->desc->at, "a guest's kernel has no programs in user space");
    }
    link_offset(l, p);
    if (p->trap != VS_TRAP_N) {
        l->set->by_trap[p->trap] = index;
    }
    for (size_t i = 0; i < p->desc->n; i++) {
        link_step(l, p, i);
    }
}

/* Room for everything; steps are numbered. */
static struct vs_program_set *allocate(const struct vs_program_set_desc *d)
{
    struct vs_program_set *set = calloc(1, sizeof *set);
    size_t steps = 0;
    for (size_t i = 0; i < d->n; i++) {
        steps += d->program[i].n;
    }
    struct vs_program *program = calloc(d->n + 1, sizeof *program);
    struct vs_step *step = calloc(steps + 1, sizeof *step);
    if (!set || !program || !step || steps >= VS_PROGRAM_NONE) {
        free(set);
        free(program);
        free(step);
        return NULL;
    }
    set->desc = d;
    set->program = program;
    set->step = step;
    set->n_steps = (uint16_t)steps;
    set->otherwise = VS_PROGRAM_NONE;
    memset(set->by_trap, 0xff, sizeof set->by_trap);
    steps = 0;
    for (size_t i = 0; i < d->n; i++) {
        program[i].desc = &d->program[i];
        program[i].first = (uint16_t)steps;
        program[i].step = step + steps;
        steps += d->program[i].n;
    }
    return set;
}

/* All sets that were linked: they stay. */
static struct known {
    const struct vs_program_set *set;
    struct known *next;
} * all_sets;

/* From now on a description that says the same gives this set. */
static const struct vs_program_set *keep(struct known *known, const struct vs_program_set *set)
{
    *known = (struct known){set, all_sets};
    return (all_sets = known)->set;
}

const struct vs_program_set *vs_program_set_link(const struct vs_program_set_desc *d,
                                                 vs_line_of *line_of, void *ctx,
                                                 struct vs_errors *errors)
{
    for (const struct known *k = all_sets; k; k = k->next) {
        if (k->set->desc == d || vs__program_set_same(k->set->desc, d)) {
            return k->set;
        }
    }
    struct linker l = {.desc = d, .line_of = line_of, .ctx = ctx, .errors = errors};
    struct known *known = calloc(1, sizeof *known);
    if (known && d->linked) {
        return keep(known, d->linked);
    }
    l.set = known ? allocate(d) : NULL;
    if (!l.set) {
        free(known);
        vs_error(errors, "%s: out of memory, or more than 65534 steps", d->file);
        return NULL;
    }
    for (size_t i = 0; i < d->n; i++) {
        link_program(&l, (uint16_t)i);
    }
    l.set->otherwise = vs_program_set_find(l.set, "default");
    for (int i = 0; i < VS_TRAP_N; i++) {
        if (l.set->by_trap[i] == VS_PROGRAM_NONE) {
            l.set->by_trap[i] = l.set->otherwise;
        }
    }
    if (!l.failed) {
        check_circles(&l);
    }
    if (!l.failed && !vs__program_set_describe(l.set)) {
        vs_error(errors, "%s: out of memory", d->file);
        l.failed = true;
    }
    if (l.failed) {
        free(l.set->program[0].step);
        free(l.set->program);
        free(l.set);
        free(known);
        return NULL;
    }
    return keep(known, l.set);
}

const struct vs_program_set *vs_program_set_of(const struct vs_knobs *k, enum vs_role role)
{
    /* the component is the set's first member */
    return (const struct vs_program_set *)(const void *)vs_knobs_component(
        k, vs__program_role[role].component);
}

enum vs_status vs_program_set_use(struct vs_knobs *k, const struct vs_program_set *s)
{
    return vs_knobs_replace(k, &s->component);
}
