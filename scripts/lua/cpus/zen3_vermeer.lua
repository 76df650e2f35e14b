-- SPDX-License-Identifier: MIT
-- Zen 3 core, natively: what its virtualization costs is no part of this file.
return {
  text = "AMD Zen 3 core at the clock of the Ryzen 9 5900X that was measured",
  borrows = "instruction TLBs of the Skylake description",
  calibrated = "native_latency:zen3",
  cpu = { clock = { mhz = { 3693, "native_latency zen3: Ryzen 9 5900X at 3693 MHz", "measured" } } },
  ept = {
    l1_dtlb = { shared = { true, "4T022 (Zen 2): all sizes", "documented" } },
    l1_dtlb_4k = { entries = { 64, "4T022 (Zen 2)", "documented" }, ways = { 0, "4T022 (Zen 2): fully associative", "documented" } },
    l2_tlb = {
      entries = { 2048, "4T025", "documented" }, ways = { 8, "4T025", "documented" },
      latency = { 5, "native_latency zen3, 384 KiB of lines a page apart: 20 against 15", "measured" },
    },
    l2_tlb_1g = {
      entries = { 64, "4T026", "documented" }, ways = { 0, "4T026: fully associative", "documented" },
      latency = { 5, "as the table of the smaller pages", "assumed" },
    },
    guest_pwc = {
      l4 = { entries = { 32, "AMD 55723 (Zen 1), 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed" } },
      l3 = { entries = { 32, "AMD 55723 (Zen 1), 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed" } },
      l2 = { entries = { 0, "native_latency zen3, 12-32 MiB page-random of lines a page apart: 27 cycles a walk are two loads from L2, so the level-2 entry is loaded too", "derived" } },
    },
  },
}
