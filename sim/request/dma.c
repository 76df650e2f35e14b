/* SPDX-License-Identifier: MIT */
/* A vCPU's virtual function reads and writes memory as the program tells it. */
#include "handlers.h"

#include "guest/guest.h"

/* The transfers that a request asks for, over memory that is mapped for the function now. */
static bool begin(struct vs_vcpu *v, struct vs_dma_job *job)
{
    struct vs_net *net = v->p->net;
    const struct vs_request *r = &v->request;
    struct vs_dma_job where = {.page = NULL};
    if (!net) {
        vcpu_refuse(v, "dma: this machine has no NIC (nic.present = 0)");
        return false;
    }
    if (!r->a || !r->stride || (r->b & UINT32_MAX) + r->a > r->bytes || !(r->b >> 32) ||
        r->b >> 32 > VS_DMA_OUTSTANDING) { /* a recording's */
        vcpu_fail(v, "dma: a transfer must lie in its region, and 1..%u be under way",
                  VS_DMA_OUTSTANDING);
        return false;
    }
    if (!net->pin(v, r->address, r->bytes, &where)) {
        return false;
    }
    *job = (struct vs_dma_job){.requester = net->nic.fn[net->driver[v->index].vf].requester,
                               .at = where.at,
                               .page = where.page,
                               .window = r->bytes,
                               .bytes = r->a,
                               .unit = r->stride,
                               .offset = r->b & UINT32_MAX,
                               .count = r->count,
                               .interval_ps = r->work * 1000u,
                               .outstanding = (uint32_t)(r->b >> 32),
                               .op = (enum vs_dma_op)r->op,
                               .random = r->pattern != VS_PATTERN_STRIDE};
    vs_dma_engine_begin(&net->engine, job, vs_now(&v->txn), v->p->options.seed + v->index);
    return true;
}

/* The function's engine goes on with its job up to the vCPU's horizon, and the vCPU waits. */
static void run_job(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_dma_job *job = &net->driver[v->index].job;
    uint64_t now = vs_now(&v->txn).v, until = v->horizon > now ? v->horizon : now;
    net->asking = v;
    v->busy = !vs_dma_engine_run(&net->engine, job, until);
    net->asking = NULL;
    vs_ps when = {v->busy ? job->next_ps : job->last_ps};
    vs_wait_until(&v->txn, (uint16_t)(net->engine.account + VS_ACC_dma_engine_wait), when);
}

/* Has the device move a block of memory, and waits until it has. */
void request_dma(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    if (!v->begun) {
        struct vs_dma_job first;
        if (!begin(v, &first)) {
            return;
        }
        net->driver[v->index].job = first;
    }
    run_job(v);
}

/* The vCPU's driver, made at its first use; NULL: the run fails. */
static struct vs_driver *driver_of(struct vs_vcpu *v, const char *what)
{
    struct vs_net *net = v->p->net;
    if (!net) {
        vcpu_refuse(v, "%s: this machine has no NIC (nic.present = 0)", what);
        return NULL;
    }
    return net->use(v, what) ? &net->driver[v->index] : NULL;
}

/* Whether a request that names its addresses itself, of a kind that there is or not, can be. */
static bool possible(struct vs_vcpu *v, const char *what, bool known, bool messages)
{
    const struct vs_request *r = &v->request;
    bool sized = messages || (r->bytes && r->bytes <= 65536),
         fits = !r->stride || r->count - 1u <= (UINT64_MAX - r->address - r->bytes) / r->stride;
    if (!known || !r->count || !sized || !fits) {
        vcpu_fail(v, "%s: transfers of 1..65536 bytes, at addresses of 64 bits", what);
        return false;
    }
    return true;
}

/* Such transfers begin. */
static void begin_device(struct vs_vcpu *v, struct vs_driver *d)
{
    const struct vs_request *r = &v->request;
    uint64_t unit = r->stride ? r->stride : 1;
    d->job =
        (struct vs_dma_job){.requester = v->p->net->nic.fn[d->vf].requester,
                            .at = r->address,
                            .window = r->stride ? (r->count - 1u) * r->stride + r->bytes : r->bytes,
                            .bytes = r->bytes,
                            .unit = unit,
                            .count = r->count,
                            .outstanding = 1,
                            .op = r->op ? VS_DMA_WRITE : VS_DMA_READ};
    vs_dma_engine_begin(&v->p->net->engine, &d->job, vs_now(&v->txn),
                        v->p->options.seed + v->index);
}

/* Maps a buffer for the device. */
void request_dma_map(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    struct vs_mapping what = {0, r->address, r->bytes};
    if (!driver_of(v, "dma_map")) {
        return;
    }
    if (!r->bytes || r->op < 1 || r->op > 3) { /* a recording's */
        vcpu_fail(v, "dma_map: no bytes, or no direction");
        return;
    }
    v->reply.value = guest_dma_map(v, &what, (uint64_t)r->op);
}

/* Unmaps a buffer, which must be mapped. */
void request_dma_unmap(struct vs_vcpu *v)
{
    if (driver_of(v, "dma_unmap") && !guest_dma_unmap(v, v->request.address)) {
        vcpu_fail(v, "dma_unmap of 0x%llx: nothing is mapped from there on (cpu:dma_map)",
                  (unsigned long long)v->request.address);
    }
}

/* Binds the vCPU's present process to its function. */
void request_sva_bind(struct vs_vcpu *v)
{
    if (driver_of(v, "sva_bind")) {
        v->reply.value = guest_sva_bind(v);
    }
}

