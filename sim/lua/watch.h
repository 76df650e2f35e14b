/* SPDX-License-Identifier: MIT */
/*
 * The clock of scripts. It counts processor time inside Lua since simulated time last moved, or
 * since the request began, for all of the request's files together: loading them, too. At the limit
 * a hook is set, which stops the script at its next instruction or call. What reaches neither (the
 * compiler, a loop in C, a `__call` that is its own handler) is ended by the last resort, a few
 * seconds later: whoever owns the process says what that is.
 */
#ifndef VIRTSIM_SIM_LUA_WATCH_H
#define VIRTSIM_SIM_LUA_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct lua_State;

#define VS_WATCH_SECONDS 10 /* until the hook is set */
#define VS_WATCH_MOST_SECONDS 3600
#define VS_WATCH_LAST_SECONDS 2 /* then, until the last resort */
#define VS_WATCH_TICK_MS 100

/* What is inside Lua: its thread, the file it came from, whether simulated time had started. */
struct vs_watched {
    struct lua_State *volatile running; /* NULL: nothing */
    const char *volatile file;
    volatile bool started;
};
extern struct vs_watched vs_watched;
extern volatile int vs_watch_ticks; /* of VS_WATCH_TICK_MS each, inside Lua, without progress */

/* A new request begins: the clock is at 0. */
void vs_watch_request(void);
/* Starts the ticks for one more user in this process, and stops them after the last. */
void vs_watch_open(void);
void vs_watch_close(void);
/* The limit in ticks, and as many until the last resort, for tests; 0 = the ordinary ones. */
void vs_watch_limit(int ticks);

/* The limit as users write it, whole seconds from 1 to VS_WATCH_MOST_SECONDS; false: that is none.
 */
bool vs_watch_limit_from(const char *seconds);

/* Ends the process: called in a signal handler with a line that names the file and ends with a line
 * feed; `started`: simulated time had started. Must not return. NULL (the default): no last resort.
 */
typedef void vs_last_resort(const char *line, size_t bytes, bool started);
void vs_watch_at_last(vs_last_resort *end);

#endif
