/* SPDX-License-Identifier: MIT */
/* Reads the files of a machine: each of them after those that it builds on. */
#include "machine_impl.h"
#include "stated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *vs__machine_copy(const char *s)
{
    size_t n = strlen(s) + 1;
    char *c = malloc(n);
    return c ? memcpy(c, s, n) : NULL;
}

void vs__machine_fail(struct loader *ld, const char *path, const char *what)
{
    if (++ld->failures <= VS_MISTAKES_MAX) {
        vs_error(ld->errors, "%s: %.200s: %s", ld->file, path, what);
    }
}

static void load_file(struct loader *ld, enum vs_slot slot, const char *name, bool base);
static void read_file(struct loader *ld, enum vs_slot slot, const char *name, const char *file,
                      bool base);
static void read_once(struct loader *ld, enum vs_slot slot, const char *name, const char *file,
                      bool base);

/* Removes `key` from the table just below the top. */
static void drop(lua_State *L, const char *key)
{
    lua_pushstring(L, key);
    lua_pushnil(L);
    lua_rawset(L, -4);
}

/* Takes a string field out of the table on top, so that flatten does not see it. */
static bool take_string(lua_State *L, const char *key, char *out, size_t bytes)
{
    lua_pushstring(L, key);
    bool found = lua_rawget(L, -2) == LUA_TSTRING;
    if (found) {
        snprintf(out, bytes, "%s", lua_tostring(L, -1));
        drop(L, key);
    }
    lua_pop(L, 1);
    return found;
}

/* same = { part = { why = "...", "ept", "memory.l1d" } }: whose values this part may call its own.
 */
static void take_same(struct loader *ld)
{
    lua_State *L = ld->box->L;
    lua_pushliteral(L, "same");
    if (lua_rawget(L, -2) != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        struct vs_kin k = {.part = ""};
        bool named = lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1);
        snprintf(k.part, sizeof k.part, "%s", ld->of ? ld->of : "");
        snprintf(k.of, sizeof k.of, "%s", named ? lua_tostring(L, -2) : "");
        if (!named || !ld->of || !take_string(L, "why", k.why, sizeof k.why) || !*k.why) {
            vs__machine_fail(
                ld, "same",
                "write same = { PART = { why = \"...\", \"knobs.of.it\", ... } }, in a part");
            lua_pop(L, 1);
            continue;
        }
        for (int i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
            struct vs_kin *grown = realloc(ld->d->kin, (ld->d->n_kin + 1) * sizeof *grown);
            if (!grown) {
                vs__machine_fail(ld, "same", "out of memory");
                break;
            }
            ld->d->kin = grown;
            snprintf(k.prefix, sizeof k.prefix, "%s", lua_tostring(L, -1));
            ld->d->kin[ld->d->n_kin++] = k;
            lua_pop(L, 1);
        }
        lua_pop(L, 2);
    }
    drop(L, "same");
    lua_pop(L, 1);
}

/* borrows = { part = { why = "...", "ept.l1_itlb" } }: what this part takes over from which. */
static void take_borrows(struct loader *ld)
{
    lua_State *L = ld->box->L;
    lua_pushliteral(L, "borrows");
    lua_rawget(L, -2);
    if (!vs_stated_take(L, ld->file, ld->of, ld->info->stated, &ld->info->n_stated)) {
        vs__machine_fail(
            ld, "borrows",
            "write borrows = { PART = { why = \"...\", \"knobs.of.it\", ... } }, in a part");
    }
    drop(L, "borrows");
    lua_pop(L, 1);
}

/* groups = { name = { source = ..., grade = ..., "knob", ... } }: whose sum a source fixes. */
static void take_groups(struct loader *ld, bool base)
{
    lua_State *L = ld->box->L;
    char where[96];
    lua_pushliteral(L, "groups");
    lua_rawget(L, -2);
    snprintf(where, sizeof where, "groups");
    const char *wrong = !vs_description_groups(ld->d)
                            ? "out of memory"
                            : vs_group_take(L, ld->file, ld->of, ld->slot, base, ld->d->group,
                                            &ld->d->n_groups, where);
    if (wrong) {
        vs__machine_fail(ld, where, wrong);
    }
    drop(L, "groups");
    lua_pop(L, 1);
}

