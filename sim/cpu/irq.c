/* SPDX-License-Identifier: MIT */
/*
 * A vCPU and its local APIC: registers, as MSRs or as a page; RFLAGS.IF (PSTATE.I), which masks
 * what it delivers; and its timer while the guest runs.
 *
 * A hypervisor that cannot inject an interrupt, since the guest masks it, has itself told when that
 * ends: by interrupt-window exiting (SDM 3C 26.2), on AMD's processors by the intercept of a
 * virtual interrupt that it requests (VINTR). Where the processor holds pending interrupts itself
 * (virtual-interrupt delivery, list registers of Arm's interrupt controller) nothing exits.
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
#define TIMER_VECTOR 0xecu /* Linux's local timer */

static const struct registers *registers_of(const struct vs_vcpu *v)
{
    return vcpu_arm(v) ? &arm : &x2apic;
}

static bool xapic(const struct vs_vcpu *v)
{
    return v->p->irq.mode == VS_APIC_XAPIC;
}

void vcpu_apic_check(const struct vs_platform *p, struct vs_errors *errors)
{
    if (p->irq.mode == VS_APIC_XAPIC && p->ept.vendor != VS_VENDOR_INTEL) {
        vs_error(errors,
                 "interrupt.apic = xapic: how accesses to the page are virtualized is modelled for "
                 "Intel's processors only, not %s; x2apic",
                 p->ept.vendor == VS_VENDOR_AMD ? "AMD's AVIC" : "Arm's interrupt controller");
    }
}

/* ---- registers ---- */

static void fast_eoi(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    vs_hv_fast_eoi(&v->hv, t);
}

/* SDM 3C 30.4.2, 30.4.3.1: offsets that are not virtualized. */
static void page_access(struct vs_vcpu *v, uint32_t offset, bool write)
{
    struct vs_trap e = {.kind = VS_TRAP_APIC_ACCESS, .number = offset, .write = write, .length = 3};
    struct vs_handling eoi = {.work = fast_eoi, .ctx = v, .fast = true};
    if (!vcpu_trap(v, &e, write && offset == EOI ? &eoi : NULL)) {
        vcpu_fail(v, "an access to the APIC's page that does not exit");
    }
}

/* 30.4.3.2: the store is done, on the virtual-APIC page; what is left is the hypervisor's. */
static void page_written(struct vs_vcpu *v, uint32_t offset)
{
    struct vs_trap e = {.kind = VS_TRAP_APIC_WRITE, .number = offset};
    vs_txn_settle(&v->txn);
    vs_apic_touch(&v->apic, &v->txn);
    vcpu_trap(v, &e, NULL);
}

void vcpu_apic_eoi(struct vs_vcpu *v, uint8_t vector)
{
    const struct vs_platform *p = v->p;
    bool exits = p->virtualized && !p->vid;
    vs_apic_eoi(&v->apic, &v->txn, exits);
    if (exits && xapic(v) && p->apic_registers) {
        page_written(v, EOI);
    } else if (exits && xapic(v)) {
        page_access(v, EOI, true);
    } else if (exits) {
        const struct registers *r = registers_of(v);
        struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE, .number = r->end, .length = r->length};
        vcpu_trap(v, &e, NULL);
    } else if (p->virtualized) {
        struct vs_trap e = {.kind = VS_TRAP_EOI, .number = vector};
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
        vs_apic_touch(&v->apic, &v->txn);
        vs_apic_touch(&v->apic, &v->txn);
    }
    if (!p->virtualized) {
        vs_apic_touch(&v->apic, &v->txn);
    } else if (p->apic_registers || p->vid) {
        page_written(v, ICR_LOW);
    } else {
        page_access(v, ICR_LOW, true);
    }
}

void vcpu_apic_icr(struct vs_vcpu *v, unsigned to, uint8_t vector)
{
    const struct registers *r = registers_of(v);
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = r->send,
                        .value = vector | (uint64_t)to << 32,
                        .length = r->length};
    vs_txn_settle(&v->txn);
    if (xapic(v)) {
        send_by_page(v);
    } else if (!v->p->virtualized || !vcpu_trap(v, &e, NULL)) {
        vs_apic_send(&v->apic, &v->txn);
    }
}

/* ---- masked interrupts ---- */

/* Only its hypervisor can give the guest what is pending, and only through an entry. */
static bool injected(const struct vs_vcpu *v)
{
    return v->p->virtualized && !v->p->posted;
}

void vcpu_mask(struct vs_vcpu *v, bool on)
{
    vs_cpu_instructions(&v->cpu, 1);
    v->shadowed = v->masked && !on;
    v->fresh = v->fresh && v->masked; /* what is pending came before */
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
    return v->notified ||
           (vs_apic_pending(&v->apic) != VS_APIC_NONE && (!blocked || (v->fresh && injected(v))));
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

static bool others(const struct vs_vcpu *v)
{
    int n = 0;
    for (unsigned i = 0; i < 4; i++) {
        n += __builtin_popcountll(v->apic.irr[i]);
    }
    return n > 1;
}

bool vcpu_window(struct vs_vcpu *v, uint8_t vector)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT_WINDOW};
    if (v->listed && !v->fresh) {
        v->listed = others(v);
        return true; /* the processor has it already */
    }
    if (!v->window) {
        return false;
    }
    v->window = others(v);
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
    bool loaded = preempts(v) && v->expires_for_ps == v->timer_ps;
    return !v->timer_armed ? VS_NEVER : loaded ? v->expires_ps : v->timer_ps;
}

void vcpu_timer_expire(struct vs_vcpu *v, uint64_t now_ps)
{
    vs_ps at = {v->timer_ps};
    if (v->timer_armed && v->timer_ps <= now_ps) {
        v->timer_armed = false;
        v->fresh = vs_apic_raise(&v->apic, TIMER_VECTOR, at) || v->fresh;
    }
}

void vcpu_timer_fire(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_platform *p = v->p;
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = TIMER_VECTOR}; /* the host's own */
    vs_ps at = {now_ps};
    if (vcpu_timer_due_ps(v) > now_ps) {
        return;
    }
    v->timer_armed = false;
    if (!p->virtualized) {
        (void)vs_apic_raise(&v->apic, TIMER_VECTOR, at);
        return;
    }
    vs_cpu_interrupt(&v->cpu);
    bool blocked = v->masked || v->shadowed, raised = vs_apic_raise(&v->apic, TIMER_VECTOR, at),
         alone = vs_apic_pending(&v->apic) == TIMER_VECTOR && !v->entry_vector && !v->in_interrupt;
    e.kind = preempts(v) ? VS_TRAP_TIMER : e.kind;
    struct vs_handling how = {.inject = alone || p->vid ? TIMER_VECTOR : 0};
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
    if (p->posted || (!alone && !p->vid)) {
        return; /* pending, as any other */
    }
    if (blocked) {
        v->window = v->window || !p->vid;
        v->listed = v->listed || !v->window;
        v->fresh = v->fresh && !raised;
    } else {
        v->entry_vector = TIMER_VECTOR; /* by the entry that has been */
    }
}