/* Unbinds a process, which must be bound. */
void request_sva_unbind(struct vs_vcpu *v)
{
    if (driver_of(v, "sva_unbind") && !guest_sva_unbind(v, (uint32_t)v->request.a)) {
        vcpu_fail(v, "sva_unbind(%llu): no process of this machine has that PASID (cpu:sva_bind)",
                  (unsigned long long)v->request.a);
    }
}

/* Has the device transfer with a PASID, and counts what got through. */
void request_sva_device(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    if (!v->begun) {
        struct vs_driver *d = driver_of(v, "sva_device");
        uint32_t prefix = vs_pasid_prefix((uint32_t)r->a, r->b == 1, r->b == 2);
        if (!d) {
            return;
        }
        if (!possible(v, "sva_device", r->op <= 1 && r->b <= 2, false)) {
            return;
        }
        if (!v->p->net->may_prefix(v->p->net, prefix)) { /* the function sends nothing */
            v->p->net->engine.count[VS_CNT_dma_engine_withheld] += r->count;
            v->reply.value = 0;
            v->busy = false;
            return;
        }
        begin_device(v, d);
        d->job.prefix = prefix;
    }
    run_job(v);
    const struct vs_dma_job *job = &v->p->net->driver[v->index].job;
    v->reply.value = job->count - job->refused;
}

/* The page request that the function sends next. */
static struct vs_iommu_page_request next_page(const struct vs_vcpu *v, const struct vs_dma_job *job)
{
    const struct vs_request *r = &v->request;
    uint64_t n = job->done, size = r->bytes;
    bool stops = r->op == 2;
    return (struct vs_iommu_page_request){.address = r->address + n * r->stride,
                                          .requester = job->requester,
                                          .group = (uint16_t)(size ? n / size % VS_PAGE_GROUPS : 0),
                                          .read = r->op == 0,
                                          .write = r->op == 1,
                                          .last = stops || (size && n % size == size - 1u),
                                          .prefix = job->prefix};
}

/* Has the device ask for pages as it likes, and counts the groups that it was told are there. */
void request_sva_pages(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    struct vs_net *net = v->p->net;
    struct vs_driver *d = v->begun ? &net->driver[v->index] : driver_of(v, "sva_pages");
    uint32_t prefix = r->a ? vs_pasid_prefix((uint32_t)r->a, r->b == 1, r->b == 2) : 0;
    if (!d) {
        return;
    }
    if (!v->begun) {
        if (v->vm || !net->ats_config.page_requests) {
            vcpu_refuse(v, "sva_pages: %s",
                        v->vm ? "its answers come from the kernel of a machine without a "
                                "hypervisor; take one such as skylake_sp_native"
                              : "the device asks for no pages; set ats.page_requests = 1");
            return;
        }
        if (r->op > 2 || r->b > 2 || r->bytes > 512 || !r->count) { /* a recording's */
            vcpu_fail(v, "sva_pages: no messages, or ones that there are not");
            return;
        }
        d->granted = 0;
        if (prefix && !net->may_prefix(net, prefix)) {
            net->engine.count[VS_CNT_dma_engine_withheld] += r->count;
            v->reply.value = 0;
            v->busy = false;
            return;
        }
        d->job = (struct vs_dma_job){.requester = net->nic.fn[d->vf].requester,
                                     .count = r->count,
                                     .next_ps = vs_now(&v->txn).v,
                                     .prefix = prefix};
    }
    uint64_t now = vs_now(&v->txn).v, until = v->horizon > now ? v->horizon : now;
    struct vs_dma_job *job = &d->job;
    net->asking = v;
    net->posting = d;
    for (; job->done < job->count && job->next_ps <= until && !v->failed; job->done++) {
        struct vs_iommu_page_request page = next_page(v, job);
        net->engine.dma.now_ps = job->next_ps;
        job->next_ps = net->post_page(net, &net->engine.dma, &page);
    }
    v->busy = job->done < job->count && !v->failed;
    guest_wanted_serve(v); /* its own processor does, before others have theirs asked for */
    net->asking = NULL;
    net->posting = NULL;
    vs_wait_until(&v->txn, (uint16_t)(net->engine.account + VS_ACC_dma_engine_wait),
                  (vs_ps){job->next_ps});
    v->reply.value = d->granted;
}

/* So many interrupt messages of the function's; how many reached a controller or a descriptor. */
static uint64_t messages(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    const struct vs_request *r = &v->request;
    uint64_t reached = 0;
    for (uint64_t i = 0; i < r->count; i++) {
        struct vs_txn *t = &net->engine.dma;
        t->now_ps = vs_now(&v->txn).v;
        vs_open(t, VS_OP_MSI);
        enum vs_msi_result what = net->engine.link.message(
            net->engine.link.ctx, t, net->nic.fn[net->driver[v->index].vf].requester,
            r->address + i * r->stride, (uint32_t)r->a);
        vs_close(t);
        reached += what != VS_MSI_BLOCKED;
        vs_wait_until(&v->txn, (uint16_t)(net->engine.account + VS_ACC_dma_engine_wait),
                      (vs_ps){t->now_ps});
    }
    return reached;
}

/* Has the device access memory as its driver never would, and counts what got through. */
void request_device(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    if (!v->begun) {
        struct vs_driver *d = driver_of(v, "device");
        if (!d) {
            return;
        }
        if (!possible(v, "device", r->op <= 2, r->op == 2)) {
            return;
        }
        guest_dma_timer(v); /* what has waited too long is gone before */
        if (r->op == 2) {
            v->reply.value = messages(v);
            v->busy = false;
            return;
        }
        begin_device(v, d);
    }
    run_job(v);
    const struct vs_dma_job *job = &v->p->net->driver[v->index].job;
    v->reply.value = job->count - job->refused;
}
