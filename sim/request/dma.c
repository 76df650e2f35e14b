/* SPDX-License-Identifier: MIT */
/* A vCPU's virtual function reads and writes memory as the program tells it. */
#include "handlers.h"

#include "guest/drivers/net.h"

/* The transfers that a request asks for, over memory that is mapped for the function now. */
static bool begin(struct vs_vcpu *v, struct vs_dma_job *job)
{
    struct vs_net *net = v->p->net;
    const struct vs_request *r = &v->request;
    uint64_t at = 0;
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
    if (!net->pin(v, r->address, r->bytes, &at)) {
        return false;
    }
    *job = (struct vs_dma_job){.requester = net->nic.fn[v->index].requester,
                               .at = at,
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

void request_dma(struct vs_vcpu *v)
{
    struct vs_net *net = v->p->net;
    struct vs_dma_job *job = net ? &net->driver[v->index].job : NULL;
    if (!v->begun) {
        struct vs_dma_job first;
        if (!begin(v, &first)) {
            return;
        }
        net->driver[v->index].job = first;
    }
    uint64_t now = vs_now(&v->txn).v, until = v->horizon > now ? v->horizon : now;
    v->busy = !vs_dma_engine_run(&net->engine, job, until);
    vs_ps when = {v->busy ? job->next_ps : job->last_ps};
    vs_wait_until(&v->txn, (uint16_t)(net->engine.account + VS_ACC_dma_engine_wait), when);
}
