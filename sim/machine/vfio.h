/* SPDX-License-Identifier: MIT */
/*
 * What VFIO does with the pages of a machine's memory, in time: pinned and mapped for a device,
 * unmapped and let go; used by the life of an assigned function (vfio.c) and by the shadow of a
 * guest's own IOMMU (viommu.c).
 */
#ifndef VIRTSIM_SIM_MACHINE_VFIO_H
#define VIRTSIM_SIM_MACHINE_VFIO_H

#include "machine_impl.h"

#include "ept/slat.h"

#define VS_VFIO_PAGE 4096u
#define VS_VFIO_REGIONS                                                                            \
    512u /* VFIO_IOMMU_TLB_SYNC_MAX: unmapped runs that share an invalidation                      \
          */

/* One pass over memory of a machine, to pin and map it or to unmap and unpin it. */
struct vs_vfio_pass {
    struct vs_vcpu *v;
    struct vs_txn *t;
    struct vs_assigned_vm *a;
    uint64_t root;  /* of the tables that its device goes by */
    uint64_t end;   /* host address behind the present run */
    uint64_t pages; /* 4 KiB pages that have been looked at */
};

/* A pass of the vCPU's machine over tables with this root. */
struct vs_vfio_pass vs__vfio_pass(struct vs_vcpu *v, struct vs_txn *t, uint64_t root);
/* The code of the loops that map, that unmap, or of both comes into the caches once. */
enum vs_vfio_loops { VS_VFIO_MAPS = 1, VS_VFIO_UNMAPS = 2 };
void vs__vfio_fetch(const struct vs_vfio_pass *x, unsigned loops);
/* A host page of the machine's, with a frame behind it; false: host memory is exhausted. */
bool vs__vfio_leaf(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa, struct vs_slat_leaf *leaf);
/* 1 << shift bytes at gpa, all or a part of one host page, are pinned and mapped at iova with these
 * rights; false: host memory is exhausted. */
bool vs__vfio_pin(struct vs_vfio_pass *x, uint64_t iova, uint64_t gpa, unsigned shift,
                  const struct vs_slat_leaf *leaf, uint64_t rights);
/* A page of the machine that has just got its frame was entered there, too. */
void vs__vfio_entered(const struct vs_vfio_pass *x, uint64_t gpa);
/* Entries are looked up and cleared; the pages behind them are let go. */
void vs__vfio_clear(const struct vs_vfio_pass *x, uint64_t iova, uint64_t bytes);
void vs__vfio_unpin(const struct vs_vfio_pass *x, uint64_t gpa, unsigned shift);
/* Memory for the page structures of the machine's pages, if it is not there yet. */
bool vs__vfio_structs(struct vs_vcpu *v);

#endif
