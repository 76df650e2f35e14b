/* SPDX-License-Identifier: MIT */
/* Translation, as a core reaches it. */
#ifndef VIRTSIM_PORT_MMU_H
#define VIRTSIM_PORT_MMU_H

#include "virtsim/port/mem.h"

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

/* Translation as a core reaches it, after a miss in its struct vs_l1 (or on the first write through
 * an entry not yet marked dirty). The port fills vs_l1.tlb[] itself.
 * probe: second-level TLBs, state and counters only. True: hit; the caller books
 *        probed[out->second] (by counting, when it can). False: nothing is booked yet.
 * walk:  after a failed probe: books the probe, then the walk. Its faults are in out->fault. */
#define VS_SECOND_TLBS 3u
struct vs_mmu_port {
    void *ctx;
    bool (*probe)(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out);
    void (*walk)(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                 struct vs_translation *out);
    struct vs_lookup probed[VS_SECOND_TLBS];
    /* what walk books in the innermost operation, beside the operation `walk`: for the probe that
     * missed (of data, of fetches) and for the two waits */
    struct vs_lookup missed[2];
    uint16_t queue_wait, walker_wait;
};

#endif
