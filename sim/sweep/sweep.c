/* SPDX-License-Identifier: MIT */
#include "sweep/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As a word or as a number. */
static bool has(const struct vs_axis *a, const char *value)
{
    uint64_t x, y;
    bool number = vs_parse_number(value, &x);
    for (size_t i = 0; i < a->n; i++) {
        if (!strcmp(a->value[i], value) || (number && vs_parse_number(a->value[i], &y) && x == y)) {
            return true;
        }
    }
    return false;
}

enum vs_status vs_sweep_axis(struct vs_sweep *s, const char *text, struct vs_errors *errors)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || !eq[1] || (size_t)(eq - text) >= sizeof s->axis[0].path) {
        vs_error(errors, "--vary '%s' is not PATH=V1,V2,...", text);
        return VS_E_INPUT;
    }
    if (s->n_axes == VS_SWEEP_AXES) {
        vs_error(errors, "--vary: at most %u", VS_SWEEP_AXES);
        return VS_E_INPUT;
    }
    struct vs_axis *a = &s->axis[s->n_axes];
    snprintf(a->path, sizeof a->path, "%.*s", (int)(eq - text), text);
    for (size_t i = 0; i < s->n_axes; i++) {
        if (!strcmp(s->axis[i].path, a->path)) {
            vs_error(errors, "--vary %s is given twice; put all values into one list", a->path);
            return VS_E_INPUT;
        }
    }
    s->n_axes++;
    for (const char *v = eq + 1;; v++) {
        size_t len = strcspn(v, ",");
        char **grown = realloc(a->value, (a->n + 1) * sizeof *grown);
        char *copy = malloc(len + 1);
        a->value = grown ? grown : a->value;
        if (!grown || !copy || !len) {
            free(copy);
            vs_error(errors, len ? "--vary %s: out of memory" : "--vary %s: an empty value",
                     a->path);
            return VS_E_INPUT;
        }
        memcpy(copy, v, len);
        copy[len] = '\0';
        if (has(a, copy)) {
            vs_error(errors, "--vary %s: the value %s is given twice", a->path, copy);
            free(copy);
            return VS_E_INPUT;
        }
        a->value[a->n++] = copy;
        v += len;
        if (!*v) {
            return VS_OK;
        }
    }
}

size_t vs_sweep_points(const struct vs_sweep *s)
{
    size_t n = 1;
    for (size_t i = 0; i < s->n_axes; i++) {
        if (__builtin_mul_overflow(n, s->axis[i].n, &n)) {
            return SIZE_MAX;
        }
    }
    return n;
}

void vs_sweep_free(struct vs_sweep *s)
{
    for (size_t i = 0; i < s->n_axes; i++) {
        for (size_t j = 0; j < s->axis[i].n; j++) {
            free(s->axis[i].value[j]);
        }
        free(s->axis[i].value);
    }
    s->n_axes = 0;
}

/* The last axis varies fastest. */
static bool make_point(void *ctx, size_t index, struct vs_point *p)
{
    const struct vs_sweep *s = ctx;
    p->request = s->base;
    size_t n = s->base.n_sets, at = 0, used = 0, pick[VS_SWEEP_AXES] = {0};
    if (n + s->n_axes > VS_POINT_SETS) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        p->sets[i] = s->base.sets[i];
        p->set_by[i] = "--set";
    }
    for (size_t a = s->n_axes; a-- > 0;) {
        pick[a] = index % s->axis[a].n;
        index /= s->axis[a].n;
    }
    p->label[0] = '\0';
    for (size_t a = 0; a < s->n_axes; a++) {
        const char *value = s->axis[a].value[pick[a]];
        char *text = p->text + used;
        used += (size_t)snprintf(text, sizeof p->text - used, "%s=%s", s->axis[a].path, value) + 1;
        if (used >= sizeof p->text) {
            return false;
        }
        if (at < sizeof p->label) {
            at += (size_t)snprintf(p->label + at, sizeof p->label - at, "%s%s", a ? " " : "", text);
        }
        if (!strcmp(s->axis[a].path, "machine")) {
            p->request.machine = value;
        } else {
            p->sets[n] = text;
            p->set_by[n++] = "--vary";
        }
    }
    p->request.sets = p->sets;
    p->request.set_by = p->set_by;
    p->request.n_sets = n;
    p->request.point = p->label;
    p->request.jobs = 1; /* rows must not depend on how many workers there were */
    p->request.options.progress = NULL;
    return true;
}

static struct vs_pool pool_of(const struct vs_sweep *s)
{
    return (struct vs_pool){(void *)(uintptr_t)s, make_point,     vs_sweep_points(s), s->jobs,
                            s->progress,          s->progress_ctx};
}

enum vs_status vs_sweep_check(const struct vs_sweep *s, struct vs_errors *errors)
{
    size_t n = vs_sweep_points(s);
    if (n > VS_SWEEP_POINTS) {
        vs_error(errors, "the sweep has %zu points; at most %u", n, VS_SWEEP_POINTS);
        return VS_E_BOUNDS;
    }
    for (size_t i = 0; i < s->n_axes; i++) {
        if (s->base.machine && !strcmp(s->axis[i].path, "machine")) {
            vs_error(errors,
                     "--machine %s and --vary machine do not go together: put all machines "
                     "into --vary",
                     s->base.machine);
            return VS_E_INPUT;
        }
    }
    if (s->n_axes && !strcmp(s->base.input, "-")) {
        vs_error(errors,
                 "a sweep reads its trace at every point; standard input can be read only once");
        return VS_E_INPUT;
    }
    struct vs_pool pool = pool_of(s);
    return vs_pool_check(&pool, errors);
}

enum vs_status vs_sweep_run(const struct vs_sweep *s, struct vs_db *db, const char *db_path,
                            int64_t *first, struct vs_errors *errors)
{
    struct vs_pool pool = pool_of(s);
    return vs_pool_run(&pool, db, db_path, first, errors);
}
