-- SPDX-License-Identifier: MIT
-- KVM on Arm: stage 2 and a host at EL2 with VHE (model/el2).
return {
  borrows = { kvm = { why = "the hypercall's program as on x86: no count of Arm's instructions is at hand", "hypervisor.hypercall", "hypervisor.path_in.common" } },
  text = "KVM on Arm: a host with VHE, stage 2",
  calibrated = "2A016",
  hypervisor = {
    path_in = { common = { instructions = { 934, "2A016: 918 cycles less the parts modelled, at two instructions a cycle", "derived" } } },
    cpu_id = { search = { instructions = { 250, "reading of kvm_handle_sys_reg and access_id_reg: binary search of the table of registers, about ten steps through a function pointer, the sanitised value, the guest's register, skip", "assumed" } } },
    msr = { read = { emulate = { instructions = { 220, "reading of kvm_handle_sys_reg: the same search, and a value of the vCPU structure", "assumed" } } } },
    pause = { yield = { instructions = { 200, "reading of kvm_handle_wfx: of WFE it is kvm_vcpu_on_spin, which x86's handle_pause calls too", "assumed" } } },
    halt_poll_ns = { 500000, "Linux arch/arm64/include/asm/kvm_host.h, KVM_HALT_POLL_NS_DEFAULT", "documented" },
  },
  paging = { mode = { "stage2", "KVM for arm64 always uses stage 2", "documented" } },
}
