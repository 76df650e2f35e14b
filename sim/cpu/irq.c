/* SPDX-License-Identifier: MIT */
/*
 * A vCPU and its interrupt controller: RFLAGS.IF (PSTATE.I) and the task priority, which mask what
 * it delivers; and what is due at an instruction boundary, which the guest takes.
 *
 * A hypervisor that cannot inject an interrupt, since the guest masks it, has itself told when that
 * ends: by interrupt-window exiting (SDM 3C 26.2), on AMD's processors by the intercept of a
 * virtual interrupt that it requests (VINTR). Where the processor holds pending interrupts itself
 * (virtual-interrupt delivery, list registers of Arm's interrupt controller) nothing exits for
 * that.
 */
#include "nested.h"
#include "sched.h"

/* Linux's LOCAL_TIMER_VECTOR, CALL_FUNCTION_VECTOR, RESCHEDULE_VECTOR, which makes a vCPU's core
 * leave its guest, POSTED_INTR_VECTOR, and others of its own. */
static const struct vs_irq_numbers x86_numbers = {.timer = 0xec,
                                                  .shootdown = 0xfb,
                                                  .usual = 0xf0,
                                                  .device = 0x41,
                                                  .tick = 0xef,
                                                  .kick = 0xfd,
                                                  .notification = 0xf2};
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

/* ---- masked interrupts ---- */

/* Only its hypervisor can give the guest what is pending, and only through an entry. */
static bool injected(const struct vs_vcpu *v)
{
    return v->p->virtualized && !v->p->posted;
}

/* Says whether an interrupt would be delivered now. */
static bool pending(const struct vs_vcpu *v)
{
    uint8_t number;
    return v->irq.pending(v->irq.ctx, &number);
}

void vcpu_mask(struct vs_vcpu *v, bool on)
{
    vcpu_instructions(v, v->p->deprivileged ? 0 : 1, true);
    v->shadowed = v->masked && !on && !vcpu_arm(v);       /* PSTATE.I takes effect at once */
    v->fresh = v->fresh && (v->masked || vcpu_listed(v)); /* what is pending came before */
    v->masked = on;
    if (v->p->virtualized) {
        v->world.mask(v->world.ctx, on);
    }
    if (v->p->deprivileged) { /* the flag is the hypervisor's; what STI holds back, it holds back */
        struct vs_trap trap = {.kind = VS_TRAP_FLAGS, .write = true, .length = 1};
        vs_txn_settle(&v->txn);
        (void)vcpu_trap(v, &trap, NULL);
    }
}

void vcpu_hold(struct vs_vcpu *v, bool on)
{
    v->fresh = v->fresh && (v->held || !on); /* what is pending came before */
    v->held = on;
}

/* The guest takes no interrupt at this boundary. */
static bool blocked(const struct vs_vcpu *v)
{
    return v->masked || v->shadowed || v->held;
}

void vcpu_unshadow(struct vs_vcpu *v)
{
    v->shadowed = false;
    if (v->p->virtualized) {
        v->world.unshadow(v->world.ctx);
    }
}

/* One has come whose priority is not above the task priority. */
static bool held_back(const struct vs_vcpu *v, uint8_t *number)
{
    return v->tpr && !pending(v) && v->irq.requested(v->irq.ctx, number);
}

/* Whether the window that the host has asked for opens with nothing left to inject: an entry for
 * another exit has carried it. */
static bool idle_window(const struct vs_vcpu *v)
{
    return v->window && !blocked(v) && !pending(v);
}

bool vcpu_due(const struct vs_vcpu *v)
{
    uint8_t number;
    bool waits = blocked(v);
    if (vcpu_listed(v)) {
        return v->fresh || (!waits && pending(v));
    }
    if (vcpu_nmi_due(v) || vcpu_init_due(v)) {
        return true;
    }
    return v->notified || v->physical || (pending(v) && (!waits || (v->fresh && injected(v)))) ||
           (v->fresh && injected(v) && held_back(v, &number)) || idle_window(v);
}

