/* SPDX-License-Identifier: MIT */
/* Making the I/O side and running its agents; the drivers on the vCPUs are in driver.c. */
#include "guest/drivers/net.h"

#include "machine_impl.h"

#include <stdlib.h>
#include <string.h>

#define PF_REQUESTER 0x0300u /* bus 3, device 0, function 0 */
#define STEPS 64u            /* of the adapter, at most, before the kernel looks at others */

/* ---- ports ---- */

/* An interrupt reaches the controller of vCPU `apic_id`: a posted one finds its vector in the
 * descriptor. */
static void raise(void *ctx, struct vs_txn *t, uint32_t apic_id, uint8_t vector)
{
    struct vs_net *net = ctx;
    struct vs_platform *p = net->p;
    if (apic_id == MACHINE_HOST_APIC) {
        net->raised = true;
        machine_physical_interrupt(net, vector, t->now_ps);
        machine_interfaces_interrupt(net, vector, t->now_ps);
        return;
    }
    if (apic_id >= p->n_vcpus) {
        return;
    }
    net->raised = true;
    struct vs_vcpu *v = &p->vcpu[apic_id];
    uint8_t device = vcpu_device_irq(v);
    if (machine_net_posts(p) && vector != device) {
        vcpu_notify(v, device, t->now_ps);
    } else {
        vcpu_raise_device(v, vector, t->now_ps);
    }
}

/* The vCPU whose driver has this queue; NULL: none. */
static struct vs_vcpu *vcpu_of(const struct vs_net *net, const struct vs_nic_queue *q)
{
    uint32_t queue = (uint32_t)(q - net->nic.queue);
    for (unsigned i = 0; i < net->p->n_vcpus && queue / net->nic.pairs < net->nic.n_fn; i++) {
        if (net->driver[i].queue == queue) {
            return &net->p->vcpu[i];
        }
    }
    return NULL;
}

/* The descriptor of a queue's vCPU is the IOMMU's to write; that it did is counted at the vCPU. */
static enum vs_msi_result message(void *ctx, struct vs_txn *t, uint16_t requester, uint64_t address,
                                  uint32_t data)
{
    struct vs_net *net = ctx;
    enum vs_msi_result result = net->remapped.write(net->remapped.ctx, t, requester, address, data);
    bool posted = result == VS_MSI_POSTED || result == VS_MSI_POSTED_SILENT;
    for (unsigned i = 0; posted && i < net->nic.n_used * net->nic.pairs; i++) {
        const struct vs_nic_queue *q = &net->nic.queue[i];
        struct vs_vcpu *v =
            q->fn->requester == requester && q->msi_address == address && q->msi_data == data
                ? vcpu_of(net, q)
                : NULL;
        if (v) {
            v->irq.posted(v->irq.ctx, result == VS_MSI_POSTED);
        }
    }
    return result;
}

/* A driver that polls sees a packet from that time on. */
static void there(void *ctx, uint32_t queue, uint64_t at_ps)
{
    struct vs_net *net = ctx;
    struct vs_vcpu *v = vcpu_of(net, &net->nic.queue[queue]);
    if (v) {
        vcpu_device_ready(v, at_ps);
    }
}

/* The adapter's firmware has something to do then. */
static void rung(void *ctx, uint64_t at_ps)
{
    struct vs_net *net = ctx;
    vs_kernel_wake(net->p->kernel, net->nic_agent, at_ps);
}

/* ---- agents ---- */

/* What arrives, what is to be sent and what interrupts are due by now; when there is more.
 * *traffic_ps: when the next packet leaves the other end. */
