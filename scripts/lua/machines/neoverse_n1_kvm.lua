-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM with stage 2 on an Ampere Altra",
  cpu = "neoverse_n1", memory = "neoverse_n1", hypervisor = "kvm_arm", iommu = "vtd_haswell", nic = "x710",
}
