/* SPDX-License-Identifier: MIT */
/*
 * The adapter's functions in configuration space, as firmware and the host's kernel leave them, and
 * what a driver sets there. A machine on which nobody looks at it makes none of it.
 */
#include "machine_impl.h"

#include <stdio.h>
#include <string.h>

#define MEMORY (1ull << 42) /* where 64-bit registers' memory begins: above any memory here */
#define COMMAND 0x04u
#define MEMORY_AND_MASTER 6u
#define MSIX_CONTROL (VS_PCI_MSIX + 2u)
#define MSIX_ENABLE 0x8000u
#define NANOSECONDS 1000000u /* picoseconds of a microsecond */

/* A write of a driver's, whose time is in its program. */
static void set(struct vs_pci_function *f, unsigned offset, uint64_t value)
{
    static const vs_ps later = {UINT64_MAX}; /* any reset is over */
    (void)vs_pci_write(f, offset, 2, value, later, 0);
}

/* A driver that begins enables its function and gives each queue's vector what is to be sent. */
static void start(struct vs_net *net, uint32_t fn)
{
    struct vs_pci_function *f = &net->functions.fn[fn < vs_nic_virtual(&net->nic) ? 1u + fn : 0];
    for (uint32_t i = 0; i < net->nic.pairs; i++) {
        const struct vs_nic_queue *q = &net->nic.fn[fn].queue[i];
        f->msix[i] = (struct vs_msix_entry){q->msi_address, q->msi_data, 0};
    }
    for (uint32_t i = 0; i < net->nic.n_fn && net->interfaces; i++) {
        const struct vs_nic_queue *q = &net->nic.queue[i];
        f->msix[vs_nic_pool_vector(&net->nic, i)] =
            (struct vs_msix_entry){q->msi_address, q->msi_data, 0};
    }
    if (fn < vs_nic_virtual(&net->nic) && net->nic_config.has_virtchnl) { /* of admin queues */
        f->msix[net->nic.pairs] = f->msix[0];
    }
    if (fn == net->nic.n_fn && net->physical) { /* and the one for mailboxes */
        f->msix[net->nic.pairs] =
            (struct vs_msix_entry){net->nic.mail_address, net->nic.mail_data, 0};
    }
    set(f, COMMAND, MEMORY_AND_MASTER);
    set(f, MSIX_CONTROL, MSIX_ENABLE);
    if (f->id.ats) { /* whoever gives the function its domain, as Linux's pci_enable_ats() does */
        set(f, vs_pci_ats_at(f) + VS_PCI_ATS_CONTROL, VS_PCI_ATS_ENABLE);
    }
}

void machine_pci_start(struct vs_net *net, uint32_t vf)
{
    if (net->found) {
        start(net, vf);
    }
}

bool machine_pci_ready(const struct vs_net *net, uint32_t vf, uint64_t at_ps, const char **why)
{
    const struct vs_pci_function *f = net->found ? &net->functions.fn[1u + vf] : NULL;
    *why = !f                                                 ? NULL
           : !vs_pci_device_enabled(&net->functions, 1u + vf) ? "is not enabled (SR-IOV control)"
           : at_ps < f->ready_ps ? "is being reset: software waits pcie.flr.us before it goes on"
           : !net->reset[vf] && !vs_pci_master(f)
               ? "may not send requests: Bus Master Enable is clear in its command register"
               : NULL;
    return !*why;
}

/* vs_upstream_port.fires: the first vectors of each function are its queues'. */
static bool fires(void *ctx, uint16_t requester, uint32_t vector)
{
    struct vs_net *net = ctx;
    if (!net->found) {
        return true;
    }
    uint32_t fn = vs_nic_function_of(&net->nic, requester);
    return vs_msix_fire(&net->functions.fn[fn < net->nic.n_fn ? 1u + fn : 0], vector);
}

/* vs_ats.on */
static bool services_on(void *ctx, uint16_t requester)
{
    const struct vs_net *net = ctx;
    uint32_t fn = vs_nic_function_of(&net->nic, requester);
    return fn < net->nic.n_fn && (!net->found || vs_pci_ats(&net->functions.fn[1u + fn]));
}

