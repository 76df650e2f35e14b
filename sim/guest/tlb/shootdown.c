/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs of one address space: what one takes away, the others may still hold in their TLBs
 * until they are made to drop it (guest.shootdown).
 *
 * ipi: Linux's flush_tlb_multi. An interrupt for each vCPU that has the address space loaded; its
 * handler executes the INVLPGs (or reloads CR3) and acknowledges; the first one waits for all of
 * them, and takes interrupts meanwhile. vCPUs that have another address space loaded find its
 * generation changed when they come back, and do not keep translations then.
 *
 * hypercall: HvCallFlushVirtualAddressList as KVM implements it (kvm_hv_flush_tlb). One exit; the
 * hypervisor notes the addresses for each target, interrupts those that run their guest
 * (KVM_REQUEST_WAIT) and waits until they have left it; each flushes its VPID before it enters
 * again. Those that sleep are left alone (KVM_REQUEST_NO_WAKEUP) and flush at their next entry.
 * Under shadow paging they bring all in line and flush all then (kvm_vcpu_flush_tlb_guest).
 *
 * broadcast: TLBI of every core, in invalidate.c; nobody is interrupted.
 */
#include "cpu/vcpu.h"

#include <string.h>

#define FIFO 16u /* KVM_HV_TLB_FLUSH_FIFO_SIZE */

bool vs__shootdown_check(const struct vs_platform *p, unsigned n_vcpus, struct vs_errors *errors)
{
    size_t before = errors->n;
    bool arm = p->ept.guest_format != 0;
    unsigned how = (unsigned)p->os.shootdown;
    if (how == VS__BROADCAST && !arm) {
        vs_error(
            errors,
            "guest.shootdown = broadcast is Arm's TLBI: x86 guests have ipi, hypercall or none "
            "(AMD's INVLPGB is not modelled)");
    }
    if (how == VS__HYPERCALL && (p->ept.mode == VS_EPT_NATIVE || arm)) {
        vs_error(errors, "guest.shootdown = hypercall is Hyper-V's interface to x86 guests: it "
                         "needs a hypervisor, paging.mode = ept, npt or shadow");
    }
    for (unsigned i = 0; i < n_vcpus; i++) {
        unsigned with = p->options.shares[i];
        if (!with) {
            continue;
        }
        if (p->ept.mode != VS_EPT_NATIVE && p->os.vms &&
            (!p->options.machine || p->options.machine[i] != p->options.machine[with - 1u])) {
            vs_error(errors,
                     "vCPU %u shares the address space of vCPU %u: with guest.vms = each they are "
                     "different machines; guest.vms = one",
                     i, with - 1u);
        }
    }
    return errors->n == before;
}

/* ---- who is concerned ---- */

static bool has_loaded(const struct vs_vcpu *o, const struct vs_vcpu *v)
{
    return o != v && o->mm == v->mm && o->process_now == v->process_now && !o->ended;
}

bool vs__shootdown_stale(struct vs_vcpu *v, unsigned process)
{
    bool stale = v->seen[process] != v->mm->generation[process];
    v->seen[process] = v->mm->generation[process];
    v->count[VS_CNT_os_shoot_switch] += stale;
    return stale;
}

static void enqueue(struct vs_vcpu *o, struct vs_shot shot)
{
    unsigned room = o->p->os.shootdown == VS__HYPERCALL ? FIFO : VS__SHOTS;
    if (o->n_shots == room) {
        o->all_shots = true;
    } else {
        o->shot[o->n_shots++] = shot;
    }
}

/* ---- acknowledgements ---- */

static void acknowledge_at(struct vs_vcpu *by, unsigned from, uint64_t now)
{
    struct vs_vcpu *v = &by->p->vcpu[from];
    v->acked_ps = now > v->acked_ps ? now : v->acked_ps;
    if (!--v->awaited) {
        vs_kernel_wake(v->p->kernel, v->agent, v->acked_ps);
    }
}

static void acknowledge(struct vs_vcpu *by, unsigned from)
{
    acknowledge_at(by, from, vs_now(&by->txn).v);
}

/* Those that wait for it to have left its guest. */
static void answer(struct vs_vcpu *v, uint64_t now_ps)
{
    for (unsigned i = 0; i < v->n_kickers; i++) {
        acknowledge_at(v, v->kicker[i], now_ps);
    }
    v->n_kickers = 0;
}

