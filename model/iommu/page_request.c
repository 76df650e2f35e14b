/* SPDX-License-Identifier: MIT */
/*
 * Page requests (VT-d specification 5.10, 7.4 to 7.8, 6.5.3.1, 11.4.11; the same bits in Linux
 * drivers/iommu/intel/prq.c and iommu.h): what devices lack goes to a queue in memory of 256-bit
 * descriptors, an event tells software, and its answers come as page group responses of the
 * invalidation queue.
 *
 *   no way to the PASID's entry   a fault is recorded, the last of a group is answered: invalid
 *   the queue is full             PRO; nothing is written any more until software has cleared that,
 *                                 and the last of a group is answered as if it were there: its
 *                                 device will ask again
 *   else                          what is cached of the page goes, and the queue has it
 */
#include "iommu_impl.h"

#define TYPE 1u /* page_req_dsc */
#define RESPONSE 9u
#define BYTES 32u
#define READ 1u
#define WRITE 2u
#define LAST 4u /* of its group */
#define GROUPS 0x1ffu
#define PRE 16u /* of a scalable-mode context entry */
/* of either descriptor's first word */
#define PASID_SHIFT 32u
#define PRESENT (1u << 8) /* PP of a request */
#define EXECUTE (1ull << 52)
#define PRIVILEGED (1ull << 53)
#define ANSWER_PRESENT (1u << 4) /* PP of a response */
#define ANSWER_RESERVED 0xfff0000000000fe0ull
#define ANSWER_RESERVED_HIGH 0xfffffffffffff003ull

void vs_iommu_page_queue(struct vs_iommu *i, vs_hpa queue, unsigned order)
{
    i->pages = queue.v;
    i->pages_entries = (4096u << order) / BYTES;
    i->pages_head = i->pages_tail = 0;
    i->pages_lost = i->pages_pending = false;
}

void vs_iommu_allow_page_requests(struct vs_iommu *i, uint16_t requester)
{
    vs_hpa root = {i->root + (requester >> 8) * 16u + (requester & 0x80u ? 8u : 0)};
    vs_hpa at = {(vs_phys_read64(i->phys, root) & VS_RADIX_ADDRESS) + (requester & 0x7fu) * 32u};
    vs_phys_write64(i->phys, at, vs_phys_read64(i->phys, at) | PRE);
}

/* The event goes with what sets PPR or PRO, where neither was set (7.5). */
static bool event(const struct vs_iommu *i)
{
    return !i->pages_pending && !i->pages_lost;
}

/* Whose pages are asked for; the request's address and kind are no matter of the way there, and are
 * software's to judge. 0, or the reason of a fault. */
static unsigned find(struct vs_iommu *i, struct vs_txn *t, const struct vs_iommu_page_request *r,
                     struct vs__iommu_space *space)
{
    uint32_t had = t->prefix;
    i->silent = false;
    if (!i->cfg.mode) {
        return VS_IOMMU_LEGACY_PAGES;
    }
    t->prefix = r->prefix & ~(VS_PASID_PRIVILEGED | VS_PASID_EXECUTE);
    unsigned reason = vs__iommu_find_space(i, t, r->requester, space);
    t->prefix = had;
    return reason                                                 ? reason
           : i->pages && space->context & VS__IOMMU_PAGE_REQUESTS ? 0
                                                                  : VS_IOMMU_SM_NO_PAGES;
}

/* What the unit does about a request that does not come into its queue. */
static enum vs_iommu_taken refuse(const struct vs_iommu_page_request *r, bool with_event)
{
    bool stops = !r->read && !r->write; /* nobody waits for an answer to a stop marker */
    return (enum vs_iommu_taken)((r->last && !stops ? VS_IOMMU_ANSWERED : VS_IOMMU_DROPPED) +
                                 (with_event ? 1u : 0));
}

