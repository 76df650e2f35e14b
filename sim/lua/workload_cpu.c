/* SPDX-License-Identifier: MIT */
/*
 * The methods of `cpu`. Each checks its arguments, fills one request and yields it; the reply comes
 * back as its result. Wrong arguments are errors at the script's own line. It has over 600 lines
 * because a method is a few, and there are dozens of them.
 */
#include "workload_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS "virtsim.cpu"
#define REGION "virtsim.region"

struct region {
    uint64_t address, bytes;
};

static struct guest *self(lua_State *L)
{
    struct guest **g = luaL_checkudata(L, 1, CLASS);
    if ((*g)->L != L) { /* its request is under way, and this one's would be empty */
        luaL_error(L, "this cpu is vCPU %d; a program drives the one it is given",
                   (int)(*g)->index);
    }
    return *g;
}

static struct vs_request *begin(lua_State *L, enum vs_req kind)
{
    struct guest *g = self(L);
    memset(g->request, 0, sizeof *g->request);
    g->request->kind = kind;
    return g->request;
}

static int resume_number(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    struct guest *g = self(L);
    lua_pushinteger(L, (lua_Integer)g->reply);
    return 1;
}

static int resume_nothing(lua_State *L, int status, lua_KContext k)
{
    (void)L;
    (void)status;
    (void)k;
    return 0;
}

static int give(lua_State *L)
{
    return lua_yieldk(L, 0, 0, resume_nothing);
}

static int ask(lua_State *L)
{
    return lua_yieldk(L, 0, 0, resume_number);
}

/* An error unless [at, at + bytes) are addresses that programs have. */
static void check_address(lua_State *L, uint64_t at, uint64_t bytes)
{
    unsigned bits = self(L)->workload->address_bits;
    uint64_t end = UINT64_C(1) << bits;
    if (at > end || bytes > end - at) {
        luaL_error(L, "a program's addresses are below 2^%d on this machine", (int)bits);
    }
}

static uint64_t to_number(lua_State *L, int i, const char *what)
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

/* All 64 bits: a negative integer is its two's complement, and a string may be hexadecimal. */
static uint64_t to_bits(lua_State *L, int i, const char *what)
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
    return to_number(L, i, what);
}

static uint64_t opt_number(lua_State *L, int i, const char *what, uint64_t missing)
{
    return lua_isnoneornil(L, i) ? missing : to_number(L, i, what);
}

/* Argument i is an address or a region, argument i + 1 an offset into it: `size` bytes there. */
static uint64_t to_address(lua_State *L, int i, uint64_t size)
{
    const struct region *r = luaL_testudata(L, i, REGION);
    uint64_t offset = opt_number(L, i + 1, "offset", 0),
             at = r ? r->address : to_number(L, i, "an address");
    if (r && (size > r->bytes || offset > r->bytes - size)) {
        luaL_error(L, "%I bytes at offset %I are not inside the region of %I bytes",
                   (lua_Integer)size, (lua_Integer)offset, (lua_Integer)r->bytes);
    }
    check_address(L, at, offset);
    check_address(L, at + offset, size);
    return at + offset;
}

/* Nanoseconds or microseconds as ps; an hour is enough for any guest. */
static uint64_t to_ps(lua_State *L, uint64_t n, uint64_t ps_each)
{
    if (n > UINT64_C(3600000000000000) / ps_each) {
        luaL_error(L, "a time must be at most one hour");
    }
    return n * ps_each;
}

/* Named arguments in a table at index 2, these fields and no others. */
static void arguments(lua_State *L, const char *what, const char *const *fields)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    vs_box_only(L, 2, what, fields);
}

/* Field `key` of the table at index 2. */
static uint64_t field(lua_State *L, const char *key, uint64_t missing)
{
    uint64_t v = missing;
    if (lua_getfield(L, 2, key) != LUA_TNIL) {
        v = to_number(L, -1, key);
    }
    lua_pop(L, 1);
    return v;
}

/* Which of `names` the string at i is. */
static int option(lua_State *L, int i, const char *what, const char *const *names)
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

static int choice(lua_State *L, const char *key, int missing, const char *const *names)
{
    int v = missing;
    if (lua_getfield(L, 2, key) != LUA_TNIL) {
        v = option(L, -1, key, names);
    }
    lua_pop(L, 1);
    return v;
}

static const char *const op_names[] = {"load", "store", "fetch", "modify", NULL};

static int resume_map(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    struct guest *g = self(L);
    struct region *r = lua_newuserdatauv(L, sizeof *r, 0);
    r->address = g->reply;
    r->bytes = (uint64_t)k;
    luaL_setmetatable(L, REGION);
    return 1;
}

