/* SPDX-License-Identifier: MIT */
/* A guest's driver of its virtual function: rings, doorbells, waiting for packets. */
#include "net.h"

#include "guest/guest.h"

#define PAGE 4096u /* the smallest there is */
#define LOOK_PS                                                                                    \
    1000000u /* a program that finds the transmit ring full looks again after a microsecond */

/* Where a page of a ring lies, by the tables. */
static __attribute__((noinline)) bool find_page(struct vs_vcpu *v, struct vs_ring_page *m,
                                                uint64_t page, uint64_t edits)
{
    uint64_t gpa;
    *m = (struct vs_ring_page){.page = page, .edits = edits};
    m->known = vs_space_locate(&v->space, page, &gpa, &m->hpa);
    return m->known;
}

/* Where a descriptor lies in memory; false: nowhere. Found by the tables once a page, until one of
 * them is edited. */
static inline bool locate(struct vs_vcpu *v, struct vs_driver *d, uint64_t at, bool sends,
                          uint64_t *hpa)
{
    struct vs_ring_page *m = &d->found[sends][at / PAGE % VS__NET_RING_PAGES];
    uint64_t page = at & ~(uint64_t)(PAGE - 1u),
             edits = v->space.edits + (v->vm ? v->vm->edits : 0);
    bool there = (vs_likely(m->known && m->page == page && m->edits == edits)) ||
                 find_page(v, m, page, edits);
    *hpa = m->hpa + (at - page);
    return there;
}

/* Where the adapter says how far it has sent (nic.write_back.head): is this descriptor done? */
static void look_at_head(struct vs_vcpu *v, struct vs_driver *d, struct guest_work *w, uint64_t at)
{
    uint64_t hpa;
    (void)guest_touch(v, at, VS_REF_READ);
    w->done = locate(v, d, at, true, &hpa) &&
              (uint32_t)vs_phys_read64(v->p->phys, (vs_hpa){hpa}) != w->slot;
}

void guest_vf_descriptor(struct vs_vcpu *v, struct guest_work *w, enum vs_ref ref)
{
    const struct vs_nic_config *c = &v->p->net->nic_config;
    struct vs_driver *d = &v->p->net->driver[v->index];
    uint64_t at = w->ring + w->slot * 16u, hpa;
    bool sends = w->ring == d->tx_ring;
    if (ref != VS_REF_WRITE && sends && c->write_back_head && !v->p->net->interfaces) {
        look_at_head(v, d, w, w->ring + c->ring * 16u);
        return;
    }
    if (ref == VS_REF_WRITE && locate(v, d, at, sends, &hpa)) {
        /* as the device will read it; the time of the store is what follows */
        vs_phys_write64(v->p->phys, (vs_hpa){hpa}, w->told);
        vs_phys_write64(v->p->phys, (vs_hpa){hpa + 8}, w->told_length);
    }
    (void)guest_touch(v, at, ref);
    if (ref != VS_REF_WRITE) {
        bool there = locate(v, d, at, sends, &hpa);
        uint64_t word = there ? vs_phys_read64(v->p->phys, (vs_hpa){hpa + 8}) : 0;
        w->done = (word >> 32 & VS_NIC_DD) != 0;
        w->more = (word >> 32 & VS_NIC_MORE) != 0;
        w->length = (uint32_t)word;
        if (w->driver && !sends) { /* received, not only looked at */
            w->driver->moderation.bytes += w->length;
            w->segments += (uint32_t)(word >> (32 + VS_NIC_SEGMENT_SHIFT));
        }
    }
}

/* The frame's Ethernet header into its buffer, as the device will read it; the time of the stores
 * is the payload's. */
static void write_header(struct vs_vcpu *v, const struct guest_work *w)
{
    unsigned char bytes[VS_NIC_HEADER_BYTES];
    uint64_t gpa, hpa;
    vs_nic_write_header(bytes, w->header);
    if (vs_space_locate(&v->space, w->buffer, &gpa, &hpa)) { /* a buffer lies within a page */
        vs_phys_write(v->p->phys, (vs_hpa){hpa}, bytes, sizeof bytes);
    }
}

