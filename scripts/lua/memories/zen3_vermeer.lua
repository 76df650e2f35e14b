-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Zen 3 core, from the latency staircase of a Ryzen 9 5900X.
return {
  text = "Zen 3 Vermeer: one complex's 32 MiB of L3, two channels of DDR4-3200",
  borrows = "nothing: latencies are those of a Ryzen 9 5900X at 3693 MHz",
  calibrated = "native_latency:zen3",
  memory = {
    l1d = { latency = { 4, "native_latency zen3, 2-32 KiB", "measured" } },
    l2 = {
      size = { "512KiB", "AMD Ryzen 9 5900X: 512 KiB L2 a core", "documented" },
      ways = { 8, "AMD 56665 (Zen 3 optimization guide): 8 ways", "documented" },
      policy = { "random", "native_latency zen3, 384-2048 KiB: no sharp step", "derived" },
      latency = { 12, "native_latency zen3, 48-256 KiB", "measured" },
    },
    llc = {
      policy = { "random", "native_latency zen3, 16-64 MiB: no sharp step", "derived" },
      size = { "32MiB", "AMD Ryzen 9 5900X: 32 MiB L3 for each complex", "documented" },
      ways = { 16, "AMD 56665 (Zen 3 optimization guide): 16 ways", "documented" },
      latency = { 46, "native_latency zen3, 3-16 MiB page-random: 50 to 51 cycles, less 5 of the second-level TLB", "derived" },
    },
    dram = {
      channels = { 2, "AMD Ryzen 9 5900X: two DDR4 channels", "documented" },
      row_hit = { "53900", "native_latency zen3, 96-512 MiB page-random: 199 cycles at 3693 MHz", "measured" },
      row_miss = { "67650", "row hit and one activation of DDR4-3200 (13.75 ns)", "derived" },
      row_conflict = { "81400", "row hit, precharge and activation of DDR4-3200 (27.5 ns)", "derived" },
    },
  },
}
