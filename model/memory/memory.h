/* SPDX-License-Identifier: MIT */
/*
 * Caches and DRAM behind physical addresses: per core L1D, L1I and L2, shared LLC, row buffers.
 * One struct vs_memory a machine, one struct vs_memory_core a core. Latencies are load-to-use
 * totals of the level that answered and are booked on that level's account.
 *
 * A core's hits in its struct vs_l1 are counted by the core; everything else arrives through ports.
 * Errors: VS_E_CONFIG for impossible geometry (vs_memory_check says why), VS_E_NOMEM.
 */
#ifndef VIRTSIM_MEMORY_H
#define VIRTSIM_MEMORY_H

#include "virtsim/fact.h"
#include "virtsim/l1.h"
#include "virtsim/phys.h"
#include "virtsim/port/dma.h"
#include "virtsim/port/fast.h"
#include "virtsim/port/line.h"
#include "virtsim/port/mem.h"

#define VS_DEF_NAME memory
#define VS_DEF_FILE "memory/memory.def"
#include "virtsim/def_types.h"

#define VS_MEMORY_CORES 64u

enum vs_memory_level {
    VS_MEM_L1,
    VS_MEM_L2,
    VS_MEM_LLC,
    VS_MEM_ROW_HIT,
    VS_MEM_ROW_MISS,
    VS_MEM_ROW_CONFLICT,
    VS_MEM_REMOTE, /* the same three, in another node's memory */
    VS_MEM_REMOTE_MISS,
    VS_MEM_REMOTE_CONFLICT,
    VS_MEM_L2_REFILL, /* L2 and LLC again, after the wait of memory.l1d.refill */
    VS_MEM_LLC_REFILL,
    VS_MEM_LEVELS
};
/* enum vs_ref continued: a page walker's references are counted on their own. */
enum { VS_MEM_REF_WALK = 3, VS_MEM_REF_WALK_WRITE };
enum { VS_MEM_STRADDLE_SPLIT, VS_MEM_STRADDLE_CACHEGRIND };

/* One cache: a line table when policy and address width allow, else the general table. */
struct vs_memory_cache {
    struct vs_linetab *lines; /* narrow: own, or the one inside a struct vs_l1; NULL otherwise */
    struct vs_linetab own;
    struct vs_settab wide; /* payload: VS_LINE_* flags */
    uint32_t set_bits;     /* of a hashed index; with slices, of one of them */
    uint32_t hash_bits;    /* lowest bits that take in a fold of the others; 0: none */
    struct vs_divider by_slices;
    bool hashed; /* false: index by modulo */
    bool present;
};

struct vs_memory;
struct vs_memory_core {
    struct vs_memory *memory;
    struct vs_l1 *data, *fetch;
    struct vs_memory_cache l1[2]; /* data, fetch */
    struct vs_memory_cache l2;
    uint64_t refilled; /* set of L1D that the last miss fills; UINT64_MAX = a walk came since */
    uint64_t seen[2];  /* lines of their pages, modulo 64, that misses of L1 asked for: of this
                          epoch and the one before (memory.l2.prefetch) */
    uint32_t epoch;    /* misses of this one */
    uint64_t *count;   /* of the world that runs: guest or host */
    struct vs_gather gather;
    uint64_t counts[2][VS_CNT_memory_N];
    uint64_t (
        *books)[VS_CNT_memory_N]; /* those of the thread on the core: `counts`, or another's */
};

/* A requester other than a core: its own counters, and the node it belongs to. */
struct vs_memory_dma {
    struct vs_memory *memory;
    bool far;           /* that is not the cores' and the LLC's */
    uint64_t near_line; /* the first line of its node's memory; where it is far */
    uint64_t count[VS_CNT_memory_N];
};

