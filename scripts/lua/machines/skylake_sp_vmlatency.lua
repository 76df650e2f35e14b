-- SPDX-License-Identifier: MIT
return {
  text = "the round trip of Skylake-SP's transitions alone: a hypervisor that enters again at once",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "vmlatency", iommu = "vtd_skylake", nic = "x710",
}
