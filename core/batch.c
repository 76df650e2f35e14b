/* SPDX-License-Identifier: MIT */
/* Joining the touches of steps (batch.h). */
#include "virtsim/batch.h"

#include <stdlib.h>
#include <string.h>

/* Whether the steps' touches are few enough; counts what they need room for. */
static bool measure(struct vs_batch *b, const struct vs_core_step *step, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < step[i].n_runs; k++) {
            const struct vs_core_run *r = &step[i].run[k];
            uint64_t to = r->at + (uint64_t)r->n * VS_TOUCH_BYTES;
            bool first = !b->lines[r->ref];
            if (r->n > VS_BATCH_LINES) {
                return false;
            }
            b->n_runs++;
            b->lines[r->ref] += r->n;
            b->area[r->ref].from =
                first || r->at < b->area[r->ref].from ? r->at : b->area[r->ref].from;
            b->area[r->ref].to = to > b->area[r->ref].to ? to : b->area[r->ref].to;
            if (b->lines[VS_REF_FETCH] > VS_BATCH_LINES ||
                b->lines[VS_REF_READ] + b->lines[VS_REF_WRITE] > VS_BATCH_LINES) {
                return false;
            }
        }
    }
    return true;
}

/* Copies the steps with their runs. */
static void take(struct vs_batch *b, const struct vs_core_step *step, size_t n)
{
    struct vs_core_run *to = b->run;
    for (size_t i = 0; i < n; i++) {
        struct vs_core_step *s = &b->step[b->n_steps++];
        *s = step[i];
        s->run = to;
        for (uint32_t k = 0; k < s->n_runs; k++) {
            *to++ = step[i].run[k];
        }
    }
}

/* The spans of code, or those of data, one behind the other in the order of the runs; how many. */
static uint32_t join(const struct vs_batch *b, bool code, struct vs_linetab_span *to)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_runs; i++) {
        const struct vs_core_run *r = &b->run[i];
        uint64_t line = r->at / VS_TOUCH_BYTES;
        if ((r->ref == VS_REF_FETCH) != code) {
            continue;
        }
        if (n && to[n - 1u].line + to[n - 1u].n == line) {
            to[n - 1u].n += r->n;
        } else {
            to[n++] = (struct vs_linetab_span){line, r->n};
        }
    }
    return n;
}

/* Gives each entry of data the flag its access leaves in the line; fetches leave none. */
static void flag(const struct vs_batch *b)
{
    uint32_t *to = b->flags;
    for (uint32_t i = 0; i < b->n_runs; i++) {
        const struct vs_core_run *r = &b->run[i];
        for (uint32_t k = 0; r->ref != VS_REF_FETCH && k < r->n; k++) {
            *to++ = r->ref == VS_REF_WRITE ? VS_LINE_DIRTY : 0;
        }
    }
}

bool vs_batch_make(struct vs_batch *b, const struct vs_core_step *step, size_t n)
{
    *b = (struct vs_batch){.step = NULL};
    if (!measure(b, step, n)) {
        return false;
    }
    b->step = calloc(n + 1, sizeof *b->step);
    b->run = calloc((size_t)b->n_runs + 1, sizeof *b->run);
    b->span = calloc((size_t)b->n_runs + 1, sizeof *b->span);
    b->flags = calloc((size_t)b->lines[VS_REF_READ] + b->lines[VS_REF_WRITE] + 1, sizeof *b->flags);
    if (!b->step || !b->run || !b->span || !b->flags) {
        vs_batch_free(b);
        return false;
    }
    take(b, step, n);
    b->n_code = join(b, true, b->span);
    b->n_data = join(b, false, b->span + b->n_code);
    flag(b);
    return true;
}

void vs_batch_free(struct vs_batch *b)
{
    free(b->step);
    free(b->run);
    free(b->span);
    free(b->flags);
    *b = (struct vs_batch){.step = NULL};
}

struct vs_batch_reach vs_batch_reach(const struct vs_batch *b, uint32_t code, uint32_t data)
{
    struct vs_batch_reach r = {.run = 0};
    for (; r.run < b->n_runs; r.run++) {
        uint32_t n = b->run[r.run].n, ref = b->run[r.run].ref,
                 *left = ref == VS_REF_FETCH ? &code : &data;
        r.off = *left < n ? *left : n;
        r.lines[ref] += r.off;
        *left -= r.off;
        if (r.off < n) {
            return r;
        }
    }
    r.off = 0;
    return r;
}
