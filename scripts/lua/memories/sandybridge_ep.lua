-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Sandy Bridge server core, from the latency staircase of an i7-3930K.
return {
  text = "Sandy Bridge-EP caches with four channels of DDR3",
  borrows = "nothing: latencies are those of an i7-3930K at 3209 MHz",
  calibrated = "native_latency:sandybridge_ep",
  memory = {
    l1d = { latency = { 4, "native_latency sandybridge_ep, 2-32 KiB", "measured" } },
    l2 = {
      size = { "256KiB", "Intel Optimization Manual, Sandy Bridge: 256 KiB L2", "documented" },
      ways = { 8, "Intel Optimization Manual, Sandy Bridge: 8 ways", "documented" },
      latency = { 12, "native_latency sandybridge_ep, 48-256 KiB", "measured" },
    },
    llc = {
      size = { "12MiB", "Intel i7-3930K specification: 12 MB", "documented" },
      ways = { 16, "2 MiB slices of 16 ways (E5-2600: 20 ways of 2.5 MiB); assumed for this cut", "assumed" },
      inclusive = { true, "Intel Optimization Manual, Sandy Bridge: inclusive LLC", "documented" },
      latency = { 38, "native_latency sandybridge_ep, lines a page apart, 1-2 MiB: 45 cycles less 7 of the second-level TLB", "derived" },
    },
    dram = {
      channels = { 4, "i7-3930K: four DDR3 channels", "documented" },
      page_policy = { "closed", "native_latency sandybridge_ep: random in a page is as slow as random over all, walks apart", "derived" },
      row_miss = { "73500", "native_latency sandybridge_ep, 32-512 MiB page-random: 241 cycles at 3209 MHz, less 5 of the second-level TLB", "derived" },
      row_hit = { "73500", "closed rows: never taken", "derived" },
      row_conflict = { "73500", "closed rows: never taken", "derived" },
    },
  },
}
