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
      policy = { "tree_plru", "native_latency haswell_ep, 24-48 MiB: between LRU and random", "derived" },
      inclusive = { true, "Intel's server parts before Skylake-SP have an inclusive LLC", "documented" },
      latency = { 46, "native_latency haswell_ep, lines a page apart, 1-4 MiB: 55 cycles less 9 of the second-level TLB", "derived" },
    },
    dram = {
      channels = { 4, "E5-2600 v3: four DDR4 channels", "documented" },
      page_policy = { "closed", "native_latency haswell_ep: random in a window is as slow as random over all, walks apart", "derived" },
      row_miss = { "82600", "native_latency haswell_ep, 64-1024 MiB page-random: 221 cycles at 2600 MHz, less 7 of the second-level TLB", "derived" },
      row_hit = { "82600", "closed rows: never taken", "derived" },
      row_conflict = { "82600", "closed rows: never taken", "derived" },
    },
  },
}
