/* SPDX-License-Identifier: MIT */
/* The RX engine: from the wire into memory, and the interrupt that says so. */
#include "nic_impl.h"

void vs_nic_rx_doorbell(struct vs_nic *n, uint32_t queue, uint32_t tail)
{
    n->count[VS_CNT_nic_doorbells]++;
    vs_nic_rx_offered(n, queue, tail);
}

void vs_nic_rx_offered(struct vs_nic *n, uint32_t queue, uint32_t tail)
{
    n->queue[queue].rx.tail = tail;
    n->queue[queue].rx.ready = !n->queue[queue].off[0];
}

void vs__nic_plan_interrupt(struct vs_nic *n, struct vs_nic_queue *q)
{
    uint64_t now = n->rx.now_ps, earliest = q->ever_irq ? q->last_irq_ps + q->itr_ps : 0;
    if (n->cfg.poll) {
        if (q->rx_written == q->rx_done) {
            vs__nic_tell_reader(n, q, q->fn->dma.now_ps);
        }
    } else if (q->irq_due_ps == VS_NIC_NEVER) {
        q->irq_due_ps = now > earliest ? now : earliest;
        n->count[VS_CNT_nic_moderated] += q->irq_due_ps > now;
        n->irq_due_ps = q->irq_due_ps < n->irq_due_ps ? q->irq_due_ps : n->irq_due_ps;
    }
}

void vs__nic_tell_reader(const struct vs_nic *n, const struct vs_nic_queue *q, uint64_t at_ps)
{
    n->reader.there(n->reader.ctx, (uint32_t)(q - n->queue), at_ps);
}

/* Whoever has sent the packet finds out, some day. */
static void lost(const struct vs_nic *n, const struct vs_nic_arrival *a, uint64_t at_ps)
{
    uint32_t to = vs_nic_interface_of(n, a->header.to);
    bool named = a->addressed && to < n->n_interfaces;
    if (n->wire.lost && (named || !n->n_interfaces)) {
        n->wire.lost(n->wire.ctx, named ? vs_nic_interface_queue(n, to) : a->queue, at_ps);
    }
}

uint64_t vs__nic_arrived(struct vs_nic *n, const struct vs_nic_arrival *a)
{
    if (!n->queue[a->queue].rx.ready || n->queue[a->queue].fn->deaf) {
        n->count[VS_CNT_nic_rx_unclaimed]++;
        return VS_NIC_NEVER;
    }
    if (n->rx_buffered + vs__nic_frame_bytes(a->payload) > n->cfg.rx_buffer) {
        n->count[VS_CNT_nic_rx_missed]++;
        lost(n, a, a->in_ps);
        return VS_NIC_NEVER;
    }
    n->rx_buffered += vs__nic_frame_bytes(a->payload);
    uint32_t i = n->n_arrivals++; /* behind those that are in before it */
    for (; i && n->arrival[(n->arrival_first + i - 1u) % n->arrivals].in_ps > a->in_ps; i--) {
        n->arrival[(n->arrival_first + i) % n->arrivals] =
            n->arrival[(n->arrival_first + i - 1u) % n->arrivals];
    }
    n->arrival[(n->arrival_first + i) % n->arrivals] = *a;
    return a->in_ps;
}

uint64_t vs_nic_rx_segment(struct vs_nic *n, uint32_t queue, uint32_t stream, uint32_t payload,
                           vs_ps at)
{
    uint64_t first = at.v > n->wire_rx_busy_ps ? at.v : n->wire_rx_busy_ps,
             in = first + vs_nic_wire_ps(n, payload);
    n->wire_rx_busy_ps = in;
    bool host = n->n_all > n->n_fn && queue >= vs_nic_physical_queue(n);
    uint64_t to = VS_NIC_PHYSICAL;
    uint16_t vlan = 0;
    if (host && queue >= n->n_queues) { /* for a guest's interface */
        uint32_t interface = queue - n->n_queues;
        to = vs_nic_mac(interface);
        queue = vs_nic_queue_for(n, interface);
        vlan = n->queue[queue].fn->port_vlan;
    }
    /* the host's stack answers by what a frame bears, and makes no large packets */
    struct vs_nic_arrival a = {first, in + n->cfg.interface, queue, payload, host ? 0 : stream,
                               host,  {to, VS_NIC_FAR, vlan}};
    return vs__nic_arrived(n, &a);
}

/* The packet is out of the buffer: in memory, or lost. */
static void out_of_buffer(struct vs_nic *n, bool good)
{
    if (!good) {
        lost(n, &n->arrival[n->arrival_first], n->rx.now_ps);
    }
    n->count[good ? VS_CNT_nic_rx_packets : VS_CNT_nic_rx_dropped]++;
    n->rx_buffered -= vs__nic_frame_bytes(n->arrival[n->arrival_first].payload);
    n->arrival_first = (n->arrival_first + 1u) % n->arrivals;
    n->n_arrivals--;
}

/* The frame into the next descriptors' buffers, the descriptors after it; false: blocked.
 * *taken_ps: the link has all of it. */
