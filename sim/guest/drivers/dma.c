/* SPDX-License-Identifier: MIT */
/*
 * The kernel's DMA API on a machine whose IOMMU it drives itself: device addresses, entries of the
 * second level, and their invalidation through the queue, as Linux's drivers/iommu/dma-iommu.c,
 * iova.c and intel/dmar.c have it. What takes how long stands in the kernel's programs; here is
 * what their steps do.
 */
#include "guest/guest.h"
#include "net.h"

#define VS_DEF_NAME dma
#define VS_DEF_FILE "guest/drivers/dma.def"
#include "virtsim/def_tables.h"

#define PAGE 4096u
/* Invalidation queue tail of the first unit, where firmware says that it is (QEMU q35) */
#define VIOMMU_TAIL 0xfed90088u
#define EVERY_PAGE 52u /* order of an invalidation of all pages */
#define DONE 2u        /* what the unit writes when a wait descriptor's turn has come (QI_DONE) */

/* The driver of the vCPU's function. */
static struct vs_driver *driver(const struct vs_vcpu *v)
{
    return &v->p->net->driver[v->index];
}

/* An account of the DMA API. */
static uint16_t account(const struct vs_vcpu *v, unsigned which)
{
    return (uint16_t)(v->p->net->dma_account + which);
}

bool guest_dma_maps(const struct vs_vcpu *v)
{
    enum vs_dma_mode mode = driver(v)->mode;
    return mode == VS_DMA_STRICT || mode == VS_DMA_LAZY;
}

/* ---- device addresses ---- */

/* log2 of the pages that a mapping takes, rounded up as Linux does for what it keeps. */
static unsigned order_of(const struct vs_mapping *m)
{
    uint64_t pages = ((m->iova & (PAGE - 1u)) + m->bytes + PAGE - 1u) / PAGE;
    unsigned order = 0;
    while (1ull << order < pages) {
        order++;
    }
    return order;
}

void guest_dma_take_address(struct vs_vcpu *v, struct guest_work *w)
{
    struct vs_dma_domain *m = driver(v)->domain;
    uint64_t in = w->map.at & (PAGE - 1u);
    w->map.iova = in; /* as far as the size goes */
    unsigned order = order_of(&w->map);
    w->fresh = order >= VS_DMA_ORDERS || !m->freed[order].n;
    if (w->fresh) { /* from the top, aligned to its size */
        uint64_t size = (uint64_t)PAGE << order;
        if (m->next < 2u * size) {
            vcpu_fail(v, "dma_map: no device addresses are left below 4 GiB");
            return;
        }
        m->next = (m->next - size) & ~(size - 1u);
        w->map.iova = m->next + in;
        v->p->net->dma_count[VS_CNT_dma_fresh]++;
    } else {
        struct vs_mappings *freed = &m->freed[order];
        w->map.iova = (freed->e[--freed->n].iova & ~(uint64_t)(PAGE - 1u)) + in;
    }
}

/* The address may be given out again. */
static void give_back(struct vs_vcpu *v, const struct vs_mapping *one)
{
    unsigned order = order_of(one);
    if (order < VS_DMA_ORDERS) { /* a larger one goes back to the tree; nobody asks for it again */
        (void)guest_dma_push(v, &driver(v)->domain->freed[order], one);
    }
}

/* ---- entries ---- */

/* Tables are counted as they are made: the host's, or a guest's own. */
struct making {
    struct vs_vcpu *v;
    unsigned n;
};
/* Takes memory for a table of the mappings. */
static bool table(void *ctx, uint64_t *value, uint64_t *at)
{
    struct making *m = ctx;
    struct vs_net *net = m->v->p->net;
    m->n++;
    return driver(m->v)->domain->own ? net->own_table(m->v, value, at)
                                     : net->table(net->p, value, at);
}
/* Where a guest's table lies in the host. */
static uint64_t locate(void *ctx, uint64_t value)
{
    struct making *m = ctx;
    return m->v->p->net->own_at(m->v, value);
}

/* Where a table of the domain lies in memory. */
static uint64_t in_memory(struct vs_vcpu *v, uint64_t seen)
{
    return driver(v)->domain->own ? v->p->net->own_at(v, seen) + (seen & (PAGE - 1u)) : seen;
}

