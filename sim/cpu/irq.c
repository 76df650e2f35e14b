/* SPDX-License-Identifier: MIT */
/*
 * A vCPU and its interrupt controller: registers, an APIC's as MSRs or as a page; RFLAGS.IF
 * (PSTATE.I), which masks what it delivers; and what is due at an instruction boundary, which the
 * guest takes.
 *
 * A hypervisor that cannot inject an interrupt, since the guest masks it, has itself told when that
 * ends: by interrupt-window exiting (SDM 3C 26.2), on AMD's processors by the intercept of a
 * virtual interrupt that it requests (VINTR). Where the processor holds pending interrupts itself
 * (virtual-interrupt delivery, list registers of Arm's interrupt controller) nothing exits for
 * that.
 */
#include "sched.h"

/* What the guest's kernel writes to send an interrupt, to end one, to arm its timer. */
struct registers {
    uint32_t send, end, timer;
    uint8_t length; /* of the instruction */
};
/* Of the x2APIC and the TSC deadline (SDM 3A table 11-6) */
static const struct registers x2apic = {0x830u, 0x80bu, 0x6e0u, 2};
/* ICC_SGI1R_EL1, ICC_EOIR1_EL1, CNTV_CVAL_EL0 (Arm ARM, D17): of these a hypervisor sees the first
 */
static const struct registers arm = {VS_SYSREG(3u, 0u, 12u, 11u, 5u),
                                     VS_SYSREG(3u, 0u, 12u, 12u, 1u),
                                     VS_SYSREG(3u, 3u, 14u, 3u, 2u), 4};
/* Offsets in the APIC's page, SDM 3A table 11-1 */
#define EOI 0x0b0u
#define ICR_LOW 0x300u
#define ICR_HIGH 0x310u

/* Linux's LOCAL_TIMER_VECTOR, CALL_FUNCTION_VECTOR, RESCHEDULE_VECTOR, which makes a vCPU's core
 * leave its guest, and others of its own. */
static const struct vs_irq_numbers x86_numbers = {
    .timer = 0xec, .shootdown = 0xfb, .usual = 0xf0, .device = 0x41, .tick = 0xef, .kick = 0xfd};
/* PPI 25 is the maintenance interrupt, 27 the virtual timer, 28 the host's with VHE; SGIs are
 * Linux's IPI_CALL_FUNC and IPI_RESCHEDULE; a function has an SPI of its own. */
static const struct vs_irq_numbers arm_numbers = {.timer = 27,
                                                  .shootdown = 1,
                                                  .usual = 0,
                                                  .device = 32,
                                                  .devices = 1,
                                                  .tick = 28,
                                                  .kick = 0,
                                                  .maintenance = 25};

const struct vs_irq_numbers *vcpu_numbers(const struct vs_vcpu *v)
{
    return vcpu_arm(v) ? &arm_numbers : &x86_numbers;
}

uint8_t vcpu_device_irq(const struct vs_vcpu *v)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    return (uint8_t)(n->device + n->devices * v->index);
}

/* The interrupt controller's registers of the vCPU's architecture. */
static const struct registers *registers_of(const struct vs_vcpu *v)
{
    return vcpu_arm(v) ? &arm : &x2apic;
}

/* ---- registers ---- */

/* SDM 3C 30.4.2, 30.4.3.1: offsets that are not virtualized. */
static void page_access(struct vs_vcpu *v, uint32_t offset, bool write)
{
    struct vs_trap e = {.kind = VS_TRAP_APIC_ACCESS, .number = offset, .write = write, .length = 3};
    struct vs_handling eoi = {.fast = true}; /* the hypervisor's short way */
    if (!vcpu_trap(v, &e, write && offset == EOI ? &eoi : NULL)) {
        vcpu_fail(v, "an access to the APIC's page that does not exit");
    }
}

/* 30.4.3.2: the store is done, on the virtual-APIC page; what is left is the hypervisor's. */
static void page_written(struct vs_vcpu *v, uint32_t offset)
{
    struct vs_trap e = {.kind = VS_TRAP_APIC_WRITE, .number = offset};
    vs_txn_settle(&v->txn);
    v->irq.access(v->irq.ctx, &v->txn);
    vcpu_trap(v, &e, NULL);
}

void vcpu_irq_end(struct vs_vcpu *v, uint8_t number)
{
    const struct vs_platform *p = v->p;
    bool exits = p->virtualized && !p->vid && !vcpu_listed(v);
    v->irq.end(v->irq.ctx, &v->txn, number, exits);
    if (exits && p->xapic && p->apic_registers) {
        page_written(v, EOI);
    } else if (exits && p->xapic) {
        page_access(v, EOI, true);
    } else if (exits) {
        const struct registers *r = registers_of(v);
        struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE, .number = r->end, .length = r->length};
        vcpu_trap(v, &e, NULL);
    } else if (p->virtualized && !vcpu_listed(v)) {
        struct vs_trap e = {.kind = VS_TRAP_EOI, .number = number};
        vcpu_trap(v, &e, NULL); /* exits only for vectors of the EOI-exit bitmap */
    }
}

