/* SPDX-License-Identifier: MIT */
/*
 * Configuration space and device registers, as software reads and writes them. On bare metal, and
 * of a guest's own registers, a request goes over the link and back; a guest's configuration space
 * and its vectors' table are its hypervisor's to answer, which asks the device in its stead.
 */
#include "handlers.h"

#include "guest/guest.h"

#define ECAM 0xe0000000u /* where a guest's firmware says that configuration space is (Q35) */

/* One access, as its time and its effect need it. */
struct access {
    struct vs_vcpu *v;
    uint32_t function;
    unsigned bar; /* NO_BAR: of configuration space */
    uint64_t offset, value;
    unsigned bytes;
    bool write, done;
};
#define NO_BAR VS_PCI_BARS

/* The function's; the physical one has that of the first. */
static struct vs_pcie *link(const struct access *a)
{
    return vs_net_link(a->v->p->net, a->function ? a->function - 1u : 0);
}

/* Who is asked for: a guest has its own function alone. Fails the run where that is nobody. */
static bool whose(struct vs_vcpu *v, const char *what, unsigned most, uint32_t *function)
{
    struct vs_net *net = v->p->net;
    const struct vs_request *r = &v->request;
    bool own = r->count == VS_REQ_PCI_OWN;
    if (!net) {
        vcpu_refuse(v, "%s: this machine has no NIC (nic.present = 0)", what);
        return false;
    }
    const struct vs_driver *d = &net->driver[v->index];
    *function = own ? d->vf + 1u : (uint32_t)r->count;
    if (r->bytes > most || !r->bytes || r->bytes & (r->bytes - 1u)) {
        vcpu_refuse(v, "%s: %llu bytes; a register is read and written by 1, 2%s 4%s", what,
                    (unsigned long long)r->bytes, most > 4 ? "," : " or", most > 4 ? " or 8" : "");
        return false;
    }
    if (*function > net->pcie_config.total_vfs) {
        vcpu_refuse(v,
                    "%s: function %llu, but the adapter has virtual functions 1 to %llu "
                    "(pcie.sriov.total_vfs) and the physical one, 0",
                    what, (unsigned long long)*function,
                    (unsigned long long)net->pcie_config.total_vfs);
        return false;
    }
    if (v->p->virtualized && *function != d->vf + 1u) {
        vcpu_refuse(v,
                    "%s: function %u; a guest has only the function that was given to it, "
                    "number %u of vCPU %u",
                    what, *function, d->vf + 1u, v->index);
        return false;
    }
    if (!net->find(net)) {
        vcpu_fail(v, "%s: the simulator is out of memory", what);
        return false;
    }
    return true;
}

/* Whether the hypervisor keeps a write of its guest's to itself: vfio-pci lets nobody write a
 * capability that it does not know how to virtualize, and ATS is its IOMMU driver's
 * (drivers/vfio/pci/vfio_pci_config.c). */
static bool withheld(const struct access *a, const struct vs_pci_function *f)
{
    unsigned ats = vs_pci_ats_at(f);
    return a->write && a->v->vm && ats && a->offset >= ats && a->offset < ats + 8u;
}

/* What an access does once it is there. */
static void effect(struct access *a, vs_ps at)
{
    struct vs_net *net = a->v->p->net;
    struct vs_pci_function *f = &net->functions.fn[a->function];
    char why[160];
    if (a->bar != NO_BAR) {
        uint32_t function;
        unsigned bar;
        uint64_t start, bytes, offset;
        bool claimed =
            vs_pci_window(f, &net->functions.fn[0], a->function - 1u, a->bar, &start, &bytes) &&
            vs_pci_device_claims(&net->functions, start + a->offset, &function, &bar, &offset);
        link(a)->count[VS_CNT_pcie_nobody] += !claimed || at.v < f->ready_ps;
        if (!claimed) {
            a->value = VS_PCI_NOBODY >> (64u - 8u * a->bytes);
        } else if (a->write) {
            vs_pci_bar_write(f, bar, offset, a->bytes, a->value, at);
            for (uint32_t i = 0; a->function && a->function <= net->nic.n_fn && i < net->nic.pairs;
                 i++) {
                vs_nic_msix(&net->nic, (a->function - 1u) * net->nic.pairs + i, f->msix[i].address,
                            f->msix[i].data);
            }
        } else {
            a->value = vs_pci_bar_read(f, bar, offset, a->bytes, at);
        }
        return;
    }
    link(a)->count[VS_CNT_pcie_nobody] +=
        !vs_pci_device_enabled(&net->functions, a->function) || at.v < f->ready_ps;
    if (withheld(a, f)) {
        return;
    }
    if (!a->write) {
        a->value =
            vs_pci_device_read(&net->functions, a->function, (unsigned)a->offset, a->bytes, at);
    } else if (vs_pci_device_write(&net->functions, a->function, (unsigned)a->offset, a->bytes,
                                   a->value, at, why, sizeof why)) {
        vcpu_fail(a->v, "pci_write: %s", why);
    }
}

