/* SPDX-License-Identifier: MIT */
#include "description.h"

#include "virtsim/program.h"

#include <stdlib.h>
#include <string.h>

/* Frees the texts of a setting. */
static void free_told(const struct vs_told *t)
{
    const char *const texts[] = {t->path, t->of, t->value, t->source, t->file};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free((void *)(uintptr_t)texts[i]);
    }
}

/* Room for a power of two of settings is made when one more is needed. */
static bool add(struct vs_description *d, const struct vs_told *told)
{
    size_t n = d->n_told;
    if (!(n & (n - 1))) {
        struct vs_told *grown = realloc(d->told, (n ? 2 * n : 1) * sizeof *grown);
        if (!grown) {
            return false;
        }
        d->told = grown;
    }
    d->told[d->n_told++] = *told;
    return true;
}

bool vs_description_tell(struct vs_description *d, const struct vs_told *told)
{
    d->owned = true;
    bool whole = told->path && told->value && told->source && told->file && add(d, told);
    if (!whole) {
        free_told(told);
    }
    return whole;
}

bool vs_description_groups(struct vs_description *d)
{
    d->group = d->group ? d->group : malloc(VS_GROUPS_MAX * sizeof *d->group);
    return d->group != NULL;
}

/* Settings take effect; what is wrong with one is one more mistake. */
static size_t take_effect(const struct vs_description *d, struct vs_knobs *knobs,
                          const char *machine, size_t failures, struct vs_errors *errors)
{
    const char *file = NULL; /* that `who` names */
    char who[400];
    for (size_t i = 0; i < d->n_told && failures < VS_MISTAKES_MAX; i++) {
        const struct vs_told *t = &d->told[i];
        if (t->programs) {
            failures += vs_program_set_use(knobs, t->programs) != VS_OK;
            continue;
        }
        if (!file || strcmp(file, t->file) != 0) {
            file = t->file;
            snprintf(who, sizeof who, "machine %s (%s)", machine, file);
        }
        struct vs_origin origin = {VS_RANK_MACHINE, who, t->source, t->grade};
        failures += vs_knobs_set(knobs, t->path, t->value, &origin, errors) != VS_OK;
    }
    return failures;
}

size_t vs_description_settle(const struct vs_description *d, struct vs_knobs *knobs,
                             struct vs_machine_info *info, size_t failures,
                             struct vs_errors *errors)
{
    failures = take_effect(d, knobs, info->name, failures, errors);
    if (failures >= VS_MISTAKES_MAX) {
        vs_error(errors, "%s: the first %u mistakes are listed", info->name, VS_MISTAKES_MAX);
    }
    if (failures) {
        return failures;
    }
    struct vs_borrow b = {.machine = info->name,
                          .kin = d->kin,
                          .n_kin = d->n_kin,
                          .told = d->told,
                          .n_told = d->n_told,
                          .stated = info->stated,
                          .n_stated = info->n_stated};
    for (int i = 0; i < VS_SLOT_N; i++) {
        b.part[i] = d->part[i];
    }
    size_t said = errors->n;
    info->n_groups = vs_group_settle(d->group, d->n_groups, &b, knobs, info->group, errors);
    vs_borrow_settle(&b, knobs);
    return errors->n - said;
}

void vs_description_free(struct vs_description *d)
{
    for (size_t i = 0; d->owned && i < d->n_told; i++) {
        free_told(&d->told[i]);
    }
    for (size_t i = 0; i < d->n_files; i++) {
        free(d->file[i]);
    }
    free(d->file);
    free(d->told);
    free(d->kin);
    free(d->group);
    memset(d, 0, sizeof *d);
}

/* ---- as a text ---- */

/* Which record a line of the text is, by its first field. */
#define SET "set"
#define PROGRAMS "programs"
#define PART "part"
#define KIN "kin"
#define STATED "stated"
#define GROUP "group"
#define WORDS "words"

/* One field, as part of a constant of C. */
static void put(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '?' || (unsigned char)*text < ' ') {
            fprintf(out, "\\%03o", (unsigned)*text);
        } else {
            fputc(*text, out);
        }
    }
    fputs("\\000", out);
}

