/* SPDX-License-Identifier: MIT */
/* A vCPU that has its processor again, after another thread. */
#include "host/host.h"

/* KVM's kvm_arch_vcpu_load on Arm (last_vcpu_ran): a VMID is the machine's, and an ASID means
 * something else to each of its vCPUs. */
void host_sched_comes_back(struct vs_vcpu *v)
{
    struct vs_host *h = host_memory_of(v);
    uint8_t self = (uint8_t)(v->index + 1u), last = h->ran[v->hw->number];
    h->ran[v->hw->number] = self;
    if (v->p->el2 && last && last != self) {
        host_flush_linear(v, &v->txn, false, (vs_gva){0});
    }
}
