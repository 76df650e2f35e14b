/* SPDX-License-Identifier: MIT */
/* Making the I/O side and running its agents; the drivers on the vCPUs are in driver.c. */
#include "guest/drivers/net.h"

#include "machine_impl.h"

#include <stdlib.h>
#include <string.h>

#define PF_REQUESTER 0x0300u     /* bus 3, device 0, function 0 */
#define STEPS 64u                /* of the adapter, at most, before the kernel looks at others */
#define PINNED_IOVA (1ull << 47) /* of programs' memory, at their own addresses below */
#define FIRST_IOVA (1ull << 40)  /* of each function's own device addresses */

/* The time as a value of its type. */
static vs_ps ps(uint64_t v)
{
    vs_ps p = {v};
    return p;
}

/* ---- ports ---- */

/* The IOMMU puts a device's interrupt into a descriptor; AVIC's backing pages it does not know. */
static bool posts(const struct vs_platform *p)
{
    return p->posted && !p->avic;
}

/* An interrupt reaches the controller of vCPU `apic_id`: a posted one finds its vector in the
 * descriptor. */
static void raise(void *ctx, struct vs_txn *t, uint32_t apic_id, uint8_t vector)
{
    struct vs_net *net = ctx;
    struct vs_platform *p = net->p;
    if (apic_id >= p->n_vcpus) {
        return;
    }
    net->raised = true;
    struct vs_vcpu *v = &p->vcpu[apic_id];
    uint8_t device = vcpu_device_irq(v);
    if (posts(p) && vector != device) {
        vcpu_notify(v, device, t->now_ps);
    } else {
        vcpu_raise_device(v, vector, t->now_ps);
    }
}

/* Functions that have a vCPU. */
static unsigned functions(const struct vs_net *net)
{
    return net->p->n_vcpus < net->nic.n_fn ? net->p->n_vcpus : net->nic.n_fn;
}

/* The descriptor of a VF's vCPU is the IOMMU's to write; that it did is counted at the vCPU. */
static enum vs_msi_result message(void *ctx, struct vs_txn *t, uint16_t requester, uint64_t address,
                                  uint32_t data)
{
    struct vs_net *net = ctx;
    enum vs_msi_result result = net->remapped.write(net->remapped.ctx, t, requester, address, data);
    bool posted = result == VS_MSI_POSTED || result == VS_MSI_POSTED_SILENT;
    for (unsigned i = 0; posted && i < functions(net); i++) {
        if (net->nic.fn[i].requester == requester) {
            const struct vs_irq_port *irq = &net->p->vcpu[i].irq;
            irq->posted(irq->ctx, result == VS_MSI_POSTED);
        }
    }
    return result;
}

/* ---- agents ---- */

/* The sender at the other end starts a packet every interval, or as soon as the wire is free. */
static void packet_arrives(struct vs_net *net, uint64_t now_ps)
{
    struct vs_nic *n = &net->nic;
    uint64_t next = now_ps + net->nic_config.traffic_ns * 1000u;
    vs_nic_rx_arrive(n, net->next_vf, (uint32_t)net->nic_config.traffic_bytes, ps(now_ps));
    net->next_vf = (net->next_vf + 1) % functions(net);
    net->next_packet_ps = next > n->wire_rx_busy_ps ? next : n->wire_rx_busy_ps;
}

/* What arrives, what is to be sent and what interrupts are due by now; when there is more. */
static uint64_t work(struct vs_net *net, uint64_t now_ps)
{
    struct vs_nic *n = &net->nic;
    bool traffic = net->traffic && net->nic_config.traffic_ns;
    if (traffic && net->next_packet_ps <= now_ps) {
        packet_arrives(net, now_ps);
    }
    uint64_t interrupt = vs_nic_interrupts(n, ps(now_ps)), rx = vs_nic_rx_step(n, ps(now_ps)),
             tx = vs_nic_tx_step(n, ps(now_ps)), next = rx < tx ? rx : tx;
    interrupt = interrupt < vs_nic_interrupt_due(n) ? interrupt : vs_nic_interrupt_due(n);
    next = interrupt < next ? interrupt : next;
    return traffic && net->next_packet_ps < next ? net->next_packet_ps : next;
}

