/* SPDX-License-Identifier: MIT */
/*
 * A sandboxed Lua 5.4: base, table, string, math and utf8 without anything that reaches outside
 * (io, os, debug, package, load, bytecode) or that no hook could interrupt (pattern matching,
 * coroutines, finalizers, table functions that trust __len). Memory is capped. A script that uses
 * VS_BOX_CPU_SECONDS of CPU time without simulated progress is stopped: a CPU timer arms a hook
 * only then, because an armed hook costs 3x; once armed it fires at every instruction, so that
 * pcall cannot swallow it.
 */
#ifndef VIRTSIM_SIM_LUA_BOX_H
#define VIRTSIM_SIM_LUA_BOX_H

#include "virtsim/status.h"

#include <lauxlib.h>
#include <lua.h>

#define VS_BOX_MEMORY_BYTES (256u << 20)
#define VS_BOX_CPU_SECONDS 10
#define VS_BOX_TICK_MS 100

struct vs_box {
    lua_State *L;
    size_t used_bytes, cap_bytes;
    /* watchdog */
    lua_State *volatile running; /* the thread inside lua_resume or lua_pcall, NULL outside */
    volatile int idle_ticks;     /* ticks of CPU time in Lua since the clock last moved */
    int limit_ticks;             /* of VS_BOX_TICK_MS each; tests set it */
};

/* Limits of the boxes opened from now on, for tests; 0 = the ordinary one. */
void vs_box_limits(size_t memory_bytes, int ticks);
/* Opens a box; seed fixes math.random. NULL when memory is short. */
struct vs_box *vs_box_open(uint64_t seed);
void vs_box_close(struct vs_box *b);
/* Loads a file as text and leaves its function on the stack; errors name file and line. */
enum vs_status vs_box_load(struct vs_box *b, const char *path, struct vs_errors *errors);
/* lua_pcall and lua_resume under the watchdog; a failure's message is on top of the stack of L. */
int vs_box_call(struct vs_box *b, int args, int results);
int vs_box_resume(struct vs_box *b, lua_State *L, int args, int *results);
/* Simulated time has moved: the watchdog starts again. */
static inline void vs_box_progress(struct vs_box *b)
{
    b->idle_ticks = 0;
}
/* Why a call or resume returned rc, as text: what is on top of L's stack, popped by the caller. */
const char *vs_box_message(lua_State *L, int rc);
/* Reports it; the message of an error that knows no line is led by the file. Pops it. */
void vs_box_report(lua_State *L, int rc, const char *path, struct vs_errors *errors);
/* Raises an error unless every key of the table at `index` is one of `names` (ends with NULL). */
void vs_box_only(lua_State *L, int index, const char *what, const char *const *names);

#endif
