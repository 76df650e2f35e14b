/* SPDX-License-Identifier: MIT */
#include "sriov_nic/sriov_nic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VS_DEF_NAME nic
#define VS_DEF_FILE "sriov_nic/sriov_nic.def"
#include "virtsim/def_tables.h"

static vs_ps ps(uint64_t v)
{
    vs_ps p = {v};
    return p;
}

static uint16_t acc(const struct vs_nic *n, unsigned which)
{
    return (uint16_t)(n->account + which);
}

void vs_nic_check(const struct vs_nic_config *c, struct vs_errors *errors)
{
    if (c->ring % VS_NIC_RING_STEP) {
        vs_error(errors, "nic.ring.descriptors = %llu: a ring has a multiple of %u descriptors",
                 (unsigned long long)c->ring, VS_NIC_RING_STEP);
    }
}

enum vs_status vs_nic_init(struct vs_nic *n, const struct vs_nic_config *c,
                           struct vs_ledger *ledger, const struct vs_nic_link *link,
                           const struct vs_msi_port *msi, uint16_t pf_requester)
{
    memset(n, 0, sizeof *n);
    n->cfg = *c;
    n->ledger = ledger;
    n->account = vs_ledger_accounts(ledger, &vs_nic_desc);
    n->link = *link;
    n->msi = *msi;
    n->n_fn = (uint32_t)c->vfs;
    n->fn = calloc(n->n_fn, sizeof *n->fn);
    n->arrivals = (uint32_t)(c->rx_buffer / VS_NIC_MIN_FRAME) + 1u;
    n->arrival = calloc(n->arrivals, sizeof *n->arrival);
    if (!n->fn || !n->arrival) {
        return VS_E_NOMEM;
    }
    for (uint32_t i = 0; i < n->n_fn; i++) {
        struct vs_nic_function *f = &n->fn[i];
        char name[32];
        snprintf(name, sizeof name, "nic0/vf%u", i);
        f->actor = vs_ledger_actor(ledger, name);
        f->requester = (uint16_t)(pf_requester + c->first_vf + i * c->stride);
        f->tx.n = f->rx.n = (uint32_t)c->ring;
        f->irq_due_ps = VS_NIC_NEVER;
        f->tx_journey = calloc(f->tx.n, sizeof *f->tx_journey);
        f->rx_journey = calloc(f->rx.n, sizeof *f->rx_journey);
        if (!f->tx_journey || !f->rx_journey) {
            return VS_E_NOMEM;
        }
    }
    vs_txn_begin(&n->tx, ledger, vs_ledger_actor(ledger, "nic0/tx"), ps(0));
    vs_txn_begin(&n->rx, ledger, vs_ledger_actor(ledger, "nic0/rx"), ps(0));
    vs_ledger_counters(ledger, vs_ledger_actor(ledger, "nic0"), &vs_nic_desc, n->count);
    return VS_OK;
}

void vs_nic_free(struct vs_nic *n)
{
    for (uint32_t i = 0; n->fn && i < n->n_fn; i++) {
        free(n->fn[i].tx_journey);
        free(n->fn[i].rx_journey);
    }
    free(n->fn);
    free(n->arrival);
    vs_tape_free(&n->tx_job.tape);
    vs_tape_free(&n->rx_job.tape);
}

void vs_nic_rings(struct vs_nic *n, uint32_t vf, uint64_t tx_base, uint64_t rx_base)
{
    n->fn[vf].tx.base = tx_base;
    n->fn[vf].rx.base = rx_base;
}

void vs_nic_msix(struct vs_nic *n, uint32_t vf, uint64_t address, uint32_t data)
{
    n->fn[vf].msi_address = address;
    n->fn[vf].msi_data = data;
}

static uint64_t frame_bytes(uint64_t payload)
{
    uint64_t frame = payload + VS_NIC_HEADERS;
    return frame < VS_NIC_MIN_FRAME ? VS_NIC_MIN_FRAME : frame;
}

static uint64_t bits_ps(const struct vs_nic *n, uint64_t bytes)
{
    return bytes * 8u * 1000u / n->cfg.gbps;
}

