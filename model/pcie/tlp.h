/* SPDX-License-Identifier: MIT */
/*
 * Transaction-layer packets: into which of them a transfer falls, from its address and length
 * alone. PCI Express Base Specification 3.0, 2.2.2, 2.2.7 and 2.3.1.1:
 *
 *   a write      at most Max_Payload_Size of payload, never across 4 KiB
 *   a request    at most Max_Read_Request_Size asked for, never across 4 KiB
 *   completions  of one request: at most Max_Payload_Size each; all but the last end at a multiple
 *                of the Read Completion Boundary
 *
 * A payload is whole dwords of memory: bytes beside the transfer in its first and last dword are
 * on the link too. A transfer of nothing is one dword whose bytes are all disabled.
 */
#ifndef VIRTSIM_PCIE_TLP_H
#define VIRTSIM_PCIE_TLP_H

#include <stdbool.h>
#include <stdint.h>

enum vs_tlp_kind { VS_TLP_WRITE, VS_TLP_READ, VS_TLP_COMPLETION };

struct vs_tlp_limits {
    uint32_t mps, mrrs, rcb;
};

struct vs_tlp {
    uint64_t at;
    uint32_t bytes;   /* of the transfer */
    uint32_t payload; /* on the link, whole dwords; of a read request none */
};

/* A transfer on its way into packets: what is left of it. */
struct vs_tlps {
    enum vs_tlp_kind kind;
    uint64_t at, left;
    bool begun;
};

#define VS_TLP_DWORD 4u
#define VS_TLP_PAGE 4096u /* no request crosses a multiple of it */

/* The packets of a transfer; VS_TLP_COMPLETION: of one read request. */
static inline struct vs_tlps vs_tlps_of(enum vs_tlp_kind kind, uint64_t at, uint64_t bytes)
{
    return (struct vs_tlps){kind, at, bytes, false};
}
/* Bytes from `at` to the next multiple of `step`, which is a power of two. */
static inline uint64_t vs__tlp_to_multiple(uint64_t at, uint64_t step)
{
    return step - (at & (step - 1u));
}

/* The most bytes that a packet from here on may have. A boundary is at most the smallest payload
 * limit there is, so that every completion reaches one. */
static inline uint64_t vs__tlp_most(const struct vs_tlps *t, const struct vs_tlp_limits *l)
{
    uint64_t limit = t->kind == VS_TLP_READ ? l->mrrs : l->mps;
    limit -= t->at & (VS_TLP_DWORD - 1u); /* the length is counted in dwords */
    if (t->kind != VS_TLP_COMPLETION) {
        uint64_t page = vs__tlp_to_multiple(t->at, VS_TLP_PAGE);
        return limit < page ? limit : page;
    }
    /* one of several goes back to the last boundary that it reaches */
    return t->left <= limit ? limit : limit - ((t->at + limit) & (l->rcb - 1u));
}

/* The next packet; false: there is none left. */
static inline bool vs_tlp_next(struct vs_tlps *t, const struct vs_tlp_limits *limits,
                               struct vs_tlp *out)
{
    if (t->begun && !t->left) {
        return false;
    }
    uint64_t bytes = vs__tlp_most(t, limits);
    bytes = bytes < t->left ? bytes : t->left;
    uint64_t first = t->at & ~(uint64_t)(VS_TLP_DWORD - 1u),
             end = (t->at + (bytes ? bytes : 1u) + VS_TLP_DWORD - 1u) &
                   ~(uint64_t)(VS_TLP_DWORD - 1u);
    out->at = t->at;
    out->bytes = (uint32_t)bytes;
    out->payload = t->kind == VS_TLP_READ ? 0 : (uint32_t)(end - first);
    t->at += bytes;
    t->left -= bytes;
    t->begun = true;
    return true;
}
/* How many packets that is; *payload, unless NULL, gets the bytes of their payloads. */
uint64_t vs_tlp_count(enum vs_tlp_kind kind, uint64_t at, uint64_t bytes,
                      const struct vs_tlp_limits *limits, uint64_t *payload);

#endif
