/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_SIM_LUA_WORKLOAD_IMPL_H
#define VIRTSIM_SIM_LUA_WORKLOAD_IMPL_H

#include "box.h"
#include "workload.h"

#define VS_WORKLOAD_PARAMS 64
#define VS_WORKLOAD_VCPUS 64

struct param {
    struct vs_knob_desc desc;
    char *path, *unit, *text, *name, *choices;
};

/* A server's loop that a vCPU is in (serve.c): what each round is, and where in it it is. */
struct service {
    enum vs_service_at {
        VS_SERVICE_NONE, /* in no such loop */
        VS_SERVICE_RECEIVES,
        VS_SERVICE_COMPUTES,
        VS_SERVICE_SENDS
    } at;
    uint64_t total, batch, work, bytes, ps; /* ps: how long it waits for packets */
    uint64_t got, before; /* in this round; what all had answered when it began to wait */
};

/* One vCPU's program. */
struct guest {
    struct vs_workload *workload;
    lua_State *L;         /* its coroutine, whose extra space points here */
    const void *self;     /* the `cpu` it is given, kept for as long as the coroutine */
    int function, thread; /* registry references; function 0 = none */
    int args;
    unsigned index, shares; /* shares: 1 + the vCPU whose address spaces it works in; 0: its own */
    bool started, done, failed;
    uint64_t now_ps, reply, interrupts, steal_ps, seen, qualification, guest_physical;
    struct vs_request *request; /* where the running method puts what it wants */
    struct service service;
};

struct vs_workload {
    struct vs_box *box;
    struct vs_knobs *knobs;
    char metrics[VS_WORKLOAD_METRICS]; /* separated by blanks */
    int metrics_line;
    char name[128], text[400], error[4200 + VS_BOX_TEXT + 200];
    uint64_t hash;
    const char *const *sets; /* of the request, while the file is loaded */
    size_t n_sets;
    struct param param[VS_WORKLOAD_PARAMS];
    size_t n_params;
    struct guest guest[VS_WORKLOAD_VCPUS];
    unsigned n_guests;
    uint64_t answered; /* packets, by all vCPUs' cpu:serve */
    unsigned address_bits,
        page_shift;    /* of a program's addresses, of the machine's smallest page */
    unsigned machines; /* which it is, enum vs_req_machines: whose instructions it has */
    bool loaded;       /* nothing is declared any more */
};

/* serve.c: the next request of the loop that the vCPU's program is in; false: the loop has ended,
 * and the script goes on. */
bool vs__serve_next(struct guest *g, struct vs_request *out);

/* The class of `cpu` objects, and pushing one. */
void vs__cpu_class(lua_State *L);
void vs__cpu_push(lua_State *L, struct guest *g);

/* Adds to the message of a call of a method that there isn't the nearest one that there is. */
void vs__cpu_hint(char *text, size_t bytes);

#endif
