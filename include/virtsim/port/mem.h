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
};

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

#endif
