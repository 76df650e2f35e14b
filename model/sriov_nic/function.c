/* SPDX-License-Identifier: MIT */
/* The adapter's functions as software finds them: what they are, their registers, their reset. */
#include "nic_impl.h"

/* Intel Ethernet Controller X710 datasheet, chapter 11; Linux i40e_devids.h, and iavf_register.h
 * for the registers of a virtual function. */
#define VENDOR_INTEL 0x8086u
#define DEVICE_X710 0x1572u
#define DEVICE_VF 0x154cu
#define CLASS_ETHERNET 0x020000u
#define VECTORS 129u  /* of the physical function */
#define VF_VECTORS 5u /* of a virtual one */
#define MSIX_BAR 3u
#define QTX_TAIL 0x0000u
#define QRX_TAIL 0x2000u
#define RSTAT 0x8800u
#define RESET_COMPLETE 1u
#define VF_ACTIVE 2u

void vs_nic_identity(const struct vs_nic *n, struct vs_pci_identity *physical,
                     struct vs_pci_identity *virtual_function)
{
    *physical = (struct vs_pci_identity){
        .vendor = VENDOR_INTEL,
        .device = DEVICE_X710,
        .class_code = CLASS_ETHERNET,
        .bar = {{1u << 23, true, true}, {0}, {0}, {1u << 15, true, true}},
        .vectors = VECTORS,
        .msix_bar = MSIX_BAR,
        .pending = 0x1000,
        .sriov = {.first = (uint16_t)n->cfg.first_vf,
                  .stride = (uint16_t)n->cfg.stride,
                  .device = DEVICE_VF,
                  .bar = {{1u << 16, true, true}, {0}, {0}, {1u << 14, true, true}}}};
    *virtual_function = (struct vs_pci_identity){
        .vectors = VF_VECTORS, .msix_bar = MSIX_BAR, .pending = 0x2000, .virtual_function = true};
}

/* A virtual function's registers: where its queues end, and whether its reset is over. */
static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned bytes, vs_ps at)
{
    const struct vs_nic_function *f = ctx;
    (void)bytes;
    (void)at;
    if (bar) {
        return 0;
    }
    return offset == QTX_TAIL   ? f->tx.tail
           : offset == QRX_TAIL ? f->rx.tail
           : offset == RSTAT    ? (f->rx.ready ? VF_ACTIVE : RESET_COMPLETE)
                                : 0;
}

/* A ring forgets everything; packets that somebody followed are lost on their way. */
static void empty(struct vs_nic_ring *r)
{
    r->base = 0;
    r->head = r->tail = r->first = r->cached = 0;
    r->ready = false;
}

/* Completions of the function that have not been written back are dropped. */
static void drop_write_backs(struct vs_nic *n, const struct vs_nic_function *f)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->n_write_backs; i++) {
        const struct vs_nic_write_back *b =
            &n->write_back[(n->write_back_first + i) % VS_NIC_WRITE_BACKS];
        if (b->fn != f) {
            n->write_back[(n->write_back_first + kept++) % VS_NIC_WRITE_BACKS] = *b;
        }
    }
    n->n_write_backs = kept;
}

static void reset(void *ctx, vs_ps at)
{
    struct vs_nic_function *f = ctx;
    struct vs_nic *n = f->adapter;
    (void)at;
    for (uint32_t s = f->tx.head; s != f->tx.tail; s = (s + 1u) % f->tx.n) {
        if (f->tx_begun[s]) {
            vs_journey_open(vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_TX));
        }
        f->tx_begun[s] = false;
    }
    for (; f->rx_first != f->rx_done; f->rx_first++) {
        vs_journey_open(vs_ledger_acc(n->ledger, f->actor, VS_OP_PACKET_RX));
    }
    f->rx_seen = f->rx_announced = f->rx_done;
    empty(&f->tx);
    empty(&f->rx);
    drop_write_backs(n, f);
    f->irq_due_ps = VS_NIC_NEVER;
    f->stopped = false;
}

struct vs_function_port vs_nic_function_port(struct vs_nic *n, uint32_t vf)
{
    return (struct vs_function_port){&n->fn[vf], bar_read, NULL, reset};
}
