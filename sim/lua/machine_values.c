/* SPDX-License-Identifier: MIT */
/* The values of a description's table: { path = { to = { knob = { value, "source", "grade" } } } }.
 */
#include "machine_impl.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 20000u /* of a file and the parts it names; more is a table many times over */

/* Orders settings by the knob that they set. */
static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct vs_told *)a)->path, ((const struct vs_told *)b)->path);
}

/* Tells the description a value; texts are copied. */
static void tell(struct loader *ld, const char *path, const char *value, const char *source,
                 const char *of, enum vs_evidence grade)
{
    struct vs_told t = {.path = vs__machine_copy(path),
                        .of = of ? vs__machine_copy(of) : NULL,
                        .slot = ld->slot,
                        .value = vs__machine_copy(value),
                        .source = vs__machine_copy(source),
                        .file = vs__machine_copy(ld->file),
                        .grade = grade};
    if (!vs_description_tell(ld->d, &t)) {
        vs__machine_fail(ld, path, "out of memory");
    }
}

/* The value at the top of the stack is { value, "source", "grade" }, perhaps with of = "part". */
static void add_leaf(struct loader *ld, const char *path)
{
    lua_State *L = ld->box->L;
    enum vs_evidence grade_of = VS_GRADE_assumed;
    lua_pushliteral(L, "of");
    lua_rawget(L, -2);
    const char *of = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : ld->of;
    lua_pop(L, 1); /* the table keeps it */
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    lua_rawgeti(L, -3, 3);
    const char *source = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL,
               *grade = lua_tostring(L, -1);
    /* a number becomes "1e+06" or "3.0" here: both are read back the same */
    const char *value =
        lua_isboolean(L, -3) ? (lua_toboolean(L, -3) ? "1" : "0") : lua_tostring(L, -3);
    if ((value && strlen(value) > VS_BOX_TEXT) || (source && strlen(source) > VS_BOX_TEXT) ||
        (of && strlen(of) > VS_BOX_TEXT)) {
        vs__machine_fail(ld, path, "a value, a source and a part have at most 2000 characters");
    } else if (!value) {
        vs__machine_fail(ld, path, "the value must be a number, a string or a boolean");
    } else if (!source || !*source) {
        vs__machine_fail(ld, path,
                         "a number without a source; write { value, \"source\", \"grade\" }");
    } else if (!grade || !vs_evidence_parse(grade, &grade_of)) {
        vs__machine_fail(ld, path, "the grade must be measured, derived, documented or assumed");
    } else {
        tell(ld, path, value, source, of, grade_of);
    }
}

/* Goes through a table and the tables in it. */
static void flatten(struct loader *ld, const char *prefix, int depth)
{
    lua_State *L = ld->box->L;
    if (depth > VS_MACHINE_DEPTH || !lua_checkstack(L, 16)) {
        vs__machine_fail(ld, prefix, "nested too deeply");
        ld->fields = FIELDS_MAX + 1; /* once */
        return;
    }
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (ld->fields <= FIELDS_MAX && lua_next(L, -2)) {
        char path[256];
        if (++ld->fields > FIELDS_MAX) {
            vs__machine_fail(ld, prefix, "too many fields; a table stands in it many times over");
            break;
        }
        if (lua_type(L, -2) != LUA_TSTRING) {
            vs__machine_fail(ld, prefix, "knob names are strings");
            lua_pop(L, 1);
            continue;
        }
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", lua_tostring(L, -2));
        if (!lua_istable(L, -1)) {
            vs__machine_fail(ld, path,
                             "a number without a source; write { value, \"source\", \"grade\" }");
        } else {
            int top = lua_gettop(L);
            bool is_leaf = lua_rawgeti(L, -1, 1) != LUA_TNIL;
            lua_pop(L, 1);
            if (is_leaf) {
                add_leaf(ld, path);
            } else {
                flatten(ld, path, depth + 1);
            }
            lua_settop(L, top);
        }
        lua_pop(L, 1);
    }
    lua_settop(L, table);
}

/* What is said twice in one file has no order in which it counts. */
static void check_twice(struct loader *ld, const struct vs_told *told, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!strcmp(told[i].path, told[i - 1].path)) {
            vs__machine_fail(ld, told[i].path, "is said twice in this file");
        }
    }
}

void vs__machine_values(struct loader *ld)
{
    lua_State *L = ld->box->L;
    size_t first = ld->d->n_told;
    /* set = { cpu = { ... } }: where a machine names a part and still overrides knobs of that
     * prefix */
    lua_pushliteral(L, "set");
    if (lua_rawget(L, -2) == LUA_TTABLE) {
        flatten(ld, "", 0);
        lua_pushliteral(L, "set");
        lua_pushnil(L);
        lua_rawset(L, -4);
    }
    lua_pop(L, 1);
    flatten(ld, "", 0);
    size_t n = ld->d->n_told - first;
    if (n) {
        qsort(ld->d->told + first, n, sizeof *ld->d->told, by_path);
        check_twice(ld, ld->d->told + first, n);
    }
}
