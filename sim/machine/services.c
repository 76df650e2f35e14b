/* SPDX-License-Identifier: MIT */
/* Translation services: the adapter's TLB, the link, and the remapping unit that answers it. */
#include "machine_impl.h"

/* Asks for a translation on behalf of a device TLB. */
static bool translate(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                      struct vs_ats_answer *out)
{
    return vs_pcie_translate(machine_link_use(ctx, requester), t, requester, at, write, out);
}

/* Reads at a translated address. */
static bool do_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_hpa at, void *buf,
                    size_t bytes, uint64_t *taken_ps)
{
    return vs_pcie_read_translated(machine_link_use(ctx, requester), t, requester, at, buf, bytes,
                                   taken_ps);
}

/* Writes at a translated address. */
static bool do_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_hpa at, const void *buf,
                     size_t bytes, uint64_t *taken_ps)
{
    return vs_pcie_write_translated(machine_link_use(ctx, requester), t, requester, at, buf, bytes,
                                    taken_ps);
}

/* Invalidates addresses in a device's TLB. */
static void at_device(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, unsigned order)
{
    vs_ats_invalidate(ctx, t, requester, at, order);
}

void machine_page_response(void *ctx, struct vs_txn *t, uint16_t requester, uint16_t group,
                           unsigned code)
{
    struct vs_net *net = ctx;
    bool expected = vs_ats_respond(&net->ats, t, requester, group, (enum vs_page_response)code);
    if (net->posting && code == VS_PAGE_SUCCESS) {
        net->posting->granted++;
    }
    machine_pci_responded(net, !expected, code == VS_PAGE_FAILURE);
}

/* The unit's invalidation goes down the link, and its completion comes up it. */
static void invalidate(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, unsigned order)
{
    struct vs_net *net = ctx;
    struct vs_invalidate_port device = {.ctx = &net->ats, .invalidate = at_device};
    vs_pcie_invalidate(machine_link_use(net, requester), t, requester, at, order, &device);
}

enum vs_status machine_services_make(struct vs_net *net, struct vs_upstream_port *link)
{
    struct vs_ledger *ledger = net->p->ledger;
    struct vs_ats_link way = {net, translate, machine_page_request, do_read, do_write};
    struct vs_translate_port agent = vs_iommu_translate_port(&net->iommu);
    struct vs_dma_port direct = vs_iommu_translated_port(&net->iommu);
    struct vs_invalidate_port devices = {net, invalidate, machine_page_response};
    enum vs_status s = vs_ats_init(&net->ats, &net->ats_config, ledger, &way, link);
    *link = vs_ats_upstream(&net->ats);
    if (net->ats_config.enabled) {
        machine_pci_services(net);
        for (unsigned i = 0; i < net->links; i++) {
            vs_pcie_translator(&net->link[i], &agent, &direct);
        }
        vs_iommu_devices(&net->iommu, &devices);
    }
    vs_ledger_counters(ledger, vs_ledger_actor(ledger, "nic0"), &vs_ats_desc, net->ats.count);
    return s;
}

void machine_services_check(const struct vs_net *net, struct vs_errors *errors)
{
    vs_ats_check(&net->ats_config, errors);
    if (net->ats_config.enabled && !net->iommu_config.enabled) {
        vs_error(errors, "ats.enabled = 1: without an IOMMU nobody answers translation requests; "
                         "set iommu.enabled = 1");
    }
    if (net->ats_config.enabled && net->dma_config.mode == VS_DMA_PASSTHROUGH) {
        vs_error(errors, "ats.enabled = 1, but dma.mode = passthrough: nothing is translated that "
                         "a device could ask for");
    }
}
