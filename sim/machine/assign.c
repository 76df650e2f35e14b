/* SPDX-License-Identifier: MIT */
/*
 * Functions are given to machines: the domain of a virtual machine, whose memory its devices find
 * at guest-physical addresses, by host page, as VFIO maps it; on bare metal a domain of each
 * function's own. And what a driver has in it: rings, buffers.
 */
#include "vfio.h"

#include "guest/guest.h"

#include <stdlib.h>

#define PAGE 4096u
#define PAGE_REQUESTS_ORDER 4u      /* pages of the queue of page requests: PRQ_ORDER of Linux */
#define PINNED_IOVA (1ull << 47)    /* of programs' memory on bare metal, at their own addresses */
#define PINNED_FIRST (1ull << 46)   /* the same in a first level, whose addresses are canonical */
#define DOMAINS_OF_FUNCTIONS 0x100u /* ids of what no virtual machine has */
#define HOST_DOMAIN 0xffu           /* id of what passes through for the host */
#define HOST_ENTRY 255u             /* of the interrupt remapping table, and the one before */
#define LAST (1ull << 32)           /* device addresses are given out below */

/* A cleared page of host memory for a table, on the devices' node; 0: none is left. */
static uint64_t page(struct vs_platform *p)
{
    static const unsigned char zero[PAGE];
    uint64_t at = 0;
    if (vs_frames_alloc(&p->node_frames[p->net->node[0]], 12, &at)) {
        vs_hpa h = {at};
        vs_phys_write(p->phys, h, zero, sizeof zero);
    }
    return at;
}

/* vs_net.table */
static bool table(void *ctx, uint64_t *value, uint64_t *at)
{
    struct vs_platform *p = ctx;
    *value = *at = page(p);
    p->net->tables++;
    p->net->last_table = *at;
    return *at != 0;
}

/* vs_net.own_table: a page of the guest's kernel. */
static bool own_table(void *ctx, uint64_t *value, uint64_t *at)
{
    static const unsigned char zero[PAGE];
    struct vs_vcpu *v = ctx;
    unsigned shift = v->space.format.granule;
    uint64_t page = guest_mm_driver(v, PAGE, shift);
    if (!page || vs_space_touch(&v->space, page, shift, true, true) ||
        !vs_space_locate(&v->space, page, value, at)) {
        return false;
    }
    vs_phys_write(v->p->phys, (vs_hpa){*at}, zero, sizeof zero);
    return true;
}

/* vs_net.own_at */
static uint64_t own_at(void *ctx, uint64_t value)
{
    const struct vs_vcpu *v = ctx;
    uint64_t at = 0;
    (void)vs_vm_locate(v->vm, value & VS_RADIX_ADDRESS, &at);
    return at;
}

/* ---- domains ---- */

/* The domain's kernel edits tables: devices see other addresses than physical ones. */
static bool edits(const struct vs_vcpu *v, const struct vs_driver *d)
{
    return d->domain->own || (!v->vm && d->domain->root && d->mode != VS_DMA_PASSTHROUGH);
}

/* A page of the domain, which its kernel maps. */
static bool map_own(struct vs_vcpu *v, struct vs_driver *d, uint64_t iova, uint64_t to,
                    unsigned shift)
{
    const struct vs_radix_format *f = d->domain->format;
    struct vs_radix_alloc host = {v->p, table, NULL, 0}, own = {v, own_table, own_at, 0};
    struct vs_mapping one = {iova, to, 1ull << shift};
    return !vs_radix_map(v->p->phys, f, d->domain->root, iova, to, shift,
                         vs_radix_leaf_flags(f, VS_RIGHT_READ | VS_RIGHT_WRITE),
                         d->domain->own ? &own : &host) &&
           (!d->domain->shadow || machine_viommu_begin(v, &one, VS_RIGHT_READ | VS_RIGHT_WRITE));
}

bool machine_net_map(struct vs_net *net, uint64_t root, uint64_t iova, uint64_t hpa, unsigned shift,
                     uint64_t rights)
{
    struct vs_radix_alloc alloc = {net->p, table, NULL, 0};
    unsigned piece = net->iommu_config.superpages && shift >= 21 ? shift >= 30 ? 30 : 21 : 12;
    for (uint64_t done = 0; done < 1ull << shift; done += 1ull << piece) {
        if (vs_radix_map(net->p->phys, &vs_radix_vtd, root, iova + done, hpa + done, piece,
                         vs_radix_leaf_flags(&vs_radix_vtd, rights), &alloc)) {
            return false;
        }
    }
    return true;
}

/* A page of the machine, of the host's size, is mapped for all its devices at its guest-physical
 * address; ctx is a struct vs_assigned_vm. */
