/* SPDX-License-Identifier: MIT */
/* The adapter, its rings and its wire; the engines are in transmit.c and receive.c. */
#include "nic_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VS_DEF_NAME nic
#define VS_DEF_FILE "sriov_nic/sriov_nic.def"
#include "virtsim/def_tables.h"

/* Adds what is asked for beyond what the adapter has. */
static void check_limits(const struct vs_nic_config *c, struct vs_errors *errors)
{
    const struct {
        const char *knob, *what, *limit;
        uint64_t wanted, has;
    } most[] = {
        {"nic.queues", "pairs of queues of a function", "nic.has.pairs", c->queues, c->has_pairs},
        {"nic.ring.descriptors", "descriptors of a ring", "nic.has.descriptors", c->ring,
         c->has_ring},
        {"nic.rss.entries", "entries of the table of receive-side scaling", "nic.has.rss.entries",
         c->rss_entries, c->has_table},
    };
    for (unsigned i = 0; i < sizeof most / sizeof most[0]; i++) {
        if (most[i].wanted > most[i].has) {
            vs_error(errors, "%s = %llu: this adapter has at most %llu %s (%s)", most[i].knob,
                     (unsigned long long)most[i].wanted, (unsigned long long)most[i].has,
                     most[i].what, most[i].limit);
        }
    }
    uint64_t functions = c->vfs + (c->physical != VS_NIC_NOBODY);
    if (c->path == VS_NIC_FUNCTION && functions * c->queues > c->has_queues) {
        vs_error(errors,
                 "nic.vfs = %llu, nic.queues = %llu: this adapter has %llu pairs of queues for all "
                 "its functions (nic.has.queues)%s",
                 (unsigned long long)c->vfs, (unsigned long long)c->queues,
                 (unsigned long long)c->has_queues,
                 c->physical ? ", and the physical one has as many (nic.physical)" : "");
    }
    if (c->write_back_head && !c->has_head) {
        vs_error(errors, "nic.write_back.head = 1: this adapter has no head write-back "
                         "(nic.has.head_write_back); its completions are descriptors");
    }
}

/* Adds what cannot be of guests' interfaces that the host serves. */
static void check_interfaces(const struct vs_nic_config *c, struct vs_errors *errors)
{
    if (c->pools > c->has_pools) {
        vs_error(errors, "nic.pools = %llu: this adapter has at most %llu pools (nic.has.pools)",
                 (unsigned long long)c->pools, (unsigned long long)c->has_pools);
    }
    if (c->path == VS_NIC_FUNCTION && (c->pools || c->zero_copy)) {
        vs_error(errors,
                 "nic.%s, but nic.path = function: a guest has a virtual function with queues of "
                 "its own; pools are the host's, take nic.path = host",
                 c->pools ? "pools" : "zero_copy = 1");
    }
    if (c->path == VS_NIC_FUNCTION) {
        return;
    }
    if (c->pools > c->vfs) {
        vs_error(errors,
                 "nic.pools = %llu, but nic.vfs = %llu: with nic.path = host there are so many "
                 "interfaces of guests, each of which has one pool at most",
                 (unsigned long long)c->pools, (unsigned long long)c->vfs);
    }
    if (c->zero_copy && c->pools < c->vfs) {
        vs_error(errors,
                 "nic.zero_copy = 1, but nic.pools = %llu and nic.vfs = %llu: a queue that several "
                 "interfaces share cannot have their buffers; give each a pool",
                 (unsigned long long)c->pools, (unsigned long long)c->vfs);
    }
    if (c->vlans && c->pools < c->vfs) {
        vs_error(errors,
                 "nic.vlans = each, but nic.pools = %llu and nic.vfs = %llu: the host's bridge "
                 "knows no VLANs; give each interface a pool",
                 (unsigned long long)c->pools, (unsigned long long)c->vfs);
    }
    if (c->queues > 1) {
        vs_error(errors,
                 "nic.queues = %llu, but nic.path = host: an interface has one pair of "
                 "queues",
                 (unsigned long long)c->queues);
    }
    if (c->physical) {
        vs_error(errors, "nic.physical, but nic.path = host: the physical function is the port of "
                         "the host's bridge; leave nic.physical = none");
    }
    if (c->lro || c->moderation) {
        vs_error(errors,
                 "nic.%s, but nic.path = host: the interface's driver has no adapter to tell; "
                 "leave it off",
                 c->lro ? "lro = 1" : "moderation = adaptive");
    }
}

