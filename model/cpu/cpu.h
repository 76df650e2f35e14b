/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's core: instruction cost, loads and stores that block or overlap in a window, fetches, and
 * bulk operations that run in C until they finish, reach the horizon of run-ahead, or fault.
 *
 * Hits of the first levels are counted and priced when something reads the clock (settle); the
 * books are the same as if each had been charged. Order of set-up: vs_cpu_init, then the memory and
 * the mmu fill data and fetch, then vs_cpu_attach, then vs_cpu_begin with the core's transaction.
 */
#ifndef VIRTSIM_CPU_H
#define VIRTSIM_CPU_H

#include "virtsim/batch.h"
#include "virtsim/l1.h"
#include "virtsim/perm.h"
#include "virtsim/site.h"
#include "virtsim/port/core.h"
#include "virtsim/port/fast.h"
#include "virtsim/port/line.h"
#include "virtsim/port/mmu.h"

#define VS_DEF_NAME cpu
#define VS_DEF_FILE "cpu/cpu.def"
#include "virtsim/def_types.h"

enum vs_cpu_stop { VS_CPU_DONE, VS_CPU_HORIZON, VS_CPU_FAULT };

/* How an access was translated, for counting: composition = translation x cache level. The first
 * are the tables of struct vs_l1_tlb, then come those of the second level. */
enum {
    VS_CPU_TLB_SECOND = VS_L1_SIZES,
    VS_CPU_TLB_NONE = VS_CPU_TLB_SECOND + VS_SECOND_TLBS,
    VS_CPU_TLB_KINDS
};
/* The lookups that such a translation takes, one after the other. */
struct vs_cpu_lookups {
    uint32_t n;
    struct vs_lookup part[2];
};

/* An access over several lines that faulted behind its first: the lookups of those below `until`
 * are counted, and not again when it is issued again. Whoever handles the fault keeps it. */
struct vs_cpu_halfway {
    uint64_t gva, until;
    uint32_t ref;
};

/* The page that runs of touches of one kind were in last (fast/touches.c). While it is the newest
 * entry of its TLB set a lookup changes nothing, so that those of a whole run are one. */
struct vs_cpu_page {
    uint64_t first, bytes; /* its addresses; no bytes: none is known */
    uint64_t line;         /* of its first address, where it lies in memory */
    uint64_t hits;         /* in it, not yet counted */
    /* what has to be as it was, for a lookup to find it again */
    const uint64_t *tag_at, *payload_at;
    uint64_t tag, payload;
    uint32_t newest, last, tlb;
};

struct vs_cpu_window; /* window.h */
struct vs_cpu_bulk;

struct vs_cpu {
    struct vs_l1 data, fetch;
    /* counted and not yet priced */
    uint64_t pending_ps;
    uint64_t fast[3][VS_L1_SIZES]; /* inline hits, by enum vs_ref and table */
    uint64_t pending_mask[3];      /* of other compositions: bit = level where some are, and
                                      above VS_LINE_LEVELS, how they were translated */
    uint64_t pending_instructions, pending_instruction_ps;
    uint64_t pending[3][VS_CPU_TLB_KINDS][VS_LINE_LEVELS]; /* those */
    uint64_t carry;                        /* of the instruction clock, in ps x ipc; below ipc */
    uint64_t instruction_q, instruction_r; /* ps of one instruction: q + r / ipc */
    uint64_t round_n, round_ps; /* the fewest instructions that take whole picoseconds, and those */
    uint64_t price[3][VS_CPU_TLB_KINDS][VS_LINE_LEVELS];
    struct vs_cpu_lookups lookups[3][VS_CPU_TLB_KINDS];
    uint64_t worst_ps[3];       /* the dearest access whose translation is the most recent entry */
    bool gathers;               /* memory and mmu allow fast/gather.h */
    uint64_t worst_gathered_ps; /* bound of what one gathered access takes */
    bool exact;                 /* somebody listens: charge each access */
    bool modifies;              /* the load that is being made is translated as a store */
    bool soils;                 /* and writes what it has loaded: its lines become dirty */
    bool depends;               /* accesses from now on need the value of the one before (window) */
    struct vs_cpu_window *window; /* NULL: accesses block */
    struct vs_cpu_window *string; /* where they do: what a string instruction's stores overlap in */
    struct vs_mmu_port mmu;
    struct vs_fast_port fast_port;
    /* How strides and jumps run; NULL: one access after the other. */
    enum vs_cpu_stop (*fast_bulk)(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until);
    /* How many of a run of n touches are made at once; 0: the first has to be made by itself. NULL:
     * each has. */
    uint64_t (*fast_touches)(struct vs_cpu *c, uint64_t at, uint64_t n, uint32_t ref);
    /* The touches of several steps, whose instructions come behind all of them; false: nothing is
     * done, as somebody wants them step by step; NULL: step by step. */
    bool (*fast_runs)(struct vs_cpu *c, const struct vs_core_run *r, size_t n);
    /* the same of a batch, where nobody looks; false: nothing is done, they go run by run */
    bool (*fast_batch)(struct vs_cpu *c, const struct vs_batch *b);
    /* whether it would */
    bool (*fast_unwatched)(struct vs_cpu *c);
    struct vs_cpu_page page[3]; /* by enum vs_ref */
    /* Called before a walk begins, for what is to be there then at no cost; NULL: nothing. */
    void (*before_walk)(void *ctx, vs_gva at);
    void *before_walk_ctx;
    struct vs_translation fault; /* after VS_CPU_FAULT */
    struct vs_cpu_halfway halfway;
    bool missed; /* the last lookup that failed was a miss, not a clean entry */
    struct vs_cpu_config cfg;
    struct vs_clock clock;
    struct vs_ledger *ledger;
    struct vs_txn *txn;
    uint16_t account;
    uint16_t instruction_account; /* of instructions; a program's step books them on its own */
    uint64_t *count;              /* of the world that runs */
    uint64_t counts[2][VS_CNT_cpu_N];
    uint64_t (*books)[VS_CNT_cpu_N]; /* those of the thread on it: `counts`, or another's */
};