static bool map_page(void *ctx, uint64_t gpa, uint64_t hpa, unsigned shift)
{
    const struct vs_assigned_vm *a = ctx;
    return machine_net_map(a->net, a->root, gpa, hpa, shift, VS_RIGHT_READ | VS_RIGHT_WRITE);
}

bool machine_net_domain(struct vs_net *net, struct vs_vcpu *v)
{
    struct vs_assigned_vm *a = &net->vm[v->machine];
    a->net = net;
    a->root = page(v->p);
    return a->root != 0;
}

bool machine_net_follow(struct vs_net *net, struct vs_vcpu *v)
{
    struct vs_assigned_vm *a = &net->vm[v->machine];
    return host_memory_assign(&v->p->machines[v->machine], map_page, a);
}

void machine_net_unfollow(struct vs_net *net, struct vs_vcpu *v)
{
    (void)net;
    v->p->machines[v->machine].assigned = NULL;
}

/* A guest's own tables and queue in its memory; and where they are shadowed, the host's. */
static bool enter_own(struct vs_net *net, struct vs_vcpu *v, struct vs_dma_domain *d)
{
    bool shadowed = net->dma_config.viommu == VS_DMA_EMULATED;
    uint64_t at;
    d->id = (uint16_t)(DOMAINS_OF_FUNCTIONS + net->driver[v->index].vf);
    d->format = shadowed ? &vs_radix_vtd : &vs_radix_x86_64;
    d->shadow = shadowed ? page(v->p) : 0;
    d->own = own_table(v, &d->root_seen, &d->root) && own_table(v, &d->queue_seen, &at) &&
             (!shadowed || (d->shadow && vs__vfio_structs(v)));
    return d->own;
}

/* The domain of the function's owner, which is made with its first one; false: memory is short. */
static bool enter_domain(struct vs_net *net, struct vs_vcpu *v, struct vs_dma_domain *d)
{
    struct vs_platform *p = net->p;
    if (!net->iommu_config.enabled) {
        return true;
    }
    if (!v->vm) {
        d->id = (uint16_t)(DOMAINS_OF_FUNCTIONS + net->driver[v->index].vf);
        d->format = net->iommu_config.mode && net->iommu_config.first_level ? &vs_radix_x86_64
                                                                            : &vs_radix_vtd;
        d->root = d->root_seen = page(p);
        return d->root != 0;
    }
    const struct vs_assigned_vm *a = &net->vm[v->machine];
    if (net->dma_config.viommu == VS_DMA_EMULATED) { /* what it does not map no device reaches */
        return enter_own(net, v, d);
    }
    d->id = (uint16_t)(v->machine + 1u);
    if (!a->root && !(machine_net_domain(net, v) && machine_net_follow(net, v))) {
        return false;
    }
    d->root = a->root;
    /* another first level: another domain id */
    return net->dma_config.viommu != VS_DMA_NESTED || enter_own(net, v, d);
}

/* The unit's entry for the function: in legacy mode a context, else the PASID of requests without
 * one. */
static bool attach(struct vs_net *net, struct vs_vcpu *v, const struct vs_driver *d, vs_hpa context)
{
    uint16_t requester = net->nic.fn[d->vf].requester;
    bool through = d->mode == VS_DMA_PASSTHROUGH, first = d->domain->format == &vs_radix_x86_64;
    uint64_t second = d->domain->shadow ? d->domain->shadow : d->domain->root;
    if (!net->iommu_config.mode) {
        vs_iommu_attach(&net->iommu, requester, d->domain->id, (vs_hpa){through ? 0 : second},
                        context);
        return true;
    }
    vs_hpa tables[3] = {context, {page(v->p)}, {page(v->p)}};
    bool nested = d->domain->own && first;
    struct vs_iommu_pasid what = {.type = through  ? VS_IOMMU_PASS
                                          : nested ? VS_IOMMU_NESTED
                                          : first  ? VS_IOMMU_FIRST
                                                   : VS_IOMMU_SECOND,
                                  .domain = d->domain->id,
                                  .first = {first ? d->domain->root_seen : 0},
                                  .second = {nested  ? net->vm[v->machine].root
                                             : first ? 0
                                                     : second}};
    vs_iommu_attach_pasid(&net->iommu, requester, 0, &what, tables);
    return tables[1].v && tables[2].v;
}

/* ---- what a driver has in its domain ---- */

