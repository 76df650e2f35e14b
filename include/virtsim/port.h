/* SPDX-License-Identifier: MIT */
/*
 * Ports: where two components meet. A context pointer and a few functions; the platform wires them,
 * tests plug fakes into the same structs. Every timed function charges the transaction it is given
 * and leaves its clock where the caller would be able to continue.
 */
#ifndef VIRTSIM_PORT_H
#define VIRTSIM_PORT_H

#include "virtsim/ledger.h"

#include <assert.h>

enum vs_ref { VS_REF_READ, VS_REF_WRITE, VS_REF_FETCH };

/* Timed memory as a core, a page walker or an IOMMU sees it. load/store move 8 real bytes of a
 * naturally aligned address; touch moves time only (data whose value nobody asks for). */
struct vs_mem_port {
    void *ctx;
    uint64_t (*load)(void *ctx, struct vs_txn *t, vs_hpa at);
    void (*store)(void *ctx, struct vs_txn *t, vs_hpa at, uint64_t value);
    void (*touch)(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref);
};

/* What became of a translation. A fault is a value; whoever runs the core hands it to its handler.
 */
enum vs_fault {
    VS_FAULT_NONE,
    VS_FAULT_PAGE,
    VS_FAULT_EPT_VIOLATION,
    VS_FAULT_EPT_MISCONFIG,
    VS_FAULT_GENERAL_PROTECTION, /* a non-canonical address */
    VS_FAULT_PML_FULL,           /* page-modification log */
    VS_FAULT_NO_MEMORY           /* one dimension alone: it leads to what is no memory; see gpa */
};
struct vs_translation {
    vs_hpa hpa;           /* of the byte asked for; valid without a fault */
    unsigned page_shift;  /* of the entry filled into the L1 TLB: min(guest, host) */
    unsigned second;      /* after a probe: which second-level TLB answered */
    vs_ps walked;         /* after walk: how long it took, once it had its walker */
    vs_ps queued, waited; /* before that: for a place in the queue, for the walker */
    enum vs_fault fault;
    vs_gva gva; /* that faulted */
    vs_gpa gpa; /* EPT faults: the guest-physical address that could not be translated */
    bool table; /* EPT faults: it is of an entry of the guest's own tables */
    uint64_t qualification; /* EPT violation: exit qualification (SDM 3C table 28-7); nested page
                             * fault: EXITINFO1 (APM 15.25.6); Arm, both stages: ESR_ELx.ISS */
    uint32_t error_code;    /* page fault: as x86 pushes it on the stack */
    uint32_t rights;        /* EPT faults: VS_RIGHT_* (radix.h) that were asked for */
};

/* What looking something up takes, and where that is booked. */
struct vs_lookup {
    uint16_t account;
    vs_ps ps;
};

/* References of one core to lines, noted first and looked up together later, in their order: what
 * a walk reads does not depend on which cache has it, only its time does. */
#define VS_LINE_LEVELS 16u
#define VS_GATHER 480u
#define VS_GATHER_WALK 160u /* references of one access, those that set flags included, at most */
#define VS_GATHER_OWN 32u   /* accesses */
struct vs_gather {
    uint8_t own_ref; /* enum vs_ref of the accesses */
    uint32_t n, n_own;
    uint64_t ref[VS_GATHER];     /* VS_NOTED */
    uint16_t own[VS_GATHER_OWN]; /* which of ref[] are the accesses themselves, not their walks' */
    /* after gathered(): which level answered, the last place is for the caches; and how many of the
     * walks' references each of them did */
    uint8_t level[VS_GATHER + 1u];
    uint64_t walked[VS_LINE_LEVELS];
};
/* A line, its place in the run it belongs to, and whether it is written. */
#define VS_NOTED_WRITE 2u
#define VS_NOTED(line, at, flags) ((line) << 11 | (uint64_t)(at) << 2 | (flags))
#define VS_NOTED_LINE(x) ((x) >> 11)
#define VS_NOTED_AT(x) ((x) >> 2 & 511u)
static inline void vs_gather_note(struct vs_gather *g, uint64_t line, bool write)
{
    assert(g->n < VS_GATHER); /* whoever gathers leaves room for VS_GATHER_WALK */
    g->ref[g->n] = VS_NOTED(line, g->n, write ? VS_NOTED_WRITE : 0u);
    g->n++;
}

