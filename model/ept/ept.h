/* SPDX-License-Identifier: MIT */
/*
 * Translation of one vCPU, native or under EPT: TLBs tagged with VPID and PCID that hold combined
 * mappings of size min(guest, host), a nested TLB keyed by guest-physical page, walk caches in both
 * dimensions, and the walker. Each can be absent (0 entries) and is priced by itself. Structures
 * that are looked up at one time cost the slowest that has to be waited for.
 *
 * Entries of both tables are loaded through a timed memory port, so that each reference is charged
 * where it was found; ept.* accounts are the lookups of its own structures only. Faults are values
 * (struct vs_translation). First-level TLBs are the tlb[] of the two struct vs_l1.
 *
 * Tags follow SDM 3C 28.4: linear and combined mappings carry VPID and PCID (and EP4TA), guest-
 * physical ones (nested TLB, nested walk caches) EP4TA only; under AMD's nested paging these carry
 * the ASID (VPID here) as well, and go with it (APM volume 2, 15.16). Page-table formats: radix.h.
 */
#ifndef VIRTSIM_EPT_H
#define VIRTSIM_EPT_H

#include "virtsim/fact.h"
#include "virtsim/l1.h"
#include "virtsim/phys.h"
#include "virtsim/port/fast.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/mmu.h"
#include "virtsim/port/tlb.h"
#include "virtsim/radix.h"

#define VS_DEF_NAME ept
#define VS_DEF_FILE "ept/ept.def"
#include "virtsim/def_types.h"

enum { VS_EPT_INDEX_MODULO, VS_EPT_INDEX_XOR };             /* ept.l2_tlb.index */
enum { VS_EPT_1G_OWN, VS_EPT_1G_SHARED, VS_EPT_1G_PIECES }; /* ept.l2_tlb_1g.place */
enum { VS_VENDOR_INTEL, VS_VENDOR_AMD, VS_VENDOR_ARM };     /* cpu.vendor */
enum {
    VS_EPT_NATIVE,
    VS_EPT_EPT,
    VS_EPT_NPT,
    VS_EPT_STAGE2,
    VS_EPT_SHADOW,
    VS_EPT_SOFTMMU
};                            /* paging.mode */
#define VS_EPT_THP 7u         /* *.page_size */
#define VS_EPT_CONTEXTS 1024u /* address spaces told apart at one time */
#define VS_EPT_PML_ENTRIES 512u
#define VS_EPT_LEVELS 6u /* 1 to 5 */
/* log2 of a page: *.page_size, *.granule */
static inline unsigned vs_ept_page_shift(uint64_t choice)
{
    static const unsigned shift[] = {12, 21, 30, 14, 16, 25, 29, 12};
    return shift[choice];
}

/* What the processor translates with: VPID 0 and eptp 0 in the host and on bare metal. */
struct vs_ept_context {
    uint16_t vpid, pcid;
    uint64_t cr3;   /* physical address of the root: guest-physical under EPT */
    uint64_t eptp;  /* host-physical address of the EPT root; 0 = no second dimension */
    uint64_t upper; /* Arm: as cr3, of addresses with bit 55 set (TTBR1); 0 = no walks (EPD1) */
};

struct vs_ept_tag {
    uint16_t vpid, pcid;
    uint64_t eptp;
    bool global; /* of global pages, which every PCID of the VPID uses; pcid 0 */
};

/* A context that was in force lately, and its tags. */
struct vs_ept_recent {
    bool known;
    uint16_t vpid, pcid;
    uint64_t eptp;
    uint32_t tag, nested;
    bool globals; /* they were looked for, under `global` */
    uint32_t global;
};

/* Page-modification logging (SDM 3C 28.3.6): one page of guest-physical addresses, filled from the
 * end. */
struct vs_ept_pml {
    bool on;
    uint64_t address;
    uint16_t index;
};

/* The next-page prefetcher: a walker with a time line of its own and a buffer of one entry. */
struct vs_ept_prefetch {
    bool on, running, full;
    struct vs_txn txn;
    uint32_t tag;
    unsigned shift;
    uint64_t gva, frame, flags;
};

