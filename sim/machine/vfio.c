/* SPDX-License-Identifier: MIT */
/*
 * The life of an assigned function, in time: a machine gets it as VFIO gives it, when its program
 * first uses it, as if it had been plugged in then, and loses it when its last program is over.
 * Linux drivers/vfio/vfio_iommu_type1.c (vfio_pin_pages_remote, vfio_iommu_map, vfio_unmap_unpin)
 * and pci/vfio_pci_core.c (a reset before and after). All of the machine's memory is pinned: a
 * device's access cannot wait for a page. What it has no frame for yet gets one. Pinning goes by
 * host page and looks at each 4 KiB's page structure, mapping by runs of memory that lie in a row.
 */
#include "vfio.h"

#include "guest/guest.h"
#include "host/host.h"

#include <stdlib.h>

#define PAGE VS_VFIO_PAGE
#define PAGE_STRUCT 64u /* bytes of Linux's struct page */
#define BATCH 512u      /* VFIO_BATCH_MAX_CAPACITY: pages that are asked for at one time */
#define CHUNK_SHIFT 21u /* page structures lie in 2 MiB pieces of host memory */

/* The loops that map, then those that unmap. */
static const enum vs_hv_entry used[] = {VS_HV_ENTRY_VFIO_BATCH, VS_HV_ENTRY_VFIO_WALK,
                                        VS_HV_ENTRY_VFIO_PAGE,  VS_HV_ENTRY_VFIO_RUN,
                                        VS_HV_ENTRY_VFIO_ENTRY, VS_HV_ENTRY_VFIO_LOOKUP,
                                        VS_HV_ENTRY_VFIO_CLEAR, VS_HV_ENTRY_VFIO_UNPIN};
#define MAPPING 5u

struct vs_vfio_pass vs__vfio_pass(struct vs_vcpu *v, struct vs_txn *t, uint64_t root)
{
    return (struct vs_vfio_pass){v, t, &v->p->net->vm[v->machine], root, UINT64_MAX, 0};
}

void vs__vfio_fetch(const struct vs_vfio_pass *x, unsigned loops)
{
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        if (loops & (i < MAPPING ? VS_VFIO_MAPS : VS_VFIO_UNMAPS)) {
            vs_hv_code(&x->v->hv, x->t, used[i]);
        }
    }
}

/* The page structures of a page are looked at, one line for each 4 KiB. */
static void look_at(const struct vs_vfio_pass *x, uint64_t gpa, unsigned shift, enum vs_ref first)
{
    for (uint64_t done = 0; done < 1ull << shift; done += PAGE) {
        uint64_t at = (gpa + done) / PAGE * PAGE_STRUCT;
        host_touch(x->v, x->t,
                   x->a->page_structs[at >> CHUNK_SHIFT] + (at & ((1u << CHUNK_SHIFT) - 1u)),
                   done ? VS_REF_READ : first);
    }
}

/* Where the entries are for an address of the domain; the level of its leaf is counted from 1. */
static uint64_t entry_of(const struct vs_vfio_pass *x, uint64_t iova, unsigned *level)
{
    const struct vs_radix_format *f = &vs_radix_vtd;
    uint64_t table = x->root;
    for (*level = f->levels;; --*level) {
        vs_hpa at = vs_radix_entry(table, *level, iova);
        uint64_t entry = vs_phys_read64(x->v->p->phys, at);
        if (*level == 1u || !(entry & f->present) || vs_radix_is_leaf(f, *level, entry)) {
            return at.v;
        }
        table = entry & f->address;
    }
}

bool vs__vfio_leaf(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa, struct vs_slat_leaf *leaf)
{
    if (vs_slat_find(v->vm, gpa, leaf)) {
        return true;
    }
    return !vs_vm_is_memory(v->vm, gpa) ||
           (vs_hv_fault_in(&v->hv, t, (vs_gpa){gpa}) && vs_slat_find(v->vm, gpa, leaf));
}

/* The host address of a page. */
static uint64_t frame_of(const struct vs_vcpu *v, const struct vs_slat_leaf *leaf)
{
    return (leaf->entry & v->vm->format.address) >> leaf->shift << leaf->shift;
}

/* ---- pinning and mapping ---- */

/* The page is found in the process's tables, its structures looked at, its entries stored. */
bool vs__vfio_pin(struct vs_vfio_pass *x, uint64_t iova, uint64_t gpa, unsigned shift,
                  const struct vs_slat_leaf *leaf, uint64_t rights)
{
    struct vs_vcpu *v = x->v;
    struct vs_net *net = v->p->net;
    uint64_t hpa = frame_of(v, leaf) + (gpa & ((1ull << leaf->shift) - 1u)),
             pages = (1ull << shift) / PAGE, made = net->tables;
    unsigned level;
    vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_BATCH,
                 (x->pages + pages + BATCH - 1u) / BATCH - (x->pages + BATCH - 1u) / BATCH);
    vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_WALK, 1);
    host_touch(v, x->t, leaf->at.v, VS_REF_READ);
    look_at(x, gpa, shift, VS_REF_WRITE);
    vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_PAGE, pages);
    x->pages += pages;
    net->dma_count[VS_CNT_dma_pinned] += pages;
    if (hpa != x->end) {
        vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_RUN, 1);
    }
    x->end = hpa + (1ull << shift);
    if (!machine_net_map(net, x->root, iova, hpa, shift, rights)) {
        return false;
    }
    for (; made < net->tables; made++) {
        v->hv.core.store_string(v->hv.core.ctx, x->t, (vs_gva){v->hv.direct_at + net->last_table},
                                PAGE);
    }
    for (uint64_t at = iova; at < iova + (1ull << shift);) {
        uint64_t entry = entry_of(x, at, &level);
        vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_ENTRY, 1);
        host_touch(v, x->t, entry, VS_REF_WRITE);
        net->dma_count[VS_CNT_dma_pages]++;
        at += 1ull << vs_radix_shift(level);
    }
    return true;
}

