/* SPDX-License-Identifier: MIT */
/*
 * A device's own TLB and its translation services: it asks the translation agent for a page once,
 * keeps the answer, and sends requests that are translated already. PCI Express Base Specification
 * 4.0, chapter 10 (before: Address Translation Services 1.1).
 *
 *   a request      the TLB; a miss sends a translation request; each page's piece goes translated
 *   a page request after a refused translation, which is asked for again when it is answered:
 *                  a credit for each page, a number for each group, both back with the response
 *   invalidation   entries go; the completion is sent when no request that used them is under way
 */
#ifndef VIRTSIM_ATS_H
#define VIRTSIM_ATS_H

#include "virtsim/port/ats.h"
#include "virtsim/port/pasid.h"
#include "virtsim/port/upstream.h"
#include "virtsim/settab.h"

#define VS_DEF_NAME ats
#define VS_DEF_FILE "ats/ats.def"
#include "virtsim/def_types.h"

/* The link, as a device with a TLB uses it. */
struct vs_ats_link {
    void *ctx;
    /* A translation request and its completion; false: the agent refuses the requester. */
    bool (*translate)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                      struct vs_ats_answer *out);
    /* A group of page requests, until its response is there. */
    enum vs_page_response (*request_page)(void *ctx, struct vs_txn *t,
                                          const struct vs_page_group *g);
    /* As struct vs_upstream_port has them, at host-physical addresses. */
    bool (*read)(void *ctx, struct vs_txn *t, uint16_t requester, vs_hpa at, void *buf,
                 size_t bytes, uint64_t *taken_ps);
    bool (*write)(void *ctx, struct vs_txn *t, uint16_t requester, vs_hpa at, const void *buf,
                  size_t bytes, uint64_t *taken_ps);
};

/* Address spaces that the TLB has translations of besides the functions' own: a PASID of a
 * function, as a user or privileged. */
#define VS_ATS_SPACES 1024u
struct vs_ats_space {
    uint16_t requester;
    uint32_t prefix; /* without Execute Requested */
};

struct vs_ats {
    struct vs_ats_config cfg;
    /* Whether a function's services are on, as its configuration space has it; NULL: always. */
    bool (*on)(void *ctx, uint16_t requester);
    void *on_ctx;
    uint16_t account;
    struct vs_ats_link link;
    struct vs_upstream_port plain; /* of what is not translated here: messages */
    struct vs_settab tlb;
    struct vs_ats_space space[VS_ATS_SPACES];
    uint32_t n_spaces;
    struct vs_slots credits, groups; /* of page requests; of groups, each of which is its number */
    struct {                         /* by number of a group */
        bool asked, awaited;         /* no response has come yet; who asked waits for it */
        uint8_t code;                /* what the last one said, and when it was sent */
        uint64_t at_ps;
        uint16_t requester;
        uint32_t prefix; /* without rights and mode, as a response has it */
    } group[VS_PAGE_GROUPS];
    bool failed;      /* Response Failure has come: no page is asked for before a reset */
    bool large[4];    /* by level: it has had entries of that size */
    uint64_t busy_ps; /* the requests that it has sent translated are done then */
    uint64_t count[VS_CNT_ats_N];
};

void vs_ats_check(const struct vs_ats_config *cfg, struct vs_errors *errors);
enum vs_status vs_ats_init(struct vs_ats *a, const struct vs_ats_config *cfg,
                           struct vs_ledger *ledger, const struct vs_ats_link *link,
                           const struct vs_upstream_port *plain);
void vs_ats_free(struct vs_ats *a);
/* What the device sends its requests to: through the TLB, or the plain port where it is not
 * enabled. */
struct vs_upstream_port vs_ats_upstream(struct vs_ats *a);
/* The agent's invalidation request, which is there at t's time, with its prefix: until its
 * completion is sent. */
void vs_ats_invalidate(struct vs_ats *a, struct vs_txn *t, uint16_t requester, vs_iova at,
                       unsigned order);
/* A response has come, with t's prefix; false: to no group that it has asked for (UPRGI). */
bool vs_ats_respond(struct vs_ats *a, const struct vs_txn *t, uint16_t requester, uint16_t group,
                    enum vs_page_response code);
/* A message of a group of this number has been sent, by who waits for the response or by a device
 * that goes its own way, whatever is under way. */
void vs_ats_sent(struct vs_ats *a, const struct vs_txn *t, uint16_t requester, uint16_t group,
                 bool last, bool awaited);
/* A function is reset, or its services are switched off or on: what it had is gone, and pages are
 * asked for again after a failure. */
void vs_ats_reset(struct vs_ats *a, uint16_t requester);

#endif
