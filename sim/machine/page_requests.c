/* SPDX-License-Identifier: MIT */
/*
 * Page requests (ats.page_requests). Of bound processes on bare metal: sim/guest/drivers/wanted.c.
 * Of assigned functions: memory of a machine that has no frame yet is not pinned before; a device
 * that lacks a page asks for it, and the host's kernel gives it a frame and enters it where the
 * device finds it, as for a violation of the processor's. The interrupt and the kernel's thread run
 * on the processor of the vCPU that waits for its device. Linux drivers/iommu/intel/prq.c,
 * io-pgfault.c; VFIO's own handler was proposed and is not merged.
 */
#include "vfio.h"

#include "guest/guest.h"
#include "host/host.h"

#define PAGE VS_VFIO_PAGE

/* One service: of which requests, when the last response had been sent, and what it said. */
struct serving {
    struct vs_vcpu *v;
    uint64_t done_ps;
    enum vs_page_response code;
    bool bad; /* a page of the group is not to be had */
};

/* The page of a request gets a frame, and so an entry; false: there is no such page. */
static bool give(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa)
{
    struct vs_slat_leaf leaf;
    if (!vs_vm_is_memory(v->vm, gpa) || !vs__vfio_leaf(v, t, gpa, &leaf)) {
        return false;
    }
    struct vs_vfio_pass x = vs__vfio_pass(v, t, v->p->net->vm[v->machine].root);
    vs__vfio_entered(&x, gpa);
    return true;
}

/* The handler: all requests that the queue holds, and their responses. */
static void serve(void *ctx, struct vs_txn *t)
{
    struct serving *s = ctx;
    struct vs_vcpu *v = s->v;
    struct vs_iommu *unit = &v->p->net->iommu;
    struct vs_iommu_page_request r;
    vs_open(t, VS_OP_PAGE_REQUEST);
    uint64_t tail = vs_iommu_page_requests(unit);
    for (uint64_t n = unit->pages_head; n < tail; n++) {
        vs_hpa at = vs_iommu_read_request(unit, n, &r);
        vs_hv_run(&v->hv, t, VS_HV_ENTRY_PAGE_REQUEST);
        host_touch(v, t, at.v, VS_REF_READ);
        bool there = give(v, t, r.address);
        s->bad = s->bad || !there;
        if (r.last) {
            vs_iommu_queue_response(unit, &r, s->bad ? VS_PAGE_INVALID : VS_PAGE_SUCCESS);
        }
    }
    (void)vs_iommu_page_requests_done(unit, tail);
    s->done_ps = guest_dma_submit(v, t);
    s->code = (enum vs_page_response)unit->responded.code;
    vs_txn_settle(t);
    vs_close(t);
}

/* The message for the k-th page of a group. */
static struct vs_iommu_page_request message_of(const struct vs_page_group *g, unsigned k,
                                               uint32_t prefix)
{
    return (struct vs_iommu_page_request){.address = g->page[k],
                                          .requester = g->requester,
                                          .group = g->index,
                                          .read = !g->write,
                                          .write = g->write,
                                          .last = k + 1u == g->n,
                                          .prefix = prefix};
}

/* vs_page_port.request: only a program that waits for its device can have it meet a page that is
 * not there, since rings and buffers have theirs. */
static enum vs_page_response request(void *ctx, struct vs_txn *t, const struct vs_page_group *g,
                                     unsigned k)
{
    struct vs_net *net = ctx;
    struct serving s = {.v = net->asking};
    struct vs_iommu_page_request r = message_of(g, k, t->prefix);
    enum vs_page_response answer;
    if (!s.v) {
        return VS_PAGE_INVALID;
    }
    enum vs_iommu_taken taken = vs_iommu_request_page(&net->iommu, t, &r, &answer);
    if (!r.last || taken > VS_IOMMU_QUEUED_EVENT) {
        return answer;
    }
    vs_wait_until(&s.v->txn, (uint16_t)(net->engine.account + VS_ACC_dma_engine_wait),
                  (vs_ps){t->now_ps});
    vcpu_kick(s.v, serve, &s);
    vs_wait_until(t, (uint16_t)(net->ats.account + VS_ACC_ats_page), (vs_ps){s.done_ps});
    return s.code;
}

/* The same on a machine whose kernel drives the unit itself: its process's page. */
static enum vs_page_response request_native(void *ctx, struct vs_txn *t,
                                            const struct vs_page_group *g, unsigned k)
{
    struct vs_net *net = ctx;
    struct vs_vcpu *v = net->asking;
    struct vs_iommu_page_request r = message_of(g, k, t->prefix);
    enum vs_page_response said;
    if (!v) {
        return VS_PAGE_INVALID;
    }
    enum vs_iommu_taken taken = guest_wanted_take(v, t, &r, &said);
    if (!r.last || taken > VS_IOMMU_QUEUED_EVENT) {
        return said;
    }
    guest_wanted_serve(v);
    vs_wait_until(t, (uint16_t)(net->ats.account + VS_ACC_ats_page),
                  (vs_ps){net->ats.group[g->index].at_ps});
    return (enum vs_page_response)net->ats.group[g->index].code;
}

struct handing {
    struct vs_vcpu *v;
    bool any;
};

/* The host's part of that: its kernel's thread takes the requests and refuses some itself; its user
 * space reads the faults that are left and puts them into the guest's own queue. */
