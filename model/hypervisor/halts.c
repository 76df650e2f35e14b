/* SPDX-License-Identifier: MIT */
/* Halts of a vCPU as its host sees them: polling, the thread put to sleep and woken (KVM's
 * kvm_vcpu_halt), and what being put on a processor again does. */
#include "hypervisor/hypervisor_impl.h"

#define NS 1000u

/* KVM's shrink_ple_window. */
static uint64_t shrunk(const struct vs_hypervisor *h, uint64_t now)
{
    uint64_t by = h->cfg.ple_shrink, first = h->first_spin;
    uint64_t next = !by ? first : by < first ? now / by : now > by ? now - by : 0;
    return next < first ? first : next;
}

/* Time on one of the hypervisor's accounts. */
static void charge(struct vs_txn *t, uint16_t account, uint64_t ps)
{
    if (ps) {
        vs_ps d = {ps};
        vs_charge_beside(t, account, d);
    }
}

/* KVM's kvm_vcpu_halt: short halts that polling missed make it grow, long ones shrink it. */
static void adapt(struct vs_hypervisor *h, uint64_t halt_ps)
{
    const struct vs_hypervisor_config *c = &h->cfg;
    uint64_t most = c->halt_poll_ns * NS, start = c->halt_poll_grow_start * NS, now = h->poll_ps;
    if (halt_ps <= now) {
        return;
    }
    if (now && halt_ps > most) {
        now = c->halt_poll_shrink ? now / c->halt_poll_shrink : 0;
        now = now < start ? 0 : now;
    } else if (now < most && halt_ps < most && c->halt_poll_grow) {
        now = now * c->halt_poll_grow;
        now = now < start ? start : now;
    }
    h->poll_ps = now < most ? now : most;
}

void vs_hv_polled(struct vs_hypervisor *h, vs_ps halt)
{
    h->count[VS_CNT_hypervisor_polled] += halt.v / NS;
    h->count[VS_CNT_hypervisor_polls]++;
}

void vs_hv_wake(struct vs_hypervisor *h, struct vs_txn *t, vs_ps since, vs_ps event)
{
    uint64_t halt = event.v > since.v ? event.v - since.v : 0, asleep = h->poll_ps + h->block_ps;
    if (halt <= h->poll_ps) {
        vs_hv_polled(h, (vs_ps){halt});
        return;
    }
    h->count[VS_CNT_hypervisor_polled] += h->poll_ps / NS;
    /* going to sleep is done when it is done, event or not */
    uint64_t rest = asleep > halt ? asleep - halt : 0;
    h->count[VS_CNT_hypervisor_blocks]++;
    charge(t, h->block_account, rest);
    charge(t, h->wake_account, h->wake_ps);
    adapt(h, halt + rest + h->wake_ps);
    h->l1d_due = true;   /* kvm_arch_vcpu_load */
    if (h->first_spin) { /* vmx_vcpu_load, svm_sched_in */
        uint64_t now = 0;
        h->state.read(h->state.ctx, NULL, VS_STATE_SPIN, &now);
        vs__hv_set_spin(h, t, now, shrunk(h, now), VS_CNT_hypervisor_spins_shrunk);
    }
}

void vs_hv_block(struct vs_hypervisor *h, struct vs_txn *t, vs_ps polled)
{
    h->count[VS_CNT_hypervisor_polled] += polled.v / NS;
    h->count[VS_CNT_hypervisor_blocks]++;
    charge(t, h->block_account, h->block_ps);
}

void vs_hv_woken(struct vs_hypervisor *h, struct vs_txn *t, vs_ps halt, bool from_idle)
{
    if (from_idle) {
        charge(t, h->wake_account, h->wake_ps);
    }
    adapt(h, halt.v + (from_idle ? h->wake_ps : 0));
}
