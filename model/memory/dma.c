/* SPDX-License-Identifier: MIT */
/*
 * Devices: a DMA's bytes move through LLC or memory. Its first (slowest) line pays the latency of
 * the level that answered; the others overlap with it and pay memory.dma.line each. The LLC is that
 * of the cores' node: a device of another node finds lines in it, but its writes enter none there.
 */
#include "memory/path.h"

#include <string.h>

/* How many lines of this line's set devices have put there, and which of them leaves first. */
static uint64_t held_by_devices(struct vs_memory_cache *llc, uint64_t line, uint64_t *leaves)
{
    struct vs_linetab *t = llc->lines;
    uint64_t set, key = vs__memory_key(llc, line), n = 0;
    if (!t) {
        n = vs_settab_marked(&llc->wide, key, VS_LINE_IO, &set);
        *leaves = n ? vs__memory_key(llc, set) : 0;
        return n;
    }
    (void)vs_linetab_tag(t, key, &set);
    const uint32_t *way = t->tag + set * t->stride;
    uint32_t oldest = 0;
    for (uint32_t w = 0; w < t->ways; w++) {
        if (way[w] & VS_LINE_IO) {
            n++;
            oldest = way[w];
        }
    }
    *leaves = n ? vs__memory_key(llc, vs_linetab_line(t, oldest, set)) : 0;
    return n;
}

/* When a set already holds as many device lines as it may, one of them makes room. */
static void llc_make_room(struct vs_memory *m, uint64_t *count, uint64_t line)
{
    uint64_t gone = 0;
    if (held_by_devices(&m->llc, line, &gone) >= m->cfg.ddio_ways) {
        bool dirty = false;
        (void)vs__memory_drop(&m->llc, gone, &dirty);
        if (m->cfg.llc_inclusive) {
            uint64_t dropped = 0;
            dirty = m->snoop_out(m, gone, &dropped) || dirty;
            count[VS_CNT_memory_back_invalidations] += dropped;
        }
        count[VS_CNT_memory_llc_writebacks] += dirty && m->cfg.writeback;
    }
}

/* A device has allocated this line. */
static void llc_mark(struct vs_memory_cache *llc, uint64_t line)
{
    uint64_t key = vs__memory_key(llc, line);
    uint32_t *tag = llc->lines ? vs_linetab_peek(llc->lines, key) : NULL;
    uint64_t *flags = llc->lines ? NULL : vs_settab_peek(&llc->wide, key);
    if (tag) {
        *tag |= VS_LINE_IO;
    } else if (flags) {
        *flags |= VS_LINE_IO;
    }
}

/* Writes a line that isn't there into the last level, by taking one of the ways that devices have.
 */
static __attribute__((noinline)) void llc_allocate(struct vs_memory *m, uint64_t *count,
                                                   uint64_t line)
{
    llc_make_room(m, count, line);
    m->into_llc(m, count, line);
    llc_mark(&m->llc, line);
}

/* A level as the cores see it, seen from the agent's node. */
static uint32_t seen_from(struct vs_memory_dma *d, uint64_t line, uint32_t level)
{
    uint32_t remote_of_cores = level >= VS_MEM_REMOTE,
             remote = line - d->near_line >= d->memory->near_lines;
    if (!d->far || level < VS_MEM_ROW_HIT) {
        return level;
    }
    d->count[VS_CNT_memory_dram_remote] += remote;
    d->count[VS_CNT_memory_dram_remote] -= remote_of_cores;
    return level + 3u * remote - 3u * remote_of_cores;
}

/* Accesses a line in memory, and says which level that is from the device's node. */
static uint32_t dma_dram(struct vs_memory_dma *d, uint64_t line)
{
    uint32_t level = vs__memory_dram(d->memory, d->count, line);
    return d->far ? seen_from(d, line, level) : level;
}

/* What a level takes: the LLC is the cores' node's. */
static uint64_t price(const struct vs_memory_dma *d, uint32_t level)
{
    return d->memory->ps[0][level] +
           (d->far && level == VS_MEM_LLC ? d->memory->cfg.remote_latency : 0);
}

/* Writes a line for a device, and says where to. */
static vs_inlined uint32_t write_line(struct vs_memory_dma *d, uint64_t line)
{
    struct vs_memory *m = d->memory;
    uint64_t *count = d->count, dropped = 0;
    bool dirty = false;
    count[VS_CNT_memory_dma_write_lines]++;
    (void)m->snoop_out(m, line, &dropped);
    count[VS_CNT_memory_dma_snoops] += dropped;
    if (vs_likely(m->cfg.ddio && m->llc.present && !d->far)) {
        bool there = m->hit_llc(m, count, line);
        count[VS_CNT_memory_dma_llc_hits] += there;
        if (vs_unlikely(!there)) {
            llc_allocate(m, count, line);
        }
        return VS_MEM_LLC;
    }
    count[VS_CNT_memory_dma_llc_hits] += vs__memory_drop(&m->llc, line, &dirty);
    return dma_dram(d, line);
}

/* Reads a line for a device, and says where it was. */
static vs_inlined uint32_t read_line(struct vs_memory_dma *d, uint64_t line)
{
    struct vs_memory *m = d->memory;
    uint64_t *count = d->count;
    bool in_cache = vs__memory_has(&m->llc, line);
    count[VS_CNT_memory_dma_read_lines]++;
    for (uint32_t i = 0; i < m->n_cores && !in_cache; i++) {
        const struct vs_memory_core *c = m->core[i];
        const struct vs_memory_cache *k[3] = {&c->l1[0], &c->l1[1], &c->l2};
        for (uint32_t j = 0; j < 3 && !in_cache; j++) {
            in_cache = vs__memory_has(k[j], line);
        }
    }
    count[VS_CNT_memory_dma_llc_hits] += in_cache;
    return in_cache ? (uint32_t)VS_MEM_LLC : dma_dram(d, line); /* reads allocate nothing */
}

