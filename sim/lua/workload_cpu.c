/* SPDX-License-Identifier: MIT */
/*
 * The class of `cpu`: how its methods read their arguments, fill a request and yield it, and what
 * costs no time. Wrong arguments are errors at the script's own line. The methods themselves are in
 * methods.c.
 */
#include "workload_cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "virtsim.cpu"

/* Whose coroutine this is; NULL: nobody's. */
static struct guest **owner(lua_State *L)
{
    return lua_getextraspace(L);
}

struct guest *vs__cpu_self(lua_State *L)
{
    struct guest *own = *owner(L);
    if (own && lua_touserdata(L, 1) == own->self) {
        return own;
    }
    struct guest **g = luaL_checkudata(L, 1, CLASS);
    if ((*g)->L != L) { /* its request is under way, and this one's would be empty */
        luaL_error(L, "this cpu is vCPU %d; a program drives the one it is given",
                   (int)(*g)->index);
    }
    return *g;
}

struct vs_request *vs__cpu_begin(lua_State *L, enum vs_req kind)
{
    struct guest *g = vs__cpu_self(L);
    memset(g->request, 0, sizeof *g->request);
    g->request->kind = kind;
    return g->request;
}

void vs__cpu_check_place(lua_State *L)
{
    if (!lua_isyieldable(L)) {
        luaL_error(L, "a request cannot be made in an order function of table.sort, nor in a "
                      "metamethod that a library function calls");
    }
}

void vs__cpu_check_address(lua_State *L, uint64_t at, uint64_t bytes)
{
    unsigned bits = vs__cpu_self(L)->workload->address_bits;
    uint64_t end = UINT64_C(1) << bits;
    if (at > end || bytes > end - at) {
        luaL_error(L, "a program's addresses are below 2^%d on this machine", (int)bits);
    }
}

uint64_t vs__cpu_number(lua_State *L, int i, const char *what)
{
    int exact = 0;
    lua_Integer v = lua_tointegerx(L, i, &exact);
    uint64_t u = 0;
    if (exact && v >= 0) {
        return (uint64_t)v;
    }
    if (lua_isnumber(L, i) || !lua_isstring(L, i) || !vs_parse_number(lua_tostring(L, i), &u)) {
        luaL_error(L, "%s must be a whole number that is not negative%s", what,
                   lua_isnoneornil(L, i) ? "; it is missing" : "");
    }
    return u;
}

uint64_t vs__cpu_bits(lua_State *L, int i, const char *what)
{
    int exact = 0;
    lua_Integer v = lua_tointegerx(L, i, &exact);
    if (lua_isinteger(L, i) || (exact && lua_type(L, i) == LUA_TNUMBER)) {
        return (uint64_t)v;
    }
    if (lua_type(L, i) == LUA_TSTRING) {
        const char *s = lua_tostring(L, i);
        char *end;
        errno = 0;
        unsigned long long u = strtoull(s, &end, 16);
        if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && s[2] && !*end && !errno) {
            return u;
        }
    }
    return vs__cpu_number(L, i, what);
}

uint64_t vs__cpu_opt_number(lua_State *L, int i, const char *what, uint64_t missing)
{
    return lua_isnoneornil(L, i) ? missing : vs__cpu_number(L, i, what);
}

uint64_t vs__cpu_address(lua_State *L, int i, uint64_t size)
{
    const struct vs_region *r = luaL_testudata(L, i, VS__REGION);
    uint64_t offset = vs__cpu_opt_number(L, i + 1, "offset", 0),
             at = r ? r->address : vs__cpu_number(L, i, "an address");
    if (r && (size > r->bytes || offset > r->bytes - size)) {
        luaL_error(L, "%I bytes at offset %I are not inside the region of %I bytes",
                   (lua_Integer)size, (lua_Integer)offset, (lua_Integer)r->bytes);
    }
    vs__cpu_check_address(L, at, offset);
    vs__cpu_check_address(L, at + offset, size);
    return at + offset;
}

void vs__cpu_range(lua_State *L, struct vs_request *r)
{
    const struct vs_region *reg = luaL_testudata(L, 2, VS__REGION);
    r->bytes = reg ? vs__cpu_opt_number(L, 3, "bytes", reg->bytes) : vs__cpu_number(L, 3, "bytes");
    if (lua_gettop(L) >= 3) { /* what follows is no offset */
        lua_pushnil(L);
        lua_replace(L, 3);
    }
    r->address = vs__cpu_address(L, 2, r->bytes);
}