/* Adds the ids of `more` that are not among those of `list` yet. */
static void add_words(char *list, size_t bytes, const char *more)
{
    char padded[420], word[130], text[400];
    snprintf(text, sizeof text, "%s", more);
    char *rest = text;
    for (char *w; (w = strtok_r(rest, " ", &rest));) {
        snprintf(padded, sizeof padded, " %s ", list);
        snprintf(word, sizeof word, " %.120s ", w);
        size_t at = strlen(list);
        if (!strstr(padded, word)) {
            snprintf(list + at, bytes - at, "%s%s", at ? " " : "", w);
        }
    }
}

/* Whose programs the machine has, from here on: `of` is the hypervisor, or the kernel. */
static bool tell_programs(struct loader *ld, enum vs_slot slot, const char *of,
                          const struct vs_program_set *set)
{
    struct vs_told t = {.path = vs__machine_copy("programs"),
                        .slot = slot,
                        .value = vs__machine_copy(of),
                        .source = vs__machine_copy(""),
                        .file = vs__machine_copy(ld->file),
                        .programs = set};
    return vs_description_tell(ld->d, &t);
}

/* Whose programs a file of this slot has; VS_ROLES: nobody's. */
static enum vs_role role_of(enum vs_slot slot)
{
    return slot == VS_SLOT_HYPERVISOR ? VS_ROLE_HYPERVISOR
           : slot == VS_SLOT_KERNEL   ? VS_ROLE_GUEST
                                      : VS_ROLES;
}

/* A program that was borrowed is a statement like those of `borrows`, made once. */
static void add_stated(void *ctx, const char *file, const char *of, const char *prefix)
{
    struct loader *ld = ctx;
    struct vs_stated *all = ld->info->stated;
    size_t n = ld->info->n_stated;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(all[i].prefix, prefix) && !strcmp(all[i].of, of)) {
            return;
        }
    }
    if (n == VS_STATED_MAX) {
        vs__machine_fail(ld, "programs", "more is borrowed than there is room to say");
        return;
    }
    all[n].taken = 0;
    snprintf(all[n].file, sizeof all[n].file, "%s", file);
    snprintf(all[n].of, sizeof all[n].of, "%s", of);
    snprintf(all[n].prefix, sizeof all[n].prefix, "%s", prefix);
    ld->info->n_stated++;
}

/* program = { ... } and programs: what the hypervisor, or the guest's kernel, does; its knobs are
 * there for what this file sets. */
static void take_programs(struct loader *ld, enum vs_slot slot, const char *name, const char *path)
{
    lua_State *L = ld->box->L;
    enum vs_role role = role_of(slot);
    lua_pushliteral(L, "programs");
    bool takes = lua_rawget(L, -2) != LUA_TNIL;
    lua_pushliteral(L, "program");
    bool states = lua_rawget(L, -3) != LUA_TNIL, is_table = lua_istable(L, -1);
    lua_pop(L, 2);
    if ((takes || states) && role == VS_ROLES) {
        vs__machine_fail(ld, states ? "program" : "programs",
                         "a hypervisor's file, or a kernel's, has programs");
    } else if (states && !is_table) {
        vs__machine_fail(ld, "program", "write program = { NAME = { steps } }");
    } else if ((takes || states) && !ld->said) {
        const struct vs_program_set *set = NULL;
        struct vs_lua_programs **p = &ld->programs[role];
        if (!vs_lua_programs_table(p, ld->box, role, ld->home, name, ld->file, path, ld->errors)) {
            set = vs_lua_programs_link(*p, ld->errors);
            vs_lua_programs_taken(*p, add_stated, ld);
        }
        if (!set) {
            ld->failures++;
        } else if (!tell_programs(ld, slot, name, set)) {
            vs__machine_fail(ld, "program", "out of memory");
        }
    }
    lua_pushnil(L);
    drop(L, "programs");
    drop(L, "program");
    lua_pop(L, 1);
}

