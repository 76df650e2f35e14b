/* SPDX-License-Identifier: MIT */
#include "library.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>

/* Stack places: the script's table, its order function or nil, and two lists that take turns. */
enum { TABLE = 1, ORDER, FIRST, SECOND };

/* Is element x of `list` before element y? As the script's function says, or as `<` does. */
static bool before(lua_State *L, int list, lua_Integer x, lua_Integer y)
{
    bool less;
    if (lua_isnil(L, ORDER)) {
        lua_rawgeti(L, list, x);
        lua_rawgeti(L, list, y);
        less = lua_compare(L, -2, -1, LUA_OPLT);
        lua_pop(L, 2);
    } else {
        lua_pushvalue(L, ORDER);
        lua_rawgeti(L, list, x);
        lua_rawgeti(L, list, y);
        lua_call(L, 2, 1);
        less = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    return less;
}

/* Merges the sorted runs [low, middle) and [middle, high) of `from` into `to`; of equals the
 * element of the first run goes first, which makes the sort stable. */
static void merge(lua_State *L, int from, int to, lua_Integer low, lua_Integer middle,
                  lua_Integer high)
{
    lua_Integer i = low, j = middle;
    bool apart = middle < high && before(L, from, middle, middle - 1);
    for (lua_Integer k = low; k < high; k++) {
        bool second = i == middle || (apart && j < high && before(L, from, j, i));
        lua_rawgeti(L, from, second ? j++ : i++);
        lua_rawseti(L, to, k);
    }
}

/* table.sort: a stable merge sort. The library's own picks a pivot by clock and address in long
 * arrays, so that the order of equals, and which comparisons are made, differ from run to run. */
int vs__sort(lua_State *L)
{
    luaL_checktype(L, TABLE, LUA_TTABLE);
    lua_Integer n = luaL_len(L, TABLE);
    if (n < 2) {
        return 0;
    }
    luaL_argcheck(L, n < INT_MAX, TABLE, "array too big");
    if (!lua_isnoneornil(L, ORDER)) {
        luaL_checktype(L, ORDER, LUA_TFUNCTION);
    }
    lua_settop(L, ORDER);
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, TABLE, i);
        lua_rawseti(L, FIRST, i);
    }
    int from = FIRST, to = SECOND;
    for (lua_Integer width = 1; width < n; width *= 2) {
        for (lua_Integer low = 1; low <= n; low += 2 * width) {
            lua_Integer middle = low + width <= n ? low + width : n + 1,
                        high = low + 2 * width <= n ? low + 2 * width : n + 1;
            merge(L, from, to, low, middle, high);
        }
        int other = from;
        from = to;
        to = other;
    }
    for (lua_Integer i = 2; i <= n; i++) {
        if (before(L, from, i, i - 1)) {
            return luaL_error(L, "invalid order function for sorting: of two elements it puts each "
                                 "before the other, or it contradicts itself");
        }
    }
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, i);
        lua_seti(L, TABLE, i);
    }
    return 0;
}
