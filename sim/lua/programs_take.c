/* SPDX-License-Identifier: MIT */
/* Files of programs: what a file builds on, and what it takes by name from others. */
#include "machine_files.h"
#include "programs_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* files that build on each other */

/* Where files of programs are, what that folder is called, and whose programs it has. */
struct place {
    const char *home, *shown;
    enum vs_role role;
};

/* A file whose table is on top of the stack. */
struct file {
    const struct place *in;
    const char *name, *shown, *path;
    int depth;
};

/* The programs of a file's table, which stays, after those that it builds on and takes. */
static enum vs_status take_table(struct vs_lua_programs **p, struct vs_box *box,
                                 const struct file *f, bool base, struct vs_errors *errors);

/* Reads a file of the folder and takes its programs. */
static enum vs_status take_file(struct vs_lua_programs **p, struct vs_box *box,
                                const struct place *in, const char *name, int depth,
                                struct vs_errors *errors)
{
    char path[4200], shown[300];
    struct file f = {in, name, shown, path, depth};
    int top = lua_gettop(box->L);
    snprintf(path, sizeof path, "%s/scripts/lua/%s/%s.lua", in->home, in->shown, name);
    snprintf(shown, sizeof shown, "%s/%s.lua", in->shown, name);
    if (depth > DEPTH_MAX || strchr(name, '/')) {
        vs_error(errors, "%s: programs that build on each other in a circle", shown);
        return VS_E_CONFIG;
    }
    enum vs_status s = vs_box_load(box, path, errors);
    int rc = s ? LUA_OK : vs_box_call(box, 0, 1);
    if (rc != LUA_OK) {
        vs_box_report(box, rc, errors);
        s = VS_E_INPUT;
    } else if (!s && (!lua_istable(box->L, -1) || !lua_checkstack(box->L, 20))) {
        vs_error(errors, "%s: must return a table", shown);
        s = VS_E_INPUT;
    }
    s = s ? s : take_table(p, box, &f, true, errors);
    lua_settop(box->L, top);
    return s;
}

/* ---- what is taken from another file ---- */

const struct vs_lua_source *vs__lua_programs_source(const struct vs_lua_programs *p,
                                                    const char *name, size_t length)
{
    const struct vs_lua_source *s = p->source;
    while (s && (strncmp(s->name, name, length) != 0 || s->name[length])) {
        s = s->next;
    }
    return s;
}

/* Whether the step has a number that is evidence about somebody. */
static bool numbered(const struct vs_step_desc *step)
{
    for (int i = 0; i < VS_NUMBERS; i++) {
        if (step->number[i] != VS_NUMBER_NONE) {
            return true;
        }
    }
    return false;
}

bool vs__lua_programs_borrow(struct vs_lua_programs *p, const struct vs_lua_source *from,
                             struct vs_step_desc *step)
{
    char source[2048];
    bool taken = step->source && !strncmp(step->source, "taken from ", 11);
    if (!from->borrowed || taken || !numbered(step)) {
        return true; /* it says already whose it is, or there is nothing to say */
    }
    snprintf(source, sizeof source, "taken from %s: %s, %s", from->name,
             step->source ? step->source : "", step->grade ? step->grade : "assumed");
    step->source = vs__lua_programs_copy(p, source);
    step->grade = "assumed";
    return step->source != NULL;
}

bool vs__lua_programs_note(struct vs_lua_programs *p, const struct vs_lua_source *from,
                           const char *program, const char *step)
{
    char prefix[160];
    struct vs_lua_taken *t = vs__lua_programs_room(p, sizeof *t);
    snprintf(prefix, sizeof prefix, "%s%s%s%s%s",
             p->desc.role == VS_ROLE_GUEST ? "guest" : "hypervisor", program ? "." : "",
             program ? program : "", step ? "." : "", step ? step : "");
    if (t) {
        *t = (struct vs_lua_taken){p->desc.file, from->name, vs__lua_programs_copy(p, prefix),
                                   p->taken};
        p->taken = t;
    }
    return t && t->prefix;
}

/* What a file that this one builds on has borrowed, it has borrowed too. */
static bool pass_notes(struct vs_lua_programs *p, const struct vs_lua_programs *from,
                       const char *program)
{
    char begin[80];
    snprintf(begin, sizeof begin, "%s.%.60s",
             p->desc.role == VS_ROLE_GUEST ? "guest" : "hypervisor", program);
    for (const struct vs_lua_taken *n = from->taken; n; n = n->next) {
        size_t length = strlen(begin);
        bool all = !strchr(n->prefix, '.');
        if (all || (!strncmp(n->prefix, begin, length) && strchr(".", n->prefix[length]))) {
            struct vs_lua_taken *t = vs__lua_programs_room(p, sizeof *t);
            if (!t) {
                return false;
            }
            *t = *n;
            t->next = p->taken;
            p->taken = t;
        }
    }
    return true;
}

