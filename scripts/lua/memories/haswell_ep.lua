-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Haswell server core, from the latency staircase of an E5-2660 v3.
return {
  text = "Haswell-EP caches with four channels of DDR4-2133",
  borrows = "nothing: latencies are those of an E5-2660 v3 at 2600 MHz",
  calibrated = "native_latency:haswell_ep",
  memory = {
    l1d = { latency = { 4, "native_latency haswell_ep, 8-32 KiB", "measured" } },
    l2 = {
      size = { "256KiB", "native_latency haswell_ep: step at 256 KiB", "documented" },
      ways = { 8, "native_latency haswell_ep gives no ways; 8 is the family's", "assumed" },
      latency = { 12, "native_latency haswell_ep, 48-256 KiB", "measured" },
    },
    llc = {
      size = { "25MiB", "E5-2660 v3: 25 MB last-level cache, step at 24 MiB", "documented" },
      ways = { 20, "one 2.5 MiB slice a core, 20 ways: the family's", "assumed" },
      inclusive = { true, "Intel's server parts before Skylake-SP have an inclusive LLC", "documented" },
      latency = { 50, "native_latency haswell_ep, 384 KiB", "measured" },
    },
    dram = {
      channels = { 4, "E5-2600 v3: four DDR4 channels", "documented" },
      row_conflict = { "85ns", "native_latency haswell_ep, 64 MiB page-random: 221 cycles at 2600 MHz", "measured" },
      row_miss = { "71ns", "row conflict less one precharge (14 ns)", "derived" },
      row_hit = { "57ns", "row conflict less precharge and activation (28 ns)", "derived" },
    },
  },
}
