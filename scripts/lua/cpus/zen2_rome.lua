-- SPDX-License-Identifier: MIT
-- Zen 2 server core, with its transition as a bound. 1 GiB pages of
-- code come as 2 MiB pieces to the first-level instruction TLB, which holds them whole.
return {
  borrows = {
    skylake_sp = { why = "flushes of everything were measured on Skylake alone", "instruction.invpcid.all", "instruction.mov_cr.flush" },
    zen1 = { why = "AMD 55723 is about the first Zen; no later guide says less", "ept.guest_pwc", "ept.l2_tlb_1g.place" },
    k8 = { why = "VMSAVE and VMLOAD were measured on it alone", "svm.instruction.vmload" },
  },
  groups = { transition = {
    source = "C1045: 1842 cycles from CPUID to CPUID under another hypervisor, at most: its handler is in them", grade = "derived",
    "svm.unexplained", "svm.entry.fetch", "svm.instruction.vmload", "svm.instruction.stgi",
    "svm.field.save", "svm.field.load", "svm.field.load_control_register",
  } },
  text = "AMD Zen 2 core at the nominal clock of the EPYC 7742 that was measured",
  calibrated = "4T038 NL.zen2_rome.PR C1045",
  cpu = { affected = {
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
    retbleed = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_blacklist: family 17h RETBLEED", "documented" },
  }, vendor = { "amd", "EPYC 7742", "documented" }, clock = { mhz = { 2250, "NL.zen2_rome.PR.s64.2K: EPYC 7742 at 2249.99 MHz", "measured" } },
    issue_width = { 6, "7-cpu.com, AMD Zen2: dispatch of 6 macro-operations a cycle", "documented" },
    load_queue = { 72, "WikiChip, Zen and Zen 2: 44 entries of the load queue and 28 of the schedulers of address generation, whose loads are under way too", "derived" },
    string_stores = { true, "AMD64 APM 2, 7.1.2: stores of a fast string operation may be seen out of order; Linux clear_page_rep", "documented" },
    ["string_stores.width"] = { 32, "7-cpu.com, AMD Zen2: one store of 256 bits a cycle", "documented" },
  },
  ept = {
    execute_only = { false, "AMD64 APM 2, 15.25.5: nested tables have the format of ordinary ones, which let read what may be executed", "documented" },
    accessed_dirty = { true, "AMD64 APM 2, 15.25.6: the processor sets accessed and dirty bits of nested tables", "documented" },
    walkers = { 2, "4T032", "documented" },
    l1_itlb = { shared = { true, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): L1I 64 entries of every size", "documented" } },
    l1_itlb_4k = { entries = { 64, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): L1I 4K TLB", "documented" }, ways = { 0, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): full", "documented" }, latency = { 0, "as the table of data", "assumed" } },
    l1_itlb_2m = { entries = { 64, "the same 64 entries for every size (7-cpu.com, AMD Zen2: I TLB L1)", "documented" } },
    l2_itlb = {
      entries = { 1024, "4T024", "documented" }, ways = { 8, "InstLatX64 AuthenticAMD0830F10_K17_Rome_NewMemLat (EPYC 7742): L2I 4K TLB, 8 way", "documented" },
      latency = { 6, "as the table of data", "assumed" },
    },
    l1_dtlb = { shared = { true, "4T022: all sizes", "documented" } },
    l1_dtlb_4k = { entries = { 64, "4T022", "documented" }, ways = { 0, "4T022: fully associative", "documented" }, latency = { 0, "NL.zen2_rome.PR.s64.2K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_2m = { entries = { 64, "4T022: the same 64 entries for every size", "documented" } },
    l1_dtlb_1g = { entries = { 64, "4T022: the same 64 entries for every size", "documented" } },
    l1_dtlb_store = { entries = { 0, "WikiChip, Zen 2: one first-level TLB of loads and stores", "documented" } },
    l2_tlb = {
      large_pages = { true, "WikiChip, Zen 2: 4 KiB and 2 MiB pages share the second-level table", "documented" },
      entries = { 2048, "4T023", "documented" }, ways = { 8, "4T023", "documented" },
      latency = { 6, "4T038: 3 to 7 cycles; NL.zen2_rome.PR.s4096.384K against NL.zen2_rome.PR.s4096.192K..256K: 19 against 13", "measured" },
    },
    l2_tlb_1g = { place = { "pieces", "AMD 55723, 2.7.2: 1 GiB pages enter the second level as 2 MiB pieces", "documented", of = "zen1" } },
    walk_lines = { entries = { 0, "WikiChip, Zen 2: the second-level TLB holds entries of page directories too, as walk caches by level do; nothing by physical address", "documented" } },
    guest_pwc = {
      l4 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l3 = { entries = { 32, "AMD 55723, 2.7.3: one page directory cache of 64 entries; half for each of levels 4 and 3", "assumed", of = "zen1" } },
      l2 = { entries = { 512, "AMD 55723, 2.7.2: level-2 entries live in the second-level TLB; a quarter of it", "assumed", of = "zen1" } },
    },
  },
  instruction = { cpuid = { 139, "C1031: leaf 1", "measured" }, ["cpuid.leaf_0"] = { 131, "C1031: leaf 0", "measured" }, rdtsc = { 37, "C1032", "measured" },
    pause = { 65, "no manual gives it; measured tables of instructions have tens of cycles from Zen 2 on, here half of Skylake's 140", "assumed" } },
}