/* The adapter's agent: goes on by itself until somebody else may act or has been told something. */
static uint64_t step(void *ctx, uint64_t now_ps, uint64_t horizon_ps)
{
    struct vs_net *net = ctx;
    uint64_t next = now_ps;
    net->raised = false;
    for (unsigned n = 0; n < STEPS && !net->raised; n++) {
        uint64_t at = next;
        next = work(net, at);
        if (next >= horizon_ps || next == VS_NIC_NEVER) {
            break;
        }
        next = next > at ? next : at;
    }
    return next == VS_NIC_NEVER ? VS_NEVER : next > now_ps ? next : now_ps;
}

/* ---- making ---- */

/* A cleared page of host memory for a table; 0: none is left. */
static uint64_t page(struct vs_platform *p)
{
    static const unsigned char zero[4096];
    uint64_t at = 0;
    if (vs_frames_alloc(p->frames, 12, &at)) {
        vs_hpa h = {at};
        vs_phys_write(p->phys, h, zero, sizeof zero);
    }
    return at;
}

/* The same, as the IOMMU's tables ask for it. */
static bool table(void *ctx, uint64_t *value, uint64_t *at)
{
    *value = *at = page(ctx);
    return *at != 0;
}

/* A driver's memory, visible to its device: mapped in the guest and, page by page, in the IOMMU. */
static uint64_t area(struct vs_vcpu *v, uint64_t bytes, uint64_t second_level, uint64_t *iova)
{
    struct vs_platform *p = v->p;
    struct vs_radix_alloc alloc = {p, table, NULL, 0};
    uint64_t gpa = 0, hpa = 0;
    *iova = 0;
    if (!p->net->iommu_config.enabled) {
        /* devices see physical addresses: one large page keeps an area in one piece */
        unsigned shift = bytes <= 1u << 21 ? 21 : 30;
        if (vs_radix_fit(&v->space.format, shift) < shift) {
            shift = vs_radix_fit(&v->space.format, 63); /* Arm's larger granules */
        }
        uint64_t at = guest_mm_driver(v, bytes, shift);
        if (!at || vs_space_touch(&v->space, at, shift, true, true) ||
            !vs_space_locate(&v->space, at, &gpa, iova)) {
            return 0;
        }
        return at;
    }
    unsigned shift = v->space.format.granule;
    uint64_t at = guest_mm_driver(v, bytes, shift), low = (1ull << shift) - 1u;
    *iova = at - p->layout.drivers + FIRST_IOVA; /* one run of device addresses per area */
    for (uint64_t done = 0; at && done < bytes; done += 4096) {
        if ((!(done & low) && vs_space_touch(&v->space, at + done, shift, true, true)) ||
            !vs_space_locate(&v->space, at + done, &gpa, &hpa)) {
            return 0;
        }
        if (vs_radix_map(p->phys, &vs_radix_vtd, second_level, *iova + done, hpa, 12, 3, &alloc)) {
            return 0;
        }
    }
    return at;
}

/* Gives the driver of a vCPU's virtual function its rings and buffers, and the device their
 * mappings. */
static bool make_driver(struct vs_net *net, struct vs_vcpu *v)
{
    struct vs_platform *p = net->p;
    struct vs_driver *d = &net->driver[v->index];
    uint64_t ring = net->nic_config.ring * 16u, buffers = net->nic_config.ring * VS__NET_BUFFER;
    vs_hpa second_level = {page(p)}, context = {page(p)};
    v->space.global = p->ept.global_pages != 0;
    d->tx_ring = area(v, ring, second_level.v, &d->tx_iova);
    d->rx_ring = area(v, ring, second_level.v, &d->rx_iova);
    d->tx_buffers = area(v, buffers, second_level.v, &d->tx_buffers_iova);
    d->rx_buffers = area(v, buffers, second_level.v, &d->rx_buffers_iova);
    v->space.global = false;
    if (!d->tx_ring || !d->rx_ring || !d->tx_buffers || !d->rx_buffers || !second_level.v ||
        !context.v) {
        return false;
    }
    uint16_t requester = net->nic.fn[v->index].requester;
    d->second_level = second_level.v;
    vs_iommu_attach(&net->iommu, requester, (uint16_t)(v->index + 1u), second_level, context);
    vs_nic_rings(&net->nic, v->index, d->tx_iova, d->rx_iova);
    uint64_t address;
    uint32_t data;
    if (net->iommu_config.remap) {
        vs_hpa descriptor = {posts(p) ? v->irq.descriptor.v : 0};
        vs_iommu_route(&net->iommu, v->index, requester, v->index, vcpu_device_irq(v), descriptor);
        vs_iommu_msi(v->index, &address, &data);
    } else {
        address = 0xfee00000u | (uint64_t)v->index << 12;
        data = vcpu_device_irq(v);
    }
    vs_nic_msix(&net->nic, v->index, address, data);
    return true;
}

