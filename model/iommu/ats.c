/* SPDX-License-Identifier: MIT */
/*
 * Translation services (VT-d specification 3.x, chapter 4): translation requests of devices that
 * keep the answers, requests that come translated, and invalidations of what devices keep.
 */
#include "iommu_impl.h"

#define READ_OK 1u
#define WRITE_OK 2u
/* what a device has for an invalidation (PCI Express Base Specification 4.0, 10.3.1: a minute) */
#define DEVICE_TIMEOUT_PS 60000000000000u
#define ANY (15u | VS__IOMMU_MAY_EXECUTE) /* all rights */
#define DTE 4u /* legacy: translation type 01; scalable mode: device-TLB enable: the same bit */

void vs_iommu_allow_services(struct vs_iommu *i, uint16_t requester)
{
    bool upper = i->cfg.mode && requester & 0x80u;
    vs_hpa root = {i->root + (requester >> 8) * 16u + (upper ? 8u : 0)};
    uint64_t table = vs_phys_read64(i->phys, root) & VS_RADIX_ADDRESS;
    vs_hpa at = {table + (i->cfg.mode ? (requester & 0x7fu) * 32u : (requester & 255u) * 16u)};
    vs_phys_write64(i->phys, at, vs_phys_read64(i->phys, at) | DTE);
}

/* Whether a requester may use them. What it may not is a fault. */
static bool allowed(struct vs_iommu *i, uint64_t address, uint16_t requester, bool write,
                    const struct vs__iommu_space *space)
{
    if (space->context & VS__IOMMU_DEVICE_TLB) {
        return true;
    }
    return vs__iommu_blocked(i, address, requester,
                             i->cfg.mode ? VS_IOMMU_SM_NO_SERVICES : VS_IOMMU_NO_SERVICES, write);
}

/* Whether a translation request that finds this is completed as one without any right (VT-d
 * specification 5.10, table 30: "Success with R=W=U=S=0"), and no fault; else it is a fault. */
static bool without_rights(unsigned reason)
{
    switch (reason) {
    case VS_IOMMU_BEYOND_WIDTH:
    case VS_IOMMU_SM_DIRECTORY_NOT_PRESENT:
    case VS_IOMMU_SM_PASID_NOT_PRESENT:
    case VS_IOMMU_SM_EXECUTE:
    case VS_IOMMU_SM_SUPERVISOR:
    case VS_IOMMU_SM_NOT_CANONICAL:
    case VS_IOMMU_SM_HOST_BEYOND:
    case VS_IOMMU_SM_BEYOND:
        return true;
    default:
        return false;
    }
}

/* Whose a translation request is: *none: nobody's, and the answer says so. False: a fault. */
static bool asks(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                 struct vs__iommu_space *space, bool *none)
{
    i->quiet = true;
    bool good = vs__iommu_space_of(i, t, requester, at.v, write, space);
    i->quiet = false;
    *none = !good && without_rights(i->withheld);
    return good    ? allowed(i, at.v, requester, write, space)
           : *none ? true
                   : vs__iommu_blocked(i, at.v, requester, i->withheld, write);
}

/* Answers a translation request of a device. */
static bool translate(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, bool write,
                      struct vs_ats_answer *out)
{
    struct vs_iommu *i = ctx;
    struct vs__iommu_space space;
    uint64_t payload = 0;
    unsigned level = 1;
    vs_open(t, VS_OP_IOMMU_TRANSLATE);
    i->count[VS_CNT_iommu_requests]++;
    i->count[VS_CNT_iommu_translations]++;
    i->silent = false;
    bool none, good = asks(i, t, requester, at, write, &space, &none), may = false;
    if (good && !none && space.context & VS__IOMMU_PASS_THROUGH) {
        payload = (at.v & VS_RADIX_ADDRESS) | ANY;
        may = true;
    } else if (good && !none) {
        i->quiet = true;
        may = vs__iommu_page_of(i, t, requester, &space, at.v, write, &payload, &level);
        i->quiet = false;
    }
    vs_close(t);
    uint64_t rights =
        t->prefix & VS_PASID_PRIVILEGED ? payload >> VS__IOMMU_SUPERVISOR_SHIFT : payload;
    *out = (struct vs_ats_answer){payload & VS_RADIX_ADDRESS, vs_radix_shift(level),
                                  may && rights & READ_OK, may && rights & WRITE_OK,
                                  may && t->prefix & VS_PASID_EXECUTE &&
                                      payload & VS__IOMMU_MAY_EXECUTE};
    return good;
}

