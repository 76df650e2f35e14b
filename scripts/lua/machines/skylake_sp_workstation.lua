-- SPDX-License-Identifier: MIT
return {
  text = "a guest of VMware Workstation on Skylake-SP; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "vmware_workstation", iommu = "vtd_skylake", nic = "x710",
}
