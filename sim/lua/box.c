/* SPDX-License-Identifier: MIT */
#include "box.h"

#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCRIPT_BYTES (16u << 20) /* of a file */
#define SCRIPT_START (64u << 10) /* read at first; divides SCRIPT_BYTES by a power of two */
/* What is done for a script outside lua_pcall, where a failed allocation would end the process, has
 * room for its few strings and tables whatever the script has taken. */
#define RESERVE_BYTES (16u << 20)

static size_t cap_bytes = VS_BOX_MEMORY_BYTES, all_bytes;

void vs_box_limits(size_t memory_bytes, int ticks)
{
    cap_bytes = memory_bytes ? memory_bytes : VS_BOX_MEMORY_BYTES;
    vs_watch_limit(ticks);
}

size_t vs_box_used(void)
{
    return all_bytes;
}

/* Lua's allocator, with the request's limit. */
static void *capped(void *ud, void *p, size_t old, size_t new)
{
    struct vs_box *b = ud;
    size_t had = p ? old : 0;
    if (new == 0) {
        vs_heap_move(&b->heap, p, 0);
        b->used_bytes -= had;
        all_bytes -= had;
        return NULL;
    }
    if (new > had &&
        all_bytes + (new - had) > cap_bytes + (vs_watched.running ? 0 : RESERVE_BYTES)) {
        return NULL;
    }
    void *q = vs_heap_move(&b->heap, p, new);
    if (q) {
        b->used_bytes += new - had;
        all_bytes += new - had;
    }
    return q;
}

/* How Lua 5.4's state of all threads begins, as far as its hash's seed; lstate.h. */
struct state_start {
    lua_Alloc alloc;
    void *ud;
    ptrdiff_t total_bytes, debt;
    size_t estimate, last_atomic;
    struct {
        void *hash;
        int used, size;
    } strings;
    struct {
        lua_Integer value;
        unsigned char tag;
    } registry, nil;
    unsigned seed;
};

/* While a state is made: before its first string, the seed of its hash, which Lua makes of the
 * clock and of addresses, becomes a constant; what is hashed by its address has one that repeats
 * (heap.h). When tables grow and what the collector has found by
 * then, and so the length of a table with holes and the content of a weak one, are the same in
 * every run. A state that does not begin as expected is left as it is. */
static void *newborn(void *ud, void *p, size_t old, size_t new)
{
    struct vs_box *b = ud;
    if (!b->newborn) {
        b->newborn = capped(ud, p, old, new);
        b->newborn_bytes = new;
        return b->newborn;
    }
    struct state_start s;
    for (size_t at = 0; b->newborn_bytes && at + sizeof s <= b->newborn_bytes;
         at += sizeof(void *)) {
        memcpy(&s, (char *)b->newborn + at, sizeof s);
        if (s.alloc == newborn && s.ud == b && s.total_bytes == (ptrdiff_t)b->newborn_bytes &&
            s.debt == 0 && !s.strings.hash && s.registry.tag == LUA_TNIL &&
            s.nil.tag == LUA_TNUMBER) {
            s.seed = 0x5eed;
            memcpy((char *)b->newborn + at, &s, sizeof s);
            break;
        }
    }
    b->newborn_bytes = 0; /* once */
    return capped(ud, p, old, new);
}

struct vs_box *vs_box_open(uint64_t seed)
{
    struct vs_box *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->L = vs_heap_open(&b->heap) ? lua_newstate(newborn, b) : NULL;
    if (!b->L) {
        vs_heap_close(&b->heap);
        free(b);
        return NULL;
    }
    lua_setallocf(b->L, capped, b);
    memset(lua_getextraspace(b->L), 0, LUA_EXTRASPACE); /* new threads have a copy of it */
    vs_library_open(b->L, seed);
    vs_watch_open();
    return b;
}

void vs_box_close(struct vs_box *b)
{
    if (b) {
        vs_watch_close();
        lua_close(b->L);
        vs_heap_close(&b->heap);
        free(b);
    }
}