static int cpu_map(lua_State *L)
{
    static const char *const backing[] = {"eager", "host_touch", "touch", "populate", NULL};
    static const char *const page[] = {"base", "4K", "16K", "64K", "2M", "32M", "512M", "1G", NULL};
    static const unsigned shift[] = {0, 12, 14, 16, 21, 25, 29, 30};
    static const char *const fields[] = {"bytes", "backing", "page", "at", "global", NULL};
    arguments(L, "map", fields);
    struct vs_request *r = begin(L, VS_REQ_MAP);
    r->bytes = field(L, "bytes", 0);
    if (!r->bytes) {
        return luaL_error(L, "map: bytes must be at least 1: cpu:map { bytes = \"64MiB\" }");
    }
    r->backing = (enum vs_req_backing)choice(L, "backing", VS_BACKING_EAGER, backing);
    int p = choice(L, "page", -1, page);
    r->page_shift = p < 0 ? 0 : p ? shift[p] : self(L)->workload->page_shift;
    r->address = field(L, "at", 0);
    r->fixed = lua_getfield(L, 2, "at") != LUA_TNIL;
    lua_pop(L, 1);
    if (r->fixed && (!r->address || r->address % (1u << 12))) {
        return luaL_error(L, "map: at must be a multiple of the page's size, and not 0");
    }
    lua_getfield(L, 2, "global");
    r->a = (uint64_t)lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (r->a && r->backing == VS_BACKING_TOUCH) {
        return luaL_error(L, "map: global pages are those of a kernel, which has them before they "
                             "are touched: backing eager, host_touch or populate");
    }
    check_address(L, r->address, r->bytes);
    return lua_yieldk(L, 0, (lua_KContext)r->bytes, resume_map);
}

static int range(lua_State *L, enum vs_req kind)
{
    const struct region *reg = luaL_testudata(L, 2, REGION);
    struct vs_request *r = begin(L, kind);
    r->bytes = reg ? opt_number(L, 3, "bytes", reg->bytes) : to_number(L, 3, "bytes");
    lua_settop(L, 2); /* what follows is no offset */
    r->address = to_address(L, 2, r->bytes);
    return 0;
}

static int cpu_process(lua_State *L)
{
    begin(L, VS_REQ_PROCESS);
    return ask(L);
}

static int cpu_switch(lua_State *L)
{
    static const char *const how[] = {"keep", "flush", NULL};
    struct vs_request *r = begin(L, VS_REQ_SWITCH);
    r->a = to_number(L, 2, "an address space (0, or what cpu:process() returned)");
    r->b = lua_isnoneornil(L, 3) ? VS_SWITCH_MACHINE
                                 : VS_SWITCH_KEEP + (uint64_t)option(L, 3, "how to switch", how);
    return give(L);
}

static int cpu_unmap(lua_State *L)
{
    range(L, VS_REQ_UNMAP);
    return give(L);
}

static int protect(lua_State *L, enum vs_req kind, uint64_t flags)
{
    static const char *const mode[] = {"none", "r", "rw", "rx", "rwx", "x", NULL};
    static const uint64_t rights[] = {0, 1, 3, 5, 7, 4}; /* VS_RIGHT_* */
    int chosen = option(L, lua_gettop(L), "the mode", mode);
    lua_pop(L, 1);
    range(L, kind);
    self(L)->request->a = flags | rights[chosen];
    return give(L);
}

static int cpu_protect(lua_State *L)
{
    return protect(L, VS_REQ_PROTECT, VS_PROTECT);
}

static int cpu_host_protect(lua_State *L)
{
    return protect(L, VS_REQ_HOST_PROTECT, 0);
}

/* What somebody outside has seen: how many accesses, the last one's exit qualification and
 * guest-physical address. Costs nothing. */
static int cpu_violations(lua_State *L)
{
    const struct guest *g = self(L);
    lua_pushinteger(L, (lua_Integer)g->seen);
    lua_pushinteger(L, (lua_Integer)g->qualification);
    lua_pushinteger(L, (lua_Integer)g->guest_physical);
    return 3;
}

static int cpu_dirty_log(lua_State *L)
{
    begin(L, VS_REQ_DIRTY_LOG);
    return ask(L);
}

