/* SPDX-License-Identifier: MIT */
/* One point of a sweep as a request. */
#include "sweep/let.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool vs_sweep_is_trace(const char *input)
{
    const char *dot = strrchr(input, '.');
    return !dot || strcmp(dot, ".lua") != 0;
}

/* "a+b": several traces together, unless a file is called so. Takes room of the point's text. */
static bool set_input(struct vs_point *p, const char *value, size_t *used)
{
    struct vs_session_request *r = &p->request;
    size_t bytes = strlen(value) + 1;
    r->is_trace = vs_sweep_is_trace(value);
    if (!r->is_trace || !strchr(value, '+') || access(value, F_OK) == 0) {
        r->input = value;
        return true;
    }
    if (*used + bytes > sizeof p->text) {
        return false;
    }
    char *text = memcpy(p->text + *used, value, bytes);
    *used += bytes;
    r->input = text;
    r->further = p->further;
    for (char *plus = strchr(text, '+'); plus; plus = strchr(plus, '+')) {
        *plus++ = '\0';
        if (r->n_further == VS_POINT_FURTHER) {
            return false;
        }
        p->further[r->n_further++] = plus;
    }
    return true;
}

/* For vs_session_request.derive: in the worker that prepares the point. */
static enum vs_status derive(void *ctx, struct vs_knobs *knobs, struct vs_errors *errors)
{
    struct vs_sweep *s = ctx;
    s->lets = s->lets ? s->lets : vs_lets_open(s, errors);
    if (!s->lets) {
        return VS_E_INPUT;
    }
    vs_lets_seed(s->lets, s->let_seed);
    return vs_lets_apply(s->lets, knobs, errors);
}

bool vs_sweep_point(void *ctx, size_t index, struct vs_point *p)
{
    const struct vs_sweep *s = ctx;
    p->request = s->base;
    size_t n = s->base.n_sets, at = 0, used = 0;
    if (n + s->n_axes > VS_POINT_SETS) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        p->sets[i] = s->base.sets[i];
        p->set_by[i] = "--set";
    }
    p->label[0] = '\0';
    for (unsigned a = 0; a < s->n_axes; a++) {
        const char *path = s->axis[a].path, *value = vs_sweep_value(s, index, a);
        char *text = p->text + used;
        used += (size_t)snprintf(text, sizeof p->text - used, "%s=%s", path, value) + 1;
        if (used >= sizeof p->text) {
            return false;
        }
        if (at < sizeof p->label) {
            at += (size_t)snprintf(p->label + at, sizeof p->label - at, "%s%s", a ? " " : "", text);
        }
        if (!strcmp(path, "machine")) {
            p->request.machine = value;
        } else if (!strcmp(path, "input")) {
            if (!set_input(p, value, &used)) {
                return false;
            }
        } else if (strcmp(path, "seed") != 0) {
            p->sets[n] = text;
            p->set_by[n++] = "--vary";
        }
    }
    p->request.options.seed = vs_sweep_seed(s, index);
    if (s->n_lets) {
        p->request.derive = derive;
        p->request.derive_ctx = ctx;
        ((struct vs_sweep *)ctx)->let_seed = p->request.options.seed;
    }
    p->request.sets = p->sets;
    p->request.set_by = p->set_by;
    p->request.n_sets = n;
    p->request.point = p->label;
    p->request.jobs = 1; /* rows must not depend on how many workers there were */
    p->request.options.progress = NULL;
    return true;
}
