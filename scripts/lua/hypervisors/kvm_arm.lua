-- SPDX-License-Identifier: MIT
-- KVM on Arm, as far as translation goes: stage 2. The world switch is not Arm's yet.
return {
  base = "kvm",
  text = "KVM under Arm's stage 2",
  borrows = "the world switch, interrupts and handlers of the VMX description (no EL2 model exists): translation is Arm's, the price of an exit is not",
  calibrated = "",
  paging = { mode = { "stage2", "KVM for arm64 always uses stage 2", "documented" } },
}