/* Linux's __default_send_IPI_dest_field: ICR is read until it is idle, then its halves written. */
static void send_by_page(struct vs_vcpu *v)
{
    const struct vs_platform *p = v->p;
    if (p->virtualized && !p->apic_registers) {
        page_access(v, ICR_LOW, false);
        page_access(v, ICR_HIGH, true);
    } else {
        v->irq.access(v->irq.ctx, &v->txn);
        v->irq.access(v->irq.ctx, &v->txn);
    }
    if (!p->virtualized) {
        v->irq.access(v->irq.ctx, &v->txn);
    } else if (p->apic_registers || p->vid) {
        page_written(v, ICR_LOW);
    } else {
        page_access(v, ICR_LOW, true);
    }
}

uint64_t vcpu_irq_send(struct vs_vcpu *v, unsigned to, uint8_t number)
{
    const struct registers *r = registers_of(v);
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = r->send,
                        .value = v->irq.command(number, to),
                        .length = r->length};
    vs_txn_settle(&v->txn);
    if (v->p->xapic) {
        send_by_page(v);
    } else if (!v->p->virtualized || !vcpu_trap(v, &e, NULL)) {
        v->irq.send(v->irq.ctx, &v->txn);
    }
    return e.value;
}

bool vcpu_timer_write(struct vs_vcpu *v)
{
    const struct registers *r = registers_of(v);
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = r->timer,
                        .value = v->timer_armed ? v->timer_ps / v->hw->clock.period_ps : 0,
                        .length = r->length};
    return v->p->virtualized && vcpu_trap(v, &e, NULL);
}

/* ---- masked interrupts ---- */

/* Only its hypervisor can give the guest what is pending, and only through an entry. */
static bool injected(const struct vs_vcpu *v)
{
    return v->p->virtualized && !v->p->posted;
}

static bool pending(const struct vs_vcpu *v)
{
    uint8_t number;
    return v->irq.pending(v->irq.ctx, &number);
}

void vcpu_mask(struct vs_vcpu *v, bool on)
{
    vs_cpu_instructions(&v->hw->cpu, 1);
    v->shadowed = v->masked && !on && !vcpu_arm(v);       /* PSTATE.I takes effect at once */
    v->fresh = v->fresh && (v->masked || vcpu_listed(v)); /* what is pending came before */
    v->masked = on;
    if (v->p->virtualized) {
        v->world.mask(v->world.ctx, on);
    }
}

void vcpu_unshadow(struct vs_vcpu *v)
{
    v->shadowed = false;
    if (v->p->virtualized) {
        v->world.unshadow(v->world.ctx);
    }
}

bool vcpu_due(const struct vs_vcpu *v)
{
    bool blocked = v->masked || v->shadowed;
    if (vcpu_listed(v)) {
        return v->fresh || (!blocked && pending(v));
    }
    return v->notified || (pending(v) && (!blocked || (v->fresh && injected(v))));
}

bool vcpu_blocked(struct vs_vcpu *v, uint8_t vector)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = vector};
    struct vs_handling how = {.inject = vector};
    if (!v->masked && !v->shadowed) {
        return false;
    }
    if (!v->fresh || !injected(v)) {
        return true;
    }
    v->fresh = false; /* it has arrived: the host takes it, and the entry cannot carry it */
    vs_cpu_interrupt(&v->hw->cpu);
    vcpu_trap(v, &e, &how);
    v->window = !v->p->vid;
    v->listed = !v->window;
    return true;
}

bool vcpu_window(struct vs_vcpu *v, uint8_t vector)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT_WINDOW};
    if (v->listed && !v->fresh) {
        v->listed = v->irq.others(v->irq.ctx);
        return true; /* the processor has it already */
    }
    if (!v->window) {
        return false;
    }
    v->window = v->irq.others(v->irq.ctx);
    struct vs_handling how = {.inject = vector, .more = v->window};
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "an interrupt window that the hypervisor asked for does not exit");
    }
    return true;
}

/* ---- what is due at an instruction boundary ---- */

/* A physical interrupt while the guest runs: the host takes it, and the entry carries `inject`. */
static void external_interrupt(struct vs_vcpu *v, uint8_t vector, uint8_t inject)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = vector};
    struct vs_handling how = {.inject = inject};
    vcpu_trap(v, &e, &how);
}

