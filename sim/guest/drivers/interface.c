/* SPDX-License-Identifier: MIT */
/*
 * The driver of a paravirtual interface, which the host's kernel serves: Linux virtio_net with a
 * packed ring (virtio 1.1, 2.7), whose descriptors its device marks as done in their place. It
 * tells its host by an exit, which the host does without while its thread is awake (2.7.7, driver
 * and device event suppression), and does not tell it of receive buffers that it finds itself.
 */
#include "net.h"

#include "guest/guest.h"

#define NOTIFY                                                                                     \
    0xfe003000u /* where each interface has its notification register, four bytes apart */

void guest_interface_ring(struct vs_vcpu *v, struct guest_work *w)
{
    struct vs_net *net = v->p->net;
    if (net->sleeps(net, v->index)) {
        struct vs_handling how = {.eventfd = true, .fast = v->p->ept.vendor == VS_VENDOR_INTEL};
        net->nic.count[VS_CNT_nic_kicks]++;
        vcpu_mmio(v, NOTIFY + 4u * v->index, 2, VS_REF_WRITE, &how);
    }
    vcpu_yield(v); /* the host's thread may act before the vCPU's horizon */
    w->known = vs_cpu_now(&v->hw->cpu);
}

/* The host's thread is told; since when it knows. */
static vs_ps tell(struct vs_vcpu *v)
{
    struct guest_work w = {.known = vs_cpu_now(&v->hw->cpu)};
    (void)guest_run(v, GUEST_DOORBELL, &w);
    return w.known;
}

void guest_interface_buffers(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_net *net = v->p->net;
    vs_nic_rx_offered(&net->nic, d->queue, d->rx_tail);
    if (net->nic_config.zero_copy) { /* the adapter has to have them */
        net->tell(net, v->index, tell(v).v);
    }
}

void guest_interface_frames(struct vs_vcpu *v, struct vs_driver *d)
{
    struct vs_net *net = v->p->net;
    struct vs_nic_doorbell how = {vs_cpu_now_ps(&v->hw->cpu), NULL,
                                  (uint16_t)(net->nic.account + VS_ACC_nic_guest_kick)};
    vs_ps known = tell(v);
    vs_nic_tx_offered(&net->nic, d->queue, d->tx_tail, known, &how);
    net->tell(net, v->index, known.v);
}
