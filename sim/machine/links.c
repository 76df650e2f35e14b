/* SPDX-License-Identifier: MIT */
/*
 * Where the adapter is plugged in: its links, each with knobs of its own (pcie0, pcie1), at a root
 * port or below the switch, on a memory node. Virtual functions take turns on them. With one link
 * the adapter talks to it directly; with several, requests are sent to their function's.
 */
#include "machine_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vs_pcie *machine_link_use(struct vs_net *net, uint16_t requester)
{
    if (net->links == 1u) {
        return &net->link[0];
    }
    uint32_t fn = vs_nic_function_of(&net->nic, requester);
    unsigned i = fn < net->nic.n_fn ? fn % net->links : 0;
    vs_memory_dma_place(&net->dma, net->node[i]);
    vs_memory_dma_place(&net->agent, net->node[i]);
    return &net->link[i];
}

/* ---- loading ---- */

/* What is said of one link that it does not have alone, or of one that is not there. */
static void check_instances(const struct vs_net *net, const struct vs_knobs *knobs,
                            struct vs_errors *errors)
{
    static const char *const shared[] = {"pcie.links", "pcie.switch.", "pcie.sriov.",
                                         "pcie.flr.",  "pcie.pf.",     "pcie.vf."};
    for (size_t i = 0; i < vs_knobs_count(knobs); i++) {
        const struct vs_knob *k = vs_knobs_at(knobs, i);
        unsigned index;
        char base[128];
        if (!vs_knob_instance(k->desc->path, &index, base, sizeof base)) {
            continue;
        }
        if (index >= net->links) {
            vs_error(errors,
                     "%s: %s: there is no such link with pcie.links = %u; the first is pcie0",
                     k->set_by, k->desc->path, net->links);
        }
        for (size_t s = 0; s < sizeof shared / sizeof *shared; s++) {
            if (!strncmp(base, shared[s], strlen(shared[s]))) {
                vs_error(errors, "%s: %s: no link has that to itself; set %s", k->set_by,
                         k->desc->path, base);
            }
        }
    }
}

/* What all links have is checked once, and what one of them has to itself under its own name. */
static void check_link(const struct vs_net *net, unsigned i, struct vs_errors *errors)
{
    const struct vs_pcie_config *all = &net->pcie_config;
    struct vs_pcie_config own = net->link_config[i];
    char name[16];
    if (!i) {
        vs_pcie_check(all, "pcie", errors);
    }
    snprintf(name, sizeof name, "pcie%u", i);
    own.mps = own.mps == all->mps ? 1u : own.mps;
    own.mrrs = own.mrrs == all->mrrs ? 1u : own.mrrs;
    own.rcb = own.rcb == all->rcb ? 1u : own.rcb;
    own.width = own.width == all->width ? 1u : own.width;
    own.switch_width = 1;
    vs_pcie_check(&own, name, errors);
}

void machine_links_load(struct vs_net *net, const struct vs_knobs *knobs, struct vs_errors *errors)
{
    uint64_t nodes = net->p->memory.cfg.nodes;
    size_t before = errors->n;
    bool found = false; /* a link below the switch, whose root port is on that node */
    unsigned switch_node = 0;
    net->links = (unsigned)net->pcie_config.links;
    check_instances(net, knobs, errors);
    for (unsigned i = 0; i < net->links && errors->n == before; i++) {
        struct vs_pcie_config *c = &net->link_config[i];
        vs_knobs_load_instance(knobs, &vs_pcie_desc, i, c);
        check_link(net, i, errors);
        net->node[i] = (unsigned)(c->node ? c->node - 1u : vs_knobs_find(knobs, "cpu.node")->value);
        if (c->node > nodes) {
            char which[8] = "";
            if (c->node != net->pcie_config.node) {
                snprintf(which, sizeof which, "%u", i);
            }
            vs_error(errors,
                     "pcie%s.node = %" PRIu64
                     ": there is no such node with memory.nodes = %" PRIu64,
                     which, c->node - 1u, nodes);
        }
        if (c->port && found && net->node[i] != switch_node) {
            vs_error(errors,
                     "pcie%u.node = %u: links below the switch are on the node of its root port, "
                     "and that is %u",
                     i, net->node[i], switch_node);
        }
        switch_node = c->port && !found ? net->node[i] : switch_node;
        found = found || c->port;
    }
}

/* ---- making ---- */

enum vs_status machine_links_make(struct vs_net *net, const struct vs_msi_port *msi)
{
    struct vs_platform *p = net->p;
    struct vs_dma_port host = vs_iommu_dma_port(&net->iommu);
    net->link = calloc(net->links, sizeof *net->link);
    enum vs_status s = net->link ? VS_OK : VS_E_NOMEM;
    for (unsigned i = 0; i < net->links && !s; i++) {
        char actor[16];
        struct vs_pcie *link = &net->link[i];
        s = vs_pcie_init(link, &net->link_config[i], p->ledger, &host, msi);
        vs_memory_dma_place(&net->dma, net->node[i]);
        vs_pcie_distance(link, (vs_ps){net->dma.far ? p->memory.cfg.remote_latency / 2u : 0});
        if (net->link_config[i].port) {
            vs_pcie_below(link, &net->below);
        }
        snprintf(actor, sizeof actor, "pcie%u", i);
        vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, actor), &vs_pcie_desc,
                           link->count);
    }
    vs_memory_dma_place(&net->dma, net->node[0]);
    vs_memory_dma_place(&net->agent, net->node[0]);
    return s;
}

void machine_links_free(struct vs_net *net)
{
    for (unsigned i = 0; net->link && i < net->links; i++) {
        vs_pcie_free(&net->link[i]);
    }
    free(net->link);
}

/* ---- between adapter and links ---- */

/* Reads for a function through the link that it is behind. */
static bool do_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                    size_t bytes, uint64_t *taken_ps)
{
    return vs_pcie_read(machine_link_use(ctx, requester), t, requester, at, buf, bytes, taken_ps);
}

/* Writes for a function through the link that it is behind. */
static bool do_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                     size_t bytes, uint64_t *taken_ps)
{
    return vs_pcie_write(machine_link_use(ctx, requester), t, requester, at, buf, bytes, taken_ps);
}

/* Sends a function's message through the link that it is behind. */
static enum vs_msi_result do_message(void *ctx, struct vs_txn *t, uint16_t requester,
                                     uint64_t address, uint32_t data)
{
    return vs_pcie_message(machine_link_use(ctx, requester), t, requester, address, data);
}

struct vs_upstream_port machine_links_upstream(struct vs_net *net)
{
    return net->links > 1u
               ? (struct vs_upstream_port){net, do_read, do_write, do_message, NULL, NULL}
               : vs_pcie_upstream(&net->link[0]);
}
