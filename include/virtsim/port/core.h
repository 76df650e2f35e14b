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
};

#endif