static vs_inlined uint64_t work(struct vs_net *net, uint64_t now_ps, uint64_t *traffic_ps)
{
    struct vs_nic *n = &net->nic;
    if (*traffic_ps <= now_ps) {
        machine_traffic_send(net, now_ps);
    }
    if (vs_nic_interrupt_due(n) <= now_ps) {
        (void)vs_nic_interrupts(n, (vs_ps){now_ps});
    }
    if (vs_nic_flush_due(n) <= now_ps) {
        (void)vs_nic_flush(n, (vs_ps){now_ps});
    }
    if (vs_nic_admin_due(n) <= now_ps) {
        (void)vs_nic_admin_step(n, (vs_ps){now_ps});
    }
    if (vs_nic_rx_next(n) <= now_ps) {
        (void)vs_nic_rx_step(n, (vs_ps){now_ps});
    }
    uint64_t next = vs_nic_tx_look(n, (vs_ps){now_ps}), interrupt = vs_nic_interrupt_due(n),
             rx = vs_nic_rx_next(n); /* what was sent may have come through the switch */
    uint64_t flush = vs_nic_flush_due(n), admin = vs_nic_admin_due(n);
    next = admin < next ? admin : next;
    next = rx < next ? rx : next;
    next = flush < next ? flush : next;
    next = interrupt < next ? interrupt : next;
    *traffic_ps = machine_traffic_next(net); /* an answer may just have left */
    return *traffic_ps < next ? *traffic_ps : next;
}

/* The adapter's agent: goes on by itself until somebody else may act or has been told something. */
static uint64_t step(void *ctx, uint64_t now_ps, uint64_t horizon_ps)
{
    struct vs_net *net = ctx;
    uint64_t next = now_ps, traffic = machine_traffic_next(net);
    net->raised = false;
    for (unsigned n = 0; n < STEPS && !net->raised; n++) {
        uint64_t at = next;
        next = work(net, at, &traffic);
        if (next >= horizon_ps || next == VS_NIC_NEVER) {
            break;
        }
        next = next > at ? next : at;
    }
    return next == VS_NIC_NEVER ? VS_NEVER : next > now_ps ? next : now_ps;
}

/* ---- making ---- */

/* Adds that nobody there can map as dma.mode says. */
static void check_mode(const struct vs_platform *p, const struct vs_net *net,
                       struct vs_errors *errors)
{
    static const char *const names[] = {"auto", "static", "strict", "lazy", "passthrough"};
    enum vs_dma_mode mode = (enum vs_dma_mode)net->dma_config.mode;
    bool own = net->dma_config.viommu != VS_DMA_NO_VIOMMU,
         nested = net->dma_config.viommu == VS_DMA_NESTED;
    if (nested && (!p->virtualized || !net->iommu_config.mode || !net->iommu_config.first_level)) {
        vs_error(errors, "dma.viommu = nested: a guest's own tables are the first level of its "
                         "devices' translation; take a machine with a hypervisor, such as "
                         "skylake_sp_kvm, and set iommu.mode = scalable and iommu.first_level = 1");
    }
    if (mode == VS_DMA_PASSTHROUGH && own) {
        vs_error(errors,
                 "dma.mode = passthrough: with dma.viommu = %s the guest's own tables are what its "
                 "devices go by; take static, strict or lazy",
                 nested ? "nested" : "emulated");
    }
    if (mode > VS_DMA_STATIC && p->virtualized && !own) {
        vs_error(
            errors,
            "dma.mode = %s: a guest here has no IOMMU of its own to map with; its memory is "
            "mapped for its devices once (dma.mode = static); take a machine without a "
            "hypervisor, such as skylake_sp_native, or one of its own, dma.viommu = emulated, or "
            "iommu.mode = scalable and dma.viommu = nested",
            names[mode]);
    } else if (mode > VS_DMA_STATIC && !net->iommu_config.enabled) {
        vs_error(errors,
                 "dma.mode = %s: without an IOMMU there is nothing to map with; set "
                 "iommu.enabled = 1",
                 names[mode]);
    }
}

