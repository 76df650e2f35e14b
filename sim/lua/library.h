/* SPDX-License-Identifier: MIT */
/*
 * What of Lua's library a script has: base, table, string, math and utf8, without what reaches
 * outside (io, os, debug, package, load, bytecode), what no hook could interrupt (pattern matching,
 * coroutines, finalizers, table functions that trust __len) and what differs from run to run: no
 * function's result or message depends on an address, the clock, a hash's seed or the locale. The
 * table in docs/workloads.md says what became of each function.
 */
#ifndef VIRTSIM_SIM_LUA_LIBRARY_H
#define VIRTSIM_SIM_LUA_LIBRARY_H

#include <lua.h>
#include <stdint.h>

/* Opens the libraries in a new state; `seed` is math.random's. */
void vs_library_open(lua_State *L, uint64_t seed);

/* table.sort. */
int vs__sort(lua_State *L);

#endif
