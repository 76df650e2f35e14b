/* SPDX-License-Identifier: MIT */
/* A vCPU that has nothing to run: halting, in its guest or in the exit for it, and waking. */
#include "nested.h"
#include "sched.h"

/* Waits on this account. */
static void wait_until(struct vs_vcpu *v, unsigned account, uint64_t at_ps)
{
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + account), (vs_ps){at_ps});
}

/* Its hypervisor waits for what starts it. A guest's guest waits in its own hypervisor's, whose
 * processor only halts. */
static bool parked(const struct vs_vcpu *v)
{
    return v->off && !v->nested;
}

/* An interrupt is pending, masked or not, or a notification waits to be read. */
static bool something_due(const struct vs_vcpu *v)
{
    uint8_t number;
    return v->irq.pending(v->irq.ctx, &number) || v->notified || v->physical ||
           (vcpu_listed(v) && v->fresh);
}

/* Arm ARM, Wait for Interrupt: a pending one ends WFI whether or not PSTATE.I masks it. */
static bool wakes_masked(const struct vs_vcpu *v)
{
    return vcpu_arm(v);
}

/* What ends a halt has come. */
static bool ends_halt(const struct vs_vcpu *v)
{
    return v->nmis || v->nmi_held || v->init_due ||
           (something_due(v) && (!v->masked || wakes_masked(v)));
}

bool vcpu_wakes(const struct vs_vcpu *v)
{
    return !v->off && ends_halt(v) && !v->shadowed && !v->held;
}

bool vcpu_asleep(const struct vs_vcpu *v, uint64_t now_ps)
{
    if (!v->hw->vcpu && v->hw->on != &v->thread) {
        return true;
    }
    const struct vs_wait *w = vs_thread_wait(&v->thread);
    return w && w->what == VS_FOR_EVENT && w->in_exit && now_ps > w->since_ps + v->hv.poll_ps;
}

/* It halts by an instruction: in its guest, or in the exit that this has. */
static void halt(struct vs_vcpu *v, const struct vs_trap *trap)
{
    vs_txn_settle(&v->txn);
    if (v->p->virtualized) {
        (void)vcpu_trap_wait(v, trap, NULL);
    }
    if (!v->failed && !v->thread.depth) { /* in its guest */
        vcpu_wait(v, VS_FOR_EVENT, false);
    }
}

void vcpu_halt_by(struct vs_vcpu *v, const struct vs_trap *trap)
{
    v->halted_due = ends_halt(v);
    halt(v, trap);
}

/* Its machine has no other vCPU. */
static bool alone(const struct vs_vcpu *v)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->p->n_vcpus; i++) {
        n += v->p->vcpu[i].vm == v->vm;
    }
    return n == 1u;
}

void vcpu_sleep(struct vs_vcpu *v)
{
    struct vs_trap hlt = {.kind = VS_TRAP_HALT, .length = 1};
    if (v->masked && !wakes_masked(v) && alone(v)) {
        vcpu_fail(v, "it halts with interrupts disabled (cpu:cli, RFLAGS.IF): nothing but an NMI "
                     "would end that, which no other vCPU is there to send");
        return;
    }
    if (v->held) {
        vcpu_fail(v, "it halts with its global interrupt flag clear (CLGI), which holds whatever "
                     "would end that");
        return;
    }
    if (v->shadowed) { /* HLT is the instruction behind STI: it executes, whatever waits for it */
        vcpu_unshadow(v);
    } else if (ends_halt(v)) {
        return;
    }
    vcpu_halt_by(v, &hlt);
}

uint64_t vcpu_halt_wake_ps(const struct vs_vcpu *v)
{
    if (parked(v)) {
        uint64_t on = vcpu_arm(v) ? v->on_ps : vcpu_arrivals_next(v);
        return on < v->kick_ps ? on : v->kick_ps;
    }
    uint64_t at = v->timer_armed ? v->timer_ps : VS_NEVER, next = vcpu_arrivals_next(v);
    at = next < at ? next : at;
    at = v->kick_ps < at ? v->kick_ps : at;
    if (!vs_thread_in_exit(&v->thread)) { /* its guest runs, and the host's scheduler stops it */
        at = v->hw->event_ps < at ? v->hw->event_ps : at;
    }
    if (ends_halt(v)) {
        at = vs_thread_wait(&v->thread)->since_ps;
    }
    return at;
}

