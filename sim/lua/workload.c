/* SPDX-License-Identifier: MIT */
/* Loading a workload and running its programs. The class of `cpu` is in workload_cpu.c. */
#include "workload_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

/* The workload whose function Lua is calling. */
static struct vs_workload *self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* The same for what declares: a run has begun with what was declared before. */
static struct vs_workload *loading(lua_State *L, const char *what)
{
    struct vs_workload *w = self(L);
    if (w->loaded) {
        luaL_error(L, "%s: belongs to the top level of the script, not into a running guest", what);
    }
    return w;
}

/* A number or size at `key` of the table at index 1, or `missing`. */
static uint64_t number_field(lua_State *L, const char *key, uint64_t missing)
{
    uint64_t v = missing;
    int type = lua_getfield(L, 1, key);
    if (type == LUA_TBOOLEAN) {
        v = (uint64_t)lua_toboolean(L, -1);
    } else if (type != LUA_TNIL) {
        lua_Integer i = 0;
        int exact = 0;
        i = lua_tointegerx(L, -1, &exact);
        if (exact && i >= 0) {
            v = (uint64_t)i;
        } else if (!vs_parse_number(luaL_tolstring(L, -1, NULL), &v) || v > INT64_MAX) {
            luaL_error(L, /* as the script's integers have a sign */
                       "param: %s must be a whole number from 0 to 2^63 - 1 or a size such as "
                       "\"4MiB\"",
                       key);
        }
        lua_settop(L, 1);
    }
    lua_settop(L, 1);
    return v;
}

/* The text in a field of the table at index 1, or what stands for a missing one. */
static const char *string_field(lua_State *L, const char *key, const char *missing)
{
    lua_pushstring(L, key);
    int type = lua_rawget(L, 1); /* raw: what __index makes up would not stay alive */
    if (type != LUA_TSTRING && type != LUA_TNIL) {
        luaL_error(L, "param: %s must be a string", key);
    }
    if (type == LUA_TSTRING && lua_rawlen(L, -1) > VS_BOX_TEXT) { /* copies are not its memory */
        luaL_error(L, "param: %s has at most %d characters", key, VS_BOX_TEXT);
    }
    return type == LUA_TSTRING ? lua_tostring(L, -1) : missing;
}

/* The value that the parameter will have: what the request sets last, its default where that is
 * wrong or nothing. */
static void push_asked(lua_State *L, const struct vs_workload *w, const struct vs_knob_desc *d)
{
    const struct vs_knob *k = w->knobs ? vs_knobs_find(w->knobs, d->path) : NULL;
    size_t n = strlen(d->path);
    char text[64];
    for (size_t i = 0; k && i < w->n_sets; i++) {
        if (!strncmp(w->sets[i], d->path, n) && w->sets[i][n] == '=') {
            struct vs_errors unheard = {NULL, 0};
            struct vs_origin who = {VS_RANK_CLI, "--set", "the request", VS_GRADE_assumed};
            (void)vs_knobs_set(w->knobs, d->path, w->sets[i] + n + 1u, &who, &unheard);
            vs_errors_free(&unheard);
        }
    }
    if (!k) { /* somebody who only wants to know what there is */
        lua_pushinteger(L, (lua_Integer)d->def);
    } else if (d->kind == VS_KNOB_CHOICE) {
        lua_pushstring(L, vs_knob_text(k, text, sizeof text));
    } else {
        lua_pushinteger(L, (lua_Integer)k->value);
    }
}

