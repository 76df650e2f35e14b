/* SPDX-License-Identifier: MIT */
/*
 * Guests' interfaces that the host serves (nic.path = host): vhost_net behind a macvtap whose
 * station is a pool of the adapter's, or behind a port of a bridge. Frames of a pool come to queues
 * of their own with a vector of their own (VMDq), and the host knows whose they are; all others
 * come to the physical function's queue, and the bridge looks up whose. Either way the host copies
 * a frame into a buffer that the guest has given, marks its descriptor and interrupts the guest, if
 * that has read all before it. A thread polls the adapter's queue and serves the guest's, as when
 * a pool's vector is bound to the processor of its vhost thread: an interface with a pool has one
 * of the workers, in turn; those without share worker 0 with the bridge.
 */
#include "host_queue.h"

#include <stdlib.h>

struct machine_interfaces;

/* A thread of the host's, and what it looks at next. */
struct thread {
    struct machine_interfaces *m;
    struct vs_worker *worker;
    uint32_t next;
};

struct machine_interfaces {
    struct vs_net *net;
    struct thread *thread;
    uint32_t threads, queues;
    struct machine_host_queue *queue; /* of pools, and the physical function's behind them */
};

/* A frame that has come, in buffers of the host's or, with nic.zero_copy, of the guest's. */
struct frame {
    struct machine_host_queue *from;
    struct vs_nic_header header;
    uint32_t slot, pieces; /* where it begins, how many buffers it fills */
};

/* The thread that serves an interface. */
static struct thread *server(const struct machine_interfaces *m, uint32_t interface)
{
    return &m->thread[interface < m->net->nic.n_fn ? interface % m->threads : 0];
}

/* The queue of a guest's interface. */
static struct vs_nic_queue *ring_of(const struct machine_interfaces *m, uint32_t interface)
{
    struct vs_nic *n = &m->net->nic;
    return &n->queue[vs_nic_interface_queue(n, interface)];
}

/* Where a guest-physical address of the interface's machine lies; a buffer lies within a page. */
static uint64_t locate(const struct machine_interfaces *m, uint32_t interface, uint64_t gpa)
{
    uint64_t hpa = 0;
    (void)vs_vm_locate(m->net->p->vcpu[interface].vm, gpa, &hpa);
    return hpa;
}

/* A descriptor of a guest's, as it lies in memory. */
struct given {
    uint64_t hpa, buffer; /* host-physical */
    uint64_t word;        /* its length and flags */
};

/* Reads one. */
static struct given look(const struct machine_interfaces *m, struct vs_worker *w,
                         uint32_t interface, const struct vs_nic_ring *r, uint32_t slot)
{
    struct vs_phys *phys = m->net->p->phys;
    struct given g = {.hpa = locate(m, interface, r->base + slot * 16ull)};
    machine_host_touch(w, g.hpa, 16u, VS_REF_READ);
    g.buffer = locate(m, interface, vs_phys_read64(phys, (vs_hpa){g.hpa}));
    g.word = vs_phys_read64(phys, (vs_hpa){g.hpa + 8u});
    return g;
}

/* Marks one as done, with what it holds. */
static void mark(const struct machine_interfaces *m, struct vs_worker *w, const struct given *g,
                 uint64_t word)
{
    vs_phys_write64(m->net->p->phys, (vs_hpa){g->hpa + 8u}, word | (uint64_t)VS_NIC_DD << 32);
    machine_host_touch(w, g->hpa, 16u, VS_REF_WRITE);
}

/* ---- received ---- */

/* Buffers that a guest has given go to its pool, slot by slot. */
static void post(const struct machine_interfaces *m, struct machine_host_queue *q)
{
    struct vs_nic *n = &m->net->nic;
    const struct vs_nic_ring *r = &ring_of(m, q->number)->rx;
    bool any = r->ready && q->rx_tail != r->tail;
    for (; r->ready && q->rx_tail != r->tail; q->rx_tail = (q->rx_tail + 1u) % r->n) {
        struct given g = look(m, q->worker, q->number, r, q->rx_tail);
        machine_host_give(q, false, q->rx_tail, g.buffer, VS_NIC_BUFFER);
    }
    if (any) {
        (void)machine_host_doorbell(q);
        vs_nic_rx_doorbell(n, q->number, q->rx_tail);
    }
}