uint64_t vs_nic_wire_ps(const struct vs_nic *n, uint64_t payload)
{
    return bits_ps(n, frame_bytes(payload) + VS_NIC_WIRE_OVERHEAD);
}

/* What began before the region of interest is not measured in it. */
static void finish(const struct vs_nic *n, struct vs_journey *j, struct vs_op_acc *op)
{
    if (j->start_ps >= vs_ledger_cut_ps(n->ledger)) {
        vs_journey_end(j, op);
    }
}

/* The engine begins at `at`, under the function's actor, with the tape running for the journeys. */
static void begin(struct vs_nic *n, struct vs_txn *t, struct vs_nic_job *job,
                  struct vs_nic_function *f, vs_ps at)
{
    vs_wait_until(t, acc(n, VS_ACC_nic_idle), at);
    vs_txn_actor(t, f->actor);
    vs_tape_clear(&job->tape);
    t->tape = &job->tape;
    job->fn = f;
}

static void end(struct vs_txn *t, struct vs_nic_job *job)
{
    t->tape = NULL;
    job->phase = VS_NIC_FREE;
}

/* Descriptors from head on that the device does not have yet: one DMA, at most to the ring's end.
 */
static bool fetch(struct vs_nic *n, struct vs_txn *t, const struct vs_nic_function *f,
                  struct vs_nic_ring *r)
{
    uint32_t owned = (r->tail + r->n - r->head) % r->n;
    uint32_t want = owned < n->cfg.batch ? owned : (uint32_t)n->cfg.batch;
    want = want < r->n - r->head ? want : r->n - r->head;
    vs_iova at = {r->base + r->head * 16u};
    if (!want) {
        return false;
    }
    if (!n->link.read(n->link.ctx, t, f->requester, at, r->cached, want * 16u)) {
        n->count[VS_CNT_nic_blocked]++;
        return false;
    }
    r->fetched = want;
    return true;
}

/* The next descriptor, taken out of the device's cache. */
static void take(struct vs_nic_ring *r, uint64_t descriptor[2])
{
    memcpy(descriptor, r->cached[0], 16);
    r->fetched--;
    memmove(r->cached[0], r->cached[1], r->fetched * 16u);
}

static void write_back(struct vs_nic *n, struct vs_txn *t, struct vs_nic_job *job,
                       const struct vs_nic_ring *r)
{
    vs_iova at = {r->base + job->slot * 16u};
    job->descriptor[1] |= (uint64_t)VS_NIC_DD << 32;
    if (!n->link.write(n->link.ctx, t, job->fn->requester, at, job->descriptor, 16)) {
        n->count[VS_CNT_nic_blocked]++;
    }
}

/* ---- transmit ---- */

void vs_nic_tx_begin(struct vs_nic *n, uint32_t vf, uint32_t slot, vs_ps at)
{
    vs_journey_begin(&n->fn[vf].tx_journey[slot], at);
}

void vs_nic_tx_doorbell(struct vs_nic *n, uint32_t vf, uint32_t tail, vs_ps at)
{
    struct vs_nic_function *f = &n->fn[vf];
    n->count[VS_CNT_nic_doorbells]++;
    for (uint32_t s = f->tx.tail; s != tail; s = (s + 1) % f->tx.n) {
        vs_journey_wait(&f->tx_journey[s], acc(n, VS_ACC_nic_doorbell), at);
    }
    f->tx.tail = tail;
}