/* Takes the table on top of the stack, which `name` has returned: first what it builds on. */
static void load_table(struct loader *ld, enum vs_slot slot, const char *name, const char *shown,
                       bool base)
{
    lua_State *L = ld->box->L;
    char word[128], text[400], of[64], path[4096];
    const char *outer = ld->file, *outer_of = ld->of;
    enum vs_slot outer_slot = ld->slot;
    const char *slash = strrchr(name, '/');
    ld->file = shown;
    snprintf(path, sizeof path, "%s", ld->path);
    snprintf(of, sizeof of, "%s", slash ? slash + 1 : name);
    of[strcspn(of, ".")] = '\0';
    if (slot != VS_SLOT_MACHINE) {
        take_string(L, "of", of, sizeof of);
    }
    ld->of = slot == VS_SLOT_MACHINE ? NULL : of;
    ld->slot = slot;
    ld->fields = 0;
    if (slot != VS_SLOT_MACHINE && !base) {
        snprintf(ld->d->part[slot], sizeof ld->d->part[slot], "%s", of);
        ld->d->n_groups =
            vs_group_drop(ld->d->group, ld->d->n_groups, slot); /* of the part that was there */
    }
    if (role_of(slot) != VS_ROLES && !base) { /* another one than that this builds on */
        vs_lua_programs_free(ld->programs[role_of(slot)]);
        ld->programs[role_of(slot)] = NULL;
    }
    take_same(ld);
    if (take_string(L, "base", word, sizeof word)) {
        load_file(ld, slot, word, true);
    }
    for (int i = 0; slot == VS_SLOT_MACHINE && i < VS_SLOT_N; i++) {
        if (take_string(L, vs_machine_slot((enum vs_slot)i), word, sizeof word)) {
            load_file(ld, (enum vs_slot)i, word, false);
        }
    }
    if (take_string(L, "text", text, sizeof text) && slot == VS_SLOT_MACHINE) {
        snprintf(ld->info->text, sizeof ld->info->text, "%s", text);
    }
    take_borrows(ld);
    take_groups(ld, base);
    if (take_string(L, "calibrated", text, sizeof text)) {
        add_words(ld->info->calibrated, sizeof ld->info->calibrated, text);
    }
    take_programs(ld, slot, name, path);
    if (!ld->said) { /* else only the texts are wanted */
        vs__machine_values(ld);
    }
    ld->file = outer;
    ld->of = outer_of;
    ld->slot = outer_slot;
}

/* Finds a file by its name or path and reads it. */
static void load_file(struct loader *ld, enum vs_slot slot, const char *name, bool base)
{
    char file[4096];
    const struct vs_file_asked asked = {ld->home, ld->file, ld->at, ld->errors};
    if (++ld->depth > VS_MACHINE_DEPTH) {
        vs__machine_fail(ld, name, "descriptions that build on each other in a circle");
    } else if (!vs_machine_locate(&asked, slot, name, file, sizeof file)) {
        ld->failures++;
    } else if (ld->said) {
        read_once(ld, slot, name, file, base);
    } else {
        read_file(ld, slot, name, file, base);
    }
    ld->depth--;
}

/* Reads a file that exists and takes over what it says. */
static void read_file(struct loader *ld, enum vs_slot slot, const char *name, const char *file,
                      bool base)
{
    int rc;
    snprintf(ld->path, sizeof ld->path, "%s", file);
    if (vs_box_load(ld->box, file, ld->errors)) {
        ld->failures++;
    } else if ((rc = vs_box_call(ld->box, 0, 1)) != LUA_OK) {
        vs_box_report(ld->box, rc, ld->errors);
        ld->failures++;
    } else {
        char shown[300];
        bool plain = vs_machine_is_path(name);
        snprintf(shown, sizeof shown, plain ? "%s%s" : "%s/%s.lua",
                 plain ? "" : vs_machine_folder(slot), name);
        if (lua_istable(ld->box->L, -1)) {
            const char *outer = ld->at;
            ld->at = file;
            load_table(ld, slot, name, shown, base);
            ld->at = outer;
        } else {
            vs_error(ld->errors, "%s: must return a table of knobs", shown);
            ld->failures++;
        }
        lua_pop(ld->box->L, 1);
    }
}

/* Reads a file unless an earlier machine did, and adds its texts to the machine's. */
static void read_once(struct loader *ld, enum vs_slot slot, const char *name, const char *file,
                      bool base)
{
    struct said *s = *ld->said;
    while (s && strcmp(s->file, file) != 0) {
        s = s->next;
    }
    if (!s && (s = calloc(1, sizeof *s))) {
        struct said before = {.file = NULL};
        size_t n_stated = ld->info->n_stated;
        memcpy(before.text, ld->info->text, sizeof before.text);
        memcpy(before.calibrated, ld->info->calibrated, sizeof before.calibrated);
        size_t failures = ld->failures;
        memset(ld->info->text, 0, sizeof ld->info->text);
        memset(ld->info->calibrated, 0, sizeof ld->info->calibrated);
        read_file(ld, slot, name, file, base);
        s->failed = ld->failures > failures;
        memcpy(s->text, ld->info->text, sizeof s->text);
        memcpy(s->calibrated, ld->info->calibrated, sizeof s->calibrated);
        s->file = vs__machine_copy(file);
        s->next = *ld->said;
        *ld->said = s;
        memcpy(ld->info->text, before.text, sizeof before.text);
        memcpy(ld->info->calibrated, before.calibrated, sizeof before.calibrated);
        ld->info->n_stated = n_stated;
    }
    if (!s || !s->file) {
        vs__machine_fail(ld, name, "out of memory");
        return;
    }
    ld->failures += s->failed && !ld->failures;
    if (*s->text) {
        memcpy(ld->info->text, s->text, sizeof s->text);
    }
    add_words(ld->info->calibrated, sizeof ld->info->calibrated, s->calibrated);
}