/* Adds what is wrong with the adapter, its link and its IOMMU, and with their sizes together. */
static void check(const struct vs_net *net, const struct vs_knobs *knobs, struct vs_errors *errors)
{
    const struct vs_platform *p = net->p;
    vs_iommu_check(&net->iommu_config, errors);
    vs_pcie_check(&net->pcie_config, errors);
    vs_nic_check(&net->nic_config, errors);
    if (p->virtualized && !net->iommu_config.enabled) {
        char mode[64];
        vs_error(errors,
                 "iommu.enabled = 0, but paging.mode = %s: a device given to a guest needs DMA "
                 "remapping; take a machine with a hypervisor, such as skylake_sp_kvm, or set "
                 "iommu.enabled = 1, or nic.present = 0",
                 vs_knob_text(vs_knobs_find(knobs, "paging.mode"), mode, sizeof mode));
    }
    if (posts(p) && !net->iommu_config.remap) {
        vs_error(errors, "vmcs.control.posted_interrupts = 1 needs iommu.interrupt_remapping = 1 "
                         "for device interrupts");
    }
}

/* Whether there is a function for this vCPU. */
static bool may_use(struct vs_vcpu *v, const char *what)
{
    const struct vs_platform *p = v->p;
    const struct vs_net *net = p->net;
    if (v->index >= net->nic.n_fn) {
        vcpu_refuse(v,
                    "%s: vCPU %u drives virtual function %u, and nic.vfs = %u; --set "
                    "nic.vfs=%u gives each of the %u vCPUs one",
                    what, v->index, v->index, net->nic.n_fn, p->n_vcpus, p->n_vcpus);
        return false;
    }
    return true;
}

/* The host-physical address of a page of a program; false: it has none. */
static bool page_of(struct vs_vcpu *v, uint64_t at, uint64_t *hpa)
{
    uint64_t gpa;
    return vs_space_locate(&v->space, at, &gpa, hpa);
}

/* log2 of the largest page of the IOMMU that maps `at` and what follows it within `end`: its frames
 * lie in a row, as software that maps for a device finds out. */
static unsigned fitting(struct vs_vcpu *v, uint64_t at, uint64_t end, uint64_t hpa)
{
    uint64_t size = 1u << 21, next;
    if (!v->p->net->iommu_config.superpages || (at | hpa) & (size - 1u) || end - at < size) {
        return 12;
    }
    for (uint64_t done = 4096; done < size; done += 4096) {
        if (!page_of(v, at + done, &next) || next != hpa + done) {
            return 12;
        }
    }
    return 21;
}

/* vs_net.pin: at the same addresses, above those of the driver's areas; without remapping a device
 * sees physical ones, and needs them in a row. */