static int access_one(lua_State *L, enum vs_req_op op)
{
    static const char *const fields[] = {"depends", NULL};
    bool depends = false;
    if (lua_gettop(L) > 2 && lua_istable(L, -1)) {
        vs_box_only(L, lua_gettop(L), "an access", fields);
        lua_getfield(L, -1, "depends");
        depends = lua_toboolean(L, -1);
        lua_pop(L, 2);
    }
    struct vs_request *r = begin(L, VS_REQ_ACCESS);
    r->depends = depends;
    r->bytes = opt_number(L, 4, "size", 8);
    if (!r->bytes || r->bytes > 4096) {
        return luaL_error(L, "an access is 1..4096 bytes");
    }
    r->address = to_address(L, 2, r->bytes);
    r->op = op;
    r->count = 1;
    return give(L);
}

static int cpu_load(lua_State *L)
{
    return access_one(L, VS_REQ_LOAD);
}

static int cpu_store(lua_State *L)
{
    return access_one(L, VS_REQ_STORE);
}

static int cpu_fetch(lua_State *L)
{
    return access_one(L, VS_REQ_FETCH);
}

static int bulk(lua_State *L, enum vs_req_pattern pattern)
{
    static const char *const fields[] = {"region", "offset", "bytes", "stride", "count", "work",
                                         "op",     "theta",  "cycle", "start",  NULL};
    arguments(L, "a bulk operation", fields);
    struct vs_request *r = begin(L, VS_REQ_BULK);
    r->pattern = pattern;
    lua_getfield(L, 2, "region");
    const struct region *reg = luaL_testudata(L, -1, REGION);
    if (!reg) {
        return luaL_error(L, "region is missing: what cpu:map { ... } returned");
    }
    r->address = reg->address;
    r->bytes = reg->bytes;
    lua_pop(L, 1);
    uint64_t offset = field(L, "offset", 0),
             bytes = field(L, "bytes", r->bytes > offset ? r->bytes - offset : 0);
    if (!bytes || bytes > r->bytes || offset > r->bytes - bytes) {
        return luaL_error(L, "offset and bytes must lie inside the region of %I bytes",
                          (lua_Integer)r->bytes);
    }
    r->address += offset;
    r->bytes = bytes;
    r->stride = field(L, "stride", pattern == VS_PATTERN_STRIDE ? 8 : 64);
    r->count = field(L, "count", r->stride ? r->bytes / r->stride : 0);
    r->work = field(L, "work", 0);
    r->a = field(L, "cycle", 0);
    r->b = field(L, "start", 0);
    r->op = (enum vs_req_op)choice(L, "op", VS_REQ_LOAD, op_names);
    lua_getfield(L, 2, "theta");
    r->theta = luaL_optnumber(L, -1, 0.99);
    lua_pop(L, 1);
    if (!r->count) {
        return give(L);
    }
    if (!r->stride || r->stride > r->bytes) {
        return luaL_error(L, "stride must be 1..%I bytes", (lua_Integer)r->bytes);
    }
    if (r->work > VS_COMPUTE_MAX / r->count) {
        return luaL_error(L, "work x count: at most %I instructions, about an hour",
                          (lua_Integer)VS_COMPUTE_MAX);
    }
    if (pattern == VS_PATTERN_ZIPF && !(r->theta > 0 && r->theta < 1)) {
        return luaL_error(L, "theta must be above 0 and below 1");
    }
    return give(L);
}

static int cpu_stride(lua_State *L)
{
    return bulk(L, VS_PATTERN_STRIDE);
}
static int cpu_random(lua_State *L)
{
    return bulk(L, VS_PATTERN_RANDOM);
}
static int cpu_zipf(lua_State *L)
{
    return bulk(L, VS_PATTERN_ZIPF);
}
static int cpu_chase(lua_State *L)
{
    return bulk(L, VS_PATTERN_CHASE);
}

static int cpu_compute(lua_State *L)
{
    uint64_t n = to_number(L, 2, "instructions");
    if (n > VS_COMPUTE_MAX) {
        return luaL_error(L, "compute: at most %I instructions, about an hour",
                          (lua_Integer)VS_COMPUTE_MAX);
    }
    begin(L, VS_REQ_COMPUTE)->count = n;
    return give(L);
}

static int cpu_cpuid(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_CPUID);
    r->a = opt_number(L, 2, "leaf", 0);
    r->b = opt_number(L, 3, "subleaf", 0);
    if (r->a > UINT32_MAX || r->b > UINT32_MAX) {
        return luaL_error(L, "a leaf is what EAX holds, a subleaf ECX: 32 bits");
    }
    return give(L);
}

static int cpu_hlt(lua_State *L)
{
    begin(L, VS_REQ_HLT);
    return give(L);
}
static int cpu_pause(lua_State *L)
{
    begin(L, VS_REQ_PAUSE);
    return give(L);
}
static int cpu_rdtsc(lua_State *L)
{
    begin(L, VS_REQ_RDTSC);
    return ask(L);
}

