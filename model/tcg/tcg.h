/* SPDX-License-Identifier: MIT */
/*
 * A translator without hardware virtualization, as QEMU's TCG is one: blocks of the guest's
 * instructions become blocks of the host's in a translation cache, which jump to each other
 * directly, by a jump cache or by a hash table of all of them; every access of the guest goes
 * through a TLB in software, whose misses walk the guest's tables in software; privileged
 * instructions and devices are calls of helpers. Nothing exits.
 *
 * The structures are exact: which block is found where, which access hits. Their contents are the
 * simulator's own; where they lie is real, and their lines are touched. Software's own paths are
 * programs of the hypervisor's, which the wiring runs.
 */
#ifndef VIRTSIM_TCG_H
#define VIRTSIM_TCG_H

#include "virtsim/op.h"
#include "virtsim/phys.h"
#include "virtsim/radix.h"
#include "virtsim/port/core.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/mmu.h"
#include "virtsim/port/state.h"
#include "virtsim/port/world.h"

#define VS_DEF_NAME tcg
#define VS_DEF_FILE "tcg/tcg.def"
#include "virtsim/def_types.h"

#define VS_TCG_PAGE_SHIFT 12u
#define VS_TCG_ENTRY_BYTES 32u /* CPU_TLB_ENTRY_BITS 5 */
#define VS_TCG_JUMP_BYTES 16u  /* block and PC */
#define VS_TCG_VICTIMS 64u
#define VS_TCG_NONE UINT32_MAX

/* ---- tlb.c: one table of the software TLB ---- */

struct vs_tcg_entry {
    uint64_t page, gpa; /* page: of the guest-virtual address, UINT64_MAX: none */
    uint32_t rights;    /* VS_RIGHT_*; writing only once the dirty flag is set */
};
struct vs_tcg_tlb {
    const struct vs_tcg_config *config;
    struct vs_tcg_entry *table;
    unsigned bits;
    uint64_t used, window_max, window_ps;
    struct vs_tcg_entry victim[VS_TCG_VICTIMS];
    uint64_t next_victim;
    uint64_t large_at, large_mask; /* that any large page lies in; large_at UINT64_MAX: none */
    bool dirty;                    /* filled since the last flush */
};
enum vs_status vs_tcg_tlb_init(struct vs_tcg_tlb *t, const struct vs_tcg_config *config);
void vs_tcg_tlb_free(struct vs_tcg_tlb *t);
static inline uint64_t vs_tcg_tlb_index(const struct vs_tcg_tlb *t, uint64_t gva)
{
    return gva >> VS_TCG_PAGE_SHIFT & ((1ull << t->bits) - 1u);
}
/* The entry that answers inline, NULL: none. */
static inline const struct vs_tcg_entry *vs_tcg_tlb_find(const struct vs_tcg_tlb *t, uint64_t gva,
                                                         uint32_t right)
{
    const struct vs_tcg_entry *e = &t->table[vs_tcg_tlb_index(t, gva)];
    return e->page == gva >> VS_TCG_PAGE_SHIFT && e->rights & right ? e : NULL;
}
/* The same among the victims; it takes the place of the one in its way, which becomes a victim. */
const struct vs_tcg_entry *vs_tcg_tlb_victim(struct vs_tcg_tlb *t, uint64_t gva, uint32_t right);
/* A page is filled in; page_shift: of the guest's page. */
const struct vs_tcg_entry *vs_tcg_tlb_put(struct vs_tcg_tlb *t, uint64_t gva, uint64_t gpa,
                                          uint32_t rights, unsigned page_shift);
/* Everything goes; -1, 0, 1: the table has become smaller, stayed, grown. */
int vs_tcg_tlb_flush(struct vs_tcg_tlb *t, uint64_t now_ps);
/* One page goes; false: it may be part of a large one, and everything has to. */
bool vs_tcg_tlb_flush_page(struct vs_tcg_tlb *t, uint64_t gva);

/* ---- cache.c: blocks, and how they are found ---- */

