/* SPDX-License-Identifier: MIT */
/*
 * An SR-IOV adapter: virtual functions with one TX and one RX ring each, in guest memory. Two
 * engines (TX, RX) are agents with a transaction of their own; the caller steps them in simulated
 * time. Wire and link are resources; DMAs go through PCIe and IOMMU under the function's requester
 * id.
 *
 * Descriptor, 16 bytes: u64 buffer address (of the device's address space), u32 length, u32 flags.
 * Software owns a descriptor until it moves the tail past it, hardware until DD is set.
 *
 * A packet is a journey: packet.tx from the guest's send to its last bit on the wire, packet.rx
 * from its first bit on the wire to the guest having read it.
 */
#ifndef VIRTSIM_SRIOV_NIC_H
#define VIRTSIM_SRIOV_NIC_H

#include "virtsim/port/msi.h"

#define VS_NIC_HEADERS 42u  /* Ethernet 14, IPv4 20, UDP 8 */
#define VS_NIC_BUFFER 2048u /* bytes of the buffer that a descriptor names: one packet */
#define VS_NIC_MAX_PAYLOAD                                                                         \
    (VS_NIC_BUFFER - VS_NIC_HEADERS) /* what it holds besides the headers                          \
                                      */
#define VS_NIC_RING_STEP 8u          /* a ring has whole cache lines of 128 bytes */

#define VS_DEF_NAME nic
#define VS_DEF_FILE "sriov_nic/sriov_nic.def"
#include "virtsim/def_types.h"

#define VS_NIC_DD 1u
#define VS_NIC_WIRE_OVERHEAD 24u /* preamble 8, frame check 4, inter-packet gap 12 */
#define VS_NIC_MIN_FRAME 60u     /* without frame check */
#define VS_NIC_MAX_FRAME 10240u  /* what the transmit buffer keeps free for the next one */
#define VS_NIC_NEVER UINT64_MAX

/* The link, as this device uses it; both functions of struct vs_pcie fit. */
struct vs_nic_link {
    void *ctx;
    bool (*read)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                 size_t bytes);
    bool (*write)(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                  size_t bytes);
    void (*message)(void *ctx, struct vs_txn *t);
};

struct vs_nic_ring {
    uint64_t base;          /* device address of descriptor 0 */
    uint32_t n, head, tail; /* hardware's next, software's end */
    uint32_t fetched;       /* descriptors cached in the device from head on */
    uint64_t cached[64][2]; /* their bytes */
    bool ready;             /* RX: software has given it descriptors */
};

struct vs_nic_function {
    uint16_t requester, actor;
    struct vs_nic_ring tx, rx;
    uint64_t msi_address;
    uint32_t msi_data;
    uint64_t last_irq_ps, irq_due_ps; /* due: VS_NIC_NEVER = none pending */
    bool ever_irq, stopped;           /* stopped: the IOMMU blocked what it was to send */
    /* journeys: transmit by ring slot, receive by rx_done mod n */
    struct vs_journey *tx_journey, *rx_journey;
    uint32_t rx_first, rx_done; /* received packets not yet read: slots [rx_first, rx_done) mod n */
    uint32_t rx_announced;      /* of these, how many an interrupt has covered */
};

/* A packet from the wire in the adapter's buffer, until the engine has carried it into memory. */
struct vs_nic_arrival {
    uint64_t first_ps, in_ps; /* its first bit, its last */
    uint32_t vf, payload;
};

/* The packet that an engine works on: one DMA a step, so that two engines meet on the link in the
 * order of time. */
enum vs_nic_phase { VS_NIC_FREE, VS_NIC_PAYLOAD, VS_NIC_WRITE_BACK };

struct vs_nic_job {
    enum vs_nic_phase phase; /* what comes next */
    struct vs_nic_function *fn;
    uint32_t slot;
    uint64_t descriptor[2];
    struct vs_journey packet; /* RX */
    struct vs_tape tape;
};

struct vs_nic {
    struct vs_nic_config cfg;
    uint16_t account;
    struct vs_ledger *ledger;
    struct vs_nic_link link;
    struct vs_msi_port msi;
    struct vs_txn tx, rx; /* the engines' time lines: nic0/tx, nic0/rx */
    struct vs_nic_job tx_job, rx_job;
    uint64_t wire_tx_busy_ps, wire_rx_busy_ps;
    struct vs_nic_arrival *arrival; /* the receive buffer: a queue that wraps */
    uint32_t arrivals, arrival_first, n_arrivals;
    uint64_t rx_buffered; /* bytes in it */
    struct vs_nic_function *fn;
    uint32_t n_fn, next_fn;
    uint64_t count[VS_CNT_nic_N];
};

void vs_nic_check(const struct vs_nic_config *cfg, struct vs_errors *errors);
enum vs_status vs_nic_init(struct vs_nic *n, const struct vs_nic_config *cfg,
                           struct vs_ledger *ledger, const struct vs_nic_link *link,
                           const struct vs_msi_port *msi, uint16_t pf_requester);
void vs_nic_free(struct vs_nic *n);
void vs_nic_rings(struct vs_nic *n, uint32_t vf, uint64_t tx_base, uint64_t rx_base);
void vs_nic_msix(struct vs_nic *n, uint32_t vf, uint64_t address, uint32_t data);
uint64_t vs_nic_wire_ps(const struct vs_nic *n, uint64_t payload);

/* The guest put a packet into the TX slot: its journey begins. */
void vs_nic_tx_begin(struct vs_nic *n, uint32_t vf, uint32_t slot, vs_ps at);
/* The tail register has been written and the device knows since `at`. */
void vs_nic_tx_doorbell(struct vs_nic *n, uint32_t vf, uint32_t tail, vs_ps at);
void vs_nic_rx_doorbell(struct vs_nic *n, uint32_t vf, uint32_t tail);
/* TX engine from `at` on: one DMA, if the engine is free by then and the transmit buffer has room;
 * returns when it wants to run again, VS_NIC_NEVER when idle. */
uint64_t vs_nic_tx_step(struct vs_nic *n, vs_ps at);
/* The sender's next packet: its first bit arrives at `at`, or when the wire has carried the one
 * before. Returns when its last bit is in the receive buffer; VS_NIC_NEVER: it was lost. */
uint64_t vs_nic_rx_arrive(struct vs_nic *n, uint32_t vf, uint32_t payload, vs_ps at);
/* RX engine from `at` on: one DMA, if the engine is free and a packet is in by then; returns when
 * it wants to run again, VS_NIC_NEVER when idle. */
uint64_t vs_nic_rx_step(struct vs_nic *n, vs_ps at);
/* Sends what interrupts are due at `at`, between two packets; returns when the next is. */
uint64_t vs_nic_interrupts(struct vs_nic *n, vs_ps at);
uint64_t vs_nic_interrupt_due(const struct vs_nic *n);
/* The guest has read `count` packets by `at`: their journeys end. */
void vs_nic_rx_read(struct vs_nic *n, uint32_t vf, uint32_t count, vs_ps at);
uint32_t vs_nic_rx_ready(const struct vs_nic *n, uint32_t vf);
/* Journeys under way are counted as open; the engines' lines end. */
void vs_nic_end(struct vs_nic *n, vs_ps at);

#endif
