/* SPDX-License-Identifier: MIT */
/* The adapter's tests: four functions over a link and a little memory of rings. */
#ifndef VIRTSIM_TEST_SRIOV_NIC_H
#define VIRTSIM_TEST_SRIOV_NIC_H

#include "sriov_nic/sriov_nic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING 8u
#define BATCH 4u
#define RX 0x100000u /* rings and buffers, by function 64 KiB apart */
#define TX 0x800000u
#define BUFFER 0x2000000u
#define DMA_PS 1000u
#define MESSAGE_PS 300u
#define ITR_NS 20u
#define PF 0x0300u
#define RX_BUFFER (3u * 106u) /* three frames with 64 bytes of payload */

/* A link over a little memory of rings; blocks one function or one range of addresses. */
struct world {
    struct vs_ledger *ledger;
    uint16_t account;
    struct vs_nic nic;
    struct vs_nic_config config;
    uint64_t rx[4][RING][2], tx[4][RING][2];
    uint64_t sent[4]; /* the word behind each transmit ring */
    uint64_t blocked_from, blocked_to;
    bool crossed; /* a descriptor access reached beyond its ring */
    uint16_t requester[64];
    uint64_t taken_ps; /* how long the link takes to take anything */
    size_t written;    /* bytes of the last write to a buffer */
    unsigned n_requesters, fetches, write_backs, messages, interrupts;
    uint16_t interrupted[64];
    uint32_t told[64];                         /* the data of those messages */
    unsigned char header[VS_NIC_HEADER_BYTES]; /* what each buffer begins with */
};

static const struct vs_account_desc accounts[] = {{"fake.dma", "", false, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, accounts, 1, NULL, 0, 0};

static inline void *descriptor(struct world *w, uint64_t at, size_t bytes)
{
    bool tx = at >= TX;
    uint64_t base = tx ? TX : RX, vf = (at - base) >> 16, offset = (at - base) & 0xffffu;
    if (at >= BUFFER || at < RX) {
        return NULL;
    }
    if (tx && offset == RING * 16u) {
        return &w->sent[vf];
    }
    w->crossed = w->crossed || offset + bytes > RING * 16u;
    return (char *)(tx ? w->tx[vf] : w->rx[vf]) + offset;
}

static inline bool seen(struct world *w, struct vs_txn *t, uint16_t requester, uint64_t at)
{
    vs_charge(t, w->account, (vs_ps){DMA_PS});
    if (w->n_requesters < 64u) {
        w->requester[w->n_requesters++] = requester;
    }
    return at < w->blocked_from || at >= w->blocked_to;
}

static inline bool link_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                             size_t bytes, uint64_t *taken_ps)
{
    struct world *w = ctx;
    *taken_ps = t->now_ps + w->taken_ps;
    vs_open(t, VS_OP_DMA_READ);
    bool good = seen(w, t, requester, at.v);
    vs_close(t);
    void *d = descriptor(w, at.v, bytes);
    w->fetches += d != NULL;
    if (good && d && buf) {
        memcpy(buf, d, bytes);
    } else if (good && buf && bytes >= sizeof w->header) {
        memcpy(buf, w->header, sizeof w->header);
    }
    return good;
}

static inline bool link_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at,
                              const void *buf, size_t bytes, uint64_t *taken_ps)
{
    struct world *w = ctx;
    *taken_ps = t->now_ps + w->taken_ps;
    vs_open(t, VS_OP_DMA_WRITE);
    bool good = seen(w, t, requester, at.v);
    vs_close(t);
    void *d = descriptor(w, at.v, bytes);
    w->written = d ? w->written : bytes;
    w->write_backs += d != NULL;
    if (good && d && buf) {
        memcpy(d, buf, bytes);
    }
    return good;
}

static inline enum vs_msi_result link_message(void *ctx, struct vs_txn *t, uint16_t requester,
                                              uint64_t address, uint32_t data)
{
    struct world *w = ctx;
    (void)address;
    w->messages++;
    vs_charge(t, w->account, (vs_ps){MESSAGE_PS});
    w->told[w->interrupts % 64u] = data;
    w->interrupted[w->interrupts++ % 64u] = requester;
    return VS_MSI_DELIVERED;
}

/* So many functions of so many pairs of queues; so many of their queues have rings. */
static inline int setup_rings(void **state, uint64_t vfs, uint64_t queues,
                              enum vs_nic_host physical, uint64_t pools, uint32_t rings)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->ledger = vs_ledger_create(1);
    assert_non_null(w->ledger);
    w->account = vs_ledger_accounts(w->ledger, &fake);
    w->config = (struct vs_nic_config){.present = 1,
                                       .vfs = vfs,
                                       .queues = queues,
                                       .physical = physical,
                                       .path = pools ? VS_NIC_HOST : VS_NIC_FUNCTION,
                                       .pools = pools,
                                       .loopback = pools != 0,
                                       .rss_entries = 128,
                                       .first_vf = 16,
                                       .stride = 2,
                                       .gbps = 10,
                                       .ring = RING,
                                       .batch = BATCH,
                                       .ahead = BATCH,
                                       .rx_buffer = RX_BUFFER,
                                       .tx_buffer = 65536,
                                       .itr_ns = ITR_NS,
                                       .engine = 60,
                                       .switching = 30};
    struct vs_upstream_port link = {
        .ctx = w, .read = link_read, .write = link_write, .message = link_message};
    assert_int_equal(vs_nic_init(&w->nic, &w->config, w->ledger, &link, PF), VS_OK);
    for (uint32_t q = 0; q < rings; q++) {
        vs_nic_rings(&w->nic, q, TX + q * 0x10000u, RX + q * 0x10000u);
        vs_nic_msix(&w->nic, q, 0xfee00000u, q);
    }
    *state = w;
    return 0;
}

