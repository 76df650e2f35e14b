/* SPDX-License-Identifier: MIT */
/*
 * The host's driver of the adapter's physical function, in a machine whose guests have the virtual
 * ones: its rings and buffers lie in the host's memory, its interrupts wake a thread of the host's
 * kernel (worker 0, as threaded NAPI), and that reads each frame and answers it, where nic.physical
 * says so. Its requests pass through the IOMMU, as with iommu=pt.
 */
#include "host/sched/worker.h"
#include "machine_impl.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define SMALLEST 12u /* log2 of a page; of a page that holds the longest ring, and a word */
#define LARGER 21u

struct machine_physical {
    struct vs_net *net;
    struct vs_worker *worker;
    struct machine_mail *mail;
    /* when mailboxes have interrupted it, VS_NIC_NEVER: they have not; and for the last time */
    uint64_t mail_ps, last_mail_ps;
    uint64_t ring[2];    /* host-physical: received, sent */
    uint64_t *buffer[2]; /* of each descriptor */
    uint32_t rx_next, rx_tail, tx_tail, tx_clean;
};

/* ---- the host's memory ---- */

/* References to the host's memory, by its kernel's direct map. */
static void touch(struct machine_physical *m, uint64_t hpa, uint64_t bytes, enum vs_ref ref)
{
    struct vs_worker *w = m->worker;
    vs_core_touches(&w->hv.core, &w->txn, (vs_gva){w->hv.direct_at + hpa}, bytes, ref);
}

/* Where a descriptor lies. */
static uint64_t descriptor(const struct machine_physical *m, bool sends, uint32_t slot)
{
    return m->ring[sends] + slot * 16ull;
}

/* Writes a descriptor. */
static void give(struct machine_physical *m, bool sends, uint32_t slot, uint64_t word)
{
    struct vs_phys *phys = m->net->p->phys;
    uint64_t at = descriptor(m, sends, slot);
    vs_phys_write64(phys, (vs_hpa){at}, m->buffer[sends][slot]);
    vs_phys_write64(phys, (vs_hpa){at + 8u}, word);
}

/* Looks at a descriptor; what the adapter has written there. */
static uint64_t look(struct machine_physical *m, bool sends, uint32_t slot)
{
    touch(m, descriptor(m, sends, slot), 16u, VS_REF_READ);
    return vs_phys_read64(m->net->p->phys, (vs_hpa){descriptor(m, sends, slot) + 8u});
}

/* Whether what is in this slot of the transmit ring has been sent. */
static bool sent(struct machine_physical *m, uint32_t slot)
{
    const struct vs_nic_config *c = &m->net->nic_config;
    if (c->write_back_head) {
        uint64_t at = descriptor(m, true, (uint32_t)c->ring);
        touch(m, at, 4u, VS_REF_READ);
        return (uint32_t)vs_phys_read64(m->net->p->phys, (vs_hpa){at}) != slot;
    }
    return (look(m, true, slot) >> 32 & VS_NIC_DD) != 0;
}

/* ---- the driver ---- */

/* A posted write of a tail register; when the device has it. */
static vs_ps doorbell(struct machine_physical *m)
{
    struct vs_worker *w = m->worker;
    struct vs_pcie *link = &m->net->link[0];
    vs_open(&w->txn, VS_OP_MMIO_WRITE);
    vs_charge(&w->txn, (uint16_t)(link->account + VS_ACC_pcie_mmio_write),
              (vs_ps){link->cfg.doorbell * w->thread.hw->clock.period_ps});
    vs_close(&w->txn);
    return vs_pcie_doorbell(link, vs_now(&w->txn));
}

/* Buffers of what was read go back into the ring, so many at a time that a doorbell is shared. */
static void refill(struct machine_physical *m)
{
    const struct vs_nic_config *c = &m->net->nic_config;
    uint32_t n = (uint32_t)c->ring, end = (m->rx_next + n - 1u) % n,
             without = (end + n - m->rx_tail) % n;
    if (without < (c->refill ? c->refill : n / 4u)) {
        return;
    }
    for (; m->rx_tail != end; m->rx_tail = (m->rx_tail + 1u) % n) {
        give(m, false, m->rx_tail, VS_NIC_BUFFER);
        touch(m, descriptor(m, false, m->rx_tail), 16u, VS_REF_WRITE);
    }
    (void)doorbell(m);
    vs_nic_rx_doorbell(&m->net->nic, vs_nic_physical_queue(&m->net->nic), m->rx_tail);
}

