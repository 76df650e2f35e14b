/* SPDX-License-Identifier: MIT */
/*
 * The host's driver of the adapter's physical function, in a machine whose guests have the virtual
 * ones: its rings and buffers lie in the host's memory, its interrupts wake a thread of the host's
 * kernel (worker 0, as threaded NAPI), and that reads each frame and answers it, where nic.physical
 * says so. Its requests pass through the IOMMU, as with iommu=pt.
 */
#include "host_queue.h"

#include <stdlib.h>

struct machine_physical {
    struct machine_host_queue q;
    struct machine_mail *mail;
    struct machine_virtchnl *talk;
    /* when mailboxes have interrupted it, VS_NIC_NEVER: they have not; and for the last time */
    uint64_t mail_ps, last_mail_ps;
};

/* ---- the driver ---- */

/* Reads the next frame: its bytes, and what it begins with. */
static uint32_t receive(struct machine_physical *m, struct vs_nic_header *header)
{
    struct machine_host_queue *q = &m->q;
    struct vs_worker *w = q->worker;
    struct vs_nic *nic = &q->net->nic;
    uint32_t total = 0;
    uint64_t word;
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_RECEIVE);
    *header = machine_host_header(q->net, q->buffer[0][q->rx_next]);
    do {
        word = machine_host_look(q, false, q->rx_next);
        machine_host_touch(w, q->buffer[0][q->rx_next], (uint32_t)word, VS_REF_READ);
        total += (uint32_t)word;
        q->rx_next = (q->rx_next + 1u) % (uint32_t)nic->cfg.ring;
    } while (word >> 32 & VS_NIC_MORE);
    vs_nic_rx_read(nic, q->number, vs_now(&w->txn), &w->trail);
    vs_tape_clear(&w->trail);
    return total;
}

/* A frame of so many bytes to whoever has sent that one. */
static void answer(struct machine_physical *m, uint32_t bytes, const struct vs_nic_header *got)
{
    struct machine_host_queue *q = &m->q;
    struct vs_worker *w = q->worker;
    struct vs_nic *nic = &q->net->nic;
    uint32_t n = (uint32_t)nic->cfg.ring, first = q->tx_tail, queue = q->number,
             pieces = (bytes + VS_NIC_BUFFER - 1u) / VS_NIC_BUFFER;
    struct vs_nic_header to = {got->from, VS_NIC_PHYSICAL, got->vlan};
    unsigned char header[VS_NIC_HEADER_BYTES];
    if (machine_host_room(q, pieces) < pieces) {
        nic->count[VS_CNT_nic_host_full]++;
        return;
    }
    vs_nic_tx_begin(nic, queue, first, vs_now(&w->txn));
    vs_hv_kernel(&w->hv, &w->txn, VS_HV_ENTRY_HOST_SEND);
    vs_nic_write_header(header, &to);
    vs_phys_write(q->net->p->phys, (vs_hpa){q->buffer[1][first]}, header, sizeof header);
    for (uint32_t flags = VS_NIC_ADDRESSED; bytes; flags = 0) {
        uint32_t piece = bytes < VS_NIC_BUFFER ? bytes : VS_NIC_BUFFER;
        bytes -= piece;
        machine_host_touch(w, q->buffer[1][q->tx_tail], piece, VS_REF_WRITE);
        machine_host_give(q, true, q->tx_tail, q->buffer[1][q->tx_tail],
                          (uint64_t)(flags | (bytes ? VS_NIC_MORE : 0)) << 32 | piece);
        q->tx_tail = (q->tx_tail + 1u) % n;
    }
    vs_nic_tx_stored(nic, queue, first, vs_now(&w->txn));
    machine_host_announce(q);
}

/* vs_worker_device.piece: what has come in mailboxes and admin queues, or one frame. */
static bool piece(void *ctx, struct vs_worker *w)
{
    struct machine_physical *m = ctx;
    struct vs_nic *nic = &m->q.net->nic;
    uint32_t queue = m->q.number;
    struct vs_nic_header header;
    uint64_t now = vs_now(&w->txn).v;
    if (m->mail_ps <= now) { /* what comes from now on interrupts again */
        m->mail_ps = m->last_mail_ps > now ? m->last_mail_ps : VS_NIC_NEVER;
        if (nic->cfg.has_mailbox) {
            machine_mail_task(m->mail);
        }
        uint64_t again = machine_virtchnl_task(m->talk);
        if (again) {
            machine_physical_interrupt(m->q.net, MACHINE_HOST_MAIL, again);
        }
        return true;
    }
    if (!vs_nic_rx_ready(nic, queue, vs_now(&w->txn))) { /* it looks, and nothing is there */
        (void)machine_host_look(&m->q, false, m->q.rx_next);
        return false;
    }
    vs_open(&w->txn, VS_OP_HOST_PACKET);
    uint32_t bytes = receive(m, &header);
    if (nic->cfg.physical == VS_NIC_ECHO) {
        answer(m, bytes, &header);
    }
    machine_host_refill(&m->q);
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
        host_worker_interrupt(m->q.worker, at_ps);
    }
}

/* vs_net.admin */
static bool admin(struct vs_vcpu *v)
{
    return machine_net_admin_memory(v) && machine_virtchnl_begin(v->p->net->physical->talk);
}

/* ---- making ---- */

void machine_physical_check(const struct vs_net *net, struct vs_errors *errors)
{
    static const char *const needs[] = {"host_receive", "host_send", "host_mailbox",
                                        "host_virtchnl"};
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
    machine_host_needs(net, needs, sizeof needs / sizeof *needs, "nic.physical",
                       "has no driver of the adapter; take one that has", errors);
}

enum vs_status machine_physical_make(struct vs_net *net)
{
    struct machine_physical *m;
    if (!net->nic_config.physical) {
        return VS_OK;
    }
    net->physical = m = calloc(1, sizeof *m);
    if (!m) {
        return VS_E_NOMEM;
    }
    m->q.net = net;
    m->q.worker = &net->p->worker[0];
    m->q.number = vs_nic_physical_queue(&net->nic);
    m->mail_ps = VS_NIC_NEVER;
    m->mail = machine_mail_make(net, m->q.worker);
    m->talk = machine_virtchnl_make(net, m->q.worker);
    net->admin = admin;
    if (!m->mail || !m->talk) {
        return VS_E_NOMEM;
    }
    if (!machine_host_queue_make(&m->q, true, true) || !machine_net_assign_host(net)) {
        return VS_E_NOMEM;
    }
    struct vs_worker_device device = {m, piece};
    host_worker_serve(m->q.worker, &device);
    machine_host_queue_begin(&m->q);
    return VS_OK;
}

void machine_physical_free(struct vs_net *net)
{
    if (net->physical) {
        machine_mail_free(net->physical->mail);
        machine_virtchnl_free(net->physical->talk);
        machine_host_queue_free(&net->physical->q);
        free(net->physical);
    }
}
