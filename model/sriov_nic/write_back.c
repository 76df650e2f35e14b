/* SPDX-License-Identifier: MIT */
/*
 * What tells software of work that is done: descriptors with DD in their ring, one by one or so
 * many together, or a word behind the transmit ring that says how far the queue has sent. Kept ones
 * go when they are enough, when their vector's interval ends, and before an interrupt of the queue,
 * so that whoever it wakes finds all that came before it (Intel 82598
 * datasheet, 3.5.2.7, 3.5.3.3.4).
 */
#include "nic_impl.h"

#include <string.h>

/* One DMA under the function's id, from its DMAs' present time on. */
static void write_out(struct vs_nic *n, struct vs_nic_function *f, uint64_t at, const void *bytes,
                      uint32_t size, uint64_t *taken_ps)
{
    vs_iova to = {at};
    if (!n->link.write(n->link.ctx, &f->dma, f->requester, to, bytes, size, taken_ps)) {
        n->count[VS_CNT_nic_blocked]++;
    }
}

/* A descriptor by itself. */
static void write_one(struct vs_nic *n, const struct vs_nic_queue *q, const struct vs_nic_ring *r,
                      uint32_t slot, uint64_t word[2], uint64_t *taken_ps)
{
    word[1] |= (uint64_t)VS_NIC_DD << 32;
    write_out(n, q->fn, r->base + slot * 16u, word, 16, taken_ps);
}

/* One more that others follow. */
static void keep(struct vs_nic *n, const struct vs_nic_queue *q, struct vs_nic_ring *r,
                 uint32_t slot, const uint64_t word[2], uint64_t at_ps)
{
    struct vs_nic_kept *k = &r->kept;
    if (!k->n) {
        k->first = slot;
        k->due_ps = at_ps + q->itr_ps;
        n->kept_due_ps = k->due_ps < n->kept_due_ps ? k->due_ps : n->kept_due_ps;
    }
    memcpy(k->word[k->n], word, sizeof k->word[0]);
    k->word[k->n++][1] |= (uint64_t)VS_NIC_DD << 32;
}

/* What a ring has kept, in one DMA, or two where it wraps; *taken_ps: the link has them. */
static void write_kept(struct vs_nic *n, const struct vs_nic_queue *q, struct vs_nic_ring *r,
                       uint64_t *taken_ps)
{
    struct vs_nic_kept *k = &r->kept;
    uint32_t to_end = r->n - k->first, one = k->n < to_end ? k->n : to_end;
    write_out(n, q->fn, r->base + k->first * 16u, k->word, one * 16u, taken_ps);
    if (k->n > one) {
        q->fn->dma.now_ps = *taken_ps;
        write_out(n, q->fn, r->base, k->word[one], (k->n - one) * 16u, taken_ps);
    }
    k->n = 0;
    k->due_ps = VS_NIC_NEVER;
}

/* The packets whose descriptors were kept can be seen from now on. */
static void flush_rx(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps)
{
    uint64_t taken = at_ps;
    vs_tape_clear(&n->tape);
    struct vs_txn *t = vs__nic_dma(n, q->fn, at_ps);
    write_kept(n, q, &q->rx, &taken);
    for (; q->rx_written != q->rx_done; q->rx_written++) {
        uint32_t i = q->rx_written % q->rx.n;
        vs_journey_wait(&q->rx_journey[i], vs__nic_acc(n, VS_ACC_nic_wait_write_back),
                        vs__nic_at(at_ps));
        vs_journey_expose(&q->rx_journey[i], &n->tape, vs__nic_acc(n, VS_ACC_nic_wait_link),
                          vs__nic_at(t->now_ps));
        q->rx_seen_ps[i] = t->now_ps;
    }
    if (n->cfg.poll) {
        vs__nic_tell_reader(n, q, t->now_ps);
    }
}