struct vs_translate_port vs_iommu_translate_port(struct vs_iommu *i)
{
    return (struct vs_translate_port){i, translate};
}

/* A translated request goes to memory, when its requester may send any. */
static bool enter(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, vs_iova at, bool write)
{
    struct vs__iommu_space space;
    i->silent = false;
    i->count[VS_CNT_iommu_translated]++;
    return vs__iommu_space_of(i, t, requester, at.v, write, &space) &&
           allowed(i, at.v, requester, write, &space) && at.v < vs_phys_size(i->phys);
}

/* Reads at a translated address, if the function may use those. */
static bool read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                 size_t bytes)
{
    struct vs_iommu *i = ctx;
    bool good = enter(i, t, requester, at, false);
    if (good) {
        i->dma.read(i->dma.ctx, t, (vs_hpa){at.v}, buf, bytes);
    }
    return good;
}

/* Writes at a translated address, if the function may use those. */
static bool write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                  size_t bytes)
{
    struct vs_iommu *i = ctx;
    bool good = enter(i, t, requester, at, true);
    if (good) {
        i->dma.write(i->dma.ctx, t, (vs_hpa){at.v}, buf, bytes);
    }
    return good;
}

struct vs_dma_port vs_iommu_translated_port(struct vs_iommu *i)
{
    return (struct vs_dma_port){i, read, write};
}

void vs_iommu_devices(struct vs_iommu *i, const struct vs_invalidate_port *devices)
{
    i->devices = *devices;
}

/* Has a device drop pages, by an address whose lowest clear bit says how many where `several`, with
 * this prefix; false: it did not complete that in time. */
static bool drop(struct vs_iommu *i, struct vs_txn *t, uint16_t requester, uint64_t pages,
                 bool several, bool global, uint32_t prefix)
{
    unsigned order = 0;
    if (several) {
        uint64_t size = ~pages >> 12;
        order = size ? (unsigned)__builtin_ctzll(size) + 1u : 52u;
    }
    uint64_t least = t->now_ps, most = DEVICE_TIMEOUT_PS;
    i->count[VS_CNT_iommu_device_invalidations]++;
    if (i->devices.invalidate) {
        vs_iova at = {order >= 52u ? 0 : pages & ~((1ull << (12u + order)) - 1u)};
        t->prefix = prefix;
        i->devices.invalidate(i->devices.ctx, t, requester, at,
                              order | (global ? VS_INVALIDATE_GLOBAL : 0));
        t->prefix = 0;
    }
    if (t->now_ps - least > most) {
        i->timeout = true;
        i->count[VS_CNT_iommu_timeouts]++;
    }
    return !i->timeout;
}

bool vs__iommu_invalidate_device(struct vs_iommu *i, struct vs_txn *t, uint64_t low, uint64_t high)
{
    return drop(i, t, (uint16_t)(low >> 32), high, high & 1u, false, 0);
}

bool vs__iommu_invalidate_device_pasid(struct vs_iommu *i, struct vs_txn *t, uint64_t low,
                                       uint64_t high)
{
    return drop(i, t, (uint16_t)(low >> 16), high, high & 1u << 11, high & 1u,
                vs_pasid_prefix((uint32_t)(low >> 32), false, false));
}
