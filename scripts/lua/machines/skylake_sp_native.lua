-- SPDX-License-Identifier: MIT
return {
  text = "the same Skylake-SP machine without a hypervisor",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "none", iommu = "off", nic = "x710",
}
