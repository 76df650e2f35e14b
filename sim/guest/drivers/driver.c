/* SPDX-License-Identifier: MIT */
/* A guest's driver of its virtual function: rings, doorbells, waiting for packets. */
#include "net.h"

#include "guest/guest.h"

/* The address as a value of its type. */
static vs_gva gva(uint64_t v)
{
    vs_gva g = {v};
    return g;
}

/* A touch of the driver's own, always mapped memory; a fault there would be the platform's error.
 */
static void touch(struct vs_vcpu *v, uint64_t at, enum vs_ref ref)
{
    for (int tries = 0; tries < 3 && vs_cpu_access(&v->hw->cpu, gva(at), 8, ref) == VS_CPU_FAULT;
         tries++) {
        vcpu_fault(v);
    }
}

/* Each line of these bytes. */
static void touch_range(struct vs_vcpu *v, uint64_t at, uint64_t bytes, enum vs_ref ref)
{
    for (uint64_t done = 0; done < bytes; done += 64) {
        touch(v, at + done, ref);
    }
}

/* Descriptor bytes, as the device will read them; the time of the store is touch()'s. */
static void put_descriptor(struct vs_vcpu *v, uint64_t ring, uint32_t slot, uint64_t buffer,
                           uint64_t length)
{
    uint64_t gpa, hpa;
    if (vs_space_locate(&v->space, ring + slot * 16u, &gpa, &hpa)) {
        vs_hpa h = {hpa}, second = {hpa + 8};
        vs_phys_write64(v->p->phys, h, buffer);
        vs_phys_write64(v->p->phys, second, length);
    }
    touch(v, ring + slot * 16u, VS_REF_WRITE);
}

/* Reads a descriptor: its length and, above it, its flags. */
static uint64_t read_descriptor(struct vs_vcpu *v, uint64_t ring, uint32_t slot)
{
    uint64_t gpa, hpa;
    touch(v, ring + slot * 16u, VS_REF_READ);
    if (!vs_space_locate(&v->space, ring + slot * 16u, &gpa, &hpa)) {
        return 0;
    }
    vs_hpa second = {hpa + 8};
    return vs_phys_read64(v->p->phys, second);
}

/* Whether the device has done a descriptor. */
static bool descriptor_done(struct vs_vcpu *v, uint64_t ring, uint32_t slot)
{
    return (read_descriptor(v, ring, slot) >> 32 & VS_NIC_DD) != 0;
}

/* A posted write of a tail register: the CPU's part, then when the device has it. */
static vs_ps doorbell(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    vs_ps cpu = {net->pcie_config.doorbell * v->hw->clock.period_ps};
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_MMIO_WRITE);
    vs_charge(&v->txn, (uint16_t)(net->pcie.account + VS_ACC_pcie_mmio_write), cpu);
    vs_close(&v->txn);
    vcpu_yield(v); /* the device may act before the vCPU's horizon */
    return vs_pcie_doorbell(&net->pcie, vs_now(&v->txn));
}

/* Every free descriptor of the receive ring gets its buffer back, and the device is told. */
static void give_receive_buffers(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_net *net = v->p->net;
    uint32_t n = (uint32_t)net->nic_config.ring, one_free = (d->rx_next + n - 1) % n;
    bool any = false;
    for (; d->rx_tail != one_free; d->rx_tail = (d->rx_tail + 1) % n) {
        put_descriptor(v, d->rx_ring, d->rx_tail, d->rx_buffers_iova + d->rx_tail * VS__NET_BUFFER,
                       VS__NET_BUFFER);
        any = true;
    }
    if (any) {
        doorbell(v);
        vs_nic_rx_doorbell(&net->nic, v->index, d->rx_tail);
    }
}

void guest_vf_asked(struct vs_vcpu *v)
{
    if (!v->p->net) {
        vcpu_refuse(v, "%s: this machine has no NIC (nic.present = 0)",
                    v->request.kind == VS_REQ_SEND ? "send" : "recv");
    }
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
    if (net->nic.fn[v->index].stopped) {
        vcpu_fail(v, "%s: the IOMMU blocked the device, whose transmit queue has stopped", what);
        return NULL;
    }
    if (!d->ready) {
        d->ready = true;
        give_receive_buffers(v, d);
        if (!net->traffic) {
            net->traffic = true;
            net->next_packet_ps = vs_now(&v->txn).v + net->nic_config.traffic_ns * 1000u;
            vs_kernel_wake(v->p->kernel, net->nic_agent, net->next_packet_ps);
        }
    }
    return d;
}

/* How many descriptors the transmit ring takes now; sent ones are cleaned up when it fills. */
static uint32_t transmit_room(struct vs_vcpu *v, struct vs_driver *d, uint32_t wanted)
{
    uint32_t n = (uint32_t)v->p->net->nic_config.ring, used = (d->tx_tail + n - d->tx_clean) % n;
    /* clean lazily, a quarter of the ring at a time */
    while ((used > 3 * n / 4 || n - 1 - used < wanted) && used &&
           descriptor_done(v, d->tx_ring, d->tx_clean)) {
        d->tx_clean = (d->tx_clean + 1) % n;
        used--;
    }
    return n - 1 - used;
}