/* Adds that a device of a guest's guest has its memory mapped once, by the host. */
static void check_nested(const struct vs_platform *p, const struct vs_net *net,
                         struct vs_errors *errors)
{
    const char *set = net->dma_config.viommu != VS_DMA_NO_VIOMMU ? "dma.viommu = none"
                      : net->dma_config.assigned_in_time         ? "dma.assigned_in_time = 0"
                                                                 : NULL;
    if (p->nested && set) {
        vs_error(errors,
                 "hypervisor.nesting = 1: a device reaches a guest's guest by tables of the host's "
                 "that map all of its memory before the run; what its hypervisor would map in an "
                 "IOMMU of its own is not simulated: %s",
                 set);
    }
}

/* Adds what is wrong with the adapter, its link and its IOMMU, and with their sizes together. */
static void check(const struct vs_net *net, const struct vs_knobs *knobs, struct vs_errors *errors)
{
    const struct vs_platform *p = net->p;
    vs_iommu_check(&net->iommu_config, errors);
    vs_nic_check(&net->nic_config, errors);
    machine_services_check(net, errors);
    machine_vfio_check(p, net, errors);
    machine_viommu_check(p, net, errors);
    machine_physical_check(net, errors);
    machine_interfaces_check(net, errors);
    machine_page_requests_check(p, net, errors);
    if (p->virtualized && !net->iommu_config.enabled) {
        char mode[64];
        vs_error(errors,
                 "iommu.enabled = 0, but paging.mode = %s: a device given to a guest needs DMA "
                 "remapping; take a machine with a hypervisor, such as skylake_sp_kvm, or set "
                 "iommu.enabled = 1, or nic.present = 0",
                 vs_knob_text(vs_knobs_find(knobs, "paging.mode"), mode, sizeof mode));
    }
    if (net->nic_config.vfs > net->pcie_config.total_vfs) {
        vs_error(errors,
                 "nic.vfs = %llu, but pcie.sriov.total_vfs = %llu: an adapter enables at most as "
                 "many virtual functions as it has",
                 (unsigned long long)net->nic_config.vfs,
                 (unsigned long long)net->pcie_config.total_vfs);
    }
    check_mode(p, net, errors);
    check_nested(p, net, errors);
    if (machine_net_posts(p) && !net->iommu_config.remap) {
        vs_error(errors, "vmcs.control.posted_interrupts = 1 needs iommu.interrupt_remapping = 1 "
                         "for device interrupts");
    }
}

/* vCPUs get pairs of queues, one after the other, those of a function within one machine. */
static void give_queues(struct vs_net *net)
{
    uint32_t pairs = net->nic.pairs, vf = 0, used = 0;
    for (unsigned i = 0; i < net->p->n_vcpus; i++) {
        bool other = i && machine_vm_of(net->p, i) != machine_vm_of(net->p, i - 1u);
        if (used == pairs || other) {
            vf++;
            used = 0;
        }
        net->driver[i].vf = vf;
        net->driver[i].queue =
            net->nic.n_interfaces ? vs_nic_interface_queue(&net->nic, vf) : vf * pairs + used;
        used++;
        net->driver[i].domain = &net->domain[vf];
        if (vf < vs_nic_virtual(&net->nic)) {
            vs_nic_spread(&net->nic, vf, used);
        }
    }
    net->n_functions = vf + 1u;
}

/* Whether there is a function for this vCPU. */
static bool may_use(struct vs_vcpu *v, const char *what)
{
    const struct vs_platform *p = v->p;
    const struct vs_net *net = p->net;
    uint32_t vf = net->driver[v->index].vf;
    if (vf >= net->nic_config.vfs) {
        vcpu_refuse(v,
                    "%s: vCPU %u drives virtual function %u, and nic.vfs = %llu; --set "
                    "nic.vfs=%u gives each of the %u vCPUs one%s",
                    what, v->index, vf, (unsigned long long)net->nic_config.vfs, net->n_functions,
                    p->n_vcpus,
                    net->nic.pairs > 1 ? ", or a pair of one's queues (nic.queues)" : "");
        return false;
    }
    return true;
}

