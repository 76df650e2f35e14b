-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Zen 3 core, from the latency staircase of a Ryzen 9 5900X.
return {
  text = "Zen 3 Vermeer: one complex's 32 MiB of L3, two channels of DDR4-3200",
  borrows = "nothing: latencies are those of a Ryzen 9 5900X at 3693 MHz",
  calibrated = "native_latency:zen3",
  memory = {
    l1d = {
      latency = { 4, "native_latency zen3, 2-32 KiB", "measured" },
      refill = { 3, "native_latency zen3, 48-256 KiB of lines a page apart, all in one set of L1D: 15 cycles where other L2 hits take 12; 73 to 79 from 12 MiB on, where walks lie between, show no such wait", "derived" },
    },
    walker = { entry = { "l2", "native_latency zen3, 12-32 MiB of lines a page apart: a walk of two loads takes 27 cycles, two L2 hits and 3", "derived" } },
    l2 = {
      size = { "512KiB", "AMD Ryzen 9 5900X: 512 KiB L2 a core", "documented" },
      ways = { 8, "AMD 56665 (Zen 3 optimization guide): 8 ways", "documented" },
      policy = { "random", "native_latency zen3, 384-2048 KiB: no sharp step", "derived" },
      hash_bits = { 3, "native_latency zen3, 1-4 MiB page-random of lines a page apart: about 1024 of them fit, 128 sets where an index by modulo has 16; the function is assumed", "derived" },
      latency = { 12, "native_latency zen3, 48-256 KiB", "measured" },
      prefetch = { "next", "AMD 56665 (Zen 3 optimization guide) names an L2 prefetcher that fetches the next or previous line by the history of accesses. native_latency zen3, 96-512 MiB page-random: 199 cycles, which no DRAM access alone explains when full-random ones take 350. Its rule is assumed", "derived" },
    },
    llc = {
      policy = { "random", "native_latency zen3, 16-64 MiB: no sharp step", "derived" },
      size = { "32MiB", "AMD Ryzen 9 5900X: 32 MiB L3 for each complex", "documented" },
      fill = { "victim", "AMD 56665 (Zen 3 optimization guide), cache hierarchy: L3 is filled from the victims of the L2s", "documented" },
      hash_bits = { 3, "eight slices a complex; which one holds a line is hashed. The function is assumed; native_latency zen3, 192-512 MiB page-random of lines a page apart: 2^16 of them fit", "derived" },
      ways = { 16, "AMD 56665 (Zen 3 optimization guide): 16 ways", "documented" },
      latency = { 46, "native_latency zen3, 3-16 MiB page-random: 50 to 51 cycles, less 5 of the second-level TLB", "derived" },
    },
    dram = {
      channels = { 2, "AMD Ryzen 9 5900X: two DDR4 channels", "documented" },
      row_hit = { "53900", "row conflict less precharge and activation of DDR4-3200 (27.5 ns)", "derived" },
      row_miss = { "67650", "row conflict less precharge (13.75 ns)", "derived" },
      row_conflict = { "81400", "native_latency zen3, 96-512 MiB page-random: 199 cycles at 3693 MHz are 0.62 accesses to DRAM, of 300 cycles, and 0.38 to lines that were fetched ahead", "derived" },
    },
  },
}
