-- SPDX-License-Identifier: MIT
return {
  text = "an Ampere Altra with Neoverse N1 cores, without a hypervisor",
  cpu = "neoverse_n1", memory = "neoverse_n1", hypervisor = "none", iommu = "off", nic = "x710",
}
