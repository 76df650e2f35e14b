/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef VIRTSIM_SIM_GUEST_TLB_H
#define VIRTSIM_SIM_GUEST_TLB_H

#include "guest/guest.h"

/* arm.c: one page of the present address space, on this core unless the hypervisor forces more. */
void guest_tlb_tlbi_page(struct vs_vcpu *v, uint64_t at);

#endif