static uint64_t to_msr(lua_State *L)
{
    uint64_t index = to_number(L, 2, "an MSR index");
    if (index > UINT32_MAX) {
        luaL_error(L, "an MSR index is what ECX holds, 32 bits");
    }
    return index;
}

static int cpu_rdmsr(lua_State *L)
{
    begin(L, VS_REQ_RDMSR)->a = to_msr(L);
    return ask(L);
}

static int cpu_wrmsr(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_WRMSR);
    r->a = to_msr(L);
    r->b = lua_isnoneornil(L, 3) ? 0 : to_bits(L, 3, "a value");
    return give(L);
}

static void port(lua_State *L, struct vs_request *r, int size_at)
{
    r->a = to_number(L, 2, "a port");
    r->bytes = opt_number(L, size_at, "size", 1);
    if (r->a > 0xffff || (r->bytes != 1 && r->bytes != 2 && r->bytes != 4)) {
        luaL_error(L, "a port is 0..0xffff and a size 1, 2 or 4");
    }
}

static int cpu_inp(lua_State *L)
{
    port(L, begin(L, VS_REQ_IN), 3);
    return ask(L);
}

static int cpu_outp(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_OUT);
    port(L, r, 4);
    r->b = opt_number(L, 3, "a value", 0);
    return give(L);
}

static int cpu_hypercall(lua_State *L)
{
    begin(L, VS_REQ_HYPERCALL)->a = opt_number(L, 2, "a number", 0);
    return give(L);
}

static int cpu_write_cr(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_CR_WRITE);
    r->a = to_number(L, 2, "a control register");
    r->b = lua_isnoneornil(L, 3) ? 0 : to_bits(L, 3, "a value");
    if (r->a != 0 && r->a != 3 && r->a != 4 && r->a != 8) {
        return luaL_error(L, "control registers that can be written are 0, 3, 4 and 8");
    }
    return give(L);
}

static int cpu_invlpg(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_INVLPG);
    r->address = to_address(L, 2, 1);
    return give(L);
}

/* Field `address` of the table at index 2, with `offset`; 0: missing. */
static uint64_t address_field(lua_State *L)
{
    uint64_t at = 0;
    int top = lua_gettop(L);
    if (lua_getfield(L, 2, "address") != LUA_TNIL) {
        lua_getfield(L, 2, "offset");
        at = to_address(L, top + 1, 1);
    }
    lua_settop(L, top);
    return at;
}

static int cpu_invpcid(lua_State *L)
{
    static const char *const fields[] = {"type", "pcid", "address", "offset", NULL};
    arguments(L, "invpcid", fields);
    struct vs_request *r = begin(L, VS_REQ_INVPCID);
    r->a = field(L, "type", 4);
    r->b = field(L, "pcid", 0);
    r->address = address_field(L);
    if (r->a > 3 || r->b > 0xfff) {
        return luaL_error(L, "invpcid: type is 0 (an address), 1 (a PCID), 2 (everything) or 3 "
                             "(everything but global pages), pcid 0..4095");
    }
    if (r->a == 0 && lua_getfield(L, 2, "address") == LUA_TNIL) {
        return luaL_error(L, "invpcid: type 0 needs an address");
    }
    return give(L);
}

static int cpu_invlpga(lua_State *L)
{
    static const char *const fields[] = {"asid", "address", "offset", NULL};
    arguments(L, "invlpga", fields);
    struct vs_request *r = begin(L, VS_REQ_INVLPGA);
    r->a = field(L, "asid", 0);
    r->address = address_field(L);
    return give(L);
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
    int form = option(L, 2, "the form of TLBI", names);
    lua_remove(L, 2);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    arguments(L, "tlbi", fields);
    struct vs_request *r = begin(L, VS_REQ_TLBI);
    r->a = (uint64_t)(form % n) | (form >= n ? VS_REQ_TLBI_IS : 0u);
    r->b = field(L, "asid", 0);
    r->address = address_field(L);
    bool address = lua_getfield(L, 2, "address") != LUA_TNIL,
         asid = lua_getfield(L, 2, "asid") != LUA_TNIL;
    if (address != forms[form % n].address || (asid && !forms[form % n].asid) || r->b > 0xffff) {
        return luaL_error(L, "tlbi: %s takes %s%s", forms[form % n].name,
                          forms[form % n].address ? "an address" : "no address",
                          forms[form % n].asid ? ", and an asid of 0..65535" : ", and no asid");
    }
    return give(L);
}

