/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual addressing: a process is bound to a device, whose requests with the process's
 * PASID go by the process's own tables. Linux drivers/iommu/iommu-sva.c, intel/svm.c, intel/pasid.c
 * and intel/cache.c. In a guest they are the first level of its own unit, of which its host makes a
 * nested translation (guest_sva_carry_out); QEMU wants that unit in caching mode, as a device is
 * assigned behind it. What takes how long stands in the kernel's programs (user_bind, user_changed,
 * user_unbind: their names are behind the others', whose code keeps its place). Pages that such a
 * device lacks: wanted.c.
 */
#include "guest/guest.h"
#include "net.h"

#define PAGE 4096u
#define SVA_DOMAIN 1u /* FLPT_DEFAULT_DID of Linux: first levels of processes share a domain */
#define ENTRY_BYTES 64u
#define ALL 52u /* order of an invalidation of all pages */

/* The function that the vCPU's driver drives. */
static uint16_t requester_of(const struct vs_net *net, uint32_t vf)
{
    return net->nic.fn[vf].requester;
}

/* Why no process can be bound here; NULL: one can. */
static const char *lacks(const struct vs_vcpu *v)
{
    const struct vs_net *net = v->p->net;
    return v->vm && net->dma_config.viommu != VS_DMA_NESTED
               ? "sva_bind: a hypervisor hands PASIDs to its guests where they have an IOMMU of "
                 "their own with a first level; set iommu.mode = scalable and dma.viommu = "
                 "nested, or take a machine without one, such as skylake_sp_native"
           : !net->iommu_config.enabled || !net->iommu_config.mode || !net->iommu_config.first_level
               ? "sva_bind: a process's tables become the first level of its device's "
                 "translation; set iommu.enabled = 1, iommu.mode = scalable and "
                 "iommu.first_level = 1"
           : !net->ats_config.pasid_width
               ? "sva_bind: the device's requests carry no PASID (ats.pasid.width = 0); set "
                 "ats.pasid.width = 20"
           : v->space.format.input_bits != vs_radix_x86_64.input_bits ||
                   v->space.format.granule != vs_radix_x86_64.granule || v->space.upper.levels
               ? "sva_bind: this unit's first level has the format of x86 with four levels, and "
                 "processes here have another; take skylake_sp_native"
               : NULL;
}

/* The PASID that a process has with a function; or the lowest that is free; 0: there is none. */
static uint32_t pasid_of(const struct vs_vcpu *v, bool bound)
{
    const struct vs_net *net = v->p->net;
    for (uint32_t p = 1; p <= VS_SVA_BINDINGS && !(p >> net->ats_config.pasid_width); p++) {
        const struct vs_sva *s = &net->sva[p];
        if (bound ? s->mm == v->mm && s->process == v->process_now &&
                        s->vf == net->driver[v->index].vf
                  : !s->mm) {
            return p;
        }
    }
    return 0;
}

/* The domain of the vCPU's function. */
static struct vs_dma_domain *domain_of(const struct vs_vcpu *v)
{
    return v->p->net->driver[v->index].domain;
}

/* What the kernel puts into the process's entry: its own tables as the first level, of a guest's
 * where that has them, which is guest-physical. */
static struct vs_iommu_pasid entry_of(const struct vs_vcpu *v)
{
    return (struct vs_iommu_pasid){.type = VS_IOMMU_FIRST,
                                   .domain = SVA_DOMAIN,
                                   .first = {v->vm ? v->space.cr3 : v->space.root}};
}

/* Where the kernel has the entry: the unit's, or a guest's own in a table of its memory, which is
 * made with the first one; 0: no memory. */
static uint64_t place_of(struct vs_vcpu *v, uint32_t pasid)
{
    struct vs_net *net = v->p->net;
    struct vs_dma_domain *m = domain_of(v);
    uint64_t at;
    if (!m->own) {
        return vs_iommu_entry_of_pasid(&net->iommu, requester_of(net, net->driver[v->index].vf),
                                       pasid)
            .v;
    }
    bool queue = !net->ats_config.page_requests || m->requests_seen ||
                 net->own_table(v, &m->requests_seen, &at);
    return queue && (m->pasids_seen || net->own_table(v, &m->pasids_seen, &at))
               ? m->pasids_seen + pasid * ENTRY_BYTES
               : 0;
}

/* Where that is in the host's memory. */
static vs_hpa host_place(struct vs_vcpu *v, uint64_t entry)
{
    uint64_t offset = entry & (PAGE - 1u);
    return (vs_hpa){domain_of(v)->own ? v->p->net->own_at(v, entry - offset) + offset : entry};
}

/* The entry is made: from now on the device finds the process, in a guest when its host has made
 * one of it. */
