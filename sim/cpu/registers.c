/* SPDX-License-Identifier: MIT */
/*
 * The registers of a vCPU's interrupt controller and timer as its guest reaches them, an APIC's as
 * MSRs or as a page: end of interrupt, sending one, the deadline; with the exits that this has.
 */
#include "nested.h"

#include "virtsim/x2apic.h"

/* What the guest's kernel writes to send an interrupt, to end one, to arm its timer. */
struct registers {
    uint32_t send, end, timer;
    uint8_t length; /* of the instruction */
};
/* Of the x2APIC and the TSC deadline (SDM 3A table 11-6) */
static const struct registers x2apic = {VS_X2APIC_MSR(VS_APIC_ICR), VS_X2APIC_MSR(VS_APIC_EOI),
                                        0x6e0u, 2};
/* ICC_SGI1R_EL1, ICC_EOIR1_EL1, CNTV_CVAL_EL0 (Arm ARM, D17): of these a hypervisor sees the first
 */
static const struct registers arm = {VS_SYSREG(3u, 0u, 12u, 11u, 5u),
                                     VS_SYSREG(3u, 0u, 12u, 12u, 1u),
                                     VS_SYSREG(3u, 3u, 14u, 3u, 2u), 4};
#define EOI VS_APIC_OFFSET(VS_APIC_EOI)
#define ICR_LOW VS_APIC_OFFSET(VS_APIC_ICR)
#define ICR_HIGH VS_APIC_OFFSET(VS_APIC_ICR_HIGH)

/* The interrupt controller's registers of the vCPU's architecture. */
static const struct registers *registers_of(const struct vs_vcpu *v)
{
    return vcpu_arm(v) ? &arm : &x2apic;
}

/* ---- registers ---- */

/* SDM 3C 30.4.2, 30.4.3.1: offsets that are not virtualized. */
static void page_access(struct vs_vcpu *v, uint32_t offset, bool write,
                        const struct vs_handling *how)
{
    struct vs_trap e = {.kind = VS_TRAP_APIC_ACCESS, .number = offset, .write = write, .length = 3};
    if (!vcpu_trap(v, &e, how)) {
        vcpu_fail(v, "an access to the APIC's page that does not exit");
    }
}

/* 30.4.3.2: the store is done, on the virtual-APIC page; what is left is the hypervisor's. */
static void page_written(struct vs_vcpu *v, uint32_t offset, uint64_t value,
                         const struct vs_handling *how)
{
    struct vs_trap e = {
        .kind = VS_TRAP_APIC_WRITE, .number = offset, .value = value, .write = true};
    vs_txn_settle(&v->txn);
    v->irq.access(v->irq.ctx, &v->txn);
    vcpu_trap(v, &e, how);
}

/* Who ends an interrupt leaves the guest by that. */
static bool end_exits(const struct vs_vcpu *v)
{
    return v->p->virtualized && !v->p->vid && !vcpu_listed(v);
}

void vcpu_irq_end_exit(struct vs_vcpu *v)
{
    const struct vs_platform *p = v->p;
    if (!end_exits(v)) {
        return;
    }
    if (p->xapic && p->apic_registers) {
        page_written(v, EOI, 0, NULL);
    } else if (p->xapic) {
        static const struct vs_handling eoi = {.fast = true}; /* the hypervisor's short way */
        page_access(v, EOI, true, &eoi);
    } else {
        const struct registers *r = registers_of(v);
        struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE, .number = r->end, .length = r->length};
        vcpu_trap(v, &e, NULL);
    }
}

void vcpu_irq_end(struct vs_vcpu *v, uint8_t number)
{
    const struct vs_platform *p = v->p;
    bool exits = end_exits(v);
    v->irq.end(v->irq.ctx, &v->txn, number, exits);
    if (exits) {
        vcpu_irq_end_exit(v);
    } else if (p->virtualized && !vcpu_listed(v)) {
        struct vs_trap e = {.kind = VS_TRAP_EOI, .number = number};
        vcpu_trap(v, &e, NULL); /* exits only for vectors of the EOI-exit bitmap */
    }
}

/* Linux's __default_send_IPI_dest_field: ICR is read until it is idle, then its halves written. */
static void send_by_page(struct vs_vcpu *v, uint64_t command, const struct vs_handling *how)
{
    const struct vs_platform *p = v->p;
    if (p->virtualized && !p->apic_registers) {
        page_access(v, ICR_LOW, false, NULL);
        page_access(v, ICR_HIGH, true, NULL);
    } else {
        v->irq.access(v->irq.ctx, &v->txn);
        v->irq.access(v->irq.ctx, &v->txn);
    }
    if (!p->virtualized) {
        v->irq.access(v->irq.ctx, &v->txn);
    } else if (p->apic_registers || p->vid) {
        page_written(v, ICR_LOW, command, how);
    } else {
        page_access(v, ICR_LOW, true, how);
    }
}

