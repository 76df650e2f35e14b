/* SPDX-License-Identifier: MIT */
/* What a guest's program asks for, one request after the other: the present one is given to its
 * handler until it is done. */
#include "request/request.h"

#include "handlers.h"

#include "guest/guest.h"
#include "host/host.h"

#include <stdio.h>

enum pace { ONCE, PIECES, LONG };

/* By kind, as request/requests.def lists them; run NULL: there is no such request. */
static const struct {
    void (*run)(struct vs_vcpu *v);
    const char *name;
    enum pace pace;
    unsigned machines;
} requests[] = {
#define VS_REQUEST(code, NAME, name, fields, pace, machines, ...)                                  \
    [code] = {request_##name, #name, pace, VS_REQ_##machines},
#define VS_HIDDEN(code, NAME, name, fields, pace, text)                                            \
    [code] = {request_##name, #name, pace, VS_REQ_EVERY},
#define VS_METHOD(...)
#define VS_SECTION(title)
#include "request/requests.def"
};

/* There is such a request. */
static bool known(enum vs_req kind)
{
    return (size_t)kind < sizeof requests / sizeof requests[0] && requests[kind].run;
}

/* Whose instruction it is, and whose this machine is. */
static void other_machine(const struct vs_platform *p, enum vs_req kind, char *out, size_t bytes)
{
    static const char *const whose[] = {"Intel's", "AMD's", "Arm's"};
    const char *machines = "x86's";
    for (unsigned i = 0; i < 3; i++) {
        machines = requests[kind].machines == 1u << i ? whose[i] : machines;
    }
    snprintf(out, bytes, "%s is %s; this machine is %s: 'virtsim list requests' says what each has",
             requests[kind].name, machines, whose[p->ept.vendor]);
}

/* Whether the machine's processors have the instruction. */
static bool has(const struct vs_platform *p, enum vs_req kind)
{
    return requests[kind].machines & 1u << p->ept.vendor;
}

bool vs_platform_lacks(const struct vs_platform *p, enum vs_req kind, char *out, size_t bytes)
{
    if (!known(kind) || !has(p, kind)) {
        snprintf(out, bytes, "a request of kind %d, which there is not", (int)kind);
        if (known(kind)) {
            other_machine(p, kind, out, bytes);
        }
        return true;
    }
    const char *why =
        kind == VS_REQ_SEND || kind == VS_REQ_TRANSMIT || kind == VS_REQ_RECV ||
                kind == VS_REQ_DMA || kind == VS_REQ_DMA_MAP || kind == VS_REQ_DMA_UNMAP ||
                kind == VS_REQ_DEVICE || kind == VS_REQ_MAILBOX || kind == VS_REQ_VIRTCHNL ||
                kind == VS_REQ_PCI_READ || kind == VS_REQ_PCI_WRITE || kind == VS_REQ_BAR_READ ||
                kind == VS_REQ_BAR_WRITE
            ? (p->net ? NULL : "this machine has no NIC (nic.present = 0)")
        : kind == VS_REQ_HOST_PROTECT ? host_memory_lacks(p)
        : kind == VS_REQ_VIEW || kind == VS_REQ_VIEW_PROTECT || kind == VS_REQ_VIEW_MAP
            ? host_view_lacks(p)
        : kind == VS_REQ_INVPCID || kind == VS_REQ_INVLPGA
            ? guest_tlb_lacks(p, kind == VS_REQ_INVPCID)
            : NULL;
    if (why) {
        snprintf(out, bytes, "%s: %s", requests[kind].name, why);
    }
    return why != NULL;
}

/* Instructions that this machine does not have. */
static void refuse(struct vs_vcpu *v)
{
    char where[300] = "", what[300];
    if (v->source.where) {
        v->source.where(v->source.ctx, where, sizeof where);
    }
    other_machine(v->p, v->request.kind, what, sizeof what);
    vcpu_refuse(v, "%s%s, cpu:has(name) asks the machine", where, what);
}

/* One piece of the present request; an instruction that the machine lacks is refused. */
static void run_request(struct vs_vcpu *v)
{
    enum vs_req kind = v->request.kind;
    if (!v->begun && !has(v->p, kind)) {
        refuse(v);
        return;
    }
    requests[kind].run(v);
    v->begun = true;
    if (requests[kind].pace == ONCE) {
        v->busy = false;
    }
}

/* Requests of each vCPU that a rehearsal tries, as far as none of them takes long. */
#define REHEARSED 1000u

/* A rehearsal ends with what takes long; whether the machine has what that needs is known. */
static void rehearse(struct vs_vcpu *v)
{
    enum vs_req kind = v->request.kind;
    if (++v->rehearsed <= REHEARSED && requests[kind].pace != LONG) {
        return;
    }
    if (kind == VS_REQ_SEND || kind == VS_REQ_TRANSMIT || kind == VS_REQ_RECV) {
        guest_vf_asked(v);
    }
    v->request.kind = VS_REQ_END;
}

/* Where the program's next request begins: in the address space it works in, which a vCPU may share
 * with another. */
static void begin_site(struct vs_vcpu *v)
{
    uint64_t owner = v->index;
    for (unsigned i = 0; i < v->p->n_vcpus; i++) {
        owner = v->mm == &v->p->vcpu[i].own_mm ? i : owner;
    }
    vs_cpu_leave(&v->hw->cpu, owner << VS_SITE_PROCESS_BITS | v->process_now);
}

/* Asks the guest program what comes next. */
static void fetch_request(struct vs_vcpu *v)
{
    v->reply.now_ps = vs_cpu_now_ps(&v->hw->cpu);
    v->reply.interrupts = v->handled;
    v->reply.steal_ps = v->thread.steal_ps;
    if (v->vm) {
        const struct vs_host *h = host_memory_of(v);
        v->reply.seen = h->seen;
        v->reply.qualification = h->qualification;
        v->reply.guest_physical = h->guest_physical;
    }
    v->source.next(v->source.ctx, &v->reply, &v->request);
    v->busy = true;
    v->begun = false;
    v->record = 0;
    v->reply.value = 0;
    v->hw->cpu.before_walk = NULL; /* set by request_trace */
    v->free_touches = false;
    if (v->txn.site) {
        begin_site(v);
    }
    v->count[VS_CNT_vcpu_requests]++;
    if (v->request.kind == VS_REQ_ERROR) { /* the source's message names its own place */
        v->failed = true;
        snprintf(v->p->error, sizeof v->p->error, "%s", v->source.error(v->source.ctx));
    } else if (!known(v->request.kind)) {
        vcpu_fail(v, "a request of kind %d, which there is not", (int)v->request.kind);
    } else if (v->p->options.rehearse) {
        rehearse(v);
    }
}

/* The next piece of the vCPU's program. */
static void run(struct vs_vcpu *v)
{
    if (!v->busy) {
        fetch_request(v);
    }
    if (v->busy && !v->ended && !v->failed && !v->thread.depth) {
        run_request(v);
    }
}

/* Instructions that touch no memory, and time that a trace recorded, are the vCPU's alone. */
static uint64_t alone_ps(const struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    if (!v->busy || !v->begun) {
        return 0;
    }
    return r->kind == VS_REQ_COMPUTE  ? vs_cpu_after_ps(&v->hw->cpu, r->count)
           : r->kind == VS_REQ_ELAPSE ? vs_cpu_now_ps(&v->hw->cpu) + r->ps
                                      : 0;
}

/* So much of them. */
static void pass(struct vs_vcpu *v, uint64_t n)
{
    struct vs_cpu *c = &v->hw->cpu;
    if (v->request.kind == VS_REQ_COMPUTE) {
        vs_cpu_instructions(c, n * c->round_n);
        v->request.count -= n * c->round_n;
    } else {
        request_elapsed(v, n * c->round_ps);
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
    p->program.alone_ps = alone_ps;
    p->program.pass = pass;
    p->program.close = close;
    p->vcpu[index].source = *source;
}
