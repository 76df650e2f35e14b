/* SPDX-License-Identifier: MIT */
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

size_t vs_group_drop(struct vs_group_told *told, size_t n, enum vs_slot slot)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (told[i].slot != slot) {
            told[kept++] = told[i];
        }
    }
    return kept;
}

/* Whether `part` is the one a statement is about, or says that it shares all the group's knobs. */
static bool own(const struct vs_group_told *g, const char *part, const struct vs_borrow *b)
{
    if (!strcmp(g->of, part)) {
        return true;
    }
    size_t covered = 0;
    for (size_t m = 0; m < g->group.n; m++) {
        covered += vs_borrow_kin(b, part, g->of, g->group.member[m].path) != NULL;
    }
    return covered == g->group.n;
}

/* Whether the machine's own file, and not a part's, sets the knob. */
static bool overridden(const struct vs_borrow *b, const char *path)
{
    for (size_t i = b->n_told; i-- > 0;) {
        if (!strcmp(b->told[i].path, path)) {
            return !b->told[i].of;
        }
    }
    return false;
}

static bool true_of(const struct vs_group_told *g, const struct vs_borrow *b)
{
    if (!*g->of) {
        return true; /* a machine's own file speaks of the whole machine */
    }
    if (!own(g, b->part[g->slot], b)) {
        return false;
    }
    for (int i = 0; i < VS_SLOT_N; i++) {
        if (*g->with[i] && strcmp(g->with[i], b->part[i]) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < g->group.n; i++) {
        if (overridden(b, g->group.member[i].path)) {
            return false;
        }
    }
    return true;
}

size_t vs_group_settle(const struct vs_group_told *told, size_t n, const struct vs_borrow *b,
                       const struct vs_knobs *knobs, struct vs_group out[VS_GROUPS_MAX],
                       struct vs_errors *errors)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool known = true;
        if (!true_of(&told[i], b)) {
            continue; /* another part took the place of the one whose knobs these are */
        }
        for (size_t m = 0; m < told[i].group.n; m++) {
            const char *path = told[i].group.member[m].path;
            if (vs_knobs_find(knobs, path) || vs_knobs_without(path)) {
                continue;
            }
            known = false;
            if (!told[i].base) {
                vs_error(errors, "%s: groups.%s: there is no knob '%s'", told[i].file,
                         told[i].group.name, path);
            }
        }
        if (known && kept < VS_GROUPS_MAX) {
            out[kept] = told[i].group;
            vs_group_fix(&out[kept++], knobs);
        }
    }
    return kept;
}
