-- SPDX-License-Identifier: MIT
-- Caches and DRAM around a Neoverse N1 core: geometry from Arm, latencies of L1 and L2 documented, of
-- DRAM that of a Graviton2, of the last level assumed. No latency staircase of an N1 is at hand.
return {
  same = { ddr4 = { why = "eight channels of DDR4-3200", "memory.dram.banks", "memory.dram.row" } },
  calibrated = "C1239",
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
      latency = { 11, "C1240: 11 cycles of 1 MiB (Graviton2)", "documented" },
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
      row_hit = { "55500", "row conflict less precharge and activation of DDR4-3200 (27.5 ns)", "derived" },
      row_miss = { "69250", "row conflict less precharge of DDR4-3200 (13.75 ns)", "derived" },
      row_conflict = { "83000", "C1239: 83 ns of random loads in huge pages, by Arm (Graviton2: the same core and the same eight channels)", "measured" },
    },
  },
}
