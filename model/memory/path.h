/* SPDX-License-Identifier: MIT */
/* Inside of the memory: what path.inc (compiled once for each vector unit) and memory.c share. */
#ifndef VIRTSIM_MODEL_MEMORY_PATH_H
#define VIRTSIM_MODEL_MEMORY_PATH_H

#include "memory/memory.h"

#define RUN_AHEAD 8u /* lines whose tags are announced in advance */
#define EPOCH 1024u  /* misses of L1 that the history of prefetching spans, twice */

typedef uint32_t memory_access(struct vs_memory *m, struct vs_memory_core *c, uint64_t *count,
                               uint64_t line, uint32_t ref, uint32_t entry);

typedef void memory_run(struct vs_memory *m, struct vs_memory_core *c, uint64_t line, uint32_t n,
                        uint64_t step, uint32_t ref, uint8_t level[VS_LINE_RUN],
                        uint64_t answered[VS_LINE_LEVELS]);

typedef void memory_gathered(struct vs_memory *m, struct vs_memory_core *c);

typedef uint64_t memory_walker_load(void *ctx, struct vs_txn *t, vs_hpa at);

typedef void memory_into_llc(struct vs_memory *m, uint64_t *count, uint64_t line);

typedef bool memory_hit_llc(struct vs_memory *m, uint64_t *count, uint64_t line);

typedef bool memory_snoop_out(struct vs_memory *m, uint64_t line, uint64_t *n_dropped);

typedef void memory_into_l2(struct vs_memory *m, struct vs_memory_core *c, uint64_t *count,
                            uint64_t line);

/* Each variant twice: for indices by modulo and an LLC that takes every miss, and for the rest. */
struct vs__memory_path {
    memory_access *access;
    memory_run *run;
    memory_walker_load *walker_load;
    memory_into_llc *into_llc;
    memory_hit_llc *hit_llc;
    memory_snoop_out *snoop_out;
    memory_into_l2 *into_l2;
    memory_gathered *gathered; /* NULL: references of this path need what those before them left */
};
extern const struct vs__memory_path vs__memory_path_plain[2];
#if defined(__x86_64__)
extern const struct vs__memory_path vs__memory_path_avx2[2];
#endif

/* The general table's side of a lookup that fills: hit, or *victim (UINT64_MAX = none). */
bool vs__memory_look_wide(struct vs_memory_cache *k, uint64_t line, uint32_t flags,
                          uint64_t *victim, uint32_t *victim_flags);
/* The number under which a cache of slices keeps a line. Lines of one place within their slices, as
 * many as there are slices, lie in all of them, in an order that a hash of the place and of the
 * bits above them turns round. Its own inverse. */
static inline uint64_t vs__memory_slice_key(const struct vs_memory_cache *k, uint64_t line)
{
    uint64_t slice, in = line & ((1ull << k->set_bits) - 1u), n = k->by_slices.n,
                    group = vs_div(&k->by_slices, line >> k->set_bits, &slice),
                    mixed = (group << k->set_bits | in) * 0x9e3779b97f4a7c15ull >> 32,
                    first = mixed * n >> 32; /* of slice 0; the next one is the one before it */
    slice = first >= slice ? first - slice : first + n - slice;
    return (group * n + slice) << k->set_bits | in;
}
/* The number under which a cache keeps a line: its lowest index bits take in all bits above the
 * index, or its slice is hashed. Its own inverse. */
