/* SPDX-License-Identifier: MIT */
#include "programs_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 64u

/* What is being read. */
struct reader {
    struct vs_lua_programs *p;
    lua_State *L;
    struct vs_errors *errors;
    const char *file, *program;
    char step[64];
    bool failed;
};

void *vs__lua_programs_room(struct vs_lua_programs *p, size_t bytes)
{
    struct text *t = calloc(1, sizeof *t + bytes);
    if (t) {
        t->next = p->texts;
        p->texts = t;
    }
    return t ? t->word : NULL;
}

const char *vs__lua_programs_copy(struct vs_lua_programs *p, const char *s)
{
    size_t n = s ? strlen(s) + 1 : 0;
    char *c = n ? vs__lua_programs_room(p, n) : NULL;
    return c ? memcpy(c, s, n) : NULL;
}

/* ---- lines ---- */

/* Whether `word` stands at `at` and is no part of a longer one. */
static bool whole(const char *line, const char *at, size_t n)
{
    static const char in[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    return (at == line || !strchr(in, at[-1])) && (!at[n] || !strchr(in, at[n]));
}

/* Whether what follows is an equals sign: `name =`, `["name"] =`. */
static bool assigned(const char *behind)
{
    behind += strspn(behind, "\"'] ");
    return behind[0] == '=' && behind[1] != '=';
}

/* The first line, from `from` on, that has the word; `defined`: where something is called so. */
static unsigned find_line(FILE *f, unsigned from, const char *word, bool defined)
{
    char line[4096];
    size_t n = strlen(word);
    rewind(f);
    for (unsigned k = 1; n && fgets(line, sizeof line, f); k++) {
        const char *at = k >= from ? strstr(line, word) : NULL;
        if (at && whole(line, at, n) && (!defined || assigned(at + n))) {
            return k;
        }
    }
    return 0;
}

unsigned vs__lua_programs_line(const char *path, const char *program, const char *word)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    if (!f) {
        return 0;
    }
    unsigned from = find_line(f, 1, program, true), at = find_line(f, from ? from : 1, word, false);
    fclose(f);
    return at ? at : from;
}

/* Where a word of a program stands in its file: behind the program's name. Tables don't say. */
static unsigned line_of(void *ctx, const char *program, const char *word)
{
    const struct vs_lua_programs *p = ctx;
    return vs__lua_programs_line(p->path, program, word);
}

/* Reports what is wrong with a step of a program, with its file and line. */
static void wrong(struct reader *r, const char *word, const char *what)
{
    char line[16] = "", step[80] = "";
    unsigned at = line_of(r->p, r->program, word);
    if (at) {
        snprintf(line, sizeof line, ":%u", at);
    }
    if (*r->step) {
        snprintf(step, sizeof step, ", step '%s'", r->step);
    }
    vs_error(r->errors, "%s%s: program %.60s%s: %s", r->file, line, r->program, step, what);
    r->failed = true;
}

/* ---- steps ---- */

/* What a key of a step's table is. */
enum key { KIND_NUMBER, KIND_WORD, KIND_WORDS, NUMBER, FLAG, WORD };

static const struct {
    const char *key;
    enum key is;
    const char *kind; /* of the step, for KIND_* */
    int number;       /* that it gives */
    size_t offset;    /* of a WORD in the step */
} keys[] = {
    {"run", KIND_NUMBER, "run", VS_NUMBER_INSTRUCTIONS, 0},
    {"cycles", KIND_NUMBER, "run", VS_NUMBER_CYCLES, 0},
    {"touch", KIND_NUMBER, "touch", VS_NUMBER_DATA, 0},
    {"copy", KIND_NUMBER, "copy", VS_NUMBER_COPY, 0},
    {"clear", KIND_WORD, "clear", 0, 0},
    {"load", KIND_WORD, "load", 0, 0},
    {"store", KIND_WORD, "store", 0, 0},
    {"trap", KIND_WORD, "trap", 0, 0},
    {"send", KIND_WORD, "send", 0, 0},
    {"action", KIND_WORD, "action", 0, 0},
    {"wait", KIND_WORD, "wait", 0, 0},
    {"call", KIND_WORD, "call", 0, 0},
    {"state", KIND_WORDS, "state", 0, 0},
    {"code", NUMBER, NULL, VS_NUMBER_CODE, 0},
    {"data", NUMBER, NULL, VS_NUMBER_DATA, 0},
    {"taken", FLAG, NULL, VS_NUMBER_TAKEN, 0},
    {"when", WORD, NULL, 0, offsetof(struct vs_step_desc, when)},
    {"each", WORD, NULL, 0, offsetof(struct vs_step_desc, each)},
    {"like", WORD, NULL, 0, offsetof(struct vs_step_desc, like)},
    {"source", WORD, NULL, 0, offsetof(struct vs_step_desc, source)},
    {"grade", WORD, NULL, 0, offsetof(struct vs_step_desc, grade)},
};
#define DOES "run, cycles, touch, clear, load, store, copy, state, action, trap, send, wait or call"
#define KEYS (sizeof keys / sizeof keys[0])

