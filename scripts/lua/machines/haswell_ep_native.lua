-- SPDX-License-Identifier: MIT
return {
  text = "the same Haswell-EP machine without a hypervisor",
  cpu = "haswell_ep", memory = "haswell_ep", hypervisor = "none", iommu = "off", nic = "x710",
}
