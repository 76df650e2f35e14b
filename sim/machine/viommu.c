/* SPDX-License-Identifier: MIT */
/*
 * An emulated IOMMU of a guest's own, with assigned devices behind it: QEMU's intel-iommu in
 * caching mode (hw/i386/intel_iommu.c). The guest's kernel maps in tables of its own memory, which
 * no hardware walks, and asks for an invalidation after each change, of entries that become present
 * too (VT-d specification 6.1, CM). The write of the queue's tail leaves the guest for user space,
 * which reads the descriptors, walks the guest's tables over the range that they name, and has VFIO
 * map and unmap what has changed since (vtd_page_walk_one; drivers/vfio/vfio_iommu_type1.c).
 * With nested translation the device walks the guest's tables itself, and only the invalidation is
 * handed on, by one request (drivers/iommu/iommufd/, IOMMU_HWPT_INVALIDATE).
 */
#include "vfio.h"

#include "guest/guest.h"
#include "host/host.h"

#include <string.h>

#define PAGE VS_VFIO_PAGE
#define DESCRIPTOR 16u /* bytes of one of legacy mode's, which the guest's unit is in */
#define RIGHTS (VS_RIGHT_READ | VS_RIGHT_WRITE)

/* The domain of the vCPU's function. */
static struct vs_dma_domain *domain(const struct vs_vcpu *v)
{
    return v->p->net->driver[v->index].domain;
}

/* ---- what is mapped for the device ---- */

/* The place of the first mapping that ends behind iova, among those in order of their addresses. */
static size_t place_of(const struct vs_mappings *m, uint64_t iova)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2u;
        if (m->e[middle].iova + m->e[middle].bytes <= iova) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Adds one at its place; false, and the run fails: no memory of the simulator's. */
static bool remember(struct vs_vcpu *v, const struct vs_mapping *one)
{
    struct vs_mappings *m = &domain(v)->shadowed;
    if (!guest_dma_room(v, m)) {
        return false;
    }
    size_t at = place_of(m, one->iova);
    memmove(m->e + at + 1u, m->e + at, (m->n - at) * sizeof *m->e);
    m->e[at] = *one;
    m->n++;
    return true;
}

/* The one at this place is none any more. */
static void forget(struct vs_mappings *m, size_t at)
{
    m->n--;
    memmove(m->e + at, m->e + at + 1u, (m->n - at) * sizeof *m->e);
}

bool machine_viommu_begin(struct vs_vcpu *v, const struct vs_mapping *one, uint64_t rights)
{
    struct vs_net *net = v->p->net;
    struct vs_mapping known = {one->iova, one->at | rights, one->bytes};
    for (uint64_t done = 0; done < one->bytes; done += PAGE) {
        uint64_t hpa;
        if (!vs_vm_locate(v->vm, one->at + done, &hpa) ||
            !machine_net_map(net, domain(v)->shadow, one->iova + done, hpa, 12, rights)) {
            return false;
        }
    }
    return remember(v, &known);
}

/* ---- VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA ---- */

/* log2 of what of a mapping lies in one host page. */
static unsigned piece_of(const struct vs_slat_leaf *leaf, uint64_t bytes)
{
    return 1ull << leaf->shift < bytes ? leaf->shift : (unsigned)__builtin_ctzll(bytes);
}

/* What the guest maps now is pinned, a host page at a time, and mapped at the same device address.
 */
static void map_one(struct vs_vcpu *v, struct vs_txn *t, const struct vs_mapping *one)
{
    struct vs_vfio_pass x = vs__vfio_pass(v, t, domain(v)->shadow);
    uint64_t gpa = one->at & ~(uint64_t)(PAGE - 1u), rights = one->at & RIGHTS;
    bool good = true;
    vs_open(t, VS_OP_VFIO_MAP);
    vs_hv_run(&v->hv, t, VS_HV_ENTRY_VIOMMU_IOCTL);
    vs__vfio_fetch(&x, VS_VFIO_MAPS);
    for (uint64_t done = 0; done < one->bytes && good;) {
        struct vs_slat_leaf leaf = {.shift = 12};
        good = vs_vm_is_memory(v->vm, gpa + done) && vs__vfio_leaf(v, t, gpa + done, &leaf);
        unsigned shift = piece_of(&leaf, one->bytes);
        good = good && vs__vfio_pin(&x, one->iova + done, gpa + done, shift, &leaf, rights);
        done += 1ull << shift;
    }
    if (!good) {
        vcpu_refuse(v, "dma.viommu = emulated: what a guest maps for its device is pinned, and "
                       "host.memory is exhausted; give the host more, or the guest less");
    }
    vs_txn_settle(t);
    vs_close(t);
    (void)remember(v, one);
}

/* The pages of one are unmapped, invalidated and let go (vfio_remove_dma). */
static void remove_one(struct vs_vcpu *v, struct vs_txn *t, size_t at)
{
    struct vs_vfio_pass x = vs__vfio_pass(v, t, domain(v)->shadow);
    struct vs_mapping one = domain(v)->shadowed.e[at];
    uint64_t gpa = one.at & ~(uint64_t)(PAGE - 1u);
    vs__vfio_clear(&x, one.iova, one.bytes);
    guest_dma_drop(v, t, &one);
    for (uint64_t done = 0; done < one.bytes;) {
        struct vs_slat_leaf leaf = {.shift = 12};
        (void)vs_slat_find(v->vm, gpa + done, &leaf);
        unsigned shift = piece_of(&leaf, one.bytes);
        vs__vfio_unpin(&x, gpa + done, shift);
        done += 1ull << shift;
    }
    forget(&domain(v)->shadowed, at);
}

