/* SPDX-License-Identifier: MIT */
/* What request/requests.def cannot say of the methods that map memory, reach it, or take rights to
 * it; and the methods of regions. */
#include "workload_cpu.h"

void vs__map(lua_State *L, struct vs_request *r)
{
    static const char *const backing[] = {"eager", "host_touch", "touch", "populate", NULL};
    static const char *const page[] = {"base", "4K", "16K", "64K", "2M", "32M", "512M", "1G", NULL};
    static const unsigned shift[] = {0, 12, 14, 16, 21, 25, 29, 30};
    r->bytes = vs__cpu_field(L, "bytes", 0);
    if (!r->bytes) {
        luaL_error(L, "map: bytes must be at least 1: cpu:map { bytes = \"64MiB\" }");
    }
    r->backing = (enum vs_req_backing)vs__cpu_choice(L, "backing", VS_BACKING_EAGER, backing);
    int p = vs__cpu_choice(L, "page", -1, page);
    r->page_shift = p < 0 ? 0 : p ? shift[p] : vs__cpu_self(L)->workload->page_shift;
    r->address = vs__cpu_field(L, "at", 0);
    r->fixed = lua_getfield(L, 2, "at") != LUA_TNIL;
    lua_pop(L, 1);
    if (r->fixed && (!r->address || r->address % (1u << 12))) {
        luaL_error(L, "map: at must be a multiple of the page's size, and not 0");
    }
    lua_getfield(L, 2, "global");
    r->a = (uint64_t)lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (r->a && r->backing == VS_BACKING_TOUCH) {
        luaL_error(L, "map: global pages are those of a kernel, which has them before they "
                      "are touched: backing eager, host_touch or populate");
    }
    vs__cpu_check_address(L, r->address, r->bytes);
}

/* The mode is the last argument; a range comes before it. */
static uint64_t rights_of(lua_State *L, struct vs_request *r)
{
    static const char *const mode[] = {"none", "r", "rw", "rx", "rwx", "x", NULL};
    static const uint64_t rights[] = {0, 1, 3, 5, 7, 4}; /* VS_RIGHT_* */
    int chosen = vs__cpu_option(L, lua_gettop(L), "the mode", mode);
    lua_pop(L, 1);
    vs__cpu_range(L, r);
    return rights[chosen];
}

void vs__protect(lua_State *L, struct vs_request *r)
{
    r->a = VS_PROTECT | rights_of(L, r);
}

void vs__host_protect_mode(lua_State *L, struct vs_request *r)
{
    r->a = rights_of(L, r);
}

/* The last argument is a view's number. */
static void view_of(lua_State *L, struct vs_request *r)
{
    r->b = vs__cpu_number(L, lua_gettop(L), "the view");
    lua_pop(L, 1);
}

void vs__view_mode(lua_State *L, struct vs_request *r)
{
    view_of(L, r);
    r->a = rights_of(L, r);
}

void vs__view_map(lua_State *L, struct vs_request *r)
{
    view_of(L, r);
    lua_pushnil(L); /* behind where: no offset */
    r->a = vs__cpu_address(L, lua_gettop(L) - 1, 1);
    lua_pop(L, 2);
    vs__cpu_range(L, r);
}

/* What somebody outside has seen: how many accesses, the last one's exit qualification and
 * guest-physical address. Costs nothing. */
int vs__cpu_violations(lua_State *L)
{
    const struct guest *g = vs__cpu_self(L);
    lua_pushinteger(L, (lua_Integer)g->seen);
    lua_pushinteger(L, (lua_Integer)g->qualification);
    lua_pushinteger(L, (lua_Integer)g->guest_physical);
    return 3;
}

void vs__access(lua_State *L, struct vs_request *r)
{
    static const char *const fields[] = {"depends", NULL};
    if (lua_gettop(L) > 2 && lua_istable(L, -1)) {
        vs_box_only(L, lua_gettop(L), "an access", fields);
        lua_getfield(L, -1, "depends");
        r->depends = lua_toboolean(L, -1);
        lua_pop(L, 2);
    }
    r->bytes = vs__cpu_opt_number(L, 4, "size", 8);
    if (!r->bytes || r->bytes > 4096) {
        luaL_error(L, "an access is 1..4096 bytes");
    }
    r->address = vs__cpu_address(L, 2, r->bytes);
    r->count = 1;
}