/* What the file takes is wrong. */
static enum vs_status wrong(const struct file *f, const char *word, const char *what,
                            struct vs_errors *errors)
{
    char line[16] = "";
    unsigned at = vs__lua_programs_line(f->path, "programs", word);
    if (at) {
        snprintf(line, sizeof line, ":%u", at);
    }
    vs_error(errors, "%s%s: programs: %s", f->shown, line, what);
    return VS_E_CONFIG;
}

/* One program of another file, as it is or as a borrowed one; `note`: by its name. */
static bool take_one(struct vs_lua_programs *p, const struct vs_lua_source *from,
                     const struct vs_program_desc *d, bool note)
{
    struct vs_program_desc *at = vs__lua_programs_slot(p, d->name);
    struct vs_step_desc *step = vs__lua_programs_room(p, (d->n + 1) * sizeof *step);
    bool good = at && step, any = false;
    for (size_t i = 0; good && i < d->n; i++) {
        step[i] = d->step[i];
        any = any || numbered(&step[i]);
        good = vs__lua_programs_borrow(p, from, &step[i]);
    }
    if (at) {
        *at = *d;
    }
    if (good) {
        at->step = step;
    }
    return good && pass_notes(p, from->all, d->name) &&
           (!note || !from->borrowed || !any || vs__lua_programs_note(p, from, d->name, NULL));
}

/* All programs of another file. */
static enum vs_status take_all(struct vs_lua_programs *p, const struct file *f,
                               const struct vs_lua_source *from, struct vs_errors *errors)
{
    bool good = !from->borrowed || vs__lua_programs_note(p, from, NULL, NULL);
    for (size_t i = 0; good && i < from->all->desc.n; i++) {
        good = take_one(p, from, &from->all->program[i], false);
    }
    return good ? VS_OK : wrong(f, from->name, "out of memory, or more than 200", errors);
}

/* The program called so of a file; NULL: it has none. */
static const struct vs_program_desc *find(const struct vs_lua_programs *p, const char *name)
{
    for (size_t i = 0; i < p->desc.n; i++) {
        if (!strcmp(p->program[i].name, name)) {
            return &p->program[i];
        }
    }
    return NULL;
}

/* A program of this name, which no other file was asked for; `seen` is the index of the table of
 * those that were. */
static enum vs_status take_name(struct vs_lua_programs *p, lua_State *L, const struct file *f,
                                const struct vs_lua_source *from, const char *name, int seen,
                                struct vs_errors *errors)
{
    const struct vs_program_desc *d = find(from->all, name);
    const char *names[VS_LUA_PROGRAMS_MAX];
    char what[600], hint[VS_SUGGEST];
    if (!d) {
        for (size_t i = 0; i < from->all->desc.n; i++) {
            names[i] = from->all->program[i].name;
        }
        snprintf(what, sizeof what, "%s has no program '%.60s'; %s", from->name, name,
                 vs_suggest(name, names, from->all->desc.n, "'virtsim list programs' shows them",
                            hint, sizeof hint));
        return wrong(f, name, what, errors);
    }
    if (lua_getfield(L, seen, name) == LUA_TSTRING) {
        snprintf(what, sizeof what, "'%.60s' is taken from %s and from %s; take it from one", name,
                 lua_tostring(L, -1), from->name);
        lua_pop(L, 1);
        return wrong(f, name, what, errors);
    }
    lua_pop(L, 1);
    lua_pushstring(L, from->name);
    lua_setfield(L, seen, name);
    return take_one(p, from, d, true) ? VS_OK
                                      : wrong(f, name, "out of memory, or more than 200", errors);
}

/* The other file, read whole. */
static struct vs_lua_source *read_source(struct vs_lua_programs *p, struct vs_box *box,
                                         const struct file *f, const char *name, bool borrowed,
                                         struct vs_errors *errors)
{
    struct vs_lua_source *from = vs__lua_programs_room(p, sizeof *from);
    if (!from) {
        return NULL;
    }
    from->name = vs__lua_programs_copy(p, name);
    from->borrowed = borrowed;
    from->next = p->source;
    p->source = from; /* who frees the programs frees these */
    char path[4096];
    const struct vs_file_asked asked = {f->in->home, f->shown, f->path, errors};
    enum vs_slot slot = f->in->role == VS_ROLE_GUEST ? VS_SLOT_KERNEL : VS_SLOT_HYPERVISOR;
    bool good = !strchr(name, '/') && vs_machine_locate(&asked, slot, name, path, sizeof path) &&
                !take_file(&from->all, box, f->in, name, f->depth + 1, errors) && from->all;
    return good && from->name ? from : NULL;
}

/* The entry of the table `programs` on top of the stack: FILE = { why = "...", "NAME", ... }. First
 * those that give all of a file, "*", then the others by their names. */