/* Where the kernel has the entries for an address, from the uppermost level down to its leaf's. */
static void find_path(struct vs_vcpu *v, struct guest_work *w, uint64_t iova)
{
    const struct vs_radix_format *f = driver(v)->domain->format;
    uint64_t at = driver(v)->domain->root_seen;
    for (w->leaf = f->levels;; w->leaf--) {
        w->path[w->leaf] = vs_radix_entry(at, w->leaf, iova).v;
        uint64_t entry = vs_phys_read64(v->p->phys, (vs_hpa){in_memory(v, w->path[w->leaf])});
        if (w->leaf == 1u || !(entry & f->present) || vs_radix_is_leaf(f, w->leaf, entry)) {
            break;
        }
        at = entry & f->address;
    }
    w->entry = w->path[w->leaf];
}

/* Where the kernel has a page: what its entries hold. False: nowhere. */
static bool physical(struct vs_vcpu *v, uint64_t at, uint64_t *to)
{
    uint64_t gpa, hpa;
    bool there = vs_space_locate(&v->space, at, &gpa, &hpa);
    *to = v->vm ? gpa : hpa;
    return there;
}

unsigned guest_dma_fitting(struct vs_vcpu *v, uint64_t iova, uint64_t at, uint64_t end)
{
    uint64_t size = 1u << 21, first, next;
    if (!v->p->net->iommu_config.superpages || (at | iova) & (size - 1u) || end - at < size ||
        !physical(v, at, &first) || first & (size - 1u)) {
        return 12;
    }
    for (uint64_t done = PAGE; done < size; done += PAGE) {
        if (!physical(v, at + done, &next) || next != first + done) {
            return 12;
        }
    }
    return 21;
}

/* The next page of the mapping gets its entry. */
static bool map_next(struct vs_vcpu *v, struct guest_work *w)
{
    const struct vs_dma_domain *m = driver(v)->domain;
    struct making making = {v, 0};
    struct vs_radix_alloc alloc = {&making, table, m->own ? locate : NULL, 0};
    uint64_t at = (w->map.at & ~(uint64_t)(PAGE - 1u)) + w->mapped, to,
             iova = (w->map.iova & ~(uint64_t)(PAGE - 1u)) + w->mapped,
             end = (w->map.at + w->map.bytes + PAGE - 1u) & ~(uint64_t)(PAGE - 1u);
    if (at >= end || v->failed) {
        return false;
    }
    if (!physical(v, at, &to)) {
        vcpu_fail(v, "dma_map: not all of the region has memory behind it (map it with backing = "
                     "\"eager\")");
        return false;
    }
    unsigned shift = guest_dma_fitting(v, iova, at, end);
    bool first = m->format == &vs_radix_x86_64; /* which cannot say: to be written only */
    if (vs_radix_map(v->p->phys, m->format, m->root, iova, to, shift,
                     vs_radix_leaf_flags(m->format, w->rights | (first ? VS_RIGHT_READ : 0)),
                     &alloc)) {
        vcpu_fail(v,
                  "dma_map: host.memory is exhausted, there is none left for the IOMMU's tables");
        return false;
    }
    w->mapped += 1ull << shift;
    find_path(v, w, iova);
    w->made = making.n;
    v->p->net->dma_count[VS_CNT_dma_pages]++;
    return true;
}

/* The next entry of the mapping goes. */
static bool unmap_next(struct vs_vcpu *v, struct guest_work *w)
{
    uint64_t first = w->map.iova & ~(uint64_t)(PAGE - 1u),
             end = (w->map.iova + w->map.bytes + PAGE - 1u) & ~(uint64_t)(PAGE - 1u);
    if (first + w->mapped >= end || v->failed) {
        return false;
    }
    find_path(v, w, first + w->mapped);
    vs_phys_write64(v->p->phys, (vs_hpa){in_memory(v, w->entry)}, 0);
    w->mapped += 1ull << vs_radix_shift(w->leaf);
    return true;
}

bool guest_dma_next_page(struct vs_vcpu *v, struct guest_work *w)
{
    return w->unmaps ? unmap_next(v, w) : map_next(v, w);
}

bool guest_dma_next_table(struct guest_work *w, uint64_t k)
{
    unsigned level = w->leaf + w->made - (unsigned)k;
    w->entry = w->path[level];
    if (k < w->made) { /* it lies where the entries of the level below are */
        w->table = w->path[level - 1u] & ~(uint64_t)(PAGE - 1u);
    }
    return k < w->made;
}

/* ---- operations ---- */

/* The packet's buffer, or what the program has named. */
void guest_dma_begin(struct vs_vcpu *v, struct guest_work *w, bool unmap)
{
    w->unmaps = unmap;
    w->mapped = 0;
    if (w->driver) {
        const uint64_t *at = w->sends ? w->driver->tx_at : w->driver->rx_at;
        w->map = (struct vs_mapping){at[w->slot], w->buffer, VS__NET_BUFFER};
        w->rights = w->sends ? VS_RIGHT_READ : VS_RIGHT_WRITE;
    }
    v->p->net->dma_count[unmap ? VS_CNT_dma_unmaps : VS_CNT_dma_maps]++;
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, unmap ? VS_OP_DMA_UNMAP : VS_OP_DMA_MAP);
}

