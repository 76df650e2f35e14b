/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_IOMMU_IMPL_H
#define VIRTSIM_MODEL_IOMMU_IMPL_H

#include "iommu/iommu.h"

/* IOTLB and paging-structure caches are tagged by domain (16 bits) and hold page numbers of at most
 * 36 bits; the IOTLB's besides by level, in units of that level's pages. */
#define VS__IOMMU_PAGE ((1ull << 36) - 1u)
/* The key of a page of a size in a domain. */
static inline uint64_t vs__iommu_key(uint64_t domain, unsigned level, uint64_t address)
{
    return (address >> vs_radix_shift(level) & VS__IOMMU_PAGE) | (uint64_t)(level - 1u) << 36 |
           domain << 40;
}
/* The page size in a key, as a level. */
static inline unsigned vs__iommu_key_level(uint64_t key)
{
    return (unsigned)(key >> 36 & 3u) + 1u;
}

/* What the context cache holds: the number of the second level's root page, the domain above it,
 * and two bits. */
#define VS__IOMMU_PASS_THROUGH (1ull << 63)
#define VS__IOMMU_DEVICE_TLB (1ull << 61)    /* the requester may use translation services */
#define VS__IOMMU_PAGE_REQUESTS (1ull << 60) /* and page requests */
#define VS__IOMMU_SILENT (1ull << 62)        /* FPD: its faults are not recorded */
#define VS__IOMMU_SUPERVISOR (1ull << 59)    /* SRE: supervisor requests are taken */
#define VS__IOMMU_EXECUTE (1ull << 58)       /* ERE: requests that would execute are taken */
#define VS__IOMMU_PROTECTED (1ull << 57)     /* WPE: supervisor writes go by R/W */
static inline uint64_t vs__iommu_domain(uint64_t context)
{
    return context >> 40 & 0xffffu;
}
/* The root of the tables in a context's cached entry. */
static inline uint64_t vs__iommu_root(uint64_t context)
{
    return (context & ((1ull << 40) - 1u)) << 12;
}

/* What a request's translation goes by: a context, or what the PASID cache holds in its shape, a
 * tag for the domain; and its first level: the root's page, the tag of the second level. */
struct vs__iommu_space {
    uint64_t context, first;
};
#define VS__IOMMU_HAS_FIRST (1ull << 63)
#define VS__IOMMU_NESTED_BIT (1ull << 62)
/* Of a paging-structure cache's entry, besides R and W of the way: accessed bits can be set there;
 * all of it is the user's; all of it may be executed. */
#define VS__IOMMU_TABLE_WRITABLE 4u
#define VS__IOMMU_WAY_USER 8u
#define VS__IOMMU_WAY_EXECUTE 16u
#define VS__IOMMU_WAY (3u | VS__IOMMU_TABLE_WRITABLE | VS__IOMMU_WAY_USER | VS__IOMMU_WAY_EXECUTE)
/* Rights of an IOTLB's entry: R and W of a user, of a supervisor, and to execute. */
#define VS__IOMMU_SUPERVISOR_SHIFT 2u
#define VS__IOMMU_MAY_EXECUTE 16u
/* Whether an entry with these rights serves a request. */
static inline bool vs__iommu_serves(uint64_t entry, uint32_t prefix, bool write)
{
    uint64_t right = write ? 2u : 1u;
    if (vs_likely(!prefix)) {
        return entry & right;
    }
    right <<= prefix & VS_PASID_PRIVILEGED ? VS__IOMMU_SUPERVISOR_SHIFT : 0;
    right |= prefix & VS_PASID_EXECUTE ? VS__IOMMU_MAY_EXECUTE : 0;
    return (entry & right) == right;
}
/* The PASID in a prefix; VS_IOMMU_NO_PASID: there is none. */
static inline uint32_t vs__iommu_pasid(uint32_t prefix)
{
    return prefix ? prefix & VS_PASID_MASK : VS_IOMMU_NO_PASID;
}

/* scalable.c: 0, or the reason of a fault. */
unsigned vs__iommu_find_space(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                              struct vs__iommu_space *out);
/* scalable_walk.c, iommu.c: the page's first address with its permissions, and its level; 0, or the
 * reason of a fault. */
unsigned vs__iommu_walk_first(struct vs_iommu *i, struct vs_txn *t,
                              const struct vs__iommu_space *space, uint64_t address, bool write,
                              uint64_t *payload, unsigned *level);
unsigned vs__iommu_walk_second(struct vs_iommu *i, struct vs_txn *t, uint64_t tag, uint64_t table,
                               uint64_t address, bool write, uint64_t *payload, unsigned *level);
/* Where a walk may begin, below the lowest entry that a paging-structure cache has; 5: at the root.
 */
unsigned vs__iommu_begin_walk(struct vs_iommu *i, uint64_t tag, uint64_t address, uint64_t *table,
                              uint64_t *permissions);
/* Whose a request is, in either mode; false: blocked. The page of an address in that space, from
 * the IOTLB or by a walk: its first address with permissions, its level. */
bool vs__iommu_space_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint64_t address,
                        bool write, struct vs__iommu_space *space);
bool vs__iommu_page_of(struct vs_iommu *i, struct vs_txn *t, uint16_t requester,
                       const struct vs__iommu_space *space, uint64_t address, bool write,
                       uint64_t *payload, unsigned *level);
bool vs__iommu_blocked(struct vs_iommu *i, uint64_t address, uint16_t requester, unsigned reason,
                       bool write);
/* One invalidation of a device's translations, until it has completed; false: it has not in time.
 */
bool vs__iommu_invalidate_device(struct vs_iommu *i, struct vs_txn *t, uint64_t low, uint64_t high);
bool vs__iommu_invalidate_device_pasid(struct vs_iommu *i, struct vs_txn *t, uint64_t low,
                                       uint64_t high);
/* One response to a page request; false: reserved bits are set. */
bool vs__iommu_respond(struct vs_iommu *i, struct vs_txn *t, uint64_t low, uint64_t high);
/* What is cached of a tag's page goes, as a page request implies (6.5.3.1). */
void vs__iommu_drop_requested(struct vs_iommu *i, uint64_t tag, uint64_t address);
/* Everything that is cached goes. */
void vs__iommu_empty(struct vs_iommu *i);
/* Charges time to one of the IOMMU's accounts. */
static inline void vs__iommu_charge(const struct vs_iommu *i, struct vs_txn *t, unsigned account,
                                    uint64_t ps)
{
    if (ps) {
        vs_ps d = {ps};
        vs_charge(t, (uint16_t)(i->account + account), d);
    }
}
void vs__iommu_record(struct vs_iommu *i, uint64_t address, uint16_t requester, unsigned reason,
                      bool write);

#endif
