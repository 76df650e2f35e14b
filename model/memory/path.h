/* SPDX-License-Identifier: MIT */
/* Inside of the memory: what path.inc (compiled once for each vector unit) and memory.c share. */
#ifndef VIRTSIM_MODEL_MEMORY_PATH_H
#define VIRTSIM_MODEL_MEMORY_PATH_H

#include "memory/memory.h"

#define RUN_AHEAD 8u /* lines whose tags are announced in advance */

typedef uint32_t memory_access(struct vs_memory *m, struct vs_memory_core *c, uint64_t *count,
                               uint64_t line, uint32_t ref, uint32_t entry);

typedef void memory_run(struct vs_memory *m, struct vs_memory_core *c, uint64_t line, uint64_t n,
                        uint64_t step, uint32_t ref, uint64_t answered[VS_LINE_LEVELS]);

typedef uint64_t memory_walker_load(void *ctx, struct vs_txn *t, vs_hpa at);

typedef void memory_into_llc(struct vs_memory *m, uint64_t *count, uint64_t line);

memory_access vs__memory_access_plain;
memory_run vs__memory_run_plain;
memory_walker_load vs__memory_walker_load_plain;
memory_into_llc vs__memory_into_llc_plain;
#if defined(__x86_64__)
memory_access vs__memory_access_sse2;
memory_run vs__memory_run_sse2;
memory_walker_load vs__memory_walker_load_sse2;
memory_into_llc vs__memory_into_llc_sse2;
memory_access vs__memory_access_avx2;
memory_run vs__memory_run_avx2;
memory_walker_load vs__memory_walker_load_avx2;
memory_into_llc vs__memory_into_llc_avx2;
#endif

/* The general table's side of a lookup that fills: hit, or *victim (UINT64_MAX = none). */
bool vs__memory_look_wide(struct vs_memory_cache *k, uint64_t line, uint32_t flags,
                          uint64_t *victim, uint32_t *victim_flags);
/* Takes a line out of every core; true when one of them had it dirty. */
bool vs__memory_snoop_out(struct vs_memory *m, uint64_t line, uint64_t *n_dropped);

/* Brings the host's copy of what an access to `line` will look at. */
static inline void vs__memory_announce(const struct vs_memory *m, const struct vs_memory_core *c,
                                       uint64_t line)
{
    (void)c; /* the tags of a core's own caches fit the host's */
    if (m->llc.lines) {
        vs_linetab_prefetch(m->llc.lines, line);
    }
}

static inline uint32_t vs__memory_dram(struct vs_memory *m, uint64_t *count, uint64_t line)
{
    uint64_t channel, bank, column;
    uint64_t in_channel = vs_div(&m->by_channels, line, &channel);
    uint64_t row = vs_div(&m->by_banks, vs_div(&m->by_row_lines, in_channel, &column), &bank);
    uint64_t *open = &m->open_row[channel * m->by_banks.n + bank];
    uint32_t kind = *open == row ? 0u : *open == UINT64_MAX ? 1u : 2u;
    *open = m->cfg.dram_page ? UINT64_MAX : row;
    count[VS_CNT_memory_dram_row_hits + kind]++;
    return VS_MEM_ROW_HIT + kind;
}

#endif