void guest_dma_end(struct vs_vcpu *v, struct guest_work *w)
{
    if (w->driver) {
        uint64_t *at = w->sends ? w->driver->tx_at : w->driver->rx_at;
        at[w->slot] = w->unmaps ? 0 : w->map.iova;
        w->told = w->map.iova;
    }
    vs_txn_settle(&v->txn);
    vs_close(&v->txn);
}

bool guest_dma_unmapped(struct vs_vcpu *v, const struct guest_work *w)
{
    const uint64_t *at = w->sends ? w->driver->tx_at : w->driver->rx_at;
    return !at[w->slot] && guest_dma_maps(v);
}

bool guest_dma_unmaps(struct vs_vcpu *v, const struct guest_work *w)
{
    return guest_dma_maps(v) && (w->sends || v->p->net->dma_config.receive);
}

bool guest_dma_strict(const struct vs_vcpu *v)
{
    return driver(v)->mode == VS_DMA_STRICT;
}

bool guest_dma_caching(const struct vs_vcpu *v)
{
    return driver(v)->domain->shadow != 0;
}

void guest_dma_give_back(struct vs_vcpu *v, const struct guest_work *w)
{
    give_back(v, &w->map);
}

/* ---- deferred ones ---- */

bool guest_dma_full(const struct vs_vcpu *v)
{
    return driver(v)->domain->deferred.n + 1u >= v->p->net->dma_config.deferred;
}

void guest_dma_defer(struct vs_vcpu *v, const struct guest_work *w)
{
    struct vs_dma_domain *m = driver(v)->domain;
    if (!m->deferred.n) {
        m->due_ps = vs_now(&v->txn).v + v->p->net->dma_config.deferred_us * 1000000u;
    }
    (void)guest_dma_push(v, &m->deferred, &w->map);
    v->p->net->dma_count[VS_CNT_dma_deferred]++;
}

bool guest_dma_next_deferred(struct vs_vcpu *v)
{
    struct vs_mappings *m = &driver(v)->domain->deferred;
    if (!m->n) {
        return false;
    }
    m->n--;
    give_back(v, &m->e[m->n]);
    return true;
}

void guest_dma_timer(struct vs_vcpu *v)
{
    const struct vs_dma_domain *m = driver(v)->domain;
    if (m->deferred.n && m->due_ps <= vs_now(&v->txn).v) {
        struct guest_work w = {0};
        v->p->net->dma_count[VS_CNT_dma_timed]++;
        (void)guest_run(v, GUEST_FLUSH_DEFERRED, &w);
    }
}

/* ---- the invalidation queue ---- */

void guest_dma_begin_flush(struct vs_vcpu *v, struct guest_work *w)
{
    w->queued = 0;
    v->p->net->dma_count[VS_CNT_dma_flushes]++;
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_DMA_FLUSH);
}

/* The lock of the queue that the vCPU's kernel submits to: the unit's, or a guest's own. */
static struct vs_queue_lock *lock_of(const struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    return driver(v)->domain->own ? &net->vm[v->machine].queue_lock : &net->queue_lock;
}

/* The lock of the queue, from the first time on at which nobody holds it for as long as it was held
 * last: a processor may run ahead of one that asks for it earlier. */
void guest_dma_lock(struct vs_vcpu *v)
{
    struct vs_queue_lock *l = lock_of(v);
    uint64_t from = vs_way_grant(&l->held, vs_now(&v->txn).v, l->last_ps);
    vs_wait_until(&v->txn, account(v, VS_ACC_dma_lock), (vs_ps){from});
    l->taken_ps = v->txn.now_ps;
}

/* What drops a mapping's pages, or all of its domain's, of the unit's kind. */
static void queue_drop(struct vs_vcpu *v, const struct vs_mapping *map, bool all)
{
    struct vs_iommu *unit = &v->p->net->iommu;
    const struct vs_dma_domain *m = driver(v)->domain;
    unsigned order = all ? VS_IOMMU_ALL_PAGES : order_of(map) | VS_IOMMU_LEAVES;
    if (m->format == &vs_radix_x86_64) {
        vs_iommu_queue_piotlb(unit, m->id, 0, (vs_iova){map->iova}, order);
    } else if (all) {
        vs_iommu_queue_iotlb_domain(unit, m->id);
    } else { /* leaves only: no table is taken away */
        vs_iommu_queue_iotlb_page(unit, m->id, (vs_iova){map->iova}, order);
    }
}

