/* SPDX-License-Identifier: MIT */
/* Queued invalidation (VT-d 6.5.2): a ring in memory of 128-bit descriptors, in scalable mode of
 * 256-bit ones, whose second half is 0 in all that there are here. */
#include "iommu_impl.h"

enum {
    TYPE_CONTEXT = 1,
    TYPE_IOTLB = 2,
    TYPE_DEVICE = 3,
    TYPE_IEC = 4,
    TYPE_WAIT = 5,
    TYPE_PIOTLB = 6,
    TYPE_PASID = 7,
    TYPE_PDEVICE = 8,
    TYPE_RESPONSE = 9
};
enum { GLOBAL = 1, DOMAIN_ONLY = 2, PAGE = 3 };
enum { ALL_OF_PASID = 2, PAGE_OF_PASID = 3 };                  /* of PASID-based ones */
enum { PASIDS_OF_DOMAIN = 0, ONE_PASID = 1, EVERY_PASID = 3 }; /* of the PASID cache */

/* Descriptors in one page. */
static uint64_t ring(const struct vs_iommu *i)
{
    return 4096u / vs_iommu_descriptor_bytes(i);
}

/* The address of a word of a descriptor. */
static vs_hpa at_index(const struct vs_iommu *i, uint64_t index, unsigned half)
{
    vs_hpa h = {i->queue + index % ring(i) * vs_iommu_descriptor_bytes(i) + half * 8u};
    return h;
}

bool vs_iommu_queue(struct vs_iommu *i, uint64_t low, uint64_t high)
{
    if (i->queue_tail - i->queue_head >= ring(i) - 1u) {
        return false;
    }
    vs_phys_write64(i->phys, at_index(i, i->queue_tail, 0), low);
    vs_phys_write64(i->phys, at_index(i, i->queue_tail, 1), high);
    for (unsigned half = 2; half < vs_iommu_descriptor_bytes(i) / 8u; half++) {
        vs_phys_write64(i->phys, at_index(i, i->queue_tail, half), 0);
    }
    i->queue_tail++;
    return true;
}

void vs_iommu_queue_mend(struct vs_iommu *i, uint64_t low, uint64_t high)
{
    vs_phys_write64(i->phys, at_index(i, i->queue_head, 0), low);
    vs_phys_write64(i->phys, at_index(i, i->queue_head, 1), high);
    i->queue_error = false;
}

void vs_iommu_queue_iotlb_page(struct vs_iommu *i, uint16_t domain, vs_iova at, unsigned order)
{
    (void)vs_iommu_queue(i, TYPE_IOTLB | PAGE << 4 | (uint64_t)domain << 16,
                         (at.v & ~0xfffull) | (order & (63u | VS_IOMMU_LEAVES)));
}

void vs_iommu_queue_iotlb_domain(struct vs_iommu *i, uint16_t domain)
{
    (void)vs_iommu_queue(i, TYPE_IOTLB | DOMAIN_ONLY << 4 | (uint64_t)domain << 16, 0);
}

void vs_iommu_queue_global(struct vs_iommu *i)
{
    (void)vs_iommu_queue(i, TYPE_CONTEXT | GLOBAL << 4, 0);
    (void)vs_iommu_queue(i, TYPE_IOTLB | GLOBAL << 4, 0);
}

/* The address of 1 << order pages as a device is told it: with S, the bits below the lowest clear
 * one are the size. */
static uint64_t device_pages(vs_iova at, unsigned order)
{
    if (order >= 52u) {
        return ~0ull << 12;
    }
    return (at.v & ~((1ull << (12u + order)) - 1u)) |
           (order ? ((1ull << (11u + order)) - 1u) & ~0xfffull : 0);
}

void vs_iommu_queue_device(struct vs_iommu *i, uint16_t requester, vs_iova at, unsigned order)
{
    (void)vs_iommu_queue(i, TYPE_DEVICE | (uint64_t)requester << 32,
                         device_pages(at, order) | (order ? 1u : 0));
}

