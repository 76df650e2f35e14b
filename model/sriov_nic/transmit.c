/* SPDX-License-Identifier: MIT */
/* The TX engine: from a doorbell to the wire. */
#include "nic_impl.h"

#include <string.h>

void vs_nic_tx_begin(struct vs_nic *n, uint32_t queue, uint32_t slot, vs_ps at)
{
    vs_journey_begin(&n->queue[queue].tx_journey[slot], at);
    n->queue[queue].tx_begun[slot] = true;
}

void vs_nic_tx_stored(struct vs_nic *n, uint32_t queue, uint32_t slot, vs_ps at)
{
    vs_journey_wait(&n->queue[queue].tx_journey[slot], vs__nic_acc(n, VS_ACC_nic_transmit), at);
}

void vs_nic_tx_doorbell(struct vs_nic *n, uint32_t queue, uint32_t tail, vs_ps at,
                        const struct vs_nic_doorbell *how)
{
    n->count[VS_CNT_nic_doorbells]++;
    vs_nic_tx_offered(n, queue, tail, at, how);
}

void vs_nic_tx_offered(struct vs_nic *n, uint32_t queue, uint32_t tail, vs_ps at,
                       const struct vs_nic_doorbell *how)
{
    struct vs_nic_queue *q = &n->queue[queue];
    if (q->off[1]) { /* the next doorbell of a queue that is enabled again announces them, too */
        return;
    }
    for (uint32_t s = q->tx.tail; s != tail; s = (s + 1) % q->tx.n) {
        if (q->tx_begun[s]) {
            struct vs_journey *j = &q->tx_journey[s];
            uint16_t batch = vs__nic_acc(n, VS_ACC_nic_wait_batch);
            vs_journey_wait(j, batch, how ? vs__nic_at(how->begun_ps) : at);
            vs_journey_expose(j, how ? how->parts : NULL, how ? how->store : batch, at);
        }
    }
    q->tx.tail = tail;
}

/* When the wire will have emptied the transmit buffer so far that this many bytes fit. */
static uint64_t room_ps(const struct vs_nic *n, uint64_t bytes)
{
    uint64_t held = vs__nic_bits_ps(n, bytes < n->cfg.tx_buffer ? n->cfg.tx_buffer - bytes : 0);
    return n->wire_tx_busy_ps > held ? n->wire_tx_busy_ps - held : 0;
}

/* The queue of the function whose turn it is; NULL: none has anything to send. */
static vs_inlined struct vs_nic_queue *next_of(const struct vs_nic *n,
                                               const struct vs_nic_function *f)
{
    uint32_t i = f->next_queue;
    if (n->pairs == 1) {
        return f->queue->tx.head != f->queue->tx.tail ? f->queue : NULL;
    }
    for (uint32_t k = 0; k < n->pairs; k++, i++) {
        i = i < n->pairs ? i : 0;
        if (f->queue[i].tx.head != f->queue[i].tx.tail) {
            return &f->queue[i];
        }
    }
    return NULL;
}

/* Round robin over functions, and over the queues of each, so that several of them are no larger
 * share; NULL: none has anything to send, or may by its rate, which lets the first at *free_ps. */
static vs_inlined struct vs_nic_queue *next_sender(const struct vs_nic *n, uint64_t at_ps,
                                                   uint64_t *free_ps)
{
    *free_ps = VS_NIC_NEVER;
    uint32_t i = n->next_fn;
    for (uint32_t k = 0; k < n->n_used; k++, i++) {
        i = i < n->n_used ? i : 0;
        const struct vs_nic_function *f = &n->fn[i];
        struct vs_nic_queue *q = next_of(n, f);
        if (q && f->rate_free_ps <= at_ps) {
            return q;
        }
        if (q && f->rate_free_ps < *free_ps) {
            *free_ps = f->rate_free_ps;
        }
    }
    return NULL;
}

/* The frame counts against its function's rate, from its start on. */
static void pay_rate(const struct vs_nic *n, struct vs_nic_function *f, uint64_t bytes)
{
    if (n->cfg.rate_mbps && f != &n->fn[vs_nic_physical(n)]) {
        f->rate_free_ps =
            n->tx.now_ps + (bytes + VS_NIC_WIRE_OVERHEAD) * 8u * 1000000u / n->cfg.rate_mbps;
    }
}

/* The queue is stopped, as a malicious-driver event stops it. */
static void stop(struct vs_nic_queue *q)
{
    q->tx.tail = q->tx.head;
    q->tx.cached = 0;
    q->stopped = true;
}

/* How many descriptors the next frame has; 0: its last one is not there; *bytes: of the frame. */
static uint32_t pieces(struct vs_nic_ring *r, uint64_t *bytes)
{
    *bytes = 0;
    for (uint32_t i = 0; i < r->cached; i++) {
        uint64_t word = vs__nic_cached(r, i)->word[1];
        *bytes += (uint32_t)word;
        if (!(word >> 32 & VS_NIC_MORE)) {
            return i + 1u;
        }
    }
    return 0;
}