static bool into_memory(struct vs_nic *n, struct vs_nic_queue *q, const struct vs_nic_arrival *a,
                        uint64_t *taken_ps)
{
    uint32_t bytes = a->payload + VS_NIC_HEADERS;
    unsigned char *header = a->addressed ? n->head : NULL; /* of the frame, its first bytes */
    if (header) {
        vs_nic_write_header(header, &a->header);
    }
    while (bytes) {
        uint64_t word[2];
        uint32_t slot = vs__nic_take(&q->rx, word),
                 piece = bytes < VS_NIC_BUFFER ? bytes : VS_NIC_BUFFER;
        vs_iova at = {word[0]};
        struct vs_txn *dma = vs__nic_dma(n, q->fn, *taken_ps);
        if (!n->link.write(n->link.ctx, dma, q->fn->requester, at, header, piece, taken_ps)) {
            n->count[VS_CNT_nic_blocked]++;
            return false;
        }
        header = NULL;
        bytes -= piece;
        word[1] = (uint64_t)(bytes ? VS_NIC_MORE : 0) << 32 | piece;
        dma->now_ps = *taken_ps;
        vs__nic_received(n, q, slot, word, taken_ps);
    }
    return true;
}

/* The packet's parts so far, and from when on the guest can see it. */
static void remember(struct vs_nic *n, struct vs_nic_queue *q, const struct vs_nic_arrival *a,
                     uint64_t begun_ps, uint64_t asked_ps)
{
    uint32_t i = q->rx_done++ % q->rx.n; /* not by slot: dropped ones leave gaps */
    struct vs_journey *j = &q->rx_journey[i];
    uint64_t work = n->cfg.switching + n->cfg.engine;
    vs_journey_begin(j, vs__nic_at(a->first_ps));
    bool switched = a->in_ps == a->first_ps; /* from another function: it was on no wire */
    uint64_t interface = switched ? 0 : n->cfg.interface;
    vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_wire),
                      vs__nic_at(a->in_ps - a->first_ps - interface));
    if (interface) {
        vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_interface), vs__nic_at(interface));
    }
    vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wait_engine), vs__nic_at(begun_ps));
    vs_journey_expose(j, &q->rx.fetch, vs__nic_acc(n, VS_ACC_nic_wait_descriptor),
                      vs__nic_at(asked_ps - work));
    vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_switching), vs__nic_at(n->cfg.switching));
    vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_engine), vs__nic_at(n->cfg.engine));
    vs_journey_expose(j, &n->tape, vs__nic_acc(n, VS_ACC_nic_wait_link),
                      vs__nic_at(q->fn->dma.now_ps));
    bool later = q->rx.kept.n || q->aggregate.segments; /* its descriptor is not written yet */
    q->rx_seen_ps[i] = later ? VS_NIC_NEVER : q->fn->dma.now_ps;
    q->rx_written = later ? q->rx_written : q->rx_done;
}

/* A packet that is in the buffer, or what it waits for; when the engine goes on. */
static void carry(struct vs_nic *n, const struct vs_nic_arrival *a, vs_ps at)
{
    struct vs_txn *t = &n->rx;
    struct vs_nic_queue *q = &n->queue[a->queue];
    uint32_t bytes = a->payload + VS_NIC_HEADERS,
             wanted = (bytes + VS_NIC_BUFFER - 1u) / VS_NIC_BUFFER;
    vs_wait_until(t, vs__nic_acc(n, VS_ACC_nic_idle), at);
    wanted = n->cfg.lro ? vs__nic_make_way(n, q, a, at.v) : wanted;
    bool full = n->cfg.lro && q->rx_done - q->rx_first >= q->rx.n; /* of small segments */
    if (full || !vs__nic_fetch(n, q->fn, &q->rx, wanted, at.v) || q->rx.cached < wanted) {
        n->rx_begun_ps = 0;
        vs__nic_end_aggregate(n, q, at.v);
        vs_charge(t, vs__nic_acc(n, VS_ACC_nic_switching), vs__nic_at(n->cfg.switching));
        out_of_buffer(n, false);
        return;
    }
    n->rx_begun_ps = n->rx_begun_ps ? n->rx_begun_ps : at.v;
    uint64_t there = wanted ? vs__nic_cached(&q->rx, wanted - 1u)->ready_ps : 0;
    if (there > at.v) {
        vs_wait_until(t, vs__nic_acc(n, VS_ACC_nic_wait_descriptor), vs__nic_at(there));
        return;
    }
    vs_charge(t, vs__nic_acc(n, VS_ACC_nic_switching), vs__nic_at(n->cfg.switching));
    vs_charge(t, vs__nic_acc(n, VS_ACC_nic_engine), vs__nic_at(n->cfg.engine));
    vs_tape_clear(&n->tape);
    uint64_t asked = t->now_ps, taken = asked;
    bool joins = n->cfg.lro && vs__nic_joins(a),
         good = joins ? vs__nic_join(n, q, a, &taken) : into_memory(n, q, a, &taken);
    vs_wait_until(t, vs__nic_acc(n, VS_ACC_nic_wait_link), vs__nic_at(taken));
    if (good) {
        remember(n, q, a, n->rx_begun_ps, asked);
        if (!joins) {
            vs__nic_plan_interrupt(n, q);
        }
    }
    if (q->rx.kept.n) {
        vs__nic_enough(n, q, taken);
    }
    n->rx_begun_ps = 0;
    out_of_buffer(n, good);
}

