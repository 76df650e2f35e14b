/* SPDX-License-Identifier: MIT */
/* The store of knobs: which there are, their values, and who may set them. How a value is spelled
 * is in knob_value.c. */
#include "knob_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MORE 64u        /* knobs that a run adds, as a rule */
#define NEIGHBOURS 256u /* of a component with more knobs each one is searched */

struct vs_knobs {
    struct vs_knob *knob; /* sorted by path */
    size_t n, cap;
    const struct vs_component_desc **component; /* that have them */
    size_t n_components;
};

/* Orders knobs by path. */
static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct vs_knob *)a)->desc->path, ((const struct vs_knob *)b)->desc->path);
}

/* Appends a knob with its default. */
static enum vs_status append(struct vs_knobs *k, const struct vs_knob_desc *d)
{
    if (k->n == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 128;
        struct vs_knob *grown = realloc(k->knob, cap * sizeof *grown);
        if (!grown) {
            return VS_E_NOMEM;
        }
        k->knob = grown;
        k->cap = cap;
    }
    k->knob[k->n++] = (struct vs_knob){.desc = d, .value = d->def, .grade = d->grade};
    return VS_OK;
}

/* Which of two descriptions comes first in a store. */
static int by_path_of(const void *a, const void *b)
{
    return strcmp((*(const struct vs_knob_desc *const *)a)->path,
                  (*(const struct vs_knob_desc *const *)b)->path);
}

/* The order that was made last: a process that runs many points asks for one of the same components
 * each time. */
static struct {
    const struct vs_component_desc **component;
    size_t n_components;
    const struct vs_knob_desc **desc;
    size_t n;
} last_order;

/* Makes the order of all knobs of the components the last one; false: no memory. */
static bool make_order(const struct vs_component_desc *const *components, size_t n)
{
    size_t knobs = 0;
    for (size_t i = 0; i < n; i++) {
        knobs += components[i]->n_knobs;
    }
    const struct vs_knob_desc **desc = malloc((knobs + 1) * sizeof *desc);
    const struct vs_component_desc **copied = malloc((n + 1) * sizeof *copied);
    if (!desc || !copied) {
        free(desc);
        free(copied);
        return false;
    }
    for (size_t i = 0, at = 0; i < n; i++) {
        copied[i] = components[i];
        for (size_t j = 0; j < components[i]->n_knobs; j++) {
            desc[at++] = &components[i]->knobs[j];
        }
    }
    qsort(desc, knobs, sizeof *desc, by_path_of);
    free(last_order.component);
    free(last_order.desc);
    last_order.component = copied;
    last_order.n_components = n;
    last_order.desc = desc;
    last_order.n = knobs;
    return true;
}

/* Says whether the last order is one of just these components. */
static bool same_order(const struct vs_component_desc *const *components, size_t n)
{
    return last_order.desc && last_order.n_components == n &&
           (!n ||
            !memcmp(last_order.component, components, n * sizeof(struct vs_component_desc *)));
}

/* All knobs of the components, sorted by path, with their defaults; NULL without memory. */
struct vs_knobs *vs_knobs_create(const struct vs_component_desc *const *components, size_t n)
{
    struct vs_knobs *k = calloc(1, sizeof *k);
    bool good = k && (same_order(components, n) || make_order(components, n));
    if (good) {
        k->cap = last_order.n + MORE;
        k->component = malloc((n + 1) * sizeof *k->component);
        k->knob = malloc(k->cap * sizeof *k->knob);
        good = k->component && k->knob;
    }
    for (size_t i = 0; good && i < n; i++) {
        k->component[k->n_components++] = components[i];
    }
    for (size_t i = 0; good && i < last_order.n; i++) {
        good = append(k, last_order.desc[i]) == VS_OK;
    }
    if (!good) {
        vs_knobs_destroy(k);
        return NULL;
    }
    return k;
}

/* Frees the knobs; NULL is allowed. */
void vs_knobs_destroy(struct vs_knobs *k)
{
    if (!k) {
        return;
    }
    for (size_t i = 0; i < k->n; i++) {
        free(k->knob[i].source);
        free(k->knob[i].set_by);
        free(k->knob[i].part);
    }
    free(k->component);
    free(k->knob);
    free(k);
}

/* Finds a knob by its exact path, or NULL. */
static struct vs_knob *find(const struct vs_knobs *k, const char *path)
{
    struct vs_knob_desc want = {.path = path};
    struct vs_knob key = {.desc = &want};
    return k->n ? bsearch(&key, k->knob, k->n, sizeof *k->knob, by_path) : NULL;
}

