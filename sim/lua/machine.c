/* SPDX-License-Identifier: MIT */
/* More lines than most files: every form a description may have is taken out of its table here, one
 * function each, before what is left is flattened into knobs. */
#include "machine.h"

#include "borrow.h"
#include "box.h"
#include "programs.h"
#include "stated.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8       /* base of base of ... */
#define MISTAKES_MAX 50u  /* listed of one description */
#define FIELDS_MAX 20000u /* of a file and the parts it names; more is a table many times over */

static const struct {
    const char *key, *folder;
} parts[VS_SLOT_N] = {[VS_SLOT_CPU] = {"cpu", "cpus"},
                      [VS_SLOT_MEMORY] = {"memory", "memories"},
                      [VS_SLOT_HYPERVISOR] = {"hypervisor", "hypervisors"},
                      [VS_SLOT_IOMMU] = {"iommu", "iommus"},
                      [VS_SLOT_NIC] = {"nic", "nics"}};
#define MACHINE VS_SLOT_N /* the machine's own file, which fills no slot */

struct leaf {
    char *path, *value, *source, *of;
    enum vs_evidence grade;
};

/* What a file that was read says about its machine: for the next machine that is built on it. */
struct said {
    char *file;
    char text[400], calibrated[400];
    bool failed;
    struct said *next;
};

struct loader {
    const char *home;
    struct vs_box *box;
    struct said **said; /* of vs_machine_each_info: files are read once; NULL otherwise */
    struct vs_knobs *knobs;
    struct vs_errors *errors;
    struct vs_machine_info *info;
    const char *file;  /* being read */
    const char *at;    /* where it is: paths in it are relative to that; NULL: the request's */
    const char *of;    /* whose values it states: a part, or NULL in a machine's own file */
    enum vs_slot slot; /* that it belongs to */
    struct leaf *leaf; /* of this file, not yet applied */
    size_t n_leaf;
    char part[VS_SLOT_N][64]; /* what fills each slot */
    struct vs_kin *kin;
    size_t n_kin;
    struct vs_told *told; /* of all files, applied; strings owned */
    size_t n_told;
    struct vs_group_told group[VS_GROUPS_MAX];
    size_t n_groups;
    size_t failures, fields;
    int depth;
    struct vs_lua_programs *programs; /* of the hypervisor's files so far */
    char path[4096];                  /* of the file that was read last */
};

