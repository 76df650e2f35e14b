/* SPDX-License-Identifier: MIT */
/* A core, as the handlers that run on it drive it. */
#ifndef VIRTSIM_PORT_CORE_H
#define VIRTSIM_PORT_CORE_H

#include "virtsim/port/mem.h"

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
};

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

#endif