uint64_t vs__shootdown_wake_ps(const struct vs_vcpu *v)
{
    uint64_t at = v->awaited ? VS_NEVER : v->acked_ps, next = vs__arrivals_next(v);
    at = v->kick_ps < at ? v->kick_ps : at;
    if (!v->awaits_in_exit) { /* it spins with interrupts enabled */
        at = next < at ? next : at;
        at = v->tick_ps < at ? v->tick_ps : at;
        at = v->host_ps < at ? v->host_ps : at;
        at = vs__timer_due_ps(v) < at ? vs__timer_due_ps(v) : at;
        at = vs__vcpu_due(v) ? 0 : at;
    }
    return at;
}

void vs__shootdown_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    unsigned account = v->awaits_in_exit ? VS_ACC_os_kick_wait
                       : v->awaits_turn  ? VS_ACC_os_turn_wait
                                         : VS_ACC_os_shootdown_wait;
    uint64_t done = !v->awaited && v->acked_ps <= now_ps ? v->acked_ps : now_ps;
    vs_ps until = {done};
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->os_account + account), until);
    if (!v->awaited && v->acked_ps <= now_ps) {
        bool in_exit = v->awaits_in_exit;
        v->awaits = v->awaits_in_exit = v->awaits_turn = false;
        if (in_exit) {
            vs__vcpu_release(v);
        }
        return;
    }
    if (!v->awaits_in_exit) {
        vs__vcpu_interrupts(v);
    } else if (v->kick_ps <= now_ps) {
        vs__shootdown_outside(v, now_ps);
    }
}

/* It has no more translations that could matter. */
void vs__shootdown_ended(struct vs_vcpu *v)
{
    for (unsigned i = 0; i < v->n_shots && v->p->os.shootdown != VS__HYPERCALL; i++) {
        acknowledge(v, v->shot[i].from);
    }
    answer(v, vs_now(&v->txn).v);
    v->n_shots = 0;
    v->all_shots = false;
}

/* ---- by interrupt ---- */

static void drop(struct vs_vcpu *v, const struct vs_shot *s)
{
    if (s->process != v->process_now) {
        return; /* switched away meanwhile: its generation tells it later */
    }
    v->seen[s->process] = v->mm->generation[s->process];
    if (vs__vcpu_arm(v)) {
        vs__vcpu_tlbi_range(v, s->at, s->end, s->stride);
        return;
    }
    for (uint64_t at = s->at; at < s->end && !v->failed; at += 1ull << s->stride) {
        vs__space_invlpg(v, at);
    }
    if (s->at == s->end) {
        vs__space_load_cr3(v, 0);
    }
}

void vs__shootdown_serve(struct vs_vcpu *v)
{
    for (unsigned i = 0; i < v->n_shots && !v->failed; i++) {
        vs_cpu_instructions(&v->cpu, v->p->os.shoot_receive);
        drop(v, &v->shot[i]);
        vs_txn_settle(&v->txn);
        acknowledge(v, v->shot[i].from);
    }
    v->n_shots = 0;
}

static void by_interrupt(struct vs_vcpu *v, struct vs_shot shot)
{
    struct vs_platform *p = v->p;
    for (unsigned i = 0; i < p->n_vcpus && !v->failed; i++) {
        if (has_loaded(&p->vcpu[i], v)) {
            v->count[VS_CNT_os_shoot_targets]++;
            v->awaited++;
            vs_cpu_instructions(&v->cpu, p->os.shoot_send);
            enqueue(&p->vcpu[i], shot);
            vs__vcpu_send_ipi(v, i, VS__SHOOTDOWN_VECTOR);
        }
    }
}

/* ---- by hypercall ---- */

struct flush {
    struct vs_vcpu *v;
    struct vs_shot shot;
};