static enum vs_status take_entry(struct vs_lua_programs *p, struct vs_box *box,
                                 const struct file *f, bool names, int seen,
                                 struct vs_errors *errors)
{
    static const char form[] =
        "write programs = \"FILE\" or programs = { FILE = { why = \"...\", \"PROGRAM\", ... } }";
    lua_State *L = box->L;
    if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1)) {
        return wrong(f, "programs", form, errors);
    }
    const char *name = lua_tostring(L, -2);
    int why = lua_getfield(L, -1, "why");
    lua_pop(L, 1);
    if (why != LUA_TSTRING && why != LUA_TNIL) {
        return wrong(f, name, form, errors);
    }
    const struct vs_lua_source *from =
        names ? vs__lua_programs_source(p, name, strlen(name))
              : read_source(p, box, f, name, why == LUA_TSTRING, errors);
    enum vs_status s = from ? VS_OK : VS_E_CONFIG;
    for (int i = 1; !s && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        bool word = lua_type(L, -1) == LUA_TSTRING;
        bool all = word && !strcmp(lua_tostring(L, -1), "*");
        if (!word) {
            s = wrong(f, name, form, errors);
        } else if (all && !names) {
            s = take_all(p, f, from, errors);
        } else if (!all && names) {
            s = take_name(p, L, f, from, lua_tostring(L, -1), seen, errors);
        }
        lua_pop(L, 1);
    }
    return s;
}

/* `programs` of the file's table, which is on top of the stack: all of a file's, or by name. */
static enum vs_status take_programs(struct vs_lua_programs *p, struct vs_box *box,
                                    const struct file *f, struct vs_errors *errors)
{
    lua_State *L = box->L;
    int top = lua_gettop(L);
    enum vs_status s = VS_OK;
    lua_pushliteral(L, "programs");
    if (lua_rawget(L, top) == LUA_TSTRING) {
        struct vs_lua_source *from = read_source(p, box, f, lua_tostring(L, -1), false, errors);
        s = from ? take_all(p, f, from, errors) : VS_E_CONFIG;
    } else if (lua_istable(L, -1)) {
        lua_newtable(L); /* which have been taken, and from where */
        int seen = lua_gettop(L);
        for (int names = 0; names < 2; names++) {
            lua_pushnil(L);
            while (!s && lua_next(L, seen - 1)) {
                s = take_entry(p, box, f, names != 0, seen, errors);
                lua_settop(L, seen + 1); /* the name, for the next one */
            }
            lua_settop(L, seen);
        }
    } else if (!lua_isnil(L, -1)) {
        s = wrong(f, "programs", "is the name of a file, or a table", errors);
    }
    lua_settop(L, top);
    return s;
}

/* ---- files ---- */

/* Where the files of a role are, in scripts/lua. */
static const char *folder_of(enum vs_role role)
{
    return role == VS_ROLE_GUEST ? "kernels" : "hypervisors";
}

/* Takes the programs of one file; its base is taken first. */
static enum vs_status take_table(struct vs_lua_programs **p, struct vs_box *box,
                                 const struct file *f, bool base, struct vs_errors *errors)
{
    lua_State *L = box->L;
    enum vs_status s = VS_OK;
    lua_pushliteral(L, "base");
    if (lua_rawget(L, -2) == LUA_TSTRING && base) {
        s = take_file(p, box, f->in, lua_tostring(L, -1), f->depth + 1, errors);
    }
    lua_pop(L, 1);
    lua_pushliteral(L, "programs");
    bool takes = lua_rawget(L, -2) != LUA_TNIL;
    lua_pushliteral(L, "program");
    bool states = lua_rawget(L, -3) == LUA_TTABLE;
    lua_pop(L, 2);
    if (!s && (takes || states)) {
        s = vs__lua_programs_begin(p, f->in->role, f->name, f->shown, f->path, errors);
    }
    s = s || !takes ? s : take_programs(*p, box, f, errors);
    if (!s && states) {
        lua_pushliteral(L, "program");
        lua_rawget(L, -2);
        s = vs_lua_programs_read(p, L, f->in->role, f->name, f->shown, f->path, errors);
        lua_pop(L, 1);
    }
    return s;
}

enum vs_status vs_lua_programs_file(struct vs_lua_programs **p, struct vs_box *box,
                                    enum vs_role role, const char *home, const char *name,
                                    struct vs_errors *errors)
{
    struct place in = {home, folder_of(role), role};
    return take_file(p, box, &in, name, 0, errors);
}

enum vs_status vs_lua_programs_table(struct vs_lua_programs **p, struct vs_box *box,
                                     enum vs_role role, const char *home, const char *name,
                                     const char *file, const char *path, struct vs_errors *errors)
{
    struct place in = {home, folder_of(role), role};
    struct file f = {&in, name, file, path, 0};
    return lua_checkstack(box->L, 20) ? take_table(p, box, &f, false, errors) : VS_E_NOMEM;
}

void vs_lua_programs_taken(const struct vs_lua_programs *p,
                           void (*add)(void *ctx, const char *file, const char *of,
                                       const char *prefix),
                           void *ctx)
{
    for (const struct vs_lua_taken *t = p ? p->taken : NULL; t; t = t->next) {
        add(ctx, t->file, t->of, t->prefix);
    }
}
