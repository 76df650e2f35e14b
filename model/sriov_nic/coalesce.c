/* SPDX-License-Identifier: MIT */
/*
 * Receive coalescing (LRO; Intel calls it receive side coalescing, 82599 datasheet, 7.11): segments
 * of a TCP connection that come one after the other become one large packet. The headers of the
 * first one go into memory, of those behind it the payload alone, end to end, over as many buffers
 * as that fills (RSCCTL.MAXDESC). Each descriptor says how many segments end in its buffer
 * (RSCCNT). The aggregate ends, and only then is seen, when another connection's packet or one
 * without payload comes for the queue, when it is as long as IP lets it be or has all its buffers,
 * when its time is over, when the ring has no descriptor left, and before an interrupt of the
 * queue. A queue has one at a time, so that the descriptors of one follow each other in the ring,
 * which NEXTP then says.
 */
#include "nic_impl.h"

#define LONGEST 65535u /* IPv4's total length */

/* Payload of a TCP segment whose headers are longer than those that `payload` counts from. */
static uint32_t data_of(const struct vs_nic_arrival *a)
{
    return a->payload + VS_NIC_HEADERS - VS_NIC_TCP_HEADERS;
}

bool vs__nic_joins(const struct vs_nic_arrival *a)
{
    return a->stream && a->payload + VS_NIC_HEADERS > VS_NIC_TCP_HEADERS;
}

/* The descriptor at hand goes back: `more` follow. */
static void write_descriptor(struct vs_nic *n, struct vs_nic_queue *q, bool more)
{
    struct vs_nic_aggregate *g = &q->aggregate;
    uint64_t flags = (more ? VS_NIC_MORE : 0) | (uint64_t)g->ended << VS_NIC_SEGMENT_SHIFT,
             word[2] = {g->at, flags << 32 | g->fill};
    vs__nic_dma(n, q->fn, g->taken_ps);
    vs__nic_received(n, q, g->slot, word, &g->taken_ps);
    g->ended = 0;
}

void vs__nic_end_aggregate(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps)
{
    struct vs_nic_aggregate *g = &q->aggregate;
    g->due_ps = VS_NIC_NEVER;
    if (!g->segments) {
        return;
    }
    g->taken_ps = g->taken_ps > at_ps ? g->taken_ps : at_ps;
    at_ps = g->taken_ps;
    vs_tape_clear(&n->tape);
    write_descriptor(n, q, false);
    uint64_t seen = q->fn->dma.now_ps;
    for (; q->rx_written != q->rx_done; q->rx_written++) {
        uint32_t i = q->rx_written % q->rx.n;
        vs_journey_wait(&q->rx_journey[i], vs__nic_acc(n, VS_ACC_nic_wait_lro), vs__nic_at(at_ps));
        vs_journey_expose(&q->rx_journey[i], &n->tape, vs__nic_acc(n, VS_ACC_nic_wait_link),
                          vs__nic_at(seen));
        q->rx_seen_ps[i] = seen;
    }
    n->count[VS_CNT_nic_lro_packets]++;
    g->segments = 0;
    vs__nic_plan_interrupt(n, q);
}

/* Buffers that more bytes take, beyond what the last one has left. */
static uint32_t buffers_for(const struct vs_nic_aggregate *g, uint32_t bytes)
{
    uint32_t room = g->segments ? VS_NIC_BUFFER - g->fill : 0;
    return bytes > room ? (bytes - room + VS_NIC_BUFFER - 1u) / VS_NIC_BUFFER : 0;
}

uint32_t vs__nic_make_way(struct vs_nic *n, struct vs_nic_queue *q, const struct vs_nic_arrival *a,
                          uint64_t at_ps)
{
    struct vs_nic_aggregate *g = &q->aggregate;
    uint32_t whole = a->payload + VS_NIC_HEADERS, data = vs__nic_joins(a) ? data_of(a) : 0;
    if (g->segments && (!data || a->stream != g->stream || at_ps >= g->due_ps ||
                        g->bytes + data > LONGEST + VS_NIC_ETHERNET ||
                        g->buffers + buffers_for(g, data) > n->cfg.lro_buffers)) {
        vs__nic_end_aggregate(n, q, at_ps);
    }
    return buffers_for(g, g->segments ? data : whole);
}

bool vs__nic_join(struct vs_nic *n, struct vs_nic_queue *q, const struct vs_nic_arrival *a,
                  uint64_t *taken_ps)
{
    struct vs_nic_aggregate *g = &q->aggregate;
    uint32_t bytes = g->segments ? data_of(a) : a->payload + VS_NIC_HEADERS;
    if (!g->segments) {
        *g = (struct vs_nic_aggregate){.stream = a->stream,
                                       .fill = VS_NIC_BUFFER,
                                       .due_ps = *taken_ps + n->cfg.lro_timeout_ns * 1000u};
        n->kept_due_ps = vs__least(n->kept_due_ps, g->due_ps);
    }
    g->taken_ps = *taken_ps;
    g->bytes += bytes;
    while (bytes) {
        if (g->fill == VS_NIC_BUFFER) {
            uint64_t word[2];
            if (g->buffers++) {
                write_descriptor(n, q, true);
            }
            g->slot = vs__nic_take(&q->rx, word);
            g->at = word[0];
            g->fill = 0;
        }
        uint32_t piece = (uint32_t)vs__least(bytes, VS_NIC_BUFFER - g->fill);
        struct vs_txn *dma = vs__nic_dma(n, q->fn, g->taken_ps);
        if (!n->link.write(n->link.ctx, dma, q->fn->requester, (vs_iova){g->at + g->fill}, NULL,
                           piece, &g->taken_ps)) {
            n->count[VS_CNT_nic_blocked]++;
            return false;
        }
        g->fill += piece;
        bytes -= piece;
    }
    *taken_ps = g->taken_ps;
    g->ended++;
    q->rx_follows[q->rx_done % q->rx.n] = g->segments++ != 0;
    n->count[VS_CNT_nic_lro_segments] += g->segments > 1u;
    return true;
}
