/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs of one address space: what one takes away, the others may still hold in their TLBs
 * until they are made to drop it. How is guest.shootdown: by interrupt (shootdown_ipi.c), by
 * hypercall (shootdown_hypercall.c), or by a TLBI that reaches every core (arm.c) and interrupts
 * nobody.
 */
#include "tlb.h"

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

/* `o`, another vCPU than v, has the address space of v loaded. */
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

void guest_tlb_shootdown_ended(struct vs_vcpu *v)
{
    for (unsigned i = 0; i < v->n_shots && v->p->os.shootdown != VS__HYPERCALL; i++) {
        vcpu_await_answer(v, v->shot[i].from, vs_now(&v->txn).v);
    }
    v->n_shots = 0;
    v->all_shots = false;
}

/* ---- the initiator ---- */

bool guest_tlb_next_target(struct vs_vcpu *v, struct guest_work *w, uint64_t *k)
{
    for (; *k < v->p->n_vcpus && !v->failed; ++*k) {
        if (has_loaded(&v->p->vcpu[*k], v)) {
            w->target = (unsigned)(*k)++;
            v->os_count[VS_CNT_os_shoot_targets]++;
            return true;
        }
    }
    return false;
}

void guest_tlb_queue(struct vs_vcpu *v, const struct guest_work *w)
{
    if (v->p->os.shootdown == VS__HYPERCALL) {
        v->call.to |= 1ull << w->target;
    } else {
        v->awaited++;
        vcpu_shot_put(&v->p->vcpu[w->target], *w->shot, VS__SHOTS);
    }
}

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
    struct guest_work w = {.shot = &shot};
    if (p->os.shootdown == VS__HYPERCALL) {
        v->call = (struct vs_flush_call){.shot = shot};
        (void)guest_run(v, GUEST_FLUSH_BY_HYPERCALL, &w);
    } else {
        (void)guest_run(v, GUEST_FLUSH_BY_INTERRUPT, &w);
        v->acked_ps = vs_cpu_now_ps(&v->hw->cpu);
        if (v->awaited) {
            vcpu_wait(v, VS_FOR_ANSWERS, false);
        }
    }
    vcpu_yield(v);
}
