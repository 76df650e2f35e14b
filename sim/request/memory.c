/* SPDX-License-Identifier: MIT */
/* Requests that reach memory: single accesses, patterns, records of a trace, instructions between
 * them; and those that change what is mapped. */
#include "handlers.h"

#include "guest/guest.h"
#include "host/host.h"
#include "virtsim/record.h"

/* The address as a value of its type. */
static vs_gva gva(uint64_t v)
{
    vs_gva g = {v};
    return g;
}

static const enum vs_ref ref_of[] = {[VS_REQ_LOAD] = VS_REF_READ,
                                     [VS_REQ_STORE] = VS_REF_WRITE,
                                     [VS_REQ_FETCH] = VS_REF_FETCH,
                                     [VS_REQ_MODIFY] = VS_REF_READ};

/* Accesses that may still run before the region of interest is to begin. */
static uint64_t until_roi(const struct vs_vcpu *v, uint64_t wanted)
{
    uint64_t left = v->p->warmup_left;
    return v->p->roi_pending && left < wanted ? left : wanted;
}

/* So many accesses are done: the warm-up may be over. */
static void accessed(struct vs_vcpu *v, uint64_t n)
{
    struct vs_platform *p = v->p;
    p->accesses += n;
    if (p->roi_pending) {
        p->warmup_left -= n < p->warmup_left ? n : p->warmup_left;
        if (!p->warmup_left) {
            machine_roi(p, v);
        }
    }
}

/* An access, or one that modifies what it loads. */
static enum vs_cpu_stop access_once(struct vs_vcpu *v, uint64_t at, uint32_t bytes, enum vs_ref ref,
                                    bool modifies)
{
    return modifies ? vcpu_modify(v, gva(at), bytes) : vcpu_access(v, gva(at), bytes, ref);
}

/* One access, issued again after each fault that is mended. */
void request_access(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    v->hw->cpu.depends = r->depends;
    switch (access_once(v, r->address, (uint32_t)r->bytes, ref_of[r->op], r->op == VS_REQ_MODIFY)) {
    case VS_CPU_DONE:
        accessed(v, 1);
        v->busy = false;
        break;
    case VS_CPU_FAULT:
        if (vcpu_fault(v) && v->emulated) {
            accessed(v, 1);
            v->busy = false;
        }
        break;
    case VS_CPU_HORIZON:
        break;
    }
    v->hw->cpu.depends = false;
}

/* False: there is nothing to do, or it cannot be done. */
static bool begin_bulk(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    struct vs_cpu_bulk *b = &v->bulk;
    struct vs_cpu *c = &v->hw->cpu;
    enum vs_ref ref = ref_of[r->op];
    uint64_t seed = vs_rng_next(&v->rng);
    enum vs_status s = VS_OK;
    if (!r->count) {
        v->busy = false;
        return false;
    }
    switch (r->pattern) {
    case VS_PATTERN_STRIDE:
        s = vs_bulk_stride(b, c, ref, gva(r->address), r->bytes, r->stride, r->count);
        break;
    case VS_PATTERN_RANDOM:
        s = vs_bulk_random(b, c, ref, gva(r->address), r->bytes, r->count, seed);
        break;
    case VS_PATTERN_ZIPF:
        s = vs_bulk_zipf(b, c, ref, gva(r->address), r->bytes, r->stride < 64 ? 4096 : r->stride,
                         r->theta, r->count, seed);
        break;
    case VS_PATTERN_CHASE:
        s = vs_bulk_chase(b, c, gva(r->address), r->bytes, r->stride, r->count, r->a ? r->a : seed);
        b->offset = b->perm.n ? r->b % b->perm.n : 0;
        break;
    }
    if (s) {
        vcpu_fail(v, "a bulk operation over %llu bytes in steps of %llu: %s",
                  (unsigned long long)r->bytes, (unsigned long long)r->stride, vs_status_text(s));
        return false;
    }
    b->instructions += r->work;
    b->modifies = r->op == VS_REQ_MODIFY;
    v->in_bulk = true;
    return true;
}

/* A pattern of accesses, up to the horizon in each piece. */
void request_bulk(struct vs_vcpu *v)
{
    struct vs_cpu_bulk *b = &v->bulk;
    if (!v->begun && !begin_bulk(v)) {
        return;
    }
    uint64_t whole = b->count, before = b->done;
    b->count = before + until_roi(v, whole - before);
    enum vs_cpu_stop stop =
        vcpu_bulk_run(v, b, (vs_ps){v->horizon == VS_NEVER ? v->horizon : v->horizon + 1});
    b->count = whole;
    accessed(v, b->done - before);
    if (stop == VS_CPU_FAULT) {
        vcpu_fault(v);
    } else if (b->done == whole) {
        vs_bulk_free(b);
        v->in_bulk = false;
        v->busy = false;
    }
}

/* What recorded tables said of the records; pages that come at no cost are there before a walk. */
static void begin_trace(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    for (unsigned i = 0; r->walks && i < 2u * VS_WALK_N; i++) {
        v->os_count[VS_CNT_os_kernel_match + i] += r->walks[i];
    }
    v->free_touches = vcpu_soft(v) && !v->p->os.trace_touch;
    v->hw->cpu.before_walk = v->p->os.trace_touch || vcpu_soft(v) ? NULL : v->p->guest.touch_free;
    v->hw->cpu.before_walk_ctx = v;
}

