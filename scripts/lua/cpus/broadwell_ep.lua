-- SPDX-License-Identifier: MIT
-- Broadwell server core. TLB geometry: InstLatX64 dumps of Broadwell.
-- VMX capabilities: the part itself; beyond Haswell's RDSEED exiting, PML and #VE.
local dump = "yulyugin/vmlatency, results/Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz.txt"
return {
  base = "haswell_ep",
  borrows = {
    haswell_ep = {
      why = "the core before it, shrunk: no measurement of this part's first-level tables, buffers or transition is at hand",
      "cpu", "instruction.cpuid", "instruction.rdtsc", "ept.l1_dtlb_4k", "ept.l1_dtlb_2m", "ept.l1_dtlb_1g", "ept.l1_itlb", "ept.l1_itlb_4k", "ept.l1_itlb_2m", "vmcs.unexplained",
    },
    skylake_sp = { why = "where it has a table for 1 GiB pages at the second level, its successor's place for them", "ept.l2_tlb_1g.place" },
  },
  text = "Intel Broadwell-EP core at the nominal clock of a Xeon E5-2680 v4",
  cpu = { affected = {
    l1tf = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_L1TF", "documented" },
    mds = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_MDS", "documented" },
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
  }, clock = { mhz = { 2400, "Intel Xeon E5-2680 v4 specification: 2.40 GHz base", "documented" } }, issue_width = { 4, "LLVM X86SchedBroadwell.td: IssueWidth 4", "documented" } },
  ept = {
    walkers = { 2, "public accounts of Broadwell: a second page-miss handler", "assumed" },
    l2_tlb = { entries = { 1536, "4T006", "documented" }, ways = { 6, "4T006", "documented" }, policy = { "lru", "six ways are no tree that was found on another part; LRU is the usual reference", "assumed" } },
    l2_tlb_1g = { entries = { 16, "4T007", "documented" }, ways = { 4, "Intel SDM 2A, CPUID leaf 2, descriptor C3H: 1 GiB pages, 4 ways, 16 entries (4T007 gives no ways)", "documented" } },
  },
  instruction = { cpuid = { 208, "C1010: leaf 1", "measured", of = "haswell_ep" }, ["cpuid.leaf_0"] = { 99, "C1010: leaf 0", "measured", of = "haswell_ep" }, rdtsc = { 24, "C1011", "measured", of = "haswell_ep" },
    pause = { 10, "Intel Optimization Manual, Pause Latency in Skylake Client Microarchitecture: about 10 cycles in the generations before", "documented" } },
  vmcs = {
    branch_records = { 16, "SDM 3B 18.4: 16 last branches from Nehalem to Broadwell", "documented" },
    cap = {
      revision = { 0x12, dump, "measured" },
      pin = { 0x000000ff00000016, dump, "measured" },
      proc = { "0xfff9fffe04006172", dump, "measured" },
      proc2 = { 0x00077fff00000000, dump, "measured" },
      proc3 = { 0, dump .. ": it lists no IA32_VMX_PROCBASED_CTLS3", "measured" },
      exit = { 0x007fffff00036dfb, dump, "measured" },
      entry = { 0x0000ffff000011fb, dump, "measured" },
      misc = { 0x300481e5, dump, "measured" },
      cr0_fixed0 = { 0x80000021, dump, "measured" },
      cr0_fixed1 = { 0xffffffff, dump, "measured" },
      cr4_fixed0 = { 0x2000, dump, "measured" },
      cr4_fixed1 = { 0x3767ff, dump, "measured" },
      ept_vpid = { 0x00000f0106334141, dump, "measured" },
      vmfunc = { 1, dump, "measured" },
    },
  },
}
