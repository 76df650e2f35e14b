/* SPDX-License-Identifier: MIT */
#include "sweep/let.h"

#include "lua/box.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vs_lets {
    const struct vs_sweep *sweep;
    struct vs_box *box;
    struct vs_knobs *knobs; /* of the point that is evaluated; NULL: none */
    uint64_t seed;
    int function[VS_SWEEP_LETS]; /* references to the compiled expressions */
};

/* What messages call an expression. */
static void name_of(const struct vs_let *l, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s%s--let %s", l->from, *l->from ? ": " : "", l->path);
}

/* Pushes a knob's value as the Lua type it reads as: a flag, a word or a number. */
static void push_knob(lua_State *L, const struct vs_knob *k)
{
    char text[64];
    if (k->desc->kind == VS_KNOB_FLAG) {
        lua_pushboolean(L, k->value != 0);
    } else if (k->desc->kind == VS_KNOB_CHOICE) {
        lua_pushstring(L, vs_knob_text(k, text, sizeof text));
    } else {
        lua_pushinteger(L, (lua_Integer)k->value);
    }
}

/* Whether some knob's path begins with these components. */
static bool is_prefix(const struct vs_knobs *k, const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < vs_knobs_count(k); i++) {
        const char *other = vs_knobs_at(k, i)->desc->path;
        if (!strncmp(other, path, n) && other[n] == '.') {
            return true;
        }
    }
    return false;
}

/* Raises the error of a knob that isn't there, with the nearest names there are. */
static int fail_unknown(lua_State *L, const struct vs_knobs *k, const char *path)
{
    size_t n = vs_knobs_count(k);
    const char **all = calloc(n ? n : 1, sizeof *all);
    for (size_t i = 0; all && i < n; i++) {
        all[i] = vs_knobs_at(k, i)->desc->path;
    }
    char hint[VS_SUGGEST];
    vs_suggest(path, all, all ? n : 0, "'virtsim list knobs' names them all", hint, sizeof hint);
    free(all);
    return luaL_error(L, "unknown knob '%s'; %s", path, hint);
}

/* The knob of this path, or a table that stands for the beginning of several. */
static int push_path(lua_State *L, const char *path)
{
    struct vs_lets *l = lua_touserdata(L, lua_upvalueindex(1));
    const struct vs_knob *knob = l->knobs ? vs_knobs_find(l->knobs, path) : NULL;
    if (knob) {
        push_knob(L, knob);
        return 1;
    }
    if (!l->knobs || !is_prefix(l->knobs, path)) {
        return 0;
    }
    lua_newtable(L);
    lua_pushstring(L, path);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, -2);
    return 1;
}

/* __index of such a table: one component more. */
static int index_component(lua_State *L)
{
    struct vs_lets *l = lua_touserdata(L, lua_upvalueindex(1));
    const char *key = luaL_checkstring(L, 2);
    lua_rawgeti(L, 1, 1);
    lua_pushfstring(L, "%s.%s", lua_tostring(L, -1), key);
    const char *path = lua_tostring(L, -1);
    return push_path(L, path) ? 1 : fail_unknown(L, l->knobs, path);
}

/* __index of the expressions' globals. */
static int index_global(lua_State *L)
{
    struct vs_lets *l = lua_touserdata(L, lua_upvalueindex(1));
    const char *key = luaL_checkstring(L, 2);
    if (!strcmp(key, "seed")) {
        lua_pushinteger(L, (lua_Integer)l->seed);
        return 1;
    }
    return push_path(L, key) ? 1 : fail_unknown(L, l->knobs, key);
}

/* knob("PATH") of an expression: the value this point's machine has. */
static int call_knob(lua_State *L)
{
    struct vs_lets *l = lua_touserdata(L, lua_upvalueindex(1));
    const char *path = luaL_checkstring(L, 1);
    const struct vs_knob *knob = l->knobs ? vs_knobs_find(l->knobs, path) : NULL;
    if (!knob) {
        return fail_unknown(L, l->knobs, path);
    }
    push_knob(L, knob);
    return 1;
}

/* A closure of f over the expressions and the metatable of beginnings, which is at `meta`. */
static void push_closure(lua_State *L, struct vs_lets *l, int meta, lua_CFunction f)
{
    lua_pushlightuserdata(L, l);
    lua_pushvalue(L, meta);
    lua_pushcclosure(L, f, 2);
}

