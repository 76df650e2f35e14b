/* SPDX-License-Identifier: MIT */
/*
 * Ports: where two components meet. A context pointer and a few functions; the platform wires them,
 * tests plug fakes into the same structs. Every timed function charges the transaction it is given
 * and leaves its clock where the caller would be able to continue.
 */
#ifndef VIRTSIM_PORT_H
#define VIRTSIM_PORT_H

#include "virtsim/ledger.h"
#include "virtsim/port/fast.h"
#include "virtsim/port/line.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/mmu.h"

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