void vs__vfio_entered(const struct vs_vfio_pass *x, uint64_t gpa)
{
    unsigned level;
    vs_hv_rounds(&x->v->hv, x->t, VS_HV_ENTRY_VFIO_RUN, 1);
    vs_hv_rounds(&x->v->hv, x->t, VS_HV_ENTRY_VFIO_ENTRY, 1);
    host_touch(x->v, x->t, entry_of(x, gpa, &level), VS_REF_WRITE);
}

/* VFIO_IOMMU_MAP_DMA of all of the machine's memory. */
static bool map_all(struct vs_vfio_pass *x)
{
    struct vs_vcpu *v = x->v;
    bool good = true;
    vs_open(x->t, VS_OP_VFIO_MAP);
    vs__vfio_fetch(x, VS_VFIO_MAPS | VS_VFIO_UNMAPS);
    for (uint64_t gpa = 0; gpa < v->vm->bytes && good;) {
        struct vs_slat_leaf leaf = {.shift = 12};
        good = vs__vfio_leaf(v, x->t, gpa, &leaf) &&
               (!vs_vm_is_memory(v->vm, gpa) || vs__vfio_pin(x, gpa, gpa, leaf.shift, &leaf, 3));
        gpa += 1ull << leaf.shift;
    }
    vs_txn_settle(x->t);
    vs_close(x->t);
    return good;
}

bool vs__vfio_structs(struct vs_vcpu *v)
{
    struct vs_assigned_vm *a = &v->p->net->vm[v->machine];
    uint64_t n = (v->vm->bytes / PAGE * PAGE_STRUCT >> CHUNK_SHIFT) + 1u;
    bool good = true;
    if (a->page_structs) {
        return true;
    }
    a->page_structs = calloc(n, sizeof *a->page_structs);
    for (uint64_t i = 0; a->page_structs && good && i < n; i++) {
        good = vs_frames_alloc(v->p->frames, CHUNK_SHIFT, &a->page_structs[i]);
    }
    return a->page_structs && good;
}

/* The first function of a machine has its container's memory mapped; with an emulated IOMMU each
 * has a container of its own, and nothing is mapped before the guest does. */
static bool map_container(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_net *net = v->p->net;
    if (net->dma_config.viommu == VS_DMA_EMULATED) {
        return vs__vfio_structs(v);
    }
    if (!vs__vfio_structs(v) || !machine_net_domain(net, v)) {
        return false;
    }
    struct vs_vfio_pass x = vs__vfio_pass(v, t, net->vm[v->machine].root);
    return map_all(&x) && machine_net_follow(net, v);
}

/* The function is reset, which takes its time, and does nothing any more. */
static void reset(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_net *net = v->p->net;
    vs_wait_until(t, (uint16_t)(net->dma_account + VS_ACC_dma_reset),
                  (vs_ps){vs_now(t).v + net->pcie_config.flr_us * 1000000u});
}

/* Group and container opened, memory pinned and mapped by the first function of the machine, the
 * device opened, which resets it. */
static void assign(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    struct vs_net *net = v->p->net;
    struct vs_assigned_vm *a = &net->vm[v->machine];
    bool good = true;
    vs_open(t, VS_OP_VM_ASSIGN);
    vs_hv_run(&v->hv, t, VS_HV_ENTRY_VFIO_OPEN);
    if (!a->functions++) {
        good = map_container(v, t);
    } else { /* the container is the first one's until its memory is mapped */
        vs_wait_until(t, (uint16_t)(net->dma_account + VS_ACC_dma_container),
                      (vs_ps){a->mapped_ps > vs_now(t).v ? a->mapped_ps : vs_now(t).v});
    }
    vs_txn_settle(t);
    a->mapped_ps = a->mapped_ps > vs_now(t).v ? a->mapped_ps : vs_now(t).v;
    if (good) {
        reset(v, t);
    } else {
        vcpu_refuse(v, "dma.assigned_in_time = 1: all of guest.memory is pinned for a device, and "
                       "host.memory is exhausted; give the host more, or the guest less");
    }
    vs_close(t);
}

bool machine_vfio_assign(struct vs_vcpu *v)
{
    vcpu_kick(v, assign, v);
    return !v->failed;
}

/* ---- unmapping and unpinning ---- */

