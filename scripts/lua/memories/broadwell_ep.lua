-- SPDX-License-Identifier: MIT
return {
  base = "haswell_ep",
  text = "Broadwell-EP caches with four channels of DDR4-2400",
  borrows = "every latency of the Haswell-EP description, caches in core cycles and DRAM in ns",
  memory = {
    llc = { size = { "35MiB", "Intel Xeon E5-2680 v4 specification: 35 MB", "documented" } },
  },
}
