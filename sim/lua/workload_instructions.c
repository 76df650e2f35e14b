/* SPDX-License-Identifier: MIT */
/* What request/requests.def cannot say of the methods that are instructions. */
#include "workload_cpu.h"

void vs__port(lua_State *L, struct vs_request *r)
{
    if (r->bytes == 3) {
        luaL_error(L, "a port's size is 1, 2 or 4");
    }
}

void vs__control_register(lua_State *L, struct vs_request *r)
{
    if (r->a != 0 && r->a != 3 && r->a != 4 && r->a != 8) {
        luaL_error(L, "control registers that can be written are 0, 3, 4 and 8");
    }
}

void vs__invpcid(lua_State *L, struct vs_request *r)
{
    if (r->a == 0 && lua_getfield(L, 2, "address") == LUA_TNIL) {
        luaL_error(L, "invpcid: type 0 needs an address");
    }
}

void vs__tlbi(lua_State *L, struct vs_request *r)
{
    /* the order of enum vs_req_tlbi; by address, ASID */
    static const struct {
        const char *name;
        bool address, asid;
    } forms[] = {{"vae1", true, true},     {"vale1", true, true},     {"vaae1", true, false},
                 {"vaale1", true, false},  {"aside1", false, true},   {"vmalle1", false, false},
                 {"ipas2e1", true, false}, {"ipas2le1", true, false}, {"vmalls12e1", false, false},
                 {"alle1", false, false}};
    static const char *const names[] = {
        "vae1",     "vale1",      "vaae1",     "vaale1",     "aside1",       "vmalle1", "ipas2e1",
        "ipas2le1", "vmalls12e1", "alle1",     "vae1is",     "vale1is",      "vaae1is", "vaale1is",
        "aside1is", "vmalle1is",  "ipas2e1is", "ipas2le1is", "vmalls12e1is", "alle1is", NULL};
    const int n = sizeof forms / sizeof forms[0];
    static const char *const fields[] = {"asid", "address", "offset", NULL};
    int form = vs__cpu_option(L, 2, "the form of TLBI", names);
    lua_remove(L, 2);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    vs__cpu_arguments(L, "tlbi", fields);
    r->a = (uint64_t)(form % n) | (form >= n ? VS_REQ_TLBI_IS : 0u);
    r->b = vs__cpu_field(L, "asid", 0);
    vs__cpu_address_field(L, r);
    bool address = lua_getfield(L, 2, "address") != LUA_TNIL,
         asid = lua_getfield(L, 2, "asid") != LUA_TNIL;
    if (address != forms[form % n].address || (asid && !forms[form % n].asid) || r->b > 0xffff) {
        luaL_error(L, "tlbi: %s takes %s%s", forms[form % n].name,
                   forms[form % n].address ? "an address" : "no address",
                   forms[form % n].asid ? ", and an asid of 0..65535" : ", and no asid");
    }
}
