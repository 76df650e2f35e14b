/* SPDX-License-Identifier: MIT */
/* nested_vmcs.c: VMX's part of a hypervisor in a guest. */
#ifndef VIRTSIM_SIM_MACHINE_NESTED_VMCS_H
#define VIRTSIM_SIM_MACHINE_NESTED_VMCS_H

#include "world.h"

#include "vmcs/vmcs_nested.h"

/* The VMCSs of the vCPU's guest hypervisor, whose guest is what `guest` sets up and what runs
 * afterwards. *result: whether the processor enters it. */
enum vs_status machine_nested_vmcs(struct vs_vcpu *v, struct vs_vmx *x, struct vs_vmx_nested *m,
                                   const struct vs_vmx_setup *guest, enum vs_vmx_result *result,
                                   struct vs_errors *errors);

#endif
