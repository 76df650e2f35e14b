/* SPDX-License-Identifier: MIT */
#include "library.h"

#include "box.h"
#include "order.h"

#include <lualib.h>
#include <stdbool.h>
#include <string.h>

/* The library's own functions that ours check first and then become: called directly and not by
 * lua_call, so that a message names the script's line. The same in every state. */
static lua_CFunction own_format, own_rep, own_insert, own_remove, own_codes;

/* Pushes tostring's text of the value at `index`. What the library shows as an address is the
 * number of objects that were shown before it, plus one; an object keeps its number. */
static void push_text(lua_State *L, int index)
{
    /* keys that are no addresses: the list of numbers, and in it how many there were */
    static const char *const numbers = "virtsim.numbers";
    enum { COUNT = 0 };
    int type = lua_type(L, index);
    if (type < LUA_TLIGHTUSERDATA || type == LUA_TNUMBER || type == LUA_TSTRING ||
        luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        luaL_tolstring(L, index, NULL);
        return;
    }
    if (lua_getfield(L, LUA_REGISTRYINDEX, numbers) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "k"); /* an object that is gone leaves the list */
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_pushinteger(L, 0);
        lua_rawseti(L, -2, COUNT);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, numbers);
    }
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_rawgeti(L, -2, COUNT);
        lua_Integer n = lua_tointeger(L, -1) + 1;
        lua_pushinteger(L, n);
        lua_rawseti(L, -4, COUNT);
        lua_pushvalue(L, index);
        lua_pushinteger(L, n);
        lua_rawset(L, -5);
        lua_pop(L, 2);
        lua_pushinteger(L, n);
    }
    lua_Integer n = lua_tointeger(L, -1);
    int name = luaL_getmetafield(L, index, "__name");
    lua_pushfstring(L, "%s: %I",
                    name == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, index), n);
}

/* tostring(): as Lua's own, but without the address of what it is given. */
static int to_string(lua_State *L)
{
    luaL_checkany(L, 1);
    push_text(L, 1);
    return 1;
}

/* Texts of %s are made here; %p is an address. */
static int string_format(lua_State *L)
{
    size_t bytes;
    const char *f = luaL_checklstring(L, 1, &bytes), *end = f + bytes;
    int arg = 1, top = lua_gettop(L);
    while (f < end) {
        if (*f++ != '%') {
            continue;
        }
        while (f < end && *f && strchr("-+ #.0123456789", *f)) {
            f++;
        }
        if (f == end || *f == '%') {
            f++;
            continue;
        }
        arg++;
        if (*f == 'p') {
            return luaL_error(L, "'%%p' is an address, which is another one in every run");
        }
        if (*f++ == 's' && arg <= top && lua_type(L, arg) != LUA_TSTRING) {
            push_text(L, arg);
            lua_replace(L, arg);
            lua_settop(L, top);
        }
    }
    return own_format(L);
}

/* Hooks are off while a finalizer runs, so a loop in one could not be stopped. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    lua_settop(L, 2);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
        return luaL_error(L, "cannot change a protected metatable");
    }
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L, "finalizers (__gc) are not available");
        }
        lua_settop(L, 2);
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* The original counts to n in C even when the string is empty. */
static int string_rep(lua_State *L)
{
    size_t bytes = 0, more = 0;
    luaL_checklstring(L, 1, &bytes);
    luaL_optlstring(L, 3, "", &more);
    lua_Integer n = luaL_checkinteger(L, 2);
    if (n < 1 || bytes + more == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((size_t)n > VS_BOX_MEMORY_BYTES / (bytes + more)) {
        return luaL_error(L, "resulting string too large");
    }
    return own_rep(L);
}

/* insert and remove of the library believe __len, and the border of a table with holes, and would
 * shift 2^62 elements in C. */
static void check_list(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1)) {
        luaL_error(L, "a table without a metatable is expected");
    }
    if (lua_rawlen(L, 1) > VS_BOX_MEMORY_BYTES / sizeof(lua_Integer)) {
        luaL_error(L, "the table is not a list: it has holes");
    }
}

/* table.insert() of a real list only. */
static int table_insert(lua_State *L)
{
    check_list(L);
    return own_insert(L);
}

/* table.remove() of a real list only. */
static int table_remove(lua_State *L)
{
    check_list(L);
    return own_remove(L);
}