/* A number as a field. */
static void put_number(FILE *out, size_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    put(out, text);
}

/* A record on a line of its own: the kind, then as many fields. */
static void put_record(FILE *out, const char *kind, const char *const *field, size_t n)
{
    fputs("\n    \"", out);
    put(out, kind);
    for (size_t i = 0; i < n; i++) {
        put(out, field[i] ? field[i] : "");
    }
    fputc('"', out);
}

/* A group as one line of the table. */
static void put_group(FILE *out, const struct vs_group_told *g)
{
    fputs("\n    \"" GROUP "\\000", out);
    put(out, g->group.name);
    put(out, g->group.source);
    put_number(out, g->group.grade);
    put(out, g->file);
    put(out, g->of);
    put_number(out, g->slot);
    put_number(out, g->base);
    for (int i = 0; i < VS_SLOT_N; i++) {
        put(out, g->with[i]);
    }
    put_number(out, g->group.n);
    for (size_t i = 0; i < g->group.n; i++) {
        put(out, g->group.member[i].path);
    }
    fputc('"', out);
}

void vs_machine_begin(struct vs_machine_info *info, const char *name)
{
    memset(info->text, 0, sizeof info->text);
    memset(info->calibrated, 0, sizeof info->calibrated);
    info->n_stated = 0;
    info->n_groups = 0;
    const char *slash = strrchr(name, '/');
    snprintf(info->name, sizeof info->name, "%s", slash ? slash + 1 : name);
    char *dot = strrchr(info->name, '.');
    if (dot && !strcmp(dot, ".lua")) {
        *dot = '\0';
    }
}

void vs_description_write(FILE *out, const struct vs_description *d,
                          const struct vs_machine_info *info)
{
    put_record(out, WORDS, (const char *[]){info->text, info->calibrated}, 2);
    for (size_t i = 0; i < VS_SLOT_N; i++) {
        put_record(out, PART, (const char *[]){d->part[i]}, 1);
    }
    for (size_t i = 0; i < d->n_told; i++) {
        const struct vs_told *t = &d->told[i];
        char grade[2] = {(char)('0' + (int)t->grade), 0}, slot[2] = {(char)('0' + (int)t->slot), 0};
        if (t->programs) {
            char role[2] = {(char)('0' + (int)t->programs->desc->role), 0};
            put_record(out, PROGRAMS, (const char *[]){t->value, role}, 2);
        } else {
            put_record(out, SET,
                       (const char *[]){t->path, t->value, t->source, t->of, t->file, grade, slot},
                       7);
        }
    }
    for (size_t i = 0; i < d->n_kin; i++) {
        const struct vs_kin *k = &d->kin[i];
        put_record(out, KIN, (const char *[]){k->part, k->of, k->prefix, k->why}, 4);
    }
    for (size_t i = 0; i < info->n_stated; i++) {
        const struct vs_stated *s = &info->stated[i];
        put_record(out, STATED, (const char *[]){s->file, s->of, s->prefix}, 3);
    }
    for (size_t i = 0; i < d->n_groups; i++) {
        put_group(out, &d->group[i]);
    }
}

/* Where in the text reading is. */
struct place {
    const char *at, *end;
};

/* The next field; "" behind the last one. */
static const char *next(struct place *p)
{
    const char *field = p->at < p->end ? p->at : "";
    p->at += strlen(field) + 1u;
    return field;
}

/* The next field, a number. */
static size_t next_number(struct place *p)
{
    return strtoul(next(p), NULL, 10);
}

/* The next field into room of its own; what is longer was cut when it was written. */
static void next_into(struct place *p, char *out, size_t bytes)
{
    const char *field = next(p);
    size_t n = strlen(field);
    n = n < bytes ? n : bytes - 1u;
    memcpy(out, field, n);
    out[n] = '\0';
}