enum vs_iommu_taken vs_iommu_request_page(struct vs_iommu *i, struct vs_txn *t,
                                          const struct vs_iommu_page_request *r,
                                          enum vs_page_response *answer)
{
    struct vs__iommu_space space;
    unsigned reason = find(i, t, r, &space);
    i->count[VS_CNT_iommu_page_requests]++;
    if (reason) {
        i->asked = r->prefix;
        (void)vs__iommu_blocked(i, r->address, r->requester, reason, r->write && !r->read);
        i->count[VS_CNT_iommu_page_refused]++;
        *answer = VS_PAGE_INVALID;
        return refuse(r, false);
    }
    bool first = event(i);
    *answer = VS_PAGE_SUCCESS;
    if (i->pages_lost || i->pages_tail - i->pages_head == i->pages_entries - 1u) {
        i->pages_lost = true;
        i->count[VS_CNT_iommu_page_lost]++;
        i->count[VS_CNT_iommu_page_events] += first;
        return refuse(r, first);
    }
    vs__iommu_drop_requested(i, vs__iommu_domain(space.context), r->address);
    uint64_t words[BYTES / 8u] = {
        TYPE | (uint64_t)r->requester << 16 |
            (r->prefix ? PRESENT | (uint64_t)vs__iommu_pasid(r->prefix) << PASID_SHIFT : 0) |
            (r->prefix & VS_PASID_EXECUTE ? EXECUTE : 0) |
            (r->prefix & VS_PASID_PRIVILEGED ? PRIVILEGED : 0),
        (r->address & ~0xfffull) | (r->read ? READ : 0) | (r->write ? WRITE : 0) |
            (r->last ? LAST : 0) | (uint64_t)(r->group & GROUPS) << 3,
        0, 0};
    vs_hpa at = {i->pages + i->pages_tail++ % i->pages_entries * BYTES};
    i->dma.write(i->dma.ctx, t, at, words, sizeof words);
    i->pages_pending = true;
    i->count[VS_CNT_iommu_page_events] += first;
    return first ? VS_IOMMU_QUEUED_EVENT : VS_IOMMU_QUEUED;
}

uint64_t vs_iommu_page_requests(struct vs_iommu *i)
{
    i->pages_pending = false;
    return i->pages_tail;
}

vs_hpa vs_iommu_read_request(const struct vs_iommu *i, uint64_t number,
                             struct vs_iommu_page_request *out)
{
    vs_hpa at = {i->pages + number % i->pages_entries * BYTES};
    uint64_t low = vs_phys_read64(i->phys, at), high = vs_phys_read64(i->phys, (vs_hpa){at.v + 8u});
    *out = (struct vs_iommu_page_request){
        .address = high & ~0xfffull,
        .requester = (uint16_t)(low >> 16),
        .group = (uint16_t)(high >> 3 & GROUPS),
        .read = (high & READ) != 0,
        .write = (high & WRITE) != 0,
        .last = (high & LAST) != 0,
        .prefix = low & PRESENT ? vs_pasid_prefix((uint32_t)(low >> PASID_SHIFT),
                                                  (low & PRIVILEGED) != 0, (low & EXECUTE) != 0)
                                : 0};
    return at;
}

bool vs_iommu_page_requests_done(struct vs_iommu *i, uint64_t head)
{
    bool lost = i->pages_lost;
    i->pages_head = head;
    i->pages_lost = lost && head != i->pages_tail;
    return lost;
}

void vs_iommu_queue_response(struct vs_iommu *i, const struct vs_iommu_page_request *r,
                             enum vs_page_response code)
{
    uint64_t pasid =
        r->prefix ? ANSWER_PRESENT | (uint64_t)vs__iommu_pasid(r->prefix) << PASID_SHIFT : 0;
    (void)vs_iommu_queue(i, RESPONSE | pasid | (uint64_t)code << 12 | (uint64_t)r->requester << 16,
                         (uint64_t)r->group << 3 | LAST);
}

bool vs__iommu_respond(struct vs_iommu *i, struct vs_txn *t, uint64_t low, uint64_t high)
{
    if (low & ANSWER_RESERVED || high & ANSWER_RESERVED_HIGH) {
        return false;
    }
    struct vs_iommu_responded *r = &i->responded;
    *r = (struct vs_iommu_responded){
        .requester = (uint16_t)(low >> 16),
        .group = (uint16_t)(high >> 3 & GROUPS),
        .code = (uint8_t)(low >> 12 & 15u),
        .prefix = low & ANSWER_PRESENT
                      ? vs_pasid_prefix((uint32_t)(low >> PASID_SHIFT), false, false)
                      : 0,
        .at_ps = t->now_ps};
    i->count[VS_CNT_iommu_page_responses]++;
    if (i->devices.respond) {
        t->prefix = r->prefix;
        i->devices.respond(i->devices.ctx, t, r->requester, r->group, r->code);
        t->prefix = 0;
    }
    return true;
}
