/* SPDX-License-Identifier: MIT */
/*
 * A guest hypervisor, L1, whose guest has halted: it polls for an event, then puts its vCPU's
 * thread to sleep, and its processor, which has nothing else to run, halts: an exit to the host's
 * hypervisor, L0, which polls and sleeps in turn. The event is L1's own: its local APIC's timer,
 * with its guest's deadline (kvm_lapic_switch_to_sw_timer), or a message of another processor of
 * L1's, whose guest has sent an interrupt. It leaves L1, or ends its halt; L1 handles it, wakes its
 * vCPU's thread and enters its guest with the interrupt. Who polls is sent no message.
 */
#include "host/host.h"

#include "cpu/nested.h"

void host_nested_deadline(struct vs_vcpu *v, bool on)
{
    struct vs_nested *n = v->nested;
    struct vs_handling how = {.fast = vcpu_timer_preempts(v)};
    n->own_timer = on;
    n->own_timer_ps = on ? v->timer_ps : 0;
    if (!vcpu_timer_write(v, on, &how)) {
        vcpu_own_time(v, VS_ACC_vcpu_wrmsr, v->p->times.wrmsr);
    }
}

void host_nested_halts(struct vs_vcpu *v)
{
    struct vs_nested *n = v->nested;
    n->halts = false;
    if (v->timer_armed && !n->own_timer && !n->until_ps) {
        host_nested_deadline(v, true);
    }
    v->world.mask(v->world.ctx, false); /* L1 lets interrupts in */
    v->world.unshadow(v->world.ctx);
    if (!v->failed) {
        vcpu_wait(v, VS_FOR_NESTED, false);
    }
}

/* Until when L1 polls: not for what starts its guest after an INIT. */
static uint64_t polled_ps(const struct vs_vcpu *v)
{
    return vs_thread_own_wait(&v->thread)->since_ps + (v->off ? 0 : v->nested->hv.poll_ps);
}

uint64_t host_nested_wake_ps(const struct vs_vcpu *v)
{
    if (v->nested->halts) {
        return 0; /* its halt has ended: the frame above this one was that */
    }
    uint64_t at = polled_ps(v), timer = vcpu_timer_due_ps(v), tick = v->hw->tick_ps,
             next = vcpu_arrivals_next(v);
    at = timer < at ? timer : at;
    at = next < at ? next : at;
    at = v->nested->until_ps && v->nested->until_ps < at ? v->nested->until_ps : at;
    return tick < at ? tick : at;
}

/* L1's processor takes an interrupt of its own. */
static void take(struct vs_vcpu *v)
{
    vcpu_charge(v, &v->txn, VS_ACC_vcpu_exception, v->p->times.exception);
    vs_hv_host_interrupt(&v->nested->hv, &v->txn);
    vcpu_irq_end_exit(v);
}

/* Its timer's interrupt has come, and the deadline was its guest's. */
static bool timer(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_nested *n = v->nested;
    bool halted = n->halts;
    if ((halted ? v->timer_ps : vcpu_timer_due_ps(v)) > now_ps || !v->timer_armed) {
        return false;
    }
    if (halted) { /* the end of the halt has injected it */
        v->timer_armed = n->own_timer = false;
    } else {
        vcpu_timer_of_hypervisor(v);
    }
    take(v);
    host_nested_deadline(v, false); /* hrtimer_interrupt programs what comes next: nothing here */
    bool fresh = v->irq.raise(v->irq.ctx, vcpu_numbers(v)->timer, (vs_ps){now_ps});
    v->fresh = v->fresh || (fresh && vcpu_listed(v)); /* its list registers are L1's to fill */
    return !v->failed;
}

/* The interrupt that L1's processor has of its own among what has come by then: a message of
 * another one's, or a device's. */
static bool of_hypervisor(const struct vs_vcpu *v, uint64_t now_ps, uint8_t *vector)
{
    for (unsigned i = 0; i < v->n_arrivals && v->arrival[i].at_ps <= now_ps; i++) {
        const struct vs_arrival *a = &v->arrival[i];
        if (a->told || a->of_device || a->in_descriptor) {
            *vector = a->told ? vcpu_numbers(v)->kick : a->vector;
            return true;
        }
    }
    return false;
}

/* Interrupts that other vCPUs' guests have sent become pending, and those of devices. Of devices,
 * and where L1's processor was sent a message, it takes an interrupt of its own: one that L0
 * injects, unless the processor posts it or the end of the halt has. Who polls finds the others. */