/* The handler of the hypercall. */
static void flush_others(void *ctx, struct vs_txn *t)
{
    const struct flush *f = ctx;
    struct vs_vcpu *v = f->v;
    struct vs_platform *p = v->p;
    struct vs_shot shot = f->shot;
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *o = &p->vcpu[i];
        if (!has_loaded(o, v)) {
            continue;
        }
        v->count[VS_CNT_os_shoot_targets]++;
        vs_cpu_instructions(&v->cpu, p->os.shoot_host);
        vs_txn_settle(t);
        bool running = vs__vcpu_in_guest(o);
        enqueue(o, shot);
        if (!running) {
            v->count[VS_CNT_os_shoot_later]++;
            continue;
        }
        v->count[VS_CNT_os_shoot_kicks]++;
        v->awaited++;
        vs_apic_send(&v->apic, t);
        uint64_t at = vs_now(t).v + o->apic.message_ps;
        o->kick_ps = at < o->kick_ps ? at : o->kick_ps;
        o->kicker[o->n_kickers++] = v->index;
        vs_kernel_wake(p->kernel, o->agent, at);
    }
    v->awaits = v->awaits_in_exit = v->awaited != 0;
    v->acked_ps = vs_now(t).v;
}

static void by_hypercall(struct vs_vcpu *v, struct vs_shot shot)
{
    struct flush f = {v, shot};
    struct vs_trap e = {.kind = VS_TRAP_HYPERCALL, .length = 3};
    struct vs_handling how = {.work = flush_others, .ctx = &f};
    bool hold = false;
    if (!vs__vcpu_trap_hold(v, &e, &how, &hold)) {
        vs__vcpu_fail(v, "guest.shootdown = hypercall: the instruction does not exit");
    }
}

/* KVM's ack_kick: the initiator waits for this, not for the flush, which comes before the entry. */
static void acknowledge_kick(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    answer(v, vs_now(t).v);
    v->left_ps = vs_now(t).v;
}

void vs__shootdown_kicked(struct vs_vcpu *v)
{
    v->kick_ps = VS_NEVER;
    vs__vcpu_kick(v, acknowledge_kick, v);
}

void vs__shootdown_outside(struct vs_vcpu *v, uint64_t now_ps)
{
    v->kick_ps = VS_NEVER;
    answer(v, now_ps);
}

/* What hypercalls named. */
static void flush_named(struct vs_vcpu *v)
{
    vs_gva none = {0};
    struct vs_shot shot[VS__SHOTS];
    unsigned n = v->n_shots;
    bool all = v->all_shots || v->p->shadow;
    memcpy(shot, v->shot, n * sizeof *shot);
    v->n_shots = 0; /* others may name more meanwhile */
    v->all_shots = false;
    v->seen[v->process_now] = v->mm->generation[v->process_now];
    for (unsigned i = 0; i < n && !all; i++) {
        all = shot[i].at == shot[i].end;
    }
    for (unsigned i = 0; i < n && !all; i++) {
        for (uint64_t at = shot[i].at; at < shot[i].end && !v->failed;
             at += 1ull << shot[i].stride) {
            vs__host_flush_linear(v, &v->txn, true, (vs_gva){at});
        }
    }
    if (v->p->shadow) {
        v->flush_due = false; /* this does it too */
        vs_shadow_invalidate(&v->shadow, &v->txn);
    } else if (all) {
        vs__host_flush_linear(v, &v->txn, false, none);
    }
}

void vs__shootdown_enter(struct vs_vcpu *v)
{
    vs_gva none = {0};
    bool named = v->p->os.shootdown == VS__HYPERCALL; /* else the guest's own business */
    while (!v->failed && (v->flush_due || (named && (v->n_shots || v->all_shots)))) {
        if (named && (v->n_shots || v->all_shots)) {
            flush_named(v);
        } else {
            v->flush_due = false;
            vs__host_flush_linear(v, &v->txn, false, none);
        }
    }
}

/* ---- the initiator ---- */

void vs__shootdown(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride)
{
    struct vs_platform *p = v->p;
    struct vs_shot shot = {at, end, stride, v->process_now, v->index};
    bool anybody = false;
    if (v->mm->sharers < 2u || p->os.shootdown >= VS__BROADCAST) {
        return;
    }
    v->seen[v->process_now] = ++v->mm->generation[v->process_now];
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        anybody = anybody || has_loaded(&p->vcpu[i], v);
    }
    if (!anybody) {
        return;
    }
    v->count[VS_CNT_os_shootdowns]++;
    if (p->os.shootdown == VS__HYPERCALL) {
        by_hypercall(v, shot);
    } else {
        by_interrupt(v, shot);
        v->awaits = v->awaited != 0;
        v->acked_ps = vs_cpu_now_ps(&v->cpu);
    }
    v->yield = true;
}