/* Reads the next frame: its bytes, and what it begins with. */
static uint32_t receive(struct machine_physical *m, struct vs_nic_header *header)
{
    struct vs_worker *w = m->worker;
    struct vs_nic *nic = &m->net->nic;
    unsigned char bytes[VS_NIC_HEADER_BYTES];
    uint32_t total = 0;
    uint64_t word;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_RECEIVE);
    vs_phys_read(m->net->p->phys, (vs_hpa){m->buffer[0][m->rx_next]}, bytes, sizeof bytes);
    *header = vs_nic_read_header(bytes);
    do {
        word = look(m, false, m->rx_next);
        touch(m, m->buffer[0][m->rx_next], (uint32_t)word, VS_REF_READ);
        total += (uint32_t)word;
        m->rx_next = (m->rx_next + 1u) % (uint32_t)nic->cfg.ring;
    } while (word >> 32 & VS_NIC_MORE);
    vs_nic_rx_read(nic, vs_nic_physical_queue(nic), vs_now(&w->txn), &w->trail);
    vs_tape_clear(&w->trail);
    return total;
}

/* Slots of the transmit ring that are free, when those that were sent are taken back. */
static uint32_t room(struct machine_physical *m, uint32_t wanted)
{
    uint32_t n = (uint32_t)m->net->nic_config.ring, used = (m->tx_tail + n - m->tx_clean) % n;
    while (used && (used > 3u * n / 4u || n - 1u - used < wanted) && sent(m, m->tx_clean)) {
        m->tx_clean = (m->tx_clean + 1u) % n;
        used--;
    }
    return n - 1u - used;
}

/* A frame of so many bytes to whoever has sent that one. */
static void answer(struct machine_physical *m, uint32_t bytes, const struct vs_nic_header *got)
{
    struct vs_worker *w = m->worker;
    struct vs_nic *nic = &m->net->nic;
    uint32_t n = (uint32_t)nic->cfg.ring, first = m->tx_tail, queue = vs_nic_physical_queue(nic),
             pieces = (bytes + VS_NIC_BUFFER - 1u) / VS_NIC_BUFFER;
    struct vs_nic_header to = {got->from, VS_NIC_PHYSICAL, got->vlan};
    unsigned char header[VS_NIC_HEADER_BYTES];
    if (room(m, pieces) < pieces) {
        nic->count[VS_CNT_nic_host_full]++;
        return;
    }
    vs_nic_tx_begin(nic, queue, first, vs_now(&w->txn));
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_SEND);
    vs_nic_write_header(header, &to);
    vs_phys_write(m->net->p->phys, (vs_hpa){m->buffer[1][first]}, header, sizeof header);
    for (uint32_t flags = VS_NIC_ADDRESSED; bytes; flags = 0) {
        uint32_t piece = bytes < VS_NIC_BUFFER ? bytes : VS_NIC_BUFFER;
        bytes -= piece;
        touch(m, m->buffer[1][m->tx_tail], piece, VS_REF_WRITE);
        give(m, true, m->tx_tail, (uint64_t)(flags | (bytes ? VS_NIC_MORE : 0)) << 32 | piece);
        touch(m, descriptor(m, true, m->tx_tail), 16u, VS_REF_WRITE);
        m->tx_tail = (m->tx_tail + 1u) % n;
    }
    vs_nic_tx_stored(nic, queue, first, vs_now(&w->txn));
    struct vs_pcie *link = &m->net->link[0];
    struct vs_nic_doorbell how = {vs_now(&w->txn).v, &link->mmio_tape,
                                  (uint16_t)(link->account + VS_ACC_pcie_mmio_write)};
    vs_ps known = doorbell(m);
    vs_nic_tx_doorbell(nic, queue, m->tx_tail, known, &how);
    vs_kernel_wake(m->net->p->kernel, m->net->nic_agent, known.v);
}

/* vs_worker_device.piece: all mailboxes, or one frame. */
static bool piece(void *ctx, struct vs_worker *w)
{
    struct machine_physical *m = ctx;
    struct vs_nic *nic = &m->net->nic;
    uint32_t queue = vs_nic_physical_queue(nic);
    struct vs_nic_header header;
    uint64_t now = vs_now(&w->txn).v;
    if (m->mail_ps <= now) { /* what comes from now on interrupts again */
        m->mail_ps = m->last_mail_ps > now ? m->last_mail_ps : VS_NIC_NEVER;
        machine_mail_task(m->mail);
        return true;
    }
    if (!vs_nic_rx_ready(nic, queue, vs_now(&w->txn))) { /* it looks, and nothing is there */
        (void)look(m, false, m->rx_next);
        return false;
    }
    vs_open(&w->txn, VS_OP_HOST_PACKET);
    uint32_t bytes = receive(m, &header);
    if (nic->cfg.physical == VS_NIC_ECHO) {
        answer(m, bytes, &header);
    }
    refill(m);
    vs_close(&w->txn);
    return vs_nic_rx_ready(nic, queue, vs_now(&w->txn)) != 0;
}

