/* SPDX-License-Identifier: MIT */
/*
 * A PCI Express link and the root port at its end, with a switch between them or without one:
 * packets (tlp.h), two directions that are granted in the order of arrival (way.h), data-link
 * packets against them, tags, credits, the order of posted writes. The access to memory behind it
 * goes through a vs_dma_port, interrupt messages through a vs_msi_port.
 *
 * A read request with its completions is one dma.read, a transfer's writes are one dma.write: on a
 * transaction beside the device's line, because the device goes on meanwhile (port/upstream.h).
 */
#ifndef VIRTSIM_PCIE_H
#define VIRTSIM_PCIE_H

#include "pcie/tlp.h"
#include "pcie/way.h"
#include "virtsim/port/ats.h"
#include "virtsim/port/dma.h"
#include "virtsim/port/pasid.h"
#include "virtsim/port/upstream.h"

#define VS_DEF_NAME pcie
#define VS_DEF_FILE "pcie/pcie.def"
#include "virtsim/def_types.h"

/* A receiver's buffer as its sender knows it: what is taken comes back in the order it was sent. */
#define VS_CREDIT_RETURNS 256u
struct vs_credits {
    uint64_t free;
    struct {
        uint64_t at_ps, amount;
    } back[VS_CREDIT_RETURNS]; /* a queue that wraps */
    uint32_t first, n;
};

/* A switch: the upstream link that the links below it share. */
struct vs_pcie_switch {
    uint64_t rate_num, rate_den;
    struct vs_way up, down;
};

struct vs_pcie {
    struct vs_pcie_config cfg;
    struct vs_tlp_limits limits;
    uint16_t account;
    uint64_t rate_num, rate_den; /* picoseconds for a byte = num / den, exactly */
    struct vs_way up, down;
    struct vs_pcie_switch *shared; /* the switch above; NULL: a root port */
    struct {
        uint64_t late_ps, rest_ps; /* of the packet that passes it: waits, and is on the second link
                                    * when it has left the first */
    } passing;
    struct vs_slots tags;
    struct vs_credits posted_headers, posted_data, requests;
    uint64_t posted_ps; /* the posted writes so far are done then */
    uint64_t dllp_ps;   /* an acknowledgement with credits on the device's link */
    uint64_t far_ps;    /* one way between the processors' node and the device's; 0: it is one */
    struct vs_dma_port host;
    struct vs_msi_port msi;
    struct vs_translate_port translator; /* of translation requests; NULL: there is none */
    struct vs_dma_port direct;           /* of requests that are translated already */
    struct vs_txn mmio;                  /* the register write under way, and its parts */
    struct vs_tape mmio_tape;
    uint64_t count[VS_CNT_pcie_N];
};

/* Adds what no link can be; `link` is how its knobs are called, "pcie" or "pcie1". */
void vs_pcie_check(const struct vs_pcie_config *cfg, const char *link, struct vs_errors *errors);
enum vs_status vs_pcie_init(struct vs_pcie *p, const struct vs_pcie_config *cfg,
                            struct vs_ledger *ledger, const struct vs_dma_port *host,
                            const struct vs_msi_port *msi);
void vs_pcie_free(struct vs_pcie *p);
/* The link ends at this switch, which is that of the first link that says how it is made. */
void vs_pcie_below(struct vs_pcie *p, struct vs_pcie_switch *s);
/* The device's root port is another node's than the processors: what register accesses and
 * interrupt messages take longer, one way. */
void vs_pcie_distance(struct vs_pcie *p, vs_ps one_way);
/* Charges that way to what is with the device, or comes from there. */
void vs_pcie_cross(const struct vs_pcie *p, struct vs_txn *t);
/* Time on the link of `bytes`, rounded up to a picosecond. */
uint64_t vs_pcie_ps(const struct vs_pcie *p, uint64_t bytes);
/* Bytes on the link of a write, and of a read's completions (*up gets its requests'). */
uint64_t vs_pcie_write_bytes(const struct vs_pcie *p, uint64_t at, uint64_t bytes);
uint64_t vs_pcie_read_bytes(const struct vs_pcie *p, uint64_t at, uint64_t bytes, uint64_t *up);
/* As struct vs_upstream_port has them. */
bool vs_pcie_read(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                  size_t bytes, uint64_t *taken_ps);
bool vs_pcie_write(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                   const void *buf, size_t bytes, uint64_t *taken_ps);
enum vs_msi_result vs_pcie_message(struct vs_pcie *p, struct vs_txn *t, uint16_t requester,
                                   uint64_t address, uint32_t data);
struct vs_upstream_port vs_pcie_upstream(struct vs_pcie *p);
/* Translation services (PCIe 4.0, 10.2 and 10.3): where the root port takes translation requests
 * and translated ones; a translation request, false: refused; translated requests; and the agent's
 * invalidation request down the link with the device's completion up it, `device` between them. */
void vs_pcie_translator(struct vs_pcie *p, const struct vs_translate_port *translator,
                        const struct vs_dma_port *direct);
bool vs_pcie_translate(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                       bool write, struct vs_ats_answer *out);
bool vs_pcie_read_translated(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_hpa at,
                             void *buf, size_t bytes, uint64_t *taken_ps);
bool vs_pcie_write_translated(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_hpa at,
                              const void *buf, size_t bytes, uint64_t *taken_ps);
void vs_pcie_invalidate(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                        unsigned order, const struct vs_invalidate_port *device);
/* The page request messages of a group up the link, and the response to it down the link, served
 * `by` somebody between them (PCIe 4.0, 10.4). */
enum vs_page_response vs_pcie_request_page(struct vs_pcie *p, struct vs_txn *t,
                                           const struct vs_page_group *g,
                                           const struct vs_page_port *by);
/* A page request message whose sender does not wait, up the link; when the link has taken it. */
uint64_t vs_pcie_post_page(struct vs_pcie *p, struct vs_txn *t);
/* What a CPU asks of a function and waits for on its own line: the request down the link, the
 * answer up it, behind the posted writes that the device has sent. Opens the operation; when the
 * function had the request. */
enum vs_pcie_ask { VS_PCIE_READ, VS_PCIE_CONFIG_READ, VS_PCIE_CONFIG_WRITE };
vs_ps vs_pcie_ask(struct vs_pcie *p, struct vs_txn *t, enum vs_pcie_ask what, unsigned bytes,
                  uint64_t cpu_ps);
/* A posted register write that leaves the CPU at `at`: when the device has it. mmio_tape then holds
 * its parts. */
vs_ps vs_pcie_doorbell(struct vs_pcie *p, vs_ps at);

#endif
