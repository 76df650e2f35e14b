/* SPDX-License-Identifier: MIT */
#include "stated.h"

#include <stdio.h>

/* The statements about one part, whose table is on top and whose name below it. */
static bool about_one(lua_State *L, const char *file, struct vs_stated *stated, size_t *n)
{
    if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1) || !lua_rawlen(L, -1)) {
        return false;
    }
    lua_pushliteral(L, "why"); /* for the file's reader */
    int why = lua_rawget(L, -2);
    lua_pop(L, 1);
    if (why != LUA_TSTRING && why != LUA_TNIL) {
        return false;
    }
    for (int i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        if (lua_type(L, -1) != LUA_TSTRING || *n >= VS_STATED_MAX) {
            return false;
        }
        struct vs_stated *s = &stated[(*n)++];
        s->taken = 0;
        snprintf(s->file, sizeof s->file, "%s", file);
        snprintf(s->of, sizeof s->of, "%s", lua_tostring(L, -3));
        snprintf(s->prefix, sizeof s->prefix, "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return true;
}

bool vs_stated_take(lua_State *L, const char *file, const char *of, struct vs_stated *stated,
                    size_t *n)
{
    int table = lua_gettop(L), type = lua_type(L, table);
    bool fine = type == LUA_TNIL || type == LUA_TSTRING || (type == LUA_TTABLE && of);
    if (type == LUA_TTABLE && fine) {
        lua_pushnil(L);
        while (fine && lua_next(L, table)) {
            fine = about_one(L, file, stated, n);
            lua_settop(L, table + 1); /* the name, for the next one */
        }
    }
    lua_settop(L, table);
    return fine;
}
