/* SPDX-License-Identifier: MIT */
/* Checking the points of a sweep, and saying what is wrong with them. */
#include "sweep/plan.h"

#include "virtsim/ending.h"
#include "virtsim/host_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum vs_status vs_plan_make(struct vs_plan *p, struct vs_sweep *s, size_t begin, size_t end,
                            struct vs_errors *errors)
{
    *p = (struct vs_plan){.sweep = s, .begin = begin, .end = end};
    p->point = calloc(end > begin ? end - begin : 1, sizeof *p->point);
    if (!p->point) {
        vs_error(errors, "out of memory for %zu points", end - begin);
        return VS_E_NOMEM;
    }
    return VS_OK;
}

void vs_plan_free(struct vs_plan *p)
{
    for (size_t i = 0; i < p->n_faults; i++) {
        free(p->fault[i].text);
    }
    free(p->fault);
    free(p->point);
    *p = (struct vs_plan){.sweep = NULL};
}

const char *vs_plan_label(const struct vs_plan *p, size_t point)
{
    static struct vs_point made;
    return vs_sweep_point(p->sweep, point, &made) ? made.label : "";
}

struct check {
    struct vs_plan *plan;
    struct vs_errors *errors;
    size_t next, done, room;
    double t0;
    void (*progress)(void *ctx, size_t done, size_t all, double seconds);
    void *ctx;
};

/* Hands the pool the next point to be checked. */
static bool next_point(void *ctx, size_t *point)
{
    struct check *c = ctx;
    *point = c->next;
    return c->next++ < c->plan->end;
}

/* One line of a refused point's messages. */
static enum vs_status add_fault(struct check *c, size_t point, const char *line, size_t len)
{
    struct vs_plan *p = c->plan;
    if (p->n_faults == c->room) {
        size_t room = c->room ? 2 * c->room : 64;
        struct vs_fault *grown = realloc(p->fault, room * sizeof *grown);
        if (!grown) {
            return VS_E_NOMEM;
        }
        p->fault = grown;
        c->room = room;
    }
    char *text = malloc(len + 1);
    if (!text) {
        return VS_E_NOMEM;
    }
    memcpy(text, line, len);
    text[len] = '\0';
    p->fault[p->n_faults++] = (struct vs_fault){text, point, 1};
    return VS_OK;
}

/* Takes what a worker found of a point: its identity, or why it is impossible. */
static enum vs_status answer(void *ctx, struct vs_pool_answer *a)
{
    struct check *c = ctx;
    struct vs_planned *p = vs_plan_at(c->plan, a->point);
    enum vs_status st = VS_OK;
    if (a->died || (!a->status && a->bytes.n != VS_IDENTITY_BYTES)) {
        p->state = VS_POINT_NEW; /* the run says what is wrong */
    } else if (!a->status) {
        memcpy(p->identity, a->bytes.at, VS_IDENTITY_BYTES);
        p->state = VS_POINT_NEW;
    } else {
        p->state = VS_POINT_IMPOSSIBLE;
        for (const char *line = a->text ? a->text : vs_status_text(a->status); !st && *line;) {
            size_t len = strcspn(line, "\n");
            st = add_fault(c, a->point, line, len);
            line += len + (line[len] == '\n');
        }
    }
    free(a->text);
    free(a->bytes.at);
    c->done++;
    if (c->progress) {
        c->progress(c->ctx, c->done, c->plan->end - c->plan->begin, vs_host_seconds() - c->t0);
    }
    return st;
}

/* Orders faults by their text, so that equal ones lie beside each other. */
static int by_text(const void *x, const void *y)
{
    const struct vs_fault *a = x, *b = y;
    int order = strcmp(a->text, b->text);
    return order ? order : (a->first > b->first) - (a->first < b->first);
}

/* Orders faults by the first point that has them. */
static int by_point(const void *x, const void *y)
{
    const struct vs_fault *a = x, *b = y;
    return a->first != b->first ? (a->first > b->first) - (a->first < b->first)
                                : strcmp(a->text, b->text);
}

