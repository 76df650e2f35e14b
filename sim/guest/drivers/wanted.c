/* SPDX-License-Identifier: MIT */
/*
 * Pages that a bound process's device lacks: the kernel of a machine that drives its remapping unit
 * takes page requests from the unit's queue and serves them as faults of the process. Linux
 * drivers/iommu/intel/prq.c (prq_event_thread), io-pgfault.c, iommu-sva.c. All of it runs on the
 * processor of the vCPU whose device asks: interrupt, thread, workers. What takes how long stands
 * in the kernel's programs (wanted_event, wanted_thread, wanted_request, wanted_group, wanted_page,
 * wanted_drain).
 */
#include "guest/guest.h"

#include <stdlib.h>

/* The unit's registers (Linux drivers/iommu/intel/iommu.h): of the page request queue, and where
 * firmware says that a guest's own unit is (QEMU q35). */
#define HEAD 0xc0u
#define TAIL 0xc8u
#define STATUS 0xdcu
#define VIOMMU 0xfed90000u
#define GUEST_QUEUE 4096u /* bytes of a guest's own queue that are told apart */

/* The domain of the vCPU's function. */
static const struct vs_dma_domain *domain_of(const struct vs_vcpu *v)
{
    return v->p->net->driver[v->index].domain;
}

/* A register of the unit is read, or one is written; a guest's own unit is its host's. */
static void touch_register(struct vs_vcpu *v, unsigned which, bool write)
{
    struct vs_net *net = v->p->net;
    vs_txn_settle(&v->txn);
    if (domain_of(v)->own) {
        struct vs_handling how = {.ask = true, .device = true};
        vcpu_mmio(v, VIOMMU + which, which == STATUS ? 4u : 8u, write ? VS_REF_WRITE : VS_REF_READ,
                  &how);
        return;
    }
    vs_open(&v->txn, write ? VS_OP_MMIO_WRITE : VS_OP_MMIO_READ);
    vs_charge(&v->txn,
              (uint16_t)(net->iommu.account +
                         (write ? VS_ACC_iommu_queue_tail : VS_ACC_iommu_unit_register)),
              (vs_ps){write ? net->iommu_config.queue_tail : net->iommu_config.unit_register});
    vs_pcie_cross(&net->link[0], &v->txn);
    vs_close(&v->txn);
}

/* Whose process this is, as of the function's bindings; false: nobody's that has a handler. */
static bool bound(const struct vs_vcpu *v, const struct vs_iommu_page_request *r)
{
    const struct vs_net *net = v->p->net;
    uint32_t pasid = r->prefix & VS_PASID_MASK;
    const struct vs_sva *s = &net->sva[pasid <= VS_SVA_BINDINGS ? pasid : 0];
    return r->prefix && s->mm == v->mm && s->process == v->process_now &&
           net->nic.fn[s->vf].requester == r->requester;
}

/* A response, which the kernel waits for as for any submission; its device has it when the unit has
 * sent it. */
static void answer(struct vs_vcpu *v, const struct vs_iommu_page_request *r,
                   enum vs_page_response code)
{
    struct vs_net *net = v->p->net;
    struct guest_work w = {.asked = r, .code = code, .drop = GUEST_DROP_ANSWER};
    (void)guest_run(v, GUEST_FLUSH_DEVICE, &w);
    net->ats.group[r->group].at_ps += net->executed_ps - net->executing.now_ps;
}

bool guest_wanted_bad(const struct vs_vcpu *v, const struct vs_iommu_page_request *r)
{
    bool privileged = r->prefix & VS_PASID_PRIVILEGED, execute = r->prefix & VS_PASID_EXECUTE;
    return !vs_radix_reaches(&v->space.format, r->address) ||
           (privileged && (r->read || r->write)) || (execute && r->read);
}

