-- SPDX-License-Identifier: MIT
return {
  text = "an HVM guest under Xen on Skylake-SP, whose devices Dom0 emulates on the same processor",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "xen", iommu = "vtd_skylake", nic = "x710",
}
