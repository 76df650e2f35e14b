/* SPDX-License-Identifier: MIT */
/*
 * Guests' interfaces that the host's driver serves (nic.path = host): what a frame's journey is
 * about when it goes from a queue of the adapter into a guest's ring, and from there to the
 * adapter. With a pool the adapter has sorted it (VMDq); without one it comes by the physical
 * function.
 */
#include "nic_impl.h"

uint32_t vs_nic_interface_of(const struct vs_nic *n, uint64_t mac)
{
    uint64_t first = vs_nic_mac(0);
    return mac >= first && mac - first < n->n_interfaces ? (uint32_t)(mac - first)
                                                         : n->n_interfaces;
}

bool vs_nic_rx_waits(const struct vs_nic *n, uint32_t interface)
{
    const struct vs_nic_queue *q = &n->queue[vs_nic_interface_queue(n, interface)];
    return q->rx_first == q->rx_done;
}

/* A packet is in the interface's ring. */
static void arrive(struct vs_nic *n, uint32_t interface, const struct vs_journey *j,
                   const struct vs_nic_delivery *how)
{
    struct vs_nic_queue *q = &n->queue[vs_nic_interface_queue(n, interface)];
    uint32_t i = q->rx_done++ % q->rx.n;
    q->rx_journey[i] = *j;
    q->rx_seen_ps[i] = how->seen_ps;
    q->rx_written = q->rx_done;
}

void vs_nic_rx_deliver(struct vs_nic *n, uint32_t from, uint32_t interface,
                       const struct vs_nic_delivery *how)
{
    struct vs_nic_queue *q = &n->queue[from];
    struct vs_journey j = q->rx_journey[q->rx_first % q->rx.n];
    vs_journey_wait(&j, vs__nic_acc(n, VS_ACC_nic_wait_turn), vs__nic_at(q->rx_read_ps));
    vs_journey_expose(&j, how->trail, vs__nic_acc(n, VS_ACC_nic_wait_host), how->at);
    arrive(n, interface, &j, how);
}

void vs_nic_rx_done(struct vs_nic *n, uint32_t from, uint32_t lost, vs_ps at)
{
    struct vs_nic_queue *q = &n->queue[from];
    q->rx_first++;
    q->rx_read_ps = at.v;
    if (lost < n->n_interfaces && n->wire.lost) {
        n->wire.lost(n->wire.ctx, vs_nic_interface_queue(n, lost), at.v);
    }
}

void vs_nic_tx_hand_on(struct vs_nic *n, uint32_t interface, uint32_t slot, uint32_t to,
                       uint32_t to_slot, vs_ps at, const struct vs_tape *trail)
{
    struct vs_nic_queue *q = &n->queue[vs_nic_interface_queue(n, interface)], *out = &n->queue[to];
    out->tx_of[to_slot] = interface;
    if (q->tx_begun[slot]) {
        q->tx_begun[slot] = false;
        vs_journey_expose(&q->tx_journey[slot], trail, vs__nic_acc(n, VS_ACC_nic_wait_host), at);
        out->tx_journey[to_slot] = q->tx_journey[slot];
        out->tx_begun[to_slot] = true;
    }
}

void vs_nic_tx_deliver(struct vs_nic *n, uint32_t interface, uint32_t slot, uint32_t to,
                       const struct vs_nic_delivery *how)
{
    struct vs_nic_queue *q = &n->queue[vs_nic_interface_queue(n, interface)];
    struct vs_journey j;
    if (q->tx_begun[slot]) {
        q->tx_begun[slot] = false;
        vs_journey_expose(&q->tx_journey[slot], how->trail, vs__nic_acc(n, VS_ACC_nic_wait_host),
                          how->at);
        vs__nic_finish(n, &q->tx_journey[slot],
                       vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_TX));
    }
    vs_journey_begin(&j, vs__nic_at(how->seen_ps));
    arrive(n, to, &j, how);
}