void vcpu_kick(struct vs_vcpu *v, void (*work)(void *ctx, struct vs_txn *t), void *ctx)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = vcpu_numbers(v)->kick};
    struct vs_handling how = {.work = work, .ctx = ctx};
    vs_cpu_interrupt(&v->hw->cpu);
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
}

/* The guest takes the interrupt, and its handler runs. */
static void deliver(struct vs_vcpu *v, uint8_t vector, bool injected)
{
    enum vs_irq_how how = v->p->virtualized && v->p->vid ? VS_IRQ_EVALUATED
                          : injected                     ? VS_IRQ_INJECTED
                                                         : VS_IRQ_ACCEPTED;
    vs_txn_settle(&v->txn);
    vcpu_arrivals_delivered(v, vector);
    vs_open(&v->txn, VS_OP_IRQ);
    v->irq.deliver(v->irq.ctx, &v->txn, vector, how);
    v->in_interrupt = true;
    v->p->guest.interrupt(v, vector);
    v->in_interrupt = false;
    vs_close(&v->txn);
}

/* Without posting the hypervisor injects: the interrupt's arrival is an exit, and the entry carries
 * it. One that ended a halt was carried by the entry after it. */
static void inject(struct vs_vcpu *v, uint8_t vector)
{
    if (v->entry_vector == vector) {
        v->entry_vector = 0;
    } else if (!vcpu_window(v, vector)) {
        external_interrupt(v, vector, vector);
    }
    if (!v->failed) {
        deliver(v, vector, true);
    }
}

/* Arm: what arrives stops the guest, masked or not, and its hypervisor puts it into a list
 * register, from which the guest takes it when it can; where there is none left, a maintenance
 * interrupt says when there is. */
static void listed(struct vs_vcpu *v)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    uint8_t number;
    while (!v->failed) {
        bool refill = v->irq.maintenance(v->irq.ctx);
        if (v->fresh || refill) {
            vs_cpu_interrupt(&v->hw->cpu);
            external_interrupt(v, refill ? n->maintenance : n->kick, 0);
        } else if (!v->masked && v->irq.pending(v->irq.ctx, &number)) {
            vs_cpu_interrupt(&v->hw->cpu);
            deliver(v, number, false);
        } else {
            return;
        }
    }
}

void vcpu_schedule(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_hwthread *hw = v->hw;
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    sched_wake(hw, now_ps);
    hw->preempts = sched_over(hw, now_ps);
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = hw->preempts ? n->tick : n->kick};
    static const struct vs_handling nothing;
    vs_cpu_interrupt(&hw->cpu);
    if (!vcpu_trap_wait(v, &e, &nothing)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
    hw->preempts = false;
}

void vcpu_interrupts(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu);
    vcpu_timer_fire(v, now);
    vcpu_arrivals_take(v, now);
    if (v->hw->tick_ps <= now) { /* a core whose vCPU slept had no ticks: the host is tickless */
        uint64_t every = 1000000000000u / p->times.tick_hz;
        v->hw->tick_ps += ((now - v->hw->tick_ps) / every + 1) * every;
        if (v->hw->event_ps > now) { /* else the host's scheduler, whose exit this is */
            vs_cpu_interrupt(&v->hw->cpu);
            external_interrupt(v, vcpu_numbers(v)->tick, 0);
        }
    }
    if (v->host_ps <= now) {
        p->host.due(v, now);
    }
    if (v->kick_ps <= now && !v->failed) {
        vs_cpu_interrupt(&v->hw->cpu);
        vcpu_kick_arrives(v);
    }
    if (v->hw->event_ps <= now && !v->failed) {
        vcpu_schedule(v, now);
    }
    if (v->failed || v->in_interrupt || !vcpu_in_guest(v)) {
        return;
    }
    if (v->notified) {
        struct vs_mem_port mem = vs_memory_walker_port(&v->hw->core);
        v->notified = false;
        vs_txn_settle(&v->txn);
        v->irq.sync(v->irq.ctx, &v->txn, &mem);
    }
    if (vcpu_listed(v)) {
        listed(v);
        return;
    }
    for (uint8_t vector; !v->failed && v->irq.pending(v->irq.ctx, &vector);) {
        if (vcpu_blocked(v, vector)) {
            return;
        }
        vs_cpu_interrupt(&v->hw->cpu);
        if (p->virtualized && !p->posted) {
            inject(v, vector);
        } else {
            deliver(v, vector, false);
        }
    }
}

void vcpu_send_ipi(struct vs_vcpu *v, unsigned to, uint8_t number)
{
    struct vs_platform *p = v->p;
    uint64_t command = vcpu_irq_send(v, to, number);
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        if (p->vcpu[i].vm == v->vm && v->irq.reaches(command, i)) {
            vcpu_raise(&p->vcpu[i], number, vs_now(&v->txn).v);
        }
    }
    vcpu_yield(v);
}