void vs_iommu_queue_device_pasid(struct vs_iommu *i, uint16_t requester, uint32_t pasid, vs_iova at,
                                 unsigned order)
{
    bool global = order & VS_INVALIDATE_GLOBAL;
    order &= ~VS_INVALIDATE_GLOBAL;
    (void)vs_iommu_queue(i, TYPE_PDEVICE | (uint64_t)requester << 16 | (uint64_t)pasid << 32,
                         device_pages(at, order) | (order ? 1u << 11 : 0) | (global ? 1u : 0));
}

void vs_iommu_queue_iec(struct vs_iommu *i, uint32_t index, unsigned order)
{
    (void)vs_iommu_queue(
        i, TYPE_IEC | 1u << 4 | (uint64_t)(order & 31u) << 27 | (uint64_t)index << 32, 0);
}

void vs_iommu_queue_pasid(struct vs_iommu *i, uint16_t domain, uint32_t pasid)
{
    bool all = pasid == VS_IOMMU_NO_PASID;
    (void)vs_iommu_queue(i,
                         TYPE_PASID | (all ? 0u : 1u << 4) | (uint64_t)domain << 16 |
                             (all ? 0 : (uint64_t)pasid << 32),
                         0);
}

void vs_iommu_queue_piotlb(struct vs_iommu *i, uint16_t domain, uint32_t pasid, vs_iova at,
                           unsigned order)
{
    bool all = order == VS_IOMMU_ALL_PAGES;
    (void)vs_iommu_queue(
        i, TYPE_PIOTLB | (all ? 2u << 4 : 3u << 4) | (uint64_t)domain << 16 | (uint64_t)pasid << 32,
        all ? 0 : (at.v & ~0xfffull) | (order & (63u | VS_IOMMU_LEAVES)));
}

void vs_iommu_queue_wait(struct vs_iommu *i, vs_hpa status, uint32_t value)
{
    (void)vs_iommu_queue(i, TYPE_WAIT | 1u << 5 | (uint64_t)value << 32, status.v & ~3ull);
}

void vs_iommu_queue_drain(struct vs_iommu *i, vs_hpa status, uint32_t value)
{
    (void)vs_iommu_queue(i, TYPE_WAIT | 1u << 5 | 1u << 7 | (uint64_t)value << 32,
                         status.v & ~3ull);
}

void vs_iommu_queue_fence(struct vs_iommu *i)
{
    (void)vs_iommu_queue(i, TYPE_WAIT | 1u << 6, 0);
}

struct scope {
    const struct vs_iommu *i;
    unsigned granularity, order;
    uint64_t domain, page, ignored; /* ignored: bits of a source id */
    uint32_t pasid;
};

/* Says whether an entry of the IOTLB is of the scope's domain. */
static bool in_domain(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    (void)payload;
    return s->granularity == GLOBAL ||
           (s->i->cfg.mode ? s->i->tag[key >> 40].domain : key >> 40) == s->domain;
}

/* Whether an entry, of whatever size, and the pages of an invalidation overlap. */
static bool in_pages(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    if (!in_domain(ctx, key, payload)) {
        return false;
    }
    if (s->i->cfg.mode && s->granularity == PAGE && s->i->tag[key >> 40].first) {
        return s->i->tag[key >> 40]
            .nested; /* which page of the second level that was, nobody knows */
    }
    unsigned size = 9u * (vs__iommu_key_level(key) - 1u), most = s->order > size ? s->order : size;
    uint64_t page = (key & VS__IOMMU_PAGE) << size;
    return s->granularity != PAGE || most > 51u || page >> most == s->page >> most;
}

/* Of a PASID's own translations: all, or pages. */
static bool of_pasid(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    const struct vs_iommu_tag *g = &s->i->tag[key >> 40];
    (void)payload;
    unsigned size = 9u * (vs__iommu_key_level(key) - 1u), most = s->order > size ? s->order : size;
    uint64_t page = (key & VS__IOMMU_PAGE) << size;
    return g->first && g->domain == s->domain && g->pasid == s->pasid &&
           (s->granularity != PAGE_OF_PASID || most > 51u || page >> most == s->page >> most);
}

/* Entries of the PASID cache. */
static bool pasid_of(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    return s->granularity == EVERY_PASID ||
           (s->i->tag[vs__iommu_domain(payload)].domain == s->domain &&
            (s->granularity != ONE_PASID || (key & 0xfffffu) == s->pasid));
}