/* A block as others know it: dropped, it has another serial. */
struct vs_tcg_link {
    uint32_t block;
    uint64_t serial;
};
struct vs_tcg_block {
    uint64_t pc, gpa; /* of its first instruction */
    uint64_t code;    /* where its code begins in the cache */
    uint64_t serial;  /* of its translation; 0: it is dropped */
    uint32_t instructions, bytes;
    uint32_t next, next_in_page;
    struct vs_tcg_link jump[2]; /* to where its two direct jumps lead */
};
struct vs_tcg_cache {
    struct vs_tcg_block *block;
    uint32_t n, room;
    uint32_t *bucket, *page; /* first block of each, VS_TCG_NONE */
    uint64_t used, serial;
};
enum vs_status vs_tcg_cache_init(struct vs_tcg_cache *c);
void vs_tcg_cache_free(struct vs_tcg_cache *c);
/* VS_TCG_NONE: there is none that begins there. */
uint32_t vs_tcg_cache_find(const struct vs_tcg_cache *c, uint64_t pc, uint64_t gpa);
/* A new block; it has room for `bytes` of the cache from `used` on. VS_TCG_NONE: this process has
 * no memory for it. */
uint32_t vs_tcg_cache_add(struct vs_tcg_cache *c, uint64_t pc, uint64_t gpa, uint64_t bytes);
void vs_tcg_cache_empty(struct vs_tcg_cache *c);
/* Whether blocks were translated from the page around gpa. */
bool vs_tcg_cache_has_page(const struct vs_tcg_cache *c, uint64_t gpa);
/* Drops the blocks with bytes in [gpa, gpa + bytes); how many. */
uint64_t vs_tcg_cache_drop(struct vs_tcg_cache *c, uint64_t gpa, uint64_t bytes);
static inline bool vs_tcg_cache_holds(const struct vs_tcg_cache *c, struct vs_tcg_link to)
{
    return to.block < c->n && to.serial && c->block[to.block].serial == to.serial;
}

/* ---- the translator of one vCPU ---- */

/* The hypervisor's programs for its paths. */
enum vs_tcg_path {
    VS_TCG_DISPATCH,   /* a block returns to the loop around all of them, which goes on */
    VS_TCG_LOOKUP,     /* a block calls the lookup helper: the jump cache */
    VS_TCG_FIND,       /* the hash table of all blocks */
    VS_TCG_CHAIN,      /* a direct jump is patched */
    VS_TCG_TRANSLATE,  /* a block, without its instructions */
    VS_TCG_ONE,        /* a loop: an instruction of it */
    VS_TCG_SLOW,       /* the slow path of an access, up to the victims */
    VS_TCG_WALK,       /* a loop: an entry of the guest's tables */
    VS_TCG_FILL,       /* an entry of the software TLB is made */
    VS_TCG_FLUSH,      /* of a table, without its lines */
    VS_TCG_FLUSH_PAGE, /* of a page */
    VS_TCG_CODE_WRITE, /* a store to a page that blocks were translated from */
    VS_TCG_DROP,       /* a block is taken out */
    VS_TCG_EMPTY,      /* the cache is emptied */
    VS_TCG_RAISE,      /* an exception: back from the block, its delivery emulated */
    VS_TCG_PATHS
};

/* The guest's tables as they are in force. */
struct vs_tcg_tables {
    const struct vs_radix_format *format;
    uint64_t root;       /* guest-physical */
    uint64_t supervisor; /* rights that need no user page */
    unsigned physical_bits;
};

struct vs_tcg_wiring {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_mem_port mem;   /* of the core, by physical addresses */
    struct vs_core_port core; /* by those of the process */
    void *ctx;
    void (*tables)(void *ctx, struct vs_tcg_tables *out);
    bool (*memory)(void *ctx, uint64_t gpa);
    /* Where guest memory lies in the process and in the host; a page that the host has not given
     * yet is. False: there is none left. */
    bool (*ram)(void *ctx, struct vs_txn *t, uint64_t gpa, uint64_t *hva, uint64_t *hpa);
    /* Where that offset of the cache lies in the process; it is mapped. */
    uint64_t (*cache)(void *ctx, uint64_t offset);
    bool (*frame)(void *ctx, uint64_t *hpa); /* 4 KiB of the process's own; false: none is left */
    void (*path)(void *ctx, struct vs_txn *t, enum vs_tcg_path p);
    void (*rounds)(void *ctx, struct vs_txn *t, enum vs_tcg_path p, uint64_t n);
    /* Before a walk begins; NULL: nobody wants to know. */
    void (*before_walk)(void *ctx, uint64_t gva);
};

enum { VS_TCG_FILL_OP, VS_TCG_LOOKUP_OP, VS_TCG_TRANSLATE_OP, VS_TCG_FLUSH_OP, VS_TCG_WRITE_OP };