/* The number on top of the stack. */
static void take_number(struct reader *r, struct vs_step_desc *d, size_t key)
{
    int whole_number = 0;
    lua_Integer v = lua_isboolean(r->L, -1) ? 0 : lua_tointegerx(r->L, -1, &whole_number);
    if (keys[key].is == FLAG && lua_isboolean(r->L, -1)) {
        v = lua_toboolean(r->L, -1);
        whole_number = 1;
    }
    if (!whole_number || lua_type(r->L, -1) == LUA_TSTRING || v < 0 || v > 10000000 ||
        (keys[key].is == FLAG && v > 1)) {
        char what[120];
        snprintf(what, sizeof what, "%s must be %s", keys[key].key,
                 keys[key].is == FLAG ? "true or false" : "a whole number, 0 to 10000000");
        wrong(r, keys[key].key, what);
        return;
    }
    d->number[keys[key].number] = v;
}

/* The string on top of the stack, or the list of strings as one. */
static const char *take_words(struct reader *r, size_t key)
{
    char all[400];
    size_t n = 0;
    if (lua_type(r->L, -1) == LUA_TSTRING) {
        const char *s = lua_tostring(r->L, -1);
        if (strlen(s) < VS_BOX_TEXT) {
            return vs__lua_programs_copy(r->p, s);
        }
    } else if (lua_istable(r->L, -1) && keys[key].is == KIND_WORDS) {
        all[0] = '\0';
        for (int i = 1; lua_rawgeti(r->L, -1, i) == LUA_TSTRING && n < sizeof all - 1; i++) {
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? " " : "",
                                  lua_tostring(r->L, -1));
            lua_pop(r->L, 1);
        }
        bool ends = lua_isnil(r->L, -1);
        lua_pop(r->L, 1);
        if (ends && n < sizeof all - 1) {
            return vs__lua_programs_copy(r->p, all);
        }
    }
    char what[120];
    snprintf(what, sizeof what, "%s must be %s", keys[key].key,
             keys[key].is == KIND_WORDS ? "a list of strings" : "a string");
    wrong(r, keys[key].key, what);
    return NULL;
}

/* A step that does two things, or nothing. */
static void set_kind(struct reader *r, struct vs_step_desc *d, const char *kind)
{
    if (d->kind && strcmp(d->kind, kind) != 0) {
        char what[120];
        snprintf(what, sizeof what, "does both %s and %s: make two steps of it", d->kind, kind);
        wrong(r, r->step, what);
    }
    d->kind = kind;
}

/* Takes one property of a step; a key that no step has is refused with the nearest there is. */
static void take_key(struct reader *r, struct vs_step_desc *d, const char *key)
{
    const char *names[KEYS];
    char what[500];
    if (!strcmp(key, "as")) {
        return; /* it was looked at first */
    }
    for (size_t i = 0; i < KEYS; i++) {
        names[i] = keys[i].key;
        if (strcmp(keys[i].key, key) != 0) {
            continue;
        }
        if (keys[i].is <= KIND_WORDS) {
            set_kind(r, d, keys[i].kind);
        }
        if (keys[i].is == KIND_NUMBER || keys[i].is == NUMBER || keys[i].is == FLAG) {
            take_number(r, d, i);
        } else if (keys[i].is == KIND_WORDS) {
            d->state = take_words(r, i);
        } else if (keys[i].is == KIND_WORD) {
            d->target = take_words(r, i);
        } else {
            const char *word = take_words(r, i);
            memcpy((char *)d + keys[i].offset, &word, sizeof word);
        }
        return;
    }
    char hint[VS_SUGGEST];
    snprintf(what, sizeof what, "unknown step '%.60s'; %s", key,
             vs_suggest(key, names, KEYS, DOES, hint, sizeof hint));
    wrong(r, key, what);
}

