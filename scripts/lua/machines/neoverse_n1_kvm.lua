-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM with stage 2 on an Ampere Altra; its IOMMU is VT-d, borrowed",
  cpu = "neoverse_n1", memory = "neoverse_n1", hypervisor = "kvm_arm", iommu = "vtd_for_arm", nic = "x710",
}
