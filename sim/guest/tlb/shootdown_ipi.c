/* SPDX-License-Identifier: MIT */
/*
 * guest.shootdown = ipi: Linux's flush_tlb_multi. An interrupt for each vCPU that has the address
 * space loaded; its handler executes the INVLPGs (or reloads CR3) and acknowledges; the first one
 * waits for all of them, and takes interrupts meanwhile. vCPUs that have another address space
 * loaded find its generation changed when they come back, and do not keep translations then.
 */
#include "tlb.h"

/* One vCPU drops what another has taken away. */
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
        vs_cpu_instructions(&v->hw->cpu, v->p->os.shoot_receive);
        drop(v, &v->shot[i]);
        vs_txn_settle(&v->txn);
        vcpu_await_answer(v, v->shot[i].from, vs_now(&v->txn).v);
    }
    v->n_shots = 0;
}

void guest_tlb_shootdown_ipi(struct vs_vcpu *v, struct vs_shot shot)
{
    struct vs_platform *p = v->p;
    for (unsigned i = 0; i < p->n_vcpus && !v->failed; i++) {
        if (guest_tlb_has_loaded(&p->vcpu[i], v)) {
            v->os_count[VS_CNT_os_shoot_targets]++;
            v->awaited++;
            vs_cpu_instructions(&v->hw->cpu, p->os.shoot_send);
            vcpu_shot_put(&p->vcpu[i], shot, VS__SHOTS);
            vcpu_send_ipi(v, i, vcpu_numbers(v)->shootdown);
        }
    }
}