/* as = "FILE.PROGRAM.STEP": that step, but for what is said here. */
static void take_as(struct reader *r, struct vs_step_desc *d, const char *as)
{
    const char *dot = strchr(as, '.'), *last = strrchr(as, '.');
    const char *names[STEPS_MAX + VS_LUA_PROGRAMS_MAX];
    char program[64], what[500], hint[VS_SUGGEST];
    if (!dot || last == dot) {
        wrong(r, "as", "as is \"FILE.PROGRAM.STEP\"");
        return;
    }
    const struct vs_lua_source *from = vs__lua_programs_source(r->p, as, (size_t)(dot - as));
    if (!from) {
        snprintf(what, sizeof what,
                 "takes a step of %.*s, which this file doesn't name; write programs = { %.*s = { "
                 "why = \"...\" } }, or without why where it is the same software",
                 (int)(dot - as), as, (int)(dot - as), as);
        wrong(r, as, what);
        return;
    }
    snprintf(program, sizeof program, "%.*s", (int)(last - dot - 1), dot + 1);
    const struct vs_program_desc *found = NULL;
    for (size_t i = 0; i < from->all->desc.n; i++) {
        names[i] = from->all->program[i].name;
        found = strcmp(names[i], program) ? found : &from->all->program[i];
    }
    size_t n = found ? found->n : from->all->desc.n;
    for (size_t i = 0; found && i < found->n; i++) {
        names[i] = found->step[i].name;
        if (!strcmp(names[i], last + 1)) {
            const char *name = d->name;
            *d = found->step[i];
            d->name = name;
            if (!vs__lua_programs_borrow(r->p, from, d) ||
                (from->borrowed && !vs__lua_programs_note(r->p, from, r->program, name))) {
                wrong(r, "as", "out of memory");
            }
            return;
        }
    }
    vs_suggest(found ? last + 1 : program, names, n, "'virtsim list programs' shows them", hint,
               sizeof hint);
    snprintf(what, sizeof what, "%s has no %s '%.60s'; %s", from->name, found ? "step" : "program",
             found ? last + 1 : program, hint);
    wrong(r, as, what);
}

/* The step on top of the stack. */
static void take_step(struct reader *r, struct vs_step_desc *d)
{
    lua_State *L = r->L;
    for (int i = 0; i < VS_NUMBERS; i++) {
        d->number[i] = VS_NUMBER_NONE;
    }
    if (lua_rawgeti(L, -1, 1) == LUA_TSTRING) {
        snprintf(r->step, sizeof r->step, "%.60s", lua_tostring(L, -1));
        d->name = vs__lua_programs_copy(r->p, r->step);
    }
    lua_pop(L, 1);
    if (!d->name) {
        wrong(r, r->program, "a step is { \"name\", run = ..., source = ..., grade = ... }");
        return;
    }
    if (lua_getfield(L, -1, "as") == LUA_TSTRING) {
        take_as(r, d, lua_tostring(L, -1));
    } else if (!lua_isnil(L, -1)) {
        wrong(r, "as", "as is \"FILE.PROGRAM.STEP\"");
    }
    lua_pop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            take_key(r, d, lua_tostring(L, -2));
        } else if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != 1) {
            wrong(r, r->step, "has more than its name without a key");
        }
        lua_pop(L, 1);
    }
    if (!d->kind && !r->failed) {
        wrong(r, r->step, "does nothing: " DOES);
    }
}

/* ---- programs ---- */

/* Where a program of this name goes: in the order of names. */
struct vs_program_desc *vs__lua_programs_slot(struct vs_lua_programs *p, const char *name)
{
    size_t i = 0;
    while (i < p->desc.n && strcmp(p->program[i].name, name) < 0) {
        i++;
    }
    if (i < p->desc.n && !strcmp(p->program[i].name, name)) {
        return &p->program[i];
    }
    if (p->desc.n == VS_LUA_PROGRAMS_MAX) {
        return NULL;
    }
    memmove(&p->program[i + 1], &p->program[i], (p->desc.n - i) * sizeof p->program[0]);
    p->desc.n++;
    return &p->program[i];
}