/* Writes back the transmit descriptors that are kept. */
static void flush_tx(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps)
{
    uint64_t taken = at_ps;
    vs__nic_dma(n, q->fn, at_ps)->tape = NULL;
    write_kept(n, q, &q->tx, &taken);
}

void vs__nic_received(struct vs_nic *n, struct vs_nic_queue *q, uint32_t slot, uint64_t word[2],
                      uint64_t *taken_ps)
{
    if (n->cfg.write_back_rx > 1) {
        keep(n, q, &q->rx, slot, word, *taken_ps);
    } else {
        write_one(n, q, &q->rx, slot, word, taken_ps);
    }
}

void vs__nic_enough(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps)
{
    if (q->rx.kept.n >= n->cfg.write_back_rx) {
        flush_rx(n, q, at_ps);
    }
}

/* A descriptor of the queue's has been read and is done. */
static void done(struct vs_nic *n, struct vs_nic_write_back *b)
{
    struct vs_nic_queue *q = b->queue;
    uint64_t taken;
    if (n->cfg.write_back_tx > 1) {
        keep(n, q, &q->tx, b->slot, b->word, b->due_ps);
        if (q->tx.kept.n >= n->cfg.write_back_tx) {
            flush_tx(n, q, b->due_ps);
        }
        return;
    }
    vs__nic_dma(n, q->fn, b->due_ps)->tape = NULL;
    if (!n->cfg.write_back_head) {
        write_one(n, q, &q->tx, b->slot, b->word, &taken);
    } else if (!(b->word[1] >> 32 & VS_NIC_MORE)) {
        uint32_t head = (b->slot + 1u) % q->tx.n;
        write_out(n, q->fn, q->tx.base + q->tx.n * 16u, &head, sizeof head, &taken);
    }
}

void vs__nic_write_backs(struct vs_nic *n, uint64_t at_ps)
{
    while (n->n_write_backs && n->write_back[n->write_back_first].due_ps <= at_ps) {
        done(n, &n->write_back[n->write_back_first]);
        n->write_back_first = (n->write_back_first + 1u) % VS_NIC_WRITE_BACKS;
        n->n_write_backs--;
    }
}

void vs__nic_drop_write_backs(struct vs_nic *n, const struct vs_nic_queue *q)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->n_write_backs; i++) {
        const struct vs_nic_write_back *b =
            &n->write_back[(n->write_back_first + i) % VS_NIC_WRITE_BACKS];
        if (b->queue != q) {
            n->write_back[(n->write_back_first + kept++) % VS_NIC_WRITE_BACKS] = *b;
        }
    }
    n->n_write_backs = kept;
}

void vs__nic_flush_queue(struct vs_nic *n, struct vs_nic_queue *q, uint64_t at_ps)
{
    if (q->aggregate.segments) {
        vs__nic_end_aggregate(n, q, at_ps);
    }
    if (q->rx.kept.n) {
        flush_rx(n, q, at_ps);
    }
    if (q->tx.kept.n) {
        flush_tx(n, q, at_ps);
    }
}

uint64_t vs_nic_flush(struct vs_nic *n, vs_ps at)
{
    if (n->kept_due_ps > at.v) {
        return n->kept_due_ps;
    }
    uint64_t next = VS_NIC_NEVER;
    for (uint32_t i = 0; i < n->n_used * n->pairs; i++) {
        struct vs_nic_queue *q = &n->queue[i];
        if (q->aggregate.due_ps <= at.v) {
            vs__nic_end_aggregate(n, q, at.v);
        }
        if (q->rx.kept.due_ps <= at.v) {
            flush_rx(n, q, at.v);
        }
        if (q->tx.kept.due_ps <= at.v) {
            flush_tx(n, q, at.v);
        }
        next = vs__least(next, vs__least(q->rx.kept.due_ps, q->tx.kept.due_ps));
        next = vs__least(next, q->aggregate.due_ps);
    }
    n->kept_due_ps = next;
    return next;
}
