/* SPDX-License-Identifier: MIT */
/* Timed memory. */
#ifndef VIRTSIM_PORT_MEM_H
#define VIRTSIM_PORT_MEM_H

#include "virtsim/ledger.h"

enum vs_ref { VS_REF_READ, VS_REF_WRITE, VS_REF_FETCH };

/* Timed memory as a core, a page walker or an IOMMU sees it. load/store move 8 real bytes of a
 * naturally aligned address; touch moves time only (data whose value nobody asks for). */
struct vs_mem_port {
    void *ctx;
    uint64_t (*load)(void *ctx, struct vs_txn *t, vs_hpa at);
    void (*store)(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value);
    void (*touch)(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref);
};

#endif
