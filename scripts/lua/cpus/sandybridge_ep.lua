-- SPDX-License-Identifier: MIT
-- Sandy Bridge server core. The part that was measured is an i7-3930K: the same die as the E5-2600.
-- Transition: a Xeon E5-2670. VMX capabilities: a Xeon E5-2690. It has no APICv, no INVPCID and no flags in EPT entries.
local dump = "yulyugin/vmlatency, results/Intel(R) Xeon(R) CPU E5-2690 0 @ 2.90GHz.txt"
local manual = "Intel Optimization Manual, Sandy Bridge, TLB parameters"
local rest = "1X051: 667 cycles were measured, 329 of them go to parts that are modelled; no measurement says what the other 338 are"
local tlb = "vusec/tlbdr (TLB;DR, USENIX Security 2022), preset.rs, IVYBRIDGE: PLRU4, in tables of this shape"
return {
  borrows = {
    skylake_sp = { why = "flushes of everything were measured on Skylake alone", "instruction.invpcid.all", "instruction.mov_cr.flush" },
    ivybridge = { why = "a page-map-level-3 cache of four entries and the tables' policies were found on Ivy Bridge alone", "ept.guest_pwc.l3.entries", "ept.l1_dtlb_4k.policy", "ept.l1_itlb_4k.policy", "ept.l2_tlb.policy" },
  },
  groups = { transition = {
    source = "1X051: 667 cycles from VMRESUME to VMRESUME, less 40 of the two flushes that a guest with a VPID does not have", grade = "derived",
    "vmcs.unexplained", "vmcs.exit.resume", "vmcs.entry.fetch",
    "vmcs.field.save", "vmcs.field.record", "vmcs.field.load", "vmcs.field.load_control_register",
  } },
  text = "Intel Sandy Bridge-EP core at the clock of the i7-3930K that was measured",
  calibrated = "1X051",
  cpu = { affected = {
    l1tf = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_L1TF", "documented" },
    mds = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_MDS", "documented" },
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
  },
    clock = { mhz = { 3209, "NL.sandybridge_ep.PR.s64.2K: i7-3930K at 3209.26 MHz", "measured" } },
    load_queue = { 64, "ExtremeTech 83848, 2010, with Intel's table of Nehalem and Sandy Bridge: 64 load buffers (and 168 entries of the re-order buffer, for cpu.window)", "documented" },
    issue_width = { 4, "LLVM X86SchedSandyBridge.td: IssueWidth 4", "documented" },
    string_stores = { width = { 16, "Intel Optimization Manual, Sandy Bridge: one store of 16 bytes a cycle into the first-level data cache", "documented" } },
  },
  ept = {
    walkers = { 1, "Intel Optimization Manual, Skylake: parts before walked one page at a time", "documented" },
    l1_dtlb_4k = { entries = { 64, manual, "documented" }, ways = { 4, manual, "documented" }, policy = { "tree_plru", tlb, "documented", of = "ivybridge" }, latency = { 0, "NL.sandybridge_ep.PR.s64.2K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_2m = { entries = { 32, manual, "documented" }, ways = { 4, manual, "documented" }, latency = { 0, "NL.sandybridge_ep.PR.s64.2K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_1g = { entries = { 4, manual, "documented" }, ways = { 4, manual, "documented" }, latency = { 0, "NL.sandybridge_ep.PR.s64.2K..32K: an L1 hit takes 4 cycles with its translation, which runs beside it", "derived" } },
    l1_itlb = { shared = { false, manual, "documented" } },
    l1_itlb_4k = { entries = { 128, manual, "documented" }, ways = { 4, manual, "documented" }, policy = { "tree_plru", tlb, "documented", of = "ivybridge" }, latency = { 0, "as the tables of data", "assumed" } },
    l1_itlb_2m = { entries = { 8, manual, "documented" }, ways = { 0, manual, "documented" }, latency = { 0, "as the tables of data", "assumed" } },
    l2_tlb = {
      entries = { 512, "4T001", "documented" }, ways = { 4, "4T001", "documented" }, policy = { "tree_plru", tlb, "documented", of = "ivybridge" },
      large_pages = { false, "4T001: 4 KiB pages only", "documented" },
      latency = { 7, "4T037 gives 4 to 9 cycles on Skylake; 7 is assumed here, hidden behind the LLC", "assumed" },
    },
    l2_tlb_1g = { entries = { 0, "4T001: 4 KiB pages only", "documented" }, ways = { 0, "4T001: 4 KiB pages only", "documented" } },
    accessed_dirty = { false, "vmcs.cap.ept_vpid, bit 21 is clear", "measured" },
  },
  instruction = { cpuid = { 356, "C1004: leaf 1", "measured" }, ["cpuid.leaf_0"] = { 96, "C1004: leaf 0", "measured" }, rdtsc = { 28, "C1005", "measured" },
    pause = { 10, "Intel Optimization Manual, Pause Latency in Skylake Client Microarchitecture: about 10 cycles in the generations before", "documented" } },
  vmcs = {
    branch_records = { 16, "SDM 3B 18.4: 16 last branches from Nehalem to Broadwell", "documented" },
    cap = {
      revision = { 0x10, dump, "measured" },
      pin = { 0x0000007f00000016, dump, "measured" },
      proc = { "0xfff9fffe04006172", dump, "measured" },
      proc2 = { 0x000004ff00000000, dump, "measured" },
      proc3 = { 0, dump .. ": it lists no IA32_VMX_PROCBASED_CTLS3", "measured" },
      exit = { 0x007fffff00036dfb, dump, "measured" },
      entry = { 0x0000ffff000011fb, dump, "measured" },
      misc = { 0x100401e5, dump, "measured" },
      cr0_fixed0 = { 0x80000021, dump, "measured" },
      cr0_fixed1 = { 0xffffffff, dump, "measured" },
      cr4_fixed0 = { 0x2000, dump, "measured" },
      cr4_fixed1 = { 0x667ff, dump, "measured" },
      ept_vpid = { 0x00000f0106134141, dump, "measured" },
      vmfunc = { 0, dump .. ": it lists no IA32_VMX_VMFUNC", "measured" },
    },
    unexplained = { 338, rest, "derived" },
  },
}