bool guest_vf_next(struct vs_vcpu *v, struct guest_work *w)
{
    struct vs_driver *d = w->driver;
    uint32_t n = (uint32_t)v->p->net->nic_config.ring, *at = w->sends ? &d->tx_tail : &d->rx_next;
    uint64_t offset = *at * VS__NET_BUFFER;
    if (w->sends ? !w->left : !w->more) {
        return false;
    }
    w->slot = *at;
    w->buffer = (w->sends ? d->tx_buffers : d->rx_buffers) + offset;
    if (w->sends) {
        w->length = w->left < VS__NET_BUFFER ? w->left : VS__NET_BUFFER;
        w->left -= w->length;
        w->told = d->tx_at[w->slot];
        w->told_length = (uint64_t)((w->left ? VS_NIC_MORE : 0) | w->flags) << 32 | w->length;
        if (w->header) {
            write_header(v, w);
        }
        w->flags = 0;
        w->header = NULL;
    } else { /* the descriptor says whether there are more */
        w->length = 0;
        w->more = false;
    }
    *at = (*at + 1) % n;
    return true;
}

/* Whether the device has done the descriptor, at which the driver only looks yet. */
static bool descriptor_done(struct vs_vcpu *v, struct guest_work *w, uint64_t ring, uint32_t slot)
{
    w->driver = NULL;
    w->ring = ring;
    w->slot = slot;
    (void)guest_run(v, GUEST_POLL, w);
    return w->done;
}

void guest_vf_ring(struct vs_vcpu *v, struct guest_work *w)
{
    if (v->p->net->interfaces) {
        guest_interface_ring(v, w);
        return;
    }
    struct vs_pcie *link = vs_net_link(v->p->net, v->p->net->driver[v->index].vf);
    vs_ps cpu = {link->cfg.doorbell * v->hw->clock.period_ps};
    vs_once(&v->txn, VS_OP_MMIO_WRITE, (uint16_t)(link->account + VS_ACC_pcie_mmio_write), cpu);
    vcpu_yield(v); /* the device may act before the vCPU's horizon */
    w->known = vs_pcie_doorbell(link, vs_cpu_now(&v->hw->cpu));
}

/* A posted write of a tail register: when the device has it. */
static vs_ps doorbell(struct vs_vcpu *v, struct guest_work *w)
{
    w->known = vs_cpu_now(&v->hw->cpu);
    (void)guest_run(v, GUEST_DOORBELL, w);
    return w->known;
}

/* Every free descriptor of the receive ring gets its buffer back, and the device is told. */
static void give_receive_buffers(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_net *net = v->p->net;
    uint32_t n = (uint32_t)net->nic_config.ring, one_free = (d->rx_next + n - 1) % n;
    bool any = false;
    struct guest_work w = {.driver = d, .ring = d->rx_ring, .told_length = VS__NET_BUFFER};
    for (; d->rx_tail != one_free; d->rx_tail = (d->rx_tail + 1) % n) {
        w.slot = d->rx_tail;
        w.buffer = d->rx_buffers + d->rx_tail * VS__NET_BUFFER;
        w.told = d->rx_at[d->rx_tail];
        (void)guest_run(v, GUEST_REFILL, &w);
        any = true;
    }
    if (any && net->interfaces) {
        guest_interface_buffers(v, d);
    } else if (any) {
        (void)doorbell(v, &w);
        vs_nic_rx_doorbell(&net->nic, d->queue, d->rx_tail);
    }
}

void guest_vf_prepare(struct vs_vcpu *v, const struct guest_work *w)
{
    vs_nic_tx_begin(&v->p->net->nic, w->driver->queue, w->slot, vs_cpu_now(&v->hw->cpu));
}

