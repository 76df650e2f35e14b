/* SPDX-License-Identifier: MIT */
/* The methods of request/requests.def: one function makes them all from their lines. */
#include "methods.h"

#include "workload_cpu.h"

#include "sriov_nic/sriov_nic.h"

#include <stdio.h>
#include <string.h>

#define MOST_NAMES 16 /* of the arguments of one method, and the end */

enum kind {
    OF_END,
    OF_NUMBER,
    OF_BITS,
    OF_TIME,
    OF_WHERE,
    OF_RANGE,
    OF_WORD,
    OF_TEXT,
    OF_ALWAYS,
    OF_OTHER
};

/* An argument, or what the method sets. */
struct arg {
    enum kind kind;
    char field;              /* letter as in recordings */
    bool needed;             /* it is an error to leave it out */
    const char *name, *text; /* text: what it is, or the words */
    uint64_t missing, least,
        most; /* time: ps each; where: bytes there; word: the first one's number */
};

struct line {
    const char *section;
    const char *name, *text, *fields;
    enum vs_req kind;
    unsigned machines;
    bool method, table;
    const struct arg *args;
    void (*rest)(lua_State *L, struct vs_request *r);
};

#define NONE
#define NEEDS(field, name, least, most, text) {OF_NUMBER, field, true, name, text, 0, least, most},
#define TAKES(field, name, missing, least, most, text)                                             \
    {OF_NUMBER, field, false, name, text, missing, least, most},
#define BITS(field, name) {OF_BITS, field, false, name, NULL, 0, 0, 0},
#define TIME(name, each) {OF_TIME, 'p', false, name, NULL, 0, each, 0},
#define WHERE(bytes) {OF_WHERE, 'A', true, "where", NULL, 0, bytes, 0},
#define RANGE {OF_RANGE, 'A', true, "where", NULL, 0, 0, 0},
#define ONE_OF(field, name, missing, first, words)                                                 \
    {OF_WORD, field, false, name, words, missing, first, 0},
#define TEXT(name) {OF_TEXT, 'n', true, name, NULL, 0, 0, 0},
#define ALWAYS(field, value) {OF_ALWAYS, field, false, NULL, NULL, value, 0, 0},
#define OTHER(shown) {OF_OTHER, 0, false, shown, NULL, 0, 0, 0},
#define FORM_LIST false
#define FORM_TABLE true
#define ARGS(...)                                                                                  \
    (const struct arg[])                                                                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
        {                                                                                          \
            OF_END, 0, false, NULL, NULL, 0, 0, 0                                                  \
        }                                                                                          \
    }

