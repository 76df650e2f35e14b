/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_IOMMU_IMPL_H
#define VIRTSIM_MODEL_IOMMU_IMPL_H

#include "iommu/iommu.h"

/* IOTLB and paging-structure caches are tagged by domain: page numbers have 36 bits, domains 11. */
static inline uint64_t vs__iommu_key(uint64_t domain, uint64_t page)
{
    return (page & ((1ull << 36) - 1u)) | domain << 40;
}

void vs__iommu_charge(const struct vs_iommu *i, struct vs_txn *t, unsigned account, uint64_t ps);
void vs__iommu_record(struct vs_iommu *i, uint64_t address, uint16_t requester, unsigned reason,
                      bool write);

#endif