enum vs_status vs_knobs_add(struct vs_knobs *k, const struct vs_knob_desc *desc)
{
    if (find(k, desc->path)) {
        return VS_E_CONFIG;
    }
    enum vs_status s = append(k, desc);
    size_t at = k->n - 1u; /* where it stands; those behind its place move up */
    if (!s) {
        struct vs_knob one = k->knob[at];
        one.added = true;
        for (; at && by_path(&k->knob[at - 1u], &one) > 0; at--) {
            k->knob[at] = k->knob[at - 1u];
        }
        k->knob[at] = one;
    }
    return s;
}

/* Says whether a description is one of a component's. */
static bool is_of(const struct vs_component_desc *c, const struct vs_knob_desc *d)
{
    return d >= c->knobs && d < c->knobs + c->n_knobs;
}

/* The first of n components that has this knob, or NULL. */
static const struct vs_component_desc *home_of(const struct vs_component_desc *const *c, size_t n,
                                               const struct vs_knob_desc *d)
{
    for (size_t i = 0; i < n; i++) {
        if (is_of(c[i], d)) {
            return c[i];
        }
    }
    return NULL;
}

void vs_knobs_drop(struct vs_knobs *k, const struct vs_component_desc *const *c, size_t n)
{
    const struct vs_component_desc *home = NULL; /* of the knob before; its neighbours share it */
    bool gone = false;
    size_t kept = 0;
    for (size_t i = 0; i < k->n; i++) {
        struct vs_knob *knob = &k->knob[i];
        if (!home || !is_of(home, knob->desc)) {
            home = home_of(c, n, knob->desc);
            gone = home != NULL;
            home = gone ? home : home_of(k->component, k->n_components, knob->desc);
        }
        if (gone) {
            free(knob->source);
            free(knob->set_by);
            free(knob->part);
            continue;
        }
        if (kept != i) {
            k->knob[kept] = *knob;
        }
        kept++;
    }
    k->n = kept;
}

const struct vs_component_desc *vs_knobs_component(const struct vs_knobs *k, const char *name)
{
    for (size_t i = 0; i < k->n_components; i++) {
        if (!strcmp(k->component[i]->name, name)) {
            return k->component[i];
        }
    }
    return NULL;
}

/* A knob of this path with its value and who set it: set by hand, it outlives its description. */
static bool inherited(struct vs_knobs *k, const struct vs_component_desc *from,
                      const struct vs_knob_desc *d)
{
    for (size_t i = 0; i < k->n; i++) {
        struct vs_knob *knob = &k->knob[i];
        if (!is_of(from, knob->desc) || strcmp(knob->desc->path, d->path) != 0) {
            continue;
        }
        if (knob->rank == VS_RANK_DEFAULT) {
            knob->value = d->def;
            knob->grade = d->grade;
        }
        knob->desc = d;
        return true;
    }
    return false;
}

enum vs_status vs_knobs_replace(struct vs_knobs *k, const struct vs_component_desc *with)
{
    size_t which = 0;
    while (which < k->n_components && strcmp(k->component[which]->name, with->name) != 0) {
        which++;
    }
    if (which == k->n_components) {
        return VS_E_UNKNOWN;
    }
    const struct vs_component_desc *old = k->component[which];
    if (old == with) {
        return VS_OK;
    }
    k->component[which] = with;
    for (size_t i = 0; i < with->n_knobs; i++) {
        if (!inherited(k, old, &with->knobs[i]) && append(k, &with->knobs[i])) {
            return VS_E_NOMEM;
        }
    }
    vs_knobs_drop(k, &old, 1);
    qsort(k->knob, k->n, sizeof *k->knob, by_path);
    return VS_OK;
}

const struct vs_knob *vs_knobs_find(const struct vs_knobs *k, const char *path)
{
    return find(k, path);
}

size_t vs_knobs_count(const struct vs_knobs *k)
{
    return k->n;
}

const struct vs_knob *vs_knobs_at(const struct vs_knobs *k, size_t i)
{
    return &k->knob[i];
}

/* A copy of a text; NULL stays NULL. */
static char *copy(const char *s)
{
    size_t n = s ? strlen(s) + 1 : 0;
    char *c = n ? malloc(n) : NULL;
    return c ? memcpy(c, s, n) : NULL;
}

static const char *const *left_out;

void vs_knobs_left_out(const char *const *components)
{
    left_out = components;
}

const char *vs_knobs_without(const char *path)
{
    for (const char *const *c = left_out; c && *c; c++) {
        size_t n = strlen(*c);
        if (!strncmp(path, *c, n) && path[n] == '.') {
            return *c;
        }
    }
    return NULL;
}

