/* SPDX-License-Identifier: MIT */
/* What transitions and invalidations do to translations. */
#ifndef VIRTSIM_PORT_TLB_H
#define VIRTSIM_PORT_TLB_H

#include "virtsim/ledger.h"

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
};

#endif
