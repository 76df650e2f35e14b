-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Skylake server core, from the latency staircase of an i9-7900X.
return {
  text = "Skylake-SP caches with six channels of DDR4-2666",
  borrows = "LRU where the measured part keeps lines as random replacement does; latencies of an i9-7900X at 3312 MHz in core cycles (L2, LLC) and in ns (DRAM)",
  calibrated = "native_latency:skylake_sp",
  memory = {
    l1d = { latency = { 4, "native_latency skylake_sp, 8-32 KiB", "measured" } },
    l2 = { latency = { 14, "native_latency skylake_sp, 48-256 KiB", "measured" } },
    llc = { latency = { 66, "native_latency skylake_sp, 2-6 MiB: 75 cycles less 9 of the second-level TLB", "derived" } },
    dram = {
      page_policy = { "closed", "native_latency skylake_sp: random in a window is as slow as random over all, walks apart", "derived" },
      row_miss = { "82200", "native_latency skylake_sp, 512 MiB page-random: 279 cycles at 3312 MHz, less 7 of the second-level TLB", "derived" },
      row_hit = { "82200", "closed rows: never taken", "derived" },
      row_conflict = { "82200", "closed rows: never taken", "derived" },
    },
  },
}