/* The interrupt by which one reaches the processor that its guest is to get: itself; where devices
 * post, their notification; of a guest's guest the message that its hypervisor sends to the
 * processor that runs it (kvm_vcpu_kick), unless it is a device's. */
static uint8_t message(const struct vs_vcpu *v, uint8_t vector)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    if (vcpu_nested_device(v, vector)) {
        return v->p->posted && n->notification ? n->notification : vector;
    }
    return v->nested ? n->kick : vector;
}

/* The guest cannot take `vector` now; the host is told when it has just come. */
static bool blocked_now(struct vs_vcpu *v, uint8_t vector)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = message(v, vector)};
    struct vs_handling how = {.inject = vector, .handed = VS_TRAP_INTERRUPT};
    if (!blocked(v)) {
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

uint8_t vcpu_irq_behind(const struct vs_vcpu *v, const struct vs_trap *trap)
{
    uint8_t number;
    bool emulated = trap->length || trap->kind == VS_TRAP_MMIO,
         itself = trap->kind == VS_TRAP_FLAGS, halts = trap->kind == VS_TRAP_HALT;
    return emulated && !itself && !halts && v->window && !v->masked && !v->held &&
                   v->irq.pending(v->irq.ctx, &number)
               ? number
               : 0;
}

void vcpu_irq_in_shadow(struct vs_vcpu *v)
{
    uint8_t number;
    v->shadowed = false;
    if (v->window && v->irq.pending(v->irq.ctx, &number)) {
        v->entry_vector = number;
    }
}

/* How the guest gets it when it can again; false: nothing was prepared. */
static bool through_window(struct vs_vcpu *v, uint8_t vector)
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

/* It opens, and there is nothing to inject. */
static void shut_window(struct vs_vcpu *v)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT_WINDOW};
    v->window = false;
    vs_cpu_interrupt(&v->hw->cpu);
    vcpu_trap(v, &e, NULL);
}

/* ---- the task priority: CR8, TPR ---- */

/* KVM's update_cr8_intercept: the guest is to be left when its TPR falls below the class of what it
 * holds back. */
static void set_threshold(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    uint8_t number;
    bool waits = held_back(v, &number) && v->tpr >> 4 >= number >> 4;
    v->threshold = waits ? number >> 4 : 0;
    vs_hv_threshold(vcpu_hv(v), t, v->threshold);
}

/* Without virtual-interrupt delivery the host has to hear of a TPR that falls. */
static void follow_priority(struct vs_vcpu *v, struct vs_handling *how)
{
    if (!v->p->vid) {
        how->work = set_threshold;
        how->ctx = v;
    }
}

bool vcpu_write_priority(struct vs_vcpu *v, const struct vs_trap *trap, uint8_t tpr)
{
    struct vs_trap below = {.kind = VS_TRAP_PRIORITY, .number = 8, .write = true};
    struct vs_handling how = {0};
    uint8_t number = 0;
    vs_txn_settle(&v->txn);
    v->tpr = tpr;
    v->irq.mask(v->irq.ctx, tpr);
    if (!v->p->virtualized) {
        return false;
    }
    if (v->world.priority) {
        v->world.priority(v->world.ctx, tpr);
    }
    bool waits = v->threshold > tpr >> 4;
    if (waits) {
        how.inject = v->irq.pending(v->irq.ctx, &number) && !v->entry_vector ? number : 0;
        follow_priority(v, &how);
    }
    bool exited = vcpu_trap(v, trap, waits ? &how : NULL);
    if (waits && !exited && !vcpu_trap(v, &below, &how)) {
        vcpu_fail(v, "the task priority fell below its threshold, which does not exit");
    }
    if (how.inject && vcpu_hv(v)->injected) {
        v->entry_vector = number; /* by the entry that has been */
    } else if (how.inject) {
        v->window = v->window || vcpu_hv(v)->windowed;
    }
    return exited;
}