static inline uint64_t vs__memory_key(const struct vs_memory_cache *k, uint64_t line)
{
    if (!k->hashed) {
        return line;
    }
    if (!k->hash_bits) {
        return vs__memory_slice_key(k, line);
    }
    uint64_t fold = 0;
    for (uint64_t up = line >> k->set_bits; up; up >>= k->hash_bits) {
        fold ^= up;
    }
    return line ^ (fold & ((1ull << k->hash_bits) - 1u));
}
/* Removes a line of a cache that the packed tables cannot hold. */
bool vs__memory_drop_wide(struct vs_memory_cache *k, uint64_t line, bool *dirty);
/* Removes a line; its dirty flag is or-ed into *dirty. */
static inline bool vs__memory_drop(struct vs_memory_cache *k, uint64_t line, bool *dirty)
{
    line = vs__memory_key(k, line);
    if (vs_likely(k->lines != NULL)) {
        return vs_linetab_drop(k->lines, line, dirty);
    }
    return k->present && vs__memory_drop_wide(k, line, dirty);
}
/* Says whether a cache holds a line. */
static inline bool vs__memory_has(const struct vs_memory_cache *k, uint64_t line)
{
    line = vs__memory_key(k, line);
    return k->lines ? vs_linetab_peek(k->lines, line) != NULL
                    : k->present && vs_settab_peek((struct vs_settab *)(uintptr_t)&k->wide, line);
}
/* A line that is there becomes dirty. */
void vs__memory_soil(struct vs_memory_cache *k, uint64_t line);
/* Whether the L2 of a core other than c holds a line. */
bool vs__memory_elsewhere(const struct vs_memory *m, const struct vs_memory_core *c, uint64_t line);

/* Whether no level asks what the ones below it hold, so that many references can pass one level
 * after the other. */
static inline bool vs__memory_apart(const struct vs_memory *m, const struct vs_memory_core *c,
                                    bool fetch)
{
    return m->cfg.writeback && !m->cfg.llc_inclusive && c->l1[fetch].lines && c->l2.lines &&
           m->llc.lines;
}

/* Brings the host's copy of what an access to `line` will look at. */
static inline void vs__memory_announce(const struct vs_memory *m, const struct vs_memory_core *c,
                                       uint64_t line)
{
    (void)c; /* the tags of a core's own caches fit the host's */
    if (m->llc.lines) {
        vs_linetab_prefetch(m->llc.lines, m->special ? vs__memory_key(&m->llc, line) : line);
    }
}

/* Where DRAM keeps a line; the bank is its channel's. */
struct vs__memory_place {
    uint64_t channel, bank, row;
};
/* Says whether a number is a power of two. */
static inline bool vs__memory_power_of_two(uint64_t x)
{
    return x && (x & (x - 1u)) == 0;
}

/* The channel, bank and row of a line. */
static inline struct vs__memory_place vs__memory_place(const struct vs_memory *m, uint64_t line)
{
    struct vs__memory_place p;
    uint64_t column, in_channel = vs_div(&m->by_channels, line, &p.channel);
    p.row = vs_div(&m->by_banks, vs_div(&m->by_row_lines, in_channel, &column), &p.bank);
    return p;
}

/* 1 if a line is memory of the other node. */
static inline uint32_t vs__memory_remote(const struct vs_memory *m, uint64_t line)
{
    return line - m->near_line >= m->near_lines;
}
/* The row that a line's bank has open. */
static inline uint64_t *vs__memory_open_row(const struct vs_memory *m, struct vs__memory_place p,
                                            uint32_t remote)
{
    return &m->open_row[(remote * m->by_channels.n + p.channel) * m->by_banks.n + p.bank];
}
/* Hit, miss, conflict: 0, 1, 2. */
static inline uint32_t vs__memory_kind(uint64_t open, uint64_t row)
{
    return open == row ? 0u : open == UINT64_MAX ? 1u : 2u;
}

/* Accesses a line in memory, and says whether its row was open, closed or another. */
static inline uint32_t vs__memory_dram(struct vs_memory *m, uint64_t *count, uint64_t line)
{
    struct vs__memory_place p = vs__memory_place(m, line);
    uint32_t remote = vs__memory_remote(m, line);
    uint64_t *open = vs__memory_open_row(m, p, remote);
    uint32_t kind = vs__memory_kind(*open, p.row);
    *open = m->cfg.dram_page ? UINT64_MAX : p.row;
    count[VS_CNT_memory_dram_row_hits + kind]++;
    count[VS_CNT_memory_dram_remote] += remote;
    return VS_MEM_ROW_HIT + kind + 3u * remote;
}

#endif
