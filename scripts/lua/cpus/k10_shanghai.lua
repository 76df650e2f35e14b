-- SPDX-License-Identifier: MIT
-- K10 server core: the first with nested paging, and with AMD's page walk cache, which holds entries
-- of page tables by physical address, of both dimensions; each of its 24 entries holds a line of eight
-- here. TLBs: CPUID of an Opteron 2347, a stepping of the same core.
local cpuid = "InstLatX64 AuthenticAMD0100F21_K10_Barcelona_CPUID (Opteron 2347)"
local dump = "InstLatX64 AuthenticAMD0100F42_K10_Shanghai_MemLatX64"
local lines = "Bhargava et al., ASPLOS 2008; Barr, Cox, Rixner, ISCA 2010: AMD's walker caches entries by physical address, not translations by level"
return {
  text = "AMD K10 core at the clock of an Opteron 2378",
  cpu = { vendor = { "amd", "Opteron 2378", "documented" }, clock = { mhz = { 2400, dump .. ": 2399.96 MHz", "measured" } } },
  ept = {
    physical_bits = { 48, cpuid .. ": leaf 80000008", "documented" },
    walkers = { 1, "no source names a second one before Zen", "assumed" },
    l1_dtlb = { shared = { true, "the same 48 entries for every size: " .. cpuid .. ", leaves 80000005 and 80000019", "documented" } },
    l1_dtlb_4k = { entries = { 48, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": fully associative", "documented" } },
    l1_itlb_4k = { entries = { 32, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": fully associative", "documented" } },
    l1_itlb_2m = { entries = { 16, cpuid .. ": leaf 80000005, EAX", "documented" }, ways = { 0, cpuid .. ": fully associative", "documented" } },
    l2_tlb = {
      entries = { 512, cpuid .. ": leaf 80000006, EBX", "documented" }, ways = { 4, cpuid .. ": leaf 80000006, EBX", "documented" },
      large_pages = { false, cpuid .. ": another table, of 128 entries, which is left out", "documented" },
      latency = { 4, dump .. ", random, 512 KiB: 20 cycles a page apart against 16 within pages", "derived" },
    },
    l2_tlb_1g = { entries = { 0, cpuid .. ": leaf 80000019, EBX", "documented" }, ways = { 0, "no table", "documented" } },
    l2_itlb = {
      entries = { 512, cpuid .. ": leaf 80000006, EBX", "documented" }, ways = { 4, cpuid .. ": leaf 80000006, EBX", "documented" },
      large_pages = { false, cpuid .. ": leaf 80000006, EAX[15:0] = 0", "documented" },
      latency = { 4, "as the table of data", "assumed" },
    },
    walk_lines = { entries = { 24, "4T034", "documented" } },
    nested_tlb = { entries = { 16, "Bhargava et al., ASPLOS 2008, describe a nested TLB beside the page walk cache; its size is a guess", "assumed" } },
    guest_pwc = {
      l4 = { entries = { 0, lines, "documented" } },
      l3 = { entries = { 0, lines, "documented" } },
      l2 = { entries = { 0, lines, "documented" } },
    },
    nested_pwc = {
      l4 = { entries = { 0, lines, "documented" } },
      l3 = { entries = { 0, lines, "documented" } },
      l2 = { entries = { 0, lines, "documented" } },
    },
  },
  instruction = { pause = { 3, "no manual gives it: a hint that delays nothing on a core without threads that share it, a few cycles of decoding", "assumed" } },
}