/* The commonest frame from the transmit buffer on the wire: one, to the other end. */
static void onto_wire(struct vs_nic *n, struct vs_nic_queue *q, struct vs_journey *j,
                      uint64_t bytes)
{
    uint64_t start = n->sent_ps > n->wire_tx_busy_ps ? n->sent_ps : n->wire_tx_busy_ps,
             wire = vs_nic_wire_ps(n, bytes > VS_NIC_HEADERS ? bytes - VS_NIC_HEADERS : 0);
    n->wire_tx_busy_ps = start + wire;
    n->count[VS_CNT_nic_tx_packets]++;
    if (n->wire.frame) {
        n->wire.frame(n->wire.ctx, n->sender, bytes, n->wire_tx_busy_ps + n->cfg.interface);
    }
    if (j) {
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wire_busy), vs__nic_at(start));
        vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_wire), vs__nic_at(wire));
        vs__nic_through(n, j);
        vs__nic_finish(n, j, vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_TX));
    }
}

/* Asks for a frame's bytes; false: blocked, and nothing goes out. */
static bool send(struct vs_nic *n, struct vs_nic_queue *q, uint32_t n_pieces, uint64_t bytes)
{
    struct vs_txn *t = &n->tx;
    struct vs_journey *j = q->tx_begun[q->tx.head] ? &q->tx_journey[q->tx.head] : NULL;
    q->tx_begun[q->tx.head] = false;
    vs_charge(t, vs__nic_acc(n, VS_ACC_nic_engine), vs__nic_at(n->cfg.engine));
    vs_tape_clear(&n->tape);
    uint64_t asked = t->now_ps, done = asked, taken = asked;
    uint32_t slot[VS_NIC_OUT_PIECES], flags = (uint32_t)(vs__nic_cached(&q->tx, 0)->word[1] >> 32);
    uint64_t word[VS_NIC_OUT_PIECES][2];
    struct vs_nic_out out; /* of frames that are not the commonest */
    bool special = flags & ~(VS_NIC_DD | VS_NIC_MORE);
    if (special) {
        out.bytes = 0;
        out.n = n_pieces;
        out.addressed = (flags & VS_NIC_ADDRESSED) != 0;
        out.segment = flags >> VS_NIC_SEGMENT_SHIFT;
    }
    for (uint32_t i = 0; i < n_pieces; i++) {
        slot[i] = vs__nic_take(&q->tx, word[i]);
        struct vs_txn *dma = vs__nic_dma(n, q->fn, taken);
        vs_iova at = {word[i][0]};
        void *head = special && out.addressed && !i ? n->head : NULL;
        if (!n->link.read(n->link.ctx, dma, q->fn->requester, at, head, (uint32_t)word[i][1],
                          &taken)) {
            n->count[VS_CNT_nic_blocked]++;
            q->tx.head = slot[0]; /* where it stopped */
            return false;
        }
        done = dma->now_ps > done ? dma->now_ps : done;
        if (special) {
            out.bytes += (uint32_t)word[i][1];
            out.piece[i].end = out.bytes;
            out.piece[i].there_ps = done;
        }
    }
    n->sent_ps = done > n->sent_ps ? done : n->sent_ps; /* frames leave in their order */
    for (uint32_t i = 0; i < n_pieces; i++) {
        vs__nic_sent(n, q, slot[i], word[i], n->sent_ps);
    }
    if (j) {
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wait_rate), vs__nic_at(q->fn->rate_free_ps));
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wait_engine),
                        vs__nic_at(asked - n->cfg.engine));
        vs_journey_charge(j, vs__nic_acc(n, VS_ACC_nic_engine), vs__nic_at(n->cfg.engine));
        vs_journey_expose(j, &n->tape, vs__nic_acc(n, VS_ACC_nic_wait_engine),
                          vs__nic_at(n->sent_ps));
    }
    pay_rate(n, q->fn, bytes);
    n->sender = q->tx_of ? vs_nic_interface_queue(n, q->tx_of[slot[0]]) : (uint32_t)(q - n->queue);
    if (special && (out.segment || out.addressed)) {
        out.header = vs_nic_read_header(n->head);
        vs__nic_send_out(n, q, j, &out);
    } else {
        onto_wire(n, q, j, bytes);
    }
    vs_wait_until(t, vs__nic_acc(n, VS_ACC_nic_wait_link), vs__nic_at(taken));
    return true;
}

/* The engine has had nothing to do, which explains nobody's wait. */
static void idle_until(struct vs_nic *n, vs_ps at)
{
    struct vs_tape *followed = n->tx.tape;
    n->tx.tape = NULL;
    vs_wait_until(&n->tx, vs__nic_acc(n, VS_ACC_nic_idle), at);
    n->tx.tape = followed;
}

