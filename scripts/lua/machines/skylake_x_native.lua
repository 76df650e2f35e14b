-- SPDX-License-Identifier: MIT
return {
  text = "the Skylake-X workstation whose latency staircase was measured",
  cpu = "skylake_x", memory = "skylake_x", hypervisor = "none", iommu = "off", nic = "x710",
}
