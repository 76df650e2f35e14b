/* SPDX-License-Identifier: MIT */
/* When two sets of programs are one. */
#include "program_impl.h"

#include <string.h>

/* Says whether two texts are equal or both absent. */
static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Says whether two steps are described alike. */
static bool same_step(const struct vs_step_desc *a, const struct vs_step_desc *b)
{
    return same_text(a->name, b->name) && same_text(a->kind, b->kind) &&
           same_text(a->target, b->target) && same_text(a->state, b->state) &&
           same_text(a->when, b->when) && same_text(a->each, b->each) &&
           same_text(a->like, b->like) && same_text(a->source, b->source) &&
           same_text(a->grade, b->grade) && !memcmp(a->number, b->number, sizeof a->number);
}

bool vs__program_set_same(const struct vs_program_set_desc *a, const struct vs_program_set_desc *b)
{
    bool same = a->n == b->n && a->role == b->role && same_text(a->name, b->name) &&
                same_text(a->file, b->file);
    for (size_t i = 0; same && i < a->n; i++) {
        const struct vs_program_desc *p = &a->program[i], *q = &b->program[i];
        same = p->n == q->n && p->placed == q->placed && p->offset == q->offset &&
               same_text(p->name, q->name) && same_text(p->at, q->at) && same_text(p->of, q->of);
        for (size_t k = 0; same && k < p->n; k++) {
            same = same_step(&p->step[k], &q->step[k]);
        }
    }
    return same;
}
