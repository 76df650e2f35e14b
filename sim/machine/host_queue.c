/* SPDX-License-Identifier: MIT */
/* What drivers of the host's share: the rings of a pair of the adapter's queues. */
#include "host_queue.h"

#include <stdlib.h>

#define PAGE 4096u
#define SMALLEST 12u /* log2 of a page; of a page that holds the longest ring, and a word */
#define LARGER 21u

void machine_host_needs(const struct vs_net *net, const char *const *programs, size_t n,
                        const char *knob, const char *lacks, struct vs_errors *errors)
{
    const struct vs_program_set *set = net->p->programs[VS_ROLE_HYPERVISOR];
    for (size_t i = 0; i < n; i++) {
        if (vs_program_set_find(set, programs[i]) == VS_PROGRAM_NONE) {
            vs_error(errors, "%s: %s has no program.%s: this hypervisor's host %s, such as kvm",
                     knob, set->desc->file, programs[i], lacks);
        }
    }
}

void machine_host_touch(struct vs_worker *w, uint64_t hpa, uint64_t bytes, enum vs_ref ref)
{
    vs_core_touches(&w->hv.core, &w->txn, (vs_gva){w->hv.direct_at + hpa}, bytes, ref);
}

/* Where a descriptor lies. */
static uint64_t descriptor(const struct machine_host_queue *q, bool sends, uint32_t slot)
{
    return q->ring[sends] + slot * 16ull;
}

/* Writes a descriptor, before time begins or beside the stores that are charged for it. */
static void write(struct machine_host_queue *q, bool sends, uint32_t slot, uint64_t at,
                  uint64_t word)
{
    struct vs_phys *phys = q->net->p->phys;
    uint64_t to = descriptor(q, sends, slot);
    vs_phys_write64(phys, (vs_hpa){to}, at);
    vs_phys_write64(phys, (vs_hpa){to + 8u}, word);
}

void machine_host_give(struct machine_host_queue *q, bool sends, uint32_t slot, uint64_t at,
                       uint64_t word)
{
    write(q, sends, slot, at, word);
    machine_host_touch(q->worker, descriptor(q, sends, slot), 16u, VS_REF_WRITE);
}

uint64_t machine_host_look(const struct machine_host_queue *q, bool sends, uint32_t slot)
{
    machine_host_touch(q->worker, descriptor(q, sends, slot), 16u, VS_REF_READ);
    return vs_phys_read64(q->net->p->phys, (vs_hpa){descriptor(q, sends, slot) + 8u});
}

struct vs_nic_header machine_host_header(const struct vs_net *net, uint64_t hpa)
{
    unsigned char bytes[VS_NIC_HEADER_BYTES];
    vs_phys_read(net->p->phys, (vs_hpa){hpa}, bytes, sizeof bytes);
    return vs_nic_read_header(bytes);
}

/* Whether what is in this slot of the transmit ring has been sent. */
static bool sent(struct machine_host_queue *q, uint32_t slot)
{
    const struct vs_nic_config *c = &q->net->nic_config;
    if (c->write_back_head) {
        uint64_t at = descriptor(q, true, (uint32_t)c->ring);
        machine_host_touch(q->worker, at, 4u, VS_REF_READ);
        return (uint32_t)vs_phys_read64(q->net->p->phys, (vs_hpa){at}) != slot;
    }
    return (machine_host_look(q, true, slot) >> 32 & VS_NIC_DD) != 0;
}

void machine_host_reads(struct vs_net *net, struct vs_worker *w, unsigned n)
{
    struct vs_pcie *link = &net->link[0];
    for (unsigned i = 0; i < n; i++) {
        (void)vs_pcie_ask(link, &w->txn, VS_PCIE_READ, 4,
                          link->cfg.mmio_read * w->thread.hw->clock.period_ps);
    }
}

