/* SPDX-License-Identifier: MIT */
/* Set-up of the out-of-order window. */
#include "cpu/window.h"

#include <stdlib.h>
#include <string.h>

#define TAPE_ENTRIES                                                                               \
    128u /* a two-dimensional walk that sets every flag; more only grows the tape */

/* The least power of two above n. */
static uint64_t power_above(uint64_t n)
{
    uint64_t p = 2;
    while (p <= n) {
        p *= 2;
    }
    return p;
}

/* Frees a window; none is allowed. */
void vs__window_destroy(struct vs_cpu_window **of)
{
    struct vs_cpu_window *w = *of;
    if (!w) {
        return;
    }
    for (uint64_t i = 0; w->ring && i <= w->mask; i++) {
        vs_tape_free(&w->ring[i].tape);
    }
    free(w->ring);
    free(w->walk);
    free(w->mshr);
    free(w->where);
    free(w);
    *of = NULL;
}

/* Makes a window of a size and a queue of misses. */
enum vs_status vs__window_create(const struct vs_cpu *c, struct vs_cpu_window **out, uint64_t size,
                                 uint64_t queue)
{
    struct vs_cpu_window *w = calloc(1, sizeof *w);
    if (!w) {
        return VS_E_NOMEM;
    }
    *out = w;
    w->size = size;
    w->queue = queue;
    w->issue_account = vs__window_account(c, VS_ACC_cpu_issue);
    uint64_t slots = power_above(w->size < w->queue ? w->size : w->queue);
    w->mask = slots - 1u;
    w->ring = calloc(slots, sizeof *w->ring);
    w->walks_mask = slots - 1u;
    w->walk = calloc(slots, sizeof *w->walk);
    w->mshrs = (uint32_t)c->cfg.mshrs;
    w->mshr = calloc(w->mshrs, sizeof *w->mshr);
    bool good = w->ring && w->walk && w->mshr;
    for (uint64_t i = 0; good && i < slots; i++) {
        struct vs_tape *t = &w->ring[i].tape;
        t->e = malloc(TAPE_ENTRIES * sizeof *t->e);
        t->cap = TAPE_ENTRIES;
        good = t->e != NULL;
    }
    if (!good) {
        vs__window_destroy(out);
        return VS_E_NOMEM;
    }
    w->by_width = vs_divider_of(c->cfg.issue_width ? c->cfg.issue_width : 1u);
    w->by_ipc = vs_divider_of(c->cfg.ipc);
    /* a window of one entry overlaps nothing, not even the entering */
    if (c->cfg.issue_width && w->size > 1u) {
        w->issue_q = c->clock.period_ps / c->cfg.issue_width;
        w->issue_r = c->clock.period_ps % c->cfg.issue_width;
    }
    return VS_OK;
}
