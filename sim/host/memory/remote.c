/* SPDX-License-Identifier: MIT */
/*
 * A flush of every vCPU of a machine: KVM's kvm_flush_remote_tlbs, which shadow paging needs
 * whenever an entry loses a right. A request is left for each vCPU, which flushes before it enters
 * its guest again; those that run their guest are interrupted, and the initiator waits in its
 * handler until each has left it (KVM_REQUEST_WAIT). Those that sleep are not woken
 * (KVM_REQUEST_NO_WAKEUP).
 *
 * The wait is in the middle of what the initiator does, whose step cannot be put off. It therefore
 * runs the others itself, up to the instruction at which they leave. Whoever waits so has left its
 * guest and is stopped by nobody, so that this ends.
 */
#include "host/host.h"

#include <string.h>

/* Waits in its exit until each vCPU that was kicked has left its guest. */
static void wait_for(struct vs_vcpu *v, struct vs_txn *t, const uint64_t *kick_ps)
{
    struct vs_platform *p = v->p;
    uint64_t last = 0;
    vs_txn_settle(t);
    vcpu_space_put(v);
    vcpu_wait(v, VS_FOR_LEAVING, true); /* whoever looks finds it outside of its guest */
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *o = &p->vcpu[i];
        if (kick_ps[i] != VS_NEVER) {
            uint64_t left = vcpu_stop(o, kick_ps[i]);
            last = left > last ? left : last;
            v->failed = v->failed || o->failed; /* whose message it is */
        }
    }
    (void)vs_thread_pop(&v->thread);
    vcpu_space_take(v);
    vs_ps until = {last};
    vs_wait_until(t, (uint16_t)(p->vcpu_account + VS_ACC_vcpu_kick_wait), until);
}

void host_flush_remote(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_platform *p = v->p;
    uint64_t kick_ps[VS__VCPUS]; /* VS_NEVER: nobody waits for it */
    bool anybody = false, running = false;
    memset(kick_ps, 0xff, sizeof kick_ps);
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
        kick_ps[i] = vs_now(t).v + o->irq.message_ps;
        running = true;
    }
    v->count[VS_CNT_vcpu_remote_flushes] += anybody && t;
    if (running) {
        wait_for(v, t, kick_ps);
    }
}
