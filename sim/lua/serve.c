/* SPDX-License-Identifier: MIT */
/*
 * cpu:serve: a server's loop, of which the script says once what each round is. Its requests are
 * the same, one by one, that a script makes which calls cpu:recv, cpu:compute and cpu:send itself;
 * the coroutine sleeps meanwhile.
 */
#include "workload_cpu.h"

#include "sriov_nic/sriov_nic.h"

/* Between two rounds: the next one waits for packets. False: enough have been answered. */
static bool begin_round(struct guest *g, struct vs_request *out)
{
    struct service *s = &g->service;
    uint64_t answered = g->workload->answered, left = s->total - answered;
    if (answered >= s->total) {
        s->at = VS_SERVICE_NONE;
        return false;
    }
    s->at = VS_SERVICE_RECEIVES;
    s->before = answered;
    *out = (struct vs_request){
        .kind = VS_REQ_RECV, .count = left < s->batch ? left : s->batch, .ps = s->ps};
    return true;
}

bool vs__serve_next(struct guest *g, struct vs_request *out)
{
    struct service *s = &g->service;
    if (s->at == VS_SERVICE_RECEIVES && g->reply) {
        s->at = VS_SERVICE_COMPUTES;
        s->got = g->reply;
        *out = (struct vs_request){.kind = VS_REQ_COMPUTE, .count = s->work * s->got};
        return true;
    }
    if (s->at == VS_SERVICE_RECEIVES && g->workload->answered == s->before) {
        s->at = VS_SERVICE_NONE; /* nothing came, and nobody else had anything either */
        return false;
    }
    if (s->at == VS_SERVICE_COMPUTES) {
        s->at = VS_SERVICE_SENDS;
        *out = (struct vs_request){.kind = VS_REQ_SEND, .bytes = s->bytes, .count = s->got};
        return true;
    }
    if (s->at == VS_SERVICE_SENDS) {
        g->workload->answered += s->got;
    }
    return begin_round(g, out);
}

/* What cpu:serve returns: how many packets all vCPUs have answered so far. */
static int served(lua_State *L, int status, lua_KContext unused)
{
    (void)status;
    (void)unused;
    lua_pushinteger(L, (lua_Integer)vs__cpu_self(L)->workload->answered);
    return 1;
}

/* A field of the table at index 2 within its bounds. */
static uint64_t bounded(lua_State *L, const char *key, uint64_t missing, uint64_t least,
                        uint64_t most)
{
    uint64_t v = vs__cpu_field(L, key, missing);
    if (v < least || v > most) {
        luaL_error(L, "serve: %s must be %I..%I", key, (lua_Integer)least, (lua_Integer)most);
    }
    return v;
}

int vs__cpu_serve(lua_State *L)
{
    static const char *const fields[] = {"total", "batch", "work", "bytes", "timeout_ns", NULL};
    struct guest *g = vs__cpu_self(L);
    vs__cpu_arguments(L, "serve", fields);
    struct service s = {.total = bounded(L, "total", 1, 0, INT64_MAX),
                        .batch = bounded(L, "batch", 1, 1, VS__SERVE_BATCH),
                        .work = bounded(L, "work", 0, 0, VS_COMPUTE_MAX / VS__SERVE_BATCH),
                        .bytes = bounded(L, "bytes", 64, 1, VS_NIC_MAX_PAYLOAD),
                        .ps = 1000u * bounded(L, "timeout_ns", 0, 0, VS_WAIT_PS_MAX / 2000u)};
    vs__cpu_check_place(L);
    g->service = s;
    return begin_round(g, g->request) ? lua_yieldk(L, 0, 0, served) : served(L, LUA_OK, 0);
}