static void hand(void *ctx, struct vs_txn *t)
{
    struct handing *h = ctx;
    struct vs_vcpu *v = h->v;
    struct vs_net *net = v->p->net;
    struct vs_wanted *q = &net->wanted;
    const struct vs_dma_domain *d = net->driver[v->index].domain;
    struct vs_iommu_page_request r;
    uint64_t queue = net->own_at(v, d->requests_seen);
    for (; q->handed < net->iommu.pages_tail; q->handed++) {
        vs_hpa at = vs_iommu_read_request(&net->iommu, q->handed, &r);
        bool refuses = guest_wanted_bad(v, &r);
        vs_hv_run(&v->hv, t, VS_HV_ENTRY_PAGE_REQUEST);
        host_touch(v, t, at.v, VS_REF_READ);
        h->any = h->any || !refuses;
        if (!refuses) {
            host_touch(v, t, queue + at.v % PAGE, VS_REF_WRITE);
        } else if (r.last) {
            vs_iommu_queue_response(&net->iommu, &r, VS_PAGE_INVALID);
            uint64_t done_ps = guest_dma_submit(v, t);
            net->ats.group[r.group].at_ps += done_ps - net->executing.now_ps;
        }
    }
    if (h->any) {
        vs_hv_run(&v->hv, t, VS_HV_ENTRY_VIOMMU_FAULT);
        vcpu_raise(v, vcpu_numbers(v)->usual, vs_now(t).v); /* KVM_SIGNAL_MSI */
    }
}

/* vs_net.hand_on: the guest takes its interrupt behind that, when the message has come. */
static bool hand_on(struct vs_vcpu *v)
{
    struct handing h = {v, false};
    vcpu_kick(v, hand, &h);
    uint64_t at = vcpu_arrivals_next(v);
    if (h.any && at != VS_NEVER) {
        vs_wait_until(&v->txn, (uint16_t)(v->p->net->engine.account + VS_ACC_dma_engine_wait),
                      (vs_ps){at});
    }
    if (h.any) {
        vcpu_interrupts(v);
    }
    return h.any;
}

/* vs_net.post_page */
static uint64_t post_page(struct vs_net *net, struct vs_txn *t,
                          const struct vs_iommu_page_request *r)
{
    enum vs_page_response said;
    vs_open(t, VS_OP_ATS_PAGE_REQUEST);
    t->prefix = r->prefix;
    uint64_t taken_ps = vs_pcie_post_page(machine_link_use(net, r->requester), t);
    vs_ats_sent(&net->ats, t, r->requester, r->group, r->last && (r->read || r->write), false);
    enum vs_iommu_taken taken = guest_wanted_take(net->asking, t, r, &said);
    if (taken == VS_IOMMU_ANSWERED || taken == VS_IOMMU_ANSWERED_EVENT) {
        machine_page_response(net, t, r->requester, r->group, said);
    }
    t->prefix = 0;
    vs_close(t);
    return taken_ps;
}

void machine_page_requests_make(struct vs_net *net)
{
    net->post_page = post_page;
    net->hand_on = hand_on;
}

/* Whether the kernel that asks has a unit to drive: bare metal's, or a guest's own. */
static bool own(const struct vs_net *net)
{
    return !net->p->virtualized || net->dma_config.viommu == VS_DMA_NESTED;
}

enum vs_page_response machine_page_request(void *ctx, struct vs_txn *t,
                                           const struct vs_page_group *g)
{
    const struct vs_net *net = ctx;
    struct vs_page_port agent = {ctx, own(net) ? request_native : request};
    return vs_pcie_request_page(machine_link_use(ctx, g->requester), t, g, &agent);
}

void machine_page_requests_check(const struct vs_platform *p, const struct vs_net *net,
                                 struct vs_errors *errors)
{
    const struct vs_program_set *set = p->programs[VS_ROLE_HYPERVISOR];
    if (!net->ats_config.page_requests) {
        return;
    }
    if (!net->ats_config.enabled || !net->iommu_config.mode) {
        vs_error(errors, "ats.page_requests = 1: a device asks for pages that it was refused a "
                         "translation of, and the unit takes page requests in scalable mode; set "
                         "ats.enabled = 1 and iommu.mode = scalable");
    } else if (!p->virtualized && !(net->ats_config.pasid_width && net->iommu_config.enabled &&
                                    net->iommu_config.first_level)) {
        vs_error(errors,
                 "ats.page_requests = 1: what lacks a page on bare metal is a process that is "
                 "bound to its device (cpu:sva_bind); set iommu.enabled = 1, iommu.first_level = 1 "
                 "and ats.pasid.width = 20");
    } else if (!p->virtualized) {
        return; /* its kernel has the handler */
    } else if (net->dma_config.viommu == VS_DMA_NESTED && net->ats_config.pasid_width &&
               vs_program_set_find(set, "viommu_fault") != VS_PROGRAM_NONE) {
        return; /* so has a guest's with a unit of its own */
    } else if (p->hosted_tlb || net->dma_config.viommu != VS_DMA_NO_VIOMMU) {
        vs_error(errors,
                 "ats.page_requests = 1: what lacks a page is the memory of a machine with a "
                 "second dimension, which its devices see as it is; take one such as "
                 "skylake_sp_kvm, with dma.viommu = none");
    } else if (vs_program_set_find(set, "page_request") == VS_PROGRAM_NONE) {
        vs_error(errors,
                 "ats.page_requests = 1: %s has no program page_request that serves them; take a "
                 "machine of KVM's, such as skylake_sp_kvm",
                 set->desc->name);
    }
}