/* Under lua_pcall: everything the expressions see. */
static int make_globals(lua_State *L)
{
    struct vs_lets *l = lua_touserdata(L, 1);
    lua_newtable(L);
    int meta = lua_gettop(L);
    push_closure(L, l, meta, index_component);
    lua_setfield(L, meta, "__index");
    lua_pushliteral(L, "a component");
    lua_setfield(L, meta, "__metatable");
    lua_pushglobaltable(L);
    push_closure(L, l, meta, call_knob);
    lua_setfield(L, -2, "knob");
    lua_newtable(L);
    push_closure(L, l, meta, index_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 0;
}

/* Compiles the expression of one let of the sweep. */
static bool compile(struct vs_lets *l, unsigned i, struct vs_errors *errors)
{
    const struct vs_let *let = &l->sweep->let[i];
    char name[440], *text = malloc(strlen(let->expression) + 16);
    if (!text) {
        return false;
    }
    name_of(let, name, sizeof name);
    sprintf(text, "return %s", let->expression);
    enum vs_status st = vs_box_text(l->box, name, text, errors);
    free(text);
    if (!st) {
        l->function[i] = luaL_ref(l->box->L, LUA_REGISTRYINDEX);
    }
    return !st;
}

struct vs_lets *vs_lets_open(const struct vs_sweep *s, struct vs_errors *errors)
{
    struct vs_lets *l = calloc(1, sizeof *l);
    bool good = l && (l->box = vs_box_open(1)) != NULL;
    if (good) {
        l->sweep = s;
        lua_pushcfunction(l->box->L, make_globals);
        lua_pushlightuserdata(l->box->L, l);
        good = lua_pcall(l->box->L, 1, 0, 0) == LUA_OK;
    }
    if (!good) {
        vs_error(errors, "--let: out of memory");
    }
    size_t before = errors->n;
    for (unsigned i = 0; good && i < s->n_lets; i++) {
        if (!compile(l, i, errors) && errors->n == before) {
            vs_error(errors, "--let: out of memory");
        }
    }
    if (!good || errors->n != before) {
        vs_lets_close(l);
        return NULL;
    }
    return l;
}

void vs_lets_close(struct vs_lets *l)
{
    if (l) {
        vs_box_close(l->box);
        free(l);
    }
}

void vs_lets_seed(struct vs_lets *l, uint64_t seed)
{
    l->seed = seed;
}

/* What is on top of the stack as a knob's text; NULL: it is no value of a knob. */
static const char *value_text(lua_State *L, char *out, size_t bytes)
{
    lua_Number x = lua_tonumber(L, -1);
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        return lua_toboolean(L, -1) ? "1" : "0";
    case LUA_TSTRING:
        return lua_tostring(L, -1);
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 0) {
            snprintf(out, bytes, LUA_INTEGER_FMT, lua_tointeger(L, -1));
            return out;
        }
        if (!lua_isinteger(L, -1) && x >= 0 && x < 9e18 && floor(x) == x) {
            snprintf(out, bytes, "%.0f", x);
            return out;
        }
        return NULL;
    default:
        return NULL;
    }
}

/* Evaluates one let for a point and sets the knob it names. */
static enum vs_status apply_one(struct vs_lets *l, unsigned i, struct vs_errors *errors)
{
    const struct vs_let *let = &l->sweep->let[i];
    lua_State *L = l->box->L;
    char name[440], number[64];
    name_of(let, name, sizeof name);
    vs_box_called(l->box, name);
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->function[i]);
    int rc = vs_box_call(l->box, 0, 1);
    if (rc != LUA_OK) {
        vs_box_report(l->box, rc, errors);
        return VS_E_INPUT;
    }
    const char *value = value_text(L, number, sizeof number);
    enum vs_status st = VS_E_INPUT;
    if (value) {
        struct vs_origin who = {VS_RANK_CLI, "--let", "the request", VS_GRADE_assumed};
        st = vs_knobs_set(l->knobs, let->path, value, &who, errors);
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
        vs_error(errors,
                 "%s: '%s' gives %.14g, and a knob is a whole number that is not negative: // "
                 "divides to one, math.floor rounds",
                 name, let->expression, lua_tonumber(L, -1));
    } else {
        vs_error(errors, "%s: '%s' gives %s; a number, a flag or the name of a choice is needed",
                 name, let->expression,
                 lua_istable(L, -1) ? "the beginning of several knobs' paths"
                                    : luaL_typename(L, -1));
    }
    lua_pop(L, 1);
    return st;
}

enum vs_status vs_lets_apply(void *ctx, struct vs_knobs *knobs, struct vs_errors *errors)
{
    struct vs_lets *l = ctx;
    enum vs_status st = VS_OK;
    l->knobs = knobs;
    for (unsigned i = 0; i < l->sweep->n_lets; i++) {
        enum vs_status one = apply_one(l, i, errors);
        st = st ? st : one;
    }
    l->knobs = NULL;
    return st;
}