struct vs_tcg_jump {
    uint64_t pc;
    struct vs_tcg_link to;
};

struct vs_tcg {
    struct vs_tcg_config config;
    struct vs_tcg_wiring wire;
    uint64_t count[VS_CNT_tcg_N];
    uint16_t base;
    struct vs_tcg_tlb tlb[2]; /* the kernel's, programs' */
    uint64_t *table_page[2];  /* host-physical, of each 4 KiB of the tables */
    uint64_t table_pages[2];
    struct vs_tcg_cache cache;
    struct vs_tcg_jump *jump;
    uint64_t *jump_page;
    struct vs_tcg_link last; /* executed; serial 0: the dispatcher is to look for the next one */
    /* of a stream of single instructions: where the next one would be in its block, how many of
     * the block have been executed, whether it is being made */
    uint64_t next_pc;
    uint32_t done;
    bool making;
    uint64_t carry; /* tenths of a host instruction */
    bool exhausted; /* no memory is left for what was wanted */
    /* the world: state that handlers read and write, a word each */
    uint64_t state_page;
    bool masked, shadow, ends;
};

/* What becomes of an access. */
struct vs_tcg_place {
    uint64_t hva; /* in the process */
    uint64_t gpa;
};

void vs_tcg_register(void);
enum vs_status vs_tcg_init(struct vs_tcg *c, const struct vs_tcg_config *config,
                           const struct vs_tcg_wiring *wiring);
void vs_tcg_free(struct vs_tcg *c);
struct vs_world_port vs_tcg_world(struct vs_tcg *c);
struct vs_state_port vs_tcg_state(struct vs_tcg *c);

/* The check in front of an access inside one page, and what follows where it fails. False: *fault
 * says why. A store drops the blocks whose bytes it writes. */
bool vs_tcg_translate(struct vs_tcg *c, struct vs_txn *t, uint64_t gva, uint32_t bytes,
                      enum vs_ref ref, bool kernel, struct vs_tcg_place *out,
                      struct vs_translation *fault);
/* A whole block at pc is executed: found or translated, its code fetched. False: its page faults.
 */
bool vs_tcg_block(struct vs_tcg *c, struct vs_txn *t, uint64_t pc, uint32_t bytes, bool kernel,
                  struct vs_translation *fault);
/* One instruction at pc, part of whatever block it belongs to; the same. */
bool vs_tcg_fetch(struct vs_tcg *c, struct vs_txn *t, uint64_t pc, uint32_t bytes, bool kernel,
                  struct vs_translation *fault);
/* n of the guest's instructions, without what they access. blocks: they lie nowhere that is known,
 * in blocks of the usual length. */
void vs_tcg_instructions(struct vs_tcg *c, struct vs_txn *t, uint16_t account, uint64_t n,
                         bool blocks);
/* How many host instructions n of the guest's become, about. */
uint64_t vs_tcg_becomes(const struct vs_tcg *c, uint64_t n);
/* The guest drops translations: all, or those of a page. */
void vs_tcg_flush(struct vs_tcg *c, struct vs_txn *t);
void vs_tcg_flush_page(struct vs_tcg *c, struct vs_txn *t, uint64_t gva);
/* An exception of the guest is delivered. */
void vs_tcg_raise(struct vs_tcg *c, struct vs_txn *t);

/* Inside of this folder. */
void vs__tcg_work(struct vs_tcg *c, struct vs_txn *t, unsigned account, uint64_t n);
enum vs_op vs__tcg_op(unsigned which);
/* softmmu.c: memory of the process's own for tables, jump cache and state; false: none is left. */
bool vs__tcg_memory(struct vs_tcg *c);
/* Where the jump cache holds a block that begins at pc: the page gives the upper half of the index,
 * so that the entries of a page lie in a row (tb_jmp_cache_hash_func). */
static inline uint64_t vs__tcg_jump_index(const struct vs_tcg *c, uint64_t pc)
{
    const unsigned bits = (unsigned)c->config.jump_bits, low = bits / 2u,
                   shift = VS_TCG_PAGE_SHIFT - low;
    const uint64_t mixed = pc ^ pc >> shift, lower = (1ull << low) - 1u,
                   upper = ((1ull << bits) - 1u) & ~lower;
    return (mixed >> shift & upper) | (mixed & lower);
}

#endif