/* What the thread has taken waits for its workers; false: no memory of the simulator's. */
static bool keep(struct vs_vcpu *v, const struct vs_iommu_page_request *r)
{
    struct vs_wanted *q = &v->p->net->wanted;
    if (q->n == q->room) {
        size_t room = q->room ? 2u * q->room : 64u;
        struct vs_wanted_page *grown = realloc(q->page, room * sizeof *grown);
        if (!grown) {
            vcpu_fail(v, "page requests: out of memory");
            return false;
        }
        q->page = grown;
        q->room = room;
    }
    q->page[q->n++] = (struct vs_wanted_page){*r, r->last};
    for (size_t k = 0; r->last && k < q->n; k++) {
        struct vs_wanted_page *e = &q->page[k];
        e->whole = e->whole || (e->r.requester == r->requester && e->r.group == r->group);
    }
    return true;
}

/* One request out of the queue; what a guest's host has refused is not in the guest's. */
static void take(struct vs_vcpu *v, uint64_t number)
{
    struct vs_iommu_page_request r;
    const struct vs_dma_domain *m = domain_of(v);
    struct guest_work w = {.entry = vs_iommu_read_request(&v->p->net->iommu, number, &r).v};
    if (m->own && guest_wanted_bad(v, &r)) {
        return;
    }
    if (m->own) {
        w.entry = m->requests_seen + w.entry % GUEST_QUEUE;
    }
    (void)guest_run(v, GUEST_WANTED_REQUEST, &w);
    if (!r.read && !r.write && r.last) { /* a stop marker */
        return;
    }
    if (!guest_wanted_bad(v, &r)) {
        (void)keep(v, &r);
    } else if (r.last) {
        answer(v, &r, VS_PAGE_INVALID);
    }
}

/* The thread: PPR is cleared, head and tail are read, and what lies between them is taken. */
static void run_thread(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_wanted *q = &net->wanted;
    q->tail = vs_iommu_page_requests(&net->iommu);
    for (uint64_t n = net->iommu.pages_head; n < q->tail && !v->failed; n++) {
        take(v, n);
    }
    touch_register(v, HEAD, true);
    touch_register(v, STATUS, false); /* PRO */
    q->at_ps = vs_now(&v->txn).v;
    q->state = VS_WANTED_THREAD;
}

/* Groups whose last one may have been lost are forgotten. */
static void forget_partial(struct vs_wanted *q)
{
    size_t kept = 0;
    for (size_t k = 0; k < q->n; k++) {
        if (q->page[k].whole) {
            q->page[kept++] = q->page[k];
        }
    }
    q->n = kept;
}

/* The interrupt, up to where the thread reads the tail. */
static void take_event(struct vs_vcpu *v)
{
    struct vs_wanted *q = &v->p->net->wanted;
    struct guest_work w = {0};
    if (domain_of(v)->own && !v->p->net->hand_on(v)) { /* the host has answered all of them */
        (void)vs_iommu_page_requests_done(&v->p->net->iommu,
                                          vs_iommu_page_requests(&v->p->net->iommu));
        q->read_ps = vs_now(&v->txn).v;
        q->state = VS_WANTED_IDLE;
        return;
    }
    if (!domain_of(v)->own) {
        v->os_count[VS_CNT_os_interrupts]++;
        vcpu_exception(v);
        (void)guest_run(v, GUEST_WANTED_EVENT, &w);
    }
    (void)guest_run(v, GUEST_WANTED_THREAD, &w);
    touch_register(v, STATUS, true); /* PPR */
    touch_register(v, TAIL, false);
    touch_register(v, HEAD, false);
    q->at_ps = q->read_ps = vs_now(&v->txn).v;
    q->state = VS_WANTED_EVENT;
}

/* The thread is over. */
static void end_thread(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_wanted *q = &net->wanted;
    if (vs_iommu_page_requests_done(&net->iommu, q->tail)) {
        touch_register(v, HEAD, false);
        touch_register(v, TAIL, false);
        if (!net->iommu.pages_lost) {
            forget_partial(q);
            touch_register(v, STATUS, true); /* PRO */
        }
    }
    q->state = VS_WANTED_IDLE;
    if (q->again) {
        q->again = false;
        take_event(v);
    }
}

/* The last one of the first group that is whole; its number, or that of all: there is none. */
static size_t first_whole(const struct vs_wanted *q)
{
    size_t k = 0;
    while (k < q->n && !(q->page[k].whole && q->page[k].r.last)) {
        k++;
    }
    return k;
}