void vs_cpu_check(const struct vs_cpu_config *cfg, struct vs_errors *errors);
enum vs_status vs_cpu_init(struct vs_cpu *c, const struct vs_cpu_config *cfg,
                           struct vs_ledger *ledger);
void vs_cpu_free(struct vs_cpu *c);
void vs_cpu_attach(struct vs_cpu *c, const struct vs_mmu_port *mmu);
/* After vs_cpu_attach, and only if wanted: several accesses of a bulk operation are taken at once,
 * with the help of what mmu and memory offer; no result depends on it. port NULL: one after the
 * other again. False: the program is built without (VIRTSIM_WITHOUT=fast). */
#ifdef VS_WITHOUT_FAST
/* Refuses the fast paths in a build without them. */
static inline bool vs_cpu_attach_fast(struct vs_cpu *c, const struct vs_fast_port *port)
{
    (void)c;
    (void)port;
    return false;
}
#else
bool vs_cpu_attach_fast(struct vs_cpu *c, const struct vs_fast_port *port);
#endif
/* t is the core's time line from now on; its counted hits are priced by this core. */
void vs_cpu_begin(struct vs_cpu *c, struct vs_txn *t);
/* Accesses are taken one after the other, as whoever watches them needs; no result depends on it.
 * Before the first one. */
void vs_cpu_one_by_one(struct vs_cpu *c);
/* Where in the program the core's time goes is kept from now on (virtsim/site.h): every access says
 * where it is, one after the other. After vs_cpu_begin; no result depends on it. */
enum vs_status vs_cpu_keep_sites(struct vs_cpu *c);
/* The program goes on in this address space, at no address that is known. Where sites are kept. */
void vs_cpu_leave(struct vs_cpu *c, uint64_t space);
/* What of a core is a thread's, and comes and goes with it where several share the core. */
struct vs_cpu_thread {
    uint64_t counts[2][VS_CNT_cpu_N];
    struct vs_cpu_halfway halfway;
    bool depends;
    void (*before_walk)(void *ctx, vs_gva at);
    void *before_walk_ctx;
    uint64_t again, again_until_ps; /* squashed entries of the window */
};
/* The thread of this transaction goes: it is settled, and nobody prices anything for it from now
 * on. Another one comes. */
void vs_cpu_put(struct vs_cpu *c, struct vs_cpu_thread *t);
void vs_cpu_take(struct vs_cpu *c, struct vs_cpu_thread *t, struct vs_txn *txn);
/* Whose counters run: guest or host. Settles. */
void vs_cpu_world(struct vs_cpu *c, bool host);

/* The clock with everything counted, without pricing it. */
static inline uint64_t vs_cpu_now_ps(const struct vs_cpu *c)
{
    return c->txn->now_ps + c->pending_ps;
}

/* The clock as vs_now reads it. Nothing is priced for that where accesses block. */
static inline vs_ps vs_cpu_now(struct vs_cpu *c)
{
    vs_ps now = {vs_cpu_now_ps(c)};
    return c->window ? vs_now(c->txn) : now;
}

/* What the clock will be when n more instructions have executed that touch no memory and nothing
 * interrupts. */
static inline uint64_t vs_cpu_after_ps(const struct vs_cpu *c, uint64_t n)
{
    return vs_cpu_now_ps(c) + n * c->instruction_q + (c->carry + n * c->instruction_r) / c->cfg.ipc;
}

#define VS_CPU_ACCESS_MAX 4096u /* bytes */
/* One access of `bytes` (1 to VS_CPU_ACCESS_MAX): VS_CPU_DONE, or VS_CPU_FAULT with c->fault (then
 * nothing was completed and the access is to be issued again). */
enum vs_cpu_stop vs_cpu_access(struct vs_cpu *c, vs_gva at, uint32_t bytes, enum vs_ref ref);
/* A run of accesses of 8 bytes: of `at` and of every `step` bytes after it, below at + bytes.
 * *done: how many bytes; it goes on from there after a fault. */
