/* SPDX-License-Identifier: MIT */
/* Groups as a machine's files state them, read from their Lua tables. */
#include "group.h"

#include <stdio.h>
#include <string.h>

static const char *const slot_key[VS_SLOT_N] = {
    [VS_SLOT_CPU] = "cpu",     [VS_SLOT_MEMORY] = "memory", [VS_SLOT_HYPERVISOR] = "hypervisor",
    [VS_SLOT_IOMMU] = "iommu", [VS_SLOT_NIC] = "nic",       [VS_SLOT_KERNEL] = "kernel"};

/* Copies a string field of the table on top; false when it is missing, empty or too long. */
static bool text(lua_State *L, const char *key, char *out, size_t bytes)
{
    lua_pushstring(L, key);
    bool fine = lua_rawget(L, -2) == LUA_TSTRING && lua_rawlen(L, -1) > 0 &&
                (size_t)snprintf(out, bytes, "%s", lua_tostring(L, -1)) < bytes;
    lua_pop(L, 1);
    return fine;
}

/* `with` of the table on top: every key names a slot. */
static bool conditions(lua_State *L, struct vs_group_told *g)
{
    lua_pushliteral(L, "with");
    int type = lua_rawget(L, -2), named = 0, found = 0;
    for (int i = 0; type == LUA_TTABLE && i < VS_SLOT_N; i++) {
        found += text(L, slot_key[i], g->with[i], sizeof g->with[i]);
    }
    if (type == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            named++;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return type == LUA_TNIL || (type == LUA_TTABLE && named == found);
}

/* One group, whose table is on top; what is wrong with it, or NULL. */
static const char *about_one(lua_State *L, struct vs_group_told *g)
{
    char grade[16];
    if (!lua_istable(L, -1)) {
        return "a group is a table: { source = \"...\", grade = \"measured\", \"knob\", ... }";
    }
    if (!text(L, "source", g->group.source, sizeof g->group.source)) {
        return "a group needs its source, in at most 255 characters";
    }
    if (!text(L, "grade", grade, sizeof grade) || !vs_evidence_parse(grade, &g->group.grade) ||
        g->group.grade == VS_GRADE_assumed) {
        return "the grade of a group's sum must be measured, derived or documented";
    }
    if (!conditions(L, g)) {
        return "`with` names parts: { cpu, memory, hypervisor, iommu, nic, kernel = \"part\" }";
    }
    size_t n = lua_rawlen(L, -1);
    if (n < 2 || n > VS_GROUP_MEMBERS) {
        return "a group has 2 to 24 knobs";
    }
    for (size_t i = 0; i < n; i++) {
        struct vs_group_member *m = &g->group.member[g->group.n++];
        bool fine =
            lua_rawgeti(L, -1, (lua_Integer)i + 1) == LUA_TSTRING &&
            (size_t)snprintf(m->path, sizeof m->path, "%s", lua_tostring(L, -1)) < sizeof m->path;
        lua_pop(L, 1);
        if (!fine) {
            return "a group lists paths of knobs";
        }
    }
    return NULL;
}

const char *vs_group_take(lua_State *L, const char *file, const char *of, enum vs_slot slot,
                          bool base, struct vs_group_told *told, size_t *n, char where[96])
{
    int table = lua_gettop(L);
    const char *wrong = NULL;
    snprintf(where, 96, "groups");
    if (lua_isnil(L, table)) {
        return NULL;
    }
    if (!lua_istable(L, table)) {
        return "write groups = { NAME = { source = \"...\", grade = \"measured\", \"knob\", ... } "
               "}";
    }
    lua_pushnil(L);
    while (!wrong && lua_next(L, table)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_rawlen(L, -2) >= sizeof told->group.name) {
            wrong = "a group's name is a string of at most 47 characters";
        } else if (*n == VS_GROUPS_MAX) {
            wrong = "a machine has at most 16 groups";
        } else {
            struct vs_group_told *g = &told[*n];
            memset(g, 0, sizeof *g);
            snprintf(where, 96, "groups.%s", lua_tostring(L, -2));
            snprintf(g->group.name, sizeof g->group.name, "%s", lua_tostring(L, -2));
            snprintf(g->file, sizeof g->file, "%s", file);
            snprintf(g->of, sizeof g->of, "%s", of ? of : "");
            g->slot = slot;
            g->base = base;
            wrong = about_one(L, g);
            *n += !wrong;
        }
        lua_settop(L, table + 1); /* the name, for the next one */
    }
    lua_settop(L, table);
    return wrong;
}