struct vs_memory {
    struct vs_memory_config cfg;
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    uint16_t account; /* base of ours */
    uint32_t line_shift;
    uint64_t max_line;
    uint64_t seed;
    uint64_t ps[2][VS_MEM_LEVELS];    /* data, fetch */
    uint64_t flush_ps, flush_line_ps; /* emptying L1D; a line of it that is written back */
    struct vs_memory_cache llc;
    bool special; /* a hashed index, an LLC of victims, ...: the path that asks for them */
    struct vs_divider by_l1_sets;
    struct vs_divider by_channels, by_row_lines, by_banks;
    uint64_t *open_row;             /* [own node, others][channels x banks], UINT64_MAX = closed */
    uint64_t near_line, near_lines; /* of the cores' node */
    struct vs_memory_core *core[VS_MEMORY_CORES];
    uint32_t n_cores;
    /* The path of one line reference, chosen for the host's vector unit. c may be NULL when the
     * entry is the LLC. */
    uint32_t (*access)(struct vs_memory *m, struct vs_memory_core *c, uint64_t *count,
                       uint64_t line, uint32_t ref, uint32_t entry);
    void (*run)(struct vs_memory *m, struct vs_memory_core *c, uint64_t line, uint32_t n,
                uint64_t step, uint32_t ref, uint8_t level[VS_LINE_RUN],
                uint64_t answered[VS_LINE_LEVELS]);
    uint64_t (*walker_load)(void *ctx, struct vs_txn *t, vs_hpa at);
    void (*into_llc)(struct vs_memory *m, uint64_t *count, uint64_t line);
    /* into_llc where the line is there; false: it is not, and nothing has changed */
    bool (*hit_llc)(struct vs_memory *m, uint64_t *count, uint64_t line);
    /* takes a line out of every core; true when one of them had it dirty */
    bool (*snoop_out)(struct vs_memory *m, uint64_t line, uint64_t *n_dropped);
    void (*into_l2)(struct vs_memory *m, struct vs_memory_core *c, uint64_t *count, uint64_t line);
    void (*gathered)(struct vs_memory *m, struct vs_memory_core *c); /* NULL with `special` */
};

void vs_memory_check(const struct vs_memory_config *cfg, struct vs_errors *errors);
/* Levels of caches that a core's data passes. */
void vs_memory_facts(const struct vs_memory_config *cfg, const struct vs_facts *to);
/* `clock` prices the caches; addresses stay below `max_address` (of phys, or of a virtually indexed
 * oracle); phys may be NULL when nobody loads values. */
enum vs_status vs_memory_init(struct vs_memory *m, const struct vs_memory_config *cfg,
                              struct vs_ledger *ledger, struct vs_clock clock, struct vs_phys *phys,
                              uint64_t max_address, uint64_t seed);
/* The node of memory.nodes equal parts of [0, bytes) that cores and the LLC belong to. */
void vs_memory_place(struct vs_memory *m, uint64_t bytes, uint64_t node);
void vs_memory_free(struct vs_memory *m);
/* Adds a core: fills the memory's part of its two vs_l1. Both must outlive the core. */
enum vs_status vs_memory_core_init(struct vs_memory_core *c, struct vs_memory *m,
                                   struct vs_l1 *data, struct vs_l1 *fetch);
void vs_memory_core_free(struct vs_memory_core *c);
/* From now on those of another thread run, in the world that is set next. */
static inline void vs_memory_core_take(struct vs_memory_core *c, uint64_t (*books)[VS_CNT_memory_N])
{
    c->books = books;
}
/* Whose counters run from now on; the caller has settled its transaction. */
void vs_memory_core_world(struct vs_memory_core *c, bool host);
/* The table of a core's cache, or of the LLC (shared): "memory.l2"; in the general shape, so that
 * it can be watched (virtsim/stack.h). Right after vs_memory_core_init; NULL: there is none. */
struct vs_settab *vs_memory_watched(struct vs_memory_core *c, const char *name, bool *shared);
/* All caches of the machine become empty (nothing is written back). */
void vs_memory_clear(struct vs_memory *m);
/* Writes back what is dirty in the core's first-level data cache, and empties it (IA32_FLUSH_CMD).
 * Returns how many lines it held. */
uint64_t vs_memory_flush_l1d(struct vs_memory_core *c, struct vs_txn *t);
/* Variants of the path, the fastest first; the last is every host's. */
#define VS_MEMORY_VARIANTS 2u
extern const char *const vs_memory_variant[VS_MEMORY_VARIANTS];
/* Chooses one: false when the host cannot. For tests. */
bool vs_memory_use(struct vs_memory *m, const char *variant);

/* Timed ports. The walker's enters at memory.walker.entry, the core's at L1D / L1I. */
struct vs_mem_port vs_memory_core_port(struct vs_memory_core *c);
struct vs_mem_port vs_memory_walker_port(struct vs_memory_core *c);
struct vs_fast_lines vs_memory_fast_port(struct vs_memory_core *c);
/* For an agent without a core (an IOMMU's walker): enters at the LLC. */
struct vs_mem_port vs_memory_agent_port(struct vs_memory_dma *d);
void vs_memory_dma_init(struct vs_memory_dma *d, struct vs_memory *m);
/* The node that the agent belongs to; before it is told, the cores' own. */
void vs_memory_dma_place(struct vs_memory_dma *d, uint64_t node);
struct vs_dma_mem_port vs_memory_dma_port(struct vs_memory_dma *d);

#endif