/* A worker serves a group: its faults one after the other, up to one that fails; its response. */
static void work(struct vs_vcpu *v, size_t last)
{
    struct vs_wanted *q = &v->p->net->wanted;
    struct vs_iommu_page_request r = q->page[last].r;
    enum vs_page_response code = bound(v, &r) ? VS_PAGE_SUCCESS : VS_PAGE_FAILURE;
    struct guest_work w = {0};
    size_t kept = 0;
    (void)guest_run(v, GUEST_WANTED_GROUP, &w);
    for (size_t k = 0; k < q->n; k++) {
        const struct vs_wanted_page *e = &q->page[k];
        if (k > last || e->r.requester != r.requester || e->r.group != r.group) {
            q->page[kept++] = *e;
        } else if (code == VS_PAGE_SUCCESS && !v->failed) {
            (void)guest_run(v, GUEST_WANTED_PAGE, &w);
            code = guest_mm_wanted(v, e->r.address, e->r.write);
        }
    }
    q->n = kept;
    answer(v, &r, code);
}

/* When there is something to do next; VS_NEVER: there is not. */
static uint64_t due_ps(struct vs_vcpu *v)
{
    const struct vs_wanted *q = &v->p->net->wanted;
    return q->state ? q->at_ps : first_whole(q) < q->n ? vs_now(&v->txn).v : VS_NEVER;
}

/* The interrupt comes, or the thread finds what was there when it last looked. */
static void begin(struct vs_vcpu *v)
{
    struct vs_wanted *q = &v->p->net->wanted;
    if (q->told) {
        q->at_ps = vs_now(&v->txn).v;
        q->state = VS_WANTED_EVENT;
    } else {
        take_event(v);
    }
}

void guest_wanted_until(struct vs_vcpu *v, uint64_t until_ps)
{
    struct vs_net *net = v->p->net;
    struct vs_wanted *q = &net->wanted;
    if (due_ps(v) >= until_ps) {
        return;
    }
    if (q->state == VS_WANTED_RAISED) {
        vs_wait_until(&v->txn, (uint16_t)(net->engine.account + VS_ACC_dma_engine_wait),
                      (vs_ps){q->at_ps});
    }
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_PAGE_REQUEST);
    while (!v->failed && due_ps(v) < until_ps) {
        if (q->state == VS_WANTED_RAISED) {
            begin(v);
        } else if (q->state == VS_WANTED_EVENT) {
            run_thread(v);
        } else if (q->state == VS_WANTED_THREAD) {
            end_thread(v);
        } else {
            work(v, first_whole(q));
        }
    }
    vs_txn_settle(&v->txn);
    vs_close(&v->txn);
}

enum vs_iommu_taken guest_wanted_take(struct vs_vcpu *v, struct vs_txn *t,
                                      const struct vs_iommu_page_request *r,
                                      enum vs_page_response *said)
{
    struct vs_net *net = v->p->net;
    struct vs_wanted *q = &net->wanted;
    guest_wanted_until(v, t->now_ps);
    /* it came before the thread last read the tail, which has been told already */
    bool before = !q->state && t->now_ps <= q->read_ps;
    net->iommu.pages_pending = net->iommu.pages_pending || before;
    enum vs_iommu_taken taken = vs_iommu_request_page(&net->iommu, t, r, said);
    bool event = before || vs_iommu_page_event(taken);
    if (q->state == VS_WANTED_IDLE && event) {
        q->state = VS_WANTED_RAISED;
        q->told = before;
        q->at_ps = t->now_ps;
    } else {
        q->again = q->again || event;
    }
    return taken;
}

void guest_wanted_drain(struct vs_vcpu *v, struct guest_work *w)
{
    guest_wanted_serve(v); /* what stands in the queue, and the workers */
    (void)guest_run(v, GUEST_WANTED_DRAIN, w);
    touch_register(v, TAIL, false);
    touch_register(v, HEAD, false);
    w->drop = GUEST_DROP_FENCE | GUEST_DROP_IOTLB | GUEST_DROP_DEVICE;
    (void)guest_run(v, GUEST_FLUSH_DEVICE, w);
    w->drains = false;
    touch_register(v, STATUS, false); /* PRO */
}