/* The loader of a machine, whose name or file this is. */
static void begin(struct loader *ld, const char *name)
{
    ld->file = name;
    ld->slot = VS_SLOT_MACHINE;
    ld->d->n_groups = 0;
    vs_machine_begin(ld->info, name);
}

/* A file was read for the description. */
static void note_file(void *ctx, const char *path)
{
    struct vs_description *d = ctx;
    for (size_t i = 0; i < d->n_files; i++) {
        if (!strcmp(d->file[i], path)) {
            return;
        }
    }
    char **grown = realloc(d->file, (d->n_files + 1) * sizeof *grown);
    d->file = grown ? grown : d->file;
    if (grown && (d->file[d->n_files] = vs__machine_copy(path))) {
        d->n_files++;
    }
}

/* The loader's part of vs_description_of_files; how many mistakes were found. */
static size_t read_all(struct loader *ld, const char *name)
{
    ld->box = vs_box_open(0);
    if (!ld->box) {
        vs_error(ld->errors, "%s: out of memory", name);
        return 1;
    }
    ld->box->reads = note_file;
    ld->box->reads_ctx = ld->d;
    load_file(ld, VS_SLOT_MACHINE, name, false);
    for (int i = 0; i < VS_ROLES; i++) {
        vs_lua_programs_free(ld->programs[i]);
    }
    vs_box_close(ld->box);
    return ld->failures;
}

enum vs_status vs_description_of_files(const char *home, const char *name, struct vs_description *d,
                                       struct vs_machine_info *info, struct vs_errors *errors)
{
    struct loader ld = {.home = home, .errors = errors, .info = info, .d = d};
    memset(d, 0, sizeof *d);
    begin(&ld, name);
    return read_all(&ld, name) ? VS_E_CONFIG : VS_OK;
}

enum vs_status vs_machine_load(const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors)
{
    struct vs_machine_info local;
    struct vs_description d = {.n_told = 0};
    struct loader ld = {.home = home, .errors = errors, .info = info ? info : &local, .d = &d};
    char path[4096];
    const struct vs_file_asked asked = {home, name, NULL, errors};
    begin(&ld, name);
    if (!vs_machine_locate(&asked, VS_SLOT_MACHINE, name, path, sizeof path)) {
        return VS_E_UNKNOWN;
    }
    size_t failures = read_all(&ld, name);
    if (knobs) {
        failures = vs_description_settle(&d, knobs, ld.info, failures, errors);
    }
    vs_description_free(&d);
    return failures ? VS_E_CONFIG : VS_OK;
}

/* Reads the texts of all machines. */
struct informed {
    struct loader ld;
    void (*visit)(void *ctx, const struct vs_machine_info *info);
    void *ctx;
};

/* Reads those of one machine. */
static void inform(void *ctx, const char *name, const char *path)
{
    struct informed *all = ctx;
    (void)path;
    begin(&all->ld, name);
    load_file(&all->ld, VS_SLOT_MACHINE, name, false);
    all->visit(all->ctx, all->ld.info);
    all->ld.file = NULL; /* the name is the caller's for as long as this takes */
}

enum vs_status vs_machine_each_info(const char *home,
                                    void (*visit)(void *ctx, const struct vs_machine_info *info),
                                    void *ctx, struct vs_errors *errors)
{
    struct said *said = NULL;
    struct vs_machine_info info;
    struct vs_description d = {.n_told = 0};
    struct informed all = {
        .ld = {.home = home, .errors = errors, .info = &info, .said = &said, .d = &d},
        .visit = visit,
        .ctx = ctx};
    all.ld.box = vs_box_open(0);
    if (!all.ld.box) {
        vs_error(errors, "list of machines: out of memory");
        return VS_E_NOMEM;
    }
    vs_machine_each(home, inform, &all);
    vs_box_close(all.ld.box);
    for (struct said *next; said; said = next) {
        next = said->next;
        free(said->file);
        free(said);
    }
    vs_description_free(&d);
    return all.ld.failures ? VS_E_CONFIG : VS_OK;
}
