/* SPDX-License-Identifier: MIT */
/*
 * How the hypervisor drops translations of its guests: by the instructions of its processor, for a
 * guest that asks (HvCallFlushVirtualAddressList as KVM implements it), before an entry that must
 * not keep them.
 */
#include "host/host.h"

#include <string.h>

#define FIFO 16u /* KVM_HV_TLB_FLUSH_FIFO_SIZE */

/* By the processor's own instruction, in an operation of its own where that takes effect at once.
 */
static void flush_tag(struct vs_vcpu *v, struct vs_txn *t, enum vs_world_flush what, vs_gva at)
{
    bool now = v->p->flushes_at_once;
    if (now) {
        vs_open(t, VS_OP_INVALIDATE);
    }
    if (!v->world.flush_tag(v->world.ctx, t, what, v->guest_context.vpid, at)) {
        vcpu_fail(v, "%s is refused: vmcs.cap.ept_vpid has no type of it",
                  what == VS_WORLD_SECOND ? "INVEPT" : "INVVPID");
    }
    if (now) {
        vs_close(t);
    }
}

void host_flush_linear(struct vs_vcpu *v, struct vs_txn *t, bool page, vs_gva at)
{
    enum vs_flush what = page ? VS_FLUSH_VPID_ADDRESS : VS_FLUSH_VPID;
    uint16_t vpid = v->guest_context.vpid;
    if (!t || !vpid) { /* before time; or untagged: each transition drops what it drops */
        (void)vs_ept_flush(&v->hw->ept, NULL, what, vpid, 0, 0, at);
        return;
    }
    vs_txn_settle(t);
    if (v->p->el2) { /* TLBI VMALLE1: whatever ASID and address */
        struct vs_tlbi_executed i = {v, VS_TLBI_VMALLE1, false, 0, 0};
        vcpu_execute_tlbi(&i, t);
        vcpu_dsb(v, false);
        return;
    }
    if (v->p->svm && page) { /* KVM's svm_flush_tlb_gva */
        vs_cpu_instructions(&v->hw->cpu, 1);
        vcpu_charge(v, t, VS_ACC_vcpu_invlpga, v->p->times.invlpga);
        (void)vs_ept_invlpga(&v->hw->ept, t, vpid, at);
        return;
    }
    flush_tag(v, t, page ? VS_WORLD_PAGE : VS_WORLD_TAG, at);
}

void host_flush_physical(struct vs_vcpu *v, struct vs_txn *t)
{
    vs_gva none = {0};
    if (!t) { /* views may have what it is about, too */
        uint64_t root = host_memory_of(v)->n_views ? 0 : v->guest_context.eptp;
        (void)vs_ept_flush(&v->hw->ept, NULL, VS_FLUSH_EPT, 0, 0, root, none);
        return;
    }
    vs_txn_settle(t);
    if (!v->p->el2) {
        flush_tag(v, t, VS_WORLD_SECOND, none);
        return;
    }
    struct vs_tlbi_executed i = {v, VS_TLBI_VMALLS12E1, true, 0, 0};
    vcpu_execute_tlbi(&i, t);
    vcpu_dsb(v, true);
}

void host_emulate_invlpga(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    host_flush_linear(w->v, t, true, w->trap->gva);
}

/* A kick of one vCPU by another's hypervisor. */
struct kick {
    struct vs_vcpu *by, *to;
};
/* Sends a kick for a flush. */
static void kick(void *ctx, struct vs_txn *t)
{
    const struct kick *k = ctx;
    vcpu_kick_send(k->by, t, k->to);
}

/* The handler of the hypercall. */
void host_flush_others(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    struct vs_vcpu *v = w->v;
    struct vs_platform *p = v->p;
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *o = &p->vcpu[i];
        if (!(v->call.to >> i & 1u)) {
            continue;
        }
        vs_hv_run(&v->hv, t, VS_HV_ENTRY_FLUSH_TARGET);
        vs_txn_settle(t);
        bool running = vcpu_in_guest(o);
        vcpu_shot_put(o, v->call.shot, FIFO);
        o->flush_named = true;
        if (!running) {
            v->count[VS_CNT_vcpu_shoot_later]++;
            continue;
        }
        v->count[VS_CNT_vcpu_shoot_kicks]++;
        struct kick k = {v, o};
        vs_hv_kick(&v->hv, t, kick, &k);
    }
    v->acked_ps = vs_now(t).v;
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
    v->flush_named = false;
    vcpu_space_seen(v);
    for (unsigned i = 0; i < n && !all; i++) {
        all = shot[i].at == shot[i].end;
    }
    for (unsigned i = 0; i < n && !all; i++) {
        for (uint64_t at = shot[i].at; at < shot[i].end && !v->failed;
             at += 1ull << shot[i].stride) {
            host_flush_linear(v, &v->txn, true, (vs_gva){at});
        }
    }
    if (v->p->shadow) {
        v->flush_due = false; /* this does it too */
        vs_shadow_invalidate(&v->shadow, &v->txn);
    } else if (all) {
        host_flush_linear(v, &v->txn, false, none);
    }
}

void host_flush_before_entry(struct vs_vcpu *v)
{
    vs_gva none = {0};
    while (!v->failed && (v->flush_due || (v->flush_named && (v->n_shots || v->all_shots)))) {
        if (v->flush_named && (v->n_shots || v->all_shots)) {
            flush_named(v);
        } else {
            v->flush_due = false;
            host_flush_linear(v, &v->txn, false, none);
        }
    }
}
