-- SPDX-License-Identifier: MIT
return {
  text = "a Cascade Lake machine without a hypervisor",
  cpu = "cascadelake", memory = "cascadelake", hypervisor = "none", iommu = "off", nic = "x710",
}
