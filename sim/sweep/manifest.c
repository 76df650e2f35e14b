/* SPDX-License-Identifier: MIT */
/* Reading a sweep that is written down. */
#include "sweep/manifest.h"

#include "lua/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum shape {
    TEXT,  /* one value */
    FLAG,  /* none */
    PAIR,  /* PATH, VALUE: "PATH=VALUE" */
    LIST,  /* PATH, V1, V2, ...: "PATH=V1,V2,..." */
    NAMES, /* A, B, ...: "A,B,..." */
    SAMPLE /* N [, SEED]: "N:SEED" */
};

static const struct {
    const char *call, *option;
    enum shape shape;
} words[] = {
    {"input", "input", NAMES},
    {"machine", "machine", TEXT},
    {"set", "set", PAIR},
    {"vary", "vary", LIST},
    {"zip", "zip", NAMES},
    {"let", "let", PAIR},
    {"random", "random", SAMPLE},
    {"seed", "seed", TEXT},
    {"seeds", "seeds", TEXT},
    {"warmup", "warmup", TEXT},
    {"skip", "skip", TEXT},
    {"limit", "limit", TEXT},
    {"spans", "spans", TEXT},
    {"epoch", "epoch", TEXT},
    {"where", "where", TEXT},
    {"trace_format", "trace-format", TEXT},
    {"tables", "tables", TEXT},
    {"threads", "threads", FLAG},
    {"shares", "shares", TEXT},
    {"elf", "elf", TEXT},
    {"skip_impossible", "skip-impossible", FLAG},
    {"name", "name", TEXT},
};
#define WORDS (sizeof words / sizeof words[0])

struct kept {
    struct kept *next;
    char text[];
};

struct vs_manifest {
    struct kept *strings;
    char path[4096], folder[4096];
    vs_manifest_visit *visit;
    void *ctx;
};

/* A string that lives as long as the manifest; an error of Lua's when there is no memory. */
static const char *keep(lua_State *L, struct vs_manifest *m, const char *text)
{
    size_t n = strlen(text) + 1;
    struct kept *k = malloc(sizeof *k + n);
    if (!k) {
        luaL_error(L, "out of memory");
        return NULL;
    }
    memcpy(k->text, text, n);
    k->next = m->strings;
    m->strings = k;
    return k->text;
}

/* An argument of a call as the text of an option. */
static void add_value(lua_State *L, luaL_Buffer *b, int index)
{
    char number[64];
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        luaL_addstring(b, lua_toboolean(L, index) ? "1" : "0");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            snprintf(number, sizeof number, LUA_INTEGER_FMT, lua_tointeger(L, index));
        } else {
            snprintf(number, sizeof number, "%.14g", lua_tonumber(L, index));
        }
        luaL_addstring(b, number);
        break;
    default:
        luaL_addstring(b, luaL_checkstring(L, index));
    }
}

/* A file beside the manifest is meant before one of the working folder. */
static bool beside(const struct vs_manifest *m, const char *name, char *out, size_t bytes)
{
    int n = snprintf(out, bytes, "%s%s", m->folder, name);
    char file[4096];
    snprintf(file, sizeof file, "%s", out);
    char *base = strrchr(file, '@'); /* where a program lies, which is no part of its file's name */
    if (base && !strncmp(base, "@0x", 3)) {
        *base = '\0';
    }
    return *m->folder && *name != '/' && n > 0 && (size_t)n < bytes && !access(file, F_OK);
}

/* Says whether an option's value names a file, which is then found relative to the manifest. */
static bool names_file(const char *option)
{
    return !strcmp(option, "input") || !strcmp(option, "tables") || !strcmp(option, "machine") ||
           !strcmp(option, "elf");
}

/* The file or path that an argument names; the manifest's folder is looked at first. */
static void add_file(lua_State *L, const struct vs_manifest *m, luaL_Buffer *b, int index)
{
    char path[4096];
    const char *name = luaL_checkstring(L, index);
    luaL_addstring(b, beside(m, name, path, sizeof path) ? path : name);
}

/* "FILE:LINE" of the call that is under way. */
static const char *where(lua_State *L, struct vs_manifest *m)
{
    lua_Debug at;
    char text[4200];
    int line = lua_getstack(L, 1, &at) && lua_getinfo(L, "l", &at) ? at.currentline : 0;
    snprintf(text, sizeof text, "%s:%d", m->path, line);
    return keep(L, m, text);
}