/* Adds what cannot be of receive coalescing. */
static void check_coalescing(const struct vs_nic_config *c, struct vs_errors *errors)
{
    if (c->lro && !c->has_lro) {
        vs_error(errors,
                 "nic.lro = 1: a virtual function of this adapter has no receive coalescing "
                 "(nic.has.lro); take one that has, such as nic = \"connectx5\"");
    }
    if (c->lro && c->write_back_rx > 1) {
        vs_error(errors, "nic.lro = 1: the descriptors of a large packet go into memory as its "
                         "buffers fill, and wait for no others; leave nic.write_back.rx = 1");
    }
    if (c->lro && c->lro_buffers >= c->ring) {
        vs_error(errors,
                 "nic.lro.buffers = %llu, but nic.ring.descriptors = %llu: a large packet leaves "
                 "at least one buffer of the ring to the next; take %llu at most",
                 (unsigned long long)c->lro_buffers, (unsigned long long)c->ring,
                 (unsigned long long)c->ring - 1u);
    }
}

/* Reports everything in a configuration that cannot be. */
void vs_nic_check(const struct vs_nic_config *c, struct vs_errors *errors)
{
    unsigned long long ring = c->ring, below = ring - ring % VS_NIC_RING_STEP;
    if (ring != below) {
        vs_error(errors,
                 "nic.ring.descriptors = %llu: a ring has a multiple of %u descriptors, such as "
                 "%llu or %llu",
                 ring, VS_NIC_RING_STEP, below, below + VS_NIC_RING_STEP);
    }
    uint64_t most = c->write_back_rx > c->write_back_tx ? c->write_back_rx : c->write_back_tx;
    if (most >= ring) {
        vs_error(errors,
                 "nic.write_back.%s = %llu, but nic.ring.descriptors = %llu: a ring of which so "
                 "many are kept is empty before; take %llu at most",
                 c->write_back_rx == most ? "rx" : "tx", (unsigned long long)most, ring, ring - 1u);
    }
    if (c->write_back_head && c->write_back_tx > 1) {
        vs_error(errors, "nic.write_back.head = 1: no descriptor goes back that others could wait "
                         "for; leave nic.write_back.tx = 1");
    }
    check_limits(c, errors);
    check_coalescing(c, errors);
    check_interfaces(c, errors);
    if (c->refill >= ring) {
        vs_error(errors,
                 "nic.refill = %llu, but nic.ring.descriptors = %llu: so many slots are never "
                 "without a buffer; take %llu at most",
                 (unsigned long long)c->refill, ring, ring - 1u);
    }
    if (c->rss_entries & (c->rss_entries - 1u)) {
        vs_error(errors,
                 "nic.rss.entries = %llu: the hash's last bits choose an entry of the table; "
                 "take a power of two: 64, 128, 256 or 512",
                 (unsigned long long)c->rss_entries);
    }
}

/* Makes a pair of queues. */
static bool make_queue(struct vs_nic *n, struct vs_nic_function *f, uint32_t i)
{
    struct vs_nic_queue *q = &f->queue[i];
    char name[32];
    snprintf(name, sizeof name, "%s/q%u", vs_ledger_actor_name(n->ledger, f->actor), i);
    q->fn = f;
    q->actor = n->pairs > 1 ? vs_ledger_actor(n->ledger, name) : f->actor;
    q->tx.n = q->rx.n = (uint32_t)n->cfg.ring;
    q->tx.kept.due_ps = q->rx.kept.due_ps = VS_NIC_NEVER;
    q->irq_due_ps = q->aggregate.due_ps = VS_NIC_NEVER;
    q->itr_ps = n->cfg.itr_ns * 1000u;
    q->tx_journey = malloc(q->tx.n * sizeof *q->tx_journey); /* where tx_begun says so */
    q->rx_journey = malloc(q->rx.n * sizeof *q->rx_journey); /* up to rx_done, as rx_seen_ps */
    q->rx_seen_ps = malloc(q->rx.n * sizeof *q->rx_seen_ps);
    q->vector = i;
    q->tx_begun = calloc(q->tx.n, sizeof *q->tx_begun);
    q->rx_follows = calloc(q->rx.n, sizeof *q->rx_follows);
    q->tx_of = n->n_interfaces ? calloc(q->tx.n, sizeof *q->tx_of) : NULL;
    return (q->tx_of || !n->n_interfaces) && q->tx_journey && q->rx_journey && q->rx_follows &&
           q->tx_begun && q->rx_seen_ps;
}

/* Makes a virtual function or a pool, the physical one, which has its queues behind theirs, or what
 * stands for a guest's interface. */
