/* SPDX-License-Identifier: MIT */
/*
 * A vCPU and its interrupt controller: registers, an APIC's as MSRs or as a page; RFLAGS.IF
 * (PSTATE.I), which masks what it delivers; and its timer while the guest runs.
 *
 * A hypervisor that cannot inject an interrupt, since the guest masks it, has itself told when that
 * ends: by interrupt-window exiting (SDM 3C 26.2), on AMD's processors by the intercept of a
 * virtual interrupt that it requests (VINTR). Where the processor holds pending interrupts itself
 * (virtual-interrupt delivery, list registers of Arm's interrupt controller) nothing exits for
 * that.
 */
#include "vcpu.h"

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
    vs_cpu_instructions(&v->cpu, 1);
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
    vs_cpu_interrupt(&v->cpu);
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

/* ---- the timer ---- */

/* KVM's vmx_set_hv_timer; a vCPU that sleeps has the host's own timer instead. */
static bool preempts(const struct vs_vcpu *v)
{
    return v->p->virtualized && v->p->preempts;
}

bool vcpu_timer_write(struct vs_vcpu *v)
{
    const struct registers *r = registers_of(v);
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = r->timer,
                        .value = v->timer_armed ? v->timer_ps / v->clock.period_ps : 0,
                        .length = r->length};
    return v->p->virtualized && vcpu_trap(v, &e, NULL);
}

/* Writes the timer's register: an exit, or the instruction's own time. */
static void write_deadline(struct vs_vcpu *v)
{
    if (!vcpu_timer_write(v)) {
        vs_ps took = {v->p->times.wrmsr * v->clock.period_ps};
        vs_cpu_instructions(&v->cpu, 1);
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_wrmsr), took);
    }
}

void vcpu_timer_set(struct vs_vcpu *v, uint64_t ps)
{
    v->timer_armed = ps != 0;
    v->timer_ps = vs_cpu_now_ps(&v->cpu) + ps;
    write_deadline(v);
}

void vcpu_timer_enter(struct vs_vcpu *v)
{
    if (!v->timer_armed || !preempts(v)) {
        return;
    }
    uint64_t tick = v->clock.period_ps << v->p->timer_shift, now = vs_now(&v->txn).v,
             ticks = v->timer_ps > now ? (v->timer_ps - now) / tick : 0;
    vs_hv_preemption_timer(&v->hv, &v->txn, ticks);
    v->expires_ps = vs_now(&v->txn).v + ticks * tick;
    v->expires_ps = v->expires_ps < v->timer_ps ? v->expires_ps : v->timer_ps;
    v->expires_for_ps = v->timer_ps;
}

uint64_t vcpu_timer_due_ps(const struct vs_vcpu *v)
{
    bool loaded = preempts(v) && v->expires_for_ps == v->timer_ps,
         held = v->irq.held && v->irq.held(v->irq.ctx, vcpu_numbers(v)->timer);
    return !v->timer_armed || held ? VS_NEVER : loaded ? v->expires_ps : v->timer_ps;
}

void vcpu_timer_expire(struct vs_vcpu *v, uint64_t now_ps)
{
    vs_ps at = {v->timer_ps};
    if (v->timer_armed && v->timer_ps <= now_ps) {
        v->timer_armed = false;
        v->fresh = v->irq.raise(v->irq.ctx, vcpu_numbers(v)->timer, at) || v->fresh;
    }
}

void vcpu_timer_fire(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_platform *p = v->p;
    const uint8_t timer = vcpu_numbers(v)->timer;
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = timer}; /* the host's own */
    vs_ps at = {now_ps};
    if (vcpu_timer_due_ps(v) > now_ps) {
        return;
    }
    v->timer_armed = false;
    if (!p->virtualized) {
        (void)v->irq.raise(v->irq.ctx, timer, at);
        return;
    }
    vs_cpu_interrupt(&v->cpu);
    uint8_t first;
    bool blocked = v->masked || v->shadowed, raised = v->irq.raise(v->irq.ctx, timer, at),
         alone = v->irq.pending(v->irq.ctx, &first) && first == timer && !v->entry_vector &&
                 !v->in_interrupt;
    e.kind = preempts(v) ? VS_TRAP_TIMER : e.kind;
    struct vs_handling how = {.inject = !vcpu_listed(v) && (alone || p->vid) ? timer : 0};
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
    if (p->posted || vcpu_listed(v) || (!alone && !p->vid)) {
        return; /* pending, as any other */
    }
    if (blocked) {
        v->window = v->window || !p->vid;
        v->listed = v->listed || !v->window;
        v->fresh = v->fresh && !raised;
    } else {
        v->entry_vector = timer; /* by the entry that has been */
    }
}
