/* SPDX-License-Identifier: MIT */
/* Address translation services: what a device asks a translation agent for, and what it is told. */
#ifndef VIRTSIM_PORT_ATS_H
#define VIRTSIM_PORT_ATS_H

#include "virtsim/ledger.h"

/* What a translation request is answered: a page of 1 << shift bytes and what may be done with it;
 * rights 0: nothing, and nothing is recorded as a fault. */
struct vs_ats_answer {
    uint64_t page; /* host-physical, of its first byte */
    unsigned shift;
    bool read, write;
    bool execute; /* it may be executed, and that was asked for */
};

/* The translation agent, as a root port asks it for a device; the transaction has the request's
 * prefix. False: the requester may not use translation services. */
struct vs_translate_port {
    void *ctx;
    bool (*translate)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                      struct vs_ats_answer *out);
};

/* A device's translations, as the agent has them invalidated: on the transaction that asks, until
 * the device has said that none of them is in use any more. order: log2 of the pages, with
 * VS_INVALIDATE_GLOBAL those of every PASID (PCI Express Base Specification 4.0, 10.3.8). The
 * transaction has the request's prefix: translations that were asked for with it are meant, or
 * without one. */
#define VS_INVALIDATE_GLOBAL 128u
struct vs_invalidate_port {
    void *ctx;
    void (*invalidate)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, unsigned order);
    /* A response to a group of page requests is sent, with the prefix of those: a posted message,
     * whose way is its receiver's to wait for. NULL: nobody has made any. */
    void (*respond)(void *ctx, struct vs_txn *t, uint16_t requester, uint16_t group, unsigned code);
};

/* What a page request is answered (PCI Express Base Specification 4.0, 10.4.2.1): the page is there
 * now; it never will be; nobody could say. */
enum vs_page_response { VS_PAGE_SUCCESS = 0, VS_PAGE_INVALID = 1, VS_PAGE_FAILURE = 15 };

/* Pages that a device asks for at one time, by a message each, and that are answered together;
 * their transaction has the prefix. */
#define VS_PAGE_GROUP 32u
#define VS_PAGE_GROUPS 512u /* numbers of groups: 9 bits */
struct vs_page_group {
    uint16_t requester, index;
    bool write; /* else it would read */
    unsigned n;
    uint64_t page[VS_PAGE_GROUP];
};

/* Who has pages made present for a device that lacks them: on the transaction that asks, for each
 * page in turn; with the last one until the response is sent, which is that of the group. */
struct vs_page_port {
    void *ctx;
    enum vs_page_response (*request)(void *ctx, struct vs_txn *t, const struct vs_page_group *g,
                                     unsigned k);
};

#endif