void vcpu_running(struct vs_vcpu *v, bool on)
{
    if (v->world.running) {
        v->world.running(v->world.ctx, &v->txn, on);
    }
}

/* The time of a halt that ends at `now_ps`, up to then: polling, which is the processor's work,
 * then putting the thread to sleep and being asleep. True: it had gone to sleep. */
static bool halted(struct vs_vcpu *v, uint64_t since_ps, uint64_t now_ps)
{
    const struct vs_hypervisor *h = &v->hv;
    uint64_t polled = since_ps + (parked(v) ? 0 : h->poll_ps), blocked = polled + h->block_ps;
    if (polled > since_ps) {
        vs_open(&v->txn, VS_OP_HALT_POLL);
        wait_until(v, VS_ACC_vcpu_polling, now_ps < polled ? now_ps : polled);
        vs_close(&v->txn);
    }
    if (now_ps <= polled) {
        return false;
    }
    vs_open(&v->txn, VS_OP_HALT_SLEEP);
    vcpu_running(v, false);
    vs_wait_until(&v->txn, h->block_account, (vs_ps){now_ps < blocked ? now_ps : blocked});
    wait_until(v, VS_ACC_vcpu_parked, now_ps);
    vs_close(&v->txn);
    return true;
}

void vcpu_wait_ends(struct vs_vcpu *v, uint64_t now_ps)
{
    const struct vs_platform *p = v->p;
    if (v->nested) { /* what has come is its guest hypervisor's */
        p->host.nested_wakes(v, now_ps);
        return;
    }
    vcpu_timer_expire(v, now_ps);
    vcpu_arrivals_take(v, now_ps);
    uint8_t vector;
    vcpu_nmi_wakes(v);
    if (!p->posted && !vcpu_listed(v) && v->irq.pending(v->irq.ctx, &vector)) {
        v->entry_vector = vs_hv_inject(&v->hv, &v->txn, vector, p->vid) ? vector : 0;
        if (v->hv.nmi_injected && v->hv.windowed) { /* an entry carries one event */
            v->window = true;
            v->fresh = false;
        }
    }
}

/* A halt is over at `now_ps`, for whoever follows the vCPU: what it was about until then, which is
 * the way of the message that has ended it. */
static void trail_wakes(struct vs_vcpu *v, uint64_t now_ps)
{
    const struct vs_arrival *a = v->arrival;
    struct vs_trail *t = v->trail;
    if (t && v->n_arrivals && a->at_ps <= now_ps) {
        vs_trail_turn(t, VS_ABOUT_MESSAGE, a->sent_ps);
        vs_trail_turn(t, VS_ABOUT_THROUGH, a->at_ps - a->through_ps);
        vs_trail_turn(t, VS_ABOUT_WAKE, a->at_ps);
    } else if (t) {
        vs_trail_turn(t, VS_ABOUT_WAKE, now_ps);
    }
}