/* Translation as a core reaches it, after a miss in its struct vs_l1 (or on the first write through
 * an entry not yet marked dirty). The port fills vs_l1.tlb[] itself.
 * probe: second-level TLBs, state and counters only. True: hit; the caller books
 *        probed[out->second] (by counting, when it can). False: nothing is booked yet.
 * walk:  after a failed probe: books the probe, then the walk. Its faults are in out->fault. */
#define VS_EXPECTED 3u
#define VS_SECOND_TLBS 3u
struct vs_mmu_port {
    void *ctx;
    bool (*probe)(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out);
    void (*walk)(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                 struct vs_translation *out);
    /* Hints for the host, all or none NULL; change no modelled state. A walk's entries are found
     * one through the other, so there are three steps, some accesses apart. announce: these
     * guest-virtual addresses will be translated soon. foretell: this one will be sooner. expect:
     * which host-physical addresses its walk and its access will probably touch; returns how many
     * of hpa[] it filled. */
    void (*announce)(void *ctx, const uint64_t *gva, uint32_t n);
    void (*foretell)(void *ctx, vs_gva at);
    uint32_t (*expect)(void *ctx, vs_gva at, uint64_t hpa[VS_EXPECTED]);
    struct vs_lookup probed[VS_SECOND_TLBS];
    /* what walk books in the innermost operation, beside the operation `walk`: for the probe that
     * missed (of data, of fetches) and for the two waits */
    struct vs_lookup missed[2];
    uint16_t queue_wait, walker_wait;
    /* A walk without an operation of its own, which notes its references instead of making them;
     * NULL: none. plain: whether walks can be made so now. walk_plain: books the probe in the
     * innermost operation and what the walk takes beside memory in `walk`; returns the clock
     * between the two. At most VS_GATHER_WALK references and worst_ps of other charges. */
    bool (*plain)(void *ctx);
    uint64_t (*walk_plain)(void *ctx, struct vs_txn *t, struct vs_op_acc *walk,
                           struct vs_gather *lines, vs_gva at, enum vs_ref ref,
                           struct vs_translation *out);
    uint64_t worst_ps;
};

/* Lines as a core's hot loop sees them: `access` moves state and counters, not time, and says which
 * level answered; the caller books ps[level] on account[level]. hpa / line size = line. */
#define VS_LINE_RUN 64u
struct vs_line_port {
    void *ctx;
    uint32_t (*access)(void *ctx, uint64_t line, enum vs_ref ref);
    /* An access that touches `line` and `line + 1` as one reference with at most one miss (the rule
     * of cachegrind). NULL: the two lines are two references. */
    uint32_t (*straddle)(void *ctx, uint64_t line, enum vs_ref ref);
    /* n <= VS_LINE_RUN accesses to line, line + step, ... in one call: which level answered each of
     * them, and how many each level, added to answered[]. The same as n calls of access. */
    void (*run)(void *ctx, uint64_t line, uint32_t n, uint64_t step, enum vs_ref ref,
                uint8_t level[VS_LINE_RUN], uint64_t answered[VS_LINE_LEVELS]);
    void (*prefetch)(void *ctx, uint64_t line); /* hint, changes no modelled state; may be NULL */
    /* Where this core notes its references and its walker's, from gather on; gathered makes them.
     * NULL: this cache's references come one by one. */
    struct vs_gather *(*gather)(void *ctx, enum vs_ref own);
    void (*gathered)(void *ctx);
    uint16_t account[VS_LINE_LEVELS];
    uint64_t ps[VS_LINE_LEVELS];
};

/* A device's DMA after translation: bytes move through LLC or memory, timed. buf may be NULL (time
 * only). */
struct vs_dma_mem_port {
    void *ctx;
    void (*read)(void *ctx, struct vs_txn *t, vs_hpa at, void *buf, size_t bytes);
    void (*write)(void *ctx, struct vs_txn *t, vs_hpa at, const void *buf, size_t bytes);
};

