-- SPDX-License-Identifier: MIT
return {
  base = "haswell_ep",
  same = { ddr4 = { why = "four channels of DDR4-2400", "memory.dram.banks", "memory.dram.row" } },
  text = "Broadwell-EP caches with four channels of DDR4-2400",
  memory = {
    llc = { size = { "35MiB", "Intel Xeon E5-2680 v4 specification: 35 MB", "documented" } },
  },
}