void guest_vf_take(struct vs_vcpu *v, const struct guest_work *w)
{
    vs_ps now = vs_cpu_now(&v->hw->cpu);
    vs_trail_turn(v->trail, v->trail->now, now.v);
    vs_nic_rx_read(&v->p->net->nic, w->driver->queue, now, &v->trail->tape);
    vs_tape_clear(&v->trail->tape);
}

void guest_vf_asked(struct vs_vcpu *v)
{
    if (!v->p->net) {
        vcpu_refuse(v, "%s: this machine has no NIC (nic.present = 0)",
                    v->request.kind == VS_REQ_SEND ? "send" : "recv");
    }
}

/* From now on what the vCPU is about is kept, for the journeys of its packets. */
static void follow(struct vs_vcpu *v, struct vs_driver *d)
{
    static const uint16_t account[VS_ABOUT_N] = {[VS_ABOUT_PROGRAM] = VS_ACC_nic_wait_program,
                                                 [VS_ABOUT_RECEIVE] = VS_ACC_nic_guest_receive,
                                                 [VS_ABOUT_INTERRUPT] = VS_ACC_nic_guest_interrupt,
                                                 [VS_ABOUT_EXIT] = VS_ACC_nic_guest_exit,
                                                 [VS_ABOUT_ENTRY] = VS_ACC_nic_guest_entry,
                                                 [VS_ABOUT_WAKE] = VS_ACC_nic_guest_wake,
                                                 [VS_ABOUT_HALTED] = VS_ACC_nic_wait_guest,
                                                 [VS_ABOUT_READY] = VS_ACC_nic_wait_processor};
    for (unsigned i = 0; i < VS_ABOUT_N; i++) {
        d->trail.account[i] = (uint16_t)(v->p->net->nic.account + account[i]);
    }
    d->trail.account[VS_ABOUT_MESSAGE] = v->irq.message;
    d->trail.account[VS_ABOUT_THROUGH] = v->irq.through;
    d->trail.since_ps = vcpu_now_ps(v);
    v->trail = &d->trail;
}

/* The driver of this vCPU's function, set up at first use; NULL when the run cannot go on. */
static struct vs_driver *driver_of(struct vs_vcpu *v, const char *what)
{
    struct vs_net *net = v->p->net;
    guest_vf_asked(v);
    if (!net) {
        return NULL;
    }
    struct vs_driver *d = &net->driver[v->index];
    if (v->process_now) {
        vcpu_fail(v,
                  "%s in address space %u: the driver's rings and buffers are in address space "
                  "0; cpu:switch(0) first",
                  what, v->process_now);
        return NULL;
    }
    if (!net->use(v, what)) {
        return NULL;
    }
    if (net->nic.queue[d->queue].stopped) {
        vcpu_fail(v, "%s: the IOMMU blocked the device, whose transmit queue has stopped", what);
        return NULL;
    }
    if (!d->ready) {
        d->ready = true;
        follow(v, d);
        if (net->nic_config.moderation) {
            guest_moderation_begin(&d->moderation);
            vs_nic_moderate(&net->nic, d->queue, d->moderation.quarters * 250000u);
        }
        give_receive_buffers(v, d);
        net->begin(net, d->queue, vs_cpu_now_ps(&v->hw->cpu));
    }
    return d;
}

/* How many descriptors the transmit ring takes now; sent ones are cleaned up when it fills. */
static uint32_t transmit_room(struct vs_vcpu *v, struct vs_driver *d, struct guest_work *w,
                              uint32_t wanted)
{
    uint32_t n = (uint32_t)v->p->net->nic_config.ring, used = (d->tx_tail + n - d->tx_clean) % n;
    /* clean lazily, a quarter of the ring at a time */
    while ((used > 3 * n / 4 || n - 1 - used < wanted) && used &&
           descriptor_done(v, w, d->tx_ring, d->tx_clean)) {
        if (guest_dma_maps(v)) {
            struct guest_work clean = {.driver = d, .sends = true, .slot = d->tx_clean};
            (void)guest_run(v, GUEST_CLEAN, &clean);
        }
        d->tx_clean = (d->tx_clean + 1) % n;
        used--;
    }
    return n - 1 - used;
}