/* Raises an error unless a manifest's call has the number of arguments its word takes. */
static void check_arguments(lua_State *L, size_t w, int n)
{
    static const struct {
        int least, most;
        const char *form;
    } shapes[] = {[TEXT] = {1, 1, "a value"},
                  [FLAG] = {0, 0, ""},
                  [PAIR] = {2, 2, "\"PATH\", VALUE"},
                  [LIST] = {2, 100000, "\"PATH\", V1, V2, ..."},
                  [NAMES] = {1, 1000, "\"A\", \"B\", ..."},
                  [SAMPLE] = {1, 2, "N, SEED"}};
    if (n < shapes[words[w].shape].least || n > shapes[words[w].shape].most) {
        luaL_error(L, "%s(%s) is needed, not %d arguments", words[w].call,
                   shapes[words[w].shape].form, n);
    }
}

/* A call of one of the words: upvalues are the manifest and which word. */
static int call_word(lua_State *L)
{
    struct vs_manifest *m = lua_touserdata(L, lua_upvalueindex(1));
    size_t w = (size_t)lua_tointeger(L, lua_upvalueindex(2));
    int n = lua_gettop(L);
    check_arguments(L, w, n);
    const char *from = where(L, m), *option = words[w].option;
    if (words[w].shape == FLAG) {
        m->visit(m->ctx, option, NULL, from);
        return 0;
    }
    bool paths = (words[w].shape == PAIR || words[w].shape == LIST);
    bool files = names_file(option) || (words[w].shape == LIST && lua_type(L, 1) == LUA_TSTRING &&
                                        names_file(lua_tostring(L, 1)));
    if (!strcmp(option, "input")) { /* each is an argument of its own */
        for (int i = 1; i <= n; i++) {
            luaL_Buffer b;
            luaL_buffinit(L, &b);
            add_file(L, m, &b, i);
            luaL_pushresult(&b);
            m->visit(m->ctx, option, keep(L, m, lua_tostring(L, -1)), from);
            lua_pop(L, 1);
        }
        return 0;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1) {
            luaL_addchar(&b, words[w].shape == SAMPLE ? ':' : paths && i == 2 ? '=' : ',');
        }
        if (files && (!paths || i > 1)) {
            add_file(L, m, &b, i);
        } else {
            add_value(L, &b, i);
        }
    }
    luaL_pushresult(&b);
    m->visit(m->ctx, option, keep(L, m, lua_tostring(L, -1)), from);
    return 0;
}

/* A name that is nothing: most often a word that is misspelt. */
static int call_unknown(lua_State *L)
{
    const char *names[WORDS], *key = luaL_checkstring(L, 2);
    for (size_t i = 0; i < WORDS; i++) {
        names[i] = words[i].call;
    }
    char hint[VS_SUGGEST];
    return luaL_error(L, "'%s' is not known to a manifest; %s", key,
                      vs_suggest(key, names, WORDS, NULL, hint, sizeof hint));
}

/* Under lua_pcall: the words, and what is said of any other. */
static int make_words(lua_State *L)
{
    lua_pushglobaltable(L);
    for (size_t i = 0; i < WORDS; i++) {
        lua_pushvalue(L, 1);
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, call_word, 2);
        lua_setfield(L, -2, words[i].call);
    }
    lua_newtable(L);
    lua_pushcfunction(L, call_unknown);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 0;
}

struct vs_manifest *vs_manifest_read(const char *path, const char *text, vs_manifest_visit *visit,
                                     void *ctx, struct vs_errors *errors)
{
    struct vs_manifest *m = calloc(1, sizeof *m);
    struct vs_box *box = m ? vs_box_open(1) : NULL;
    if (!box) {
        free(m);
        vs_error(errors, "%s: out of memory", path);
        return NULL;
    }
    const char *slash = strrchr(path, '/');
    m->visit = visit;
    m->ctx = ctx;
    snprintf(m->path, sizeof m->path, "%s", path);
    if (slash && !text) {
        snprintf(m->folder, sizeof m->folder, "%.*s", (int)(slash - path + 1), path);
    }
    vs_watch_request();
    lua_pushcfunction(box->L, make_words);
    lua_pushlightuserdata(box->L, m);
    int rc = lua_pcall(box->L, 1, 0, 0);
    if (rc != LUA_OK) {
        vs_error(errors, "%s: out of memory", path);
    } else if (!(text ? vs_box_text(box, path, text, errors) : vs_box_load(box, path, errors)) &&
               (rc = vs_box_call(box, 0, 0)) != LUA_OK) {
        vs_box_report(box, rc, errors);
    }
    vs_box_close(box);
    return m;
}

void vs_manifest_free(struct vs_manifest *m)
{
    for (struct kept *k = m ? m->strings : NULL, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    free(m);
}
