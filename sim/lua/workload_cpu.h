/* SPDX-License-Identifier: MIT */
/* What the files of `cpu`'s methods share. Each method checks its arguments, fills one request and
 * yields it; the reply comes back as its result (methods.c). */
#ifndef VIRTSIM_SIM_LUA_WORKLOAD_CPU_H
#define VIRTSIM_SIM_LUA_WORKLOAD_CPU_H

#include "workload_impl.h"

#define VS__REGION "virtsim.region"

struct vs_region {
    uint64_t address, bytes;
};

/* The vCPU of the running method: argument 1. */
struct guest *vs__cpu_self(lua_State *L);
/* Its request, empty but for the kind. */
struct vs_request *vs__cpu_begin(lua_State *L, enum vs_req kind);
/* An error where no request can be made: in a function that C calls, which would have to come back
 * through C. */
void vs__cpu_check_place(lua_State *L);

/* An error unless [at, at + bytes) are addresses that programs have. */
void vs__cpu_check_address(lua_State *L, uint64_t at, uint64_t bytes);
/* Argument i, called `what` in messages; numbers are whole and not negative. */
uint64_t vs__cpu_number(lua_State *L, int i, const char *what);
uint64_t vs__cpu_opt_number(lua_State *L, int i, const char *what, uint64_t missing);
/* All 64 bits: a negative integer is its two's complement, and a string may be hexadecimal. */
uint64_t vs__cpu_bits(lua_State *L, int i, const char *what);
/* Argument i is an address or a region, argument i + 1 an offset into it: `size` bytes there. */
uint64_t vs__cpu_address(lua_State *L, int i, uint64_t size);
/* A region or an address at 2, bytes of it at 3. */
void vs__cpu_range(lua_State *L, struct vs_request *r);
/* Fields `address` and `offset` of the table at index 2; 0: missing. */
void vs__cpu_address_field(lua_State *L, struct vs_request *r);
/* Which of `names` (ended by NULL) the string at i is. */
int vs__cpu_option(lua_State *L, int i, const char *what, const char *const *names);

/* Named arguments in a table at index 2, these fields (ended by NULL) and no others; one of them.
 */
void vs__cpu_arguments(lua_State *L, const char *what, const char *const *fields);
uint64_t vs__cpu_field(lua_State *L, const char *key, uint64_t missing);
int vs__cpu_choice(lua_State *L, const char *key, int missing, const char *const *names);

extern const char *const vs__cpu_op_names[]; /* as enum vs_req_op */
extern const luaL_Reg vs__cpu_region[];
int vs__cpu_violations(lua_State *L); /* the method of that name */

/* methods.c: those of request/requests.def into the table on top, and cpu:has. */
void vs__cpu_methods(lua_State *L);
int vs__cpu_has(lua_State *L);

#define VS__SERVE_BATCH 65536u   /* packets of a round, at most */
int vs__cpu_serve(lua_State *L); /* serve.c: the method of that name */

/* What its lines name: the rest of a method's arguments, and checks that the list cannot say. */
void vs__map(lua_State *L, struct vs_request *r);
void vs__protect(lua_State *L, struct vs_request *r);
void vs__dma(lua_State *L, struct vs_request *r);
void vs__host_protect_mode(lua_State *L, struct vs_request *r);
void vs__view_mode(lua_State *L, struct vs_request *r);
void vs__view_map(lua_State *L, struct vs_request *r);
void vs__access(lua_State *L, struct vs_request *r);
void vs__bulk(lua_State *L, struct vs_request *r);
void vs__invpcid(lua_State *L, struct vs_request *r);
void vs__tlbi(lua_State *L, struct vs_request *r);
void vs__instruction(lua_State *L, struct vs_request *r);
void vs__mrs(lua_State *L, struct vs_request *r);
void vs__msr(lua_State *L, struct vs_request *r);
void vs__port(lua_State *L, struct vs_request *r);
void vs__control_register(lua_State *L, struct vs_request *r);

#endif