static char *copy(const char *s)
{
    size_t n = strlen(s) + 1;
    char *c = malloc(n);
    return c ? memcpy(c, s, n) : NULL;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

static void fail(struct loader *ld, const char *path, const char *what)
{
    if (++ld->failures <= MISTAKES_MAX) {
        vs_error(ld->errors, "%s: %.200s: %s", ld->file, path, what);
    }
}

/* The value at the top of the stack is { value, "source", "grade" }, perhaps with of = "part". */
static void add_leaf(struct loader *ld, const char *path)
{
    lua_State *L = ld->box->L;
    struct leaf l = {NULL, NULL, NULL, NULL, VS_GRADE_assumed};
    lua_pushliteral(L, "of");
    lua_rawget(L, -2);
    const char *of = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : ld->of;
    lua_pop(L, 1); /* the table keeps it */
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    lua_rawgeti(L, -3, 3);
    const char *source = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL,
               *grade = lua_tostring(L, -1);
    /* a number becomes "1e+06" or "3.0" here: both are read back the same */
    const char *value =
        lua_isboolean(L, -3) ? (lua_toboolean(L, -3) ? "1" : "0") : lua_tostring(L, -3);
    if ((value && strlen(value) > VS_BOX_TEXT) || (source && strlen(source) > VS_BOX_TEXT) ||
        (of && strlen(of) > VS_BOX_TEXT)) {
        fail(ld, path, "a value, a source and a part have at most 2000 characters");
    } else if (!value) {
        fail(ld, path, "the value must be a number, a string or a boolean");
    } else if (!source || !*source) {
        fail(ld, path, "a number without a source; write { value, \"source\", \"grade\" }");
    } else if (!grade || !vs_evidence_parse(grade, &l.grade)) {
        fail(ld, path, "the grade must be measured, derived, documented or assumed");
    } else {
        l.path = copy(path);
        l.value = copy(value);
        l.source = copy(source);
        l.of = of ? copy(of) : NULL;
        struct leaf *grown = realloc(ld->leaf, (ld->n_leaf + 1) * sizeof *grown);
        ld->leaf = grown ? grown : ld->leaf;
        if (grown && l.path && l.value && l.source) {
            ld->leaf[ld->n_leaf++] = l;
        } else {
            free(l.path);
            free(l.value);
            free(l.source);
            free(l.of);
            fail(ld, path, "out of memory");
        }
    }
}

static void flatten(struct loader *ld, const char *prefix, int depth)
{
    lua_State *L = ld->box->L;
    if (depth > DEPTH_MAX || !lua_checkstack(L, 16)) {
        fail(ld, prefix, "nested too deeply");
        ld->fields = FIELDS_MAX + 1; /* once */
        return;
    }
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (ld->fields <= FIELDS_MAX && lua_next(L, -2)) {
        char path[256];
        if (++ld->fields > FIELDS_MAX) {
            fail(ld, prefix, "too many fields; a table stands in it many times over");
            break;
        }
        if (lua_type(L, -2) != LUA_TSTRING) {
            fail(ld, prefix, "knob names are strings");
            lua_pop(L, 1);
            continue;
        }
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", lua_tostring(L, -2));
        if (!lua_istable(L, -1)) {
            fail(ld, path, "a number without a source; write { value, \"source\", \"grade\" }");
        } else {
            int top = lua_gettop(L);
            bool is_leaf = lua_rawgeti(L, -1, 1) != LUA_TNIL;
            lua_pop(L, 1);
            if (is_leaf) {
                add_leaf(ld, path);
            } else {
                flatten(ld, path, depth + 1);
            }
            lua_settop(L, top);
        }
        lua_pop(L, 1);
    }
    lua_settop(L, table);
}

static void apply(struct loader *ld)
{
    char who[300];
    snprintf(who, sizeof who, "machine %s (%s)", ld->info->name, ld->file);
    if (ld->n_leaf) {
        qsort(ld->leaf, ld->n_leaf, sizeof *ld->leaf, by_path);
    }
    struct vs_told *told = realloc(ld->told, (ld->n_told + ld->n_leaf) * sizeof *told + 1);
    if (!told) {
        fail(ld, ld->file, "out of memory");
    }
    ld->told = told ? told : ld->told;
    for (size_t i = 0; i < ld->n_leaf; i++) {
        if (told && i && !strcmp(ld->leaf[i].path, ld->leaf[i - 1].path)) {
            fail(ld, ld->leaf[i].path, "is said twice in this file");
        }
        struct vs_origin origin = {VS_RANK_MACHINE, who, ld->leaf[i].source, ld->leaf[i].grade};
        if (ld->knobs && ld->failures < MISTAKES_MAX &&
            vs_knobs_set(ld->knobs, ld->leaf[i].path, ld->leaf[i].value, &origin, ld->errors)) {
            ld->failures++;
        }
        if (told) {
            ld->told[ld->n_told++] = (struct vs_told){ld->leaf[i].path, ld->leaf[i].of, ld->slot};
        } else {
            free(ld->leaf[i].path);
            free(ld->leaf[i].of);
        }
        free(ld->leaf[i].value);
        free(ld->leaf[i].source);
    }
    free(ld->leaf);
    ld->leaf = NULL;
    ld->n_leaf = 0;
}

static void load_file(struct loader *ld, enum vs_slot slot, const char *name, bool base);
static void read_file(struct loader *ld, enum vs_slot slot, const char *name, const char *file,
                      bool base);
static void read_once(struct loader *ld, enum vs_slot slot, const char *name, const char *file,
                      bool base);

static const char *folder_of(enum vs_slot slot)
{
    return slot == MACHINE ? "machines" : parts[slot].folder;
}

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
            fail(ld, "same",
                 "write same = { PART = { why = \"...\", \"knobs.of.it\", ... } }, in a part");
            lua_pop(L, 1);
            continue;
        }
        for (int i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
            struct vs_kin *grown = realloc(ld->kin, (ld->n_kin + 1) * sizeof *grown);
            if (!grown) {
                fail(ld, "same", "out of memory");
                break;
            }
            ld->kin = grown;
            snprintf(k.prefix, sizeof k.prefix, "%s", lua_tostring(L, -1));
            ld->kin[ld->n_kin++] = k;
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
        fail(ld, "borrows",
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
    const char *wrong =
        vs_group_take(L, ld->file, ld->of, ld->slot, base, ld->group, &ld->n_groups, where);
    if (wrong) {
        fail(ld, where, wrong);
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

/* program = { ... }: what the hypervisor does; its knobs are there for what this file sets. */
static void take_programs(struct loader *ld, enum vs_slot slot, const char *name, const char *path)
{
    lua_State *L = ld->box->L;
    char from[128], folder[4200];
    if (slot == VS_SLOT_HYPERVISOR && take_string(L, "programs", from, sizeof from) && !ld->said) {
        snprintf(folder, sizeof folder, "%s/scripts/lua/hypervisors", ld->home);
        if (vs_lua_programs_file(&ld->programs, ld->box, folder, from, ld->errors)) {
            ld->failures++;
        }
    }
    lua_pushliteral(L, "program");
    if (lua_rawget(L, -2) != LUA_TNIL && slot != VS_SLOT_HYPERVISOR) {
        fail(ld, "program", "a hypervisor's file has programs");
    } else if (!lua_isnil(L, -1) && !lua_istable(L, -1)) {
        fail(ld, "program", "write program = { NAME = { steps } }");
    } else if (!lua_isnil(L, -1) && !ld->said) {
        const struct vs_program_set *set = NULL;
        if (!vs_lua_programs_read(&ld->programs, L, name, ld->file, path, ld->errors)) {
            set = vs_lua_programs_link(ld->programs, ld->errors);
        }
        if (!set || (ld->knobs && vs_program_set_use(ld->knobs, set))) {
            ld->failures++;
        }
    }
    drop(L, "program");
    lua_pop(L, 1);
}

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
    if (slot != MACHINE) {
        take_string(L, "of", of, sizeof of);
    }
    ld->of = slot == MACHINE ? NULL : of;
    ld->slot = slot;
    ld->fields = 0;
    if (slot != MACHINE && !base) {
        snprintf(ld->part[slot], sizeof ld->part[slot], "%s", of);
        ld->n_groups =
            vs_group_drop(ld->group, ld->n_groups, slot); /* of the part that was there */
    }
    if (slot == VS_SLOT_HYPERVISOR &&
        !base) { /* another one than the machine's that this builds on */
        vs_lua_programs_free(ld->programs);
        ld->programs = NULL;
    }
    take_same(ld);
    if (take_string(L, "base", word, sizeof word)) {
        load_file(ld, slot, word, true);
    }
    for (int i = 0; slot == MACHINE && i < VS_SLOT_N; i++) {
        if (take_string(L, parts[i].key, word, sizeof word)) {
            load_file(ld, (enum vs_slot)i, word, false);
        }
    }
    if (take_string(L, "text", text, sizeof text) && slot == MACHINE) {
        snprintf(ld->info->text, sizeof ld->info->text, "%s", text);
    }
    take_borrows(ld);
    take_groups(ld, base);
    if (take_string(L, "calibrated", text, sizeof text)) {
        add_words(ld->info->calibrated, sizeof ld->info->calibrated, text);
    }
    take_programs(ld, slot, name, path);
    if (ld->said) { /* only the texts are wanted */
        goto out;
    }
    /* set = { cpu = { ... } }: where a machine names a part and still overrides knobs of that
     * prefix */
    lua_pushliteral(L, "set");
    if (lua_rawget(L, -2) == LUA_TTABLE) {
        flatten(ld, "", 0);
        drop(L, "set");
    }
    lua_pop(L, 1);
    flatten(ld, "", 0);
    apply(ld);
out:
    ld->file = outer;
    ld->of = outer_of;
    ld->slot = outer_slot;
}

struct names {
    const char *name[256];
    size_t n;
};

static void collect(void *ctx, const char *name, const char *path)
{
    struct names *n = ctx;
    (void)path;
    if (n->n < 256 && (n->name[n->n] = copy(name))) {
        n->n++;
    }
}

static bool is_path(const char *name)
{
    const char *dot = strrchr(name, '.');
    return strchr(name, '/') || (dot && !strcmp(dot, ".lua"));
}

static void each(const char *home, const char *folder,
                 void (*visit)(void *ctx, const char *name, const char *path), void *ctx);

/* The file of a name; false and a message with the nearest name when there is none. */
static bool locate(struct loader *ld, enum vs_slot slot, const char *name, char *path, size_t bytes)
{
    const char *folder = folder_of(slot);
    if (is_path(name)) {
        const char *slash = ld->at && *name != '/' ? strrchr(ld->at, '/') : NULL;
        snprintf(path, bytes, "%.*s%s", slash ? (int)(slash + 1 - ld->at) : 0, slash ? ld->at : "",
                 name);
        FILE *there = ld->at ? fopen(path, "rb") : NULL;
        if (ld->at && !there) {
            vs_error(ld->errors,
                     "%s: %s: there is no file %.2000s; a path is relative to the file "
                     "that names it",
                     ld->file, name, path);
        }
        return !ld->at || (there && !fclose(there));
    }
    snprintf(path, bytes, "%s/scripts/lua/%s/%s.lua", ld->home, folder, name);
    FILE *f = fopen(path, "rb");
    if (f) {
        fclose(f);
        return true;
    }
    struct names all = {{NULL}, 0};
    each(ld->home, folder, collect, &all);
    char hint[VS_SUGGEST];
    if (slot == MACHINE) {
        vs_error(ld->errors, "unknown machine '%s'; %s", name,
                 vs_suggest(name, all.name, all.n, "'virtsim list machines' names them all", hint,
                            sizeof hint));
    } else {
        vs_error(ld->errors, "%s: nothing called '%s' in scripts/lua/%s; %s", ld->file, name,
                 folder, vs_suggest(name, all.name, all.n, NULL, hint, sizeof hint));
    }
    for (size_t i = 0; i < all.n; i++) {
        free((void *)(uintptr_t)all.name[i]);
    }
    return false;
}

static void load_file(struct loader *ld, enum vs_slot slot, const char *name, bool base)
{
    char file[4096];
    if (++ld->depth > DEPTH_MAX) {
        fail(ld, name, "descriptions that build on each other in a circle");
    } else if (!locate(ld, slot, name, file, sizeof file)) {
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
        bool plain = is_path(name);
        snprintf(shown, sizeof shown, plain ? "%s%s" : "%s/%s.lua", plain ? "" : folder_of(slot),
                 name);
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
        s->file = copy(file);
        s->next = *ld->said;
        *ld->said = s;
        memcpy(ld->info->text, before.text, sizeof before.text);
        memcpy(ld->info->calibrated, before.calibrated, sizeof before.calibrated);
        ld->info->n_stated = n_stated;
    }
    if (!s || !s->file) {
        fail(ld, name, "out of memory");
        return;
    }
    ld->failures += s->failed && !ld->failures;
    if (*s->text) {
        memcpy(ld->info->text, s->text, sizeof s->text);
    }
    add_words(ld->info->calibrated, sizeof ld->info->calibrated, s->calibrated);
}

static void settle(struct loader *ld)
{
    struct vs_borrow b = {.machine = ld->info->name,
                          .kin = ld->kin,
                          .n_kin = ld->n_kin,
                          .told = ld->told,
                          .n_told = ld->n_told,
                          .stated = ld->info->stated,
                          .n_stated = ld->info->n_stated};
    for (int i = 0; i < VS_SLOT_N; i++) {
        b.part[i] = ld->part[i];
    }
    if (ld->knobs && !ld->failures) {
        size_t said = ld->errors->n;
        ld->info->n_groups =
            vs_group_settle(ld->group, ld->n_groups, &b, ld->knobs, ld->info->group, ld->errors);
        ld->failures += ld->errors->n - said;
        vs_borrow_settle(&b, ld->knobs);
    }
    for (size_t i = 0; i < ld->n_told; i++) {
        free((void *)(uintptr_t)ld->told[i].path);
        free((void *)(uintptr_t)ld->told[i].of);
    }
    free(ld->told);
    free(ld->kin);
}

/* The loader of a machine, whose name or file this is. */
static void begin(struct loader *ld, const char *name)
{
    ld->file = name;
    ld->slot = MACHINE;
    memset(ld->info->text, 0, sizeof ld->info->text);
    memset(ld->info->calibrated, 0, sizeof ld->info->calibrated);
    ld->info->n_stated = 0;
    ld->info->n_groups = 0;
    ld->n_groups = 0;
    const char *slash = strrchr(name, '/');
    snprintf(ld->info->name, sizeof ld->info->name, "%s", slash ? slash + 1 : name);
    char *dot = strrchr(ld->info->name, '.');
    if (dot && !strcmp(dot, ".lua")) {
        *dot = '\0';
    }
}

enum vs_status vs_machine_load(const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors)
{
    struct vs_machine_info local;
    struct loader ld = {
        .home = home, .knobs = knobs, .errors = errors, .info = info ? info : &local};
    char path[4096];
    begin(&ld, name);
    if (!locate(&ld, MACHINE, name, path, sizeof path)) {
        return VS_E_UNKNOWN;
    }
    ld.box = vs_box_open(0);
    if (!ld.box) {
        vs_error(errors, "%s: out of memory", name);
        return VS_E_NOMEM;
    }
    load_file(&ld, MACHINE, name, false);
    vs_lua_programs_free(ld.programs);
    vs_box_close(ld.box);
    if (ld.failures >= MISTAKES_MAX) {
        vs_error(errors, "%s: the first %u mistakes are listed", name, MISTAKES_MAX);
    }
    settle(&ld);
    return ld.failures ? VS_E_CONFIG : VS_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void each(const char *home, const char *of,
                 void (*visit)(void *ctx, const char *name, const char *path), void *ctx)
{
    char folder[4096], path[4600], name[256];
    snprintf(folder, sizeof folder, "%s/scripts/lua/%s", home, of);
    struct dirent **list = NULL;
    int n = scandir(folder, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(list[i]->d_name, '.');
        if (dot && !strcmp(dot, ".lua")) {
            snprintf(name, sizeof name, "%.*s", (int)(dot - list[i]->d_name), list[i]->d_name);
            snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
            visit(ctx, name, path);
        }
        free(list[i]);
    }
    free(list);
}

void vs_machine_each(const char *home, void (*visit)(void *ctx, const char *name, const char *path),
                     void *ctx)
{
    each(home, "machines", visit, ctx);
}

void vs_machine_each_file(const char *home,
                          void (*visit)(void *ctx, const char *name, const char *path), void *ctx)
{
    for (int i = 0; i <= VS_SLOT_N; i++) {
        each(home, folder_of((enum vs_slot)i), visit, ctx);
    }
}

struct informed {
    struct loader ld;
    void (*visit)(void *ctx, const struct vs_machine_info *info);
    void *ctx;
};

static void inform(void *ctx, const char *name, const char *path)
{
    struct informed *all = ctx;
    (void)path;
    begin(&all->ld, name);
    load_file(&all->ld, MACHINE, name, false);
    all->visit(all->ctx, all->ld.info);
    all->ld.file = NULL; /* the name is the caller's for as long as this takes */
}

enum vs_status vs_machine_each_info(const char *home,
                                    void (*visit)(void *ctx, const struct vs_machine_info *info),
                                    void *ctx, struct vs_errors *errors)
{
    struct said *said = NULL;
    struct vs_machine_info info;
    struct informed all = {.ld = {.home = home, .errors = errors, .info = &info, .said = &said},
                           .visit = visit,
                           .ctx = ctx};
    all.ld.box = vs_box_open(0);
    if (!all.ld.box) {
        vs_error(errors, "list of machines: out of memory");
        return VS_E_NOMEM;
    }
    each(home, "machines", inform, &all);
    vs_box_close(all.ld.box);
    for (struct said *next; said; said = next) {
        next = said->next;
        free(said->file);
        free(said);
    }
    free(all.ld.kin);
    return all.ld.failures ? VS_E_CONFIG : VS_OK;
}