static bool make_function(struct vs_nic *n, uint32_t i, uint16_t pf_requester)
{
    struct vs_nic_function *f = &n->fn[i];
    bool good = true;
    char name[32] = "nic0/pf";
    bool physical = i == n->n_fn, host = physical || n->n_interfaces;
    if (i >= n->n_all) {
        snprintf(name, sizeof name, "nic0/if%u", i - n->n_all);
    } else if (!physical) {
        snprintf(name, sizeof name, n->n_interfaces ? "nic0/pool%u" : "nic0/vf%u", i);
    }
    f->adapter = n;
    f->actor = vs_ledger_actor(n->ledger, name);
    f->requester = (uint16_t)(pf_requester + (host ? 0 : n->cfg.first_vf + i * n->cfg.stride));
    f->queue = &n->queue[(size_t)i * n->pairs];
    f->mac = physical ? VS_NIC_PHYSICAL : vs_nic_mac(i < n->n_all ? i : i - n->n_all);
    vs__nic_mailbox_reset(&f->mailbox);
    f->port_vlan = (uint16_t)(n->cfg.vlans && !physical ? i + 1u : 0);
    f->check_source = n->cfg.antispoof && !physical;
    vs_txn_beside(&f->dma, n->ledger, f->actor);
    for (uint32_t q = 0; q < n->pairs && good; q++) {
        good = make_queue(n, f, q);
    }
    return good;
}

/* Makes an adapter with its functions and queues. */
enum vs_status vs_nic_init(struct vs_nic *n, const struct vs_nic_config *c,
                           struct vs_ledger *ledger, const struct vs_upstream_port *link,
                           uint16_t pf_requester)
{
    memset(n, 0, sizeof *n);
    n->cfg = *c;
    n->ledger = ledger;
    n->account = vs_ledger_accounts(ledger, &vs_nic_desc);
    n->link = *link;
    n->n_fn = (uint32_t)(c->path ? c->pools : c->vfs);
    n->n_interfaces = (uint32_t)(c->path ? c->vfs : 0);
    n->pf_requester = pf_requester;
    n->irq_due_ps = n->kept_due_ps = n->admin_due_ps = VS_NIC_NEVER;
    n->pairs = (uint32_t)c->queues;
    n->n_all = n->n_fn + (c->path || c->physical != VS_NIC_NOBODY);
    n->n_queues = n->n_all * n->pairs;
    n->fn = calloc(n->n_all + n->n_interfaces, sizeof *n->fn);
    n->queue = calloc(n->n_queues + n->n_interfaces, sizeof *n->queue);
    n->arrivals = (uint32_t)(c->rx_buffer / VS_NIC_MIN_FRAME) + 1u;
    n->arrival = calloc(n->arrivals, sizeof *n->arrival);
    n->write_back = calloc(VS_NIC_WRITE_BACKS, sizeof *n->write_back);
    n->head = calloc(1, VS_NIC_FRAME);
    if (!n->fn || !n->queue || !n->arrival || !n->write_back || !n->head) {
        return VS_E_NOMEM;
    }
    for (uint32_t i = 0; i < n->n_all + n->n_interfaces; i++) {
        if (!make_function(n, i, pf_requester)) {
            return VS_E_NOMEM;
        }
    }
    vs_txn_begin(&n->tx, ledger, vs_ledger_actor(ledger, "nic0/tx"), vs__nic_at(0));
    vs_txn_begin(&n->rx, ledger, vs_ledger_actor(ledger, "nic0/rx"), vs__nic_at(0));
    vs_ledger_counters(ledger, vs_ledger_actor(ledger, "nic0"), &vs_nic_desc, n->count);
    return VS_OK;
}

/* Frees an adapter. */
void vs_nic_free(struct vs_nic *n)
{
    for (uint32_t i = 0; n->queue && i < n->n_queues + n->n_interfaces; i++) {
        struct vs_nic_queue *q = &n->queue[i];
        free(q->tx_journey);
        free(q->rx_journey);
        free(q->tx_begun);
        free(q->rx_seen_ps);
        free(q->rx_follows);
        free(q->tx_of);
        vs_tape_free(&q->tx.fetch);
        vs_tape_free(&q->rx.fetch);
    }
    for (uint32_t i = 0; n->fn && i < n->n_all; i++) {
        vs__nic_admin_free(&n->fn[i]);
    }
    free(n->queue);
    free(n->fn);
    free(n->arrival);
    free(n->write_back);
    free(n->head);
    vs_tape_free(&n->tape);
    vs_tape_free(&n->tx_tape);
}

/* Tells a pair of queues where its rings are. */
void vs_nic_rings(struct vs_nic *n, uint32_t queue, uint64_t tx_base, uint64_t rx_base)
{
    uint32_t vf = queue / n->pairs;
    n->n_used = vf < n->n_used ? n->n_used : vf + 1u;
    n->queue[queue].tx.base = tx_base;
    n->queue[queue].rx.base = rx_base;
}

/* Tells a pair of queues which message interrupts. */
void vs_nic_msix(struct vs_nic *n, uint32_t queue, uint64_t address, uint32_t data)
{
    n->queue[queue].msi_address = address;
    n->queue[queue].msi_data = data;
}