void vs__vfio_clear(const struct vs_vfio_pass *x, uint64_t iova, uint64_t bytes)
{
    struct vs_vcpu *v = x->v;
    unsigned level;
    vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_LOOKUP, bytes / PAGE);
    for (uint64_t at = iova; at < iova + bytes;) {
        uint64_t entry = entry_of(x, at, &level);
        vs_hv_rounds(&v->hv, x->t, VS_HV_ENTRY_VFIO_CLEAR, 1);
        host_touch(v, x->t, entry, VS_REF_WRITE);
        vs_phys_write64(v->p->phys, (vs_hpa){entry}, 0);
        at += 1ull << vs_radix_shift(level);
    }
}

void vs__vfio_unpin(const struct vs_vfio_pass *x, uint64_t gpa, unsigned shift)
{
    look_at(x, gpa, shift, VS_REF_WRITE);
    vs_hv_rounds(&x->v->hv, x->t, VS_HV_ENTRY_VFIO_UNPIN, (1ull << shift) / PAGE);
}

/* What was unmapped of a machine's memory, from `from` up to gpa, is invalidated; only then are its
 * pages let go. */
static void sync(const struct vs_vfio_pass *x, uint64_t from, uint64_t gpa)
{
    if (from < gpa) {
        guest_dma_drop(x->v, x->t, NULL);
    }
    while (from < gpa) {
        struct vs_slat_leaf leaf = {.shift = 12};
        if (vs_slat_find(x->v->vm, from, &leaf)) {
            vs__vfio_unpin(x, from, leaf.shift);
        }
        from += 1ull << leaf.shift;
    }
}

/* VFIO_IOMMU_UNMAP_DMA of all of it: page by page looked up in the IOMMU's tables, its entries
 * cleared. */
static void unmap_all(struct vs_vfio_pass *x)
{
    struct vs_vcpu *v = x->v;
    uint64_t regions = 0, from = 0; /* runs unmapped since the last invalidation, the first here */
    vs_open(x->t, VS_OP_VFIO_UNMAP);
    vs__vfio_fetch(x, VS_VFIO_MAPS | VS_VFIO_UNMAPS);
    for (uint64_t gpa = 0; gpa < v->vm->bytes;) {
        struct vs_slat_leaf leaf = {.shift = 12};
        if (vs_slat_find(v->vm, gpa, &leaf)) {
            uint64_t hpa = frame_of(v, &leaf);
            if (hpa != x->end && regions++ == VS_VFIO_REGIONS) {
                sync(x, from, gpa);
                from = gpa;
                regions = 1;
            }
            x->end = hpa + (1ull << leaf.shift);
            vs__vfio_clear(x, gpa, 1ull << leaf.shift);
        }
        gpa += 1ull << leaf.shift;
    }
    sync(x, from, v->vm->bytes);
    vs_txn_settle(x->t);
    vs_close(x->t);
}

/* The device is closed, which resets it, and then, of the last one, the container. */
static void unassign(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    struct vs_net *net = v->p->net;
    struct vs_assigned_vm *a = &net->vm[v->machine];
    struct vs_vfio_pass x = vs__vfio_pass(v, t, a->root);
    vs_open(t, VS_OP_VM_UNASSIGN);
    vcpu_yield(v); /* what the device did before is done */
    machine_pci_silence(net, net->driver[v->index].vf, vs_now(t));
    reset(v, t);
    vs_hv_run(&v->hv, t, VS_HV_ENTRY_VFIO_CLOSE);
    a->functions--;
    if (net->dma_config.viommu == VS_DMA_EMULATED) {
        machine_viommu_end(v, t);
    } else if (!a->functions) {
        machine_net_unfollow(net, v);
        unmap_all(&x);
    }
    vs_txn_settle(t);
    vs_close(t);
}

void machine_vfio_unassign(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    if (net && net->dma_config.assigned_in_time && net->driver[v->index].made && !v->failed) {
        vcpu_kick(v, unassign, v);
        net->driver[v->index].made = false;
    }
}

/* ---- what can be asked for ---- */

void machine_vfio_check(const struct vs_platform *p, const struct vs_net *net,
                        struct vs_errors *errors)
{
    const struct vs_program_set *set = p->programs[VS_ROLE_HYPERVISOR];
    if (!net->dma_config.assigned_in_time) {
        return;
    }
    if (!p->virtualized || p->hosted_tlb) {
        vs_error(errors, "dma.assigned_in_time = 1: functions are given to virtual machines with a "
                         "second dimension; take one, such as skylake_sp_kvm");
    } else if (vs_program_set_find(set, "vfio_fault") == VS_PROGRAM_NONE) {
        vs_error(errors,
                 "dma.assigned_in_time = 1: %s has no programs vfio_open, vfio_fault, ... that "
                 "give a function to a machine; take a machine of KVM's, such as skylake_sp_kvm",
                 set->desc->name);
    } else if (net->nic_config.queues > 1u) {
        vs_error(errors,
                 "dma.assigned_in_time = 1: nic.queues = %llu, but a function is given to a "
                 "machine by the vCPU that drives it, and that is one: nic.queues = 1",
                 (unsigned long long)net->nic_config.queues);
    }
}