/* vs_net.use */
static bool use(struct vs_vcpu *v, const char *what)
{
    struct vs_platform *p = v->p;
    struct vs_net *net = p->net;
    struct vs_driver *d = &net->driver[v->index];
    const char *why;
    if (!net->interfaces && !machine_pci_ready(net, d->vf, vs_cpu_now(&v->hw->cpu).v, &why)) {
        vcpu_fail(v, "%s: virtual function %u %s", what, d->vf, why);
        return false;
    }
    if (d->made) {
        if (d->reset) {
            machine_net_restart(v);
        }
        return true;
    }
    if (!may_use(v, what)) {
        return false;
    }
    d->made = net->interfaces ? machine_interface_assign(v)
                              : (!net->dma_config.assigned_in_time || machine_vfio_assign(v)) &&
                                    machine_net_assign(v);
    if (!d->made && !v->failed) {
        vcpu_refuse(v,
                    "%s: the NIC's rings, buffers and tables (nic.ring.descriptors) do not fit "
                    "into %s; give the machine more",
                    what, p->virtualized ? "guest.memory or host.memory" : "host.memory");
    }
    return d->made;
}

/* A machine without an adapter: whoever asks for a property of it asks for another machine. */
static enum vs_status without(const struct vs_knobs *knobs, struct vs_errors *errors)
{
    enum vs_status s = VS_OK;
    for (size_t i = 0; i < vs_knobs_count(knobs); i++) {
        const struct vs_knob *k = vs_knobs_at(knobs, i);
        if (k->rank == VS_RANK_CLI && k->set_by && strcmp(k->set_by, "recording") != 0 &&
            !strncmp(k->desc->path, "nic.", 4) && strcmp(k->desc->path, "nic.present") != 0) {
            vs_error(
                errors,
                "%s: %s: this machine has no NIC (nic.present = 0); set nic.present=1, or take "
                "a machine that has one, such as skylake_sp_kvm",
                k->set_by, k->desc->path);
            s = VS_E_CONFIG;
        }
    }
    return s;
}