/* The bytes of the frame that carries a payload. */
uint64_t vs__nic_frame_bytes(uint64_t payload)
{
    uint64_t frame = payload + VS_NIC_HEADERS;
    return frame < VS_NIC_MIN_FRAME ? VS_NIC_MIN_FRAME : frame;
}

/* How long bytes take on the wire. */
uint64_t vs__nic_bits_ps(const struct vs_nic *n, uint64_t bytes)
{
    return bytes * 8u * 1000u / n->cfg.gbps;
}

uint64_t vs_nic_wire_ps(const struct vs_nic *n, uint64_t payload)
{
    return vs__nic_bits_ps(n, vs__nic_frame_bytes(payload) + VS_NIC_WIRE_OVERHEAD);
}

void vs__nic_finish(const struct vs_nic *n, struct vs_journey *j, struct vs_op_acc *op)
{
    if (j->start_ps >= vs_ledger_cut_ps(n->ledger)) {
        vs_journey_end(j, op);
    }
}

struct vs_txn *vs__nic_dma(struct vs_nic *n, struct vs_nic_function *f, uint64_t at_ps)
{
    f->dma.now_ps = at_ps;
    f->dma.tape = &n->tape;
    return &f->dma;
}

/* One DMA of descriptors, at most to the ring's end; false: it was blocked. */
static bool fetch_some(struct vs_nic *n, struct vs_nic_function *f, struct vs_nic_ring *r,
                       uint32_t want, uint64_t at_ps)
{
    uint64_t bytes[VS_NIC_CACHED][2], taken;
    vs_iova at = {r->base + (r->head + r->cached) % r->n * 16u};
    struct vs_txn *t = vs__nic_dma(n, f, at_ps);
    if (!r->cached) { /* somebody waits for it */
        vs_tape_clear(&r->fetch);
        t->tape = &r->fetch;
    } else {
        t->tape = NULL;
    }
    if (!n->link.read(n->link.ctx, t, f->requester, at, bytes, want * 16u, &taken)) {
        n->count[VS_CNT_nic_blocked]++;
        return false;
    }
    for (uint32_t i = 0; i < want; i++) {
        struct vs_nic_descriptor *d = vs__nic_cached(r, r->cached++);
        memcpy(d->word, bytes[i], sizeof d->word);
        d->ready_ps = t->now_ps;
    }
    return true;
}

bool vs__nic_fetch(struct vs_nic *n, struct vs_nic_function *f, struct vs_nic_ring *r,
                   uint32_t need, uint64_t at_ps)
{
    uint32_t batch = (uint32_t)n->cfg.batch, ahead = (uint32_t)n->cfg.ahead;
    for (;;) {
        uint32_t owned = (r->tail + r->n - r->head) % r->n, more = owned - r->cached,
                 to_end = r->n - (r->head + r->cached) % r->n;
        bool due = r->cached < need ||
                   (more >= vs__least(batch, to_end) &&
                    r->cached + batch <= ahead); /* ahead by less than a batch: by none */
        if (!more || !due) {
            return true;
        }
        uint32_t want = (uint32_t)vs__least(vs__least(batch, more),
                                            vs__least(to_end, VS_NIC_CACHED - r->cached));
        if (!fetch_some(n, f, r, want, at_ps)) {
            return false;
        }
    }
}

uint32_t vs__nic_take(struct vs_nic_ring *r, uint64_t word[2])
{
    uint32_t slot = r->head;
    memcpy(word, r->cache[r->first].word, 16);
    r->first = (r->first + 1u) % VS_NIC_CACHED;
    r->cached--;
    r->head = (r->head + 1u) % r->n;
    return slot;
}

void vs_nic_end(struct vs_nic *n, vs_ps at)
{
    for (uint32_t i = 0; i < n->n_queues + n->n_interfaces; i++) {
        struct vs_nic_queue *q = &n->queue[i];
        struct vs_op_acc *tx = vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_TX);
        for (uint32_t s = q->tx.head; s != q->tx.tail; s = (s + 1) % q->tx.n) {
            if (q->tx_begun[s]) {
                vs_journey_open(tx);
            }
        }
        for (uint32_t s = q->rx_first; s != q->rx_done; s++) {
            vs_journey_open(vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_RX));
        }
    }
    for (uint32_t i = 0; i < n->n_arrivals; i++) {
        uint32_t queue = n->arrival[(n->arrival_first + i) % n->arrivals].queue;
        vs_journey_open(vs_ledger_acc(n->ledger, n->queue[queue].actor, VS_OP_PACKET_RX));
    }
    struct vs_txn *engine[] = {&n->tx, &n->rx};
    for (int k = 0; k < 2; k++) {
        vs_wait_until(engine[k], vs__nic_acc(n, VS_ACC_nic_idle), at);
        vs_txn_end(engine[k]);
    }
}
