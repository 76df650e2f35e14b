-- SPDX-License-Identifier: MIT
return {
  text = "a Broadwell-EP machine without a hypervisor",
  cpu = "broadwell_ep", memory = "broadwell_ep", hypervisor = "none", iommu = "off", nic = "x710",
}
