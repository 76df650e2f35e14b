-- SPDX-License-Identifier: MIT
return {
  text = "a Sandy Bridge-EP machine without a hypervisor",
  cpu = "sandybridge_ep", memory = "sandybridge_ep", hypervisor = "none", iommu = "off", nic = "x710",
}
