-- SPDX-License-Identifier: MIT
-- Zen 2 server core, natively: what its virtualization costs is no part of this file. 1 GiB pages of
-- code come as 2 MiB pieces to the first-level instruction TLB, which holds them whole.
return {
  text = "AMD Zen 2 core at the nominal clock of the EPYC 7742 that was measured",
  calibrated = "4T038 NL.zen2_rome.PR",
  cpu = { vendor = { "amd", "EPYC 7742", "documented" }, clock = { mhz = { 2250, "NL.zen2_rome.PR.s64.2K: EPYC 7742 at 2249.99 MHz", "measured" } } },
  ept = {
    walkers = { 2, "4T032", "documented" },
    l1_itlb = { shared = { true, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): L1I 64 entries of every size", "documented" } },
    l1_itlb_4k = { entries = { 64, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): L1I 4K TLB", "documented" }, ways = { 0, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): full", "documented" } },
    l2_itlb = {
      entries = { 1024, "4T024", "documented" }, ways = { 8, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): L2I 4K TLB, 8 way", "documented" },
      latency = { 6, "as the table of data", "assumed" },
    },
    l1_dtlb = { shared = { true, "4T022: all sizes", "documented" } },
    l1_dtlb_4k = { entries = { 64, "4T022", "documented" }, ways = { 0, "4T022: fully associative", "documented" } },
    l2_tlb = {
      entries = { 2048, "4T023", "documented" }, ways = { 8, "4T023", "documented" },
      latency = { 6, "4T038: 3 to 7 cycles; NL.zen2_rome.PR.s4096.384K against NL.zen2_rome.PR.s4096.192K..256K: 19 against 13", "measured" },
    },
    l2_tlb_1g = { place = { "pieces", "AMD 55723, 2.7.2: 1 GiB pages enter the second level as 2 MiB pieces", "documented", of = "zen1" } },
    guest_pwc = {
      l4 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l3 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l2 = { entries = { 512, "AMD 55723, 2.7.2: level-2 entries live in the second-level TLB; a quarter of it", "assumed", of = "zen1" } },
    },
  },
  instruction = { pause = { 65, "no manual gives it; measured tables of instructions have tens of cycles from Zen 2 on, here half of Skylake's 140", "assumed" } },
}
