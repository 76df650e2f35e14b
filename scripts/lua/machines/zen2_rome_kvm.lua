-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM with nested paging on one core complex of a Zen 2 Rome machine; its IOMMU is VT-d, borrowed",
  cpu = "zen2_rome", memory = "zen2_rome", hypervisor = "kvm_npt", iommu = "vtd_for_amd", nic = "x710",
}
