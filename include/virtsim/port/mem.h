/* SPDX-License-Identifier: MIT */
/* Timed memory. */
#ifndef VIRTSIM_PORT_MEM_H
#define VIRTSIM_PORT_MEM_H

#include "virtsim/ledger.h"

enum vs_ref { VS_REF_READ, VS_REF_WRITE, VS_REF_FETCH };

/* Areas that software or a switch goes through are touched so often, whatever a line is: 64 bytes
 * is what the paths of hypervisors are measured in. */
#define VS_TOUCH_BYTES 64u

/* Timed memory as a core, a page walker or an IOMMU sees it. load/store move 8 real bytes of a
 * naturally aligned address; touch moves time only (data whose value nobody asks for). */
struct vs_mem_port {
    void *ctx;
    uint64_t (*load)(void *ctx, struct vs_txn *t, vs_hpa at);
    void (*store)(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value);
    void (*touch)(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref);
    /* a touch of `at` and of every VS_TOUCH_BYTES after it, below at + bytes; NULL: one by one */
    void (*touches)(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t bytes, enum vs_ref ref);
    /* the same, whose time is booked on an account of the caller's; NULL: on the memory's */
    void (*touches_on)(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t bytes, enum vs_ref ref,
                       uint16_t account);
};
/* The knobs that price an account of such touches. */
#define VS_PRICE_OF_LINES "memory.l1d.latency,memory.l2.latency,memory.llc.latency"

/* Accesses every line of a physical range in order. */
static inline void vs_mem_touches(const struct vs_mem_port *p, struct vs_txn *t, vs_hpa at,
                                  uint64_t bytes, enum vs_ref ref)
{
    if (p->touches) {
        p->touches(p->ctx, t, at, bytes, ref);
        return;
    }
    for (uint64_t done = 0; done < bytes; done += VS_TOUCH_BYTES) {
        vs_hpa a = {at.v + done};
        p->touch(p->ctx, t, a, ref);
    }
}

/* What a switch between worlds moves through memory belongs to the phase that moves it. */
static inline void vs_mem_touches_on(const struct vs_mem_port *p, struct vs_txn *t, vs_hpa at,
                                     uint64_t bytes, enum vs_ref ref, uint16_t account)
{
    if (p->touches_on) {
        p->touches_on(p->ctx, t, at, bytes, ref, account);
        return;
    }
    vs_mem_touches(p, t, at, bytes, ref);
}

#endif