/* Whether a guest has given so many receive buffers that were not filled yet. */
static bool has_buffers(const struct vs_nic_ring *r, uint32_t wanted)
{
    return r->ready && (r->tail + r->n - r->head) % r->n >= wanted;
}

/* The next of a guest's receive buffers holds what the word says, copied from there; from 0: it
 * lies there already. */
static void filled(const struct machine_interfaces *m, struct vs_worker *w, struct vs_nic_ring *r,
                   const struct given *g, uint64_t from, uint64_t word)
{
    if (from) {
        machine_host_touch(w, from, (uint32_t)word, VS_REF_READ);
        machine_host_touch(w, g->buffer, (uint32_t)word, VS_REF_WRITE);
    }
    mark(m, w, g, word);
    r->head = (r->head + 1u) % r->n;
}

/* The frame into buffers that the guest has given; false: they are not enough. */
static bool fill(const struct machine_interfaces *m, const struct frame *f, uint32_t interface)
{
    struct machine_host_queue *from = f->from;
    struct vs_worker *w = from->worker;
    struct vs_nic_ring *r = &ring_of(m, interface)->rx;
    if (!has_buffers(r, f->pieces)) {
        return false;
    }
    for (uint32_t i = 0; i < f->pieces; i++) {
        uint32_t slot = (f->slot + i) % r->n;
        struct given g = look(m, w, interface, r, r->head);
        uint64_t word = machine_host_look(from, false, slot);
        filled(m, w, r, &g, from->buffer[0] ? from->buffer[0][slot] : 0, word);
    }
    return true;
}

/* The guest is interrupted, if it waits for that; what its frame's journey is to be told. */
static struct vs_nic_delivery signal(const struct machine_interfaces *m, struct vs_worker *w,
                                     uint32_t interface)
{
    struct vs_vcpu *v = &m->net->p->vcpu[interface];
    struct vs_nic_delivery how = {.seen_ps = vs_now(&w->txn).v, .trail = &w->trail};
    if (vs_nic_rx_waits(&m->net->nic, interface)) {
        vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_SIGNAL);
        vcpu_raise(v, vcpu_device_irq(v), vs_now(&w->txn).v);
    }
    how.at = vs_now(&w->txn);
    return how;
}

/* An interface gets the frame; false: there was no room for it. */
static bool put(const struct machine_interfaces *m, const struct frame *f, uint32_t interface)
{
    struct vs_nic *n = &m->net->nic;
    struct vs_worker *w = f->from->worker;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_PUT);
    if (!fill(m, f, interface)) {
        n->count[VS_CNT_nic_guest_full]++;
        return false;
    }
    struct vs_nic_delivery how = signal(m, w, interface);
    vs_nic_rx_deliver(n, f->from->number, interface, &how);
    return true;
}

/* A frame of the physical function's queue: whose it is stands in its header. */
static uint32_t bridge(const struct machine_interfaces *m, const struct frame *f)
{
    struct vs_nic *n = &m->net->nic;
    struct vs_worker *w = f->from->worker;
    uint32_t to = vs_nic_interface_of(n, f->header.to), lost = n->n_interfaces;
    machine_host_touch(w, f->from->buffer[0][f->slot], VS_NIC_HEADER_BYTES, VS_REF_READ);
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_BRIDGE);
    n->count[VS_CNT_nic_bridged]++;
    for (uint32_t i = n->n_fn; i < n->n_interfaces && i < m->net->n_functions; i++) {
        if ((i == to || f->header.to == VS_NIC_BROADCAST) && !put(m, f, i)) {
            lost = i;
        }
    }
    return lost;
}

/* The next frame of the adapter's queue. */
static void receive(const struct machine_interfaces *m, struct vs_worker *w,
                    struct machine_host_queue *q)
{
    struct vs_nic *n = &m->net->nic;
    struct frame f = {.from = q, .slot = q->rx_next};
    uint64_t word;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_POLL);
    do {
        word = machine_host_look(q, false, q->rx_next);
        q->rx_next = (q->rx_next + 1u) % (uint32_t)n->cfg.ring;
        f.pieces++;
    } while (word >> 32 & VS_NIC_MORE);
    uint32_t lost = n->n_interfaces;
    if (q->number < n->n_fn) {
        lost = put(m, &f, q->number) ? lost : q->number;
    } else {
        f.header = machine_host_header(m->net, q->buffer[0][f.slot]);
        lost = bridge(m, &f);
    }
    vs_nic_rx_done(n, q->number, lost, vs_now(&w->txn));
    if (q->buffer[0]) {
        machine_host_refill(q);
    }
}