/* What several points have in common becomes one. */
static void gather_faults(struct vs_plan *p)
{
    size_t n = 0, last;
    if (!p->n_faults) {
        return;
    }
    qsort(p->fault, p->n_faults, sizeof *p->fault, by_text);
    last = p->fault[0].first;
    for (size_t i = 1; i < p->n_faults; i++) {
        bool again = p->fault[i].first == last; /* one point may say it twice */
        last = p->fault[i].first;
        if (!strcmp(p->fault[n].text, p->fault[i].text)) {
            p->fault[n].points += !again;
            free(p->fault[i].text);
        } else {
            p->fault[++n] = p->fault[i];
        }
    }
    p->n_faults = n + 1;
    qsort(p->fault, p->n_faults, sizeof *p->fault, by_point);
}

/* The points by identity, equal ones in their order. */
static const struct vs_plan *sorted_plan;
/* Orders points by their identity, so that points with equal runs lie beside each other. */
static int by_identity(const void *x, const void *y)
{
    size_t a = *(const size_t *)x, b = *(const size_t *)y;
    int order = memcmp(vs_plan_at(sorted_plan, a)->identity, vs_plan_at(sorted_plan, b)->identity,
                       VS_IDENTITY_BYTES);
    return order ? order : (a > b) - (a < b);
}

/* Points that are the same under other names are run once. */
static enum vs_status find_twins(struct vs_plan *p)
{
    static const unsigned char unknown[VS_IDENTITY_BYTES];
    size_t n = 0, *order = calloc(p->end - p->begin + 1, sizeof *order);
    if (!order) {
        return VS_E_NOMEM;
    }
    for (size_t i = p->begin; i < p->end; i++) {
        const struct vs_planned *one = vs_plan_at(p, i);
        if (one->state == VS_POINT_NEW && memcmp(one->identity, unknown, sizeof unknown) != 0) {
            order[n++] = i;
        }
        p->n_impossible += one->state == VS_POINT_IMPOSSIBLE;
        p->n_new += one->state == VS_POINT_NEW;
    }
    sorted_plan = p;
    qsort(order, n, sizeof *order, by_identity);
    for (size_t i = 1, first = 0; i < n; i++) {
        struct vs_planned *one = vs_plan_at(p, order[i]);
        if (memcmp(one->identity, vs_plan_at(p, order[first])->identity, VS_IDENTITY_BYTES) != 0) {
            first = i;
        } else {
            one->state = VS_POINT_TWIN;
            one->twin = order[first];
            p->n_new--;
        }
    }
    free(order);
    return VS_OK;
}

enum vs_status vs_plan_check(struct vs_plan *p, struct vs_pool *pool,
                             void (*progress)(void *ctx, size_t done, size_t all, double seconds),
                             void *ctx, struct vs_errors *errors)
{
    struct check c = {.plan = p,
                      .errors = errors,
                      .next = p->begin,
                      .t0 = vs_host_seconds(),
                      .progress = progress,
                      .ctx = ctx};
    enum vs_status st = vs_pool_each(pool, VS_POOL_CHECK, next_point, answer, &c, errors);
    gather_faults(p);
    st = st ? st : find_twins(p);
    if (st == VS_E_NOMEM) {
        vs_error(errors, "out of memory for %zu points", p->end - p->begin);
    }
    return st;
}

void vs_plan_refuse(const struct vs_plan *p, struct vs_errors *errors)
{
    for (size_t i = 0; i < p->n_faults; i++) {
        const struct vs_fault *f = &p->fault[i];
        const char *label = vs_plan_label(p, f->first);
        if (f->points == 1) {
            vs_error(errors, "%s%s%s", label, *label ? ": " : "", f->text);
        } else {
            vs_error(errors, "several points: %s (%zu of %zu points, the first is %s)", f->text,
                     f->points, p->end - p->begin, label);
        }
    }
}
