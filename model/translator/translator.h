/* SPDX-License-Identifier: MIT */
/*
 * Blocks of a guest's instructions, translated into blocks of the host's: a cache that holds them,
 * direct jumps between them, a jump cache and a table of all blocks, by which others are found.
 * What is translated, and what an instruction becomes, is its user's: all of a guest (TCG), or its
 * kernel (VMware's binary translation).
 *
 * The structures are exact: which block is found where. Their contents are the simulator's own;
 * where they lie is real, and their lines are touched. Software's own paths are programs of the
 * hypervisor's, which the wiring runs.
 */
#ifndef VIRTSIM_TRANSLATOR_H
#define VIRTSIM_TRANSLATOR_H

#include "virtsim/op.h"
#include "virtsim/port/core.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/mmu.h"

#define VS_DEF_NAME translator
#define VS_DEF_FILE "translator/translator.def"
#include "virtsim/def_types.h"

#define VS_TRANSLATOR_PAGE_SHIFT 12u
#define VS_TRANSLATOR_JUMP_BYTES 16u /* block and PC */
#define VS_TRANSLATOR_NONE UINT32_MAX

/* ---- cache.c: blocks, and how they are found ---- */

/* A block as others know it: dropped, it has another serial. */
struct vs_translator_link {
    uint32_t block;
    uint64_t serial;
};
struct vs_translator_block {
    uint64_t pc, gpa; /* of its first instruction */
    uint64_t code;    /* where its code begins in the cache */
    uint64_t serial;  /* of its translation; 0: it is dropped */
    uint32_t instructions, bytes;
    uint32_t next, next_in_page;
    struct vs_translator_link jump[2]; /* to where its two direct jumps lead */
};
struct vs_translator_cache {
    struct vs_translator_block *block;
    uint32_t n, room;
    uint32_t *bucket, *page; /* first block of each, VS_TRANSLATOR_NONE */
    uint64_t used, serial;
};
enum vs_status vs_translator_cache_init(struct vs_translator_cache *c);
void vs_translator_cache_free(struct vs_translator_cache *c);
/* VS_TRANSLATOR_NONE: there is none that begins there. */
uint32_t vs_translator_cache_find(const struct vs_translator_cache *c, uint64_t pc, uint64_t gpa);
/* A new block; it has room for `bytes` of the cache from `used` on. VS_TRANSLATOR_NONE: this
 * process has no memory for it. */
uint32_t vs_translator_cache_add(struct vs_translator_cache *c, uint64_t pc, uint64_t gpa,
                                 uint64_t bytes);
void vs_translator_cache_empty(struct vs_translator_cache *c);
/* Whether blocks were translated from the page around gpa. */
bool vs_translator_cache_has_page(const struct vs_translator_cache *c, uint64_t gpa);
/* Drops the blocks with bytes in [gpa, gpa + bytes); how many. */
uint64_t vs_translator_cache_drop(struct vs_translator_cache *c, uint64_t gpa, uint64_t bytes);
/* Says whether a link still leads to the block that it was made for. */
static inline bool vs_translator_cache_holds(const struct vs_translator_cache *c,
                                             struct vs_translator_link to)
{
    return to.block < c->n && to.serial && c->block[to.block].serial == to.serial;
}

/* ---- run.c: the translator of one vCPU ---- */

/* The hypervisor's programs for its paths. */
enum vs_translator_path {
    VS_TRANSLATOR_DISPATCH,   /* a block returns to the loop around all of them, which goes on */
    VS_TRANSLATOR_LOOKUP,     /* a block looks for the next one itself: the jump cache */
    VS_TRANSLATOR_FIND,       /* the table of all blocks */
    VS_TRANSLATOR_CHAIN,      /* a direct jump is patched */
    VS_TRANSLATOR_TRANSLATE,  /* a block, without its instructions */
    VS_TRANSLATOR_ONE,        /* a loop: an instruction of it */
    VS_TRANSLATOR_CODE_WRITE, /* a store to a page that blocks were translated from */
    VS_TRANSLATOR_DROP,       /* a block is taken out */
    VS_TRANSLATOR_EMPTY,      /* the cache is emptied */
    VS_TRANSLATOR_PATHS
};

