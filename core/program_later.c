/* SPDX-License-Identifier: MIT */
/*
 * Work that is put off. A run of a program passes the same acts as most runs before it, so what it
 * puts off in a row is a branch that was made before, with its steps joined to a batch.
 */
#include "program_impl.h"

#include <stdlib.h>
#include <string.h>

/* Acts in a row, at most: a loop could go on for ever. */
#define DEEPEST 16u
/* What lies that far apart is in other pages, and not joined. */
#define NEAR (UINT64_C(1) << 21)

/* Whether all touches of these steps lie near those that `at` is one of. */
static bool near(const struct vs_core_step *s, size_t n, const struct vs_core_run *at)
{
    for (const struct vs_core_step *end = s + n; s != end; s++) {
        for (uint32_t i = 0; i < s->n_runs; i++) {
            if ((s->run[i].ref == VS_REF_FETCH) == (at->ref == VS_REF_FETCH) &&
                s->run[i].at / NEAR != at->at / NEAR) {
                return false;
            }
        }
    }
    return true;
}

/* Whether an act's work lies near what is put off already. */
static bool fits(const struct vs_plan *p, const struct vs_put_off *before, const struct vs_act *a)
{
    for (const struct vs_put_off *o = before; o; o = o->before) {
        for (uint32_t i = 0; i < o->n; i++) {
            const struct vs_core_step *s = &p->work[o->first + i];
            for (uint32_t k = 0; k < s->n_runs; k++) {
                if (!near(p->work + a->first, a->n, &s->run[k])) {
                    return false;
                }
            }
        }
    }
    return true;
}

struct vs_put_off *vs__put_off_new(struct vs_plan *p, struct vs_put_off *before,
                                   const struct vs_act *a)
{
    if (before && (before->depth == DEEPEST || !fits(p, before, a))) {
        return NULL;
    }
    struct vs_put_off *o = calloc(1, sizeof *o), **first = before ? &before->next : &p->put_off;
    if (o) {
        *o = (struct vs_put_off){.first = a->first, .n = a->n, .before = before, .other = *first};
        o->depth = before ? before->depth + 1u : 1u;
        *first = o;
    }
    return o;
}

void vs__put_off_free(struct vs_put_off *o)
{
    while (o) {
        struct vs_put_off *other = o->other;
        vs__put_off_free(o->next);
        vs_batch_free(&o->batch);
        free(o);
        o = other;
    }
}

/* The steps of a branch, from its first act on; returns how many. */
static size_t gather(const struct vs_plan *p, const struct vs_put_off *o, struct vs_core_step *to)
{
    size_t n = o->before ? gather(p, o->before, to) : 0;
    memcpy(to + n, p->work + o->first, o->n * sizeof *to);
    return n + o->n;
}

/* Joins them; where that is not possible, nothing. */
static void join(const struct vs_plan *p, struct vs_put_off *o)
{
    size_t n = 0;
    for (const struct vs_put_off *i = o; i; i = i->before) {
        n += i->n;
    }
    struct vs_core_step *all = calloc(n + 1, sizeof *all);
    if (all) {
        (void)vs_batch_make(&o->batch, all, gather(p, o, all));
    }
    free(all);
    o->looked = true;
}

/* Act by act. */
static void make_singly(const struct vs_software *s, struct vs_txn *t, const struct vs_plan *p,
                        const struct vs_put_off *o)
{
    if (o->before) {
        make_singly(s, t, p, o->before);
    }
    vs_core_steps(&s->core, t, p->work + o->first, o->n);
}

void vs__put_off_make(const struct vs_software *s, struct vs_txn *t, const struct vs_plan *p,
                      struct vs_put_off *o)
{
    if (vs_unlikely(!o->looked)) {
        join(p, o);
    }
    if (vs_likely(s->core.batch && o->batch.n_steps)) {
        s->core.batch(s->core.ctx, t, &o->batch);
    } else {
        make_singly(s, t, p, o);
    }
}
