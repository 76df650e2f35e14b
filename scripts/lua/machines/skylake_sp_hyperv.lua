-- SPDX-License-Identifier: MIT
return {
  text = "a guest of Hyper-V on Skylake-SP; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "hyperv", iommu = "vtd_skylake", nic = "x710",
}