/* Four pairs in all with the physical one's. */
static inline int setup_as(void **state, uint64_t vfs, uint64_t queues, enum vs_nic_host physical)
{
    return setup_rings(state, vfs, queues, physical, 0, 4);
}

/* The same without the physical one. */
static inline int setup_with(void **state, uint64_t vfs, uint64_t queues)
{
    return setup_as(state, vfs, queues, VS_NIC_NOBODY);
}

static inline int setup(void **state)
{
    return setup_with(state, 4, 1);
}

/* Ends the run: every journey is booked or counted as open, and all books balance. */
static inline int teardown(void **state)
{
    struct world *w = *state;
    char why[200];
    uint64_t at = w->nic.rx.now_ps > w->nic.tx.now_ps ? w->nic.rx.now_ps : w->nic.tx.now_ps;
    vs_nic_end(&w->nic, (vs_ps){at});
    assert_int_equal(vs_ledger_unbalanced(w->ledger, why, sizeof why), 0);
    assert_false(w->crossed);
    vs_nic_free(&w->nic);
    vs_ledger_destroy(w->ledger);
    free(w);
    return 0;
}

/* The driver gives the device all receive buffers it may: up to the slot before `read`. */
static inline void give(struct world *w, uint32_t vf, uint32_t read)
{
    for (uint32_t i = 0; i < RING; i++) {
        if (!(w->rx[vf][i][1] >> 32 & VS_NIC_DD)) {
            w->rx[vf][i][0] = BUFFER + (vf * RING + i) * 0x1000u;
        }
    }
    vs_nic_rx_doorbell(&w->nic, vf, (read + RING - 1u) % RING);
}

/* The RX engine from `at` on, until the first packet is out of its buffer. */
static inline uint64_t carry(struct world *w, uint64_t at)
{
    uint64_t next;
    uint32_t before = w->nic.n_arrivals;
    do {
        at = at > w->nic.rx.now_ps ? at : w->nic.rx.now_ps;
        next = vs_nic_rx_step(&w->nic, (vs_ps){at});
    } while (w->nic.n_arrivals == before);
    return next;
}

/* The TX engine from `at` on, until a frame is sent; when it goes on. */
static inline uint64_t send_next(struct world *w, uint64_t at)
{
    uint64_t before = w->nic.count[VS_CNT_nic_tx_packets];
    do {
        at = vs_nic_tx_step(&w->nic, (vs_ps){at});
    } while (w->nic.count[VS_CNT_nic_tx_packets] == before && at != VS_NIC_NEVER);
    return at;
}

/* A packet from the wire, carried by the engine as soon as that is free: when its interrupt is due;
 * VS_NIC_NEVER: it did not come into memory. */
static inline uint64_t packet(struct world *w, uint32_t vf, uint32_t payload, uint64_t at)
{
    uint64_t before = w->nic.count[VS_CNT_nic_rx_packets],
             in = vs_nic_rx_arrive(&w->nic, vf, payload, (vs_ps){at});
    if (in == VS_NIC_NEVER) {
        return in;
    }
    carry(w, in);
    return w->nic.count[VS_CNT_nic_rx_packets] > before ? w->nic.queue[vf].irq_due_ps
                                                        : VS_NIC_NEVER;
}

/* The TX engine from `at` on until it is idle. */
static inline void transmit(struct world *w, uint64_t at)
{
    while ((at = vs_nic_tx_step(&w->nic, (vs_ps){at})) != VS_NIC_NEVER) {
    }
}

/* Packets far apart; how many came into memory. */
static inline unsigned receive(struct world *w, uint32_t vf, unsigned packets, uint64_t *at)
{
    unsigned got = 0;
    for (unsigned i = 0; i < packets; i++) {
        *at += 1000000;
        got += packet(w, vf, 64, *at) != VS_NIC_NEVER;
    }
    return got;
}

static inline void send(struct world *w, uint32_t vf, uint32_t slot, uint32_t payload, uint64_t at)
{
    w->tx[vf][slot][0] = BUFFER + 0x800000u + (vf * RING + slot) * 0x1000u;
    w->tx[vf][slot][1] = payload + VS_NIC_HEADERS;
    vs_nic_tx_begin(&w->nic, vf, slot, (vs_ps){at});
    vs_nic_tx_doorbell(&w->nic, vf, (slot + 1) % RING, (vs_ps){at}, NULL);
}

/* The guest has read so many packets by then. */
static inline void read_packets(struct world *w, uint32_t vf, uint32_t n, vs_ps at)
{
    for (uint32_t i = 0; i < n; i++) {
        vs_nic_rx_read(&w->nic, vf, at, NULL);
    }
}

#endif
