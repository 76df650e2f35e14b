/* SPDX-License-Identifier: MIT */
/* A device's memory accesses, before and after translation. */
#ifndef VIRTSIM_PORT_DMA_H
#define VIRTSIM_PORT_DMA_H

#include "virtsim/ledger.h"

/* A device's DMA after translation: bytes move through LLC or memory, timed. buf may be NULL (time
 * only). */
struct vs_dma_mem_port {
    void *ctx;
    void (*read)(void *ctx, struct vs_txn *t, vs_hpa at, void *buf, size_t bytes);
    void (*write)(void *ctx, struct vs_txn *t, vs_hpa at, const void *buf, size_t bytes);
};

/* A device's DMA before translation. Returns false when the IOMMU blocked it (the fault is recorded
 * there). */
struct vs_dma_port {
    void *ctx;
    bool (*read)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                 size_t bytes);
    bool (*write)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                  size_t bytes);
};

#endif