vs_ps machine_host_writes(struct vs_net *net, struct vs_worker *w, unsigned n)
{
    struct vs_pcie *link = &net->link[0];
    vs_ps there = vs_now(&w->txn);
    for (unsigned i = 0; i < n; i++) {
        vs_open(&w->txn, VS_OP_MMIO_WRITE);
        vs_charge(&w->txn, (uint16_t)(link->account + VS_ACC_pcie_mmio_write),
                  (vs_ps){link->cfg.doorbell * w->thread.hw->clock.period_ps});
        vs_close(&w->txn);
        there = vs_pcie_doorbell(link, vs_now(&w->txn));
    }
    return there;
}

vs_ps machine_host_doorbell(struct machine_host_queue *q)
{
    return machine_host_writes(q->net, q->worker, 1);
}

void machine_host_refill(struct machine_host_queue *q)
{
    const struct vs_nic_config *c = &q->net->nic_config;
    uint32_t n = (uint32_t)c->ring, end = (q->rx_next + n - 1u) % n,
             without = (end + n - q->rx_tail) % n;
    if (without < (c->refill ? c->refill : n / 4u)) {
        return;
    }
    for (; q->rx_tail != end; q->rx_tail = (q->rx_tail + 1u) % n) {
        machine_host_give(q, false, q->rx_tail, q->buffer[0][q->rx_tail], VS_NIC_BUFFER);
    }
    (void)machine_host_doorbell(q);
    vs_nic_rx_doorbell(&q->net->nic, q->number, q->rx_tail);
}

uint32_t machine_host_room(struct machine_host_queue *q, uint32_t wanted)
{
    uint32_t n = (uint32_t)q->net->nic_config.ring, used = (q->tx_tail + n - q->tx_clean) % n;
    while (used && (used > 3u * n / 4u || n - 1u - used < wanted) && sent(q, q->tx_clean)) {
        q->tx_clean = (q->tx_clean + 1u) % n;
        used--;
    }
    return n - 1u - used;
}

void machine_host_announce(struct machine_host_queue *q)
{
    struct vs_net *net = q->net;
    struct vs_pcie *link = &net->link[0];
    struct vs_nic_doorbell how = {vs_now(&q->worker->txn).v, &link->mmio_tape,
                                  (uint16_t)(link->account + VS_ACC_pcie_mmio_write)};
    vs_ps known = machine_host_doorbell(q);
    vs_nic_tx_doorbell(&net->nic, q->number, q->tx_tail, known, &how);
    vs_kernel_wake(net->p->kernel, net->nic_agent, known.v);
}

/* A ring, and buffers for its descriptors, two a page; false: the host has no memory for them. */
static bool make_ring(struct machine_host_queue *q, bool sends, bool own)
{
    struct vs_net *net = q->net;
    struct vs_frames *frames = &net->p->node_frames[net->node[0]];
    uint64_t n = net->nic_config.ring, word = net->nic_config.write_back_head && sends ? 4u : 0;
    q->buffer[sends] = own ? calloc(n, sizeof *q->buffer[sends]) : NULL;
    bool good =
        (q->buffer[sends] || !own) &&
        vs_frames_alloc(frames, n * 16u + word <= PAGE ? SMALLEST : LARGER, &q->ring[sends]);
    for (uint64_t i = 0; good && own && i < n; i++) {
        uint64_t *at = &q->buffer[sends][i];
        good = i % 2u ? (*at = at[-1] + VS_NIC_BUFFER) != 0 : vs_frames_alloc(frames, SMALLEST, at);
    }
    return good;
}

bool machine_host_queue_make(struct machine_host_queue *q, bool receives_own, bool sends_own)
{
    return make_ring(q, false, receives_own) && make_ring(q, true, sends_own);
}

void machine_host_queue_begin(struct machine_host_queue *q)
{
    vs_nic_rings(&q->net->nic, q->number, q->ring[1], q->ring[0]);
    for (; q->buffer[0] && q->rx_tail + 1u < q->net->nic_config.ring; q->rx_tail++) {
        write(q, false, q->rx_tail, q->buffer[0][q->rx_tail], VS_NIC_BUFFER);
    }
    if (q->buffer[0]) {
        vs_nic_rx_doorbell(&q->net->nic, q->number, q->rx_tail);
    }
}

void machine_host_queue_free(struct machine_host_queue *q)
{
    free(q->buffer[0]);
    free(q->buffer[1]);
}
