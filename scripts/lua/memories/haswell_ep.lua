-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Haswell server core, from the latency staircase of an E5-2660 v3.
local manual = "Intel Optimization Manual, Haswell, cache parameters: 32 KiB, 8 ways"
return {
  same = { ddr4 = { why = "four channels of DDR4-2133", "memory.dram.banks", "memory.dram.row" } },
  text = "Haswell-EP caches with four channels of DDR4-2133",
  calibrated = "NL.haswell_ep.PR 4M088",
  host = { frames = { "colored", "NL.haswell_ep.PR.s64.192K..256K: L2 answers to its full size, as it does where successive pages take turns in its sets; frames at random overfill some", "derived" } },
  guest = { frames = { "colored", "a guest's kernel gives out frames as the host's does", "assumed" } },
  memory = {
    remote_latency = { "35000", "4M088: E5-2680 v3, 127.1 ns remote less 92.1 local", "derived" },
    l1d = { size = { "32KiB", "NL.haswell_ep.PR.s64.32K..48K: step at 32 KiB", "measured" }, ways = { 8, manual, "documented" }, latency = { 4, "NL.haswell_ep.PR.s64.8K..32K", "measured" } },
    l1i = { size = { "32KiB", manual, "documented" }, ways = { 8, manual, "documented" } },
    l2 = {
      size = { "256KiB", "NL.haswell_ep.PR.s64.256K..384K: step at 256 KiB, the family's size", "documented" },
      ways = { 8, "the measurement gives no ways; 8 is the family's", "assumed" },
      latency = { 12, "NL.haswell_ep.PR.s64.48K..256K", "measured" },
    },
    llc = {
      size = { "25MiB", "E5-2660 v3: 25 MB last-level cache, step at 24 MiB", "documented" },
      ways = { 20, "one 2.5 MiB slice a core, 20 ways: the family's", "assumed" },
      policy = { "tree_plru", "NL.haswell_ep.PR.s64.24576K..49152K: between LRU and random", "derived" },
      inclusive = { true, "Intel's server parts before Skylake-SP have an inclusive LLC", "documented" },
      latency = { 46, "NL.haswell_ep.PR.s4096.1024K..4096K: 55 cycles less 9 of the second-level TLB", "derived" },
    },
    dram = {
      channels = { 4, "E5-2600 v3: four DDR4 channels", "documented" },
      page_policy = { "closed", "NL.haswell_ep.PR.s64.65536K..1048576K fix one DRAM latency and no split of it into row hits and conflicts; closed rows need none", "assumed" },
      row_miss = { "82600", "NL.haswell_ep.PR.s64.65536K..1048576K: 221 cycles at 2600 MHz, less 7 of the second-level TLB", "derived" },
      row_hit = { "82600", "closed rows: never taken", "derived" },
      row_conflict = { "82600", "closed rows: never taken", "derived" },
    },
  },
}