/* A value; false: the line is none, or no memory. */
static bool read_set(struct vs_description *d, struct place *p)
{
    struct vs_told t = {.path = next(p)};
    t.value = next(p);
    t.source = next(p);
    t.of = next(p);
    t.of = *t.of ? t.of : NULL;
    t.file = next(p);
    t.grade = (enum vs_evidence)(*next(p) - '0');
    t.slot = (enum vs_slot)(*next(p) - '0');
    return *t.path && t.grade <= VS_GRADE_assumed && t.slot <= VS_SLOT_N && add(d, &t);
}

/* Which programs the machine has; false: there are none of that name, or no memory. */
static bool read_programs(struct vs_description *d, struct place *p, vs_programs_of *programs)
{
    struct vs_told t = {.path = PROGRAMS, .value = next(p)};
    enum vs_role role = (enum vs_role)(*next(p) - '0');
    t.programs = programs(role, t.value);
    return t.programs && add(d, &t);
}

/* What a part has in common with another; false: no memory. */
static bool read_kin(struct vs_description *d, struct place *p)
{
    struct vs_kin *grown = realloc(d->kin, (d->n_kin + 1) * sizeof *grown);
    if (!grown) {
        return false;
    }
    d->kin = grown;
    struct vs_kin *k = &d->kin[d->n_kin++];
    next_into(p, k->part, sizeof k->part);
    next_into(p, k->of, sizeof k->of);
    next_into(p, k->prefix, sizeof k->prefix);
    next_into(p, k->why, sizeof k->why);
    return true;
}

/* What a file says it takes over; false: there are too many. */
static bool read_stated(struct vs_machine_info *info, struct place *p)
{
    if (info->n_stated == VS_STATED_MAX) {
        return false;
    }
    struct vs_stated *s = &info->stated[info->n_stated++];
    s->taken = 0;
    next_into(p, s->file, sizeof s->file);
    next_into(p, s->of, sizeof s->of);
    next_into(p, s->prefix, sizeof s->prefix);
    return true;
}

/* A group of knobs; false: no memory, or too many. */
static bool read_group(struct vs_description *d, struct place *p)
{
    if (!vs_description_groups(d) || d->n_groups == VS_GROUPS_MAX) {
        return false;
    }
    struct vs_group_told *g = &d->group[d->n_groups++];
    next_into(p, g->group.name, sizeof g->group.name);
    next_into(p, g->group.source, sizeof g->group.source);
    g->group.grade = (enum vs_evidence)next_number(p);
    next_into(p, g->file, sizeof g->file);
    next_into(p, g->of, sizeof g->of);
    g->slot = (enum vs_slot)next_number(p);
    g->base = next_number(p) != 0;
    for (int i = 0; i < VS_SLOT_N; i++) {
        next_into(p, g->with[i], sizeof g->with[i]);
    }
    g->group.n = next_number(p);
    for (size_t i = 0; i < g->group.n && i < VS_GROUP_MEMBERS; i++) {
        next_into(p, g->group.member[i].path, sizeof g->group.member[i].path);
    }
    return g->group.n <= VS_GROUP_MEMBERS;
}

bool vs_description_read(struct vs_description *d, struct vs_machine_info *info, const char *text,
                         size_t bytes, vs_programs_of *programs)
{
    struct place p = {text, text + bytes};
    bool good = true;
    int slot = 0;
    memset(d, 0, sizeof *d);
    while (good && p.at < p.end) {
        const char *kind = next(&p);
        if (!strcmp(kind, SET)) {
            good = read_set(d, &p);
        } else if (!strcmp(kind, PROGRAMS)) {
            good = read_programs(d, &p, programs);
        } else if (!strcmp(kind, PART) && slot < VS_SLOT_N) {
            next_into(&p, d->part[slot++], sizeof d->part[0]);
        } else if (!strcmp(kind, KIN)) {
            good = read_kin(d, &p);
        } else if (!strcmp(kind, STATED)) {
            good = read_stated(info, &p);
        } else if (!strcmp(kind, GROUP)) {
            good = read_group(d, &p);
        } else if (!strcmp(kind, WORDS)) {
            next_into(&p, info->text, sizeof info->text);
            next_into(&p, info->calibrated, sizeof info->calibrated);
        } else {
            good = false;
        }
    }
    return good;
}
