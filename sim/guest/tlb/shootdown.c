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
#include "guest/guest.h"

bool guest_tlb_shootdown_check(const struct vs_platform *p, unsigned n_vcpus,
                               struct vs_errors *errors)
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
        if (p->ept.mode != VS_EPT_NATIVE && p->built.vms &&
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

bool guest_tlb_shootdown_stale(struct vs_vcpu *v, unsigned process)
{
    bool stale = v->seen[process] != v->mm->generation[process];
    v->seen[process] = v->mm->generation[process];
    v->os_count[VS_CNT_os_shoot_switch] += stale;
    return stale;
}

/* It has no more translations that could matter. */
void guest_tlb_shootdown_ended(struct vs_vcpu *v)
{
    for (unsigned i = 0; i < v->n_shots && v->p->os.shootdown != VS__HYPERCALL; i++) {
        vcpu_await_answer(v, v->shot[i].from, vs_now(&v->txn).v);
    }
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
    if (vcpu_arm(v)) {
        guest_tlb_tlbi_range(v, s->at, s->end, s->stride);
        return;
    }
    for (uint64_t at = s->at; at < s->end && !v->failed; at += 1ull << s->stride) {
        guest_tlb_invlpg(v, at);
    }
    if (s->at == s->end) {
        guest_mm_load_cr3(v, 0);
    }
}

void guest_tlb_shootdown_serve(struct vs_vcpu *v)
{
    for (unsigned i = 0; i < v->n_shots && !v->failed; i++) {
        vs_cpu_instructions(&v->cpu, v->p->os.shoot_receive);
        drop(v, &v->shot[i]);
        vs_txn_settle(&v->txn);
        vcpu_await_answer(v, v->shot[i].from, vs_now(&v->txn).v);
    }
    v->n_shots = 0;
}

static void by_interrupt(struct vs_vcpu *v, struct vs_shot shot)
{
    struct vs_platform *p = v->p;
    for (unsigned i = 0; i < p->n_vcpus && !v->failed; i++) {
        if (has_loaded(&p->vcpu[i], v)) {
            v->os_count[VS_CNT_os_shoot_targets]++;
            v->awaited++;
            vs_cpu_instructions(&v->cpu, p->os.shoot_send);
            vcpu_shot_put(&p->vcpu[i], shot, VS__SHOTS);
            vcpu_send_ipi(v, i, vcpu_numbers(v)->shootdown);
        }
    }
}

/* ---- by hypercall ---- */

static void by_hypercall(struct vs_vcpu *v, struct vs_shot shot)
{
    struct vs_platform *p = v->p;
    struct vs_trap e = {.kind = VS_TRAP_HYPERCALL, .number = VS__CALL_FLUSH, .length = 3};
    bool hold = false;
    v->call = (struct vs_flush_call){.shot = shot};
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        bool target = has_loaded(&p->vcpu[i], v);
        v->call.to |= (uint64_t)target << i;
        v->os_count[VS_CNT_os_shoot_targets] += target;
    }
    if (!vcpu_trap_hold(v, &e, NULL, &hold)) {
        vcpu_fail(v, "guest.shootdown = hypercall: the instruction does not exit");
    }
}

/* ---- the initiator ---- */

void guest_tlb_shootdown(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride)
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
    v->os_count[VS_CNT_os_shootdowns]++;
    if (p->os.shootdown == VS__HYPERCALL) {
        by_hypercall(v, shot);
    } else {
        by_interrupt(v, shot);
        v->awaits = v->awaited != 0;
        v->acked_ps = vs_cpu_now_ps(&v->cpu);
    }
    v->yield = true;
}
