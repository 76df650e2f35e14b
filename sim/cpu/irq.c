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

#define MSR_X2APIC_EOI 0x80bu
#define MSR_X2APIC_ICR 0x830u
#define MSR_TSC_DEADLINE 0x6e0u
/* Offsets in the APIC's page, SDM 3A table 11-1 */
#define EOI 0x0b0u
#define ICR_LOW 0x300u
#define ICR_HIGH 0x310u
#define TIMER_VECTOR 0xecu /* Linux's local timer */

static bool xapic(const struct vs_vcpu *v)
{
    return v->p->irq.mode == VS_APIC_XAPIC;
}

void vcpu_apic_load(struct vs_platform *p, struct vs_vmcs_config *c)
{
    if (p->irq.mode == VS_APIC_XAPIC && p->ept.vendor == VS_VENDOR_INTEL) {
        c->control_virtualize_x2apic = 0; /* KVM's vmx_set_virtual_apic_mode */
        c->control_virtualize_apic_accesses = 1;
    }
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
        struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE, .number = MSR_X2APIC_EOI, .length = 2};
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
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = MSR_X2APIC_ICR,
                        .value = vector | (uint64_t)to << 32,
                        .length = 2};
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
    if (v->p->virtualized && !v->p->el2) {
        vs_vmx_guest_if(&v->vmx, !on);
    }
}

void vcpu_unshadow(struct vs_vcpu *v)
{
    v->shadowed = false;
    if (v->p->virtualized && !v->p->el2) {
        vs_vmx_unblock(&v->vmx);
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
    v->window = !v->p->vid && !v->p->el2;
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
    return v->p->virtualized && v->vmx.config.control_preemption_timer != 0;
}

bool vcpu_timer_write(struct vs_vcpu *v)
{
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = MSR_TSC_DEADLINE,
                        .value = v->timer_armed ? v->timer_ps / v->clock.period_ps : 0,
                        .length = 2};
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
    unsigned shift = (unsigned)v->vmx.config.cap_misc & 31u; /* IA32_VMX_MISC[4:0] */
    uint64_t tick = v->clock.period_ps << shift, now = vs_now(&v->txn).v,
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
        v->window = v->window || (!p->vid && !p->el2);
        v->listed = v->listed || !v->window;
        v->fresh = v->fresh && !raised;
    } else {
        v->entry_vector = TIMER_VECTOR; /* by the entry that has been */
    }
}