struct vs_ept {
    struct vs_ept_config cfg;
    uint16_t account;
    struct vs_clock clock;
    uint64_t lines_ps, nested_ps, start_ps, invlpg_ps, flush_ps;
    /* l2, l2_1g, l2i; what exists, all asked: by data, by fetches */
    struct vs_lookup probed[VS_SECOND_TLBS], probe_miss, fetch_miss;
    /* by the level that answers, and one more: none did */
    struct vs_lookup gpwc_lookup[2][VS_EPT_LEVELS + 1u], /* of TTBR0 (and x86), of TTBR1 */
        npwc_lookup[VS_EPT_LEVELS + 1u];
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_l1 *data, *fetch;
    struct vs_settab l2, l2_1g, l2i, nested; /* l2i: fetches' own, if it has entries */
    struct vs_settab gpwc[VS_EPT_LEVELS], npwc[VS_EPT_LEVELS]; /* by level 5 to 2 */
    struct vs_settab lines;                                    /* AMD: lines of page tables */
    uint64_t l2_fold;        /* of an exclusive-or index: the bits of a set's number, else 0 */
    uint32_t l2_set_bits;    /* how many they are */
    bool gpwc_any, npwc_any; /* some level of it exists, and the format has it */
    /* formats of the two dimensions; usual: x86-64 and EPT of four levels */
    struct vs_radix_format guest, second;
    struct vs_radix_format upper; /* Arm: of what TTBR1 translates */
    unsigned piece;               /* log2; 0: a guest table lies in one page of the host */
    uint64_t memory_end;          /* without a second dimension: where physical memory ends */
    bool usual, mbec;
    uint64_t guest_reserved[2][VS_EPT_LEVELS], nested_reserved[2][VS_EPT_LEVELS]; /* by leaf */
    uint64_t supervisor; /* VS_RIGHT_READ: x86's U/S forbids nothing; 0: programs run (CPL 3) */
    struct vs_ept_pml pml;
    struct vs_ept_prefetch prefetch;
    struct vs_slots walker, queue; /* none: one walk at a time */
    struct vs_ept_context now;
    struct vs_ept_tag tag[VS_EPT_CONTEXTS]; /* id -> context; guest-physical ones have pcid = 0,
                                             * vpid = 0 too but under nested paging */
    uint32_t n_tags, tag_now, tag_nested;
    struct vs_ept_recent recent[2];
    uint32_t tag_global; /* with data->globals: global pages were filled, and are looked for */
    /* page sizes ever filled, bit = log2 - 12: only these are looked for */
    uint32_t sizes, fetch_sizes, nested_sizes; /* fetch_sizes: in l2i */
    bool unreadable;                           /* entries without the right to read were filled */
    struct vs_gather *lines_noted; /* not NULL: a walk's references are noted there, not made */
    struct vs_ept_hints *hints;    /* for prefetching on the host only; NULL: none */
    uint64_t guest_leaf, slat_leaf, table_leaf; /* where the last walk found its leaf entries */
    uint64_t slat_gpa;                          /* whose entry slat_leaf is */
    unsigned guest_shift, slat_shift;           /* log2 of their pages */
    uint64_t *count;                            /* of the world that runs */
    uint64_t counts[2][VS_CNT_ept_N];
    uint64_t (*books)[VS_CNT_ept_N]; /* those of the thread on the core: `counts`, or another's */
};

void vs_ept_check(const struct vs_ept_config *cfg, struct vs_errors *errors);
/* The formats a configuration asks for; combinations that do not exist are errors. second means
 * nothing in native mode. */
void vs_ept_formats_of(const struct vs_ept_config *cfg, struct vs_radix_format *guest,
                       struct vs_radix_format *second, struct vs_errors *errors);
/* Geometry of the tables that a configuration asks for. */
void vs_ept_facts(const struct vs_ept_config *cfg, const struct vs_facts *to);
/* Arm: the format of what TTBR1 translates; elsewhere levels 0. */
void vs_ept_upper_of(const struct vs_ept_config *cfg, struct vs_radix_format *upper);
/* Fills the mmu's part of data and fetch. mem is the walker's port. */
enum vs_status vs_ept_init(struct vs_ept *e, const struct vs_ept_config *cfg,
                           struct vs_ledger *ledger, struct vs_clock clock, struct vs_phys *phys,
                           const struct vs_mem_port *mem, struct vs_l1 *data, struct vs_l1 *fetch,
                           uint64_t seed);
void vs_ept_free(struct vs_ept *e);
/* Walks may overlap from now on: ept.walkers at a time, ept.walk_queue of them waiting. */
enum vs_status vs_ept_overlap(struct vs_ept *e);
/* Other page-table formats than those of guest.levels and host.levels; before the first walk. */
void vs_ept_formats(struct vs_ept *e, const struct vs_radix_format *guest,
                    const struct vs_radix_format *second);
