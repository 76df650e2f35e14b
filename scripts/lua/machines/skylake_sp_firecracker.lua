-- SPDX-License-Identifier: MIT
return {
  text = "a guest of Firecracker on Skylake-SP",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "firecracker", iommu = "vtd_skylake", nic = "x710",
}
