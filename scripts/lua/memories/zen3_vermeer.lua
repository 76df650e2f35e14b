-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Zen 3 core, from the latency staircase of a Ryzen 9 5900X.
local cpuid = "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X)"
return {
  same = { ddr4 = { why = "two channels of DDR4-3200", "memory.dram.banks", "memory.dram.row" } },
  text = "Zen 3 Vermeer: one complex's 32 MiB of L3, two channels of DDR4-3200",
  calibrated = "NL.zen3.PR",
  host = { frames = { "random", "NL.zen3.PR.s64.384K..512K: L2 spills from three quarters of its size on, which pages that take turns in its sets would do less", "derived" } },
  guest = { frames = { "random", "a guest's kernel gives out frames as the host's does", "assumed" } },
  memory = {
    line = { 64, cpuid .. ": leaf 80000005, ECX", "documented" },
    l1d = {
      size = { "32KiB", cpuid .. ": leaf 80000005, ECX", "documented" }, ways = { 8, cpuid .. ": leaf 8000001D, subleaf 0", "documented" },
      latency = { 4, "NL.zen3.PR.s64.2K..32K", "measured" },
      refill = { 3, "NL.zen3.PR.s4096.48K..256K, all in one set of L1D: 15 cycles where other L2 hits take 12; 73 to 79 from 12 MiB on, where walks lie between, show no such wait", "derived" },
    },
    l1i = { size = { "32KiB", cpuid .. ": leaf 80000005, EDX", "documented" }, ways = { 8, cpuid .. ": leaf 8000001D, subleaf 1", "documented" } },
    ddio = { false, "no AMD part before the EPYC 9005 series writes a device's data to a cache (Smart Data Cache Injection; Linux 6.19, x86/resctrl SDCIAE)", "documented" },
    walker = { entry = { "l2", "NL.zen3.PR.s4096.12288K..32768K: a walk of two loads takes 27 cycles, two L2 hits and 3", "derived" } },
    l2 = {
      size = { "512KiB", "AMD Ryzen 9 5900X: 512 KiB L2 a core", "documented" },
      ways = { 8, "AMD 56665 (Zen 3 optimization guide): 8 ways", "documented" },
      policy = { "random", "NL.zen3.PR.s64.384K..2048K: no sharp step", "derived" },
      hash_bits = { 3, "NL.zen3.PR.s4096.1024K..4096K: about 1024 of them fit, 128 sets where an index by modulo has 16; the function is assumed", "derived" },
      latency = { 12, "NL.zen3.PR.s64.48K..256K", "measured" },
      prefetch = { "next", "AMD 56665 (Zen 3 optimization guide) names an L2 prefetcher that fetches the next or previous line by the history of accesses. NL.zen3.PR.s64.98304K..524288K: 199 cycles, all beyond L3, where NL.zen3.PR.s4096.524288K takes 236, at most 27 of them a walk, with part of its lines in L3: an access to DRAM takes more than 209, so part of the 199 was fetched ahead. Its rule is assumed", "derived" },
    },
    llc = {
      policy = { "random", "NL.zen3.PR.s64.16384K..65536K: no sharp step", "derived" },
      size = { "32MiB", "AMD Ryzen 9 5900X: 32 MiB L3 for each complex", "documented" },
      fill = { "victim", "AMD 56665 (Zen 3 optimization guide), cache hierarchy: L3 is filled from the victims of the L2s", "documented" },
      inclusive = { false, "AMD 56665 (Zen 3 optimization guide), cache hierarchy: L3 is filled from the victims of the L2s", "documented" },
      hash_bits = { 3, "eight slices a complex; which one holds a line is hashed. The function is assumed; NL.zen3.PR.s4096.196608K..524288K: 2^16 of them fit", "derived" },
      ways = { 16, "AMD 56665 (Zen 3 optimization guide): 16 ways", "documented" },
      latency = { 46, "NL.zen3.PR.s64.3072K..16384K: 50 to 51 cycles, less 5 of the second-level TLB", "derived" },
    },
    dram = {
      channels = { 2, "AMD Ryzen 9 5900X: two DDR4 channels", "documented" },
      row_hit = { "53900", "row conflict less precharge and activation of DDR4-3200 (27.5 ns)", "derived" },
      row_miss = { "67650", "row conflict less precharge (13.75 ns)", "derived" },
      row_conflict = { "81400", "NL.zen3.PR.s64.98304K..524288K: 199 cycles at 3693 MHz are 0.62 accesses to DRAM, of 300 cycles, and 0.38 to lines that were fetched ahead, shares as simulated", "derived" },
    },
  },
}