static bool pin(struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t *iova)
{
    struct vs_net *net = v->p->net;
    struct vs_radix_alloc alloc = {v->p, table, NULL, 0};
    uint64_t first = at & ~0xfffull, end = (at + bytes + 4095u) & ~0xfffull, hpa, start;
    if (!net->use(v, "dma")) {
        return false;
    }
    struct vs_driver *d = &net->driver[v->index];
    bool remapped = net->iommu_config.enabled, there = page_of(v, first, &start);
    for (uint64_t a = first; there && a < end;) {
        unsigned shift = 12;
        there = page_of(v, a, &hpa) && (remapped || hpa == start + (a - first));
        if (there && remapped && !(a >= d->pinned_at && a < d->pinned_end)) {
            shift = fitting(v, a, end, hpa);
            there = !vs_radix_map(v->p->phys, &vs_radix_vtd, d->second_level, PINNED_IOVA | a, hpa,
                                  shift, 3, &alloc);
        }
        a += 1ull << shift;
    }
    if (!there) {
        vcpu_fail(v, remapped ? "dma: not all of the region has memory behind it (map it with "
                                "backing = \"eager\"), or there is none left for the IOMMU's tables"
                              : "dma: without an IOMMU a device needs memory in one piece: map the "
                                "region with page = \"2M\" or \"1G\" and no larger than one page");
        return false;
    }
    d->pinned_at = first;
    d->pinned_end = end;
    *iova = remapped ? PINNED_IOVA | at : start + (at - first);
    return true;
}

/* vs_net.use */
static bool use(struct vs_vcpu *v, const char *what)
{
    struct vs_platform *p = v->p;
    struct vs_net *net = p->net;
    struct vs_driver *d = &net->driver[v->index];
    if (d->made) {
        return true;
    }
    if (!may_use(v, what)) {
        return false;
    }
    if (!net->used) {
        vs_hpa root = {page(p)}, irt = {page(p)}, queue = {page(p)};
        vs_iommu_set_tables(&net->iommu, root, irt, 256, queue);
        net->used = root.v && irt.v && queue.v;
    }
    d->made = net->used && make_driver(net, v);
    if (!d->made) {
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
    net->pin = pin;
    vs_knobs_load(knobs, &vs_nic_desc, &net->nic_config);
    if (!net->nic_config.present) {
        free(net);
        return without(knobs, errors);
    }
    p->net = net;
    vs_knobs_load(knobs, &vs_iommu_desc, &net->iommu_config);
    vs_knobs_load(knobs, &vs_pcie_desc, &net->pcie_config);
    vs_knobs_load(knobs, &vs_dma_engine_desc, &net->engine_config);
    size_t before = errors->n;
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
        struct vs_dma_port up = vs_iommu_dma_port(&net->iommu);
        struct vs_msi_port msi = {net, message};
        net->remapped = vs_iommu_msi_port(&net->iommu);
        s = vs_pcie_init(&net->pcie, &net->pcie_config, p->ledger, &up, &msi);
    }
    if (!s) {
        struct vs_upstream_port link = vs_pcie_upstream(&net->pcie);
        s = vs_nic_init(&net->nic, &net->nic_config, p->ledger, &link, PF_REQUESTER);
        vs_dma_engine_init(&net->engine, &net->engine_config, p->ledger, &link);
    }
    net->driver = calloc(p->n_vcpus, sizeof *net->driver);
    s = s || net->driver ? s : VS_E_NOMEM;
    if (s) {
        vs_error(errors, "the NIC: %s", vs_status_text(s));
        return s;
    }
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "iommu0"), &vs_iommu_desc,
                       net->iommu.count);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "pcie0"), &vs_pcie_desc,
                       net->pcie.count);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "nic0/dma"), &vs_memory_desc,
                       net->dma.count);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "iommu0/walker"), &vs_memory_desc,
                       net->agent.count);
    struct vs_agent agent = {"nic0", net, step};
    return vs_kernel_add(p->kernel, &agent, &net->nic_agent) ? VS_OK : VS_E_NOMEM;
}

void machine_net_end(struct vs_platform *p)
{
    if (p->net) {
        struct vs_net *net = p->net;
        uint64_t end =
            net->nic.tx.now_ps > net->nic.rx.now_ps ? net->nic.tx.now_ps : net->nic.rx.now_ps;
        vs_nic_end(&net->nic, ps(end > p->end_ps ? end : p->end_ps));
    }
}

void machine_net_free(struct vs_platform *p)
{
    if (p->net) {
        vs_nic_free(&p->net->nic);
        vs_pcie_free(&p->net->pcie);
        vs_iommu_free(&p->net->iommu);
        free(p->net->driver);
        free(p->net);
    }
}
