/* SPDX-License-Identifier: MIT */
/*
 * A device function's engine that reads and writes a window of memory: sizes, order, how many at a
 * time, how often, as pcie-bench's programmable adapter does (Neugebauer et al., SIGCOMM 2018). It
 * asks over the same port as every device (port/upstream.h).
 */
#ifndef VIRTSIM_DMA_ENGINE_H
#define VIRTSIM_DMA_ENGINE_H

#include "virtsim/port/upstream.h"
#include "virtsim/rng.h"

#define VS_DEF_NAME dma_engine
#define VS_DEF_FILE "dma_engine/dma_engine.def"
#include "virtsim/def_types.h"

#define VS_DMA_OUTSTANDING 1024u

enum vs_dma_op { VS_DMA_READ, VS_DMA_WRITE, VS_DMA_BOTH };

/* What is asked for, and how far it is. */
struct vs_dma_job {
    uint16_t requester;
    uint32_t prefix;      /* in whose address space (port/pasid.h); 0: the function's own */
    uint64_t at, window;  /* device address, and bytes from there on */
    const uint64_t *page; /* NULL, or the device address of each 4 KiB from `at` on, which is
                           * then an offset in the first of them */
    uint64_t bytes, unit, offset; /* of a transfer; apart; from a unit's beginning */
    uint64_t count, interval_ps;
    uint32_t outstanding;
    enum vs_dma_op op; /* both: a read and a write in turn */
    bool random;
    uint64_t done, refused;
    uint64_t first_ps, next_ps, last_ps; /* first asked for, next, and the end of all so far */
    struct vs_rng rng;
};

struct vs_dma_engine {
    struct vs_dma_engine_config cfg;
    uint16_t account;
    struct vs_upstream_port link;
    struct vs_txn dma;
    uint64_t busy_until_ps[VS_DMA_OUTSTANDING];
    uint64_t count[VS_CNT_dma_engine_N];
};

void vs_dma_engine_init(struct vs_dma_engine *e, const struct vs_dma_engine_config *cfg,
                        struct vs_ledger *ledger, const struct vs_upstream_port *link);
/* A job begins at `at`; its window holds a transfer at least. */
void vs_dma_engine_begin(struct vs_dma_engine *e, struct vs_dma_job *job, vs_ps at, uint64_t seed);
/* Asks for what is due up to `until_ps`; true when all of the job has been asked for. */
bool vs_dma_engine_run(struct vs_dma_engine *e, struct vs_dma_job *job, uint64_t until_ps);

#endif