/* Arm: the format of TTBR1's tables where it is not that of TTBR0; after vs_ept_formats. */
void vs_ept_upper(struct vs_ept *e, const struct vs_radix_format *upper);
/* ept.prefetch.next_page: gives the prefetching walker its time line, and ends that. */
void vs_ept_prefetcher(struct vs_ept *e, struct vs_ledger *ledger, uint16_t actor, vs_ps start);
void vs_ept_prefetcher_end(struct vs_ept *e);
/* What of a core's translation is a thread's, and comes and goes with it where several share the
 * core: TLBs and walk caches stay, and tell contexts apart by their tags. */
struct vs_ept_thread {
    uint64_t counts[2][VS_CNT_ept_N];
    struct vs_ept_pml pml;
    uint64_t supervisor, global_pages;
};
void vs_ept_put(const struct vs_ept *e, struct vs_ept_thread *t);
void vs_ept_take(struct vs_ept *e, struct vs_ept_thread *t);
/* Whose counters run; the core has settled. */
void vs_ept_world(struct vs_ept *e, bool host);
void vs_ept_context(struct vs_ept *e, const struct vs_ept_context *c);
struct vs_mmu_port vs_ept_mmu_port(struct vs_ept *e);
/* From now on walks leave hints behind. */
struct vs_fast_mmu vs_ept_fast_port(struct vs_ept *e);

/* Invalidations (SDM 3C 28.4.3). Each opens op invalidate on t when t is not NULL and returns how
 * many entries went. INVLPG and MOV to CR3 act on the present context. */
uint64_t vs_ept_invlpg(struct vs_ept *e, struct vs_txn *t, vs_gva at);
uint64_t vs_ept_mov_cr3(struct vs_ept *e, struct vs_txn *t, uint16_t pcid, bool keep);
uint64_t vs_ept_invpcid(struct vs_ept *e, struct vs_txn *t, unsigned type, uint16_t pcid,
                        vs_gva at);
uint64_t vs_ept_invlpga(struct vs_ept *e, struct vs_txn *t, uint16_t asid, vs_gva at);
/* Arm's. Broadcast (the IS forms) is one call for every core. */
enum vs_tlbi {
    VS_TLBI_VAE1,       /* address in one ASID, and global entries of it */
    VS_TLBI_VALE1,      /* the same, last level only */
    VS_TLBI_VAAE1,      /* address in every ASID */
    VS_TLBI_VAALE1,     /* the same, last level only */
    VS_TLBI_ASIDE1,     /* one ASID */
    VS_TLBI_VMALLE1,    /* the VMID, stage 1 and combined */
    VS_TLBI_IPAS2E1,    /* guest-physical address, stage 2 only */
    VS_TLBI_IPAS2LE1,   /* the same, last level only */
    VS_TLBI_VMALLS12E1, /* the VMID, both stages */
    VS_TLBI_ALLE1,      /* every VMID, both stages; not what EL2 translates for itself */
    VS_TLBI_FORMS
};
/* In the VMID and under the stage 2 tables in force on this core. */
uint64_t vs_ept_tlbi(struct vs_ept *e, struct vs_txn *t, enum vs_tlbi form, uint16_t asid,
                     uint64_t address);
/* In those of `c`, whose ASID is c->pcid: what a core receives from another. */
uint64_t vs_ept_tlbi_in(struct vs_ept *e, struct vs_txn *t, enum vs_tlbi form,
                        const struct vs_ept_context *c, uint64_t address);
/* Any of them by name. */
uint64_t vs_ept_flush(struct vs_ept *e, struct vs_txn *t, enum vs_flush what, uint16_t vpid,
                      uint16_t pcid, uint64_t eptp, vs_gva at);

/* What an access to a device says, as vs_translation.qualification of a fault: under nested paging
 * its entry has a reserved bit, as KVM's has; in stage 2 there is none, of a table whose entries
 * are 2^absent_shift bytes each. */
uint64_t vs_ept_device_syndrome(const struct vs_ept *e, enum vs_ref ref, unsigned absent_shift);

/* A TLB of the second level, a walk cache, ... by the name of its knobs: "ept.l2_tlb"; NULL: none.
 */
struct vs_settab *vs_ept_table(struct vs_ept *e, const char *name);

#endif