/* The device address of a page of the driver's. */
static bool address_of(struct vs_vcpu *v, struct vs_driver *d, uint64_t at, uint64_t *iova)
{
    uint64_t gpa, hpa;
    if (!vs_space_locate(&v->space, at, &gpa, &hpa)) {
        return false;
    }
    if (!edits(v, d)) {
        *iova = v->vm ? gpa : hpa;
        return true;
    }
    return map_own(v, d, *iova, v->vm ? gpa : hpa, 12);
}

/* Memory that its device sees in one piece: a page that holds all of it, or, where the kernel gives
 * out device addresses, a run of them. */
static uint64_t make_ring(struct vs_vcpu *v, struct vs_driver *d, uint64_t bytes, uint64_t *iova)
{
    const struct vs_radix_format *f = &v->space.format;
    bool run = edits(v, d);
    unsigned shift = f->granule;
    if (!run && bytes > 1ull << shift) {
        shift = vs_radix_fit(f, bytes <= 1u << 21 ? 21 : 30);
        shift = shift > f->granule ? shift : vs_radix_fit(f, 63);
    }
    uint64_t at = guest_mm_driver(v, bytes, shift), size = (bytes + PAGE - 1u) & ~(PAGE - 1ull);
    *iova = run ? d->domain->next -= size : 0;
    for (uint64_t done = 0, to; at && done < bytes; done += PAGE) {
        to = *iova + done;
        if ((!(done & ((1ull << shift) - 1u)) &&
             vs_space_touch(&v->space, at + done, shift, true, true)) ||
            !address_of(v, d, at + done, &to)) {
            return 0;
        }
        *iova = done ? *iova : to;
    }
    return at;
}

/* Buffers, page by page; their device addresses, 0 where the driver maps each with its packet. */
static uint64_t make_buffers(struct vs_vcpu *v, struct vs_driver *d, uint64_t **iova)
{
    unsigned shift = v->space.format.granule;
    uint64_t n = v->p->net->nic_config.ring, bytes = n * VS__NET_BUFFER,
             at = guest_mm_driver(v, bytes, shift), low = (1ull << shift) - 1u;
    bool later = d->mode == VS_DMA_STRICT || d->mode == VS_DMA_LAZY;
    *iova = calloc(n, sizeof **iova);
    for (uint64_t done = 0; at && *iova && done < bytes; done += PAGE) {
        if (!(done & low) && vs_space_touch(&v->space, at + done, shift, true, true)) {
            return 0;
        }
        if (later) {
            continue;
        }
        uint64_t to = d->domain->next -= PAGE;
        if (!address_of(v, d, at + done, &to)) {
            return 0;
        }
        for (uint64_t in = 0; in < PAGE && done + in < bytes; in += VS__NET_BUFFER) {
            (*iova)[(done + in) / VS__NET_BUFFER] = to + in;
        }
    }
    return *iova ? at : 0;
}

/* Interrupts of the driver's queue reach its vCPU. */
static void make_interrupt(struct vs_net *net, struct vs_vcpu *v, const struct vs_driver *d)
{
    uint64_t address = 0xfee00000u | (uint64_t)v->index << 12;
    uint32_t data = vcpu_device_irq(v);
    if (net->iommu_config.remap) {
        vs_hpa descriptor = {machine_net_posts(v->p) ? v->irq.descriptor.v : 0};
        vs_iommu_route(&net->iommu, v->index, net->nic.fn[d->vf].requester, v->index, (uint8_t)data,
                       descriptor);
        vs_iommu_msi(v->index, &address, &data);
    }
    vs_nic_msix(&net->nic, d->queue, address, data);
}

/* The IOMMU's own tables and its queue. */
static bool make_unit(struct vs_net *net)
{
    if (!net->used) {
        vs_hpa root = {page(net->p)}, irt = {page(net->p)}, queue = {page(net->p)};
        net->status_page = page(net->p);
        net->queue_page = queue.v;
        net->table = table;
        net->own_table = own_table;
        net->own_at = own_at;
        net->follow_guest = machine_viommu_follow;
        vs_iommu_set_tables(&net->iommu, root, irt, 256, queue);
        net->used = root.v && irt.v && queue.v && net->status_page;
        if (net->used && net->ats_config.page_requests) {
            vs_hpa requests;
            net->used = vs_frames_alloc_chunk(&net->p->node_frames[net->node[0]], &requests.v);
            if (net->used) {
                vs_iommu_page_queue(&net->iommu, requests, PAGE_REQUESTS_ORDER);
            }
        }
    }
    return net->used;
}

/* A message of the physical function's with a vector of the host's: where it is written to, and
 * what. */