void vcpu_halt_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_platform *p = v->p;
    struct vs_wait *wait = &v->thread.wait[v->thread.depth - 1u];
    bool in_exit = wait->in_exit;
    uint64_t since_ps = wait->since_ps;
    if (v->kick_ps <= now_ps && in_exit) {
        vcpu_kick_outside(v, now_ps);
        return;
    }
    if (v->kick_ps <= now_ps) { /* it sleeps in its guest: an exit, and back to sleep */
        wait_until(v, VS_ACC_vcpu_idle, now_ps);
        vcpu_kick_arrives(v);
        wait->since_ps = vs_now(&v->txn).v;
        return;
    }
    if (!in_exit && v->hw->event_ps <= now_ps) {
        wait_until(v, VS_ACC_vcpu_idle, now_ps);
        vcpu_schedule(v, now_ps);
        wait->since_ps = vs_now(&v->txn).v;
        return;
    }
    if (parked(v)) {
        vcpu_startup_look(v, now_ps);
    }
    if (parked(v) && v->on_ps > now_ps) {
        return;
    }
    if (!(v->nested && v->nested->runs) && vcpu_startup_discarded(v, now_ps)) {
        return;
    }
    if ((v->tpr || v->masked) && !v->off &&
        !v->nested) { /* what the task priority or RFLAGS.IF holds back ends no halt */
        vcpu_arrivals_take(v, now_ps);
        vcpu_timer_expire(v, now_ps);
        vcpu_sync_posted(v);
        if (!ends_halt(v)) {
            return;
        }
    }
    trail_wakes(v, now_ps);
    if (!in_exit) {
        v->off = v->off && v->nested;
        vcpu_waited(v);
        wait_until(v, VS_ACC_vcpu_idle, now_ps);
        vs_charge(&v->txn, (uint16_t)(p->vcpu_account + VS_ACC_vcpu_halt),
                  (vs_ps){p->times.halt * v->hw->clock.period_ps});
        vcpu_about(v, v->trail ? v->trail->base : VS_ABOUT_PROGRAM);
        return;
    }
    bool timer = v->timer_armed && v->timer_ps <= now_ps, blocked = halted(v, since_ps, now_ps);
    /* who polls finds what was posted; who sleeps is woken by KVM's pi_wakeup_handler; what the
     * guest halted with is there already */
    vs_open(&v->txn, VS_OP_HALT_WAKE);
    if (timer || blocked || (!p->posted && !v->halted_due)) {
        vs_hv_host_interrupt(&v->hv, &v->txn);
    }
    v->halted_due = false;
    v->physical = 0; /* it has been taken by now */
    if (blocked) {
        vcpu_running(v, true);
    }
    vs_hv_wake(&v->hv, &v->txn, (vs_ps){since_ps}, (vs_ps){now_ps});
    if (v->init_due && !v->nested) { /* it sleeps again, until it is started */
        vcpu_init_in_exit(v, &v->txn);
        wait->since_ps = vs_now(&v->txn).v;
        vs_close(&v->txn);
        return;
    }
    if (parked(v)) {
        vcpu_startup_done(v);
    }
    vcpu_wait_ends(v, now_ps);
    vs_close(&v->txn);
    vcpu_waited(v);
}

void vcpu_halt_resume(struct vs_vcpu *v, bool from_idle)
{
    uint64_t since_ps = vs_thread_wait(&v->thread)->since_ps;
    if (v->trail) {
        trail_wakes(v, v->thread.ready_ps);
        vs_trail_turn(v->trail, VS_ABOUT_READY, v->thread.ready_ps);
    }
    vcpu_about(v, VS_ABOUT_WAKE);
    vs_open(&v->txn, VS_OP_HALT_WAKE);
    if (from_idle) { /* else another vCPU's exit has taken it */
        vs_hv_host_interrupt(&v->hv, &v->txn);
    }
    vcpu_running(v, true);
    uint64_t now = vs_now(&v->txn).v;
    vs_hv_woken(&v->hv, &v->txn, (vs_ps){now - since_ps}, from_idle);
    vcpu_wait_ends(v, vs_now(&v->txn).v);
    vs_close(&v->txn);
    vcpu_waited(v);
}

bool vcpu_sleep_recorded(struct vs_vcpu *v, uint64_t length_ps)
{
    struct vs_trap e = {.kind = VS_TRAP_HALT, .recorded = true, .length = 1};
    vs_txn_settle(&v->txn);
    uint64_t left_ps = vs_now(&v->txn).v;
    if (v->nested) {
        v->nested->until_ps = left_ps + length_ps;
    }
    bool left = vcpu_trap_wait(v, &e, NULL);
    if (!left || v->failed || !v->thread.depth) {
        return left;
    }
    if (vs_thread_waits_for(&v->thread, VS_FOR_NESTED)) {
        return true; /* the hypervisor in the guest waits for that */
    }
    struct vs_wait *wait = &v->thread.wait[v->thread.depth - 1u];
    wait->what = VS_FOR_TIME;
    wait->until_ps = left_ps + length_ps;
    return true;
}

void vcpu_recorded_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_wait wait = *vs_thread_wait(&v->thread);
    if (now_ps < wait.until_ps) {
        vcpu_kick_outside(v, now_ps);
        return;
    }
    uint64_t until = wait.until_ps > wait.since_ps ? wait.until_ps : wait.since_ps;
    bool blocked = halted(v, wait.since_ps, until);
    vs_open(&v->txn, VS_OP_HALT_WAKE);
    if (blocked) {
        vs_hv_host_interrupt(&v->hv, &v->txn);
    }
    vs_hv_wake(&v->hv, &v->txn, (vs_ps){wait.since_ps}, (vs_ps){until});
    if (v->nested) {
        v->p->host.nested_wakes(v, until);
    }
    vs_close(&v->txn);
    vcpu_waited(v);
}