/* A frame into as many buffers as it fills, each with its descriptor. */
static void put_frame(struct vs_vcpu *v, struct vs_driver *d, uint32_t bytes)
{
    uint32_t n = (uint32_t)v->p->net->nic_config.ring;
    while (bytes) {
        uint32_t piece = bytes < VS__NET_BUFFER ? bytes : VS__NET_BUFFER;
        uint64_t offset = d->tx_tail * VS__NET_BUFFER;
        bytes -= piece;
        touch_range(v, d->tx_buffers + offset, piece, VS_REF_WRITE);
        put_descriptor(v, d->tx_ring, d->tx_tail, d->tx_buffers_iova + offset,
                       (uint64_t)(bytes ? VS_NIC_MORE : 0) << 32 | piece);
        d->tx_tail = (d->tx_tail + 1) % n;
    }
}

void guest_vf_send(struct vs_vcpu *v)
{
    struct vs_driver *d = driver_of(v, "send");
    struct vs_request *r = &v->request;
    if (!d) {
        return;
    }
    struct vs_net *net = v->p->net;
    uint32_t n = (uint32_t)net->nic_config.ring;
    if (r->bytes > VS_NIC_MAX_PAYLOAD) { /* a recording's */
        vcpu_fail(v, "send of %llu bytes: a frame holds %u", (unsigned long long)r->bytes,
                  VS_NIC_MAX_PAYLOAD);
        return;
    }
    uint32_t buffers = ((uint32_t)r->bytes + VS_NIC_HEADERS + VS__NET_BUFFER - 1u) / VS__NET_BUFFER;
    if (buffers >= n) {
        vcpu_fail(v, "send of %llu bytes takes %u descriptors, and nic.ring.descriptors = %u",
                  (unsigned long long)r->bytes, buffers, n);
        return;
    }
    uint32_t room = transmit_room(v, d, buffers);
    if (room < buffers) {
        /* the ring is full: the program waits for the device in steps of a microsecond */
        vs_txn_settle(&v->txn);
        vs_ps later = {v->txn.now_ps + 1000000u};
        vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_idle), later);
        vcpu_yield(v);
        return;
    }
    for (; room >= buffers && r->count; room -= buffers, r->count--) {
        vs_cpu_instructions(&v->hw->cpu, v->p->os.tx_instructions);
        vs_nic_tx_begin(&net->nic, v->index, d->tx_tail, vs_now(&v->txn));
        put_frame(v, d, (uint32_t)r->bytes + VS_NIC_HEADERS);
    }
    vs_ps known = doorbell(v);
    vs_nic_tx_doorbell(&net->nic, v->index, d->tx_tail, known, &net->pcie.mmio_tape);
    vs_kernel_wake(v->p->kernel, net->nic_agent, known.v);
    v->busy = r->count != 0;
}

/* Reads what has arrived; true when the request is satisfied. */
static bool consume(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_net *net = v->p->net;
    uint32_t n = (uint32_t)net->nic_config.ring;
    bool any = false;
    while (d->got < v->request.count && vs_nic_rx_ready(&net->nic, v->index, vs_now(&v->txn)) &&
           descriptor_done(v, d->rx_ring, d->rx_next)) {
        vs_cpu_instructions(&v->hw->cpu, v->p->os.rx_instructions);
        uint64_t word;
        do {
            word = read_descriptor(v, d->rx_ring, d->rx_next);
            touch_range(v, d->rx_buffers + d->rx_next * VS__NET_BUFFER, (uint32_t)word,
                        VS_REF_READ);
            d->rx_next = (d->rx_next + 1) % n;
        } while (word >> 32 & VS_NIC_MORE);
        vs_nic_rx_read(&net->nic, v->index, 1, vs_now(&v->txn));
        d->got++;
        any = true;
    }
    if (any && (d->rx_next + n - 1u - d->rx_tail) % n >= n / 4) { /* slots without a buffer */
        give_receive_buffers(v, d);
    }
    return d->got >= v->request.count;
}

void guest_vf_receive(struct vs_vcpu *v)
{
    struct vs_driver *d = driver_of(v, "recv");
    if (!d) {
        return;
    }
    if (!d->waiting) {
        d->waiting = true;
        d->got = 0;
        v->timer_armed = v->request.ps != 0;
        v->timer_ps = vs_cpu_now_ps(&v->hw->cpu) + v->request.ps;
    }
    bool late = v->request.ps && vs_cpu_now_ps(&v->hw->cpu) >= v->timer_ps;
    if (consume(v, d) || late) {
        v->reply.value = d->got;
        d->waiting = false;
        v->timer_armed = false;
        v->busy = false;
        return;
    }
    vcpu_sleep(v);
}
