-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM on Skylake-SP with a virtual function of a 10 Gb/s adapter",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "kvm", iommu = "vtd_skylake", nic = "x710",
}
