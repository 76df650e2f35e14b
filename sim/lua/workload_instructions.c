/* SPDX-License-Identifier: MIT */
/* Methods of `cpu` that are no accesses: instructions, privileged ones too, events and devices. */
#include "workload_cpu.h"

#include "sriov_nic/sriov_nic.h"

#include <stdio.h>
#include <string.h>

/* Nanoseconds or microseconds as ps; an hour is enough for any guest. */
static uint64_t to_ps(lua_State *L, uint64_t n, uint64_t ps_each)
{
    if (n > UINT64_C(3600000000000000) / ps_each) {
        luaL_error(L, "a time must be at most one hour");
    }
    return n * ps_each;
}

static int cpu_compute(lua_State *L)
{
    uint64_t n = vs__cpu_number(L, 2, "instructions");
    if (n > VS_COMPUTE_MAX) {
        return luaL_error(L, "compute: at most %I instructions, about an hour",
                          (lua_Integer)VS_COMPUTE_MAX);
    }
    vs__cpu_begin(L, VS_REQ_COMPUTE)->count = n;
    return vs__cpu_give(L);
}

static int cpu_cpuid(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_CPUID);
    r->a = vs__cpu_opt_number(L, 2, "leaf", 0);
    r->b = vs__cpu_opt_number(L, 3, "subleaf", 0);
    if (r->a > UINT32_MAX || r->b > UINT32_MAX) {
        return luaL_error(L, "a leaf is what EAX holds, a subleaf ECX: 32 bits");
    }
    return vs__cpu_give(L);
}

static int cpu_hlt(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_HLT);
    return vs__cpu_give(L);
}
static int cpu_pause(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_PAUSE);
    return vs__cpu_give(L);
}
static int cpu_rdtsc(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_RDTSC);
    return vs__cpu_ask(L);
}

static uint64_t to_msr(lua_State *L)
{
    uint64_t index = vs__cpu_number(L, 2, "an MSR index");
    if (index > UINT32_MAX) {
        luaL_error(L, "an MSR index is what ECX holds, 32 bits");
    }
    return index;
}

static int cpu_rdmsr(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_RDMSR)->a = to_msr(L);
    return vs__cpu_ask(L);
}

static int cpu_wrmsr(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_WRMSR);
    r->a = to_msr(L);
    r->b = lua_isnoneornil(L, 3) ? 0 : vs__cpu_bits(L, 3, "a value");
    return vs__cpu_give(L);
}

static void port(lua_State *L, struct vs_request *r, int size_at)
{
    r->a = vs__cpu_number(L, 2, "a port");
    r->bytes = vs__cpu_opt_number(L, size_at, "size", 1);
    if (r->a > 0xffff || (r->bytes != 1 && r->bytes != 2 && r->bytes != 4)) {
        luaL_error(L, "a port is 0..0xffff and a size 1, 2 or 4");
    }
}

static int cpu_inp(lua_State *L)
{
    port(L, vs__cpu_begin(L, VS_REQ_IN), 3);
    return vs__cpu_ask(L);
}

static int cpu_outp(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_OUT);
    port(L, r, 4);
    r->b = vs__cpu_opt_number(L, 3, "a value", 0);
    return vs__cpu_give(L);
}

static int cpu_hypercall(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_HYPERCALL)->a = vs__cpu_opt_number(L, 2, "a number", 0);
    return vs__cpu_give(L);
}

static int cpu_write_cr(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_CR_WRITE);
    r->a = vs__cpu_number(L, 2, "a control register");
    r->b = lua_isnoneornil(L, 3) ? 0 : vs__cpu_bits(L, 3, "a value");
    if (r->a != 0 && r->a != 3 && r->a != 4 && r->a != 8) {
        return luaL_error(L, "control registers that can be written are 0, 3, 4 and 8");
    }
    return vs__cpu_give(L);
}

static int cpu_invlpg(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_INVLPG);
    r->address = vs__cpu_address(L, 2, 1);
    return vs__cpu_give(L);
}

/* Field `address` of the table at index 2, with `offset`; 0: missing. */
static uint64_t address_field(lua_State *L)
{
    uint64_t at = 0;
    int top = lua_gettop(L);
    if (lua_getfield(L, 2, "address") != LUA_TNIL) {
        lua_getfield(L, 2, "offset");
        at = vs__cpu_address(L, top + 1, 1);
    }
    lua_settop(L, top);
    return at;
}

static int cpu_invpcid(lua_State *L)
{
    static const char *const fields[] = {"type", "pcid", "address", "offset", NULL};
    vs__cpu_arguments(L, "invpcid", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_INVPCID);
    r->a = vs__cpu_field(L, "type", 4);
    r->b = vs__cpu_field(L, "pcid", 0);
    r->address = address_field(L);
    if (r->a > 3 || r->b > 0xfff) {
        return luaL_error(L, "invpcid: type is 0 (an address), 1 (a PCID), 2 (everything) or 3 "
                             "(everything but global pages), pcid 0..4095");
    }
    if (r->a == 0 && lua_getfield(L, 2, "address") == LUA_TNIL) {
        return luaL_error(L, "invpcid: type 0 needs an address");
    }
    return vs__cpu_give(L);
}

