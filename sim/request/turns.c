/* SPDX-License-Identifier: MIT */
/*
 * vCPUs of a replay that wait for each other: for the turn in the order of recorded records, or for
 * the others' warm-up to be over. Nobody executed this waiting when the recording was made; the
 * vCPU spins meanwhile and takes its interrupts, as one does that waits for a shootdown.
 */
#include "handlers.h"

/* The time it has waited is charged before anything else is. */
static void waited(struct vs_vcpu *v, uint64_t until_ps)
{
    vs_ps until = {until_ps};
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_turn_wait), until);
}

/* v spins; released: until a time that is known already. */
static void spin(struct vs_vcpu *v, bool released, uint64_t until_ps)
{
    vcpu_wait(v, VS_FOR_TURN, false);
    v->awaited = !released;
    v->acked_ps = released ? until_ps : 0;
}

/* What o waits for has come. */
static void release(struct vs_vcpu *o, uint64_t at_ps)
{
    uint64_t now = vcpu_now_ps(o);
    o->awaited = 0;
    o->acked_ps = at_ps > now ? at_ps : now;
    vs_kernel_wake(o->p->kernel, o->hw->agent, o->acked_ps);
}

/* The turn goes to another vCPU, and is waited for. */
void request_turn(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu), to = v->request.a;
    if (to >= p->n_vcpus) {
        vcpu_fail(v, "the turn goes to vCPU %llu, of %u", (unsigned long long)to, p->n_vcpus);
        return;
    }
    if (to != v->index) {
        struct vs_vcpu *o = &p->vcpu[to];
        o->turn_ps = now;
        o->has_turn = !vs_thread_waits_for(&o->thread, VS_FOR_TURN);
        if (!o->has_turn) {
            release(o, now);
        }
        vcpu_yield(v);
        if (v->request.b) { /* no turn is waited for */
            return;
        }
    }
    spin(v, v->has_turn, v->turn_ps);
    v->has_turn = false;
}

/* vCPUs of a replay meet: the last one lets the others go on, and the region of interest begins. */
void request_together(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t now = vs_cpu_now_ps(&v->hw->cpu), n = v->request.a, leader = v->request.b;
    if (leader >= p->n_vcpus) {
        vcpu_fail(v, "vCPUs are counted at vCPU %llu, of %u", (unsigned long long)leader,
                  p->n_vcpus);
        return;
    }
    v->gathers = 1u + (unsigned)leader;
    if (++p->vcpu[leader].gathered < n) {
        spin(v, false, 0);
        return;
    }
    p->vcpu[leader].gathered = 0;
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *o = &p->vcpu[i];
        if (o->gathers != v->gathers || o == v) {
            continue;
        }
        o->gathers = 0;
        if (vcpu_now_ps(o) < now) {
            waited(o, now);
        }
        release(o, now);
    }
    v->gathers = 0;
    vcpu_yield(v);
    machine_roi(p, v);
}