static uint32_t host_message(struct vs_net *net, uint32_t entry, uint8_t vector, uint64_t *address)
{
    uint16_t requester = net->nic.fn[vs_nic_physical(&net->nic)].requester;
    uint32_t data = vector;
    *address = 0xfee00000u | MACHINE_HOST_APIC << 12;
    if (net->iommu_config.remap) {
        vs_iommu_route(&net->iommu, entry, requester, MACHINE_HOST_APIC, vector, (vs_hpa){0});
        vs_iommu_msi(entry, address, &data);
    }
    return data;
}

bool machine_net_assign_host(struct vs_net *net)
{
    uint32_t physical = vs_nic_physical(&net->nic);
    uint16_t requester = net->nic.fn[physical].requester;
    vs_hpa tables[3] = {{page(net->p)}, {0}, {0}};
    if (net->iommu_config.enabled && (!make_unit(net) || !tables[0].v)) {
        return false;
    }
    if (net->iommu_config.enabled && net->iommu_config.mode) {
        struct vs_iommu_pasid what = {.type = VS_IOMMU_PASS, .domain = HOST_DOMAIN};
        tables[1].v = page(net->p);
        tables[2].v = page(net->p);
        vs_iommu_attach_pasid(&net->iommu, requester, 0, &what, tables);
    } else if (net->iommu_config.enabled) {
        vs_iommu_attach(&net->iommu, requester, HOST_DOMAIN, (vs_hpa){0}, tables[0]);
    }
    uint64_t address;
    uint32_t data = host_message(net, HOST_ENTRY, MACHINE_HOST_QUEUE, &address);
    vs_nic_msix(&net->nic, vs_nic_physical_queue(&net->nic), address, data);
    if (net->physical) {
        data = host_message(net, HOST_ENTRY - 1u, MACHINE_HOST_MAIL, &address);
        vs_nic_mail_vector(&net->nic, address, data);
    }
    for (uint32_t i = 0; net->interfaces && i < net->nic.n_fn; i++) {
        data = host_message(net, HOST_ENTRY - 2u - i, (uint8_t)(MACHINE_HOST_POOLS + i), &address);
        vs_nic_msix(&net->nic, i, address, data);
    }
    return !net->iommu_config.mode || (tables[1].v && tables[2].v);
}

/* Its rings, with a word behind the transmit ring where the adapter says how far it has sent, and
 * its buffers. */
static bool make_memory(struct vs_vcpu *v, struct vs_driver *d)
{
    const struct vs_nic_config *c = &v->p->net->nic_config;
    uint64_t ring = c->ring * 16u, word = c->write_back_head * 4u;
    v->space.global = v->p->ept.global_pages != 0;
    d->tx_ring = make_ring(v, d, ring + word, &d->tx_base);
    d->rx_ring = make_ring(v, d, ring, &d->rx_base);
    d->tx_buffers = make_buffers(v, d, &d->tx_at);
    d->rx_buffers = make_buffers(v, d, &d->rx_at);
    v->space.global = false;
    return d->tx_ring && d->rx_ring && d->tx_buffers && d->rx_buffers;
}

bool machine_net_admin_memory(struct vs_vcpu *v)
{
    struct vs_driver *d = &v->p->net->driver[v->index];
    if (!d->admin.at) {
        v->space.global = v->p->ept.global_pages != 0;
        d->admin.at = make_ring(v, d, VS__NET_ADMIN_BYTES, &d->admin.base);
        v->space.global = false;
    }
    return d->admin.at != 0;
}

bool machine_interface_assign(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_driver *d = &net->driver[v->index];
    d->mode = VS_DMA_STATIC;
    d->domain->next = LAST;
    if (!make_memory(v, d)) {
        return false;
    }
    net->nic.queue[d->queue].tx.base = d->tx_base;
    net->nic.queue[d->queue].rx.base = d->rx_base;
    return true;
}

bool machine_net_assign(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_driver *d = &net->driver[v->index];
    enum vs_dma_mode mode = (enum vs_dma_mode)net->dma_config.mode;
    bool first = !d->domain->attached; /* of its function's */
    vs_hpa context = {first ? page(v->p) : 0};
    bool maps = v->vm ? net->dma_config.viommu != VS_DMA_NO_VIOMMU : net->iommu_config.enabled;
    bool shadowed = v->vm && net->dma_config.viommu == VS_DMA_EMULATED;
    d->mode = mode != VS_DMA_AUTO ? mode
              : !maps             ? VS_DMA_STATIC
              : shadowed          ? VS_DMA_STRICT
                                  : VS_DMA_LAZY;
    if (first) {
        d->domain->next = LAST;
        if (!make_unit(net) || !context.v || !enter_domain(net, v, d->domain)) {
            return false;
        }
    }
    if (!make_memory(v, d)) {
        return false;
    }
    if (first && !attach(net, v, d, context)) {
        return false;
    }
    d->domain->attached = true;
    vs_nic_rings(&net->nic, d->queue, d->tx_base, d->rx_base);
    if (first && net->ats_config.enabled) {
        vs_iommu_allow_services(&net->iommu, net->nic.fn[d->vf].requester);
    }
    if (first && net->ats_config.page_requests) {
        vs_iommu_allow_page_requests(&net->iommu, net->nic.fn[d->vf].requester);
    }
    make_interrupt(net, v, d);
    machine_pci_start(net, d->vf);
    return true;
}

