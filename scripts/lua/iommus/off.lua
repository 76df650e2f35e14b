-- SPDX-License-Identifier: MIT
return {
  of = "any",
  text = "no remapping: devices use physical addresses",
  iommu = {
    enabled = { false, "bare metal without remapping", "assumed" },
    interrupt_remapping = { false, "bare metal without remapping", "assumed" },
  },
}