/* Something of this box runs from now on; what ran before, to be set again. */
static struct vs_watched enter(struct vs_box *b, lua_State *L, bool started)
{
    struct vs_watched before = vs_watched;
    vs_watched.file = b->path;
    vs_watched.started = started;
    vs_watched.running = L;
    return before;
}

/* Puts back what the watchdog watched before this call. */
static void leave(const struct vs_watched *before)
{
    vs_watched.running = before->running;
    vs_watched.file = before->file;
    vs_watched.started = before->started;
}

/* The file's text, for the caller to free; NULL and a message when it is none. */
static char *read_text(const char *path, size_t *bytes, struct vs_errors *errors)
{
    struct stat what;
    bool regular = stat(path, &what) != 0 || S_ISREG(what.st_mode); /* a pipe would block */
    FILE *f = regular ? fopen(path, "rb") : NULL;
    if (!f) {
        vs_error(errors, regular ? "%s: cannot be opened" : "%s: is not a file", path);
        return NULL;
    }
    /* Grown, not asked for at once: a large block that was mapped and given back makes malloc take
     * later large blocks from its heap, where calloc must clear them. */
    char *text = malloc(SCRIPT_START), *grown = text;
    size_t size = SCRIPT_START;
    *bytes = text ? fread(text, 1, size, f) : 0;
    while (text && *bytes == size && size < SCRIPT_BYTES && (grown = realloc(text, 2 * size))) {
        text = grown;
        *bytes += fread(text + size, 1, size, f);
        size *= 2;
    }
    const char *wrong = !grown                        ? "%s: out of memory"
                        : ferror(f)                   ? "%s: cannot be read"
                        : !*bytes                     ? "%s: is empty; a Lua script is expected"
                        : *bytes == SCRIPT_BYTES      ? "%s: is larger than 16 MiB; a Lua "
                                                        "script is expected"
                        : text[0] == LUA_SIGNATURE[0] ? "%s: is compiled Lua; the text of a "
                                                        "script is expected"
                                                      : NULL;
    fclose(f);
    if (wrong) {
        vs_error(errors, wrong, path);
        free(text);
        return NULL;
    }
    return text;
}

/* Leaves the function of a text that was called so on the stack. */
static enum vs_status compile(struct vs_box *b, const char *text, size_t bytes, char kind,
                              struct vs_errors *errors)
{
    char name[sizeof b->chunk + 1];
    snprintf(name, sizeof name, "%c%s", kind, b->chunk);
    struct vs_watched before = enter(b, b->L, false);
    int rc = luaL_loadbufferx(b->L, text, bytes, name, "t");
    leave(&before);
    if (rc != LUA_OK) {
        b->line = 0;
        vs_box_report(b, rc, errors);
        return VS_E_INPUT;
    }
    return VS_OK;
}

/* What Lua calls it: short enough to be printed whole. */
static void call_chunk(struct vs_box *b, const char *name)
{
    size_t n = strlen(name), most = sizeof b->chunk - 1;
    snprintf(b->chunk, sizeof b->chunk, "%s", n > most ? name + (n - most) : name);
}

enum vs_status vs_box_load(struct vs_box *b, const char *path, struct vs_errors *errors)
{
    size_t bytes;
    char *text = read_text(path, &bytes, errors);
    if (!text) {
        return VS_E_INPUT;
    }
    const char *slash = strrchr(path, '/');
    snprintf(b->path, sizeof b->path, "%s", path);
    if (b->reads) {
        b->reads(b->reads_ctx, path);
    }
    /* the name without its folder: what a script sees in a message must not depend on where it
     * lies */
    call_chunk(b, slash ? slash + 1 : path);
    enum vs_status st = compile(b, text, bytes, '@', errors);
    free(text);
    return st;
}

void vs_box_called(struct vs_box *b, const char *name)
{
    snprintf(b->path, sizeof b->path, "%s", name);
    call_chunk(b, name);
}

enum vs_status vs_box_text(struct vs_box *b, const char *name, const char *text,
                           struct vs_errors *errors)
{
    vs_box_called(b, name);
    return compile(b, text, strlen(text), '=', errors);
}