static void messages(struct vs_vcpu *v, uint64_t now_ps)
{
    uint8_t vector = 0;
    const bool told = of_hypervisor(v, now_ps, &vector);
    const struct vs_trap own = {.kind = VS_TRAP_INTERRUPT, .number = vector};
    const struct vs_handling how = {.inject = vector};
    vcpu_arrivals_take(v, now_ps);
    v->physical = 0; /* L1 has it */
    if (told && !v->nested->halts && !v->p->posted) {
        vs_cpu_interrupt(&v->hw->cpu);
        (void)vcpu_trap(v, &own, &how);
    }
    if (told && !v->failed) {
        take(v);
    }
    vcpu_sync_posted(v);
}

/* Its thread runs again after so long. */
static void waited(struct vs_vcpu *v, uint64_t ps, bool slept)
{
    struct vs_nested *n = v->nested;
    if (slept) {
        vs_hv_woken(&n->hv, &v->txn, (vs_ps){ps}, true);
    } else if (!v->off) {
        vs_hv_polled(&n->hv, (vs_ps){ps});
    }
    n->halts = false;
}

/* An INIT ends its guest's halt: it resets it, and waits until it is started. */
static void resets(struct vs_vcpu *v, uint64_t since_ps, bool slept)
{
    vs_open(&v->txn, VS_OP_HALT_WAKE);
    waited(v, vs_now(&v->txn).v - since_ps, slept);
    vcpu_init_in_exit(v, &v->txn);
    vs_close(&v->txn);
    v->thread.wait[v->thread.depth - 1u].since_ps = vs_now(&v->txn).v;
}

/* Its guest has something to do: its thread runs again, and L1 enters it. */
static void resume(struct vs_vcpu *v, uint64_t since_ps, bool slept)
{
    struct vs_nested *n = v->nested;
    vs_ps since = {since_ps}, now = vs_now(&v->txn);
    uint8_t vector = 0;
    vs_open(&v->txn, VS_OP_HALT_WAKE);
    waited(v, now.v - since.v, slept);
    vcpu_startup_done(v);
    n->until_ps = 0;
    if (n->own_timer && vcpu_timer_preempts(v)) { /* kvm_lapic_switch_to_hv_timer */
        host_nested_deadline(v, false);
    }
    (void)vs_thread_pop(&v->thread);
    vcpu_nmi_wakes(v);
    bool listed = vcpu_listed(v), came = v->irq.pending(v->irq.ctx, &vector);
    came = listed ? came || v->fresh : came && !v->masked;
    v->fresh = false;
    if (came) {
        bool in = vs_hv_inject(&n->hv, &v->txn, vector, v->p->vid);
        v->entry_vector = in && !v->p->posted && !listed ? vector : 0;
        v->window = v->window || (n->hv.nmi_injected && n->hv.windowed); /* one event an entry */
    }
    vs_close(&v->txn);
    if (!v->failed) {
        host_nested_enter(v);
    }
    vs_close(&v->txn); /* the exit of its guest's halt */
}

/* It puts its vCPU's thread to sleep, and its processor halts. */
static void sleep(struct vs_vcpu *v, uint64_t since_ps, bool again)
{
    struct vs_nested *n = v->nested;
    struct vs_trap hlt = {.kind = VS_TRAP_HALT, .recorded = n->until_ps != 0, .length = 1};
    if (!again) {
        vs_open(&v->txn, VS_OP_HALT_SLEEP);
        vs_hv_block(&n->hv, &v->txn, (vs_ps){polled_ps(v) - since_ps});
        vs_close(&v->txn);
    }
    n->halts = true;
    if (!vcpu_trap_wait(v, &hlt, NULL) && !v->failed) { /* it halts in the guest */
        vcpu_wait(v, VS_FOR_EVENT, false);
    }
    if (n->until_ps && !v->failed) { /* until the recorded entry, whatever comes */
        v->thread.wait[v->thread.depth - 1u].what = VS_FOR_TIME;
        v->thread.wait[v->thread.depth - 1u].until_ps = n->until_ps;
    }
}

