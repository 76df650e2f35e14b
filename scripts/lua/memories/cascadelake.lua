-- SPDX-License-Identifier: MIT
return {
  base = "skylake_sp",
  borrows = { skylake_sp = { why = "no staircase of this part is at hand", "memory.dram", "memory.llc.latency", "host.frames", "guest.frames" } },
  same = { ddr4 = { why = "six channels of DDR4-2933", "memory.dram.banks", "memory.dram.row" } },
  text = "Cascade Lake caches with six channels of DDR4-2933",
  calibrated = "4M097",
  memory = {
    remote_latency = { "52800", "4M097: Gold 6240, 140.4 ns remote less 87.6 local", "derived" },
    llc = { size = { "35.75MiB", "Intel Xeon Gold 6252 specification: 35.75 MB", "documented" } },
  },
}
