-- SPDX-License-Identifier: MIT
return {
  text = "the Zen 3 desktop whose latency staircase was measured, without a hypervisor",
  cpu = "zen3_vermeer", memory = "zen3_vermeer", hypervisor = "none", iommu = "off", nic = "x710",
}
