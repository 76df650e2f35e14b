-- SPDX-License-Identifier: MIT
return {
  text = "one core complex of a Zen 2 Rome machine, without a hypervisor",
  cpu = "zen2_rome", memory = "zen2_rome", hypervisor = "none", iommu = "off", nic = "x710",
}