static void enter(struct vs_vcpu *v, uint32_t pasid, uint64_t entry)
{
    struct vs_net *net = v->p->net;
    struct vs_iommu_pasid what = entry_of(v);
    static const vs_hpa none[3] = {{0}, {0}, {0}}; /* tables are there, as of the function's own */
    if (domain_of(v)->own) {
        vs_iommu_write_entry(net->p->phys, host_place(v, entry), &what);
    } else {
        vs_iommu_attach_pasid(&net->iommu, requester_of(net, net->driver[v->index].vf), pasid,
                              &what, none);
    }
    net->sva[pasid] = (struct vs_sva){v->mm, v->process_now, net->driver[v->index].vf};
    net->bindings++;
}

/* One submission that drops something of a PASID, and the wait for it. */
static void drop(struct vs_vcpu *v, struct guest_work *w, enum guest_sva_drop what)
{
    w->drop = what;
    (void)guest_run(v, GUEST_FLUSH_DEVICE, w);
}

uint32_t guest_sva_bind(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    const char *why = lacks(v);
    uint32_t pasid = why ? 0 : pasid_of(v, true);
    if (why) {
        vcpu_refuse(v, "%s", why);
        return 0;
    }
    if (pasid) { /* iommu_sva_bind_device: one more user of what is there */
        return pasid;
    }
    pasid = pasid_of(v, false);
    if (!pasid || !net->enable_pasids(net)) {
        vcpu_fail(v, "sva_bind: no PASID of ats.pasid.width = %llu bits is left, or no memory",
                  (unsigned long long)net->ats_config.pasid_width);
        return 0;
    }
    struct guest_work w = {.entry = place_of(v, pasid), .pasid = pasid};
    if (!w.entry) {
        vcpu_fail(v, "sva_bind: no memory of the guest is left for its PASID table");
        return 0;
    }
    uint64_t entry = w.entry;
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_SVA_BIND);
    (void)guest_run(v, GUEST_SVA_BIND, &w);
    vs_txn_settle(&v->txn);
    enter(v, pasid, entry);
    if (domain_of(v)->own) { /* caching mode: what becomes present is told, too */
        drop(v, &w, GUEST_DROP_ENTRY);
        drop(v, &w, GUEST_DROP_IOTLB);
    }
    vs_close(&v->txn);
    return pasid;
}

bool guest_sva_unbind(struct vs_vcpu *v, uint32_t pasid)
{
    struct vs_net *net = v->p->net;
    struct vs_sva *s = pasid <= VS_SVA_BINDINGS ? &net->sva[pasid] : NULL;
    if (!s || s->mm != v->mm) {
        return false;
    }
    struct guest_work w = {.pasid = pasid, .requester = requester_of(net, s->vf), .unmaps = true};
    const uint64_t entry = place_of(v, pasid);
    w.entry = entry;
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_SVA_UNBIND);
    (void)guest_run(v, GUEST_SVA_UNBIND, &w);
    vs_txn_settle(&v->txn);
    vs_iommu_clear_entry(v->p->phys, host_place(v, entry));
    drop(v, &w, GUEST_DROP_ENTRY); /* intel_pasid_tear_down_entry: one after the other */
    drop(v, &w, GUEST_DROP_IOTLB);
    if (net->ats_config.enabled) {
        drop(v, &w, GUEST_DROP_DEVICE);
    }
    if (net->ats_config.page_requests) {
        guest_wanted_drain(v, &w);
    }
    vs_close(&v->txn);
    *s = (struct vs_sva){0};
    net->bindings--;
    return true;
}

void guest_sva_changed(struct vs_vcpu *v, uint64_t at, uint64_t end)
{
    struct vs_net *net = v->p->net;
    for (uint32_t p = 1; net && net->bindings && p <= VS_SVA_BINDINGS; p++) {
        const struct vs_sva *s = &net->sva[p];
        if (s->mm != v->mm || s->process != v->process_now) {
            continue;
        }
        struct guest_work w = {.pasid = p,
                               .requester = requester_of(net, s->vf),
                               .map = {.iova = at, .bytes = end - at}};
        vs_txn_settle(&v->txn);
        vs_open(&v->txn, VS_OP_SVA_CHANGED);
        (void)guest_run(v, GUEST_SVA_CHANGED, &w);
        drop(v, &w, GUEST_DROP_IOTLB | (net->ats_config.enabled ? GUEST_DROP_DEVICE : 0));
        vs_close(&v->txn);
    }
}

/* log2 of the pages whose naturally aligned block holds a range (calculate_psi_aligned_address). */
static unsigned block(uint64_t at, uint64_t bytes)
{
    uint64_t first = at / PAGE, last = (at + bytes - 1u) / PAGE;
    return first == last ? 0 : 64u - (unsigned)__builtin_clzll(first ^ last);
}