static int cpu_invlpga(lua_State *L)
{
    static const char *const fields[] = {"asid", "address", "offset", NULL};
    vs__cpu_arguments(L, "invlpga", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_INVLPGA);
    r->a = vs__cpu_field(L, "asid", 0);
    r->address = address_field(L);
    return vs__cpu_give(L);
}

static int cpu_tlbi(lua_State *L)
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
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_TLBI);
    r->a = (uint64_t)(form % n) | (form >= n ? VS_REQ_TLBI_IS : 0u);
    r->b = vs__cpu_field(L, "asid", 0);
    r->address = address_field(L);
    bool address = lua_getfield(L, 2, "address") != LUA_TNIL,
         asid = lua_getfield(L, 2, "asid") != LUA_TNIL;
    if (address != forms[form % n].address || (asid && !forms[form % n].asid) || r->b > 0xffff) {
        return luaL_error(L, "tlbi: %s takes %s%s", forms[form % n].name,
                          forms[form % n].address ? "an address" : "no address",
                          forms[form % n].asid ? ", and an asid of 0..65535" : ", and no asid");
    }
    return vs__cpu_give(L);
}

static int cpu_mmio(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_MMIO);
    r->address = vs__cpu_number(L, 2, "an address");
    r->op = lua_isnoneornil(L, 3)
                ? VS_REQ_LOAD
                : (enum vs_req_op)vs__cpu_option(L, 3, "the access", vs__cpu_op_names);
    r->bytes = 4;
    return vs__cpu_give(L);
}

static int cpu_ipi(lua_State *L)
{
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_IPI);
    r->a = vs__cpu_number(L, 2, "a vCPU");
    r->b = vs__cpu_opt_number(L, 3, "a vector", 0xf0);
    if (r->b < 16 || r->b > 255) {
        return luaL_error(L, "an interrupt's vector is 16..255");
    }
    return vs__cpu_give(L);
}

static int cpu_send(lua_State *L)
{
    static const char *const fields[] = {"bytes", "count", NULL};
    vs__cpu_arguments(L, "send", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_SEND);
    r->bytes = vs__cpu_field(L, "bytes", 64);
    r->count = vs__cpu_field(L, "count", 1);
    if (r->bytes < 1 || r->bytes > VS_NIC_MAX_PAYLOAD) {
        return luaL_error(L, "a packet's payload is 1..%d bytes", (int)VS_NIC_MAX_PAYLOAD);
    }
    return vs__cpu_give(L);
}

static int cpu_recv(lua_State *L)
{
    static const char *const fields[] = {"count", "timeout_ns", NULL};
    vs__cpu_arguments(L, "recv", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_RECV);
    r->count = vs__cpu_field(L, "count", 1);
    r->ps = to_ps(L, vs__cpu_field(L, "timeout_ns", 0), 1000u);
    return vs__cpu_ask(L);
}

static int cpu_wait(lua_State *L)
{
    static const char *const fields[] = {"ns", "us", NULL};
    vs__cpu_arguments(L, "wait", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_WAIT);
    r->ps =
        to_ps(L, vs__cpu_field(L, "ns", 0), 1000u) + to_ps(L, vs__cpu_field(L, "us", 0), 1000000u);
    return vs__cpu_give(L);
}

/* The guest's timer while it runs on: an interrupt. 0 disarms it. */
static int cpu_timer(lua_State *L)
{
    static const char *const fields[] = {"ns", "us", NULL};
    vs__cpu_arguments(L, "timer", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_TIMER);
    r->ps =
        to_ps(L, vs__cpu_field(L, "ns", 0), 1000u) + to_ps(L, vs__cpu_field(L, "us", 0), 1000000u);
    return vs__cpu_give(L);
}

static int cpu_cli(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_CLI);
    return vs__cpu_give(L);
}
static int cpu_sti(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_STI);
    return vs__cpu_give(L);
}

static int cpu_mark(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_MARK);
    if (strlen(name) >= sizeof r->name) {
        return luaL_error(L, "a mark's name has at most %d characters", (int)sizeof r->name - 1);
    }
    snprintf(r->name, sizeof r->name, "%s", name);
    return vs__cpu_give(L);
}

const luaL_Reg vs__cpu_instructions[] = {{"compute", cpu_compute},
                                         {"cpuid", cpu_cpuid},
                                         {"hlt", cpu_hlt},
                                         {"pause", cpu_pause},
                                         {"rdtsc", cpu_rdtsc},
                                         {"rdmsr", cpu_rdmsr},
                                         {"wrmsr", cpu_wrmsr},
                                         {"inp", cpu_inp},
                                         {"outp", cpu_outp},
                                         {"hypercall", cpu_hypercall},
                                         {"write_cr", cpu_write_cr},
                                         {"invlpg", cpu_invlpg},
                                         {"invpcid", cpu_invpcid},
                                         {"invlpga", cpu_invlpga},
                                         {"tlbi", cpu_tlbi},
                                         {"mmio", cpu_mmio},
                                         {"ipi", cpu_ipi},
                                         {"send", cpu_send},
                                         {"recv", cpu_recv},
                                         {"wait", cpu_wait},
                                         {"mark", cpu_mark},
                                         {"timer", cpu_timer},
                                         {"cli", cpu_cli},
                                         {"sti", cpu_sti},
                                         {NULL, NULL}};