/* Room in the ring for so many descriptors, or none, and the program looks again later. */
static uint32_t room_or_wait(struct vs_vcpu *v, struct vs_driver *d, struct guest_work *w,
                             uint32_t buffers)
{
    struct vs_net *net = v->p->net;
    uint32_t room = transmit_room(v, d, w, buffers);
    if (room < buffers) {
        vs_nic_tx_follow(&net->nic, true);
        vcpu_wait_device(v, vcpu_now_ps(v) + LOOK_PS);
        vcpu_yield(v);
        return 0;
    }
    return room;
}

/* What goes into the ring: a frame, or what the adapter makes several of. */
struct frame {
    uint64_t bytes;
    uint32_t flags;
    const struct vs_nic_header *header; /* NULL: the usual one */
};

/* A frame into the ring; `w` is the same for all of a request. */
static void store(struct vs_vcpu *v, struct vs_driver *d, struct guest_work *w,
                  enum guest_program program, const struct frame *frame)
{
    w->driver = d;
    w->sends = true;
    w->ring = d->tx_ring;
    w->slot = w->first = d->tx_tail;
    w->left = frame->bytes;
    w->flags = frame->flags;
    w->header = frame->header;
    (void)guest_run(v, program, w);
    vs_nic_tx_stored(&v->p->net->nic, d->queue, w->first, vs_cpu_now(&v->hw->cpu));
}

/* The device is told of what is in the ring. */
static void announce(struct vs_vcpu *v, struct vs_driver *d, struct guest_work *w)
{
    struct vs_net *net = v->p->net;
    if (net->interfaces) {
        guest_interface_frames(v, d);
        return;
    }
    struct vs_pcie *link = vs_net_link(net, d->vf);
    struct vs_nic_doorbell how = {vs_cpu_now_ps(&v->hw->cpu), &link->mmio_tape,
                                  (uint16_t)(link->account + VS_ACC_pcie_mmio_write)};
    vs_ps known = doorbell(v, w);
    vs_nic_tx_doorbell(&net->nic, d->queue, d->tx_tail, known, &how);
    vs_kernel_wake(v->p->kernel, net->nic_agent, known.v);
}

/* Descriptors of so many bytes; 0, and the run fails: the ring has not so many. */
static uint32_t buffers_of(struct vs_vcpu *v, uint64_t bytes)
{
    uint32_t n = (uint32_t)v->p->net->nic_config.ring,
             buffers = (uint32_t)((bytes + VS__NET_BUFFER - 1u) / VS__NET_BUFFER);
    if (buffers >= n) {
        vcpu_fail(v, "send of %llu bytes takes %u descriptors, and nic.ring.descriptors = %u",
                  (unsigned long long)v->request.bytes, buffers, n);
        return 0;
    }
    return buffers;
}

/* Of a request's frames, as many as the ring takes now. */
static void frames(struct vs_vcpu *v, struct vs_driver *d, uint32_t flags,
                   const struct vs_nic_header *header)
{
    struct vs_request *r = &v->request;
    struct guest_work w = {0};
    const struct frame frame = {r->bytes + VS_NIC_HEADERS, flags, header};
    uint32_t buffers = buffers_of(v, frame.bytes),
             room = buffers ? room_or_wait(v, d, &w, buffers) : 0;
    if (!room) {
        return;
    }
    for (; room >= buffers && r->count; room -= buffers, r->count--) {
        store(v, d, &w, GUEST_TRANSMIT, &frame);
    }
    announce(v, d, &w);
    v->busy = r->count != 0;
}

