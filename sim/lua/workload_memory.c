/* SPDX-License-Identifier: MIT */
/* Methods of `cpu` that map memory, reach it, or take it away, and those of regions. */
#include "workload_cpu.h"

static int resume_map(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    struct guest *g = vs__cpu_self(L);
    struct vs_region *r = lua_newuserdatauv(L, sizeof *r, 0);
    r->address = g->reply;
    r->bytes = (uint64_t)k;
    luaL_setmetatable(L, VS__REGION);
    return 1;
}

static int cpu_map(lua_State *L)
{
    static const char *const backing[] = {"eager", "host_touch", "touch", "populate", NULL};
    static const char *const page[] = {"base", "4K", "16K", "64K", "2M", "32M", "512M", "1G", NULL};
    static const unsigned shift[] = {0, 12, 14, 16, 21, 25, 29, 30};
    static const char *const fields[] = {"bytes", "backing", "page", "at", "global", NULL};
    vs__cpu_arguments(L, "map", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_MAP);
    r->bytes = vs__cpu_field(L, "bytes", 0);
    if (!r->bytes) {
        return luaL_error(L, "map: bytes must be at least 1: cpu:map { bytes = \"64MiB\" }");
    }
    r->backing = (enum vs_req_backing)vs__cpu_choice(L, "backing", VS_BACKING_EAGER, backing);
    int p = vs__cpu_choice(L, "page", -1, page);
    r->page_shift = p < 0 ? 0 : p ? shift[p] : vs__cpu_self(L)->workload->page_shift;
    r->address = vs__cpu_field(L, "at", 0);
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
    vs__cpu_check_address(L, r->address, r->bytes);
    vs__cpu_check_place(L);
    return lua_yieldk(L, 0, (lua_KContext)r->bytes, resume_map);
}

static int range(lua_State *L, enum vs_req kind)
{
    const struct vs_region *reg = luaL_testudata(L, 2, VS__REGION);
    struct vs_request *r = vs__cpu_begin(L, kind);
    r->bytes = reg ? vs__cpu_opt_number(L, 3, "bytes", reg->bytes) : vs__cpu_number(L, 3, "bytes");
    lua_settop(L, 2); /* what follows is no offset */
    r->address = vs__cpu_address(L, 2, r->bytes);
    return 0;
}

static int cpu_process(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_PROCESS);
    return vs__cpu_ask(L);
}

static int cpu_switch(lua_State *L)
{
    static const char *const how[] = {"keep", "flush", NULL};
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_SWITCH);
    r->a = vs__cpu_number(L, 2, "an address space (0, or what cpu:process() returned)");
    r->b = lua_isnoneornil(L, 3)
               ? VS_SWITCH_MACHINE
               : VS_SWITCH_KEEP + (uint64_t)vs__cpu_option(L, 3, "how to switch", how);
    return vs__cpu_give(L);
}

static int cpu_unmap(lua_State *L)
{
    range(L, VS_REQ_UNMAP);
    return vs__cpu_give(L);
}

static int protect(lua_State *L, enum vs_req kind, uint64_t flags)
{
    static const char *const mode[] = {"none", "r", "rw", "rx", "rwx", "x", NULL};
    static const uint64_t rights[] = {0, 1, 3, 5, 7, 4}; /* VS_RIGHT_* */
    int chosen = vs__cpu_option(L, lua_gettop(L), "the mode", mode);
    lua_pop(L, 1);
    range(L, kind);
    vs__cpu_self(L)->request->a = flags | rights[chosen];
    return vs__cpu_give(L);
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
    const struct guest *g = vs__cpu_self(L);
    lua_pushinteger(L, (lua_Integer)g->seen);
    lua_pushinteger(L, (lua_Integer)g->qualification);
    lua_pushinteger(L, (lua_Integer)g->guest_physical);
    return 3;
}

static int cpu_dirty_log(lua_State *L)
{
    vs__cpu_begin(L, VS_REQ_DIRTY_LOG);
    return vs__cpu_ask(L);
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
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_ACCESS);
    r->depends = depends;
    r->bytes = vs__cpu_opt_number(L, 4, "size", 8);
    if (!r->bytes || r->bytes > 4096) {
        return luaL_error(L, "an access is 1..4096 bytes");
    }
    r->address = vs__cpu_address(L, 2, r->bytes);
    r->op = op;
    r->count = 1;
    return vs__cpu_give(L);
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
    vs__cpu_arguments(L, "a bulk operation", fields);
    struct vs_request *r = vs__cpu_begin(L, VS_REQ_BULK);
    r->pattern = pattern;
    lua_getfield(L, 2, "region");
    const struct vs_region *reg = luaL_testudata(L, -1, VS__REGION);
    if (!reg) {
        return luaL_error(L, "region is missing: what cpu:map { ... } returned");
    }
    r->address = reg->address;
    r->bytes = reg->bytes;
    lua_pop(L, 1);
    uint64_t offset = vs__cpu_field(L, "offset", 0),
             bytes = vs__cpu_field(L, "bytes", r->bytes > offset ? r->bytes - offset : 0);
    if (!bytes || bytes > r->bytes || offset > r->bytes - bytes) {
        return luaL_error(L, "offset and bytes must lie inside the region of %I bytes",
                          (lua_Integer)r->bytes);
    }
    r->address += offset;
    r->bytes = bytes;
    r->stride = vs__cpu_field(L, "stride", pattern == VS_PATTERN_STRIDE ? 8 : 64);
    r->count = vs__cpu_field(L, "count", r->stride ? r->bytes / r->stride : 0);
    r->work = vs__cpu_field(L, "work", 0);
    r->a = vs__cpu_field(L, "cycle", 0);
    r->b = vs__cpu_field(L, "start", 0);
    r->op = (enum vs_req_op)vs__cpu_choice(L, "op", VS_REQ_LOAD, vs__cpu_op_names);
    lua_getfield(L, 2, "theta");
    r->theta = luaL_optnumber(L, -1, 0.99);
    lua_pop(L, 1);
    if (!r->count) {
        return vs__cpu_give(L);
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
    return vs__cpu_give(L);
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

static int region_bytes(lua_State *L)
{
    const struct vs_region *r = luaL_checkudata(L, 1, VS__REGION);
    lua_pushinteger(L, (lua_Integer)r->bytes);
    return 1;
}

static int region_address(lua_State *L)
{
    const struct vs_region *r = luaL_checkudata(L, 1, VS__REGION);
    lua_pushinteger(L, (lua_Integer)r->address);
    return 1;
}

const luaL_Reg vs__cpu_memory[] = {{"map", cpu_map},
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
                                   {NULL, NULL}};

const luaL_Reg vs__cpu_region[] = {
    {"bytes", region_bytes}, {"address", region_address}, {NULL, NULL}};