/* ---- sent ---- */

/* A frame that a guest sends: its descriptors, and where it goes. */
struct outgoing {
    uint32_t interface, slot, pieces, flags;
    struct vs_nic_header header;
    struct given piece[VS_NIC_OUT_PIECES];
};

/* How many descriptors the next one of the interface's ring has. */
static uint32_t pieces_of(const struct machine_interfaces *m, uint32_t interface)
{
    const struct vs_nic_ring *r = &ring_of(m, interface)->tx;
    uint32_t slot = r->head, n = 0;
    uint64_t word;
    do {
        uint64_t at = locate(m, interface, r->base + slot * 16ull);
        word = vs_phys_read64(m->net->p->phys, (vs_hpa){at + 8u});
        slot = (slot + 1u) % r->n;
        n++;
    } while (word >> 32 & VS_NIC_MORE && slot != r->tail && n < VS_NIC_OUT_PIECES);
    return n;
}

/* Takes the next one of the interface's ring. */
static void take(const struct machine_interfaces *m, struct vs_worker *w, struct outgoing *o)
{
    struct vs_nic_ring *r = &ring_of(m, o->interface)->tx;
    uint32_t slot = r->head, n = pieces_of(m, o->interface);
    o->slot = slot;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_GET);
    while (o->pieces < n) {
        o->piece[o->pieces++] = look(m, w, o->interface, r, slot);
        slot = (slot + 1u) % r->n;
    }
    o->flags = (uint32_t)(o->piece[0].word >> 32) & ~(uint32_t)VS_NIC_MORE;
    if (o->flags & VS_NIC_ADDRESSED) {
        o->header = machine_host_header(m->net, o->piece[0].buffer);
    } else {
        o->header.to = VS_NIC_FAR;
    }
    r->head = slot;
}

/* The bridge carries it to another interface, which gets it as what comes from the wire. */
static void carry(const struct machine_interfaces *m, struct vs_worker *w, const struct outgoing *o,
                  uint32_t to)
{
    struct vs_nic *n = &m->net->nic;
    struct vs_nic_ring *r = &ring_of(m, to)->rx;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_PUT);
    if (!has_buffers(r, o->pieces)) {
        n->count[VS_CNT_nic_guest_full]++;
        return;
    }
    for (uint32_t i = 0; i < o->pieces; i++) {
        struct given g = look(m, w, to, r, r->head);
        uint64_t word = o->piece[i].word & ((uint64_t)VS_NIC_MORE << 32 | UINT32_MAX);
        filled(m, w, r, &g, o->piece[i].buffer, word);
    }
    struct vs_nic_delivery how = signal(m, w, to);
    vs_nic_tx_deliver(n, o->interface, o->slot, to, &how);
}

/* Into buffers of the adapter's queue, which is told. */
static void queue_up(const struct machine_interfaces *m, struct machine_host_queue *q,
                     const struct outgoing *o)
{
    struct vs_nic *n = &m->net->nic;
    struct vs_phys *phys = m->net->p->phys;
    struct vs_worker *w = q->worker;
    uint32_t first = q->tx_tail;
    for (uint32_t i = 0; i < o->pieces; i++) {
        uint64_t word = o->piece[i].word, at = q->buffer[1][q->tx_tail];
        machine_host_touch(w, o->piece[i].buffer, (uint32_t)word, VS_REF_READ);
        machine_host_touch(w, at, (uint32_t)word, VS_REF_WRITE);
        if (!i && o->flags & VS_NIC_ADDRESSED) {
            unsigned char header[VS_NIC_HEADER_BYTES];
            vs_phys_read(phys, (vs_hpa){o->piece[0].buffer}, header, sizeof header);
            vs_phys_write(phys, (vs_hpa){at}, header, sizeof header);
        }
        machine_host_give(q, true, q->tx_tail, at, word);
        q->tx_tail = (q->tx_tail + 1u) % (uint32_t)n->cfg.ring;
    }
    vs_nic_tx_hand_on(n, o->interface, o->slot, q->number, first, vs_now(&w->txn), &w->trail);
    machine_host_announce(q);
}