void guest_vf_send(struct vs_vcpu *v)
{
    struct vs_driver *d = driver_of(v, "send");
    struct vs_request *r = &v->request;
    if (!d) {
        return;
    }
    guest_dma_timer(v);
    if (r->bytes > VS_NIC_MAX_PAYLOAD) { /* a recording's */
        vcpu_fail(v, "send of %llu bytes: a frame holds %u", (unsigned long long)r->bytes,
                  VS_NIC_MAX_PAYLOAD);
        return;
    }
    frames(v, d, 0, NULL);
}

/* The next piece of a stream: what one descriptor chain takes of it, the adapter's or the kernel's
 * segments. */
static bool stream_piece(struct vs_vcpu *v, struct vs_driver *d, struct guest_work *w,
                         uint64_t left)
{
    const struct vs_request *r = &v->request;
    bool tso = v->p->net->nic_config.tso != 0;
    uint64_t most = tso ? VS_NIC_STREAM : r->stride, bytes = left < most ? left : most;
    uint32_t buffers = buffers_of(v, bytes + VS_NIC_TCP_HEADERS);
    if (!buffers || !room_or_wait(v, d, w, buffers)) {
        return false;
    }
    bool several = tso && bytes > r->stride;
    store(v, d, w, left == r->bytes ? GUEST_TRANSMIT : GUEST_TRANSMIT_SEGMENT,
          &(struct frame){.bytes = bytes + VS_NIC_TCP_HEADERS,
                          .flags = several ? (uint32_t)r->stride << VS_NIC_SEGMENT_SHIFT : 0});
    d->stream_left = left - bytes;
    return true;
}

/* A stream goes on where it was: one write after the other. */
static void stream(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_request *r = &v->request;
    struct guest_work w = {0};
    bool any = false;
    while (r->count && !v->failed) {
        d->stream_left = d->stream_left ? d->stream_left : r->bytes;
        if (!stream_piece(v, d, &w, d->stream_left)) {
            break;
        }
        any = true;
        r->count -= !d->stream_left;
    }
    if (any) {
        announce(v, d, &w);
    }
    v->busy = r->count != 0;
}

/* Frames with an address of their own. */
static void address(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_request *r = &v->request;
    struct vs_nic_header h = {.to = r->a == VS_NIC_TO_WIRE       ? VS_NIC_FAR
                                    : r->a == VS_NIC_TO_ALL      ? VS_NIC_BROADCAST
                                    : r->a == VS_NIC_TO_PHYSICAL ? VS_NIC_PHYSICAL
                                                                 : vs_nic_mac((uint32_t)r->a),
                              .from = r->work == VS_NIC_FROM_OWN
                                          ? v->p->net->nic.queue[d->queue].fn->mac
                                          : vs_nic_mac((uint32_t)r->work),
                              .vlan = (uint16_t)r->b};
    frames(v, d, VS_NIC_ADDRESSED, &h);
}

void guest_vf_transmit(struct vs_vcpu *v)
{
    struct vs_driver *d = driver_of(v, "transmit");
    const struct vs_request *r = &v->request;
    if (!d) {
        return;
    }
    guest_dma_timer(v);
    bool plain = !r->stride && r->bytes && r->bytes <= VS_NIC_MAX_PAYLOAD &&
                 r->a <= VS_NIC_TO_PHYSICAL && r->work <= VS_NIC_FROM_OWN && r->b < VS_NIC_VLANS;
    bool cut = r->stride && r->bytes && r->bytes <= VS_NIC_STREAM_MOST &&
               r->stride <= VS_NIC_FRAME - VS_NIC_TCP_HEADERS && r->a == VS_NIC_TO_WIRE && !r->b &&
               r->work == VS_NIC_FROM_OWN;
    if (!plain && !cut) { /* a recording's */
        vcpu_fail(v, "transmit: no such frame, or a stream with an address");
        return;
    }
    if (cut) {
        stream(v, d);
    } else {
        address(v, d);
    }
}

