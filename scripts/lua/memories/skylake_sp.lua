-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Skylake server core, from the latency staircase of an i9-7900X.
return {
  text = "Skylake-SP caches with six channels of DDR4-2666",
  borrows = "latencies of an i9-7900X at 3312 MHz in core cycles (L2, LLC) and in ns (DRAM)",
  calibrated = "native_latency:skylake_sp",
  memory = {
    l1d = { latency = { 4, "native_latency skylake_sp, 8-32 KiB", "measured" } },
    l2 = { latency = { 14, "native_latency skylake_sp, 48-256 KiB", "measured" } },
    llc = { latency = { 66, "native_latency skylake_sp, 2-6 MiB: 75 cycles less 9 of the second-level TLB", "derived" } },
    dram = {
      row_conflict = { "80ns", "native_latency skylake_sp, 128 MiB page-random: 266 cycles at 3312 MHz", "measured" },
      row_miss = { "66ns", "row conflict less one precharge of DDR4-2666 (14.25 ns)", "derived" },
      row_hit = { "52ns", "row conflict less precharge and activation of DDR4-2666 (28.5 ns)", "derived" },
    },
  },
}