/* Keys that the PASID cache no longer has. */
static bool not_cached(void *ctx, uint64_t key, uint64_t payload)
{
    struct vs_iommu *i = ctx;
    (void)payload;
    return !vs_settab_peek(&i->pasid[0], key);
}

/* Says whether a context's cached entry is in the scope. */
static bool context_of(void *ctx, uint64_t key, uint64_t payload)
{
    const struct scope *s = ctx;
    return s->granularity == GLOBAL ||
           (s->granularity == DOMAIN_ONLY && s->i->cfg.mode) || /* its entries name no domain */
           (s->granularity == DOMAIN_ONLY && vs__iommu_domain(payload) == s->domain) ||
           (s->granularity == PAGE && !((key ^ s->page) & ~s->ignored));
}

/* Says whether an interrupt's cached entry is in the scope. */
static bool any(void *ctx, uint64_t key, uint64_t payload)
{
    (void)payload;
    const struct scope *s = ctx;
    return s->granularity == 0 || key >> s->order == s->page >> s->order;
}

/* Drops cached entries of PASID tables. */
static uint64_t drop_pasids(struct vs_iommu *i, struct scope *s)
{
    uint64_t n = vs_settab_drop_if(&i->pasid[0], pasid_of, s);
    (void)vs_settab_drop_if(&i->pasid[1], not_cached, i);
    return n;
}

/* Drops translations of one PASID. */
static uint64_t drop_of_pasid(struct vs_iommu *i, struct scope *s, uint64_t high)
{
    s->order = (unsigned)high & 63u;
    s->page = high >> 12 & ((1ull << 36) - 1u);
    uint64_t n = vs_settab_drop_if(&i->iotlb, of_pasid, s);
    bool leaves = s->granularity == PAGE_OF_PASID && high & VS_IOMMU_LEAVES;
    s->granularity = ALL_OF_PASID; /* entries above a leaf go, whichever page they led to */
    for (unsigned level = 2; level <= 4 && !leaves; level++) {
        n += vs_settab_drop_if(&i->pwc[level], of_pasid, s);
    }
    return n;
}

/* Drops translations of a domain, or of all. */
static uint64_t drop_of_domain(struct vs_iommu *i, struct scope *s, uint64_t high)
{
    s->order = (unsigned)high & 63u;
    s->page = high >> 12 & ((1ull << 36) - 1u);
    uint64_t n = vs_settab_drop_if(&i->iotlb, in_pages, s);
    bool leaves = s->granularity == PAGE && high & VS_IOMMU_LEAVES;
    for (unsigned level = 2; level <= 4 && !leaves; level++) {
        /* page-selective drops the domain's caches, too, unless only leaves have changed */
        n += vs_settab_drop_if(&i->pwc[level], in_domain, s);
    }
    return n;
}

void vs__iommu_drop_requested(struct vs_iommu *i, uint64_t tag, uint64_t address)
{
    const struct vs_iommu_tag *g = &i->tag[tag];
    struct scope s = {.i = i, .domain = g->domain, .pasid = g->pasid};
    s.granularity = g->nested ? DOMAIN_ONLY : PAGE;
    i->count[VS_CNT_iommu_dropped] += g->first && !g->nested
                                          ? drop_of_pasid(i, &s, address & ~0xfffull)
                                          : drop_of_domain(i, &s, address & ~0xfffull);
}

void vs__iommu_empty(struct vs_iommu *i)
{
    struct scope all = {.i = i, .granularity = GLOBAL};
    struct scope every = {.i = i, .granularity = EVERY_PASID};
    (void)vs_settab_drop_if(&i->iotlb, in_domain, &all);
    for (unsigned level = 2; level <= 4; level++) {
        (void)vs_settab_drop_if(&i->pwc[level], in_domain, &all);
    }
    (void)vs_settab_drop_if(&i->pasid[0], pasid_of, &every);
    (void)vs_settab_drop_if(&i->pasid[1], pasid_of, &every);
}

/* Whether a descriptor of scalable mode has a granularity that there is, and reserved bits of 0
 * (6.5.2.4, 6.5.2.5, 6.5.2.6; QEMU hw/i386/intel_iommu_internal.h has the same masks). */
