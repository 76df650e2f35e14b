/* SPDX-License-Identifier: MIT */
#include "order.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct key {
    int type;
    bool exact; /* a number that is an integer */
    lua_Integer integer;
    lua_Number number;
    const char *text; /* the table keeps it */
    size_t bytes;
    lua_Integer at; /* in the list of keys */
};

/* A table's key at an index of the stack, in a form that is compared without Lua. */
static struct key key_at(lua_State *L, int index)
{
    struct key k = {.type = lua_type(L, index)};
    if (k.type == LUA_TNUMBER) {
        k.exact = lua_isinteger(L, index);
        k.integer = k.exact ? lua_tointeger(L, index) : 0;
        k.number = lua_tonumber(L, index);
    } else if (k.type == LUA_TSTRING) {
        k.text = lua_tolstring(L, index, &k.bytes);
    } else {
        k.integer = lua_toboolean(L, index);
    }
    return k;
}

/* Numbers come before texts, and texts before everything else. */
static int rank(const struct key *k)
{
    return k->type == LUA_TNUMBER ? 0 : k->type == LUA_TSTRING ? 1 : 2;
}

/* Orders keys: numbers by size, texts by bytes. */
static int compare(const void *x, const void *y)
{
    const struct key *a = x, *b = y;
    if (rank(a) != rank(b)) {
        return rank(a) - rank(b);
    }
    if (a->type == LUA_TSTRING) {
        int c = memcmp(a->text, b->text, a->bytes < b->bytes ? a->bytes : b->bytes);
        return c ? c : (a->bytes > b->bytes) - (a->bytes < b->bytes);
    }
    if (a->type == LUA_TNUMBER && !(a->exact && b->exact)) {
        /* at 2^63 an integer can look the same as the float beyond it */
        int c = (a->number > b->number) - (a->number < b->number);
        return c ? c : b->exact - a->exact;
    }
    return (a->integer > b->integer) - (a->integer < b->integer);
}

/* The type of a key that has no place in the order, or LUA_TNONE; of several always the same. */
static int misfit(int so_far, int type)
{
    bool fits = type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN;
    return fits || so_far > type ? so_far : type;
}

/* Refuses keys of that type where there are several keys. */
static void refuse(lua_State *L, int type)
{
    if (type != LUA_TNONE) {
        luaL_error(L,
                   "a key that is a %s has no place that is the same in every run; keys that are "
                   "gone through are numbers, strings or booleans",
                   lua_typename(L, type));
    }
}

/* Pushes the list of the keys of the table at index 1, in order. */
static void push_keys(lua_State *L)
{
    lua_Integer n = 0;
    bool ordered = true;
    int wrong = LUA_TNONE;
    struct key before = {.type = LUA_TNIL};
    lua_newtable(L);
    int list = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, 1); n++) {
        lua_pop(L, 1);
        struct key k = key_at(L, -1);
        wrong = misfit(wrong, k.type);
        ordered = ordered && (!n || compare(&before, &k) < 0);
        before = k;
        lua_pushvalue(L, -1);
        lua_rawseti(L, list, n + 1);
    }
    refuse(L, n > 1 ? wrong : LUA_TNONE);
    if (ordered) {
        return;
    }
    struct key *all = lua_newuserdatauv(L, (size_t)n * sizeof *all, 0);
    lua_createtable(L, n < 1 << 30 ? (int)n : 0, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, list, i + 1);
        all[i] = key_at(L, -1);
        all[i].at = i + 1;
        lua_pop(L, 1);
    }
    qsort(all, (size_t)n, sizeof *all, compare);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, list, all[i].at);
        lua_rawseti(L, -2, i + 1);
    }
    lua_replace(L, list);
    lua_settop(L, list);
}

/* Upvalues: the table, its keys, how many of them were visited. What was removed since is passed.
 */
static int step(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
    lua_settop(L, 0);
    while (lua_rawgeti(L, lua_upvalueindex(2), ++i) != LUA_TNIL) {
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(L, i);
            lua_replace(L, lua_upvalueindex(3));
            return 2;
        }
        lua_settop(L, 0);
    }
    return 1;
}

/* Returns what a __pairs metamethod left: three values. */
static int three(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 3;
}

/* pairs() in an order that doesn't depend on hashes. */
static int ordered_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_insert(L, 1);
        lua_callk(L, 1, 3, 0, three);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    push_keys(L);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, step, 3);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* Of the keys after the given one, the first: for whom one is enough; pairs is faster. */
static int ordered_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    struct key from = key_at(L, 2), best = {.type = LUA_TNIL};
    int wrong = LUA_TNONE;
    bool first = from.type == LUA_TNIL;
    lua_pushnil(L); /* index 3: the best */
    lua_Integer n = 0;
    for (lua_pushnil(L); lua_next(L, 1); n++) {
        lua_pop(L, 1);
        struct key k = key_at(L, -1);
        wrong = misfit(wrong, k.type);
        bool same = n == 0 && !first && lua_rawequal(L, -1, 2);
        if (!same && (first || compare(&k, &from) > 0) &&
            (best.type == LUA_TNIL || compare(&k, &best) < 0)) {
            best = k;
            lua_pushvalue(L, -1);
            lua_replace(L, 3);
        }
    }
    refuse(L, n < 2 ? LUA_TNONE : first ? wrong : misfit(wrong, from.type));
    lua_settop(L, 3);
    if (best.type == LUA_TNIL) {
        return 1;
    }
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

void vs_order_open(lua_State *L)
{
    lua_pushcfunction(L, ordered_pairs);
    lua_setglobal(L, "pairs");
    lua_pushcfunction(L, ordered_next);
    lua_setglobal(L, "next");
}
