-- SPDX-License-Identifier: MIT
-- Zen 3 core, natively: what its virtualization costs is no part of this file. 1 GiB pages of code
-- come as 2 MiB pieces to the first-level instruction TLB, which holds them whole.
local cpuid = "InstLatX64 AuthenticAMD0A20F10_K19_Vermeer2_CPUID (Ryzen 9 5900X)"
return {
  borrows = {
    skylake_sp = { why = "flushes of everything were measured on Skylake alone", "instruction.invpcid.all", "instruction.mov_cr.flush" },
    zen1 = { why = "AMD 55723 is about the first Zen; no later guide says less", "ept.guest_pwc", "ept.walk_lines" },
    zen2_rome = { why = "no dump of this part is at hand: instructions of the core before it, and its transition", "instruction", "svm.unexplained" },
    k8 = { why = "VMSAVE and VMLOAD were measured on it alone", "svm.instruction.vmload" },
  },
  text = "AMD Zen 3 core at the clock of the Ryzen 9 5900X that was measured",
  calibrated = "NL.zen3.PR",
  cpu = { affected = {
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
    retbleed = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_blacklist: family 19h SRSO", "documented" },
  }, vendor = { "amd", "Ryzen 9 5900X", "documented" }, clock = { mhz = { 3693, "NL.zen3.PR.s64.2K: Ryzen 9 5900X at 3693 MHz", "measured" } },
    issue_width = { 6, "AMD 56665 (Zen 3 optimization guide), 2.9.6: up to 6 macro-operations are dispatched a cycle (LLVM X86ScheduleZnver3.td)", "documented" },
    load_queue = { 72, "AMD 56665, 2.12: up to 72 loads out of order (LLVM X86ScheduleZnver3.td)", "documented" },
    string_stores = { true, "AMD64 APM 2, 7.1.2: stores of a fast string operation may be seen out of order; Linux clear_page_erms", "documented" },
    ["string_stores.width"] = { 32, "AMD 56665, 2.12: memory operations of 256 bits; one store of that width a cycle", "documented" },
  },
  ept = {
    execute_only = { false, "AMD64 APM 2, 15.25.5: nested tables have the format of ordinary ones, which let read what may be executed", "documented" },
    accessed_dirty = { true, "AMD64 APM 2, 15.25.6: the processor sets accessed and dirty bits of nested tables", "documented" },
    walkers = { 6, "AnandTech 16214, Zen 3 deep dive, load and store: 4 table walkers on top of the 2 before, 6 in total", "documented" },
    l1_itlb = { shared = { true, cpuid .. ": leaves 80000005 and 80000019, 64 entries of every size", "documented" } },
    l1_itlb_4k = { entries = { 64, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": leaf 80000005, fully associative", "documented" }, latency = { 0, "as the table of data", "assumed" } },
    l1_itlb_2m = { entries = { 64, cpuid .. ": leaf 80000005, EAX", "documented" } },
    l2_itlb = {
      entries = { 512, "4T027", "documented" }, ways = { 4, cpuid .. ": leaf 80000006, EBX[15:12] = 4", "documented" },
      large_pages = { true, cpuid .. ": leaf 80000006, EAX[11:0] = 512 for 2 MiB pages", "documented" },
      latency = { 5, "as the table of data", "assumed" },
    },
    l1_dtlb = { shared = { true, cpuid .. ": leaves 80000005 and 80000019, 64 entries of every size", "documented" } },
    l1_dtlb_4k = { entries = { 64, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": leaf 80000005, fully associative", "documented" }, latency = { 0, "NL.zen3.PR.s64.2K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_2m = { entries = { 64, cpuid .. ": leaf 80000005, EAX", "documented" } },
    l1_dtlb_1g = { entries = { 64, cpuid .. ": leaf 80000019, EAX", "documented" } },
    l1_dtlb_store = { entries = { 0, cpuid .. ": one first-level table of data in leaf 80000005", "documented" } },
    l2_tlb = {
      large_pages = { true, cpuid .. ": leaf 80000006, EAX[27:16] = 2048 for 2 MiB pages", "documented" },
      entries = { 2048, "4T025", "documented" }, ways = { 8, "4T025", "documented" },
      latency = { 5, "NL.zen3.PR.s4096.384K against NL.zen3.PR.s4096.192K..256K: 20 against 15", "measured" },
    },
    l2_tlb_1g = {
      entries = { 64, "4T026", "documented" }, ways = { 0, "4T026: fully associative", "documented" },
      latency = { 5, "as the table of the smaller pages", "assumed" },
      place = { "own", "4T026: a table of its own", "documented" },
    },
    walk_lines = { entries = { 0, "AMD 55723, 2.7.3: a page directory cache, by level", "documented", of = "zen1" } },
    guest_pwc = {
      l4 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l3 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l2 = { entries = { 0, "NL.zen3.PR.s4096.12288K..32768K, lines a page apart: 27 cycles a walk are two loads from L2, so the level-2 entry is loaded too", "derived" } },
    },
  },
  instruction = { cpuid = { 139, "C1031: leaf 1", "measured", of = "zen2_rome" }, ["cpuid.leaf_0"] = { 131, "C1031: leaf 0", "measured", of = "zen2_rome" }, rdtsc = { 37, "C1032", "measured", of = "zen2_rome" },
    pause = { 65, "no manual gives it; measured tables of instructions have tens of cycles from Zen 2 on, here half of Skylake's 140", "assumed" } },
}
