-- SPDX-License-Identifier: MIT
-- KVM on AMD, as far as translation goes: nested paging. The world switch is not AMD's yet.
return {
  base = "kvm",
  text = "KVM under AMD's nested paging",
  borrows = "the world switch and interrupt posting of the VMX description (no SVM model exists): translation is AMD's, the price of an exit is not",
  calibrated = "",
  paging = { mode = { "npt", "KVM's default where the processor has nested paging (kvm_amd.npt)", "documented" } },
}
