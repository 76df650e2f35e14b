/* SPDX-License-Identifier: MIT */
#include "box.h"

#include "order.h"

#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

static struct vs_box *volatile watched; /* one box runs at a time in a process */

static size_t new_cap = VS_BOX_MEMORY_BYTES;
static int new_limit = VS_BOX_CPU_SECONDS * 1000 / VS_BOX_TICK_MS;

void vs_box_limits(size_t memory_bytes, int ticks)
{
    new_cap = memory_bytes ? memory_bytes : VS_BOX_MEMORY_BYTES;
    new_limit = ticks ? ticks : VS_BOX_CPU_SECONDS * 1000 / VS_BOX_TICK_MS;
}

static void *capped(void *ud, void *p, size_t old, size_t new)
{
    struct vs_box *b = ud;
    size_t had = p ? old : 0;
    if (new == 0) {
        free(p);
        b->used_bytes -= had;
        return NULL;
    }
    if (new > had && b->used_bytes + (new - had) > b->cap_bytes) {
        return NULL;
    }
    void *q = realloc(p, new);
    if (q) {
        b->used_bytes += new;
        b->used_bytes -= had;
    }
    return q;
}

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
                    watched ? watched->limit_ticks * (VS_BOX_TICK_MS / 1000.0) : 0.0);
    lua_concat(L, 2);
    lua_error(L);
}

/* lua_sethook may be called from a signal handler; nothing else of Lua is touched here. */
static void on_tick(int sig)
{
    (void)sig;
    struct vs_box *b = watched;
    if (b && b->running && ++b->idle_ticks >= b->limit_ticks) {
        lua_sethook(b->running, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
    }
}

static void watch(struct vs_box *b)
{
    if (watched != b) {
        watched = b;
        struct sigaction sa;
        memset(&sa, 0, sizeof sa);
        sa.sa_handler = on_tick;
        sa.sa_flags = SA_RESTART;
        sigemptyset(&sa.sa_mask);
        sigaction(SIGVTALRM, &sa, NULL);
        struct itimerval every = {{0, VS_BOX_TICK_MS * 1000}, {0, VS_BOX_TICK_MS * 1000}};
        setitimer(ITIMER_VIRTUAL, &every, NULL);
    }
}

static void unwatch(const struct vs_box *b)
{
    if (watched == b) {
        struct itimerval none = {{0, 0}, {0, 0}};
        setitimer(ITIMER_VIRTUAL, &none, NULL);
        watched = NULL;
    }
}

/* Hooks are off while a finalizer runs, so a loop in one could not be stopped. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    lua_settop(L, 2);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
        return luaL_error(L, "cannot change a protected metatable");
    }
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L, "finalizers (__gc) are not available");
        }
        lua_settop(L, 2);
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* The original counts to n in C even when the string is empty. */
static int string_rep(lua_State *L)
{
    size_t bytes = 0, more = 0;
    luaL_checklstring(L, 1, &bytes);
    luaL_optlstring(L, 3, "", &more);
    lua_Integer n = luaL_checkinteger(L, 2);
    if (n < 1 || bytes + more == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((size_t)n > VS_BOX_MEMORY_BYTES / (bytes + more)) {
        return luaL_error(L, "resulting string too large");
    }
    lua_settop(L, 3);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 3, 1);
    return 1;
}

/* insert and remove of the library believe __len and would shift 2^62 elements in C. */
static int plain_table(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1)) {
        lua_pop(L, 1);
        return luaL_error(L, "a table without a metatable is expected");
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Replaces field `name` of the table on top by f, which finds the original in its upvalue. */
static void wrap(lua_State *L, const char *name, lua_CFunction f)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, f, 1);
    lua_setfield(L, -2, name);
}

static void open_libraries(lua_State *L, uint64_t seed)
{
    static const luaL_Reg libs[] = {{"_G", luaopen_base},
                                    {"table", luaopen_table},
                                    {"string", luaopen_string},
                                    {"math", luaopen_math},
                                    {"utf8", luaopen_utf8}};
    /* xpcall: its handler runs inside the hook that raised the error, where no hook is called */
    static const char *const gone_base[] = {"xpcall",         "dofile", "loadfile", "load",
                                            "collectgarbage", "print",  "warn",     "require"};
    static const char *const gone_string[] = {"dump", "find", "match", "gmatch", "gsub"};
    static const char *const gone_table[] = {"move"};
    for (size_t i = 0; i < sizeof libs / sizeof libs[0]; i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)seed);
    lua_call(L, 1, 0);
    lua_pushnil(L);
    lua_setfield(L, -2, "randomseed");
    lua_pop(L, 1);
    for (size_t i = 0; i < sizeof gone_base / sizeof gone_base[0]; i++) {
        lua_pushnil(L);
        lua_setglobal(L, gone_base[i]);
    }
    lua_pushcfunction(L, set_metatable);
    lua_setglobal(L, "setmetatable");
    vs_order_open(L);
    lua_getglobal(L, "string");
    wrap(L, "rep", string_rep);
    for (size_t i = 0; i < sizeof gone_string / sizeof gone_string[0]; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, gone_string[i]);
    }
    lua_getglobal(L, "table");
    wrap(L, "insert", plain_table);
    wrap(L, "remove", plain_table);
    for (size_t i = 0; i < sizeof gone_table / sizeof gone_table[0]; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, gone_table[i]);
    }
    lua_pop(L, 2);
}

