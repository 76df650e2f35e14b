/* SPDX-License-Identifier: MIT */
/* Requests of a trace of exits: the guest's own time, the exits, its halts. */
#include "handlers.h"

#include "virtsim/x2apic.h"

/* How many of the trace's exits there were here, and how many the machine does not have. */
static void note(struct vs_vcpu *v, bool left)
{
    v->count[left ? VS_CNT_vcpu_recorded_exits : VS_CNT_vcpu_recorded_stays]++;
}

void request_elapsed(struct vs_vcpu *v, uint64_t ps)
{
    vs_txn_settle(&v->txn);
    vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_recorded), (vs_ps){ps});
    v->request.ps -= ps;
}

/* The guest works, up to the horizon in each piece. */
void request_elapse(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu), room = v->horizon > now ? v->horizon - now : 1u;
    request_elapsed(v, r->ps < room ? r->ps : room);
    v->busy = r->ps != 0;
}

/* The machine spares its guest this exit: interrupts are posted, which KVM kicks a vCPU for where
 * they are not; the processor delivers what waits for a window; the APIC's registers are a page of
 * memory, whose TPR, EOI and self-IPI need no hypervisor. */
static bool spared(const struct vs_vcpu *v, const struct vs_request *r)
{
    const struct vs_platform *p = v->p;
    bool virtual_register = r->b == VS_X2APIC_MSR(VS_APIC_TPR) ||
                            r->b == VS_X2APIC_MSR(VS_APIC_EOI) ||
                            r->b == VS_X2APIC_MSR(VS_APIC_SELF_IPI);
    switch (r->a & VS_REQ_EXIT_TRAP) {
    case VS_TRAP_INTERRUPT:
        return p->posted && r->a & VS_REQ_EXIT_INJECTS;
    case VS_TRAP_INTERRUPT_WINDOW:
        return p->vid;
    case VS_TRAP_APIC_ACCESS:
        return p->apic_registers;
    case VS_TRAP_MSR_WRITE:
        return p->vid && virtual_register;
    default:
        return false;
    }
}

/* It is an access to a device that could be another kind of device: its place is known, and not the
 * board's. */
static bool of_device(const struct vs_request *r)
{
    uint64_t kind = r->a & VS_REQ_EXIT_TRAP;
    bool port = kind == VS_TRAP_PIO;
    bool memory =
        kind == VS_TRAP_MMIO || (kind == VS_TRAP_STAGE2_FAULT && r->a & VS_REQ_EXIT_DEVICE);
    return (port || memory) && !vs_hv_of_board(port, port ? r->b : r->address);
}

/* The write is an event of the host's kernel: it was one, or it is to the device's doorbell, which
 * vhost listens to. The first access to a page of it is a violation as it was. */
static bool signals(const struct vs_vcpu *v, const struct vs_request *r)
{
    uint64_t kind = r->a & VS_REQ_EXIT_TRAP;
    bool vhost = v->p->times.recorded_device == VS_DEVICE_VHOST && r->a & VS_REQ_EXIT_WRITE &&
                 kind != VS_TRAP_STAGE2_FAULT && of_device(r);
    return (vhost || r->a & VS_REQ_EXIT_SIGNALS) &&
           vs_program_set_asks(v->hv.software.set, VS_WHEN_EVENTFD);
}

/* An access to a device's register as it was recorded. On VMX an event of any length is known
 * before the instruction is decoded. */
static void access_device(struct vs_vcpu *v, const struct vs_request *r, bool event)
{
    struct vs_handling how = {.eventfd = event, .fast = v->p->ept.vendor == VS_VENDOR_INTEL};
    vcpu_mmio(v, r->address, (uint32_t)r->bytes,
              r->a & VS_REQ_EXIT_WRITE ? VS_REF_WRITE : VS_REF_READ, event ? &how : NULL);
    note(v, true);
}

/* An exit as it was recorded: its trap is offered to the processor. */
void request_exit(struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    uint64_t kind = r->a & VS_REQ_EXIT_TRAP;
    v->busy = false;
    if (kind >= VS_TRAP_N || !v->p->virtualized) {
        vcpu_refuse(v, kind >= VS_TRAP_N
                           ? "an exit of a trap that there is not"
                           : "a trace of exits is replayed on a machine with a hypervisor; this "
                             "one runs its program on bare metal");
        return;
    }
    if (v->p->times.recorded_mode && spared(v, r)) {
        note(v, false);
        return;
    }
    if (v->p->times.recorded_device == VS_DEVICE_VF && of_device(r)) {
        v->count[VS_CNT_vcpu_recorded_direct]++;
        note(v, false);
        return;
    }
    bool event = signals(v, r);
    v->count[VS_CNT_vcpu_recorded_signals] += event;
    if (kind == VS_TRAP_MMIO) {
        access_device(v, r, event);
        return;
    }
    bool device = r->a & VS_REQ_EXIT_DEVICE;
    struct vs_trap trap = {.kind = (enum vs_trap_kind)kind,
                           .number = (uint32_t)r->b,
                           .size = (uint32_t)r->bytes,
                           .value = r->count,
                           .gpa = {r->address},
                           .gva = {r->address},
                           .device = device ? r->address : 0,
                           .cpl = 0,
                           .length = 2,
                           .scope = (uint8_t)(r->a >> VS_REQ_EXIT_FORM & 3u),
                           .firmware = r->a >> VS_REQ_EXIT_FORM & VS_REQ_EXIT_FIRMWARE,
                           .wide = r->a >> VS_REQ_EXIT_FORM & VS_REQ_EXIT_WIDE,
                           .event = kind == VS_TRAP_PAUSE,
                           .x86 = (uint8_t)(r->a >> VS_REQ_EXIT_X86 & 0xffu),
                           .recorded = true,
                           .write = r->a & VS_REQ_EXIT_WRITE,
                           .fetch = r->a & VS_REQ_EXIT_FETCH};
    bool ends = kind == VS_TRAP_SHUTDOWN || kind == VS_TRAP_BUS_LOCK; /* user space is told */
    struct vs_handling how = {
        .device = device, .eventfd = event, .ask = (r->a & VS_REQ_EXIT_USER && device) || ends};
    note(v, vcpu_trap(v, &trap, &how));
}

/* A halt as it was recorded: until its entry. */
void request_sleep(struct vs_vcpu *v)
{
    if (!v->begun) {
        note(v, vcpu_sleep_recorded(v, v->request.ps));
    }
    v->busy = v->thread.depth != 0;
}