void guest_vf_waited(struct vs_vcpu *v, uint64_t until_ps)
{
    const struct vs_nic *n = &v->p->net->nic;
    if (v->p->net->driver[v->index].mail.step) {
        guest_vf_mailbox_waited(v, until_ps);
        return;
    }
    if (v->p->net->driver[v->index].waiting) { /* for packets: it polls */
        vs_txn_settle(&v->txn);
        vs_wait_until(&v->txn, (uint16_t)(n->account + VS_ACC_nic_look), (vs_ps){until_ps});
        return;
    }
    vs_expose(&v->txn, &n->tx_tape, (uint16_t)(n->account + VS_ACC_nic_wait_ring),
              (vs_ps){until_ps});
}

/* Reads a packet where its first descriptor is done; false: it is not yet. */
static bool take(struct vs_vcpu *v, struct vs_driver *d)
{
    struct guest_work w = {0};
    if (!descriptor_done(v, &w, d->rx_ring, d->rx_next)) {
        return false;
    }
    w.driver = d;
    w.more = true; /* the first */
    (void)guest_run(v, GUEST_RECEIVE, &w);
    d->got += w.segments ? w.segments : 1u;
    return true;
}

/* Reads what has arrived; true when the request is satisfied. */
static bool consume(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_net *net = v->p->net;
    uint32_t n = (uint32_t)net->nic_config.ring, refill = (uint32_t)net->nic_config.refill;
    bool any = false;
    while (d->got < v->request.count &&
           vs_nic_rx_ready(&net->nic, d->queue, vs_cpu_now(&v->hw->cpu)) && take(v, d)) {
        any = true;
    }
    if (any && (d->rx_next + n - 1u - d->rx_tail) % n >= (refill ? refill : n / 4)) {
        give_receive_buffers(v, d);
    }
    return d->got >= v->request.count;
}

/* The ring is empty: the driver looks at what has come, and writes the adapter's register where
 * another interval suits that. */
static void moderate(struct vs_vcpu *v, struct vs_driver *d)
{
    struct guest_work w = {0};
    uint64_t itr_ps;
    if (!d->moderation.bytes) {
        return;
    }
    (void)guest_run(v, GUEST_MODERATE, &w);
    if (guest_moderation_update(&d->moderation, &itr_ps)) {
        (void)doorbell(v, &w);
        vs_nic_moderate(&v->p->net->nic, d->queue, itr_ps);
    }
}

void guest_vf_receive(struct vs_vcpu *v)
{
    struct vs_driver *d = driver_of(v, "recv");
    if (!d) {
        return;
    }
    guest_dma_timer(v);
    vcpu_about_base(v, VS_ABOUT_RECEIVE);
    if (!d->waiting) {
        d->waiting = true;
        d->got = 0;
        v->timer_armed = v->request.ps != 0 && !v->p->net->nic_config.poll;
        v->timer_ps = vs_cpu_now_ps(&v->hw->cpu) + v->request.ps;
    }
    bool late = v->request.ps && vs_cpu_now_ps(&v->hw->cpu) >= v->timer_ps;
    if (consume(v, d) || late) {
        v->reply.value = d->got;
        d->waiting = false;
        v->timer_armed = false;
        v->busy = false;
        vcpu_about_base(v, VS_ABOUT_PROGRAM);
        return;
    }
    if (v->p->net->nic_config.poll) {
        uint64_t seen = vs_nic_rx_seen_ps(&v->p->net->nic, d->queue),
                 late_ps = v->request.ps ? v->timer_ps : VS_NEVER;
        vcpu_wait_device(v, seen < late_ps ? seen : late_ps);
        return;
    }
    if (v->p->net->nic_config.moderation) {
        moderate(v, d);
    }
    struct guest_work w = {0};
    (void)guest_run(v, GUEST_IDLE, &w);
}