/* Where the bridge sends it; true: to the adapter, too. */
static bool bridged(const struct machine_interfaces *m, struct vs_worker *w,
                    const struct outgoing *o)
{
    struct vs_nic *n = &m->net->nic;
    bool all = o->header.to == VS_NIC_BROADCAST;
    uint32_t to = vs_nic_interface_of(n, o->header.to);
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_BRIDGE);
    n->count[VS_CNT_nic_bridged]++;
    for (uint32_t i = n->n_fn; i < n->n_interfaces && i < m->net->n_functions; i++) {
        if (i != o->interface && (i == to || all)) {
            carry(m, w, o, i);
        }
    }
    return all || to == n->n_interfaces || to < n->n_fn;
}

/* The next frame of a guest's, which stays where it is while the adapter's ring has no room. */
static void send(const struct machine_interfaces *m, struct vs_worker *w,
                 struct machine_host_queue *q, uint32_t interface)
{
    struct outgoing o = {.interface = interface};
    uint32_t pieces = pieces_of(m, interface);
    if (machine_host_room(q, pieces) < pieces) {
        return;
    }
    take(m, w, &o);
    if (interface < m->net->nic.n_fn || bridged(m, w, &o)) {
        queue_up(m, q, &o);
    }
    for (uint32_t i = 0; i < o.pieces; i++) {
        mark(m, w, &o.piece[i], o.piece[i].word);
    }
}

/* ---- the threads ---- */

/* The queue of the adapter's whose frames come by this source: an interface's pool, or behind all
 * interfaces the physical function; NULL: none, as the interface has no pool. */
static struct machine_host_queue *comes_by(const struct machine_interfaces *m, uint32_t source)
{
    uint32_t pools = m->net->nic.n_fn;
    return source < pools                       ? &m->queue[source]
           : source == m->net->nic.n_interfaces ? &m->queue[pools]
                                                : NULL;
}

/* Whether there is anything of a source for its thread, and one of that is done: first what comes,
 * then what the guest sends. */
static bool serve(struct machine_interfaces *m, struct vs_worker *w, uint32_t source)
{
    struct vs_nic *n = &m->net->nic;
    struct machine_host_queue *q = comes_by(m, source);
    const struct vs_nic_ring *tx = source < n->n_interfaces ? &ring_of(m, source)->tx : NULL;
    if (q && !q->buffer[0]) {
        post(m, q);
    }
    bool comes = q && vs_nic_rx_ready(n, q->number, vs_now(&w->txn)),
         goes = tx && tx->head != tx->tail;
    if (!comes && !goes) {
        return false;
    }
    vs_open(&w->txn, VS_OP_HOST_PACKET);
    if (comes) {
        receive(m, w, q);
        vs_tape_clear(&w->trail);
    }
    if (goes) {
        send(m, w, &m->queue[vs_nic_queue_for(n, source)], source);
        vs_tape_clear(&w->trail);
    }
    vs_close(&w->txn);
    return true;
}

/* vs_worker_device.piece: one source after the other, until nothing is there. */
static bool piece(void *ctx, struct vs_worker *w)
{
    struct thread *t = ctx;
    struct machine_interfaces *m = t->m;
    uint32_t n = m->net->nic.n_interfaces + 1u, i = t->next;
    const struct machine_host_queue *idle = NULL;
    for (uint32_t k = 0; k < n; k++, i++) {
        i = i < n ? i : 0;
        if (server(m, i) != t) {
            continue;
        }
        if (serve(m, w, i)) {
            t->next = i + 1u;
            return true;
        }
        idle = idle ? idle : comes_by(m, i);
    }
    if (idle) { /* it looks, and nothing is there */
        (void)machine_host_look(idle, false, idle->rx_next);
    }
    return false;
}

void machine_interfaces_interrupt(struct vs_net *net, uint8_t vector, uint64_t at_ps)
{
    struct machine_interfaces *m = net->interfaces;
    if (m) {
        uint32_t i = vector >= MACHINE_HOST_POOLS ? vector - MACHINE_HOST_POOLS : net->nic.n_fn;
        host_worker_interrupt(m->queue[i].worker, at_ps);
    }
}