/* The same of what its device keeps itself. */
static void queue_device(struct vs_vcpu *v, const struct vs_mapping *map, bool all)
{
    struct vs_net *net = v->p->net;
    vs_iova at = {all ? 0 : map->iova};
    vs_iommu_queue_device(&net->iommu, net->nic.fn[driver(v)->vf].requester, at,
                          all ? EVERY_PAGE : order_of(map));
}

void guest_dma_queue_wait(struct vs_vcpu *v, bool drains)
{
    struct vs_net *net = v->p->net;
    vs_hpa status = {net->status_page + v->index * 8u};
    if (drains) {
        vs_iommu_queue_drain(&net->iommu, status, DONE);
    } else {
        vs_iommu_queue_wait(&net->iommu, status, DONE);
    }
}

/* The next descriptor: what is invalidated, in the unit and in a device that keeps translations,
 * then the wait for it. A guest's is in a queue of its own, which its host reads; an emulated unit
 * is one of legacy mode, and knows of no device that keeps translations. */
bool guest_dma_next_descriptor(struct vs_vcpu *v, struct guest_work *w)
{
    if (w->pasid || w->asked) {
        return guest_sva_next_descriptor(v, w);
    }
    struct vs_net *net = v->p->net;
    struct vs_dma_domain *m = driver(v)->domain;
    unsigned bytes = m->shadow ? 16u : vs_iommu_descriptor_bytes(&net->iommu),
             last = net->ats_config.enabled && !m->shadow ? 2u : 1u, this = (unsigned)w->queued++;
    bool all = !guest_dma_strict(v) && !(m->shadow && !w->unmaps && w->map.bytes);
    if (this > last) {
        return false;
    }
    if (m->own) {
        w->entry = m->queue_seen + m->queued++ * bytes % PAGE;
        m->dropped = w->map;
        m->drop_all = all;
        return true;
    }
    w->entry = net->queue_page + net->iommu.queue_tail * bytes % PAGE;
    if (this == last) {
        guest_dma_queue_wait(v, false);
    } else if (this) {
        queue_device(v, &w->map, all);
    } else {
        queue_drop(v, &w->map, all);
    }
    return true;
}

static void ring_unit(struct vs_vcpu *v, struct vs_txn *t);

/* The processor looks at the status until the unit has written it. */
static void spin(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_net *net = v->p->net;
    vs_expose(t, &net->executed, account(v, VS_ACC_dma_spin), (vs_ps){net->executed_ps});
}

/* The host carries out what a guest has asked its own unit for, which user space has read: an
 * emulated one's tables have been followed then, a nested one's invalidations become PASID-based
 * ones of the real unit, which it waits for. The guest's status is written then. */
static void carry_out(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    const struct vs_dma_domain *m = driver(v)->domain;
    v->p->net->dma_count[VS_CNT_dma_viommu]++;
    v->p->net->follow_guest(v, t);
    if (m->shadow) {
        return;
    }
    if (m->drop) {
        guest_sva_carry_out(v);
    } else {
        queue_drop(v, &m->dropped, m->drop_all);
        if (v->p->net->ats_config.enabled) {
            queue_device(v, &m->dropped, m->drop_all);
        }
    }
    guest_dma_queue_wait(v, false);
    ring_unit(v, t);
    spin(v, t);
}

void guest_dma_drop(struct vs_vcpu *v, struct vs_txn *t, const struct vs_mapping *map)
{
    struct vs_net *net = v->p->net;
    vs_open(t, VS_OP_DMA_FLUSH);
    if (map) {
        queue_drop(v, map, false);
    } else {
        vs_iommu_queue_iotlb_domain(&net->iommu, driver(v)->domain->id);
    }
    if (map && net->ats_config.enabled) {
        queue_device(v, map, false);
    }
    guest_dma_queue_wait(v, false);
    ring_unit(v, t);
    spin(v, t);
    net->dma_count[VS_CNT_dma_flushes]++;
    vs_close(t);
}

uint64_t guest_dma_submit(struct vs_vcpu *v, struct vs_txn *t)
{
    ring_unit(v, t);
    return v->p->net->executed_ps;
}

/* The write of the queue's tail: the unit begins at once, or when it has time for this. A guest's
 * own unit is its host's: the write leaves the guest. */
void guest_dma_ring(struct vs_vcpu *v)
{
    vs_txn_settle(&v->txn);
    if (driver(v)->domain->own) {
        struct vs_handling how = {.ask = true, .device = true, .work = carry_out, .ctx = v};
        vcpu_mmio(v, VIOMMU_TAIL, 8, VS_REF_WRITE, &how);
        return;
    }
    ring_unit(v, &v->txn);
}