static const struct line lines[] = {
#define VS_SECTION(title) {.section = (title)},
#define VS_REQUEST(code, NAME, name, fields, pace, machines, form, arguments, rest, text)          \
    {NULL,        #name,           text, fields, VS_REQ_##NAME, VS_REQ_##machines, true,           \
     FORM_##form, ARGS(arguments), rest},
#define VS_METHOD(NAME, name, form, arguments, rest, text)                                         \
    {NULL,        #name,           text, NULL, VS_REQ_##NAME, VS_REQ_EVERY, true,                  \
     FORM_##form, ARGS(arguments), rest},
#define VS_HIDDEN(code, NAME, name, fields, pace, text)                                            \
    {NULL, #name, text, fields, VS_REQ_##NAME, VS_REQ_EVERY, false, false, ARGS(NONE), NULL},
#include "request/requests.def"
};
enum { LINES = sizeof lines / sizeof lines[0] };

/* ---- arguments ---- */

/* Sets the field of a request that a letter of its form stands for. */
static void set(struct vs_request *r, char field, uint64_t v)
{
    switch (field) {
    case 'A':
    case 'F':
        r->address = v;
        break;
    case 'B':
        r->bytes = v;
        break;
    case 'C':
        r->count = v;
        break;
    case 'a':
        r->a = v;
        break;
    case 'b':
        r->b = v;
        break;
    case 's':
        r->stride = v;
        break;
    case 'w':
        r->work = v;
        break;
    case 'o':
        r->op = (enum vs_req_op)v;
        break;
    case 'P':
        r->pattern = (enum vs_req_pattern)v;
        break;
    default:
        break;
    }
}

/* Takes argument i as a number within the bounds that its line states. */
static void number(lua_State *L, int i, const struct line *m, const struct arg *a,
                   struct vs_request *r)
{
    if (!a->needed && lua_isnoneornil(L, i)) {
        set(r, a->field, a->missing);
        return;
    }
    uint64_t v = vs__cpu_number(L, i, a->name);
    if (v < a->least || v > a->most) {
        luaL_error(L, "%s: %s must be %I..%I: %s", m->name, a->name, (lua_Integer)a->least,
                   (lua_Integer)a->most, a->text);
    }
    set(r, a->field, v);
}

/* In units of a->least ps; an hour is enough for any guest. */
static void time_of(lua_State *L, int i, const struct line *m, const struct arg *a,
                    struct vs_request *r)
{
    uint64_t n = lua_isnoneornil(L, i) ? 0 : vs__cpu_number(L, i, a->name);
    if (n > VS_WAIT_PS_MAX / 2u / a->least) {
        luaL_error(L, "%s: %s: a time must be at most one hour", m->name, a->name);
    }
    r->ps += n * a->least;
}

/* Takes argument i as one of the words that its line lists. */
static void word(lua_State *L, int i, const struct line *m, const struct arg *a,
                 struct vs_request *r)
{
    const char *given = lua_type(L, i) == LUA_TSTRING ? lua_tostring(L, i) : "";
    uint64_t v = a->least;
    if (lua_isnoneornil(L, i)) {
        set(r, a->field, a->missing);
        return;
    }
    for (const char *w = a->text; *w; v++) {
        size_t n = strcspn(w, "|");
        if (n == strlen(given) && !strncmp(w, given, n)) {
            set(r, a->field, v);
            return;
        }
        w += n + (w[n] == '|');
    }
    luaL_error(L, "%s: %s must be one of %s", m->name, a->name, a->text);
}

/* Takes argument i as a name. */
static void text_of(lua_State *L, int i, const struct line *m, const struct arg *a,
                    struct vs_request *r)
{
    const char *s = luaL_checkstring(L, i);
    if (strlen(s) >= sizeof r->name) {
        luaL_error(L, "%s: %s has at most %d characters", m->name, a->name,
                   (int)sizeof r->name - 1);
    }
    snprintf(r->name, sizeof r->name, "%s", s);
}

/* One argument at place i of the stack; how many places it took. */
static int take(lua_State *L, int i, const struct line *m, const struct arg *a,
                struct vs_request *r)
{
    switch (a->kind) {
    case OF_NUMBER:
        number(L, i, m, a, r);
        return 1;
    case OF_BITS:
        set(r, a->field, lua_isnoneornil(L, i) ? 0 : vs__cpu_bits(L, i, a->name));
        return 1;
    case OF_TIME:
        time_of(L, i, m, a, r);
        return 1;
    case OF_WORD:
        word(L, i, m, a, r);
        return 1;
    case OF_TEXT:
        text_of(L, i, m, a, r);
        return 1;
    case OF_WHERE:
        r->address = vs__cpu_address(L, i, a->least);
        return 2;
    case OF_RANGE:
        vs__cpu_range(L, r);
        return 2;
    case OF_ALWAYS:
        set(r, a->field, a->missing);
        return 0;
    default:
        return 0;
    }
}

/* Names that a table of arguments may have: those of the list, and those that `rest` reads, which
 * the list shows as "a, b, c". */
static void check_names(lua_State *L, const struct line *m)
{
    const char *names[MOST_NAMES + 1];
    char text[160] = "";
    size_t n = 0, at = 0;
    for (const struct arg *a = m->args; a->kind != OF_END; a++) {
        if (a->kind == OF_WHERE) {
            names[n++] = "address";
            names[n++] = "offset";
        } else if (a->kind == OF_OTHER) {
            for (const char *s = a->name; *s;) {
                size_t k = strcspn(s, ",");
                names[n++] = memcpy(text + at, s, k);
                at += k + 1u;
                s += k + (s[k] ? 2u : 0);
            }
        } else if (a->name) {
            names[n++] = a->name;
        }
    }
    names[n] = NULL;
    vs__cpu_arguments(L, m->name, names);
}

/* The argument of this name, of a kind that is one number; NULL: there is none. */
static const struct arg *counted(const struct line *m, const char *name)
{
    for (const struct arg *a = m->args; a->kind != OF_END; a++) {
        if ((a->kind == OF_NUMBER || a->kind == OF_TIME) && *a->name == *name &&
            !strcmp(a->name, name)) {
            return a;
        }
    }
    return NULL;
}

/* What every argument is that the table does not name; false: one of them is needed, or is of
 * another kind than take_at_once can take. */
static bool take_missing(const struct line *m, struct vs_request *r)
{
    for (const struct arg *a = m->args; a->kind != OF_END; a++) {
        if (a->needed || (a->kind != OF_NUMBER && a->kind != OF_TIME && a->kind != OF_ALWAYS)) {
            return false;
        }
        if (a->kind != OF_TIME) {
            set(r, a->field, a->missing);
        }
    }
    return true;
}

/* A table of integers in their bounds under names that are arguments, in one pass over it. False:
 * there is something else about it, and what was taken of it is to be forgotten. */
static bool take_at_once(lua_State *L, const struct line *m, struct vs_request *r)
{
    if (lua_type(L, 2) != LUA_TTABLE || lua_getmetatable(L, 2) || !take_missing(m, r)) {
        return false;
    }
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        int exact = 0;
        const struct arg *a =
            lua_type(L, -2) == LUA_TSTRING ? counted(m, lua_tostring(L, -2)) : NULL;
        lua_Integer v = lua_tointegerx(L, -1, &exact);
        bool time = a && a->kind == OF_TIME;
        uint64_t least = !a || time ? 0 : a->least, most = !a     ? 0
                                                           : time ? VS_WAIT_PS_MAX / 2u / a->least
                                                                  : a->most;
        if (!a || !exact || v < 0 || (uint64_t)v < least || (uint64_t)v > most) {
            return false;
        }
        if (time) {
            r->ps += (uint64_t)v * a->least;
        } else {
            set(r, a->field, (uint64_t)v);
        }
    }
    return true;
}

/* Of a table: by their names. */
static void take_named(lua_State *L, const struct line *m, struct vs_request *r)
{
    int top = lua_gettop(L);
    if (take_at_once(L, m, r)) {
        return;
    }
    lua_settop(L, top);
    *r = (struct vs_request){.kind = m->kind};
    check_names(L, m);
    for (const struct arg *a = m->args; a->kind != OF_END; a++) {
        if (a->kind == OF_WHERE) {
            vs__cpu_address_field(L, r);
        } else if (a->kind == OF_ALWAYS || a->kind == OF_OTHER) {
            take(L, 0, m, a, r);
        } else {
            lua_getfield(L, 2, a->name);
            take(L, top + 1, m, a, r);
        }
        lua_settop(L, top);
    }
}

/* Takes a method's arguments in the order of its line. */
static void take_listed(lua_State *L, const struct line *m, struct vs_request *r)
{
    int i = 2;
    for (const struct arg *a = m->args; a->kind != OF_END; a++) {
        i += take(L, i, m, a, r);
    }
}

/* ---- methods ---- */

/* The line that describes the method being called. */
static const struct line *of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* Whether it returns something when its request has been carried out; no other name of a request
 * has an answer. */
static bool answers(const struct line *m)
{
    return m->fields && strchr(m->fields, 'v');
}

/* That; bytes: of a region. */
static int answered(lua_State *L, int status, lua_KContext bytes)
{
    const struct line *m = of(L);
    (void)status;
    uint64_t reply = vs__cpu_self(L)->reply;
    if (m->kind == VS_REQ_MAP) {
        struct vs_region *r = lua_newuserdatauv(L, sizeof *r, 0);
        r->address = reply;
        r->bytes = (uint64_t)bytes;
        luaL_setmetatable(L, VS__REGION);
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)reply);
    return 1;
}

/* Makes the request of a method and suspends the script until it is answered. */
static int request(lua_State *L, lua_KFunction answer)
{
    const struct line *m = of(L);
    struct vs_request *r = vs__cpu_begin(L, m->kind);
    if (m->table) {
        take_named(L, m, r);
    } else {
        take_listed(L, m, r);
    }
    if (m->rest) {
        m->rest(L, r);
    }
    vs__cpu_check_place(L);
    return lua_yieldk(L, 0, (lua_KContext)r->bytes, answer);
}

/* A method that answers nothing. */
static int method(lua_State *L)
{
    return request(L, NULL);
}

/* A method that returns the request's answer. */
static int asking(lua_State *L)
{
    return request(L, answered);
}

void vs__cpu_methods(lua_State *L)
{
    for (int i = 0; i < LINES; i++) {
        if (lines[i].method) {
            lua_pushlightuserdata(L, (void *)(uintptr_t)&lines[i]);
            lua_pushcclosure(L, answers(&lines[i]) ? asking : method, 1);
            lua_setfield(L, -2, lines[i].name);
        }
    }
}

/* Says which instruction may have been meant by a word that is none. */
static const char *nearest(const char *word, char hint[VS_SUGGEST])
{
    const char *names[LINES];
    size_t n = 0;
    for (int i = 0; i < LINES; i++) {
        if (lines[i].method) {
            names[n++] = lines[i].name;
        }
    }
    return vs_suggest(word, names, n, "'virtsim list requests' names them", hint, VS_SUGGEST);
}

void vs__cpu_hint(char *text, size_t bytes)
{
    static const char said[] = "attempt to call a nil value (method '";
    const char *name = strstr(text, said), *end;
    char word[64], hint[VS_SUGGEST];
    name = name ? name + sizeof said - 1 : NULL;
    end = name ? strchr(name, '\'') : NULL;
    if (!end || (size_t)(end - name) >= sizeof word) {
        return;
    }
    snprintf(word, sizeof word, "%.*s", (int)(end - name), name);
    size_t used = strlen(text);
    snprintf(text + used, bytes - used, "; %s", nearest(word, hint));
}

int vs__cpu_has(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    unsigned here = vs__cpu_self(L)->workload->machines;
    for (int i = 0; i < LINES; i++) {
        if (lines[i].method && !strcmp(name, lines[i].name)) {
            lua_pushboolean(L, (lines[i].machines & here) != 0);
            return 1;
        }
    }
    char hint[VS_SUGGEST];
    return luaL_error(L, "has: no instruction '%s'; %s", name, nearest(name, hint));
}

/* ---- the list as text ---- */

/* What machines have an instruction, as the documentation writes it. */
static const char *machines_text(unsigned machines)
{
    return machines == VS_REQ_EVERY ? "every"
           : machines == VS_REQ_X86 ? "x86"
           : machines == VS_REQ_AMD ? "AMD"
           : machines == VS_REQ_ARM ? "Arm"
                                    : "Intel";
}

/* Writes a method as a script calls it, optional arguments in brackets. */
static void shown(const struct line *m, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "cpu:%s%s", m->name, m->table ? " { " : "(");
    bool first = true;
    for (const struct arg *a = m->args; a->kind != OF_END && at < size; a++) {
        bool optional = !m->table && !a->needed && a->kind != OF_OTHER;
        const char *name = a->kind == OF_WHERE   ? m->table ? "address, offset" : "where, [offset]"
                           : a->kind == OF_RANGE ? "where, [bytes]"
                                                 : a->name;
        if (name) {
            at += (size_t)snprintf(out + at, size - at, "%s%s%s", first ? "" : ", ",
                                   optional ? "[" : "", name);
            if (a->kind == OF_NUMBER && a->missing && at < size) {
                at += (size_t)snprintf(out + at, size - at, " = %llu",
                                       (unsigned long long)a->missing);
            }
            if (optional && at < size) {
                at += (size_t)snprintf(out + at, size - at, "]");
            }
            first = false;
        }
    }
    if (at < size) {
        snprintf(out + at, size - at, "%s", m->table ? " }" : ")");
    }
}