/* So many of them, from the one at this place on, by one request. */
static void unmap(struct vs_vcpu *v, struct vs_txn *t, size_t at, size_t n)
{
    struct vs_vfio_pass x = vs__vfio_pass(v, t, domain(v)->shadow);
    vs_open(t, VS_OP_VFIO_UNMAP);
    vs_hv_run(&v->hv, t, VS_HV_ENTRY_VIOMMU_IOCTL);
    vs__vfio_fetch(&x, VS_VFIO_UNMAPS);
    while (n-- && !v->failed) {
        remove_one(v, t, at + n);
    }
    vs_txn_settle(t);
    vs_close(t);
}

/* A leaf of the guest's tables, or an entry above with nothing below it: what has changed there
 * since it was looked at last is unmapped and mapped. */
static void compare(struct vs_vcpu *v, struct vs_txn *t, const struct vs_mapping *now)
{
    struct vs_mappings *m = &domain(v)->shadowed;
    bool maps = (now->at & RIGHTS) != 0;
    for (size_t at = place_of(m, now->iova);
         at < m->n && m->e[at].iova < now->iova + now->bytes && !v->failed;) {
        if (maps && !memcmp(&m->e[at], now, sizeof *now)) {
            return;
        }
        unmap(v, t, at, 1);
    }
    if (maps && !v->failed) {
        map_one(v, t, now);
    }
}

/* The guest's tables are walked from iova up to end, an entry at a time (vtd_page_walk_level). */
static void walk(struct vs_vcpu *v, struct vs_txn *t, uint64_t iova, uint64_t end)
{
    const struct vs_radix_format *f = &vs_radix_vtd;
    struct vs_net *net = v->p->net;
    uint64_t table[VS_RADIX_LEVELS + 1u] = {0};
    unsigned level = f->levels;
    table[level] = net->own_at(v, domain(v)->root_seen);
    while (iova < end && !v->failed) {
        vs_hpa at = vs_radix_entry(table[level], level, iova);
        vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_VIOMMU_ENTRY, 1);
        host_touch(v, t, at.v, VS_REF_READ);
        uint64_t entry = vs_phys_read64(v->p->phys, at), size = 1ull << vs_radix_shift(level);
        if (level > 1u && entry & f->present && !vs_radix_is_leaf(f, level, entry)) {
            table[--level] = net->own_at(v, entry & f->address);
            continue;
        }
        struct vs_mapping now = {iova & ~(size - 1u), (entry & f->address) | (entry & RIGHTS),
                                 size};
        compare(v, t, &now);
        iova = now.iova + size;
        while (level < f->levels && !(iova & ((1ull << vs_radix_shift(level + 1u)) - 1u))) {
            level++; /* behind the last entry of a table */
        }
    }
}

void machine_viommu_follow(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_net *net = v->p->net;
    struct vs_dma_domain *d = domain(v);
    const struct vs_mapping *one = &d->dropped;
    uint64_t queue = net->own_at(v, d->queue_seen), order = 0, from = one->iova / PAGE * PAGE,
             pages = (one->iova % PAGE + one->bytes + PAGE - 1u) / PAGE,
             bytes = d->shadow ? DESCRIPTOR : vs_iommu_descriptor_bytes(&net->iommu);
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_VIOMMU_SUBMIT);
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_VIOMMU_SUBMIT, 1);
    while (1ull << order < pages) {
        order++;
    }
    /* requests to the kernel; a device's own translations are the host's to drop */
    unsigned requests =
        d->drop ? (unsigned)__builtin_popcount(
                      d->drop & (GUEST_DROP_ENTRY | GUEST_DROP_IOTLB | GUEST_DROP_ANSWER))
                : 1u;
    for (bool drops; d->fetched < d->queued;) { /* then the wait's */
        drops = requests != 0;
        requests -= drops;
        host_touch(v, t, queue + d->fetched++ * bytes % PAGE, VS_REF_READ);
        vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_VIOMMU_DESCRIPTOR, 1);
        if (drops && !d->shadow) { /* IOMMU_HWPT_INVALIDATE */
            vs_hv_run(&v->hv, t, VS_HV_ENTRY_VIOMMU_IOCTL);
        } else if (drops && d->drop_all) {
            walk(v, t, 0, 1ull << vs_radix_vtd.input_bits);
        } else if (drops) {
            walk(v, t, from, from + ((uint64_t)PAGE << order));
        }
    }
}

void machine_viommu_end(struct vs_vcpu *v, struct vs_txn *t)
{
    unmap(v, t, 0, domain(v)->shadowed.n);
}

void machine_viommu_check(const struct vs_platform *p, const struct vs_net *net,
                          struct vs_errors *errors)
{
    const struct vs_program_set *set = p->programs[VS_ROLE_HYPERVISOR];
    if (net->dma_config.viommu != VS_DMA_EMULATED) {
        return;
    }
    if (!p->virtualized || p->hosted_tlb) {
        vs_error(errors, "dma.viommu = emulated: a hypervisor shadows the tables of a guest with a "
                         "second dimension; take a machine with one, such as skylake_sp_kvm");
    } else if (vs_program_set_find(set, "viommu_ioctl") == VS_PROGRAM_NONE) {
        vs_error(errors,
                 "dma.viommu = emulated: %s has no programs viommu_submit, viommu_ioctl, ... that "
                 "emulate an IOMMU in caching mode; take a machine of KVM's on x86, such as "
                 "skylake_sp_kvm",
                 set->desc->name);
    }
}