void vs__cpu_address_field(lua_State *L, struct vs_request *r)
{
    int top = lua_gettop(L);
    if (lua_getfield(L, 2, "address") != LUA_TNIL) {
        lua_getfield(L, 2, "offset");
        r->address = vs__cpu_address(L, top + 1, 1);
    }
    lua_settop(L, top);
}

void vs__cpu_arguments(lua_State *L, const char *what, const char *const *fields)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    if (lua_getmetatable(L, 2)) { /* its functions could begin a request within this one */
        luaL_error(L, "%s: a table without a metatable is expected", what);
    }
    vs_box_only(L, 2, what, fields);
}

uint64_t vs__cpu_field(lua_State *L, const char *key, uint64_t missing)
{
    uint64_t v = missing;
    if (lua_getfield(L, 2, key) != LUA_TNIL) {
        v = vs__cpu_number(L, -1, key);
    }
    lua_pop(L, 1);
    return v;
}

int vs__cpu_option(lua_State *L, int i, const char *what, const char *const *names)
{
    const char *word = lua_type(L, i) == LUA_TSTRING ? lua_tostring(L, i) : NULL;
    luaL_Buffer all;
    for (int k = 0; word && names[k]; k++) {
        if (!strcmp(word, names[k])) {
            return k;
        }
    }
    luaL_buffinit(L, &all);
    for (int k = 0; names[k]; k++) {
        luaL_addstring(&all, k ? "|" : "");
        luaL_addstring(&all, names[k]);
    }
    luaL_pushresult(&all);
    return luaL_error(L, "%s must be one of %s", what, lua_tostring(L, -1));
}

int vs__cpu_choice(lua_State *L, const char *key, int missing, const char *const *names)
{
    int v = missing;
    if (lua_getfield(L, 2, key) != LUA_TNIL) {
        v = vs__cpu_option(L, -1, key, names);
    }
    lua_pop(L, 1);
    return v;
}

const char *const vs__cpu_op_names[] = {"load", "store", "fetch", "modify", NULL};

/* Bytes of the smallest page that this machine's tables have. */
static int cpu_page_bytes(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)1 << vs__cpu_self(L)->workload->page_shift);
    return 1;
}

/* The simulated clock; costs nothing, as a script's look at its watch should. */
static int cpu_now_ns(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)vs__cpu_self(L)->now_ps / 1000.0);
    return 1;
}

/* cpu:index(): which vCPU runs this function, from 0. */
static int cpu_index(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)vs__cpu_self(L)->index);
    return 1;
}

/* How many interrupts this vCPU has handled: costs nothing, like now_ns. */
static int cpu_interrupts(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)vs__cpu_self(L)->interrupts);
    return 1;
}

/* The steal clock of its hypervisor (KVM: MSR_KVM_STEAL_TIME), which is brought up to date before
 * the guest runs again. */
static int cpu_steal_ns(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)vs__cpu_self(L)->steal_ps / 1000.0);
    return 1;
}

/* Those that no line of request/requests.def describes: they cost nothing, but for `serve`. */
static const luaL_Reg own_methods[] = {{"now_ns", cpu_now_ns},
                                       {"page_bytes", cpu_page_bytes},
                                       {"index", cpu_index},
                                       {"interrupts", cpu_interrupts},
                                       {"steal", cpu_steal_ns},
                                       {"violations", vs__cpu_violations},
                                       {"has", vs__cpu_has},
                                       {"serve", vs__cpu_serve},
                                       {NULL, NULL}};

void vs__cpu_class(lua_State *L)
{
    *owner(L) = NULL;
    luaL_newmetatable(L, CLASS);
    lua_newtable(L);
    lua_pushboolean(L, 0); /* closures: plain functions of C are hashed by where they were loaded */
    luaL_setfuncs(L, own_methods, 1);
    vs__cpu_methods(L);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "cpu");
    lua_setfield(L, -2, "__metatable");
    luaL_newmetatable(L, VS__REGION);
    lua_newtable(L);
    lua_pushboolean(L, 0);
    luaL_setfuncs(L, vs__cpu_region, 1);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "region");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void vs__cpu_push(lua_State *L, struct guest *g)
{
    struct guest **u = lua_newuserdatauv(L, sizeof *u, 0);
    *u = g;
    luaL_setmetatable(L, CLASS);
    lua_pushvalue(L, -1);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
    g->self = u;
    *owner(L) = g;
}
