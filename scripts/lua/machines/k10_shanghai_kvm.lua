-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM with nested paging on K10, whose walker caches page-table lines; its IOMMU is VT-d, borrowed",
  cpu = "k10_shanghai", memory = "k10_shanghai", hypervisor = "kvm_npt", iommu = "vtd_for_amd", nic = "x710",
}
