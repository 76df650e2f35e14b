-- SPDX-License-Identifier: MIT
-- Caches and DRAM around a Neoverse N1 core: geometry from Arm, every latency but the L1's assumed. No
-- latency staircase of an N1 is at hand, so nothing is calibrated.
return {
  same = { ddr4 = { why = "eight channels of DDR4-3200", "memory.dram.banks", "memory.dram.row" } },
  borrows = { skylake_sp = { why = "no latency of this part's DRAM is at hand", "memory.dram" } },
  text = "64 KiB L1, 1 MiB L2, 32 MiB shared last level, eight channels of DDR4-3200",
  memory = {
    line = { 64, "Arm 100616: cache lines of 64 bytes", "documented" },
    l1d = {
      size = { "64KiB", "Arm 100616 (Neoverse N1 TRM), L1 memory system", "documented" },
      ways = { 4, "Arm 100616: 4 ways", "documented" },
      latency = { 4, "Arm PJDOC-466751330-9707 (Neoverse N1 optimization guide): loads take 4 cycles", "documented" },
    },
    l1i = {
      size = { "64KiB", "Arm 100616, L1 memory system", "documented" },
      ways = { 4, "Arm 100616: 4 ways", "documented" },
    },
    l2 = {
      size = { "1MiB", "Arm learning path 'Cache levels and performance cliffs': 1 MB private L2 on Neoverse N1 servers", "documented" },
      ways = { 8, "Arm learning path 'Cache levels and performance cliffs': 8 ways", "documented" },
      latency = { 11, "no measurement at hand; a private L2 of that size near the 12 to 14 cycles of the x86 parts", "assumed" },
    },
    llc = {
      size = { "32MiB", "Arm learning path 'Cache levels and performance cliffs': 32 MB shared on 64 cores of Neoverse N1", "documented" },
      fill = { "all", "no source at hand", "assumed" },
      inclusive = { false, "Arm CMN-600: a snoop filter beside the system-level cache follows what the cores hold", "assumed" },
      ways = { 16, "no source at hand; as most parts of that size", "assumed" },
      latency = { 90, "no measurement at hand; 30 ns over a mesh of a large part", "assumed" },
    },
    ddio = { false, "device writes are not known to allocate", "assumed" },
    dram = {
      channels = { 8, "Ampere Altra specification: eight DDR4-3200 channels", "documented" },
    },
  },
}