/* vs_pci_function.services: a device that begins or ends to keep translations has none. */
static void services_changed(void *ctx, const struct vs_pci_function *f)
{
    struct vs_net *net = ctx;
    vs_ats_reset(&net->ats, f->requester);
}

void machine_pci_services(struct vs_net *net)
{
    net->ats.on = services_on;
    net->ats.on_ctx = net;
}

void machine_pci_mask(struct vs_net *net, struct vs_upstream_port *link)
{
    link->fires = fires;
    link->fires_ctx = net;
}

/* A message that was kept while its vector was masked. */
static void send(void *ctx, const struct vs_pci_function *f, uint32_t vector, vs_ps at)
{
    struct vs_net *net = ctx;
    struct vs_txn *t = &net->engine.dma; /* beside every line, as what a device is told to do */
    t->now_ps = at.v;
    vs_open(t, VS_OP_MSI);
    (void)vs_pcie_message(machine_link_use(net, f->requester), t, f->requester,
                          f->msix[vector].address, f->msix[vector].data);
    vs_close(t);
    net->nic.count[VS_CNT_nic_interrupts]++;
}

/* The drivers of a function that is reset begin again, when they next have something to do. */
static void reset(void *ctx, vs_ps at)
{
    struct vs_nic_function *nic = ctx;
    struct vs_net *net = (struct vs_net *)((char *)nic->adapter - offsetof(struct vs_net, nic));
    uint32_t vf = (uint32_t)(nic - net->nic.fn);
    struct vs_function_port device = vs_nic_function_port(&net->nic, vf);
    device.reset(device.ctx, at);
    vs_ats_reset(&net->ats, nic->requester);
    for (unsigned i = 0; i < net->p->n_vcpus; i++) {
        if (net->driver[i].vf == vf) {
            net->driver[i].reset = net->driver[i].made;
            net->reset[vf] = net->reset[vf] || net->driver[i].made;
        }
    }
}

void machine_pci_silence(struct vs_net *net, uint32_t vf, vs_ps at)
{
    reset(&net->nic.fn[vf], at);
}

/* What is behind a function's registers; the physical one's and those of functions that no queue
 * was made for hold nothing. */
static void port(void *ctx, uint32_t function, struct vs_function_port *out)
{
    struct vs_net *net = ctx;
    if (function && function <= vs_nic_virtual(&net->nic)) {
        *out = vs_nic_function_port(&net->nic, function - 1u);
        out->reset = reset;
    }
}

/* The link's properties, as a function states them. */
static void link_of(struct vs_pci_identity *id, const struct vs_pcie_config *c)
{
    id->mps = (uint32_t)c->mps;
    id->mrrs = (uint32_t)c->mrrs;
    id->generation = (uint32_t)c->generation;
    id->width = (uint32_t)c->width;
}

/* What both kinds of functions say of themselves, and where the machine states their memory. */
static struct vs_pci_places identities(struct vs_net *net, struct vs_pci_identity *physical,
                                       struct vs_pci_identity *virtual_function)
{
    const struct vs_pcie_config *c = &net->pcie_config;
    vs_nic_identity(&net->nic, physical, virtual_function);
    link_of(physical, &net->link_config[0]);
    link_of(virtual_function, &net->link_config[0]);
    physical->sriov.total = physical->sriov.initial = (uint16_t)c->total_vfs;
    physical->ats = virtual_function->ats = net->ats_config.enabled;
    physical->pasid_width = (uint8_t)net->ats_config.pasid_width;
    physical->pasid_execute = physical->pasid_privileged = true;
    physical->page_requests = (uint32_t)net->ats_config.page_requests;
    physical->bar[0].bytes = c->pf_bar0;
    physical->bar[3].bytes = c->pf_bar3;
    physical->sriov.bar[0].bytes = c->vf_bar0;
    physical->sriov.bar[3].bytes = c->vf_bar3;
    return (struct vs_pci_places){{c->pf_bar0_at, 0, 0, c->pf_bar3_at},
                                  {c->vf_bar0_at, 0, 0, c->vf_bar3_at}};
}