/* ipairs with an iterator (upvalue 1) that has a place in memory, as all functions here. */
static int in_order(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/* utf8.codes likewise; its two iterators are upvalues 1 and 2. */
static int utf8_codes(lua_State *L)
{
    int n = own_codes(L);
    bool first = lua_tocfunction(L, -n) == lua_tocfunction(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(first ? 1 : 2));
    lua_replace(L, -n - 1);
    return n;
}

/* Pushes the function on top, one of C without upvalues, as a closure, and removes it. A plain one
 * is hashed as a key by where the program was loaded. */
static void place(lua_State *L)
{
    lua_CFunction f = lua_tocfunction(L, -1);
    lua_pushboolean(L, 0);
    lua_pushcclosure(L, f, 1);
    lua_replace(L, -2);
}

/* Does so with all such functions of the table on top. */
static void place_all(lua_State *L)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (!lua_iscfunction(L, -1)) {
            continue;
        }
        if (lua_getupvalue(L, -1, 1)) {
            lua_pop(L, 1);
            continue;
        }
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        place(L);
        lua_rawset(L, -5);
    }
}

/* Pushes the iterator that the library's function `name` of the table on top returns for "". */
static void push_iterator(lua_State *L, const char *name, bool lax)
{
    lua_getfield(L, -1, name);
    lua_pushliteral(L, "");
    lua_pushboolean(L, lax);
    lua_call(L, 2, 1);
    place(L);
}

/* Replaces field `name` of the table on top, and returns what it was. */
static lua_CFunction replace(lua_State *L, const char *name, lua_CFunction f)
{
    lua_getfield(L, -1, name);
    lua_CFunction was = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    lua_pushcfunction(L, f);
    lua_setfield(L, -2, name);
    return was;
}

/* Takes fields out of the table on top. */
static void take(lua_State *L, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, names[i]);
    }
}

/* A message names a function that was not called by a name, as in pcall(string.rep), by the first
 * place of the registry's loaded libraries where it is found, in a hash's order: each is in one
 * place only, whatever other names the script gives it. */
static void fix_names(lua_State *L, const luaL_Reg *libs, size_t n)
{
    lua_createtable(L, 0, (int)n);
    for (size_t i = 0; i < n; i++) {
        lua_newtable(L);
        lua_getglobal(L, libs[i].name);
        for (lua_pushnil(L); lua_next(L, -2);) {
            if (lua_iscfunction(L, -1)) {
                lua_pushvalue(L, -2);
                lua_insert(L, -2);
                lua_settable(L, -5);
            } else {
                lua_pop(L, 1);
            }
        }
        lua_pop(L, 1);
        lua_setfield(L, -2, libs[i].name);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

#define N(list) (sizeof(list) / sizeof(list)[0])

void vs_library_open(lua_State *L, uint64_t seed)
{
    static const luaL_Reg libs[] = {{"_G", luaopen_base},
                                    {"table", luaopen_table},
                                    {"string", luaopen_string},
                                    {"math", luaopen_math},
                                    {"utf8", luaopen_utf8}};
    /* xpcall: its handler runs inside the hook that raised the error, where no hook is called */
    static const char *const gone_base[] = {"xpcall",         "dofile", "loadfile", "load",
                                            "collectgarbage", "print",  "warn",     "require"};
    static const char *const gone_string[] = {"dump", "find", "match", "gmatch", "gsub"};
    static const char *const gone_table[] = {"move"};
    static const char *const gone_math[] = {"randomseed"};
    for (size_t i = 0; i < N(libs); i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)seed);
    lua_call(L, 1, 0);
    take(L, gone_math, N(gone_math));
    lua_getglobal(L, "_G");
    take(L, gone_base, N(gone_base));
    push_iterator(L, "ipairs", false);
    lua_pushcclosure(L, in_order, 1);
    lua_setfield(L, -2, "ipairs");
    replace(L, "setmetatable", set_metatable);
    replace(L, "tostring", to_string);
    vs_order_open(L);
    lua_getglobal(L, "string");
    own_rep = replace(L, "rep", string_rep);
    own_format = replace(L, "format", string_format);
    take(L, gone_string, N(gone_string));
    lua_getglobal(L, "table");
    own_insert = replace(L, "insert", table_insert);
    own_remove = replace(L, "remove", table_remove);
    replace(L, "sort", vs__sort);
    take(L, gone_table, N(gone_table));
    lua_getglobal(L, "utf8");
    lua_getfield(L, -1, "codes");
    own_codes = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    push_iterator(L, "codes", false);
    lua_insert(L, -2);
    push_iterator(L, "codes", true);
    lua_insert(L, -2);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, utf8_codes, 2);
    lua_setfield(L, -2, "codes");
    for (size_t i = 0; i < N(libs); i++) {
        lua_getglobal(L, libs[i].name);
        place_all(L);
        lua_pop(L, 1);
    }
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    place_all(L); /* what strings have for arithmetic */
    lua_settop(L, 0);
    fix_names(L, libs, N(libs));
}
