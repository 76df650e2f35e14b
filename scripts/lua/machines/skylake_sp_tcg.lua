-- SPDX-License-Identifier: MIT
return {
  text = "QEMU's TCG on Skylake-SP: no accelerator, everything is translated; no time of it on this part is at hand",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "tcg", iommu = "vtd_skylake", nic = "x710",
}
