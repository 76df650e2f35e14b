/* SPDX-License-Identifier: MIT */
/*
 * A sandboxed Lua 5.4: the library of library.h, limits of memory and of processor time (watch.h),
 * and messages that name the file. The limits are those of a request, for all its files together: a
 * machine's, its parts' and the workload's. An armed hook costs 3x, so it is set only where a limit
 * is reached; then it fires at every instruction, so that pcall cannot swallow it.
 */
#ifndef VIRTSIM_SIM_LUA_BOX_H
#define VIRTSIM_SIM_LUA_BOX_H

#include "heap.h"
#include "virtsim/status.h"
#include "watch.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

#define VS_BOX_MEMORY_BYTES (256u << 20)
#define VS_BOX_TEXT 2000 /* characters of a script's own message or text that are kept */

struct vs_box {
    lua_State *L;
    struct vs_heap heap;
    size_t used_bytes;
    int line;        /* where the last error of vs_box_call was raised; 0: unknown */
    char path[4200]; /* the file that was loaded last */
    char chunk[56];  /* what Lua calls it in messages */
    void *newborn;   /* its state while it is made */
    size_t newborn_bytes;
    void (*reads)(void *ctx, const char *path); /* told of each file that is loaded; NULL: nobody */
    void *reads_ctx;
};

/* Limits from now on, for tests; 0 = the ordinary one. A tick is VS_WATCH_TICK_MS. */
void vs_box_limits(size_t memory_bytes, int ticks);
/* Memory that all boxes together hold, for tests. */
size_t vs_box_used(void);
/* Opens a box; seed fixes math.random. NULL when memory is short. */
struct vs_box *vs_box_open(uint64_t seed);
void vs_box_close(struct vs_box *b);
/* Loads a file as text and leaves its function on the stack; errors name file and line. */
enum vs_status vs_box_load(struct vs_box *b, const char *path, struct vs_errors *errors);
/* The same with a text that is no file's; `name` is what messages call it. */
enum vs_status vs_box_text(struct vs_box *b, const char *name, const char *text,
                           struct vs_errors *errors);
/* What is called next came from here: of several texts in one box. */
void vs_box_called(struct vs_box *b, const char *name);
/* lua_pcall and lua_resume under the watchdog; a failure's message is on top of the stack of L. */
int vs_box_call(struct vs_box *b, int args, int results);
int vs_box_resume(struct vs_box *b, lua_State *L, int args, int *results);
/* Simulated time has moved: the watchdog starts again. */
static inline void vs_box_progress(void)
{
    vs_watch_ticks = 0;
}
/* Why a call or resume of L returned rc: file, line where it is known, and what is on top of L's
 * stack, which the caller pops. */
void vs_box_explain(const struct vs_box *b, lua_State *L, int rc, char *out, size_t bytes);
/* Reports it and pops it. */
void vs_box_report(struct vs_box *b, int rc, struct vs_errors *errors);
/* Raises an error unless every key of the table at `index` is one of `names` (ends with NULL). */
void vs_box_only(lua_State *L, int index, const char *what, const char *const *names);

#endif
