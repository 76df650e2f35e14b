-- SPDX-License-Identifier: MIT
-- Zen 3 core, natively: what its virtualization costs is no part of this file.
return {
  text = "AMD Zen 3 core at the clock of the Ryzen 9 5900X that was measured",
  borrows = "latency of the second-level instruction TLB from that of data; 1 GiB pages of code come as 2 MiB pieces to the first-level instruction TLB, which holds them whole",
  calibrated = "native_latency:zen3",
  cpu = { vendor = { "amd", "Ryzen 9 5900X", "documented" }, clock = { mhz = { 3693, "native_latency zen3: Ryzen 9 5900X at 3693 MHz", "measured" } } },
  ept = {
    walkers = { 6, "AnandTech 16214, Zen 3 deep dive, load and store: 4 table walkers on top of the 2 before, 6 in total", "documented" },
    l1_itlb = { shared = { true, "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X): leaves 80000005 and 80000019, 64 entries of every size", "documented" } },
    l1_itlb_4k = { entries = { 64, "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X): leaf 80000005, EBX", "documented" }, ways = { 0, "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X): leaf 80000005, fully associative", "documented" } },
    l2_itlb = {
      entries = { 512, "4T027", "documented" }, ways = { 4, "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X): leaf 80000006, EBX[15:12] = 4", "documented" },
      latency = { 5, "as the table of data", "assumed" },
    },
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