/* Who stated a register's address or size, and as what; NULL: nobody. */
static const char *who(const struct vs_knobs *knobs, const char *bar, char out[VS_PCI_BAR_NAME])
{
    static const char *const of[] = {"address", "bytes"};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char path[64];
        snprintf(path, sizeof path, "pcie.%s.%s", bar, of[i]);
        const struct vs_knob *k = vs_knobs_find(knobs, path);
        if (k->set_by) {
            snprintf(out, VS_PCI_BAR_NAME, "%s: %s", k->set_by, path);
            return out;
        }
    }
    return NULL;
}

void machine_pci_check(struct vs_net *net, const struct vs_knobs *knobs, struct vs_errors *errors)
{
    struct vs_pci_identity physical, virtual_function;
    struct vs_pci_places stated = identities(net, &physical, &virtual_function);
    char name[4][VS_PCI_BAR_NAME];
    size_t before = errors->n;
    physical.bar[0].stated = who(knobs, "pf.bar0", name[0]);
    physical.bar[3].stated = who(knobs, "pf.bar3", name[1]);
    physical.sriov.bar[0].stated = who(knobs, "vf.bar0", name[2]);
    physical.sriov.bar[3].stated = who(knobs, "vf.bar3", name[3]);
    memcpy(virtual_function.bar, physical.sriov.bar, sizeof virtual_function.bar);
    vs_pci_check(&physical, errors);
    if (errors->n == before) { /* the virtual ones' table; their registers were checked before */
        vs_pci_check(&virtual_function, errors);
    }
    if (errors->n == before) {
        vs_pci_places_check(&physical, &stated, MEMORY, errors);
    }
}

/* vs_net.may_prefix: virtual functions go by their physical function's capability. */
static bool may_prefix(const struct vs_net *net, uint32_t prefix)
{
    return net->found && vs_pci_may_prefix(&net->functions.fn[0], prefix);
}

/* vs_net.enable_pasids: as Linux's pci_enable_pasid() does, before translation services are on, and
 * pci_enable_pri() with all requests that the device can have. */
static bool enable_pasids(struct vs_net *net)
{
    if (!machine_pci_find(net)) {
        return false;
    }
    struct vs_pci_function *f = &net->functions.fn[0];
    unsigned pri = vs_pci_pri_at(f);
    set(f, vs_pci_pasid_at(f) + VS_PCI_PASID_CONTROL,
        VS_PCI_PASID_ENABLE | VS_PCI_PASID_EXECUTE | VS_PCI_PASID_PRIVILEGED);
    if (pri) {
        set(f, pri + VS_PCI_PRI_ALLOCATION, f->id.page_requests);
        set(f, pri + VS_PCI_PRI_CONTROL, VS_PCI_PRI_ENABLE);
    }
    return true;
}

void machine_pci_responded(struct vs_net *net, bool unexpected, bool failed)
{
    if (net->found && (unexpected || failed)) {
        vs_pci_page_response(&net->functions.fn[0], unexpected, failed);
    }
}

void machine_pci_pasids(struct vs_net *net)
{
    net->may_prefix = may_prefix;
    net->enable_pasids = enable_pasids;
    machine_page_requests_make(net);
}

bool machine_pci_find(struct vs_net *net)
{
    struct vs_pci_identity physical, virtual_function;
    if (net->found) {
        return true;
    }
    struct vs_pci_places at = identities(net, &physical, &virtual_function);
    at = vs_pci_layout(&physical, &at, MEMORY);
    uint16_t requester = net->nic.pf_requester;
    if (vs_pci_device_init(&net->functions, &physical, &virtual_function, requester,
                           net->pcie_config.flr_us * NANOSECONDS, port, net)) {
        vs_pci_device_free(&net->functions);
        return false;
    }
    vs_pci_device_place(&net->functions, &at, vs_nic_virtual(&net->nic));
    for (uint32_t i = 0; i < net->functions.n; i++) {
        net->functions.fn[i].send = send;
        net->functions.fn[i].send_ctx = net;
    }
    net->found = true;
    for (uint32_t vf = 0; vf < vs_nic_virtual(&net->nic) && vf < net->n_functions; vf++) {
        if (net->domain[vf].attached) {
            start(net, vf);
        }
    }
    if (net->physical || net->interfaces) {
        start(net, vs_nic_physical(&net->nic));
    }
    for (uint32_t i = 0; i < net->functions.n;
         i++) { /* from now on: they were as start() has them */
        net->functions.fn[i].services = services_changed;
    }
    return true;
}