/* Records of a trace, up to the horizon in each piece. */
void request_trace(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    static const enum vs_ref ref[] = {[VS_TRACE_FETCH] = VS_REF_FETCH,
                                      [VS_TRACE_LOAD] = VS_REF_READ,
                                      [VS_TRACE_STORE] = VS_REF_WRITE,
                                      [VS_TRACE_MODIFY] = VS_REF_READ,
                                      [VS_TRACE_FETCH_PAGE] = VS_REF_FETCH};
    if (!v->begun) {
        begin_trace(v);
    }
    size_t first = v->record;
    bool depends = v->hw->cpu.cfg.trace_dependent != 0;
    while (v->record < r->n_records && vs_cpu_now_ps(&v->hw->cpu) <= v->horizon) {
        const struct vs_trace_rec *t = &r->records[v->record];
        v->hw->cpu.depends = depends;
        if (t->kind < VS_TRACE_INSTRUCTIONS &&
            access_once(v, t->addr, t->size, ref[t->kind], t->kind == VS_TRACE_MODIFY) ==
                VS_CPU_FAULT) {
            if (!vcpu_fault(v)) {
                break;
            }
            if (!v->emulated) {
                continue;
            }
        }
        if (t->kind == VS_TRACE_FETCH) {
            vcpu_instructions(v, 1, true);
        } else if (t->gap) {
            vcpu_instructions(v, t->gap, false);
        }
        v->record++;
        if (v->thread.depth) {
            break;
        }
    }
    v->hw->cpu.depends = false;
    accessed(v, v->record - first);
    v->busy = v->record < r->n_records;
}

/* Instructions that touch no memory. */
void request_compute(struct vs_vcpu *v)
{
    struct vs_request *r = &v->request;
    if (!v->begun && r->count > VS_COMPUTE_MAX) {
        vcpu_fail(v, "%llu instructions in one piece; at most %llu", (unsigned long long)r->count,
                  (unsigned long long)VS_COMPUTE_MAX);
        return;
    }
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu), each = vcpu_instruction_ps(v);
    uint64_t room = v->horizon > now ? (v->horizon - now) / each + 1 : 1;
    uint64_t n = r->count < room ? r->count : room;
    vcpu_instructions(v, n, false);
    r->count -= n;
    v->busy = r->count != 0;
}

/* ---- what is mapped ---- */

/* A region is mapped; the program learns its address. */
void request_map(struct vs_vcpu *v)
{
    v->reply.value = guest_mm_map(v, &v->request);
    if (v->txn.site && !v->failed) {
        vs_site_region(v->txn.site, v->txn.site->at.space, v->reply.value, v->request.bytes);
    }
}

/* A region is taken away. */
void request_unmap(struct vs_vcpu *v)
{
    guest_mm_unmap(v, v->request.address, v->request.bytes);
}

/* The rights of pages are changed by the guest. */
void request_protect(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    uint64_t older = VS_RIGHTS & ~(r->a ? 0 : VS_RIGHT_WRITE);
    guest_mm_protect(v, r->address, r->bytes, r->a & VS_PROTECT ? r->a & VS_RIGHTS : older);
}

/* A new address space. */
void request_process(struct vs_vcpu *v)
{
    v->reply.value = guest_mm_process(v);
}

/* Another address space is switched to. */
void request_switch(struct vs_vcpu *v)
{
    guest_mm_switch(v, v->request.a, (enum vs_req_switch)v->request.b);
}

/* A recorded guest's page tables become those of this one. */
void request_tables(struct vs_vcpu *v)
{
    guest_mm_recorded_tables(v, v->request.tables);
}

/* A recorded guest maps a page. */
void request_place(struct vs_vcpu *v)
{
    guest_mm_recorded_place(v, v->request.address, v->request.a);
}

/* The host reads its log of written pages. */
void request_dirty_log(struct vs_vcpu *v)
{
    v->reply.value = host_dirty_round(v);
}

/* The pages that a request of somebody outside names. */
static struct vs_host_pages pages_of(const struct vs_vcpu *v)
{
    return (struct vs_host_pages){v->request.address, v->request.bytes,
                                  1ull << v->space.format.granule, guest_mm_gpa};
}

/* The host takes rights to the guest's pages, or gives them back. */
void request_host_protect(struct vs_vcpu *v)
{
    struct vs_host_pages of = pages_of(v);
    host_memory_protect(v, &of, v->request.a, 0);
}

/* The host makes a view of the guest's memory. */
void request_view(struct vs_vcpu *v)
{
    v->reply.value = host_view_make(v);
}

/* The same as host_protect in one view. */
void request_view_protect(struct vs_vcpu *v)
{
    struct vs_host_pages of = pages_of(v);
    if (host_view_known(v, v->request.b)) {
        host_memory_protect(v, &of, v->request.a, (unsigned)v->request.b);
    }
}

/* In one view pages lie where others do. */
void request_view_map(struct vs_vcpu *v)
{
    struct vs_host_pages of = pages_of(v);
    if (host_view_known(v, v->request.b)) {
        host_view_map(v, &of, (unsigned)v->request.b, v->request.a);
    }
}
