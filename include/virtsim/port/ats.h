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
};

/* What a page request is answered (PCI Express Base Specification 4.0, 10.4.2.1): the page is there
 * now; it never will be; nobody could say. */
enum vs_page_response { VS_PAGE_SUCCESS = 0, VS_PAGE_INVALID = 1, VS_PAGE_FAILURE = 15 };

/* Who has a page made present for a device that lacks it: on the transaction that asks, until the
 * response is sent. */
struct vs_page_port {
    void *ctx;
    enum vs_page_response (*request)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at,
                                     bool write);
};

#endif
