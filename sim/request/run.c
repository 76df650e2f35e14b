/* SPDX-License-Identifier: MIT */
/* What a guest's program asks for, one request after the other: the present one is carried on as
 * far as the vCPU's horizon allows. */
#include "request/request.h"

#include "machine/machine_impl.h"

#include "guest/guest.h"
#include "host/host.h"
#include "trace/trace.h"

#include <stdio.h>
#include <string.h>

static vs_gva gva(uint64_t v)
{
    vs_gva g = {v};
    return g;
}

static vs_ps ps(uint64_t v)
{
    vs_ps p = {v};
    return p;
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

static void one_access(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    v->cpu.depends = r->depends;
    switch (vs_cpu_access(&v->cpu, gva(r->address), (uint32_t)r->bytes, ref_of[r->op])) {
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
    v->cpu.depends = false;
}

static void begin_bulk(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    struct vs_cpu_bulk *b = &v->bulk;
    struct vs_cpu *c = &v->cpu;
    enum vs_ref ref = ref_of[r->op];
    uint64_t seed = vs_rng_next(&v->rng);
    enum vs_status s = VS_OK;
    if (!r->count) {
        v->busy = false;
        return;
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
        return;
    }
    b->instructions += r->work;
    v->in_bulk = true;
}

static void continue_bulk(struct vs_vcpu *v)
{
    struct vs_cpu_bulk *b = &v->bulk;
    uint64_t whole = b->count, before = b->done;
    b->count = before + until_roi(v, whole - before);
    enum vs_cpu_stop stop =
        vs_cpu_bulk_run(&v->cpu, b, ps(v->horizon == VS_NEVER ? v->horizon : v->horizon + 1));
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

static void continue_trace(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    static const enum vs_ref ref[] = {[VS_TRACE_FETCH] = VS_REF_FETCH,
                                      [VS_TRACE_LOAD] = VS_REF_READ,
                                      [VS_TRACE_STORE] = VS_REF_WRITE,
                                      [VS_TRACE_MODIFY] = VS_REF_READ,
                                      [VS_TRACE_FETCH_PAGE] = VS_REF_FETCH};
    size_t first = v->record;
    bool depends = v->cpu.cfg.trace_dependent != 0;
    while (v->record < r->n_records && vs_cpu_now_ps(&v->cpu) <= v->horizon) {
        const struct vs_trace_rec *t = &r->records[v->record];
        v->cpu.depends = depends;
        if (t->kind < VS_TRACE_INSTRUCTIONS &&
            vs_cpu_access(&v->cpu, gva(t->addr), t->size, ref[t->kind]) == VS_CPU_FAULT) {
            if (!vcpu_fault(v)) {
                break;
            }
            if (!v->emulated) {
                continue;
            }
        }
        if (t->kind == VS_TRACE_FETCH) {
            vs_cpu_instructions(&v->cpu, 1);
        } else if (t->gap) {
            vs_cpu_instructions(&v->cpu, t->gap);
        }
        v->record++;
    }
    v->cpu.depends = false;
    accessed(v, v->record - first);
    v->busy = v->record < r->n_records;
}

static void continue_compute(struct vs_vcpu *v)
{
    struct vs_request *r = &v->request;
    uint64_t now = vs_cpu_now_ps(&v->cpu), each = v->cpu.instruction_q + 1;
    uint64_t room = v->horizon > now ? (v->horizon - now) / each + 1 : 1;
    uint64_t n = r->count < room ? r->count : room;
    vs_cpu_instructions(&v->cpu, n);
    r->count -= n;
    v->busy = r->count != 0;
}

/* Offers the trap to the processor; what does not exit costs the instruction's own time. */
static void privileged(struct vs_vcpu *v, struct vs_trap trap, unsigned account, uint64_t cost_ps)
{
    if (!v->p->virtualized || !vcpu_trap(v, &trap, NULL)) {
        vs_cpu_instructions(&v->cpu, 1);
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + account), ps(cost_ps));
    }
    v->busy = false;
}

static void mark(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    v->busy = false;
    if (strcmp(v->request.name, "roi") != 0) {
        machine_mark(v, v->request.name);
        return;
    }
    if (p->options.warmup) {
        vcpu_refuse(v,
                    "--warmup %llu: the guest says itself where its region of interest "
                    "begins (mark \"roi\"); leave --warmup out",
                    (unsigned long long)p->options.warmup);
        return;
    }
    machine_roi(p, v);
}

static void begin(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    v->count[VS_CNT_vcpu_requests]++;
    v->record = 0;
    v->reply.value = 0;
    v->cpu.before_walk =
        r->kind == VS_REQ_TRACE && !v->p->os.trace_touch ? v->p->guest.touch_free : NULL;
    v->cpu.before_walk_ctx = v;
    switch (r->kind) {
    case VS_REQ_END:
        v->ended = true;
        break;
    case VS_REQ_ERROR:
        /* the source's message names its own place */
        v->failed = true;
        snprintf(v->p->error, sizeof v->p->error, "%s", v->source.error(v->source.ctx));
        break;
    case VS_REQ_BULK:
        begin_bulk(v);
        break;
    case VS_REQ_TRACE:
        for (unsigned i = 0; r->walks && i < 2u * VS_WALK_N; i++) {
            v->os_count[VS_CNT_os_kernel_match + i] += r->walks[i];
        }
        break;
    case VS_REQ_COMPUTE:
        if (r->count > VS_COMPUTE_MAX) {
            vcpu_fail(v, "%llu instructions in one piece; at most %llu",
                      (unsigned long long)r->count, (unsigned long long)VS_COMPUTE_MAX);
        }
        break;
    case VS_REQ_WAIT:
        v->timer_ps = vs_cpu_now_ps(&v->cpu) + r->ps;
        v->timer_armed = true;
        break;
    default:
        break;
    }
}

/* An interrupt to another vCPU of the same machine. */
static void send_ipi(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t to = v->request.a;
    if (to >= p->n_vcpus) {
        vcpu_fail(v, "an IPI to vCPU %llu; there are %u", (unsigned long long)to, p->n_vcpus);
        return;
    }
    if (v->vm != p->vcpu[to].vm) {
        vcpu_fail(v, "an IPI to vCPU %llu, which is another virtual machine (guest.vms)",
                  (unsigned long long)to);
        return;
    }
    vcpu_send_ipi(v, (unsigned)to, (uint8_t)v->request.b);
}

/* HLT, or nothing to run until the timer fires. */
static void halt(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    bool waiting = v->request.kind == VS_REQ_WAIT;
    if (waiting && !v->timer_armed) { /* the timer's interrupt has come and been handled */
        v->busy = false;
        return;
    }
    if (p->virtualized && waiting && !v->record) {
        v->record = 1; /* arm the deadline once */
        (void)vcpu_timer_write(v);
    }
    if (v->failed || (vcpu_wakes(v))) {
        v->busy = waiting;
        return;
    }
    vcpu_sleep(v);
    v->busy = waiting;
}

static void run_request(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    const struct vs_vcpu_config *times = &v->p->times;
    uint64_t period = v->clock.period_ps;
    switch (r->kind) {
    case VS_REQ_END:
    case VS_REQ_ERROR:
        break;
    case VS_REQ_MAP:
        v->reply.value = guest_mm_map(v, r);
        v->busy = false;
        break;
    case VS_REQ_UNMAP:
        guest_mm_unmap(v, r->address, r->bytes);
        v->busy = false;
        break;
    case VS_REQ_PROTECT:
        guest_mm_protect(v, r->address, r->bytes,
                         r->a & VS_PROTECT ? r->a & VS_RIGHTS
                                           : VS_RIGHTS & ~(r->a ? 0 : VS_RIGHT_WRITE));
        v->busy = false;
        break;
    case VS_REQ_DIRTY_LOG:
        v->reply.value = host_dirty_round(v);
        v->busy = false;
        break;
    case VS_REQ_HOST_PROTECT:
        host_memory_protect(v, r->address, r->bytes, r->a);
        v->busy = false;
        break;
    case VS_REQ_PROCESS:
        v->reply.value = guest_mm_process(v);
        v->busy = false;
        break;
    case VS_REQ_SWITCH:
        guest_mm_switch(v, r->a, (enum vs_req_switch)r->b);
        v->busy = false;
        break;
    case VS_REQ_ACCESS:
        one_access(v);
        break;
    case VS_REQ_BULK:
        continue_bulk(v);
        break;
    case VS_REQ_TRACE:
        continue_trace(v);
        break;
    case VS_REQ_COMPUTE:
        continue_compute(v);
        break;
    case VS_REQ_CPUID:
        privileged(v, (struct vs_trap){.kind = VS_TRAP_CPU_ID, .length = 2}, VS_ACC_vcpu_cpuid,
                   times->cpuid * period);
        break;
    case VS_REQ_HLT:
    case VS_REQ_WAIT:
        halt(v);
        break;
    case VS_REQ_PAUSE:
        privileged(v,
                   (struct vs_trap){.kind = VS_TRAP_PAUSE,
                                    .value = vs_cpu_now_ps(&v->cpu) / period,
                                    .length = 2},
                   VS_ACC_vcpu_pause, times->pause * period);
        break;
    case VS_REQ_RDTSC:
        privileged(v, (struct vs_trap){.kind = VS_TRAP_TIMESTAMP, .length = 2}, VS_ACC_vcpu_rdtsc,
                   times->rdtsc * period);
        v->reply.value = vs_cpu_now_ps(&v->cpu) / period;
        if (v->p->virtualized) {
            v->reply.value = v->world.clock(v->world.ctx, v->reply.value);
        }
        break;
    case VS_REQ_RDMSR:
        privileged(
            v, (struct vs_trap){.kind = VS_TRAP_MSR_READ, .number = (uint32_t)r->a, .length = 2},
            VS_ACC_vcpu_rdmsr, times->rdmsr * period);
        break;
    case VS_REQ_WRMSR:
        privileged(
            v,
            (struct vs_trap){
                .kind = VS_TRAP_MSR_WRITE, .number = (uint32_t)r->a, .value = r->b, .length = 2},
            VS_ACC_vcpu_wrmsr, times->wrmsr * period);
        break;
    case VS_REQ_IN:
    case VS_REQ_OUT:
        privileged(v,
                   (struct vs_trap){.kind = VS_TRAP_PIO,
                                    .number = (uint32_t)r->a,
                                    .size = (uint32_t)r->bytes,
                                    .write = r->kind == VS_REQ_OUT,
                                    .immediate = r->a < 256,
                                    .length = 2},
                   VS_ACC_vcpu_port_io, times->port_io * period);
        break;
    case VS_REQ_HYPERCALL:
        /* without VMX the instruction is undefined: #UD, and the kernel's handler skips it */
        privileged(v, (struct vs_trap){.kind = VS_TRAP_HYPERCALL, .length = 3},
                   VS_ACC_vcpu_exception, v->p->times.exception * period);
        break;
    case VS_REQ_CLI:
    case VS_REQ_STI:
        vcpu_mask(v, r->kind == VS_REQ_CLI);
        v->busy = false;
        break;
    case VS_REQ_TIMER:
        vcpu_timer_set(v, r->ps);
        v->busy = false;
        break;
    case VS_REQ_CR_WRITE:
        guest_mm_write_cr(v);
        v->busy = false;
        break;
    case VS_REQ_INVLPG:
        guest_tlb_invalidate_page(v, r->address);
        v->busy = false;
        break;
    case VS_REQ_INVPCID:
        guest_tlb_invpcid(v);
        v->busy = false;
        break;
    case VS_REQ_INVLPGA:
        guest_tlb_invlpga(v);
        v->busy = false;
        break;
    case VS_REQ_TLBI:
        guest_tlb_tlbi_request(v);
        v->busy = false;
        break;
    case VS_REQ_MMIO:
        vcpu_mmio(v, r->address);
        v->busy = false;
        break;
    case VS_REQ_IPI:
        send_ipi(v);
        v->busy = false;
        break;
    case VS_REQ_SEND:
        guest_vf_send(v);
        break;
    case VS_REQ_RECV:
        guest_vf_receive(v);
        break;
    case VS_REQ_MARK:
        mark(v);
        break;
    case VS_REQ_TURN:
        request_turn(v, r->a, r->b != 0);
        break;
    case VS_REQ_TOGETHER:
        request_together(v, r->a, r->b);
        break;
    case VS_REQ_TABLES:
        guest_mm_recorded_tables(v, r->tables);
        v->busy = false;
        break;
    case VS_REQ_PLACE:
        guest_mm_recorded_place(v, r->address, r->a);
        v->busy = false;
        break;
    }
}

/* Requests of each vCPU that a rehearsal tries, as far as none of them takes long. */
#define REHEARSED 1000u

/* It may take long, or wait for somebody. */
static bool takes_long(enum vs_req kind)
{
    switch (kind) {
    case VS_REQ_BULK:
    case VS_REQ_TRACE:
    case VS_REQ_COMPUTE:
    case VS_REQ_HLT:
    case VS_REQ_WAIT:
    case VS_REQ_SEND:
    case VS_REQ_RECV:
        return true;
    default:
        return false;
    }
}

/* A rehearsal ends with what takes long; whether the machine has what that needs is known. */
static void rehearse(struct vs_vcpu *v)
{
    enum vs_req kind = v->request.kind;
    if (kind == VS_REQ_ERROR || (++v->rehearsed <= REHEARSED && !takes_long(kind))) {
        return;
    }
    if (kind == VS_REQ_SEND || kind == VS_REQ_RECV) {
        guest_vf_asked(v);
    }
    v->request.kind = VS_REQ_END;
}

/* Asks the guest program what comes next. */
static void fetch_request(struct vs_vcpu *v)
{
    v->reply.now_ps = vs_cpu_now_ps(&v->cpu);
    v->reply.interrupts = v->handled;
    if (v->vm) {
        const struct vs_host *h = host_memory_of(v);
        v->reply.seen = h->seen;
        v->reply.qualification = h->qualification;
        v->reply.guest_physical = h->guest_physical;
    }
    v->source.next(v->source.ctx, &v->reply, &v->request);
    v->busy = true;
    if (v->p->options.rehearse) {
        rehearse(v);
    }
    begin(v);
}

/* The next piece of the vCPU's program. */
static void run(struct vs_vcpu *v)
{
    if (!v->busy) {
        fetch_request(v);
    }
    if (v->busy && !v->ended && !v->failed && !v->awaits) {
        run_request(v);
    }
}

/* A vCPU without a further step: its source is closed. */
static void close(struct vs_vcpu *v)
{
    if (v->source.close) {
        v->source.close(v->source.ctx);
    }
    if (v->in_bulk) {
        vs_bulk_free(&v->bulk);
    }
}

void vs_platform_guest(struct vs_platform *p, unsigned index, const struct vs_guest_source *source)
{
    p->program.run = run;
    p->program.close = close;
    p->vcpu[index].source = *source;
}