void machine_physical_interrupt(struct vs_net *net, uint8_t vector, uint64_t at_ps)
{
    struct machine_physical *m = net->physical;
    bool mail = vector == MACHINE_HOST_MAIL;
    if (m) {
        m->mail_ps = mail && at_ps < m->mail_ps ? at_ps : m->mail_ps;
        m->last_mail_ps = mail && at_ps > m->last_mail_ps ? at_ps : m->last_mail_ps;
        host_worker_interrupt(m->worker, at_ps);
    }
}

/* ---- making ---- */

void machine_physical_check(const struct vs_net *net, struct vs_errors *errors)
{
    static const char *const needs[] = {"host_receive", "host_send", "host_mailbox"};
    const struct vs_platform *p = net->p;
    const struct vs_nic_config *c = &net->nic_config;
    if (!c->physical) {
        return;
    }
    if (!p->virtualized) {
        vs_error(errors, "nic.physical: on bare metal programs are the host's, and drive the "
                         "adapter's functions themselves; take a machine with a hypervisor, such "
                         "as skylake_sp_kvm");
        return;
    }
    if (!p->sched.workers) {
        vs_error(errors, "nic.physical, but worker.threads = 0: its driver is worker 0; set "
                         "worker.threads = 1, and worker.cpu for its processor");
    }
    if (c->poll) {
        vs_error(errors, "nic.physical, but nic.poll = 1: the host's driver waits for interrupts "
                         "of the adapter; leave nic.poll = 0");
    }
    for (unsigned i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (vs_program_set_find(p->programs[VS_ROLE_HYPERVISOR], needs[i]) == VS_PROGRAM_NONE) {
            vs_error(errors,
                     "nic.physical: %s has no program.%s: this hypervisor's host has no "
                     "driver of the adapter; take one that has, such as kvm",
                     p->programs[VS_ROLE_HYPERVISOR]->desc->file, needs[i]);
        }
    }
}

/* A ring, and buffers for its descriptors, two a page; false: the host has no memory for them. */
static bool make_ring(struct machine_physical *m, bool sends)
{
    struct vs_net *net = m->net;
    struct vs_frames *frames = &net->p->node_frames[net->node[0]];
    uint64_t n = net->nic_config.ring, word = net->nic_config.write_back_head && sends ? 4u : 0;
    m->buffer[sends] = calloc(n, sizeof *m->buffer[sends]);
    bool good =
        m->buffer[sends] &&
        vs_frames_alloc(frames, n * 16u + word <= PAGE ? SMALLEST : LARGER, &m->ring[sends]);
    for (uint64_t i = 0; good && i < n; i++) {
        uint64_t *at = &m->buffer[sends][i];
        good = i % 2u ? (*at = at[-1] + VS_NIC_BUFFER) != 0 : vs_frames_alloc(frames, SMALLEST, at);
    }
    return good;
}

enum vs_status machine_physical_make(struct vs_net *net)
{
    struct machine_physical *m;
    uint32_t queue = vs_nic_physical_queue(&net->nic);
    if (!net->nic_config.physical) {
        return VS_OK;
    }
    net->physical = m = calloc(1, sizeof *m);
    if (!m) {
        return VS_E_NOMEM;
    }
    m->net = net;
    m->worker = &net->p->worker[0];
    m->mail_ps = VS_NIC_NEVER;
    m->mail = machine_mail_make(net, m->worker);
    if (!m->mail) {
        return VS_E_NOMEM;
    }
    if (!make_ring(m, false) || !make_ring(m, true) || !machine_net_assign_host(net)) {
        return VS_E_NOMEM;
    }
    struct vs_worker_device device = {m, piece};
    host_worker_serve(m->worker, &device);
    vs_nic_rings(&net->nic, queue, m->ring[1], m->ring[0]);
    for (; m->rx_tail + 1u < net->nic_config.ring; m->rx_tail++) { /* before the run begins */
        give(m, false, m->rx_tail, VS_NIC_BUFFER);
    }
    vs_nic_rx_doorbell(&net->nic, queue, m->rx_tail);
    return VS_OK;
}

void machine_physical_free(struct vs_net *net)
{
    if (net->physical) {
        machine_mail_free(net->physical->mail);
        free(net->physical->buffer[0]);
        free(net->physical->buffer[1]);
        free(net->physical);
    }
}