void vs__bulk(lua_State *L, struct vs_request *r)
{
    lua_getfield(L, 2, "region");
    const struct vs_region *reg = luaL_testudata(L, -1, VS__REGION);
    if (!reg) {
        luaL_error(L, "region is missing: what cpu:map { ... } returned");
        return;
    }
    r->address = reg->address;
    r->bytes = reg->bytes;
    lua_pop(L, 1);
    uint64_t offset = vs__cpu_field(L, "offset", 0),
             bytes = vs__cpu_field(L, "bytes", r->bytes > offset ? r->bytes - offset : 0);
    if (!bytes || bytes > r->bytes || offset > r->bytes - bytes) {
        luaL_error(L, "offset and bytes must lie inside the region of %I bytes",
                   (lua_Integer)r->bytes);
    }
    r->address += offset;
    r->bytes = bytes;
    r->stride = vs__cpu_field(L, "stride", r->pattern == VS_PATTERN_STRIDE ? 8 : 64);
    r->count = vs__cpu_field(L, "count", r->stride ? r->bytes / r->stride : 0);
    r->work = vs__cpu_field(L, "work", 0);
    r->a = vs__cpu_field(L, "cycle", 0);
    r->b = vs__cpu_field(L, "start", 0);
    r->op = (enum vs_req_op)vs__cpu_choice(L, "op", VS_REQ_LOAD, vs__cpu_op_names);
    lua_getfield(L, 2, "theta");
    r->theta = luaL_optnumber(L, -1, 0.99);
    lua_pop(L, 1);
    if (!r->count) {
        return;
    }
    if (!r->stride || r->stride > r->bytes) {
        luaL_error(L, "stride must be 1..%I bytes", (lua_Integer)r->bytes);
    }
    if (r->work > VS_COMPUTE_MAX / r->count) {
        luaL_error(L, "work x count: at most %I instructions, about an hour",
                   (lua_Integer)VS_COMPUTE_MAX);
    }
    if (r->pattern == VS_PATTERN_ZIPF && !(r->theta > 0 && r->theta < 1)) {
        luaL_error(L, "theta must be above 0 and below 1");
    }
}

void vs__dma(lua_State *L, struct vs_request *r)
{
    static const char *const ops[] = {"read", "write", "both", NULL}, *const orders[] = {
                                                                          "sequential", "random",
                                                                          NULL};
    lua_getfield(L, 2, "region");
    const struct vs_region *reg = luaL_testudata(L, -1, VS__REGION);
    if (!reg) {
        luaL_error(L, "region is missing: what cpu:map { ... } returned");
        return;
    }
    r->address = reg->address;
    r->bytes = reg->bytes;
    lua_pop(L, 1);
    uint64_t size = vs__cpu_field(L, "bytes", 64), outstanding = vs__cpu_field(L, "outstanding", 1),
             offset = vs__cpu_field(L, "offset", 0), ns = vs__cpu_field(L, "interval_ns", 0);
    r->stride = vs__cpu_field(L, "stride", size > 64 ? (size + 63u) & ~63ull : 64);
    r->count = vs__cpu_field(L, "count", 1);
    r->op = (enum vs_req_op)vs__cpu_choice(L, "op", 0, ops);
    r->pattern = (enum vs_req_pattern)vs__cpu_choice(L, "order", 0, orders);
    if (!size || size > 65536 || offset > 65536 || size + offset > r->bytes) {
        luaL_error(L, "dma: bytes must be 1..65536 and lie, with offset, inside the region of %I",
                   (lua_Integer)r->bytes);
    }
    if (!outstanding || outstanding > 1024) {
        luaL_error(L, "dma: outstanding must be 1..1024");
    }
    if (!r->stride || ns > 1000000000u) {
        luaL_error(L, "dma: stride must be at least 1, and interval_ns at most 1000000000");
    }
    r->a = size;
    r->b = outstanding << 32 | offset;
    r->work = ns;
}

/* region:bytes(): the size of a mapped region. */
static int region_bytes(lua_State *L)
{
    const struct vs_region *r = luaL_checkudata(L, 1, VS__REGION);
    lua_pushinteger(L, (lua_Integer)r->bytes);
    return 1;
}

/* region:address(): the first address of a mapped region. */
static int region_address(lua_State *L)
{
    const struct vs_region *r = luaL_checkudata(L, 1, VS__REGION);
    lua_pushinteger(L, (lua_Integer)r->address);
    return 1;
}

const luaL_Reg vs__cpu_region[] = {
    {"bytes", region_bytes}, {"address", region_address}, {NULL, NULL}};
