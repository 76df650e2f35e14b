-- SPDX-License-Identifier: MIT
return {
  text = "a guest of VMware ESXi on Skylake-SP; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "esxi", iommu = "vtd_skylake", nic = "x710",
}
