-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM on Sandy Bridge-EP",
  cpu = "sandybridge_ep", memory = "sandybridge_ep", hypervisor = "kvm_no_apicv", iommu = "vtd_for_intel", nic = "x710",
}
