-- SPDX-License-Identifier: MIT
-- Haswell server core. TLB geometry: InstLatX64 dumps of Haswell. Transition: Xeon E5-2680 v3.
-- VMX capabilities are the defaults of vmcs.cap.*, which are a dump of this part.
local manual = "Intel Optimization Manual, Haswell, TLB parameters"
local rest = "1X053: 453 cycles were measured, 329 of them go to parts that are modelled; no measurement says what the other 124 are"
local tlb = "vusec/tlbdr (TLB;DR, USENIX Security 2022), preset.rs, HASWELL: "
return {
  borrows = {
    skylake_sp = { why = "the second level's hit and flushes of everything were measured on Skylake", "ept.l2_tlb.latency", "instruction.invpcid.all", "instruction.mov_cr.flush" },
    ivybridge = { why = "a page-map-level-3 cache of four entries was measured on Ivy Bridge alone", "ept.guest_pwc.l3.entries" },
  },
  groups = { transition = {
    source = "1X053: 453 cycles from VMRESUME to VMRESUME, less 40 of the two flushes that a guest with a VPID does not have", grade = "derived",
    "vmcs.unexplained", "vmcs.exit.resume", "vmcs.entry.fetch",
    "vmcs.field.save", "vmcs.field.record", "vmcs.field.load", "vmcs.field.load_control_register",
  } },
  text = "Intel Haswell-EP core at the nominal clock of a Xeon E5-2680 v3",
  calibrated = "1X053",
  cpu = { affected = {
    l1tf = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_L1TF", "documented" },
    mds = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_MDS", "documented" },
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
  },
    clock = { mhz = { 2500, "1X053: Xeon E5-2680 v3, nominal clock", "documented" } },
    load_queue = { 72, "Intel Optimization Manual, Haswell: 72 load buffers", "documented" },
    issue_width = { 4, "LLVM X86SchedHaswell.td: IssueWidth 4", "documented" },
    string_stores = { width = { 32, "WikiChip, Haswell: one 32-byte store a cycle into the first-level data cache", "documented" } },
  },
  ept = {
    walkers = { 1, "Intel Optimization Manual, Skylake: parts before walked one page at a time", "documented" },
    l1_dtlb_4k = { entries = { 64, "4T002", "documented" }, ways = { 4, "4T002", "documented" }, policy = { "tree_plru", tlb .. "PLRU4", "documented" }, latency = { 0, "NL.haswell_ep.PR.s64.8K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_2m = { entries = { 32, "4T003", "documented" }, ways = { 4, "4T003", "documented" }, latency = { 0, "NL.haswell_ep.PR.s64.8K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_1g = { entries = { 4, "4T004", "documented" }, ways = { 4, "4T004", "documented" }, latency = { 0, "NL.haswell_ep.PR.s64.8K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_itlb = { shared = { false, manual, "documented" } },
    l1_itlb_4k = { entries = { 128, manual, "documented" }, ways = { 4, manual, "documented" }, latency = { 0, "as the tables of data", "assumed" } },
    l1_itlb_2m = { entries = { 8, manual, "documented" }, ways = { 0, manual, "documented" }, latency = { 0, "as the tables of data", "assumed" } },
    l2_tlb = { entries = { 1024, "4T005", "documented" }, ways = { 8, "4T005", "documented" }, policy = { "tree_plru", tlb .. "PLRU8", "documented" } },
    l2_tlb_1g = { entries = { 0, "4T002-005 list none", "documented" }, ways = { 0, "4T002-005 list none", "documented" } },
  },
  instruction = { cpuid = { 208, "C1010: leaf 1", "measured" }, ["cpuid.leaf_0"] = { 99, "C1010: leaf 0", "measured" }, rdtsc = { 24, "C1011", "measured" },
    pause = { 10, "Intel Optimization Manual, Pause Latency in Skylake Client Microarchitecture: about 10 cycles in the generations before", "documented" } },
  vmcs = {
    branch_records = { 16, "SDM 3B 18.4: 16 last branches from Nehalem to Broadwell", "documented" },
    unexplained = { 124, rest, "derived" },
  },
}