/* Reads the payload and puts it on the wire; false: blocked, and nothing goes out. */
static bool send(struct vs_nic *n, struct vs_nic_job *job)
{
    struct vs_txn *t = &n->tx;
    struct vs_nic_function *f = job->fn;
    struct vs_journey *j = &f->tx_journey[f->tx.head];
    job->slot = f->tx.head;
    take(&f->tx, job->descriptor);
    vs_charge(t, acc(n, VS_ACC_nic_engine), ps(n->cfg.engine));
    uint32_t length = (uint32_t)job->descriptor[1];
    vs_iova at = {job->descriptor[0]};
    if (!n->link.read(n->link.ctx, t, f->requester, at, NULL, length)) {
        n->count[VS_CNT_nic_blocked]++;
        return false;
    }
    vs_journey_expose(j, &job->tape, acc(n, VS_ACC_nic_wait_engine), ps(t->now_ps));
    uint64_t start = t->now_ps > n->wire_tx_busy_ps ? t->now_ps : n->wire_tx_busy_ps,
             wire = vs_nic_wire_ps(n, length);
    n->wire_tx_busy_ps = start + wire;
    vs_journey_wait(j, acc(n, VS_ACC_nic_wire_busy), ps(start));
    vs_journey_charge(j, acc(n, VS_ACC_nic_wire), ps(wire));
    finish(n, j, vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_TX));
    n->count[VS_CNT_nic_tx_packets]++;
    f->tx.head = (f->tx.head + 1) % f->tx.n;
    return true;
}

/* When the wire will have emptied the transmit buffer so far that any frame fits. */
static uint64_t room_ps(const struct vs_nic *n)
{
    uint64_t held = bits_ps(n, n->cfg.tx_buffer - VS_NIC_MAX_FRAME);
    return n->wire_tx_busy_ps > held ? n->wire_tx_busy_ps - held : 0;
}

/* Round robin over functions; NULL: none has anything to send. */
static struct vs_nic_function *next_sender(const struct vs_nic *n)
{
    for (uint32_t k = 0; k < n->n_fn; k++) {
        struct vs_nic_function *f = &n->fn[(n->next_fn + k) % n->n_fn];
        if (f->tx.head != f->tx.tail) {
            return f;
        }
    }
    return NULL;
}

/* Blocked: the queue is stopped, as a malicious-driver event stops it. */
static void stop(struct vs_txn *t, struct vs_nic_job *job)
{
    struct vs_nic_function *f = job->fn;
    f->tx.tail = f->tx.head;
    f->tx.fetched = 0;
    f->stopped = true;
    end(t, job);
}

uint64_t vs_nic_tx_step(struct vs_nic *n, vs_ps at)
{
    struct vs_txn *t = &n->tx;
    struct vs_nic_job *job = &n->tx_job;
    struct vs_nic_function *f = job->phase ? job->fn : next_sender(n);
    if (!f || t->now_ps > at.v) {
        return f ? t->now_ps : VS_NIC_NEVER;
    }
    switch (job->phase) {
    case VS_NIC_FREE:
        if (room_ps(n) > at.v) {
            vs_ps room = {room_ps(n)};
            vs_wait_until(t, acc(n, VS_ACC_nic_idle), at);
            vs_wait_until(t, acc(n, VS_ACC_nic_wait_buffer), room);
            vs_journey_wait(&f->tx_journey[f->tx.head], acc(n, VS_ACC_nic_wait_buffer), room);
            return room.v;
        }
        n->next_fn = ((uint32_t)(f - n->fn) + 1u) % n->n_fn;
        begin(n, t, job, f, at);
        job->phase = VS_NIC_PAYLOAD;
        if (!f->tx.fetched) {
            if (!fetch(n, t, f, &f->tx)) {
                stop(t, job);
            }
            break;
        }
        /* fall through */
    case VS_NIC_PAYLOAD:
        job->phase = VS_NIC_WRITE_BACK;
        if (!send(n, job)) {
            stop(t, job);
        }
        break;
    case VS_NIC_WRITE_BACK:
        write_back(n, t, job, &f->tx);
        end(t, job);
        break;
    }
    return t->now_ps;
}

/* ---- receive ---- */

void vs_nic_rx_doorbell(struct vs_nic *n, uint32_t vf, uint32_t tail)
{
    n->count[VS_CNT_nic_doorbells]++;
    n->fn[vf].rx.tail = tail;
    n->fn[vf].rx.ready = true;
}

static void plan_interrupt(struct vs_nic *n, struct vs_nic_function *f)
{
    uint64_t now = n->rx.now_ps,
             earliest = f->ever_irq ? f->last_irq_ps + n->cfg.itr_ns * 1000u : 0;
    if (f->irq_due_ps == VS_NIC_NEVER) {
        f->irq_due_ps = now > earliest ? now : earliest;
        n->count[VS_CNT_nic_moderated] += f->irq_due_ps > now;
    }
}

