-- SPDX-License-Identifier: MIT
-- Zen 3 core, natively: what its virtualization costs is no part of this file. 1 GiB pages of code
-- come as 2 MiB pieces to the first-level instruction TLB, which holds them whole.
local cpuid = "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X)"
return {
  text = "AMD Zen 3 core at the clock of the Ryzen 9 5900X that was measured",
  calibrated = "NL.zen3.PR",
  cpu = { vendor = { "amd", "Ryzen 9 5900X", "documented" }, clock = { mhz = { 3693, "NL.zen3.PR.s64.2K: Ryzen 9 5900X at 3693 MHz", "measured" } } },
  ept = {
    walkers = { 6, "AnandTech 16214, Zen 3 deep dive, load and store: 4 table walkers on top of the 2 before, 6 in total", "documented" },
    l1_itlb = { shared = { true, cpuid .. ": leaves 80000005 and 80000019, 64 entries of every size", "documented" } },
    l1_itlb_4k = { entries = { 64, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": leaf 80000005, fully associative", "documented" } },
    l2_itlb = {
      entries = { 512, "4T027", "documented" }, ways = { 4, cpuid .. ": leaf 80000006, EBX[15:12] = 4", "documented" },
      large_pages = { true, cpuid .. ": leaf 80000006, EAX[11:0] = 512 for 2 MiB pages", "documented" },
      latency = { 5, "as the table of data", "assumed" },
    },
    l1_dtlb = { shared = { true, cpuid .. ": leaves 80000005 and 80000019, 64 entries of every size", "documented" } },
    l1_dtlb_4k = { entries = { 64, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": leaf 80000005, fully associative", "documented" } },
    l2_tlb = {
      entries = { 2048, "4T025", "documented" }, ways = { 8, "4T025", "documented" },
      latency = { 5, "NL.zen3.PR.s4096.384K against NL.zen3.PR.s4096.192K..256K: 20 against 15", "measured" },
    },
    l2_tlb_1g = {
      entries = { 64, "4T026", "documented" }, ways = { 0, "4T026: fully associative", "documented" },
      latency = { 5, "as the table of the smaller pages", "assumed" },
    },
    guest_pwc = {
      l4 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l3 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l2 = { entries = { 0, "NL.zen3.PR.s4096.12288K..32768K, lines a page apart: 27 cycles a walk are two loads from L2, so the level-2 entry is loaded too", "derived" } },
    },
  },
  instruction = { pause = { 65, "no manual gives it; measured tables of instructions have tens of cycles from Zen 2 on, here half of Skylake's 140", "assumed" } },
}
