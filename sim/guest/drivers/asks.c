/* SPDX-License-Identifier: MIT */
/* What a virtual function's driver does whichever way it asks the host's: registers over the link,
 * whether anybody would hear it, and the end of a request (mailbox.c, virtchnl.c). */
#include "guest/guest.h"
#include "net.h"

uint32_t guest_vf_get(struct vs_vcpu *v, uint64_t offset)
{
    struct vs_net *net = v->p->net;
    uint32_t vf = net->driver[v->index].vf;
    struct vs_pcie *link = vs_net_link(net, vf);
    vs_txn_settle(&v->txn);
    vs_ps at =
        vs_pcie_ask(link, &v->txn, VS_PCIE_READ, 4, link->cfg.mmio_read * v->hw->clock.period_ps);
    struct vs_function_port f = vs_nic_function_port(&net->nic, vf);
    return (uint32_t)f.bar_read(f.ctx, 0, offset, 4, at);
}

void guest_vf_put(struct vs_vcpu *v, uint64_t offset, uint32_t value)
{
    struct vs_net *net = v->p->net;
    uint32_t vf = net->driver[v->index].vf;
    struct vs_pcie *link = vs_net_link(net, vf);
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_MMIO_WRITE);
    vs_charge(&v->txn, (uint16_t)(link->account + VS_ACC_pcie_mmio_write),
              (vs_ps){link->cfg.doorbell * v->hw->clock.period_ps});
    vs_close(&v->txn);
    vs_ps at = vs_pcie_doorbell(link, vs_now(&v->txn));
    struct vs_function_port f = vs_nic_function_port(&net->nic, vf);
    f.bar_write(f.ctx, 0, offset, 4, value, at);
}

struct vs_net *guest_vf_heard(struct vs_vcpu *v, const char *what, bool has, const char *lacks)
{
    struct vs_net *net = v->p->net;
    if (!net) {
        vcpu_refuse(v, "%s: this machine has no NIC (nic.present = 0)", what);
    } else if (!has) {
        vcpu_refuse(v, "%s: %s", what, lacks);
    } else if (!net->physical) {
        vcpu_refuse(v,
                    "%s: nobody drives the physical function, and nobody would answer; set "
                    "nic.physical = sink, or echo, and worker.threads = 1",
                    what);
    }
    return net && has && net->physical ? net : NULL;
}

void guest_vf_answered(struct vs_vcpu *v, uint64_t how)
{
    vs_txn_settle(&v->txn);
    vs_close(&v->txn);
    v->reply.value = how;
    v->busy = false;
    vcpu_yield(v);
}
