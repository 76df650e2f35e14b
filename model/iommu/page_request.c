/* SPDX-License-Identifier: MIT */
/*
 * Page requests (VT-d specification 3.x, 7.5; the same bits in Linux drivers/iommu/intel/prq.c and
 * iommu.h): what devices lack goes to a queue in memory of 256-bit descriptors, an event tells
 * software, and its answers come as page group responses of the invalidation queue. Requests of
 * groups of one page, without PASID.
 */
#include "iommu_impl.h"

#define TYPE 1u /* page_req_dsc */
#define RESPONSE 9u
#define BYTES 32u
#define ENTRIES (4096u / BYTES)
#define READ 1u
#define WRITE 2u
#define LAST 4u /* of its group */
#define GROUPS 0x1ffu
#define PRE 16u /* of a scalable-mode context entry */

void vs_iommu_page_queue(struct vs_iommu *i, vs_hpa queue)
{
    i->pages = queue.v;
    i->pages_head = i->pages_tail = 0;
    i->pages_lost = false;
}

void vs_iommu_allow_page_requests(struct vs_iommu *i, uint16_t requester)
{
    vs_hpa root = {i->root + (requester >> 8) * 16u + (requester & 0x80u ? 8u : 0)};
    vs_hpa at = {(vs_phys_read64(i->phys, root) & VS_RADIX_ADDRESS) + (requester & 0x7fu) * 32u};
    vs_phys_write64(i->phys, at, vs_phys_read64(i->phys, at) | PRE);
}

bool vs_iommu_request_page(struct vs_iommu *i, struct vs_txn *t,
                           const struct vs_iommu_page_request *r)
{
    struct vs__iommu_space space;
    i->silent = false;
    i->count[VS_CNT_iommu_page_requests]++;
    if (!i->pages || !vs__iommu_space_of(i, t, r->requester, r->address, r->write, &space) ||
        !(space.context & VS__IOMMU_PAGE_REQUESTS)) {
        return false;
    }
    if (i->pages_tail - i->pages_head == ENTRIES - 1u) {
        i->pages_lost = true;
        return false;
    }
    uint64_t words[BYTES / 8u] = {TYPE | (uint64_t)r->requester << 16,
                                  (r->address & ~0xfffull) | (r->read ? READ : 0) |
                                      (r->write ? WRITE : 0) | LAST |
                                      (uint64_t)(r->group & GROUPS) << 3,
                                  0, 0};
    i->dma.write(i->dma.ctx, t, (vs_hpa){i->pages + i->pages_tail++ % ENTRIES * BYTES}, words,
                 sizeof words);
    return true;
}

bool vs_iommu_next_request(struct vs_iommu *i, struct vs_iommu_page_request *out, vs_hpa *at)
{
    if (i->pages_head == i->pages_tail) {
        return false;
    }
    at->v = i->pages + i->pages_head++ % ENTRIES * BYTES;
    uint64_t low = vs_phys_read64(i->phys, *at),
             high = vs_phys_read64(i->phys, (vs_hpa){at->v + 8u});
    *out = (struct vs_iommu_page_request){high & ~0xfffull, (uint16_t)(low >> 16),
                                          (uint16_t)(high >> 3 & GROUPS), (high & READ) != 0,
                                          (high & WRITE) != 0};
    return true;
}

void vs_iommu_queue_response(struct vs_iommu *i, const struct vs_iommu_page_request *r,
                             enum vs_page_response code)
{
    (void)vs_iommu_queue(i, RESPONSE | (uint64_t)code << 12 | (uint64_t)r->requester << 16,
                         (uint64_t)r->group << 3 | LAST);
}

void vs__iommu_respond(struct vs_iommu *i, uint64_t low, uint64_t high)
{
    i->responded.requester = (uint16_t)(low >> 16);
    i->responded.group = (uint16_t)(high >> 3 & GROUPS);
    i->responded.code = (uint8_t)(low >> 12 & 15u);
    i->count[VS_CNT_iommu_page_responses]++;
}