/* The same into a guest's own queue, which its host reads: what there is to carry out is said with
 * the first one. */
static bool next_of_guest(struct vs_vcpu *v, struct guest_work *w)
{
    struct vs_dma_domain *m = domain_of(v);
    unsigned bytes = vs_iommu_descriptor_bytes(&v->p->net->iommu), drop = (unsigned)w->drop;
    if (!w->queued) {
        m->pasid = w->pasid;
        m->drop = drop;
        m->dropped = w->map;
        m->unbinds = w->unmaps;
        m->answered = w->asked;
        m->code = w->code;
    }
    if (w->queued > 1u && !drop) {
        return false;
    }
    w->queued = drop ? 1u : 2u;
    w->entry = m->queue_seen + m->queued++ * bytes % PAGE;
    w->drop = (enum guest_sva_drop)(drop & (drop - 1u)); /* the lowest one is told */
    return true;
}

void guest_sva_carry_out(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_iommu *unit = &net->iommu;
    struct vs_dma_domain *m = domain_of(v);
    uint16_t requester = requester_of(net, net->driver[v->index].vf);
    bool all = !m->dropped.bytes;
    vs_iova at = {all ? 0 : m->dropped.iova};
    unsigned order = all ? 0 : block(m->dropped.iova, m->dropped.bytes);
    if (m->drop & GUEST_DROP_ENTRY && m->unbinds) {
        vs_iommu_clear_entry(v->p->phys, vs_iommu_entry_of_pasid(unit, requester, m->pasid));
        vs_iommu_queue_pasid(unit, m->id, m->pasid);
    } else if (m->drop & GUEST_DROP_ENTRY) {
        static const vs_hpa none[3] = {{0}, {0}, {0}};
        struct vs_iommu_pasid what = entry_of(v);
        what.type = VS_IOMMU_NESTED;
        what.domain = m->id;
        what.second.v = net->vm[v->machine].root;
        vs_iommu_attach_pasid(unit, requester, m->pasid, &what, none);
    }
    if (m->drop & GUEST_DROP_IOTLB) {
        vs_iommu_queue_piotlb(unit, m->id, m->pasid, at,
                              all ? VS_IOMMU_ALL_PAGES : order | VS_IOMMU_LEAVES);
    }
    if (m->drop & GUEST_DROP_IOTLB && net->ats_config.enabled) { /* the host's own: tags */
        vs_iommu_queue_device_pasid(unit, requester, m->pasid, at, all ? ALL : order);
    }
    if (m->drop &
        GUEST_DROP_ANSWER) { /* written to the queue of faults: IOMMU_HWPT_PAGE_RESPONSE */
        vs_iommu_queue_response(unit, m->answered, (enum vs_page_response)m->code);
    }
    m->drop = 0;
}

bool guest_sva_next_descriptor(struct vs_vcpu *v, struct guest_work *w)
{
    struct vs_net *net = v->p->net;
    struct vs_iommu *unit = &net->iommu;
    if (domain_of(v)->own) {
        return next_of_guest(v, w);
    }
    bool all = !w->map.bytes;
    vs_iova at = {all ? 0 : w->map.iova};
    unsigned order = all ? 0 : block(w->map.iova, w->map.bytes);
    if (w->queued > 1u && !w->drop) {
        return false;
    }
    w->queued = w->drop ? 1u : 2u;
    w->entry = net->queue_page + unit->queue_tail * vs_iommu_descriptor_bytes(unit) % PAGE;
    if (w->drop & GUEST_DROP_FENCE) {
        vs_iommu_queue_fence(unit);
        w->drop &= ~(unsigned)GUEST_DROP_FENCE;
        w->drains = true;
    } else if (w->drop & GUEST_DROP_ANSWER) {
        vs_iommu_queue_response(unit, w->asked, w->code);
        w->drop &= ~(unsigned)GUEST_DROP_ANSWER;
    } else if (w->drop & GUEST_DROP_ENTRY) {
        vs_iommu_queue_pasid(unit, SVA_DOMAIN, w->pasid);
        w->drop &= ~(unsigned)GUEST_DROP_ENTRY;
    } else if (w->drop & GUEST_DROP_IOTLB) {
        vs_iommu_queue_piotlb(unit, SVA_DOMAIN, w->pasid, at,
                              all ? VS_IOMMU_ALL_PAGES : order | VS_IOMMU_LEAVES);
        w->drop &= ~(unsigned)GUEST_DROP_IOTLB;
    } else if (w->drop & GUEST_DROP_DEVICE) {
        vs_iommu_queue_device_pasid(unit, w->requester, w->pasid, at, all ? ALL : order);
        w->drop &= ~(unsigned)GUEST_DROP_DEVICE;
    } else {
        guest_dma_queue_wait(v, w->drains);
    }
    return true;
}