/* param{}: declares a parameter of the workload, and returns what reads its value. */
static int l_param(lua_State *L)
{
    struct vs_workload *w = loading(L, "param");
    static const char *const fields[] = {"name", "default", "min",     "max",
                                         "unit", "text",    "choices", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    vs_box_only(L, 1, "param", fields);
    const char *name = string_field(L, "name", NULL);
    if (!name || !*name) {
        return luaL_error(
            L, "param: a name is needed: param { name = \"footprint\", default = \"1GiB\", ... }");
    }
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")]) {
        return luaL_error(L,
                          "param '%s': a name has letters, digits and _ only, so that --set can "
                          "name it",
                          name);
    }
    if (w->n_params == VS_WORKLOAD_PARAMS) {
        return luaL_error(L, "param %s: at most %d parameters", name, VS_WORKLOAD_PARAMS);
    }
    /* all fields first: a wrong one ends this function, and what it had copied would be lost */
    const char *choices = string_field(L, "choices", NULL);
    const char *unit = string_field(L, "unit", choices ? "choice" : "count");
    const char *text = string_field(L, "text", "");
    lua_settop(L, 1);
    char path[128];
    snprintf(path, sizeof path, "workload.%s", name);
    struct param *p = &w->param[w->n_params++]; /* close frees it from here on */
    p->path = strdup(path);
    p->choices = choices ? strdup(choices) : NULL;
    p->unit = strdup(unit);
    p->text = strdup(text);
    p->name = strdup(name);
    if (!p->path || !p->unit || !p->text || !p->name || (choices && !p->choices)) {
        return luaL_error(L, "out of memory");
    }
    struct vs_knob_desc *d = &p->desc;
    *d = (struct vs_knob_desc){.path = p->path,
                               .kind = choices ? VS_KNOB_CHOICE : VS_KNOB_NUM,
                               .unit = p->unit,
                               .choices = p->choices,
                               .grade = VS_GRADE_assumed,
                               .source = "the workload's own default",
                               .text = p->text};
    if (choices) {
        const char *def = string_field(L, "default", "");
        bool found = false;
        for (const char *c = p->choices; *c && !found; d->def += !found) {
            size_t n = strcspn(c, "|");
            found = n == strlen(def) && !strncmp(c, def, n);
            c += n + (c[n] == '|');
        }
        if (!found) {
            return luaL_error(L, "param %s: default \"%s\" is not one of %s", name, def,
                              p->choices);
        }
        d->max = 255;
    } else {
        d->min = number_field(L, "min", 0);
        d->max = number_field(L, "max", (uint64_t)1 << 62);
        d->def = number_field(L, "default", d->min);
        if (d->def < d->min || d->def > d->max) {
            return luaL_error(L, "param %s: the default is outside min..max", name);
        }
    }
    lua_settop(L, 0);
    if (w->knobs && vs_knobs_add(w->knobs, d)) {
        return luaL_error(L, "param %s is declared twice", name);
    }
    push_asked(L, w, d);
    return 1;
}

/* guest(): the function that a vCPU runs, with the vCPU whose address space it shares. */
static int l_guest(lua_State *L)
{
    struct vs_workload *w = loading(L, "guest");
    static const char *const fields[] = {"vcpu", "shares", "run", NULL};
    lua_Integer first = w->n_guests, shares = -1;
    if (lua_istable(L, 1)) {
        lua_settop(L, 1);
        vs_box_only(L, 1, "guest", fields);
        if (lua_getfield(L, 1, "vcpu") != LUA_TNIL) {
            int exact = 0;
            first = lua_tointegerx(L, -1, &exact);
            if (!exact || first < 0 || first >= VS_WORKLOAD_VCPUS) {
                return luaL_error(L, "guest: vcpu must be 0..%d", VS_WORKLOAD_VCPUS - 1);
            }
        }
        if (lua_getfield(L, 1, "shares") != LUA_TNIL) {
            int exact = 0;
            shares = lua_tointegerx(L, -1, &exact);
            if (!exact || shares < 0 || shares >= first) {
                return luaL_error(L,
                                  "guest: shares names the vCPU, of a lower number than its own, "
                                  "whose address spaces it works in");
            }
        }
        lua_getfield(L, 1, "run");
        lua_replace(L, 1);
        lua_settop(L, 1);
    }
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (first >= VS_WORKLOAD_VCPUS) {
        return luaL_error(L, "guest: at most %d vCPUs", VS_WORKLOAD_VCPUS);
    }
    struct guest *g = &w->guest[first];
    if (g->function) {
        return luaL_error(L, "guest: vCPU %d already has a program", (int)first);
    }
    g->function = luaL_ref(L, LUA_REGISTRYINDEX);
    g->shares = (unsigned)(shares + 1);
    w->n_guests = (unsigned)first >= w->n_guests ? (unsigned)first + 1u : w->n_guests;
    return 0;
}