uint64_t vs_nic_rx_step(struct vs_nic *n, vs_ps at)
{
    const struct vs_nic_arrival *a = &n->arrival[n->arrival_first];
    if (n->n_arrivals && n->rx.now_ps <= at.v && a->in_ps <= at.v) {
        carry(n, a, at);
    }
    return vs_nic_rx_next(n);
}

/* The function's message is sent, and the packets that it announces have had it. */
static void interrupt(struct vs_nic *n, struct vs_nic_queue *q, vs_ps at)
{
    uint32_t vector = q->vector, pool = (uint32_t)(q - n->queue);
    if (n->n_interfaces && pool < n->n_fn) {
        vector = vs_nic_pool_vector(n, pool); /* the physical function has it */
    }
    bool none = vector == VS_NIC_NO_VECTOR;
    if (none || (n->link.fires && !n->link.fires(n->link.fires_ctx, q->fn->requester, vector))) {
        q->irq_due_ps = VS_NIC_NEVER; /* masked: configuration space keeps it; or it has none */
        return;
    }
    vs__nic_flush_queue(n, q, at.v);
    vs_tape_clear(&n->tape);
    struct vs_txn *t = vs__nic_dma(n, q->fn, at.v);
    vs_open(t, VS_OP_MSI);
    const struct vs_nic_queue *m = q->vector < n->pairs ? &q->fn->queue[q->vector] : q->fn->queue;
    n->link.message(n->link.ctx, t, q->fn->requester, m->msi_address, m->msi_data);
    vs_close(t);
    n->count[VS_CNT_nic_interrupts]++;
    q->last_irq_ps = at.v;
    q->ever_irq = true;
    q->irq_due_ps = VS_NIC_NEVER;
    if ((int32_t)(q->rx_first - q->rx_announced) > 0) {
        q->rx_announced = q->rx_first; /* read by polling: nobody waits for the message any more */
    }
    /* one message serves all packets in memory: it is exposed in each of their journeys */
    for (; q->rx_announced != q->rx_done; q->rx_announced++) {
        struct vs_journey *j = &q->rx_journey[q->rx_announced % q->rx.n];
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wait_moderation), at);
        vs_journey_expose(j, &n->tape, vs__nic_acc(n, VS_ACC_nic_wait_interrupt),
                          vs__nic_at(t->now_ps));
    }
}

void vs_nic_moderate(struct vs_nic *n, uint32_t queue, uint64_t itr_ps)
{
    n->queue[queue].itr_ps = itr_ps;
}

uint64_t vs_nic_interrupts(struct vs_nic *n, vs_ps at)
{
    if (n->irq_due_ps > at.v) {
        return n->irq_due_ps;
    }
    uint64_t next = VS_NIC_NEVER;
    for (uint32_t i = 0; i < n->n_used * n->pairs; i++) {
        struct vs_nic_queue *q = &n->queue[i];
        if (q->irq_due_ps <= at.v) {
            interrupt(n, q, at);
        }
        next = q->irq_due_ps < next ? q->irq_due_ps : next;
    }
    n->irq_due_ps = next;
    return next;
}

uint32_t vs_nic_rx_ready(struct vs_nic *n, uint32_t queue, vs_ps at)
{
    struct vs_nic_queue *q = &n->queue[queue];
    if ((int32_t)(q->rx_seen - q->rx_first) < 0) {
        q->rx_seen = q->rx_first;
    }
    while (q->rx_seen != q->rx_done && q->rx_seen_ps[q->rx_seen % q->rx.n] <= at.v) {
        q->rx_seen++;
    }
    return q->rx_seen - q->rx_first;
}

uint64_t vs_nic_rx_seen_ps(const struct vs_nic *n, uint32_t queue)
{
    const struct vs_nic_queue *q = &n->queue[queue];
    return q->rx_first == q->rx_done ? VS_NIC_NEVER : q->rx_seen_ps[q->rx_first % q->rx.n];
}

/* The next one that was not read belongs to the large packet that was; said once. */
static bool follows(struct vs_nic_queue *q)
{
    bool *f = &q->rx_follows[q->rx_first % q->rx.n], is = q->rx_first != q->rx_done && *f;
    *f = is ? false : *f;
    return is;
}

void vs_nic_rx_read(struct vs_nic *n, uint32_t queue, vs_ps at, const struct vs_tape *trail)
{
    struct vs_nic_queue *q = &n->queue[queue];
    if (q->rx_first == q->rx_done) {
        return;
    }
    do {
        struct vs_journey *j = &q->rx_journey[q->rx_first++ % q->rx.n];
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wait_turn), vs__nic_at(q->rx_read_ps));
        vs_journey_expose(j, trail, vs__nic_acc(n, VS_ACC_nic_wait_guest), at);
        vs__nic_finish(n, j, vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_RX));
    } while (n->cfg.lro && follows(q));
    q->rx_read_ps = at.v;
}