/* Rings the IOMMU's doorbell, which makes it execute the queue. */
static void ring_unit(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_net *net = v->p->net;
    struct vs_txn *unit = &net->executing;
    vs_open(t, VS_OP_MMIO_WRITE);
    vs_charge(t, (uint16_t)(net->iommu.account + VS_ACC_iommu_queue_tail),
              (vs_ps){net->iommu_config.queue_tail});
    vs_pcie_cross(&net->link[0], t); /* the unit is its root ports' */
    vs_close(t);
    vcpu_yield(v); /* others may act before the vCPU's horizon */
    uint64_t now = vs_now(t).v;
    unit->now_ps = now;
    unit->tape = &net->executed;
    vs_tape_clear(unit->tape);
    vs_iommu_execute(&net->iommu, unit);
    if (net->iommu.timeout) {
        vcpu_fail(v,
                  "dma: the device has not completed the invalidation of its translations within "
                  "a minute (ats.invalidation.latency): the IOMMU's queue has stopped");
    }
    uint64_t late = vs_way_grant(&net->unit, now, unit->now_ps - now) - now;
    for (size_t i = 0; i < unit->tape->n; i++) {
        unit->tape->e[i].start_ps += late;
    }
    net->executed_ps = unit->now_ps + late;
}

void guest_dma_unlock(struct vs_vcpu *v)
{
    struct vs_queue_lock *l = lock_of(v);
    uint64_t now = vs_now(&v->txn).v;
    vs_way_correct(&l->held, l->taken_ps, l->last_ps, now);
    l->last_ps = now - l->taken_ps;
}

void guest_dma_await(struct vs_vcpu *v)
{
    if (driver(v)->domain->own) { /* it was written before the guest went on */
        return;
    }
    spin(v, &v->txn);
}

void guest_dma_end_flush(struct vs_vcpu *v)
{
    vs_txn_settle(&v->txn);
    vs_close(&v->txn);
}

/* ---- a program's own ---- */

/* Where a device finds a program's memory that nobody has to map; false: not in one piece. */
static bool direct(struct vs_vcpu *v, const struct vs_mapping *m, uint64_t *iova)
{
    uint64_t gpa = 0, hpa = 0, first = 0;
    for (uint64_t at = m->at & ~(uint64_t)(PAGE - 1u); at < m->at + m->bytes; at += PAGE) {
        bool there = v->p->net->ats_config.page_requests
                         ? guest_mm_gpa(v, at, &gpa)
                         : vs_space_locate(&v->space, at, &gpa, &hpa);
        uint64_t is = v->vm ? gpa : hpa;
        if (at <= m->at) {
            first = is;
            *iova = is + (m->at - at);
        }
        if (!there || is != first + (at - (m->at & ~(uint64_t)(PAGE - 1u)))) {
            return false;
        }
    }
    return true;
}

uint64_t guest_dma_map(struct vs_vcpu *v, const struct vs_mapping *what, uint64_t rights)
{
    struct guest_work w = {.map = *what, .rights = rights};
    guest_dma_timer(v);
    if (guest_dma_maps(v)) {
        (void)guest_run(v, GUEST_DMA_MAP, &w);
    } else if ((driver(v)->domain->own || (!v->vm && driver(v)->domain->root)) &&
               driver(v)->mode == VS_DMA_STATIC) {
        struct vs_dma_job job; /* as all that a driver of a user program has is mapped */
        w.map.iova = v->p->net->pin(v, what->at, what->bytes, &job) ? job.at : 0;
    } else if (!direct(v, what, &w.map.iova)) {
        vcpu_fail(v, "dma_map: nobody maps this device's memory piece by piece (dma.mode), so it "
                     "has to be in one piece: a region of one page, page = \"2M\" or \"1G\", "
                     "with backing = \"eager\"");
    }
    (void)guest_dma_push(v, &driver(v)->domain->live, &w.map);
    return w.map.iova;
}

bool guest_dma_unmap(struct vs_vcpu *v, uint64_t at)
{
    struct vs_mappings *live = &driver(v)->domain->live;
    size_t i = live->n;
    while (i && live->e[i - 1u].at != at) {
        i--;
    }
    if (!i) {
        return false;
    }
    struct guest_work w = {.map = live->e[i - 1u]};
    live->e[i - 1u] = live->e[--live->n];
    guest_dma_timer(v);
    if (guest_dma_maps(v)) {
        (void)guest_run(v, GUEST_DMA_UNMAP, &w);
    }
    return true;
}