/* defaults { ["nic.traffic.window"] = 1 }: knobs of the machine's, where the request does not set
 * them. */
static int l_defaults(lua_State *L)
{
    struct vs_workload *w = loading(L, "defaults");
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    /* whoever lists workloads has no machine */
    bool of_machine = w->knobs && vs_knobs_count(w->knobs) > w->n_params;
    for (lua_pushnil(L); lua_next(L, 1); lua_settop(L, 2)) {
        if (lua_type(L, 2) != LUA_TSTRING || !strncmp(lua_tostring(L, 2), "workload.", 9)) {
            return luaL_error(L, "defaults: knobs of the machine are needed, such as defaults { "
                                 "[\"nic.traffic.window\"] = 1 }");
        }
        struct vs_errors wrong = {NULL, 0};
        struct vs_origin who = {VS_RANK_WORKLOAD, "defaults", "the workload", VS_GRADE_assumed};
        if (of_machine &&
            vs_knobs_set(w->knobs, lua_tostring(L, 2), luaL_tolstring(L, 3, NULL), &who, &wrong)) {
            lua_pushstring(L, wrong.n ? wrong.text[0] : "a wrong knob");
            vs_errors_free(&wrong);
            return lua_error(L);
        }
        vs_errors_free(&wrong);
    }
    return 0;
}

/* workload(): what the workload does, in one line. */
static int l_workload(lua_State *L)
{
    struct vs_workload *w = loading(L, "workload");
    snprintf(w->text, sizeof w->text, "%s", luaL_checkstring(L, 1));
    return 0;
}

/* metrics { "op:walk", ... }: what a table of its runs shows when nobody says. Whether there are
 * such metrics is looked at by who knows them. */
static int l_metrics(lua_State *L)
{
    struct vs_workload *w = loading(L, "metrics");
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (*w->metrics) {
        return luaL_error(L, "metrics: stated already, in line %d", w->metrics_line);
    }
    lua_Debug at;
    if (lua_getstack(L, 1, &at) && lua_getinfo(L, "l", &at)) {
        w->metrics_line = at.currentline;
    }
    size_t n = (size_t)lua_rawlen(L, 1), used = 0;
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i);
        size_t bytes = 0;
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &bytes) : NULL;
        if (!text || !bytes || strlen(text) != bytes || strpbrk(text, " \t\n")) {
            *w->metrics = '\0';
            return luaL_error(L, "metrics: a list of names is needed, such as "
                                 "metrics { \"op:walk\", \"op:exit.cpuid.p99\" }");
        }
        if (used + bytes + 2u > sizeof w->metrics) {
            *w->metrics = '\0';
            return luaL_error(L, "metrics: more than the %d characters that a list has",
                              (int)sizeof w->metrics - 1);
        }
        used += (size_t)snprintf(w->metrics + used, sizeof w->metrics - used, "%s%s",
                                 used ? " " : "", text);
        lua_settop(L, 1);
    }
    if (!used) {
        return luaL_error(L, "metrics: a list of names is needed, such as metrics { \"op:walk\" }");
    }
    return 0;
}

/* Hashes the script's bytes, by which runs know that they had the same input. */
static enum vs_status hash_file(struct vs_workload *w, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return VS_E_INPUT;
    }
    XXH64_state_t *h = XXH64_createState();
    char block[4096];
    size_t n;
    if (h) {
        XXH64_reset(h, 0);
    }
    while (h && (n = fread(block, 1, sizeof block, f)) > 0) {
        XXH64_update(h, block, n);
    }
    fclose(f);
    if (!h) {
        return VS_E_NOMEM;
    }
    w->hash = XXH64_digest(h);
    XXH64_freeState(h);
    return VS_OK;
}

