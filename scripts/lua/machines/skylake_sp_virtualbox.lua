-- SPDX-License-Identifier: MIT
return {
  text = "a guest of VirtualBox on Skylake-SP; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "virtualbox", iommu = "vtd_skylake", nic = "x710",
}
