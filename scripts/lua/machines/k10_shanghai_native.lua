-- SPDX-License-Identifier: MIT
return {
  text = "K10 without a hypervisor",
  cpu = "k10_shanghai", memory = "k10_shanghai", hypervisor = "none", iommu = "off", nic = "x710",
}
