/* SPDX-License-Identifier: MIT */
/*
 * A flush of every vCPU of a machine: KVM's kvm_flush_remote_tlbs, which shadow paging needs
 * whenever an entry loses a right. A request is left for each vCPU, which flushes before it enters
 * its guest again; those that run their guest are interrupted, and the initiator waits in its
 * handler until each has left it (KVM_REQUEST_WAIT). Those that sleep are not woken
 * (KVM_REQUEST_NO_WAKEUP).
 *
 * The wait is a frame of the initiator's thread (cpu/flush_wait.c). Whoever waits so has left its
 * guest and is kicked by nobody, so that it ends. What the initiator does behind the flush it does
 * before the others have run: their translations are gone from here on, and the flush before their
 * entries is what that takes.
 */
#include "host/host.h"

void host_flush_remote(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_platform *p = v->p;
    uint64_t running = 0; /* those that are waited for */
    bool anybody = false;
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *o = &p->vcpu[i];
        if (o == v || o->vm != v->vm || o->ended) {
            continue;
        }
        anybody = true;
        o->flush_due = true;
        if (!t) {
            host_flush_linear(o, NULL, false, (vs_gva){0});
            o->flush_due = false;
            continue;
        }
        vs_hv_run(&v->hv, t, VS_HV_ENTRY_FLUSH_REQUEST);
        if (!vcpu_in_guest(o)) {
            v->count[VS_CNT_vcpu_remote_later]++;
            continue;
        }
        v->count[VS_CNT_vcpu_remote_kicks]++;
        vs_hv_kick(&v->hv, t, v->irq.send, v->irq.ctx);
        running |= 1ull << i;
        host_flush_linear(o, NULL, false, (vs_gva){0});
    }
    v->count[VS_CNT_vcpu_remote_flushes] += anybody && t;
    if (running) {
        vs_txn_settle(t);
        vcpu_flush_made(v, vs_now(t).v, running);
    }
}
