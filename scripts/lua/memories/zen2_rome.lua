-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Zen 2 server core, from the latency staircase of an EPYC 7742.
local seven = "7-cpu.com, AMD Zen2 (3800X, the same core): 32 KB, 64 B/line, 8-WAY"
return {
  same = { ddr4 = { why = "eight channels of DDR4-3200", "memory.dram.banks", "memory.dram.row" } },
  text = "Zen 2 Rome: one core complex's 16 MiB of L3, eight channels of DDR4-3200",
  calibrated = "NL.zen2_rome.PR",
  host = { frames = { "colored", "NL.zen2_rome.PR.s64.8192K..12288K: L3 holds three quarters of its size without a loss, as it does where successive pages take turns in its sets; frames at random overfill some", "derived" } },
  guest = { frames = { "colored", "a guest's kernel gives out frames as the host's does", "assumed" } },
  memory = {
    line = { 64, seven, "documented" },
    l1d = {
      size = { "32KiB", seven, "documented" }, ways = { 8, seven, "documented" },
      latency = { 4, "NL.zen2_rome.PR.s64.2K..32K", "measured" },
      refill = { 1, "NL.zen2_rome.PR.s4096.48K..256K, all in one set of L1D: 13 cycles where other L2 hits take 12", "derived" },
    },
    l1i = { size = { "32KiB", seven, "documented" }, ways = { 8, seven, "documented" } },
    ddio = { false, "no AMD part before the EPYC 9005 series writes a device's data to a cache (Smart Data Cache Injection; Linux 6.19, x86/resctrl SDCIAE)", "documented" },
    walker = { entry = { "l2", "NL.zen2_rome.PR.s4096.12288K: 15 cycles more than at 4 MiB are one L2 hit and 3", "derived" } },
    l2 = {
      size = { "512KiB", "AMD EPYC 7742: 512 KiB L2 a core", "documented" },
      ways = { 8, "AMD 56305 (Zen 2 optimization guide): 8 ways", "documented" },
      latency = { 12, "NL.zen2_rome.PR.s64.48K..256K", "measured" },
    },
    llc = {
      size = { "16MiB", "AMD EPYC 7742: 16 MiB L3 for each complex of four cores", "documented" },
      fill = { "victim", "AMD 56305 (Zen 2 optimization guide), cache hierarchy: L3 is filled from the victims of the L2s", "documented" },
      inclusive = { false, "AMD 56305 (Zen 2 optimization guide), cache hierarchy: L3 is filled from the victims of the L2s", "documented" },
      ways = { 16, "AMD 56305 (Zen 2 optimization guide): 16 ways", "documented" },
      latency = { 41, "NL.zen2_rome.PR.s64.1536K..8192K: 45 less the 6 of the second-level TLB that three loads in four pay; AMD 56305 (Zen 2 optimization guide): 39 cycles on average", "derived" },
    },
    dram = {
      channels = { 8, "AMD EPYC 7742: eight DDR4-3200 channels", "documented" },
      row_hit = { "82500", "row conflict less precharge and activation of DDR4-3200 (27.5 ns)", "derived" },
      row_miss = { "96250", "row conflict less precharge of DDR4-3200 (13.75 ns)", "derived" },
      row_conflict = { "110000", "C1301: 122 ns of random loads over 128 MiB, 12 of which are page walks here; 134 ns over 512 MiB is left to compare with", "derived" },
    },
  },
}
