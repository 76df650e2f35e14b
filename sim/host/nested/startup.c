/* SPDX-License-Identifier: MIT */
/* INIT and start-up IPI of a guest hypervisor's guest (cpu/startup.c): its hypervisor, L1, writes
 * the state that a reset leaves to its own control structure, by instructions that may leave it. */
#include "host/host.h"

#include "cpu/nested.h"

void host_nested_startup(struct vs_vcpu *v, bool start)
{
    struct vs_nested *n = v->nested;
    struct vs_nested_step step;
    if (!start && n->own_timer) { /* kvm_lapic_reset: hrtimer_cancel */
        host_nested_deadline(v, false);
    }
    for (unsigned i = 0; !v->failed && n->port.resets(n->port.ctx, &v->txn, start, i, &step); i++) {
        host_nested_execute(v, &step);
    }
}