/* The script's line that L is at; 0: none is known. */
static int line_of(lua_State *L)
{
    lua_Debug at;
    for (int level = 0; level < 100 && lua_getstack(L, level, &at); level++) {
        if (lua_getinfo(L, "l", &at) && at.currentline > 0) {
            return at.currentline;
        }
    }
    return 0;
}

/* The message handler of vs_box_call: notes the line while the stack is there. */
static int note_line(lua_State *L)
{
    void *ud;
    lua_getallocf(L, &ud);
    ((struct vs_box *)ud)->line = line_of(L);
    return 1;
}

int vs_box_call(struct vs_box *b, int args, int results)
{
    int base = lua_gettop(b->L) - args;
    lua_pushcfunction(b->L, note_line);
    lua_insert(b->L, base);
    b->line = 0;
    struct vs_watched before = enter(b, b->L, false);
    int rc = lua_pcall(b->L, args, results, base);
    leave(&before);
    lua_remove(b->L, base);
    return rc;
}

int vs_box_resume(struct vs_box *b, lua_State *L, int args, int *results)
{
    struct vs_watched before = enter(b, L, true);
    int rc = lua_resume(L, b->L, args, results);
    leave(&before);
    return rc;
}

void vs_box_explain(const struct vs_box *b, lua_State *L, int rc, char *out, size_t bytes)
{
    char number[48]; /* as a string of Lua's it would take memory, outside lua_pcall */
    const char *text = "an error that is not a string", *more = "";
    int type = lua_type(L, -1), line = L == b->L ? b->line : line_of(L);
    if (rc == LUA_ERRMEM) {
        text = "the script's memory limit is reached";
    } else if (type == LUA_TNUMBER) {
        if (lua_isinteger(L, -1)) {
            snprintf(number, sizeof number, LUA_INTEGER_FMT, lua_tointeger(L, -1));
        } else {
            snprintf(number, sizeof number, LUA_NUMBER_FMT, lua_tonumber(L, -1));
        }
        text = number;
    } else if (type == LUA_TSTRING) {
        text = lua_tostring(L, -1);
    }
    bool said = rc == LUA_ERRMEM || type == LUA_TSTRING;
    if (rc != LUA_ERRMEM && type == LUA_TSTRING && strstr(text, "C stack overflow")) {
        more = " (expressions, blocks or calls are nested too deeply)";
    } else if (strlen(text) > VS_BOX_TEXT) {
        more = "...";
    }
    size_t n = strlen(b->chunk);
    if (rc != LUA_ERRMEM && type == LUA_TSTRING && !strncmp(text, b->chunk, n) && text[n] == ':') {
        snprintf(out, bytes, "%s%.*s%s", b->path, VS_BOX_TEXT, text + n, more);
    } else if (said && line) {
        snprintf(out, bytes, "%s:%d: %.*s%s", b->path, line, VS_BOX_TEXT, text, more);
    } else {
        snprintf(out, bytes, "%s: %.*s%s", b->path, VS_BOX_TEXT, text, more);
    }
}

void vs_box_report(struct vs_box *b, int rc, struct vs_errors *errors)
{
    char text[sizeof b->path + VS_BOX_TEXT + 100];
    vs_box_explain(b, b->L, rc, text, sizeof text);
    vs_error(errors, "%s", text);
    lua_pop(b->L, 1);
}

void vs_box_only(lua_State *L, int index, const char *what, const char *const *names)
{
    size_t n = 0;
    const char *unknown = NULL; /* of several the first by name: a table has no order */
    bool unnamed = false;
    while (names[n]) {
        n++;
    }
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        size_t i = 0;
        while (key && i < n && strcmp(key, names[i]) != 0) {
            i++;
        }
        unnamed = unnamed || !key;
        if (key && i == n && (!unknown || strcmp(key, unknown) < 0)) {
            unknown = key; /* the table keeps it */
        }
    }
    if (unnamed) {
        luaL_error(L, "%s: fields are named, as in { %s = ... }", what, names[0]);
    }
    if (unknown) {
        char hint[VS_SUGGEST];
        luaL_error(L, "%s: unknown field '%s'; %s", what, unknown,
                   vs_suggest(unknown, names, n, NULL, hint, sizeof hint));
    }
}