/* vs_net.sleeps */
static bool sleeps(const struct vs_net *net, unsigned vcpu)
{
    return server(net->interfaces, vcpu)->worker->thread.place == VS_ASLEEP;
}

/* vs_net.tell */
static void tell(struct vs_net *net, unsigned vcpu, uint64_t at_ps)
{
    host_worker_interrupt(server(net->interfaces, vcpu)->worker, at_ps);
}

/* ---- making ---- */

/* Adds what a host that serves interfaces has to have. */
void machine_interfaces_check(const struct vs_net *net, struct vs_errors *errors)
{
    static const char *const needs[] = {"host_poll", "host_bridge", "host_put", "host_signal",
                                        "host_get"};
    const struct vs_platform *p = net->p;
    const struct vs_nic_config *c = &net->nic_config;
    if (c->path == VS_NIC_FUNCTION) {
        return;
    }
    if (!p->virtualized) {
        vs_error(errors, "nic.path = host: on bare metal programs are the host's, and have no "
                         "interfaces of guests; take a machine with a hypervisor, such as "
                         "skylake_sp_kvm");
        return;
    }
    if (!p->sched.workers) {
        vs_error(errors, "nic.path = host, but worker.threads = 0: workers serve the guests' "
                         "interfaces; set worker.threads = 1, and worker.cpu for its processor");
    }
    if (c->poll) {
        vs_error(errors, "nic.path = host, but nic.poll = 1: an interface has no ring of the "
                         "adapter's that its driver could look at; leave nic.poll = 0");
    }
    if (net->dma_config.viommu != VS_DMA_NO_VIOMMU || net->dma_config.assigned_in_time ||
        net->dma_config.mode > VS_DMA_STATIC) {
        vs_error(errors,
                 "dma.%s, but nic.path = host: no function of the adapter is a guest's; "
                 "leave it as it is",
                 net->dma_config.viommu != VS_DMA_NO_VIOMMU ? "viommu"
                 : net->dma_config.assigned_in_time         ? "assigned_in_time"
                                                            : "mode");
    }
    machine_host_needs(net, needs, sizeof needs / sizeof *needs, "nic.path = host",
                       "serves no interfaces; take one that does", errors);
}

/* The threads, each with a worker. */
static bool make_threads(struct machine_interfaces *m)
{
    m->threads = m->net->p->n_workers;
    m->thread = calloc(m->threads, sizeof *m->thread);
    for (uint32_t i = 0; m->thread && i < m->threads; i++) {
        struct vs_worker_device device = {&m->thread[i], piece};
        m->thread[i] = (struct thread){m, &m->net->p->worker[i], 0};
        host_worker_serve(m->thread[i].worker, &device);
    }
    return m->thread != NULL;
}

enum vs_status machine_interfaces_make(struct vs_net *net)
{
    struct machine_interfaces *m;
    if (net->nic_config.path == VS_NIC_FUNCTION) {
        return VS_OK;
    }
    net->interfaces = m = calloc(1, sizeof *m);
    if (!m) {
        return VS_E_NOMEM;
    }
    m->net = net;
    m->queues = net->nic.n_fn + 1u;
    m->queue = calloc(m->queues, sizeof *m->queue);
    if (!m->queue || !make_threads(m)) {
        return VS_E_NOMEM;
    }
    for (uint32_t i = 0; i < m->queues; i++) {
        struct machine_host_queue *q = &m->queue[i];
        bool pool = i < net->nic.n_fn;
        *q = (struct machine_host_queue){
            .net = net, .worker = server(m, i)->worker, .number = pool ? i : net->nic.n_fn};
        if (!machine_host_queue_make(q, !pool || !net->nic_config.zero_copy, true)) {
            return VS_E_NOMEM;
        }
    }
    if (!machine_net_assign_host(net)) {
        return VS_E_NOMEM;
    }
    for (uint32_t i = 0; i < m->queues; i++) {
        machine_host_queue_begin(&m->queue[i]);
    }
    net->sleeps = sleeps;
    net->tell = tell;
    return VS_OK;
}

void machine_interfaces_free(struct vs_net *net)
{
    struct machine_interfaces *m = net->interfaces;
    if (m) {
        for (uint32_t i = 0; m->queue && i < m->queues; i++) {
            machine_host_queue_free(&m->queue[i]);
        }
        free(m->queue);
        free(m->thread);
        free(m);
    }
}
