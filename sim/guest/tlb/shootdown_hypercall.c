/* SPDX-License-Identifier: MIT */
/*
 * guest.shootdown = hypercall: HvCallFlushVirtualAddressList as KVM implements it
 * (kvm_hv_flush_tlb). One exit; the hypervisor notes the addresses for each target, interrupts
 * those that run their guest (KVM_REQUEST_WAIT) and waits until they have left it; each flushes its
 * VPID before it enters again. Those that sleep are left alone (KVM_REQUEST_NO_WAKEUP) and flush at
 * their next entry. Under shadow paging they bring all in line and flush all then
 * (kvm_vcpu_flush_tlb_guest).
 */
#include "tlb.h"

void guest_tlb_call(struct vs_vcpu *v)
{
    struct vs_trap e = {.kind = VS_TRAP_HYPERCALL, .number = VS__CALL_FLUSH, .length = 3};
    if (!vcpu_trap_wait(v, &e, NULL)) {
        vcpu_fail(v, "guest.shootdown = hypercall: the instruction does not exit");
    }
}
