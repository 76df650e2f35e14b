-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a K10 server core, from the latencies of an Opteron 2378 at 2400 MHz. That
-- its L2 holds no line of its L1 is left out.
local dump = "InstLatX64 AuthenticAMD0100F42_K10_Shanghai_MemLatX64"
return {
  calibrated = "InstLatX64:AuthenticAMD0100F42_K10_Shanghai_MemLatX64",
  text = "K10 Shanghai: 64 KiB of L1, 512 KiB of L2 a core, 6 MiB of L3, two channels of DDR2-800",
  memory = {
    line = { 64, dump .. ": 64 bytes", "documented" },
    ddio = { false, "no AMD part before the EPYC 9005 series writes a device's data to a cache (Smart Data Cache Injection; Linux 6.19, x86/resctrl SDCIAE)", "documented" },
    l1d = {
      size = { "64KiB", dump .. ": L1D", "documented" }, ways = { 2, dump .. ": L1D, 2 way", "documented" },
      latency = { 3, dump .. ", 1-64 KiB", "measured" },
    },
    l1i = { size = { "64KiB", dump .. ": L1I", "documented" }, ways = { 2, dump .. ": L1I, 2 way", "documented" } },
    l2 = {
      size = { "512KiB", dump .. ": L2", "documented" }, ways = { 16, dump .. ": L2, 16 way", "documented" },
      latency = { 15, dump .. ", linear, stride 128, 128-512 KiB", "measured" },
    },
    llc = {
      size = { "6MiB", dump .. ": L3", "documented" }, ways = { 48, dump .. ": L3, 48 way", "documented" },
      inclusive = { false, dump .. ": L3, exclusive", "documented" },
      fill = { "victim", dump .. ": L3, exclusive", "documented" },
      latency = { 51, dump .. ", linear, stride 128, 1-2 MiB", "measured" },
    },
    dram = {
      banks = { 16, "JESD79-2 (DDR2): eight banks a rank; two ranks a channel are assumed", "derived" },
      row = { "8KiB", "JESD79-2 (DDR2): pages of 1 KiB on each of the eight x8 devices of a rank", "documented" },
      channels = { 2, "AMD Opteron 2378: two channels of DDR2-800", "documented" },
      row_hit = { "97900", dump .. ", linear, stride 512, 16-64 MiB: 235 cycles at 2400 MHz", "measured" },
      row_miss = { "106300", dump .. ", random, 16-64 MiB: 272 to 288 cycles less a walk that ends in the L2", "derived" },
      row_conflict = { "106300", "as row_miss: the staircase does not tell them apart", "assumed" },
    },
  },
}