/* The program on top of the stack. */
static void take_program(struct reader *r)
{
    lua_State *L = r->L;
    struct vs_program_desc made = {
        .name = vs__lua_programs_copy(r->p, r->program), .at = "kernel", .of = r->p->desc.name};
    size_t n = lua_rawlen(L, -1);
    *r->step = '\0';
    if (n > STEPS_MAX) {
        wrong(r, r->program, "has more than 64 steps; let it call other programs");
        return;
    }
    if (lua_getfield(L, -1, "at") == LUA_TSTRING) {
        made.at = vs__lua_programs_copy(r->p, lua_tostring(L, -1));
    }
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "offset") != LUA_TNIL) {
        int whole_number = 0;
        lua_Integer at = lua_tointegerx(L, -1, &whole_number);
        made.placed = true;
        made.offset = whole_number && at >= 0 && at < UINT32_MAX ? (uint32_t)at : UINT32_MAX;
    }
    lua_pop(L, 1);
    struct vs_step_desc *step = vs__lua_programs_room(r->p, (n + 1) * sizeof *step);
    for (size_t i = 0; step && i < n; i++) {
        *r->step = '\0';
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        if (lua_istable(L, -1)) {
            take_step(r, &step[i]);
        } else {
            wrong(r, r->program, "a program is a list of steps, { \"name\", run = ... }");
        }
        lua_pop(L, 1);
    }
    made.step = step;
    made.n = n;
    struct vs_program_desc *at =
        step && made.name && made.at ? vs__lua_programs_slot(r->p, made.name) : NULL;
    if (!at) {
        wrong(r, r->program, "out of memory, or more than 200 programs");
        return;
    }
    *at = made;
}

/* NAME = false: what the file before has, this hypervisor has not. */
static void leave_out(struct vs_lua_programs *p, const char *name)
{
    for (size_t i = 0; i < p->desc.n; i++) {
        if (!strcmp(p->program[i].name, name)) {
            p->desc.n--;
            memmove(&p->program[i], &p->program[i + 1], (p->desc.n - i) * sizeof p->program[0]);
            return;
        }
    }
}

/* A linked set points into what was read: what comes now goes into a copy of it. */
static struct vs_lua_programs *apart(struct vs_lua_programs *p)
{
    struct vs_lua_programs *made = p && !p->kept ? p : calloc(1, sizeof *made);
    if (made && p && p->kept) {
        memcpy(made->program, p->program, sizeof made->program);
        made->desc.n = p->desc.n;
        made->taken = p->taken;
    }
    return made;
}

enum vs_status vs__lua_programs_begin(struct vs_lua_programs **p, enum vs_role role,
                                      const char *name, const char *file, const char *path,
                                      struct vs_errors *errors)
{
    struct vs_lua_programs *made = apart(*p);
    *p = made ? made : *p;
    if (made) {
        made->desc.role = role;
        made->desc.name = vs__lua_programs_copy(made, name);
        made->desc.file = vs__lua_programs_copy(made, file);
        made->desc.program = made->program;
        made->path = vs__lua_programs_room(made, strlen(path) + 1);
    }
    if (!made || !made->desc.name || !made->desc.file || !made->path) {
        vs_error(errors, "%s: out of memory", file);
        return VS_E_NOMEM;
    }
    memcpy(made->path, path, strlen(path) + 1);
    return VS_OK;
}

enum vs_status vs_lua_programs_read(struct vs_lua_programs **p, lua_State *L, enum vs_role role,
                                    const char *name, const char *file, const char *path,
                                    struct vs_errors *errors)
{
    if (vs__lua_programs_begin(p, role, name, file, path, errors) || !lua_checkstack(L, 20)) {
        return VS_E_NOMEM;
    }
    struct reader r = {.p = *p, .L = L, .errors = errors, .file = file, .program = "?"};
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
            leave_out(*p, lua_tostring(L, -2));
        } else if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1)) {
            wrong(&r, "program", "write program = { NAME = { steps } }");
        } else {
            r.program = lua_tostring(L, -2);
            take_program(&r);
            *r.step = '\0';
        }
        lua_pop(L, 1);
    }
    return r.failed ? VS_E_CONFIG : VS_OK;
}

const struct vs_program_set *vs_lua_programs_link(struct vs_lua_programs *p,
                                                  struct vs_errors *errors)
{
    const struct vs_program_set *set = vs_program_set_link(&p->desc, line_of, p, errors);
    p->kept = p->kept || (set && set->desc == &p->desc);
    return set;
}

const struct vs_program_set_desc *vs_lua_programs_desc(const struct vs_lua_programs *p)
{
    return &p->desc;
}

void vs_lua_programs_free(struct vs_lua_programs *p)
{
    if (!p || p->kept) {
        return; /* a linked set, which stays, points into it */
    }
    for (const struct vs_lua_source *f = p->source; f; f = f->next) {
        vs_lua_programs_free(f->all);
    }
    for (struct text *next, *t = p->texts; t; t = next) {
        next = t->next;
        free(t);
    }
    free(p);
}
