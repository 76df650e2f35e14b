-- SPDX-License-Identifier: MIT
return {
  of = "haswell_ep",
  text = "VT-d as measured on a Haswell host with a PCIe 3.0 x8 adapter",
  calibrated = "5I109 5I111 5I115 6P060",
  iommu = {
    iotlb = { entries = { 128, "5I111-113: about 118 entries effective under random accesses", "derived" } },
    walk = { latency = { "137ns", "5I115: a miss adds 227 ns; less one entry from memory", "derived" } },
  },
}
