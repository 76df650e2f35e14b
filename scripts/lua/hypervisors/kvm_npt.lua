-- SPDX-License-Identifier: MIT
-- KVM on AMD: nested paging and the VMCB's world switch (model/svm).
return {
  borrows = { kvm = { why = "the code of KVM that all processors share; what was fitted was the round trip on Intel", "hypervisor" } },
  text = "KVM on AMD: SVM and nested paging",
  calibrated = "1X095",
  paging = { mode = { "npt", "KVM's default where the processor has nested paging (kvm_amd.npt)", "documented" } },
}
