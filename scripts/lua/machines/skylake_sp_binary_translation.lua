-- SPDX-License-Identifier: MIT
return {
  text = "a guest whose kernel is translated on Skylake-SP: no part of the time of such monitors was measured, this one is borrowed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "binary_translation", iommu = "vtd_skylake", nic = "x710",
}