/* Refuses a path that no knob has, and names its successor or the nearest one. */
static enum vs_status unknown_path(struct vs_knobs *k, const char *path,
                                   const struct vs_origin *who, const char *by,
                                   struct vs_errors *errors)
{
    if (vs_knobs_without(path)) { /* a machine file describes its part all the same */
        if (who->rank != VS_RANK_MACHINE) {
            vs_error(errors, "%s: '%s': this program was built without it (-DVIRTSIM_WITHOUT=%s)",
                     by, path, vs_knobs_without(path));
            return VS_E_UNKNOWN;
        }
        return VS_OK;
    }
    const char **names = malloc((k->n ? k->n : 1) * sizeof *names);
    for (size_t i = 0; names && i < k->n; i++) {
        names[i] = k->knob[i].desc->path;
    }
    char hint[VS_SUGGEST];
    vs_error(errors, "%s: unknown knob '%s'; %s", by, path,
             vs_suggest(path, names, names ? k->n : 0, "'virtsim list knobs' names them all", hint,
                        sizeof hint));
    free(names);
    return VS_E_UNKNOWN;
}

#define PARTS 12u /* that one knob has become, at most */

static size_t (*renamed_by)(const char *old, const char **names, size_t most);
static bool (*part_by)(const char *old);

void vs_knobs_renamed_by(size_t (*renamed)(const char *old, const char **names, size_t most),
                         bool (*is_part)(const char *old))
{
    renamed_by = renamed;
    part_by = is_part;
}

/* What a knob is set to by the old name of a part of it: another part that was set at the same rank
 * is added, for they were apart when both were said. */
static uint64_t with_other_part(const struct vs_knob *knob, const char *path, uint64_t v,
                                const struct vs_origin *who)
{
    bool other = knob->part && strcmp(knob->part, path) != 0 && knob->rank == who->rank;
    return other && v <= knob->desc->max - knob->value ? v + knob->value : v;
}

/* A knob that was the sum of several: each gets its share, as large as of their declared values;
 * the last what is left. */
static enum vs_status set_parts(struct vs_knobs *k, const char *path, const char *const *names,
                                size_t n, const char *text, const struct vs_origin *who,
                                struct vs_errors *errors)
{
    const struct vs_knob *part[PARTS];
    const char *by = who->set_by ? who->set_by : "default";
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        part[found] = find(k, names[i]);
        sum += part[found] ? (double)part[found]->desc->def : 0;
        found += part[found] != NULL;
    }
    if (!found) {
        vs_error(errors, "%s: '%s' is '%s' now%s, and this machine has no such thing", by, path,
                 names[0], n > 1 ? " and others" : "");
        return VS_E_UNKNOWN;
    }
    uint64_t whole, left;
    if (!vs__knob_parse(part[0]->desc, text, &whole)) {
        return vs_knobs_set(k, part[0]->desc->path, text, who, errors); /* which says so */
    }
    left = whole;
    enum vs_status worst = VS_OK;
    for (size_t i = 0; i < found; i++) {
        char share[32];
        uint64_t mine = sum > 0 ? (uint64_t)((double)whole * (double)part[i]->desc->def / sum) : 0;
        mine = i + 1 == found || mine > left ? left : mine;
        left -= mine;
        snprintf(share, sizeof share, "%" PRIu64, mine);
        enum vs_status one = vs_knobs_set(k, part[i]->desc->path, share, who, errors);
        worst = worst ? worst : one;
    }
    return worst;
}

enum vs_status vs_knobs_set(struct vs_knobs *k, const char *path, const char *text,
                            const struct vs_origin *who, struct vs_errors *errors)
{
    const char *by = who->set_by ? who->set_by : "default";
    struct vs_knob *knob = find(k, path);
    const char *names[PARTS];
    size_t now = knob || !renamed_by ? 0 : renamed_by(path, names, PARTS);
    if (now == 1) {
        knob = find(k, names[0]);
    }
    const struct vs_knob_desc *one = knob || now ? NULL : vs_knob_instance_of(k, path);
    if (one && !vs_knobs_add(k, one)) {
        knob = find(k, path);
    }
    if (!knob && now) {
        return set_parts(k, path, names, now, text, who, errors);
    }
    if (!knob) {
        return unknown_path(k, path, who, by, errors);
    }
    const struct vs_knob_desc *d = knob->desc;
    uint64_t v = 0;
    if (!vs__knob_parse(d, text, &v)) {
        if (d->kind == VS_KNOB_CHOICE) {
            vs_error(errors, "%s: %s = '%s' is not one of %s", by, path, text, d->choices);
        } else {
            vs_error(errors, "%s: %s = '%s' is not a value in %s (%" PRIu64 "..%" PRIu64 ")", by,
                     path, text, d->unit, d->min, d->max);
        }
        return VS_E_INPUT;
    }
    if (d->kind != VS_KNOB_CHOICE && (v < d->min || v > d->max)) {
        vs_error(errors, "%s: %s = %s is outside %" PRIu64 "..%" PRIu64 " %s", by, path, text,
                 d->min, d->max, d->unit);
        return VS_E_BOUNDS;
    }
    if (who->rank < knob->rank) {
        return VS_OK;
    }
    bool part = now == 1 && part_by && part_by(path);
    v = part ? with_other_part(knob, path, v, who) : v;
    free(knob->part);
    knob->part = part ? copy(path) : NULL;
    free(knob->source);
    free(knob->set_by);
    knob->value = v;
    knob->rank = who->rank;
    knob->source = copy(who->source);
    knob->grade = who->source ? who->grade : d->grade;
    knob->set_by = copy(who->set_by);
    return VS_OK;
}