/* A device's DMA before translation. Returns false when the IOMMU blocked it (the fault is recorded
 * there). */
struct vs_dma_port {
    void *ctx;
    bool (*read)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                 size_t bytes);
    bool (*write)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                  size_t bytes);
};

/* What became of a message-signalled interrupt. */
enum vs_msi_result { VS_MSI_DELIVERED, VS_MSI_POSTED, VS_MSI_POSTED_SILENT, VS_MSI_BLOCKED };

/* A device's MSI write: through interrupt remapping to an interrupt controller. */
struct vs_msi_port {
    void *ctx;
    enum vs_msi_result (*write)(void *ctx, struct vs_txn *t, uint16_t requester, uint64_t address,
                                uint32_t data);
};

/* Towards an interrupt controller: a physical vector for a physical CPU at t->now. */
struct vs_irq_port {
    void *ctx;
    void (*raise)(void *ctx, struct vs_txn *t, uint32_t apic_id, uint8_t vector);
};

/* The core, as a handler program drives it: the same TLBs and caches the guest uses. Addresses are
 * host virtual in the host, guest virtual in the guest, as the core's current mode has it. */
struct vs_core_port {
    void *ctx;
    void (*instructions)(void *ctx, struct vs_txn *t, uint64_t n);
    void (*touch)(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref);
    /* whole lines by one string instruction, as a page is cleared */
    void (*store_string)(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes);
};

/* Frames and second-level mappings, as a hypervisor's memory management uses them. map backs the
 * host page around `at`, says which frame of which size it got, and returns false when host memory
 * is exhausted or `at` is no guest memory. */
struct vs_slat_port {
    void *ctx;
    bool (*map)(void *ctx, struct vs_txn *t, vs_gpa at, unsigned *page_shift, vs_hpa *frame);
    bool (*is_memory)(void *ctx, vs_gpa at);
    bool (*backed)(void *ctx, vs_gpa at); /* NULL: nobody maps more than is asked for */
    unsigned page_shift;                  /* groups are of pages of this size; 0: of any */
};

/* TLB and paging-structure-cache effects of a transition or an invalidation instruction. */
enum vs_flush {
    VS_FLUSH_ALL,            /* linear and combined mappings of every VPID */
    VS_FLUSH_ALL_VPIDS,      /* but of VPID 0: INVVPID type 2 */
    VS_FLUSH_VPID,           /* of one VPID */
    VS_FLUSH_VPID_ADDRESS,   /* one page of it, in every PCID */
    VS_FLUSH_VPID_NONGLOBAL, /* all but global ones */
    VS_FLUSH_EPT,            /* guest-physical and combined ones of one EP4TA; 0 = of all */
    VS_FLUSH_EPT_ADDRESS,    /* guest-physical ones of one page (`at` is guest-physical) */
    VS_FLUSH_PCID,           /* of one PCID but global ones */
    VS_FLUSH_PCID_ADDRESS,   /* one page of it, if not global */
    VS_FLUSH_ADDRESS,        /* one page of a PCID, and global ones of every PCID: INVLPG */
    VS_FLUSH_ASID,           /* AMD: all of one ASID (`vpid`), guest-physical ones too */
    VS_FLUSH_ASID_NONGLOBAL, /* the same but global ones */
    VS_FLUSH_ASIDS,          /* of every ASID, the host's too */
    /* Arm's: walk caches are kept */
    VS_FLUSH_LAST_LEVEL,      /* as VS_FLUSH_ADDRESS */
    VS_FLUSH_VPID_LAST_LEVEL, /* as VS_FLUSH_VPID_ADDRESS */
    VS_FLUSH_EPT_LAST_LEVEL   /* as VS_FLUSH_EPT_ADDRESS */
};
struct vs_tlb_port {
    void *ctx;
    /* returns how many entries were dropped */
    uint64_t (*flush)(void *ctx, struct vs_txn *t, enum vs_flush what, uint16_t vpid, uint16_t pcid,
                      uint64_t eptp, vs_gva at);
    void (*set_context)(void *ctx, bool guest, uint16_t vpid, uint16_t pcid, uint64_t cr3,
                        uint64_t eptp);
};

#endif
