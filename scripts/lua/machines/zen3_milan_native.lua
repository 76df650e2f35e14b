-- SPDX-License-Identifier: MIT
return {
  text = "one core complex of a Zen 3 Milan machine, without a hypervisor",
  cpu = "zen3_milan", memory = "zen3_milan", hypervisor = "none", iommu = "off", nic = "x710",
}