enum vs_cpu_stop vs_cpu_touches(struct vs_cpu *c, vs_gva at, uint64_t bytes, uint64_t step,
                                enum vs_ref ref, uint64_t *done);
/* One access that loads and then writes what it has loaded: counted as the load, since the line is
 * there when it is written, and translated as a store, which needs the right and sets the dirty
 * flag. */
enum vs_cpu_stop vs_cpu_modify(struct vs_cpu *c, vs_gva at, uint32_t bytes);
/* One string instruction stores whole lines from the line-aligned `at` on. *done: how many bytes;
 * it goes on from there after a fault. */
enum vs_cpu_stop vs_cpu_store_string(struct vs_cpu *c, vs_gva at, uint64_t bytes, uint64_t *done);
/* An interrupt is taken: the oldest access in the window completes, younger ones are squashed and
 * enter again when the program goes on. Nothing happens where accesses block. */
void vs_cpu_interrupt(struct vs_cpu *c);
/* What the TLBs and the walker do for an access that no cache holds (a device register); it counts
 * as an access. */
enum vs_cpu_stop vs_cpu_translate(struct vs_cpu *c, vs_gva at, enum vs_ref ref);
void vs_cpu_instructions(struct vs_cpu *c, uint64_t n);
/* The core as handler programs drive it. A fault there is counted and passed over. */
struct vs_core_port vs_cpu_core_port(struct vs_cpu *c);

/* ---- bulk operations ---- */
enum vs_bulk_kind { VS_BULK_STRIDE, VS_BULK_RANDOM, VS_BULK_ZIPF, VS_BULK_CHASE, VS_BULK_STREAM };
#define VS_BULK_AHEAD 64u /* addresses known in advance, a power of two */

struct vs_zipf; /* table of a Zipf distribution, see vs_bulk_zipf */

struct vs_cpu_bulk {
    enum vs_bulk_kind kind;
    enum vs_ref ref;
    bool modifies; /* each access, a load, as vs_cpu_modify makes it */
    vs_gva base;   /* region [base, base + bytes) */
    uint64_t bytes;
    uint64_t count; /* accesses wanted */
    uint64_t done;
    uint64_t stride;       /* stride: step; chase: node size; random: element size; zipf: grain */
    uint64_t instructions; /* for each access */
    uint64_t offset;       /* stride, stream, chase: position */
    struct vs_rng rng;
    struct vs_perm perm;
    struct vs_zipf *zipf;
    uint64_t ahead[VS_BULK_AHEAD]; /* ring of addresses, filled up to `made` */
    uint64_t made, foretold;       /* so many addresses */
};

/* All: VS_E_BOUNDS for an empty region or element. `count` accesses; run them with vs_cpu_bulk_run.
 */
enum vs_status vs_bulk_stride(struct vs_cpu_bulk *b, const struct vs_cpu *c, enum vs_ref ref,
                              vs_gva base, uint64_t bytes, uint64_t stride, uint64_t count);
/* Uniform over 8-byte elements. */
enum vs_status vs_bulk_random(struct vs_cpu_bulk *b, const struct vs_cpu *c, enum vs_ref ref,
                              vs_gva base, uint64_t bytes, uint64_t count, uint64_t seed);
/* Zipf over pages of `grain` bytes (P ~ 1 / rank^theta, ranks scattered by a permutation), uniform
 * 8-byte elements inside. Ranks above 1024 are drawn in groups of a sixty-fourth octave. */
enum vs_status vs_bulk_zipf(struct vs_cpu_bulk *b, const struct vs_cpu *c, enum vs_ref ref,
                            vs_gva base, uint64_t bytes, uint64_t grain, double theta,
                            uint64_t count, uint64_t seed);
/* Pointer chase: one random cycle through all nodes of `node` bytes. */
enum vs_status vs_bulk_chase(struct vs_cpu_bulk *b, const struct vs_cpu *c, vs_gva base,
                             uint64_t bytes, uint64_t node, uint64_t count, uint64_t seed);
/* a[i] = b[i] + c[i] over three equal thirds of the region, 8-byte elements: load, load, store. */
enum vs_status vs_bulk_stream(struct vs_cpu_bulk *b, const struct vs_cpu *c, vs_gva base,
                              uint64_t bytes, uint64_t count);
/* For whoever makes the accesses itself: where the next one goes, and of which kind it is; it has
 * been made. */
vs_gva vs_bulk_next(struct vs_cpu_bulk *b, enum vs_ref *ref);
void vs_bulk_made(struct vs_cpu_bulk *b);
void vs_bulk_free(struct vs_cpu_bulk *b);
/* Until done, until the clock reaches `until`, or until a fault; may be called again after each. */
enum vs_cpu_stop vs_cpu_bulk_run(struct vs_cpu *c, struct vs_cpu_bulk *b, vs_ps until);

#endif