/* Books why the engine waits, and in the packet's journey too, until `until_ps`. */
static uint64_t hold(struct vs_nic *n, struct vs_nic_queue *q, vs_ps at, unsigned account,
                     const struct vs_tape *parts, uint64_t until_ps)
{
    idle_until(n, at);
    vs_wait_until(&n->tx, vs__nic_acc(n, account), vs__nic_at(until_ps));
    if (q->tx_begun[q->tx.head]) {
        struct vs_journey *j = &q->tx_journey[q->tx.head];
        vs_journey_wait(j, vs__nic_acc(n, VS_ACC_nic_wait_engine), at);
        if (parts) {
            vs_journey_expose(j, parts, vs__nic_acc(n, account), vs__nic_at(until_ps));
        }
        vs_journey_wait(j, vs__nic_acc(n, account), vs__nic_at(until_ps));
    }
    return until_ps;
}

/* The adapter can send that: a frame, or a stream that it cuts into some. */
static bool good(const struct vs_nic_descriptor *first, uint32_t n_pieces, uint64_t bytes)
{
    uint32_t flags = (uint32_t)(first->word[1] >> 32), segment = flags >> VS_NIC_SEGMENT_SHIFT;
    bool header = !(flags & VS_NIC_ADDRESSED) || (!segment && bytes >= VS_NIC_HEADERS &&
                                                  (uint32_t)first->word[1] >= VS_NIC_HEADER_BYTES);
    return header &&
           (segment
                ? segment <= VS_NIC_FRAME - VS_NIC_TCP_HEADERS && bytes > VS_NIC_TCP_HEADERS &&
                      bytes <= VS_NIC_STREAM + VS_NIC_TCP_HEADERS && n_pieces <= VS_NIC_OUT_PIECES
                : n_pieces <= VS__NIC_MOST && bytes && bytes <= VS_NIC_FRAME);
}

/* One frame of this function, or what it waits for; when the engine goes on. */
static __attribute__((noinline)) uint64_t serve(struct vs_nic *n, struct vs_nic_queue *q, vs_ps at)
{
    uint64_t bytes, room = room_ps(n, VS_NIC_MAX_FRAME);
    if (room > at.v) {
        return hold(n, q, at, VS_ACC_nic_wait_buffer, NULL, room);
    }
    if (n->n_write_backs + VS_NIC_OUT_PIECES > VS_NIC_WRITE_BACKS) {
        return hold(n, q, at, VS_ACC_nic_wait_buffer, NULL,
                    n->write_back[n->write_back_first].due_ps);
    }
    idle_until(n, at);
    uint32_t n_pieces = 0;
    for (uint32_t need = 1; !n_pieces && need <= VS_NIC_OUT_PIECES; need = q->tx.cached + 1u) {
        if (!vs__nic_fetch(n, q->fn, &q->tx, need, at.v)) {
            stop(q);
            return n->tx.now_ps;
        }
        n_pieces = pieces(&q->tx, &bytes);
        if (q->tx.cached < need) {
            break; /* that is all there is */
        }
    }
    uint64_t there = n_pieces ? vs__nic_cached(&q->tx, n_pieces - 1u)->ready_ps : 0;
    if (!n_pieces || !good(vs__nic_cached(&q->tx, 0), n_pieces, bytes)) {
        n->count[VS_CNT_nic_malformed]++;
        stop(q);
        return n->tx.now_ps;
    }
    if (there > at.v) {
        return hold(n, q, at, VS_ACC_nic_wait_descriptor, &q->tx.fetch, there);
    }
    if (bytes > VS_NIC_MAX_FRAME && room_ps(n, bytes) > at.v) {
        return hold(n, q, at, VS_ACC_nic_wait_buffer, NULL, room_ps(n, bytes));
    }
    n->next_fn = ((uint32_t)(q->fn - n->fn) + 1u) % n->n_all;
    q->fn->next_queue = (uint32_t)(q - q->fn->queue) + 1u;
    if (!send(n, q, n_pieces, bytes)) {
        stop(q);
    }
    uint64_t free_ps;
    return next_sender(n, n->tx.now_ps, &free_ps) ? n->tx.now_ps : free_ps;
}

void vs_nic_tx_follow(struct vs_nic *n, bool on)
{
    n->tx.tape = on ? &n->tx_tape : NULL;
}

/* Only the last ones are kept. */
static void trim(struct vs_nic *n)
{
    struct vs_tape *t = &n->tx_tape;
    if (t->n > 2u * VS__NIC_FOLLOWED) {
        memmove(t->e, t->e + t->n - VS__NIC_FOLLOWED, VS__NIC_FOLLOWED * sizeof *t->e);
        t->n = VS__NIC_FOLLOWED;
    }
}

uint64_t vs_nic_tx_step(struct vs_nic *n, vs_ps at)
{
    trim(n);
    if (n->n_write_backs && n->write_back[n->write_back_first].due_ps <= at.v) {
        vs__nic_write_backs(n, at.v);
    }
    uint64_t free_ps;
    struct vs_nic_queue *q = next_sender(n, at.v, &free_ps);
    uint64_t next = !q ? free_ps : n->tx.now_ps > at.v ? n->tx.now_ps : serve(n, q, at);
    uint64_t due = vs__nic_write_back_due(n);
    return next < due ? next : due;
}
