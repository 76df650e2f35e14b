/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef VIRTSIM_SIM_GUEST_TLB_H
#define VIRTSIM_SIM_GUEST_TLB_H

#include "guest/guest.h"

/* arm.c: one page of the present address space, on this core unless the hypervisor forces more. */
void guest_tlb_tlbi_page(struct vs_vcpu *v, uint64_t at);

/* shootdown.c: `o`, another vCPU than v, has the address space of v loaded. */
bool guest_tlb_has_loaded(const struct vs_vcpu *o, const struct vs_vcpu *v);
/* shootdown_ipi.c: v notes for each of the others what it is to drop, and interrupts it. */
void guest_tlb_shootdown_ipi(struct vs_vcpu *v, struct vs_shot shot);
/* shootdown_hypercall.c: v names the others to its hypervisor, in whose exit it may have to wait.
 */
void guest_tlb_shootdown_hypercall(struct vs_vcpu *v, struct vs_shot shot);

#endif