/* One arrives that the task priority holds back: the host takes it, and the entry cannot carry it.
 */
static void hold_back(struct vs_vcpu *v, uint8_t number)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = message(v, number)};
    struct vs_handling how = {.inject = v->p->vid ? number : 0, .handed = VS_TRAP_INTERRUPT};
    v->fresh = false;
    v->listed = v->p->vid;
    follow_priority(v, &how);
    vs_cpu_interrupt(&v->hw->cpu);
    vcpu_trap(v, &e, &how);
}

/* ---- interrupts of the vCPU's own ---- */

bool vcpu_own_irq(struct vs_vcpu *v, uint8_t number, struct vs_own_irq *own)
{
    uint8_t first;
    if (!v->p->virtualized || vcpu_listed(v)) {
        return false;
    }
    own->pending = true;
    own->raised = v->irq.raise(v->irq.ctx, number, vs_now(&v->txn));
    own->first = v->irq.pending(v->irq.ctx, &first) && first == number && !v->entry_vector &&
                 !v->in_interrupt;
    own->how.inject = own->first || v->p->vid ? number : 0;
    if (held_back(v, &first)) {
        follow_priority(v, &own->how);
    }
    return true;
}

void vcpu_own_irq_done(struct vs_vcpu *v, uint8_t number, const struct vs_own_irq *own)
{
    if (v->p->posted || !own->how.inject) {
        return; /* pending, as any other */
    }
    bool waits = blocked(v);
    if (waits && (v->p->vid || vcpu_hv(v)->windowed)) {
        v->window = v->window || !v->p->vid;
        v->listed = v->listed || !v->window;
        v->fresh = v->fresh && !own->raised;
    } else if (waits) {
        v->fresh = true; /* a hypervisor that looks at nothing in this exit: as if it came now */
    } else if (vcpu_hv(v)->injected) {
        v->entry_vector = number; /* by the entry that has been */
    }
}

/* ---- what is due at an instruction boundary ---- */

/* A physical interrupt while the guest runs: the host takes it, and the entry carries `inject`. */
static void external_interrupt(struct vs_vcpu *v, uint8_t vector, uint8_t inject)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = inject ? message(v, vector) : vector};
    struct vs_handling how = {.inject = inject, .handed = inject ? VS_TRAP_INTERRUPT : 0};
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
    enum vs_about before = v->trail ? v->trail->base : VS_ABOUT_PROGRAM;
    vcpu_about_base(v, VS_ABOUT_INTERRUPT);
    vs_txn_settle(&v->txn);
    vcpu_arrivals_delivered(v, vector);
    vs_open(&v->txn, VS_OP_IRQ);
    v->irq.deliver(v->irq.ctx, &v->txn, vector, how);
    v->in_interrupt = true;
    v->p->guest.interrupt(v, vector);
    v->in_interrupt = false;
    vs_close(&v->txn);
    vcpu_about_base(v, before);
}

/* Without posting the hypervisor injects: the interrupt's arrival is an exit, and the entry carries
 * it. One that ended a halt was carried by the entry after it. */
static void inject(struct vs_vcpu *v, uint8_t vector)
{
    if (v->entry_vector == vector) {
        v->entry_vector = 0;
    } else if (!through_window(v, vector)) {
        external_interrupt(v, vector, vector);
    }
    if (!v->failed) {
        deliver(v, vector, true);
    }
}

/* Arm: what arrives stops the guest, masked or not, and its hypervisor puts it into a list
 * register, from which the guest takes it when it can; where there is none left, a maintenance
 * interrupt says when there is. Of a guest's guest it is one of its hypervisor's. */