struct vs_box *vs_box_open(uint64_t seed)
{
    struct vs_box *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->cap_bytes = new_cap;
    b->limit_ticks = new_limit;
    b->L = lua_newstate(capped, b);
    if (!b->L) {
        free(b);
        return NULL;
    }
    open_libraries(b->L, seed);
    return b;
}

void vs_box_close(struct vs_box *b)
{
    if (b) {
        unwatch(b);
        lua_close(b->L);
        free(b);
    }
}

enum vs_status vs_box_load(struct vs_box *b, const char *path, struct vs_errors *errors)
{
    struct stat what;
    bool regular = stat(path, &what) != 0 || S_ISREG(what.st_mode); /* a pipe would block */
    FILE *f = regular ? fopen(path, "rb") : NULL;
    if (!f) {
        vs_error(errors, regular ? "%s: cannot be opened" : "%s: is not a file", path);
        return VS_E_INPUT;
    }
    luaL_Buffer text;
    luaL_buffinit(b->L, &text);
    size_t got, total = 0;
    do {
        char *at = luaL_prepbuffer(&text);
        got = fread(at, 1, LUAL_BUFFERSIZE, f);
        luaL_addsize(&text, got);
        total += got;
    } while (got && total < (16u << 20));
    int failed = ferror(f);
    fclose(f);
    luaL_pushresult(&text);
    if (failed || !total || total >= (16u << 20)) {
        vs_error(errors,
                 failed   ? "%s: cannot be read"
                 : !total ? "%s: is empty; a Lua script is expected"
                          : "%s: is larger than 16 MiB; a Lua script is expected",
                 path);
        lua_pop(b->L, 1);
        return VS_E_INPUT;
    }
    size_t bytes;
    const char *s = lua_tolstring(b->L, -1, &bytes);
    lua_pushfstring(b->L, "@%s", path);
    int rc = luaL_loadbufferx(b->L, s, bytes, lua_tostring(b->L, -1), "t");
    lua_remove(b->L, -2); /* chunk name */
    lua_remove(b->L, -2); /* text */
    if (rc != LUA_OK) {
        vs_box_report(b->L, rc, path, errors);
        return VS_E_INPUT;
    }
    return VS_OK;
}

int vs_box_call(struct vs_box *b, int args, int results)
{
    watch(b);
    lua_State *outer = b->running;
    b->running = b->L;
    int rc = lua_pcall(b->L, args, results, 0);
    b->running = outer;
    return rc;
}

int vs_box_resume(struct vs_box *b, lua_State *L, int args, int *results)
{
    watch(b);
    b->running = L;
    int rc = lua_resume(L, b->L, args, results);
    b->running = NULL;
    return rc;
}

const char *vs_box_message(lua_State *L, int rc)
{
    if (rc == LUA_ERRMEM) {
        return "the script's memory limit is reached";
    }
    static char number[48]; /* as a string of Lua's it would take memory, outside lua_pcall */
    if (lua_type(L, -1) == LUA_TNUMBER) {
        if (lua_isinteger(L, -1)) {
            snprintf(number, sizeof number, LUA_INTEGER_FMT, lua_tointeger(L, -1));
        } else {
            snprintf(number, sizeof number, LUA_NUMBER_FMT, lua_tonumber(L, -1));
        }
        return number;
    }
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error that is not a string";
}

void vs_box_report(lua_State *L, int rc, const char *path, struct vs_errors *errors)
{
    if (rc != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        vs_error(errors, "%s", vs_box_message(L, rc));
    } else {
        vs_error(errors, "%s: %s", path, vs_box_message(L, rc));
    }
    lua_pop(L, 1);
}

void vs_box_only(lua_State *L, int index, const char *what, const char *const *names)
{
    size_t n = 0;
    while (names[n]) {
        n++;
    }
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        size_t i = 0;
        while (key && i < n && strcmp(key, names[i]) != 0) {
            i++;
        }
        if (!key) {
            luaL_error(L, "%s: fields are named, as in { %s = ... }", what, names[0]);
        } else if (i == n) {
            const char *near = vs_nearest(key, names, n);
            luaL_error(
                L, near ? "%s: unknown field '%s'; did you mean '%s'?" : "%s: unknown field '%s'",
                what, key, near);
        }
    }
}