uint64_t vs_nic_rx_arrive(struct vs_nic *n, uint32_t vf, uint32_t payload, vs_ps at)
{
    uint64_t first = at.v > n->wire_rx_busy_ps ? at.v : n->wire_rx_busy_ps,
             in = first + vs_nic_wire_ps(n, payload);
    n->wire_rx_busy_ps = in;
    if (!n->fn[vf].rx.ready) {
        n->count[VS_CNT_nic_rx_unclaimed]++;
        return VS_NIC_NEVER;
    }
    if (n->rx_buffered + frame_bytes(payload) > n->cfg.rx_buffer) {
        n->count[VS_CNT_nic_rx_missed]++;
        return VS_NIC_NEVER;
    }
    n->rx_buffered += frame_bytes(payload);
    n->arrival[(n->arrival_first + n->n_arrivals++) % n->arrivals] =
        (struct vs_nic_arrival){first, in, vf, payload};
    return in;
}

/* The packet is out of the buffer: in memory, or lost. */
static void received(struct vs_nic *n, struct vs_nic_job *job, bool good)
{
    struct vs_nic_function *f = job->fn;
    n->count[good ? VS_CNT_nic_rx_packets : VS_CNT_nic_rx_dropped]++;
    n->rx_buffered -= frame_bytes(n->arrival[n->arrival_first].payload);
    n->arrival_first = (n->arrival_first + 1u) % n->arrivals;
    n->n_arrivals--;
    end(&n->rx, job);
    if (good) {
        f->rx_journey[f->rx_done % f->rx.n] =
            job->packet; /* not by slot: dropped ones leave gaps */
        f->rx_done++;
        plan_interrupt(n, f);
    }
}

/* Into the next descriptor's buffer; false: the IOMMU blocked it. */
static bool receive(struct vs_nic *n, struct vs_nic_job *job, uint32_t payload)
{
    struct vs_nic_function *f = job->fn;
    job->slot = f->rx.head;
    take(&f->rx, job->descriptor);
    f->rx.head = (f->rx.head + 1) % f->rx.n;
    vs_charge(&n->rx, acc(n, VS_ACC_nic_engine), ps(n->cfg.engine));
    vs_iova at = {job->descriptor[0]};
    if (!n->link.write(n->link.ctx, &n->rx, f->requester, at, NULL, payload + VS_NIC_HEADERS)) {
        n->count[VS_CNT_nic_blocked]++;
        return false;
    }
    job->descriptor[1] = (job->descriptor[1] & ~0xffffffffull) | payload;
    return true;
}

uint64_t vs_nic_rx_step(struct vs_nic *n, vs_ps at)
{
    struct vs_txn *t = &n->rx;
    struct vs_nic_job *job = &n->rx_job;
    const struct vs_nic_arrival *a = &n->arrival[n->arrival_first];
    struct vs_nic_function *f = &n->fn[a->vf];
    if (!n->n_arrivals) {
        return VS_NIC_NEVER;
    }
    if (t->now_ps > at.v || a->in_ps > at.v) {
        return t->now_ps > a->in_ps ? t->now_ps : a->in_ps;
    }
    switch (job->phase) {
    case VS_NIC_FREE:
        begin(n, t, job, f, at);
        job->phase = VS_NIC_PAYLOAD;
        vs_journey_begin(&job->packet, ps(a->first_ps));
        vs_journey_charge(&job->packet, acc(n, VS_ACC_nic_wire), ps(a->in_ps - a->first_ps));
        vs_charge(t, acc(n, VS_ACC_nic_switching), ps(n->cfg.switching));
        if (!f->rx.fetched) {
            if (!fetch(n, t, f, &f->rx)) {
                received(n, job, false);
            }
            break;
        }
        /* fall through */
    case VS_NIC_PAYLOAD:
        job->phase = VS_NIC_WRITE_BACK;
        if (!receive(n, job, a->payload)) {
            received(n, job, false);
        }
        break;
    case VS_NIC_WRITE_BACK:
        write_back(n, t, job, &f->rx);
        vs_journey_expose(&job->packet, &job->tape, acc(n, VS_ACC_nic_wait_engine), ps(t->now_ps));
        received(n, job, true);
        break;
    }
    return n->n_arrivals ? t->now_ps : VS_NIC_NEVER;
}