/* The access over the link: a register's write is posted, everything else is waited for. */
static void over_link(void *ctx, struct vs_txn *t)
{
    struct access *a = ctx;
    uint64_t period = a->v->hw->clock.period_ps;
    vs_ps there;
    a->done = true;
    if (a->bar != NO_BAR && a->write) {
        vs_open(t, VS_OP_MMIO_WRITE);
        vs_charge(t, (uint16_t)(link(a)->account + VS_ACC_pcie_mmio_write),
                  (vs_ps){link(a)->cfg.doorbell * period});
        vs_close(t);
        there = vs_pcie_doorbell(link(a), vs_now(t));
    } else {
        there = vs_pcie_ask(link(a), t,
                            a->bar != NO_BAR ? VS_PCIE_READ
                            : a->write       ? VS_PCIE_CONFIG_WRITE
                                             : VS_PCIE_CONFIG_READ,
                            a->bytes, link(a)->cfg.mmio_read * period);
    }
    effect(a, there);
    vcpu_yield(a->v); /* the device may act before the vCPU's horizon */
}

/* A guest's vectors' table is the hypervisor's: what is in it reaches the device through it. */
static bool trapped(const struct vs_net *net, const struct access *a)
{
    const struct vs_pci_function *f = &net->functions.fn[a->function];
    return a->v->p->virtualized &&
           (a->bar == NO_BAR || (a->bar == f->id.msix_bar && f->id.vectors));
}

/* Does an access to a function, by way of the host where it traps. */
static void carry_out(struct access *a)
{
    struct vs_vcpu *v = a->v;
    if (trapped(v->p->net, a)) {
        struct vs_handling how = {.ask = true, .device = true, .work = over_link, .ctx = a};
        uint64_t at = ECAM + ((uint64_t)a->bar << 20) + a->offset;
        vcpu_mmio(v, at, a->bytes, a->write ? VS_REF_WRITE : VS_REF_READ, &how);
    } else {
        vs_txn_settle(&v->txn);
        over_link(a, &v->txn);
    }
    v->reply.value = a->write ? 0 : a->value;
}

/* One of configuration space. */
static void configuration(struct vs_vcpu *v, const char *what, bool write)
{
    const struct vs_request *r = &v->request;
    struct access a = {.v = v,
                       .bar = NO_BAR,
                       .offset = r->a,
                       .value = r->b,
                       .bytes = (unsigned)r->bytes,
                       .write = write};
    if (!whose(v, what, 4, &a.function)) {
        return;
    }
    if (r->a >= VS_PCI_CONFIG || r->a % r->bytes) {
        vcpu_refuse(v,
                    "%s: offset 0x%llx of %llu bytes; configuration space has 4096 bytes, and a "
                    "request lies at a multiple of its size",
                    what, (unsigned long long)r->a, (unsigned long long)r->bytes);
        return;
    }
    carry_out(&a);
}

/* Reads a function's configuration space. */
void request_pci_read(struct vs_vcpu *v)
{
    configuration(v, "pci_read", false);
}

/* Writes a function's configuration space. */
void request_pci_write(struct vs_vcpu *v)
{
    configuration(v, "pci_write", true);
}

/* One of what a base address register is in front of. */
static void memory(struct vs_vcpu *v, const char *what, bool write)
{
    const struct vs_request *r = &v->request;
    struct access a = {.v = v,
                       .bar = (unsigned)r->a,
                       .offset = r->address,
                       .value = r->b,
                       .bytes = (unsigned)r->bytes,
                       .write = write};
    uint64_t at, bytes;
    if (!whose(v, what, 8, &a.function)) {
        return;
    }
    const struct vs_pci_function *f = &v->p->net->functions.fn[a.function];
    if (r->a >= VS_PCI_BARS ||
        !vs_pci_window(f, &v->p->net->functions.fn[0], 0, a.bar, &at, &bytes)) {
        vcpu_refuse(v, "%s: function %u has no BAR %llu; pci_read says which it has", what,
                    a.function, (unsigned long long)r->a);
        return;
    }
    if (r->address >= bytes || r->address % r->bytes) {
        vcpu_refuse(v,
                    "%s: offset 0x%llx; BAR %u has %llu bytes, and an access lies at a multiple "
                    "of its size",
                    what, (unsigned long long)r->address, a.bar, (unsigned long long)bytes);
        return;
    }
    carry_out(&a);
}

/* Reads a function's registers. */
void request_bar_read(struct vs_vcpu *v)
{
    memory(v, "bar_read", false);
}

/* Writes a function's registers. */
void request_bar_write(struct vs_vcpu *v)
{
    memory(v, "bar_write", true);
}
