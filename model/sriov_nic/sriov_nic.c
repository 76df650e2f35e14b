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
    if (!n->fn) {
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
    vs_tape_free(&n->tape);
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

uint64_t vs_nic_wire_ps(const struct vs_nic *n, uint64_t payload)
{
    uint64_t frame = payload + VS_NIC_HEADERS;
    frame = (frame < VS_NIC_MIN_FRAME ? VS_NIC_MIN_FRAME : frame) + VS_NIC_WIRE_OVERHEAD;
    return frame * 8u * 1000u / n->cfg.gbps;
}

/* What began before the region of interest is not measured in it. */
static void finish(const struct vs_nic *n, struct vs_journey *j, struct vs_op_acc *op)
{
    if (j->start_ps >= vs_ledger_cut_ps(n->ledger)) {
        vs_journey_end(j, op);
    }
}

/* The engine begins at `at`, under the function's actor, with the tape running for the journeys. */
static void begin(struct vs_nic *n, struct vs_txn *t, const struct vs_nic_function *f, vs_ps at)
{
    vs_wait_until(t, acc(n, VS_ACC_nic_idle), at);
    vs_txn_actor(t, f->actor);
    vs_tape_clear(&n->tape);
    t->tape = &n->tape;
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

static bool write_back(struct vs_nic *n, struct vs_txn *t, const struct vs_nic_function *f,
                       const struct vs_nic_ring *r, uint64_t descriptor[2])
{
    vs_iova at = {r->base + r->head * 16u};
    descriptor[1] |= (uint64_t)VS_NIC_DD << 32;
    bool good = n->link.write(n->link.ctx, t, f->requester, at, descriptor, 16);
    n->count[VS_CNT_nic_blocked] += !good;
    return good;
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

/* False: blocked, and nothing goes out. */
static bool send_one(struct vs_nic *n, struct vs_nic_function *f)
{
    struct vs_txn *t = &n->tx;
    uint64_t d[2];
    uint32_t slot = f->tx.head;
    struct vs_journey *j = &f->tx_journey[slot];
    take(&f->tx, d);
    vs_charge(t, acc(n, VS_ACC_nic_engine), ps(n->cfg.engine));
    uint32_t length = (uint32_t)d[1];
    vs_iova at = {d[0]};
    if (!n->link.read(n->link.ctx, t, f->requester, at, NULL, length)) {
        n->count[VS_CNT_nic_blocked]++;
        return false;
    }
    vs_journey_expose(j, &n->tape, acc(n, VS_ACC_nic_wait_engine), ps(t->now_ps));
    uint64_t start = t->now_ps > n->wire_tx_busy_ps ? t->now_ps : n->wire_tx_busy_ps,
             wire = vs_nic_wire_ps(n, length);
    n->wire_tx_busy_ps = start + wire;
    vs_journey_wait(j, acc(n, VS_ACC_nic_wire_busy), ps(start));
    vs_journey_charge(j, acc(n, VS_ACC_nic_wire), ps(wire));
    finish(n, j, vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_TX));
    n->count[VS_CNT_nic_tx_packets]++;
    write_back(n, t, f, &f->tx, d);
    f->tx.head = (slot + 1) % f->tx.n;
    return true;
}

uint64_t vs_nic_tx_step(struct vs_nic *n, vs_ps at)
{
    for (uint32_t k = 0; k < n->n_fn; k++) {
        struct vs_nic_function *f = &n->fn[(n->next_fn + k) % n->n_fn];
        if (f->tx.head == f->tx.tail) {
            continue;
        }
        n->next_fn = (n->next_fn + k + 1) % n->n_fn; /* round robin over functions */
        begin(n, &n->tx, f, at);
        if (!(f->tx.fetched || fetch(n, &n->tx, f, &f->tx)) || !send_one(n, f)) {
            /* blocked: the queue is stopped, as a malicious-driver event stops it */
            f->tx.tail = f->tx.head;
            f->tx.fetched = 0;
        }
        n->tx.tape = NULL;
        return n->tx.now_ps;
    }
    return VS_NIC_NEVER;
}

/* ---- receive ---- */

void vs_nic_rx_doorbell(struct vs_nic *n, uint32_t vf, uint32_t tail)
{
    n->count[VS_CNT_nic_doorbells]++;
    n->fn[vf].rx.tail = tail;
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

uint64_t vs_nic_rx_packet(struct vs_nic *n, uint32_t vf, uint32_t payload, vs_ps at)
{
    struct vs_nic_function *f = &n->fn[vf];
    struct vs_txn *t = &n->rx;
    uint64_t wire = vs_nic_wire_ps(n, payload),
             start = at.v > n->wire_rx_busy_ps ? at.v : n->wire_rx_busy_ps;
    n->wire_rx_busy_ps = start + wire;
    struct vs_journey packet;
    vs_journey_begin(&packet, ps(start));
    vs_journey_charge(&packet, acc(n, VS_ACC_nic_wire), ps(wire));
    begin(n, t, f, ps(start + wire));
    vs_charge(t, acc(n, VS_ACC_nic_switching), ps(n->cfg.switching));
    uint64_t d[2];
    uint32_t slot = f->rx.head;
    if (!f->rx.fetched && !fetch(n, t, f, &f->rx)) {
        n->count[VS_CNT_nic_rx_dropped]++;
        t->tape = NULL;
        return VS_NIC_NEVER;
    }
    take(&f->rx, d);
    vs_charge(t, acc(n, VS_ACC_nic_engine), ps(n->cfg.engine));
    vs_iova buffer = {d[0]};
    if (!n->link.write(n->link.ctx, t, f->requester, buffer, NULL, payload + VS_NIC_HEADERS)) {
        n->count[VS_CNT_nic_blocked]++;
        n->count[VS_CNT_nic_rx_dropped]++;
        t->tape = NULL;
        f->rx.head = (slot + 1) % f->rx.n;
        return VS_NIC_NEVER;
    }
    d[1] = (d[1] & ~0xffffffffull) | payload;
    write_back(n, t, f, &f->rx, d);
    vs_journey_expose(&packet, &n->tape, acc(n, VS_ACC_nic_wait_engine), ps(t->now_ps));
    t->tape = NULL;
    f->rx_journey[f->rx_done % f->rx.n] = packet; /* not by slot: dropped ones leave gaps */
    f->rx.head = (slot + 1) % f->rx.n;
    f->rx_done++;
    n->count[VS_CNT_nic_rx_packets]++;
    plan_interrupt(n, f);
    return f->irq_due_ps;
}

static void interrupt(struct vs_nic *n, struct vs_nic_function *f, vs_ps at)
{
    struct vs_txn *t = &n->rx;
    begin(n, t, f, at);
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
        vs_journey_expose(j, &n->tape, acc(n, VS_ACC_nic_wait_interrupt), ps(t->now_ps));
    }
}

uint64_t vs_nic_interrupts(struct vs_nic *n, vs_ps at)
{
    uint64_t next = VS_NIC_NEVER;
    for (uint32_t i = 0; i < n->n_fn; i++) {
        struct vs_nic_function *f = &n->fn[i];
        if (f->irq_due_ps <= at.v) {
            interrupt(n, f, at);
        }
        next = f->irq_due_ps < next ? f->irq_due_ps : next;
    }
    return next;
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
    struct vs_txn *engine[] = {&n->tx, &n->rx};
    for (int k = 0; k < 2; k++) {
        vs_wait_until(engine[k], acc(n, VS_ACC_nic_idle), at);
        vs_txn_end(engine[k]);
    }
}
