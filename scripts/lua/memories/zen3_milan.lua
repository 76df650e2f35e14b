-- SPDX-License-Identifier: MIT
-- DRAM as behind Zen 2 Rome, the same kind of I/O die; not behind the desktop part.
return {
  base = "zen3_vermeer",
  same = { ddr4 = { why = "eight channels of DDR4-3200", "memory.dram.banks", "memory.dram.row" } },
  borrows = { zen2_rome = { why = "the same kind of I/O die; no latency of DRAM behind Milan is at hand", "memory.dram" } },
  text = "Zen 3 Milan: one complex's 32 MiB of L3, eight channels of DDR4-3200",
  memory = {
    dram = {
      channels = { 8, "AMD EPYC 7763: eight DDR4-3200 channels", "documented" },
      row_hit = { "82500", "row conflict less precharge and activation of DDR4-3200 (27.5 ns)", "derived", of = "zen2_rome" },
      row_miss = { "96250", "row conflict less precharge of DDR4-3200 (13.75 ns)", "derived", of = "zen2_rome" },
      row_conflict = { "110000", "C1301: 122 ns of random loads over 128 MiB, 12 of which are page walks here; 134 ns over 512 MiB is left to compare with", "derived", of = "zen2_rome" },
    },
  },
}