void machine_net_restart(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_driver *d = &net->driver[v->index];
    d->tx_tail = d->tx_clean = d->rx_next = d->rx_tail = 0;
    d->ready = d->waiting = d->reset = false;
    net->reset[d->vf] = false;
    vs_nic_rings(&net->nic, d->queue, d->tx_base, d->rx_base);
    machine_pci_start(net, d->vf);
}

void machine_net_unassign(struct vs_driver *d)
{
    vs_tape_free(&d->trail.tape);
    free(d->tx_at);
    free(d->rx_at);
    free(d->page);
}

/* ---- a program's memory ---- */

/* A guest's is mapped already, or is when the device asks for it: the device is told where each
 * page is. */
static bool list_pages(struct vs_vcpu *v, uint64_t first, uint64_t end)
{
    struct vs_driver *d = &v->p->net->driver[v->index];
    uint64_t n = (end - first) / PAGE, hpa;
    uint64_t *list = realloc(d->page, n * sizeof *list);
    bool there = list != NULL;
    d->page = list ? list : d->page;
    for (uint64_t i = 0; there && i < n; i++) {
        there = v->p->net->ats_config.page_requests
                    ? guest_mm_gpa(v, first + i * PAGE, &list[i])
                    : vs_space_locate(&v->space, first + i * PAGE, &list[i], &hpa);
    }
    return there;
}

/* Where a kernel that maps it in a row, with large pages where its frames are, does so; without
 * remapping devices see physical addresses, and need them in a row. */
static bool map_run(struct vs_vcpu *v, uint64_t first, uint64_t end, uint64_t *start)
{
    struct vs_driver *d = &v->p->net->driver[v->index];
    uint64_t base = d->domain->format == &vs_radix_x86_64 ? PINNED_FIRST : PINNED_IOVA, gpa, hpa;
    bool remapped = edits(v, d), there = vs_space_locate(&v->space, first, start, start);
    there = there && (!remapped || !(end & base));
    for (uint64_t a = first; there && a < end;) {
        unsigned shift = 12;
        there =
            vs_space_locate(&v->space, a, &gpa, &hpa) && (remapped || hpa == *start + (a - first));
        if (there && remapped && !(a >= d->pinned_at && a < d->pinned_end)) {
            shift = guest_dma_fitting(v, base | a, a, end);
            there = map_own(v, d, base | a, v->vm ? gpa : hpa, shift);
        }
        a += 1ull << shift;
    }
    *start = remapped ? base | first : *start;
    return there;
}

bool machine_net_pin(struct vs_vcpu *v, uint64_t at, uint64_t bytes, struct vs_dma_job *job)
{
    struct vs_net *net = v->p->net;
    uint64_t first = at & ~(PAGE - 1ull), end = (at + bytes + PAGE - 1u) & ~(PAGE - 1ull),
             start = 0;
    if (!net->use(v, "dma")) {
        return false;
    }
    struct vs_driver *d = &net->driver[v->index];
    bool listed = v->vm && !d->domain->own;
    if (!listed && edits(v, d) && d->queue % net->nic.pairs) {
        vcpu_fail(v,
                  "dma: vCPU %u has a queue of a function that is another's, too, whose tables "
                  "hold programs' memory at its own addresses; with nic.queues = %u the vCPU of "
                  "its first queue can transfer",
                  v->index, net->nic.pairs);
        return false;
    }
    if (!(listed ? list_pages(v, first, end) : map_run(v, first, end, &start))) {
        vcpu_fail(v, net->iommu_config.enabled && d->mode != VS_DMA_PASSTHROUGH
                         ? "dma: not all of the region has memory behind it (map it with "
                           "backing = \"eager\"), or there is none left for the IOMMU's tables"
                         : "dma: without an IOMMU a device needs memory in one piece: map the "
                           "region with page = \"2M\" or \"1G\" and no larger than one page");
        return false;
    }
    d->pinned_at = first;
    d->pinned_end = end;
    job->page = listed ? d->page : NULL;
    job->at = start + (at - first);
    return true;
}
