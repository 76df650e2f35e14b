/* SPDX-License-Identifier: MIT */
/*
 * A guest that is software altogether, as QEMU's TCG runs it: every access goes through a TLB in
 * software, whose misses walk the guest's tables in software; privileged instructions and devices
 * are calls of helpers. Nothing exits. Its instructions are the translator's (model/translator).
 *
 * The structures are exact: which access hits. Their contents are the simulator's own; where they
 * lie is real, and their lines are touched. Software's own paths are programs of the hypervisor's,
 * which the wiring runs.
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
#define VS_TCG_VICTIMS 64u

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
/* The entry of the softmmu's TLB that an address may be in. */
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

/* ---- the translator of one vCPU ---- */

/* The hypervisor's programs for its paths. */
enum vs_tcg_path {
    VS_TCG_SLOW,       /* the slow path of an access, up to the victims */
    VS_TCG_WALK,       /* a loop: an entry of the guest's tables */
    VS_TCG_FILL,       /* an entry of the software TLB is made */
    VS_TCG_FLUSH,      /* of a table, without its lines */
    VS_TCG_FLUSH_PAGE, /* of a page */
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
    bool (*frame)(void *ctx, uint64_t *hpa); /* 4 KiB of the process's own; false: none is left */
    void (*path)(void *ctx, struct vs_txn *t, enum vs_tcg_path p);
    void (*rounds)(void *ctx, struct vs_txn *t, enum vs_tcg_path p, uint64_t n);
    /* Before a walk begins; NULL: nobody wants to know. */
    void (*before_walk)(void *ctx, uint64_t gva);
    /* The blocks around it: the guest stores; drops translations of all pages or of one; the block
     * that executes has ended. */
    void (*written)(void *ctx, struct vs_txn *t, uint64_t gpa, uint32_t bytes);
    void (*forget)(void *ctx, struct vs_txn *t);
    void (*forget_page)(void *ctx, struct vs_txn *t, uint64_t gva);
    void (*leave_block)(void *ctx);
};

enum { VS_TCG_FILL_OP, VS_TCG_FLUSH_OP };

struct vs_tcg {
    struct vs_tcg_config config;
    struct vs_tcg_wiring wire;
    uint64_t count[VS_CNT_tcg_N];
    uint16_t base;
    struct vs_tcg_tlb tlb[2]; /* the kernel's, programs' */
    uint64_t *table_page[2];  /* host-physical, of each 4 KiB of the tables */
    uint64_t table_pages[2];
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
/* The guest drops translations: all, or those of a page. */
void vs_tcg_flush(struct vs_tcg *c, struct vs_txn *t);
void vs_tcg_flush_page(struct vs_tcg *c, struct vs_txn *t, uint64_t gva);
/* An exception of the guest is delivered. */
void vs_tcg_raise(struct vs_tcg *c, struct vs_txn *t);

/* Inside of this folder. */
void vs__tcg_work(struct vs_tcg *c, struct vs_txn *t, unsigned account, uint64_t n);
enum vs_op vs__tcg_op(unsigned which);
/* softmmu.c: memory of the process's own for tables and state; false: none is left. */
bool vs__tcg_memory(struct vs_tcg *c);

#endif
