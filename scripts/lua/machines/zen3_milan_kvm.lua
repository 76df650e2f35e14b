-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM with nested paging on one core complex of a Zen 3 Milan machine; its IOMMU is VT-d, borrowed",
  cpu = "zen3_milan", memory = "zen3_milan", hypervisor = "kvm_npt", iommu = "vtd_for_amd", nic = "x710",
}