void vcpu_write_command(struct vs_vcpu *v, uint64_t command, uint32_t reg,
                        const struct vs_handling *how)
{
    const struct registers *r = registers_of(v);
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = reg ? reg : r->send,
                        .value = command,
                        .length = r->length};
    vs_txn_settle(&v->txn);
    if (v->p->xapic) {
        send_by_page(v, command, how);
    } else if (!v->p->virtualized || !vcpu_trap(v, &e, how)) {
        v->irq.send(v->irq.ctx, &v->txn);
    }
}

/* The sender's processor looks up which of the vCPUs that it sends to run now. */
static void tell_who_runs(struct vs_vcpu *v, uint64_t command)
{
    struct vs_platform *p = v->p;
    for (unsigned i = 0; v->world.running && i < p->n_vcpus; i++) {
        struct vs_vcpu *o = &p->vcpu[i];
        if (o->vm == v->vm && v->irq.reaches(command, v->index, i)) {
            o->world.running(o->world.ctx, NULL, !vcpu_asleep(o, vs_now(&v->txn).v));
        }
    }
}

/* An interrupt that is being sent. */
struct sending {
    struct vs_vcpu *v;
    uint64_t command;
    uint8_t number;
    bool own, sent; /* the sender's own has been seen to; the others', too */
    struct vs_handling inner;
};

/* The controllers of all others that the command reaches get it from now on. Where a hypervisor in
 * the guest sends it, that makes it pending for its own vCPU, and tells the processor which runs
 * that, by its own controller. */
static void reach(struct sending *s, bool by_hypervisor)
{
    struct vs_vcpu *v = s->v;
    for (unsigned i = 0; i < v->p->n_vcpus && !v->failed; i++) {
        struct vs_vcpu *to = &v->p->vcpu[i];
        if (to->vm != v->vm || !v->irq.reaches(s->command, v->index, i) || (s->own && to == v)) {
            continue;
        }
        bool tells = by_hypervisor && to != v && !vcpu_nested_polls(to);
        if (tells) {
            vcpu_write_command(v, v->irq.command(vcpu_numbers(v)->kick, i), 0, NULL);
        }
        (tells ? vcpu_raise_told : vcpu_raise)(to, s->number, vs_now(&v->txn).v);
    }
    s->sent = true;
}

/* In the handler of a hypervisor in the guest: kvm_irq_delivery_to_apic. */
static void send_on(void *ctx, struct vs_txn *t)
{
    struct sending *s = ctx;
    if (s->inner.work) {
        s->inner.work(s->inner.ctx, t);
    }
    reach(s, true);
}

void vcpu_send(struct vs_vcpu *v, uint64_t command, uint8_t number, uint32_t reg)
{
    struct vs_own_irq own = {0};
    struct sending s = {.v = v, .command = command, .number = number};
    bool to_self = v->irq.reaches(command, v->index, v->index);
    vs_txn_settle(&v->txn);
    uint64_t sent_ps = vs_now(&v->txn).v;
    tell_who_runs(v, command);
    s.own = to_self && vcpu_own_irq(v, number, &own);
    if (s.own && !v->flight[number].sent_ps) { /* no message: it is pending at once */
        v->flight[number] =
            (struct vs_arrival){.sent_ps = sent_ps, .at_ps = sent_ps, .vector = number};
    }
    struct vs_handling how = own.how;
    if (v->nested) {
        s.inner = own.how;
        how.work = send_on;
        how.ctx = &s;
    }
    vcpu_write_command(v, command, reg, s.own || v->nested ? &how : NULL);
    if (s.own) {
        vcpu_own_irq_done(v, number, &own);
    }
    if (!s.sent) {
        reach(&s, false);
    }
    vcpu_yield(v);
}

void vcpu_send_ipi(struct vs_vcpu *v, unsigned to, uint8_t number)
{
    vcpu_send(v, v->irq.command(number, to), number, 0);
}

bool vcpu_timer_write(struct vs_vcpu *v, bool armed, const struct vs_handling *how)
{
    const struct registers *r = registers_of(v);
    struct vs_trap e = {.kind = VS_TRAP_MSR_WRITE,
                        .number = r->timer,
                        .value = armed ? v->timer_ps / v->hw->clock.period_ps : 0,
                        .length = r->length};
    return v->p->virtualized && vcpu_trap(v, &e, how);
}