/* Where a piece of the guest's code lies. */
struct vs_translator_place {
    uint64_t hva, gpa; /* hva: where the translator reads it */
};

struct vs_translator_wiring {
    struct vs_ledger *ledger;
    struct vs_mem_port mem;   /* of the core, by physical addresses */
    struct vs_core_port core; /* by those of the translator */
    void *ctx;
    /* Where the code at pc is; false: *fault says why nowhere. */
    bool (*place)(void *ctx, struct vs_txn *t, uint64_t pc, uint32_t bytes, bool kernel,
                  struct vs_translator_place *out, struct vs_translation *fault);
    /* Where that offset of the cache lies; it is mapped. */
    uint64_t (*cache)(void *ctx, uint64_t offset);
    bool (*frame)(void *ctx, uint64_t *hpa); /* 4 KiB of the host's memory; false: none is left */
    void (*path)(void *ctx, struct vs_txn *t, enum vs_translator_path p);
    void (*rounds)(void *ctx, struct vs_txn *t, enum vs_translator_path p, uint64_t n);
    /* Whose blocks are its own, too; NULL: nobody's. It lives as long. */
    struct vs_translator *shares;
};

struct vs_translator_jump {
    uint64_t pc;
    struct vs_translator_link to;
};

struct vs_translator {
    struct vs_translator_config config;
    struct vs_translator_wiring wire;
    uint64_t count[VS_CNT_translator_N];
    uint16_t base;
    struct vs_translator_cache own, *cache; /* cache: `own`, or that of another vCPU */
    struct vs_translator_jump *jump;
    uint64_t *jump_page;
    struct vs_translator_link last; /* executed; serial 0: the loop is to look for the next one */
    /* of a stream of single instructions: where the next one would be in its block, how many of
     * the block have been executed, whether it is being made */
    uint64_t next_pc;
    uint32_t done;
    bool making;
    uint64_t carry; /* tenths of a host instruction */
    bool exhausted; /* no memory is left for what was wanted */
};

/* Registers its operations as this world's; again: nothing. */
void vs_translator_register(const char *world);
enum vs_status vs_translator_init(struct vs_translator *c,
                                  const struct vs_translator_config *config,
                                  const struct vs_translator_wiring *wiring);
void vs_translator_free(struct vs_translator *c);
/* A whole block at pc is executed: found or translated, its code fetched. False: its page faults.
 */
bool vs_translator_block(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                         bool kernel, struct vs_translation *fault);
/* One instruction at pc, part of whatever block it belongs to; the same. */
bool vs_translator_fetch(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                         bool kernel, struct vs_translation *fault);
/* n of the guest's instructions, without what they access; account 0: the translator's own. blocks:
 * they lie nowhere that is known, in blocks of the usual length. */
void vs_translator_instructions(struct vs_translator *c, struct vs_txn *t, uint16_t account,
                                uint64_t n, bool blocks);
/* How many host instructions n of the guest's become, about. */
uint64_t vs_translator_becomes(const struct vs_translator *c, uint64_t n);
/* The block that executes ends: the loop looks for the next one. */
static inline void vs_translator_leave(struct vs_translator *c)
{
    c->last.serial = 0;
}
/* A store of the guest's: blocks whose bytes it writes are dropped. */
void vs_translator_written(struct vs_translator *c, struct vs_txn *t, uint64_t gpa, uint32_t bytes);
/* The jump cache forgets all blocks; those that begin in the page around gva. */
void vs_translator_forget(struct vs_translator *c, struct vs_txn *t);
void vs_translator_forget_page(struct vs_translator *c, struct vs_txn *t, uint64_t gva);
/* Where the jump cache holds a block that begins at pc: the page gives the upper half of the index,
 * so that the entries of a page lie in a row (tb_jmp_cache_hash_func). */
static inline uint64_t vs_translator_jump_index(const struct vs_translator *c, uint64_t pc)
{
    const unsigned bits = (unsigned)c->config.jump_bits, low = bits / 2u,
                   shift = VS_TRANSLATOR_PAGE_SHIFT - low;
    const uint64_t mixed = pc ^ pc >> shift, lower = (1ull << low) - 1u,
                   upper = ((1ull << bits) - 1u) & ~lower;
    return (mixed >> shift & upper) | (mixed & lower);
}

#endif