enum vs_status machine_net_make(struct vs_platform *p, const struct vs_knobs *knobs,
                                struct vs_errors *errors)
{
    struct vs_net *net = calloc(1, sizeof *net);
    if (!net) {
        return VS_E_NOMEM;
    }
    net->p = p;
    net->use = use;
    net->pin = machine_net_pin;
    net->find = machine_pci_find;
    machine_pci_pasids(net);
    net->begin = machine_traffic_begin;
    vs_knobs_load(knobs, &vs_nic_desc, &net->nic_config);
    if (!net->nic_config.present) {
        free(net);
        return without(knobs, errors);
    }
    p->net = net;
    vs_knobs_load(knobs, &vs_iommu_desc, &net->iommu_config);
    vs_knobs_load(knobs, &vs_pcie_desc, &net->pcie_config);
    vs_knobs_load(knobs, &vs_dma_engine_desc, &net->engine_config);
    vs_knobs_load(knobs, &vs_dma_desc, &net->dma_config);
    vs_knobs_load(knobs, &vs_ats_desc, &net->ats_config);
    size_t before = errors->n;
    machine_links_load(net, knobs, errors);
    check(net, knobs, errors);
    if (errors->n > before) {
        return VS_E_CONFIG;
    }
    vs_memory_dma_init(&net->dma, &p->memory);
    vs_memory_dma_init(&net->agent, &p->memory);
    struct vs_mem_port walker = vs_memory_agent_port(&net->agent);
    struct vs_dma_mem_port dma = vs_memory_dma_port(&net->dma);
    struct vs_message_port irq = {net, raise};
    enum vs_status s = vs_iommu_init(&net->iommu, &net->iommu_config, p->ledger, p->phys, &walker,
                                     &dma, &irq, p->options.seed);
    if (!s) {
        struct vs_msi_port msi = {net, message};
        net->remapped = vs_iommu_msi_port(&net->iommu);
        s = machine_links_make(net, &msi);
    }
    if (!s) {
        struct vs_upstream_port link = machine_links_upstream(net);
        machine_pci_mask(net, &link);
        s = machine_services_make(net, &link);
        s = s ? s : vs_nic_init(&net->nic, &net->nic_config, p->ledger, &link, PF_REQUESTER);
        net->nic.reader.ctx = net;
        net->nic.reader.there = there;
        net->nic.firmware.ctx = net;
        net->nic.firmware.rung = rung;
        vs_dma_engine_init(&net->engine, &net->engine_config, p->ledger, &link);
    }
    net->driver = calloc(p->n_vcpus, sizeof *net->driver);
    net->domain = calloc(p->n_vcpus, sizeof *net->domain);
    net->reset = calloc(p->n_vcpus, sizeof *net->reset);
    net->vm = calloc(p->n_vms + 1u, sizeof *net->vm);
    s = s || (net->driver && net->domain && net->reset && net->vm) ? s : VS_E_NOMEM;
    if (!s) {
        give_queues(net);
        s = machine_traffic_make(net);
        s = s ? s : machine_physical_make(net);
        s = s ? s : machine_interfaces_make(net);
    }
    if (s) {
        vs_error(errors, "the NIC: %s", vs_status_text(s));
        return s;
    }
    machine_pci_check(net, knobs, errors);
    if (errors->n > before) {
        return VS_E_CONFIG;
    }
    uint16_t iommu = vs_ledger_actor(p->ledger, "iommu0");
    net->dma_account = vs_ledger_accounts(p->ledger, &vs_dma_desc);
    vs_txn_beside(&net->executing, p->ledger, iommu);
    vs_ledger_counters(p->ledger, iommu, &vs_iommu_desc, net->iommu.count);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "nic0"), &vs_dma_desc, net->dma_count);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "nic0/dma"), &vs_memory_desc,
                       net->dma.count);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "iommu0/walker"), &vs_memory_desc,
                       net->agent.count);
    struct vs_agent agent = {"nic0", net, step, NULL};
    if (!vs_kernel_add(p->kernel, &agent, &net->nic_agent)) {
        return VS_E_NOMEM;
    }
    if (net->physical) { /* what is sent to the host comes whether a guest listens or not */
        net->begin(net, vs_nic_physical_queue(&net->nic), 0);
    }
    return VS_OK;
}

void machine_net_end(struct vs_platform *p)
{
    if (p->net) {
        struct vs_net *net = p->net;
        uint64_t end =
            net->nic.tx.now_ps > net->nic.rx.now_ps ? net->nic.tx.now_ps : net->nic.rx.now_ps;
        vs_nic_end(&net->nic, (vs_ps){end > p->end_ps ? end : p->end_ps});
    }
}

void machine_net_free(struct vs_platform *p)
{
    if (p->net) {
        vs_nic_free(&p->net->nic);
        vs_ats_free(&p->net->ats);
        machine_links_free(p->net);
        vs_pci_device_free(&p->net->functions);
        vs_iommu_free(&p->net->iommu);
        for (unsigned i = 0; p->net->driver && i < p->n_vcpus; i++) {
            machine_net_unassign(&p->net->driver[i]);
        }
        for (unsigned i = 0; p->net->domain && i < p->n_vcpus; i++) {
            guest_dma_free(&p->net->domain[i]);
        }
        for (unsigned i = 0; p->net->vm && i <= p->n_vms; i++) {
            free(p->net->vm[i].page_structs);
        }
        free(p->net->driver);
        free(p->net->wanted.page);
        free(p->net->domain);
        free(p->net->reset);
        free(p->net->vm);
        machine_traffic_free(p->net);
        machine_physical_free(p->net);
        machine_interfaces_free(p->net);
        vs_tape_free(&p->net->executed);
        free(p->net);
    }
}
