/* SPDX-License-Identifier: MIT */
/* The adapter's functions as software finds them: what they are, their registers, their reset. */
#include "nic_impl.h"

#include <string.h>

/* Intel Ethernet Controller X710 datasheet, chapter 11; Linux i40e_devids.h, and iavf_register.h
 * for the registers of a virtual function. */
#define VENDOR_INTEL 0x8086u
#define DEVICE_X710 0x1572u
#define DEVICE_VF 0x154cu
#define CLASS_ETHERNET 0x020000u
#define VECTORS 129u  /* of the physical function */
#define VF_VECTORS 5u /* of a virtual one: four queues' and one for the rest */
#define MSIX_BAR 3u
#define QRX_TAIL 0x2000u /* of each queue, four bytes apart, as QTX_TAIL from 0 on */
#define MAIL_END (VS_NIC_VFMBMEM + 4u * VS_NIC_MAIL_WORDS)

void vs_nic_identity(const struct vs_nic *n, struct vs_pci_identity *physical,
                     struct vs_pci_identity *virtual_function)
{
    *physical = (struct vs_pci_identity){
        .vendor = VENDOR_INTEL,
        .device = DEVICE_X710,
        .class_code = CLASS_ETHERNET,
        .bar = {[0] = {.bytes = 1u << 23, .wide = true, .prefetch = true},
                [3] = {.bytes = 1u << 15, .wide = true, .prefetch = true}},
        .vectors = VECTORS,
        .msix_bar = MSIX_BAR,
        .pending = 0x1000,
        .sriov = {.first = (uint16_t)n->cfg.first_vf,
                  .stride = (uint16_t)n->cfg.stride,
                  .device = DEVICE_VF,
                  .bar = {[0] = {.bytes = 1u << 16, .wide = true, .prefetch = true},
                          [3] = {.bytes = 1u << 14, .wide = true, .prefetch = true}}}};
    *virtual_function =
        (struct vs_pci_identity){.vectors = n->pairs < VF_VECTORS ? VF_VECTORS : n->pairs + 1u,
                                 .msix_bar = MSIX_BAR,
                                 .pending = 0x2000,
                                 .virtual_function = true};
}

/* The function has a mailbox there; its registers are read and written by four bytes. */
static bool mailbox(const struct vs_nic_function *f, unsigned bar, uint64_t offset, unsigned bytes)
{
    bool there = offset == VS_NIC_VFMAILBOX || (offset >= VS_NIC_VFMBMEM && offset < MAIL_END);
    return f->adapter->cfg.has_mailbox && !bar && there && bytes == 4 && offset % 4u == 0;
}

/* vs_function_port.bar_write */
static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned bytes, uint64_t value,
                      vs_ps at)
{
    struct vs_nic_function *f = ctx;
    if (mailbox(f, bar, offset, bytes)) {
        vs_nic_mailbox_write(f->adapter, (uint32_t)(f - f->adapter->fn), offset, (uint32_t)value,
                             at);
    } else if (!bar && bytes == 4) {
        vs_nic_admin_write(f->adapter, (uint32_t)(f - f->adapter->fn), offset, (uint32_t)value, at);
    }
}

/* A virtual function's registers: where its queues end, its mailbox or admin queues, and whether
 * its reset is over. */
static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned bytes, vs_ps at)
{
    const struct vs_nic_function *f = ctx;
    if (bar) {
        return 0;
    }
    if (mailbox(f, bar, offset, bytes)) {
        return vs_nic_mailbox_read(f->adapter, (uint32_t)(f - f->adapter->fn), offset, at);
    }
    uint64_t pairs = f->adapter->pairs;
    if (offset % 4u == 0 && offset / 4u < pairs) {
        return f->queue[offset / 4u].tx.tail;
    }
    if (offset % 4u == 0 && offset >= QRX_TAIL && (offset - QRX_TAIL) / 4u < pairs) {
        return f->queue[(offset - QRX_TAIL) / 4u].rx.tail;
    }
    return offset == VS_NIC_RSTAT
               ? vs__nic_reset_state(f, at)
               : vs_nic_admin_read(f->adapter, (uint32_t)(f - f->adapter->fn), offset, at);
}

/* A ring forgets everything; packets that somebody followed are lost on their way. */
static void empty(struct vs_nic_ring *r)
{
    r->base = 0;
    r->head = r->tail = r->first = r->cached = r->kept.n = 0;
    r->kept.due_ps = VS_NIC_NEVER;
    r->ready = false;
}

/* Empties a pair of queues; packets under way are lost. */
static void reset_queue(struct vs_nic *n, struct vs_nic_queue *q)
{
    for (uint32_t s = q->tx.head; s != q->tx.tail; s = (s + 1u) % q->tx.n) {
        if (q->tx_begun[s]) {
            vs_journey_open(vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_TX));
        }
        q->tx_begun[s] = false;
    }
    for (; q->rx_first != q->rx_done; q->rx_first++) {
        vs_journey_open(vs_ledger_acc(n->ledger, q->actor, VS_OP_PACKET_RX));
    }
    memset(q->rx_follows, 0, q->rx.n * sizeof *q->rx_follows);
    q->aggregate = (struct vs_nic_aggregate){.due_ps = VS_NIC_NEVER};
    q->rx_seen = q->rx_announced = q->rx_written = q->rx_done;
    empty(&q->tx);
    empty(&q->rx);
    vs__nic_drop_write_backs(n, q);
    q->irq_due_ps = VS_NIC_NEVER;
    q->stopped = q->off[0] = q->off[1] = false;
    q->vector = (uint32_t)(q - q->fn->queue);
}

/* Resets a function. */
static void reset(void *ctx, vs_ps at)
{
    struct vs_nic_function *f = ctx;
    (void)at;
    for (uint32_t i = 0; i < f->adapter->pairs; i++) {
        reset_queue(f->adapter, &f->queue[i]);
    }
    vs__nic_mailbox_reset(&f->mailbox);
    vs__nic_admin_reset(f);
}

struct vs_function_port vs_nic_function_port(struct vs_nic *n, uint32_t vf)
{
    return (struct vs_function_port){&n->fn[vf], bar_read, bar_write, reset};
}
