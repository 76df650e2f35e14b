/* SPDX-License-Identifier: MIT */
/* A core, as the handlers that run on it drive it. */
#ifndef VIRTSIM_PORT_CORE_H
#define VIRTSIM_PORT_CORE_H

#include "virtsim/port/mem.h"

/* What a step of a handler does on a core: touches, run by run, then instructions. */
struct vs_core_run {
    uint64_t at;
    uint32_t n;   /* touches: of `at` and of every VS_TOUCH_BYTES after it */
    uint32_t ref; /* enum vs_ref */
};
struct vs_core_step {
    const struct vs_core_run *run;
    uint32_t n_runs;
    uint16_t account; /* of the instructions */
    uint64_t instructions;
};

struct vs_batch; /* batch.h */

/* The core, as a handler program drives it: the same TLBs and caches the guest uses. Addresses are
 * host virtual in the host, guest virtual in the guest, as the core's current mode has it. */
struct vs_core_port {
    void *ctx;
    void (*instructions)(void *ctx, struct vs_txn *t, uint64_t n);
    void (*touch)(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref);
    /* whole lines by one string instruction, as a page is cleared */
    void (*store_string)(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes);
    /* a touch of `at` and of every VS_TOUCH_BYTES after it, below at + bytes; NULL: one by one */
    void (*touches)(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes, enum vs_ref ref);
    /* instructions, booked on an account of the caller's */
    void (*work)(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n);
    /* n > 0 steps, one after the other, whose runs stand one behind the other; NULL: by touches and
     * work */
    void (*steps)(void *ctx, struct vs_txn *t, const struct vs_core_step *s, size_t n);
    /* nobody looks at the order of touches and of what touches nothing; NULL: somebody may */
    bool (*unwatched)(void *ctx);
    /* steps joined in advance, while nobody looks; NULL: they are made as steps */
    void (*batch)(void *ctx, struct vs_txn *t, const struct vs_batch *b);
};

/* Accesses every line of a range in order. */
static inline void vs_core_touches(const struct vs_core_port *p, struct vs_txn *t, vs_gva at,
                                   uint64_t bytes, enum vs_ref ref)
{
    if (p->touches && bytes) { /* many a step has no data of its own */
        p->touches(p->ctx, t, at, bytes, ref);
        return;
    }
    for (uint64_t done = 0; done < bytes; done += VS_TOUCH_BYTES) {
        vs_gva a = {at.v + done};
        p->touch(p->ctx, t, a, ref);
    }
}

/* Executes a series of steps. */
static inline void vs_core_steps(const struct vs_core_port *p, struct vs_txn *t,
                                 const struct vs_core_step *s, size_t n)
{
    if (p->steps) {
        p->steps(p->ctx, t, s, n);
        return;
    }
    for (const struct vs_core_step *end = s + n; s != end; s++) {
        for (uint32_t i = 0; i < s->n_runs; i++) {
            vs_gva at = {s->run[i].at};
            vs_core_touches(p, t, at, (uint64_t)s->run[i].n * VS_TOUCH_BYTES,
                            (enum vs_ref)s->run[i].ref);
        }
        if (s->instructions) {
            p->work(p->ctx, t, s->account, s->instructions);
        }
    }
}

#endif
