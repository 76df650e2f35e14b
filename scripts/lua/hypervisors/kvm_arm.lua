-- SPDX-License-Identifier: MIT
-- KVM on Arm: stage 2 and a host at EL2 with VHE (model/el2).
return {
  borrows = { kvm = { why = "the hypercall's program as on x86: no count of Arm's instructions is at hand", "hypervisor.vmcall" } },
  text = "KVM on Arm: a host with VHE, stage 2",
  calibrated = "2A016",
  hypervisor = {
    common = { instructions = { 934, "2A016: 918 cycles less the parts modelled, at two instructions a cycle", "derived" } },
    halt_poll_ns = { 500000, "Linux arch/arm64/include/asm/kvm_host.h, KVM_HALT_POLL_NS_DEFAULT", "documented" },
  },
  paging = { mode = { "stage2", "KVM for arm64 always uses stage 2", "documented" } },
}