enum vs_status vs_workload_load(const char *path, struct vs_knobs *knobs, const char *const *sets,
                                size_t n_sets, uint64_t seed, struct vs_workload **out,
                                struct vs_errors *errors)
{
    *out = NULL;
    struct vs_workload *w = calloc(1, sizeof *w);
    if (!w || !(w->box = vs_box_open(seed))) {
        free(w);
        vs_error(errors, "%s: out of memory", path);
        return VS_E_NOMEM;
    }
    w->knobs = knobs;
    w->sets = sets;
    w->n_sets = n_sets;
    const char *slash = strrchr(path, '/');
    snprintf(w->name, sizeof w->name, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(w->name, '.');
    if (dot && !strcmp(dot, ".lua")) {
        *dot = '\0';
    }
    lua_State *L = w->box->L;
    static const luaL_Reg top[] = {{"param", l_param},       {"guest", l_guest},
                                   {"workload", l_workload}, {"metrics", l_metrics},
                                   {"defaults", l_defaults}, {NULL, NULL}};
    for (const luaL_Reg *r = top; r->name; r++) {
        lua_pushlightuserdata(L, w);
        lua_pushcclosure(L, r->func, 1);
        lua_setglobal(L, r->name);
    }
    vs__cpu_class(L);
    enum vs_status s = vs_box_load(w->box, path, errors);
    int rc = s ? LUA_OK : vs_box_call(w->box, 0, 0);
    if (rc != LUA_OK) {
        vs_box_report(w->box, rc, errors);
        s = VS_E_INPUT;
    }
    if (!s && !w->n_guests) {
        vs_error(errors, "%s: no guest; a workload says guest(function(cpu, p) ... end)", path);
        s = VS_E_INPUT;
    }
    for (unsigned i = 0; !s && i < w->n_guests; i++) {
        if (!w->guest[i].function) {
            vs_error(errors, "%s: vCPU %u has no program, vCPU %u has one", path, i,
                     w->n_guests - 1);
            s = VS_E_INPUT;
        }
    }
    if (s || (s = hash_file(w, path))) {
        vs_workload_close(w);
        return s;
    }
    w->loaded = true;
    *out = w;
    return VS_OK;
}

struct vs_workload_info vs_workload_info(const struct vs_workload *w)
{
    return (struct vs_workload_info){w->name,     w->text,    w->hash,
                                     w->n_guests, w->metrics, w->metrics_line};
}

unsigned vs_workload_shares(const struct vs_workload *w, unsigned index)
{
    return w->guest[index].shares;
}

/* Raises the error of a parameter that isn't declared, with the nearest one. */
static int unknown_parameter(lua_State *L)
{
    const struct vs_workload *w = self(L);
    const char *names[VS_WORKLOAD_PARAMS], *key = luaL_tolstring(L, 2, NULL);
    for (size_t i = 0; i < w->n_params; i++) {
        names[i] = w->param[i].name;
    }
    char hint[VS_SUGGEST];
    return luaL_error(L, "no parameter '%s' is declared; %s", key,
                      vs_suggest(key, names, w->n_params, NULL, hint, sizeof hint));
}

/* Pushes the table by which a script reads its parameters. */
static void push_values(lua_State *L, struct vs_workload *w, const struct vs_knobs *knobs)
{
    lua_newtable(L);
    for (size_t i = 0; i < w->n_params; i++) {
        const struct vs_knob *k = vs_knobs_find(knobs, w->param[i].path);
        char text[64];
        if (!k) {
            continue;
        }
        if (k->desc->kind == VS_KNOB_CHOICE) {
            lua_pushstring(L, vs_knob_text(k, text, sizeof text));
        } else {
            lua_pushinteger(L, (lua_Integer)k->value);
        }
        lua_setfield(L, -2, w->param[i].name);
    }
    lua_newtable(L);
    lua_pushlightuserdata(L, w);
    lua_pushcclosure(L, unknown_parameter, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

/* Programs have the lower half of x86's addresses, and all that Arm's TTBR0 translates. */
static unsigned address_bits(const struct vs_knobs *knobs)
{
    const struct vs_knob *format = vs_knobs_find(knobs, "guest.format"),
                         *levels = vs_knobs_find(knobs, "guest.levels"),
                         *t0sz = vs_knobs_find(knobs, "guest.t0sz");
    if (format && format->value && t0sz) {
        return 64u - (unsigned)t0sz->value;
    }
    return levels && levels->value == 5 ? 56u : 47u;
}

/* The guest's smallest page: 12 on x86, by the granule on Arm. */
static unsigned page_shift(const struct vs_knobs *knobs)
{
    const struct vs_knob *format = vs_knobs_find(knobs, "guest.format"),
                         *granule = vs_knobs_find(knobs, "guest.granule");
    return format && format->value && granule ? 12u + 2u * (unsigned)granule->value : 12u;
}

/* Whose processor it is: cpu.vendor and enum vs_req_machines have the same order. */
static unsigned machines(const struct vs_knobs *knobs)
{
    const struct vs_knob *vendor = vs_knobs_find(knobs, "cpu.vendor");
    return vendor ? 1u << vendor->value : VS_REQ_INTEL;
}

void vs_workload_values(struct vs_workload *w, const struct vs_knobs *knobs)
{
    w->address_bits = address_bits(knobs);
    w->page_shift = page_shift(knobs);
    w->machines = machines(knobs);
    lua_State *L = w->box->L;
    for (unsigned i = 0; i < w->n_guests; i++) {
        struct guest *g = &w->guest[i];
        g->workload = w;
        g->index = i;
        g->L = lua_newthread(L);
        g->thread = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_rawgeti(g->L, LUA_REGISTRYINDEX, g->function);
        vs__cpu_push(g->L, g);
        push_values(g->L, w, knobs);
        g->args = 2;
    }
}

/* Resumes the guest's function with the reply, and takes the request it makes. */
static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct guest *g = ctx;
    struct vs_box *b = g->workload->box;
    out->kind = VS_REQ_ERROR; /* until vs__cpu_begin empties it for one */
    if (g->done) {
        *out = (struct vs_request){.kind = g->failed ? VS_REQ_ERROR : VS_REQ_END};
        return;
    }
    if (reply->now_ps != g->now_ps || !g->started) {
        vs_box_progress();
    }
    g->started = true;
    g->now_ps = reply->now_ps;
    g->reply = reply->value;
    g->interrupts = reply->interrupts;
    g->steal_ps = reply->steal_ps;
    g->seen = reply->seen;
    g->qualification = reply->qualification;
    g->guest_physical = reply->guest_physical;
    g->request = out;
    if (g->service.at && vs__serve_next(g, out)) {
        return;
    }
    int results = 0;
    int rc = vs_box_resume(b, g->L, g->args, &results);
    g->args = 0;
    if (rc == LUA_YIELD) {
        lua_pop(g->L, results);
        return;
    }
    g->done = true;
    *out = (struct vs_request){.kind = rc == LUA_OK ? VS_REQ_END : VS_REQ_ERROR};
    if (rc == LUA_OK) {
        return;
    }
    g->failed = true;
    struct vs_workload *w = g->workload;
    int at = snprintf(w->error, sizeof w->error, "vCPU %u: ", g->index);
    vs_box_explain(b, g->L, rc, w->error + at, sizeof w->error - (size_t)at);
    vs__cpu_hint(w->error, sizeof w->error);
}

/* The message of the guest that failed. */
static const char *error(void *ctx)
{
    const struct guest *g = ctx;
    return g->workload->error;
}

/* The line of the script that made the request under way, "w.lua:3: ". */
static void where(void *ctx, char *out, size_t bytes)
{
    const struct guest *g = ctx;
    lua_Debug at;
    if (lua_getstack(g->L, 1, &at) && lua_getinfo(g->L, "Sl", &at) && at.currentline > 0) {
        snprintf(out, bytes, "%s:%d: ", at.short_src, at.currentline);
    }
}

/* Closes nothing, since the workload owns its guests. */
static void close_nothing(void *ctx)
{
    (void)ctx; /* the workload owns its guests */
}

bool vs_workload_source(struct vs_workload *w, unsigned index, struct vs_guest_source *out)
{
    if (index >= w->n_guests) {
        return false;
    }
    *out = (struct vs_guest_source){&w->guest[index], next, error, close_nothing, where};
    return true;
}

void vs_workload_close(struct vs_workload *w)
{
    if (!w) {
        return;
    }
    vs_box_close(w->box);
    for (size_t i = 0; i < w->n_params; i++) {
        free(w->param[i].path);
        free(w->param[i].unit);
        free(w->param[i].text);
        free(w->param[i].name);
        free(w->param[i].choices);
    }
    free(w);
}
