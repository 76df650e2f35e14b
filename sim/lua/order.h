/* SPDX-License-Identifier: MIT */
/*
 * `pairs` and `next` in an order that repeats. Lua's own goes by a hash that is seeded anew in
 * every process, from addresses and the clock: a program that follows it would measure something
 * else in each run of the same seed.
 */
#ifndef VIRTSIM_SIM_LUA_ORDER_H
#define VIRTSIM_SIM_LUA_ORDER_H

#include <lua.h>

/* Replaces both globals: numbers from the least, then strings byte by byte, then false and true.
 * Several keys of which one is of another type are an error. */
void vs_order_open(lua_State *L);

#endif
