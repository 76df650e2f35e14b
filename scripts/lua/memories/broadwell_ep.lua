-- SPDX-License-Identifier: MIT
return {
  base = "haswell_ep",
  borrows = { haswell_ep = { why = "caches and DRAM of the part before it, until a staircase of this one is at hand", "memory", "host.frames", "guest.frames" } },
  same = { ddr4 = { why = "four channels of DDR4-2400", "memory.dram.banks", "memory.dram.row" } },
  text = "Broadwell-EP caches with four channels of DDR4-2400",
  memory = {
    llc = { size = { "35MiB", "Intel Xeon E5-2680 v4 specification: 35 MB", "documented" } },
  },
}
