-- SPDX-License-Identifier: MIT
return {
  of = "haswell_ep",
  text = "VT-d as measured on a Haswell host with a PCIe 3.0 x8 adapter",
  calibrated = "5I109 5I111 5I112 5I113 5I115 5I127 6P060",
  iommu = {
    iotlb = { entries = { 118, "5I111-113: misses of random accesses over 512 KiB to 2 MiB fit 118 entries; 128 may be built, and others use some", "derived" } },
    walk = {
      latency = { "205ns", "5I115: a miss adds 231 ns; less one entry from the last-level cache, where the tables of a 64 MiB window stay", "derived" },
      slots = { 4, "5I127: 10.05 Gb/s of 64-byte reads that miss are one every 51 ns, a miss taking 227", "derived" },
    },
  },
}