static bool is_whole(uint64_t low, uint64_t high)
{
    unsigned granularity = (unsigned)(low >> 4) & 3u;
    switch (low & 15u) {
    case TYPE_PASID:
        return granularity != 2u && !(low & 0xfff000000000ffc0ull) && !high;
    case TYPE_PIOTLB:
        return granularity >= ALL_OF_PASID && !(low & 0xfff000000000f1c0ull) && !(high & 0xf80u);
    default: /* of a device's: PFSID and queue depth are ours to ignore */
        return !(high & 0x7feu);
    }
}

/* One descriptor; false: of no type that the unit knows. */
static bool execute(struct vs_iommu *i, struct vs_txn *t, uint64_t low, uint64_t high)
{
    static const uint64_t functions[] = {0, 4, 6, 7}; /* ignored by a function mask */
    struct scope s = {
        .i = i, .granularity = (unsigned)(low >> 4) & 3u, .domain = (low >> 16) & 0xffffu};
    uint64_t n = 0;
    switch (low & 15u) {
    case TYPE_CONTEXT:
        s.page = (low >> 32) & 0xffffu; /* device-selective: the source id */
        s.ignored = functions[low >> 48 & 3u];
        n = vs_settab_drop_if(&i->context, context_of, &s);
        break;
    case TYPE_IOTLB:
        n = drop_of_domain(i, &s, high);
        break;
    case TYPE_IEC:
        s.granularity = (unsigned)(low >> 4) & 1u;
        s.order = (unsigned)(low >> 27) & 31u;
        s.page = (low >> 32) & 0xffffu;
        n = vs_settab_drop_if(&i->iec[0], any, &s);
        (void)vs_settab_drop_if(&i->iec[1], any, &s);
        break;
    case TYPE_DEVICE:
        i->count[VS_CNT_iommu_invalidations]++;
        return vs__iommu_invalidate_device(i, t, low, high);
    case TYPE_PDEVICE:
        if (!i->cfg.mode || !is_whole(low, high)) {
            return false;
        }
        i->count[VS_CNT_iommu_invalidations]++;
        return vs__iommu_invalidate_device_pasid(i, t, low, high);
    case TYPE_WAIT:
        if (low & 1u << 5) {
            vs_hpa status = {high & ~3ull};
            uint64_t old = vs_phys_read64(i->phys, (vs_hpa){status.v & ~7ull});
            unsigned shift = status.v & 4u ? 32 : 0;
            i->mem.store(i->mem.ctx, t, (vs_hpa){status.v & ~7ull},
                         (old & ~(0xffffffffull << shift)) | (low >> 32) << shift);
        }
        break;
    case TYPE_RESPONSE:
        if (!i->cfg.mode || !vs__iommu_respond(i, t, low, high)) {
            return false;
        }
        break;
    case TYPE_PIOTLB:
    case TYPE_PASID:
        if (!i->cfg.mode || !is_whole(low, high)) {
            return false;
        }
        s.pasid = (uint32_t)(low >> 32) & 0xfffffu;
        n = (low & 15u) == TYPE_PASID ? drop_pasids(i, &s) : drop_of_pasid(i, &s, high);
        break;
    default:
        return false;
    }
    i->count[VS_CNT_iommu_invalidations]++;
    i->count[VS_CNT_iommu_dropped] += n;
    return true;
}

void vs_iommu_execute(struct vs_iommu *i, struct vs_txn *t)
{
    vs_open(t, VS_OP_IOMMU_INVALIDATE);
    for (; !i->queue_error && i->queue_head != i->queue_tail; i->queue_head++) {
        uint64_t low = i->mem.load(i->mem.ctx, t, at_index(i, i->queue_head, 0));
        uint64_t high = vs_phys_read64(i->phys, at_index(i, i->queue_head, 1)); /* the same one */
        vs__iommu_charge(i, t, VS_ACC_iommu_descriptor, i->cfg.descriptor);
        if (!execute(i, t, low, high)) {
            i->queue_error = true; /* it stays at the head */
            i->count[VS_CNT_iommu_queue_errors] += !i->timeout;
            break;
        }
    }
    vs_close(t);
}
