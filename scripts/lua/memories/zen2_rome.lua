-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Zen 2 server core, from the latency staircase of an EPYC 7742.
return {
  text = "Zen 2 Rome: one core complex's 16 MiB of L3, eight channels of DDR4-3200",
  borrows = "nothing: latencies are those of an EPYC 7742, in cycles of 2250 MHz",
  calibrated = "native_latency:zen2_rome",
  memory = {
    l1d = {
      latency = { 4, "native_latency zen2_rome, 2-32 KiB", "measured" },
      refill = { 1, "native_latency zen2_rome, 48-256 KiB of lines a page apart, all in one set of L1D: 13 cycles where other L2 hits take 12", "derived" },
    },
    walker = { entry = { "l2", "native_latency zen2_rome, 12 MiB of lines a page apart: 15 cycles more than at 4 MiB are one L2 hit and 3", "derived" } },
    l2 = {
      size = { "512KiB", "AMD EPYC 7742: 512 KiB L2 a core", "documented" },
      ways = { 8, "AMD 56305 (Zen 2 optimization guide): 8 ways", "documented" },
      latency = { 12, "native_latency zen2_rome, 48-256 KiB", "measured" },
    },
    llc = {
      size = { "16MiB", "AMD EPYC 7742: 16 MiB L3 for each complex of four cores", "documented" },
      fill = { "victim", "AMD 56305 (Zen 2 optimization guide), cache hierarchy: L3 is filled from the victims of the L2s", "documented" },
      ways = { 16, "AMD 56305 (Zen 2 optimization guide): 16 ways", "documented" },
      latency = { 41, "native_latency zen2_rome, 1.5-8 MiB page-random: 45 less the 6 of the second-level TLB that three loads in four pay; AMD 56305 (Zen 2 optimization guide): 39 cycles on average", "derived" },
    },
    dram = {
      channels = { 8, "AMD EPYC 7742: eight DDR4-3200 channels", "documented" },
      row_hit = { "222000", "native_latency zen2_rome, 32-128 MiB page-random: 500 to 512 cycles at 2250 MHz", "measured" },
      row_miss = { "235750", "row hit and one activation of DDR4-3200 (13.75 ns)", "derived" },
      row_conflict = { "249500", "row hit, precharge and activation of DDR4-3200 (27.5 ns)", "derived" },
    },
  },
}
