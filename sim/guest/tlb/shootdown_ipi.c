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

bool guest_tlb_next_shot(struct vs_vcpu *v, struct guest_work *w, uint64_t *k)
{
    if (*k >= v->n_shots || v->failed) {
        v->n_shots = 0;
        return false;
    }
    w->shot = &v->shot[(*k)++];
    return true;
}

void guest_tlb_drop(struct vs_vcpu *v, const struct guest_work *w)
{
    drop(v, w->shot);
}

void guest_tlb_acknowledge(struct vs_vcpu *v, const struct guest_work *w)
{
    vs_txn_settle(&v->txn);
    vcpu_await_answer(v, w->shot->from, vs_now(&v->txn).v);
}