void host_nested_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_nested *n = v->nested;
    uint64_t since_ps = vs_thread_wait(&v->thread)->since_ps;
    bool slept = n->halts;
    vs_txn_settle(&v->txn);
    if (!slept && now_ps > vs_now(&v->txn).v) {
        vs_open(&v->txn, VS_OP_HALT_POLL);
        vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_polling),
                      (vs_ps){now_ps});
        vs_close(&v->txn);
    }
    now_ps = vs_now(&v->txn).v;
    if (!slept && v->hw->tick_ps <= now_ps) {
        vcpu_tick(v, now_ps);
    }
    (void)timer(v, now_ps);
    messages(v, now_ps);
    if (v->init_due && !v->off && !v->failed) {
        resets(v, since_ps, slept);
        return;
    }
    bool started = v->off && v->sipi_due;
    v->init_due = v->sipi_due = false; /* what a reset vCPU, or one that is not, does not serve */
    bool recorded = n->until_ps && n->until_ps <= now_ps;
    if (recorded && slept) {
        take(v);
    }
    if (!v->failed && (recorded || started || (!n->until_ps && vcpu_wakes(v)))) {
        resume(v, since_ps, slept);
    } else if (!v->failed && (slept || now_ps >= polled_ps(v))) {
        sleep(v, since_ps, slept);
    }
}

void host_nested_wakes(struct vs_vcpu *v, uint64_t now_ps)
{
    uint8_t vector = vcpu_numbers(v)->kick;
    bool timer = v->timer_armed && v->timer_ps <= now_ps;
    bool recorded = v->nested->until_ps && v->nested->until_ps <= now_ps;
    if (v->nested->runs && (timer || recorded || vcpu_arrivals_next(v) <= now_ps)) {
        (void)of_hypervisor(v, now_ps, &vector);
        vector = timer ? vcpu_numbers(v)->timer : vector;
        (void)vs_hv_inject(&v->hv, &v->txn, vector, v->p->vid);
    }
}

/* What has come for a guest's guest that sleeps in L0: L1's timer, a message of L1's, or a device's
 * interrupt. Where the processor posts, L0 does the message for it
 * (vmx_complete_nested_posted_interrupt): only a device's is L1's. */
static bool came(struct vs_vcpu *v, struct vs_trap *of, struct vs_own_irq *own)
{
    uint64_t now = vs_now(&v->txn).v;
    uint8_t vector;
    *of = (struct vs_trap){.kind = VS_TRAP_INTERRUPT, .number = vcpu_numbers(v)->timer};
    if (v->timer_armed && v->timer_ps <= now) {
        if (!vcpu_timer_own(v, own)) {
            (void)v->irq.raise(v->irq.ctx, (uint8_t)of->number, (vs_ps){v->timer_ps});
        }
        return true;
    }
    vcpu_arrivals_take(v, now);
    vcpu_sync_posted(v);
    v->physical = 0; /* L0 has it, here */
    of->number = vcpu_numbers(v)->kick;
    if (v->init_due) {
        own->how =
            (struct vs_handling){.work = vcpu_init_in_exit, .ctx = v, .handed = VS_TRAP_INTERRUPT};
        return true;
    }
    v->sipi_due = false;
    if (v->nmis) {
        own->how = (struct vs_handling){.nmi = true, .handed = VS_TRAP_INTERRUPT};
        return true;
    }
    if (!v->irq.pending(v->irq.ctx, &vector) || (v->p->posted && !vcpu_nested_device(v, vector))) {
        return false;
    }
    v->fresh = false;
    own->how.inject = vcpu_listed(v) ? 0 : vector;
    own->how.handed = VS_TRAP_INTERRUPT;
    return true;
}

bool host_nested_woken(struct vs_vcpu *v)
{
    static const struct vs_exit left;
    struct vs_own_irq own = {0};
    struct vs_trap of;
    if (v->nested->runs || !came(v, &of, &own)) {
        return vcpu_enter(v);
    }
    struct vs_hv_exit what = {.inject = own.how.inject,
                              .virtual_delivery = v->p->vid,
                              .fast = own.how.fast,
                              .handed = own.how.handed,
                              .nmi = own.how.nmi,
                              .more_nmis = own.how.nmi && v->nmis > 1u,
                              .work = own.how.work,
                              .ctx = own.how.ctx,
                              .woken = true,
                              .nested = true,
                              .io = UINT64_MAX,
                              .trap = &of,
                              .exit = &left};
    bool good = host_nested_hand(v, (enum vs_trap_kind)own.how.handed, &what);
    vcpu_own_irq_done(v, own.how.inject, &own);
    return good && !v->off; /* after an INIT its exit stays open in L1's wait */
}
