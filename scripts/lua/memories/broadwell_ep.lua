-- SPDX-License-Identifier: MIT
return {
  base = "haswell_ep",
  borrows = { haswell_ep = { why = "caches of the part before it, until a staircase of this one is at hand", "memory", "host.frames", "guest.frames" } },
  same = { ddr4 = { why = "four channels of DDR4-2400", "memory.dram.banks", "memory.dram.row" } },
  text = "Broadwell-EP caches with four channels of DDR4-2400",
  calibrated = "4M091",
  memory = {
    remote_latency = { "77200", "4M091: E5-2680 v4, 151 ns remote less 73.8 local", "derived" },
    dram = {
      row_miss = { "73800", "4M091: E5-2680 v4, idle latency of local memory; closed rows need no split of it", "measured" },
      row_hit = { "73800", "closed rows: never taken", "derived" },
      row_conflict = { "73800", "closed rows: never taken", "derived" },
    },
    llc = { size = { "35MiB", "Intel Xeon E5-2680 v4 specification: 35 MB", "documented" } },
  },
}