/* What a field of a request is called where its method has no name of its own for it. */
static const char *letter_name(char letter)
{
    static const char *const names[] = {['A'] = "address",
                                        ['F'] = "address",
                                        ['B'] = "bytes",
                                        ['z'] = "bytes",
                                        ['C'] = "count",
                                        ['a'] = "a",
                                        ['c'] = "a",
                                        ['b'] = "b",
                                        ['e'] = "b",
                                        ['p'] = "ps",
                                        ['s'] = "stride",
                                        ['t'] = "exponent",
                                        ['w'] = "work",
                                        ['o'] = "operation",
                                        ['P'] = "pattern",
                                        ['k'] = "backing",
                                        ['g'] = "log2 of the page",
                                        ['d'] = "depends",
                                        ['x'] = "fixed",
                                        ['n'] = "name",
                                        ['W'] = "walks",
                                        ['R'] = "records",
                                        ['T'] = "tables",
                                        ['v'] = "answer"};
    return names[(unsigned char)letter];
}

/* "a leaf, b subleaf": the fields, a and b with what the arguments call them. */
static void kept(const struct line *m, char *out, size_t size)
{
    size_t at = 0;
    *out = 0;
    for (const char *f = m->fields; *f && at < size; f++) {
        const char *name = letter_name(*f), *argument = NULL;
        for (const struct arg *a = m->args; a->kind != OF_END && !name[1]; a++) {
            argument = a->field == name[0] ? a->name : argument;
        }
        at += (size_t)snprintf(out + at, size - at, "%s%s%s%s", at ? ", " : "", name,
                               argument ? " " : "", argument ? argument : "");
    }
}

bool vs_request_text(size_t n, struct vs_request_text *out)
{
    *out = (struct vs_request_text){.section = ""};
    for (size_t i = 0; i < LINES; i++) {
        const struct line *m = &lines[i];
        if (m->section) {
            out->section = m->section;
        } else if (!n--) {
            out->name = m->name;
            out->text = m->text;
            out->kind = m->kind;
            if (m->method) {
                shown(m, out->method, sizeof out->method);
            }
            if (m->fields) {
                kept(m, out->fields, sizeof out->fields);
            }
            out->machines = machines_text(m->machines);
            return true;
        }
    }
    return false;
}