static void interrupt(struct vs_nic *n, struct vs_nic_function *f, vs_ps at)
{
    struct vs_txn *t = &n->rx;
    begin(n, t, &n->rx_job, f, at);
    uint64_t sent = t->now_ps;
    vs_open(t, VS_OP_MSI);
    n->link.message(n->link.ctx, t);
    n->msi.write(n->msi.ctx, t, f->requester, f->msi_address, f->msi_data);
    vs_close(t);
    t->tape = NULL;
    n->count[VS_CNT_nic_interrupts]++;
    f->last_irq_ps = sent;
    f->ever_irq = true;
    f->irq_due_ps = VS_NIC_NEVER;
    if ((int32_t)(f->rx_first - f->rx_announced) > 0) {
        f->rx_announced = f->rx_first; /* read by polling: nobody waits for the message any more */
    }
    /* one message serves all packets in memory: it is exposed in each of their journeys */
    for (; f->rx_announced != f->rx_done; f->rx_announced++) {
        struct vs_journey *j = &f->rx_journey[f->rx_announced % f->rx.n];
        vs_journey_wait(j, acc(n, VS_ACC_nic_wait_moderation), ps(sent));
        vs_journey_expose(j, &n->rx_job.tape, acc(n, VS_ACC_nic_wait_interrupt), ps(t->now_ps));
    }
}

uint64_t vs_nic_interrupt_due(const struct vs_nic *n)
{
    uint64_t next = VS_NIC_NEVER;
    for (uint32_t i = 0; i < n->n_fn; i++) {
        next = n->fn[i].irq_due_ps < next ? n->fn[i].irq_due_ps : next;
    }
    return next;
}

uint64_t vs_nic_interrupts(struct vs_nic *n, vs_ps at)
{
    for (uint32_t i = 0; i < n->n_fn; i++) {
        if (n->fn[i].irq_due_ps <= at.v && !n->rx_job.phase) {
            interrupt(n, &n->fn[i], at);
        }
    }
    return vs_nic_interrupt_due(n);
}

uint32_t vs_nic_rx_ready(const struct vs_nic *n, uint32_t vf)
{
    return n->fn[vf].rx_done - n->fn[vf].rx_first;
}

void vs_nic_rx_read(struct vs_nic *n, uint32_t vf, uint32_t count, vs_ps at)
{
    struct vs_nic_function *f = &n->fn[vf];
    for (uint32_t i = 0; i < count && f->rx_first != f->rx_done; i++, f->rx_first++) {
        struct vs_journey *j = &f->rx_journey[f->rx_first % f->rx.n];
        vs_journey_wait(j, acc(n, VS_ACC_nic_wait_guest), at);
        finish(n, j, vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_RX));
    }
}

void vs_nic_end(struct vs_nic *n, vs_ps at)
{
    for (uint32_t i = 0; i < n->n_fn; i++) {
        struct vs_nic_function *f = &n->fn[i];
        for (uint32_t s = f->tx.head; s != f->tx.tail; s = (s + 1) % f->tx.n) {
            vs_journey_open(vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_TX));
        }
        for (uint32_t s = f->rx_first; s != f->rx_done; s++) {
            vs_journey_open(vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_RX));
        }
    }
    for (uint32_t i = 0; i < n->n_arrivals; i++) {
        uint32_t vf = n->arrival[(n->arrival_first + i) % n->arrivals].vf;
        vs_journey_open(vs_ledger_acc(n->ledger, n->fn[vf].actor, VS_OP_PACKET_RX));
    }
    struct vs_txn *engine[] = {&n->tx, &n->rx};
    for (int k = 0; k < 2; k++) {
        vs_wait_until(engine[k], acc(n, VS_ACC_nic_idle), at);
        vs_txn_end(engine[k]);
    }
}
