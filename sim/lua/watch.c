/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define ORDINARY (VS_WATCH_SECONDS * 1000 / VS_WATCH_TICK_MS)

struct vs_watched vs_watched;
volatile int vs_watch_ticks;
static volatile int limit = ORDINARY;
static volatile int at_last_after = VS_WATCH_LAST_SECONDS * 1000 / VS_WATCH_TICK_MS;
static vs_last_resort *volatile at_last;
static unsigned users;
static pid_t armed_in; /* timers are not inherited by a child */

void vs_watch_limit(int ticks)
{
    limit = ticks ? ticks : ORDINARY;
    at_last_after = ticks ? ticks : VS_WATCH_LAST_SECONDS * 1000 / VS_WATCH_TICK_MS;
}

bool vs_watch_limit_from(const char *seconds)
{
    char *end;
    unsigned long s = strtoul(seconds, &end, 10);
    if (*seconds < '0' || *seconds > '9' || *end || !s || s > VS_WATCH_MOST_SECONDS) {
        return false;
    }
    limit = (int)s * 1000 / VS_WATCH_TICK_MS;
    return true;
}

void vs_watch_request(void)
{
    vs_watch_ticks = 0;
}

void vs_watch_at_last(vs_last_resort *end)
{
    at_last = end;
}

/* The hook: ends the script with an error at the line where it is. */
static void stop(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, stop, LUA_MASKCOUNT, 1); /* pcall may catch this one, not the next */
    /* level 0 is the function that was interrupted: the script's, or one of C it has called */
    for (int level = 0; level < 8; level++) {
        luaL_where(L, level);
        if (lua_rawlen(L, -1) || level == 7) {
            break;
        }
        lua_pop(L, 1);
    }
    lua_pushfstring(L, "the script ran for %f s of CPU time without simulated progress",
                    limit * (VS_WATCH_TICK_MS / 1000.0));
    lua_concat(L, 2);
    lua_error(L);
}

/* Appends as much of `text` as fits. */
static size_t append(char *line, size_t at, size_t bytes, const char *text)
{
    while (*text && at < bytes) {
        line[at++] = *text++;
    }
    return at;
}

/* A whole number, which snprintf may not write in a signal handler. */
static size_t append_number(char *line, size_t at, size_t bytes, unsigned n)
{
    char digits[12];
    size_t i = sizeof digits - 1;
    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n && i);
    return append(line, at, bytes, digits + i);
}

/* Says which file it was and ends the process as its owner wants it. */
static void last(void)
{
    static char line[4600];
    size_t at = append(line, 0, 4200, vs_watched.file ? vs_watched.file : "a script");
    at = append(line, at, sizeof line, ": ran for ");
    at = append_number(line, at, sizeof line, (unsigned)vs_watch_ticks * VS_WATCH_TICK_MS / 1000u);
    at = append(line, at, sizeof line,
                " s of CPU time without simulated progress, where no script can be stopped (in the "
                "compiler, a library function or a metamethod that calls itself); the program was "
                "ended\n");
    at_last(line, at, vs_watched.started);
}

/* lua_sethook may be called from a signal handler; nothing else of Lua is touched here. */
static void on_tick(int sig)
{
    (void)sig;
    lua_State *L = vs_watched.running;
    if (!L) {
        return;
    }
    int ticks = vs_watch_ticks + 1;
    vs_watch_ticks = ticks;
    if (ticks >= limit + at_last_after && at_last) {
        last();
    } else if (ticks >= limit) {
        lua_sethook(L, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
    }
}

/* The process' own time and the kernel's for it. */
static void arm(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_tick;
    sa.sa_flags = SA_RESTART;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGPROF, &sa, NULL);
    struct itimerval every = {{0, VS_WATCH_TICK_MS * 1000}, {0, VS_WATCH_TICK_MS * 1000}};
    setitimer(ITIMER_PROF, &every, NULL);
}

void vs_watch_open(void)
{
    if (!users++ || armed_in != getpid()) {
        armed_in = getpid();
        arm();
    }
}

void vs_watch_close(void)
{
    if (!--users) {
        struct itimerval none = {{0, 0}, {0, 0}};
        setitimer(ITIMER_PROF, &none, NULL);
    }
}