/* Takes over a text that it may have already. */
static bool take_text(char **to, const char *from)
{
    if (*to && from && !strcmp(*to, from)) {
        return true;
    }
    free(*to);
    *to = copy(from);
    return *to || !from;
}

/* Knobs of single instances that the other store has. */
static enum vs_status copy_instances(struct vs_knobs *to, const struct vs_knobs *from)
{
    enum vs_status s = VS_OK;
    for (size_t i = 0; i < from->n && to->n < from->n && !s; i++) {
        const struct vs_knob_desc *d = from->knob[i].desc;
        s = !find(to, d->path) && vs_knob_instance_of(to, d->path) ? vs_knobs_add(to, d) : VS_OK;
    }
    return s;
}

enum vs_status vs_knobs_copy(struct vs_knobs *to, const struct vs_knobs *from)
{
    if (copy_instances(to, from)) {
        return VS_E_NOMEM;
    }
    if (to->n != from->n) {
        return VS_E_CONFIG;
    }
    for (size_t i = 0; i < to->n; i++) {
        struct vs_knob *k = &to->knob[i];
        const struct vs_knob *other = &from->knob[i];
        if (k->desc != other->desc) {
            return VS_E_CONFIG;
        }
        if (!take_text(&k->source, other->source) || !take_text(&k->set_by, other->set_by) ||
            !take_text(&k->part, other->part)) {
            return VS_E_NOMEM;
        }
        k->value = other->value;
        k->grade = other->grade;
        k->rank = other->rank;
    }
    return VS_OK;
}

void vs_knobs_cite(struct vs_knobs *k, const char *path, const char *source, enum vs_evidence grade)
{
    struct vs_knob *knob = find(k, path);
    char *cited = knob ? copy(source) : NULL;
    if (cited) {
        free(knob->source);
        knob->source = cited;
        knob->grade = grade;
    }
}

/* Writes a knob's value into its component's configuration. */
static void store_at(void *config, size_t offset, uint64_t v)
{
    memcpy((char *)config + offset, &v, sizeof v);
}

/* Takes the values of a component's knobs that stand beside this one in the store, on both sides,
 * as their paths begin alike. */
static void load_neighbours(const struct vs_knobs *k, const struct vs_component_desc *c, size_t at,
                            void *config, bool *loaded)
{
    while (at && is_of(c, k->knob[at - 1u].desc)) {
        at--;
    }
    for (; at < k->n && is_of(c, k->knob[at].desc); at++) {
        store_at(config, k->knob[at].desc->offset, k->knob[at].value);
        loaded[k->knob[at].desc - c->knobs] = true;
    }
}

void vs_knobs_load(const struct vs_knobs *k, const struct vs_component_desc *c, void *config)
{
    bool loaded[NEIGHBOURS] = {false}, few = c->n_knobs <= NEIGHBOURS;
    vs_defaults(c, config);
    for (size_t i = 0; i < c->n_knobs; i++) {
        const struct vs_knob *knob = few && loaded[i] ? NULL : find(k, c->knobs[i].path);
        if (knob && few && is_of(c, knob->desc)) {
            load_neighbours(k, c, (size_t)(knob - k->knob), config, loaded);
        } else if (knob) { /* another component has it, too */
            store_at(config, c->knobs[i].offset, knob->value);
        }
    }
}

void vs_defaults(const struct vs_component_desc *c, void *config)
{
    memset(config, 0, c->config_bytes);
    for (size_t i = 0; i < c->n_knobs; i++) {
        store_at(config, c->knobs[i].offset, c->knobs[i].def);
    }
}