static int cpu_mmio(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_MMIO);
    r->address = to_number(L, 2, "an address");
    r->op =
        lua_isnoneornil(L, 3) ? VS_REQ_LOAD : (enum vs_req_op)option(L, 3, "the access", op_names);
    r->bytes = 4;
    return give(L);
}

static int cpu_ipi(lua_State *L)
{
    struct vs_request *r = begin(L, VS_REQ_IPI);
    r->a = to_number(L, 2, "a vCPU");
    r->b = opt_number(L, 3, "a vector", 0xf0);
    if (r->b < 16 || r->b > 255) {
        return luaL_error(L, "an interrupt's vector is 16..255");
    }
    return give(L);
}

static int cpu_send(lua_State *L)
{
    static const char *const fields[] = {"bytes", "count", NULL};
    arguments(L, "send", fields);
    struct vs_request *r = begin(L, VS_REQ_SEND);
    r->bytes = field(L, "bytes", 64);
    r->count = field(L, "count", 1);
    if (r->bytes < 1 || r->bytes > 9000) {
        return luaL_error(L, "a packet's payload is 1..9000 bytes");
    }
    return give(L);
}

static int cpu_recv(lua_State *L)
{
    static const char *const fields[] = {"count", "timeout_ns", NULL};
    arguments(L, "recv", fields);
    struct vs_request *r = begin(L, VS_REQ_RECV);
    r->count = field(L, "count", 1);
    r->ps = to_ps(L, field(L, "timeout_ns", 0), 1000u);
    return ask(L);
}

static int cpu_wait(lua_State *L)
{
    static const char *const fields[] = {"ns", "us", NULL};
    arguments(L, "wait", fields);
    struct vs_request *r = begin(L, VS_REQ_WAIT);
    r->ps = to_ps(L, field(L, "ns", 0), 1000u) + to_ps(L, field(L, "us", 0), 1000000u);
    return give(L);
}

static int cpu_mark(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    struct vs_request *r = begin(L, VS_REQ_MARK);
    if (strlen(name) >= sizeof r->name) {
        return luaL_error(L, "a mark's name has at most %d characters", (int)sizeof r->name - 1);
    }
    snprintf(r->name, sizeof r->name, "%s", name);
    return give(L);
}

/* Bytes of the smallest page that this machine's tables have. */
static int cpu_page_bytes(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)1 << self(L)->workload->page_shift);
    return 1;
}

/* The simulated clock; costs nothing, as a script's look at its watch should. */
static int cpu_now_ns(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)self(L)->now_ps / 1000.0);
    return 1;
}

static int cpu_index(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)self(L)->index);
    return 1;
}

/* How many interrupts this vCPU has handled: costs nothing, like now_ns. */
static int cpu_interrupts(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)self(L)->interrupts);
    return 1;
}

static int region_bytes(lua_State *L)
{
    const struct region *r = luaL_checkudata(L, 1, REGION);
    lua_pushinteger(L, (lua_Integer)r->bytes);
    return 1;
}

static int region_address(lua_State *L)
{
    const struct region *r = luaL_checkudata(L, 1, REGION);
    lua_pushinteger(L, (lua_Integer)r->address);
    return 1;
}

void vs__cpu_class(lua_State *L)
{
    static const luaL_Reg methods[] = {{"map", cpu_map},
                                       {"unmap", cpu_unmap},
                                       {"protect", cpu_protect},
                                       {"host_protect", cpu_host_protect},
                                       {"violations", cpu_violations},
                                       {"dirty_log", cpu_dirty_log},
                                       {"fetch", cpu_fetch},
                                       {"process", cpu_process},
                                       {"switch", cpu_switch},
                                       {"load", cpu_load},
                                       {"store", cpu_store},
                                       {"stride", cpu_stride},
                                       {"random", cpu_random},
                                       {"chase", cpu_chase},
                                       {"zipf", cpu_zipf},
                                       {"compute", cpu_compute},
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
                                       {"now_ns", cpu_now_ns},
                                       {"page_bytes", cpu_page_bytes},
                                       {"index", cpu_index},
                                       {"interrupts", cpu_interrupts},
                                       {NULL, NULL}};
    static const luaL_Reg region_methods[] = {
        {"bytes", region_bytes}, {"address", region_address}, {NULL, NULL}};
    luaL_newmetatable(L, CLASS);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "cpu");
    lua_setfield(L, -2, "__metatable");
    luaL_newmetatable(L, REGION);
    luaL_newlib(L, region_methods);
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
}