/* Charges a transfer: the slowest of its lines, which are accessed at once. */
static vs_inlined void dma_time(struct vs_memory_dma *d, struct vs_txn *t, vs_hpa at, size_t bytes,
                                bool write)
{
    struct vs_memory *m = d->memory;
    uint64_t first = at.v >> m->line_shift, last = (at.v + bytes - 1u) >> m->line_shift;
    uint32_t slowest = VS_MEM_LLC;
    vs_ps latency = {0}, rest = {(last - first) * m->cfg.dma_line};
    for (uint64_t line = first; line <= last; line++) {
        uint32_t level = write ? write_line(d, line) : read_line(d, line);
        uint64_t ps = price(d, level);
        slowest = ps >= latency.v ? level : slowest;
        latency.v = ps >= latency.v ? ps : latency.v;
    }
    static const uint16_t account[VS_MEM_LEVELS] = {0,
                                                    0,
                                                    VS_ACC_memory_dma_llc,
                                                    VS_ACC_memory_dram_row_hit,
                                                    VS_ACC_memory_dram_row_miss,
                                                    VS_ACC_memory_dram_row_conflict,
                                                    VS_ACC_memory_remote,
                                                    VS_ACC_memory_remote,
                                                    VS_ACC_memory_remote};
    bool there = d->far && slowest == VS_MEM_LLC;
    vs_charge(t, (uint16_t)(m->account + (there ? VS_ACC_memory_dma_llc_remote : account[slowest])),
              latency);
    if (last != first) {
        vs_charge_n(t, (uint16_t)(m->account + VS_ACC_memory_dma_line), last - first, rest);
    }
}

/* Reads memory for a device. */
static void dma_read(void *ctx, struct vs_txn *t, vs_hpa at, void *buf, size_t bytes)
{
    struct vs_memory_dma *d = ctx;
    if (bytes) {
        dma_time(d, t, at, bytes, false);
        if (buf) {
            vs_phys_read(d->memory->phys, at, buf, bytes);
        }
    }
}

/* Writes memory for a device. */
static void dma_write(void *ctx, struct vs_txn *t, vs_hpa at, const void *buf, size_t bytes)
{
    struct vs_memory_dma *d = ctx;
    if (bytes) {
        dma_time(d, t, at, bytes, true);
        if (buf) {
            vs_phys_write(d->memory->phys, at, buf, bytes);
        }
    }
}

/* Accesses a line for an agent that is no core, and charges it. */
static void agent_book(struct vs_memory_dma *d, struct vs_txn *t, vs_hpa at, uint32_t ref)
{
    struct vs_memory *m = d->memory;
    uint32_t level = m->access(m, NULL, d->count, at.v >> m->line_shift, ref, VS_MEM_LLC);
    static const uint16_t account[VS_MEM_LEVELS] = {0,
                                                    0,
                                                    VS_ACC_memory_llc_hit,
                                                    VS_ACC_memory_dram_row_hit,
                                                    VS_ACC_memory_dram_row_miss,
                                                    VS_ACC_memory_dram_row_conflict,
                                                    VS_ACC_memory_remote,
                                                    VS_ACC_memory_remote,
                                                    VS_ACC_memory_remote};
    level = d->far ? seen_from(d, at.v >> m->line_shift, level) : level;
    bool there = d->far && level == VS_MEM_LLC;
    vs_ps p = {price(d, level)};
    vs_charge(t, (uint16_t)(m->account + (there ? VS_ACC_memory_dma_llc_remote : account[level])),
              p);
}

/* Loads a word for an agent. */
static uint64_t agent_load(void *ctx, struct vs_txn *t, vs_hpa at)
{
    struct vs_memory_dma *d = ctx;
    agent_book(d, t, at, VS_MEM_REF_WALK);
    return vs_phys_read64(d->memory->phys, at);
}
/* Stores a word for an agent. */
static void agent_store(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value)
{
    struct vs_memory_dma *d = ctx;
    agent_book(d, t, at, VS_MEM_REF_WALK_WRITE);
    vs_phys_write64(d->memory->phys, at, value);
}
/* Accesses a line for an agent. */
static void agent_touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    agent_book(ctx, t, at, ref == VS_REF_WRITE ? VS_MEM_REF_WALK_WRITE : VS_MEM_REF_WALK);
}

void vs_memory_dma_init(struct vs_memory_dma *d, struct vs_memory *m)
{
    memset(d, 0, sizeof *d);
    d->memory = m;
}

void vs_memory_dma_place(struct vs_memory_dma *d, uint64_t node)
{
    const struct vs_memory *m = d->memory;
    d->near_line = m->cfg.nodes > 1u ? node * m->near_lines : 0;
    d->far = d->near_line != m->near_line;
}

struct vs_dma_mem_port vs_memory_dma_port(struct vs_memory_dma *d)
{
    return (struct vs_dma_mem_port){d, dma_read, dma_write};
}

struct vs_mem_port vs_memory_agent_port(struct vs_memory_dma *d)
{
    return (struct vs_mem_port){d, agent_load, agent_store, agent_touch, NULL, NULL};
}
