-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM on Broadwell-EP",
  cpu = "broadwell_ep", memory = "broadwell_ep", hypervisor = "kvm", iommu = "vtd_for_intel", nic = "x710",
}