static void listed(struct vs_vcpu *v)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    uint8_t number;
    while (!v->failed) {
        bool refill = v->irq.maintenance(v->irq.ctx);
        if (v->fresh || refill) {
            struct vs_trap e = {.kind = VS_TRAP_INTERRUPT,
                                .number = refill ? n->maintenance : n->kick};
            struct vs_handling how = {.handed = v->nested && v->fresh ? VS_TRAP_INTERRUPT : 0};
            vs_cpu_interrupt(&v->hw->cpu);
            vcpu_trap(v, &e, &how);
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

void vcpu_sync_posted(struct vs_vcpu *v)
{
    if (!v->notified) {
        return;
    }
    struct vs_mem_port mem = vs_memory_walker_port(&v->hw->core);
    v->notified = false;
    vs_txn_settle(&v->txn);
    v->irq.sync(v->irq.ctx, &v->txn, &mem);
}

/* Its exit is over, and has taken so long that the next tick is due already: an entry with an
 * interrupt pending leaves again before the guest's next instruction. Linux's hrtimer_interrupt,
 * which puts the next event off when its own callbacks take longer than their period
 * (hang_detected), doesn't see the exit around it. One that is pending is one, however many periods
 * it waits; but it always waits. */
static void keep_up(struct vs_vcpu *v, uint64_t from_ps, uint64_t every)
{
    uint64_t took = vs_now(&v->txn).v - from_ps;
    v->late_ticks = took >= every ? v->late_ticks + 1u : 0;
    if (v->late_ticks == VS__LATE) {
        vcpu_fail(v,
                  "the host's ticks leave the guest no time: one comes every %.3f us (host.tick_hz "
                  "= %llu), and its exit takes %.3f us, so that each of the last %u entries found "
                  "the next one pending. A host.tick_hz below %.0f, or a shorter handler "
                  "(hypervisor.interrupt), leaves it some",
                  (double)every * 1e-6, (unsigned long long)v->p->times.tick_hz,
                  (double)took * 1e-6, VS__LATE, 1e12 / (double)took);
    }
}

void vcpu_tick(struct vs_vcpu *v, uint64_t now)
{
    uint64_t every = 1000000000000u / v->p->times.tick_hz;
    /* a core whose vCPU slept had no ticks: the host is tickless */
    v->hw->tick_ps += ((now - v->hw->tick_ps) / every + 1) * every;
    if (v->hw->event_ps > now) { /* else the host's scheduler, whose exit this is */
        vs_cpu_interrupt(&v->hw->cpu);
        external_interrupt(v, vcpu_numbers(v)->tick, 0);
        keep_up(v, now, every);
    }
}

void vcpu_interrupts(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu);
    if (vs_unlikely(vcpu_timer_due_ps(v) <= now)) {
        vcpu_timer_fire(v, now);
    }
    vcpu_arrivals_take(v, now);
    if (vs_unlikely(v->hw->tick_ps <= now)) {
        vcpu_tick(v, now);
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
    if (v->physical) { /* the host takes it, and requests it of AVIC, or has L1 enter for it */
        uint8_t number = v->physical;
        v->physical = 0;
        vs_cpu_interrupt(&v->hw->cpu);
        external_interrupt(v, number, number);
    }
    vcpu_sync_posted(v);
    if (vcpu_listed(v)) {
        listed(v);
        return;
    }
    if (vcpu_init_due(v)) {
        vcpu_init(v);
        return;
    }
    v->sipi_due = false; /* it does not wait for one */
    if (vcpu_nmi_due(v)) {
        vcpu_nmis(v); /* before any other one: SDM 3A table 6-2 */
    }
    uint8_t vector;
    while (!v->failed && v->irq.pending(v->irq.ctx, &vector)) {
        if (blocked_now(v, vector)) {
            return;
        }
        vs_cpu_interrupt(&v->hw->cpu);
        if (p->virtualized && !p->posted) {
            inject(v, vector);
        } else {
            deliver(v, vector, false);
        }
    }
    if (v->fresh && injected(v) && held_back(v, &vector)) {
        hold_back(v, vector);
    }
    if (!v->failed && idle_window(v)) {
        shut_window(v);
    }
}
