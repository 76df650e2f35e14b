-- SPDX-License-Identifier: MIT
-- Skylake server core. TLB geometry: InstLatX64 dumps of Skylake/SKX/CLX. Transition
-- and VMX capabilities: Xeon Gold 6142M. Latencies of the core: an i9-7900X, the same design (same CPUID model).
local dump = "yulyugin/vmlatency, results/Intel(R) Xeon(R) Gold 6142M CPU @ 2.60GHz.txt"
local rest = "1X061: 516 cycles were measured, 330 of them go to parts that are modelled; no measurement says what the other 186 are"
local tlb = "on Kaby Lake, whose tables have this shape (TLB;DR, USENIX Security 2022)"
return {
  borrows = {
    ivybridge = { why = "a page-map-level-3 cache of four entries was measured on Ivy Bridge alone", "ept.guest_pwc.l3.entries" },
    kabylake = { why = "policies and indices of tables were found on a desktop part of the same design", "ept.l1_dtlb_4k.policy", "ept.l1_itlb_4k.policy", "ept.l2_tlb.policy", "ept.l2_tlb.index" },
  },
  groups = { transition = {
    source = "1X061: 516 cycles from VMRESUME to VMRESUME, less 40 of the two flushes that a guest with a VPID does not have", grade = "derived",
    "vmcs.unexplained", "vmcs.exit.resume", "vmcs.entry.fetch",
    "vmcs.field.save", "vmcs.field.record", "vmcs.field.load", "vmcs.field.load_control_register",
  } },
  text = "Intel Skylake-SP core at the nominal clock of a Xeon Gold 6142M",
  calibrated = "1X061 1X064",
  cpu = { affected = {
    l1tf = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_L1TF", "documented" },
    mds = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_MDS", "documented" },
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
    retbleed = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_blacklist: SKYLAKE_X RETBLEED", "documented" },
  }, clock = { mhz = { 2600, "1X061: Xeon Gold 6142M, nominal clock", "documented" } } },
  ept = {
    l1_dtlb_4k = { entries = { 64, "4T008", "documented" }, ways = { 4, "4T008", "documented" }, policy = { "tree_plru", "C1145: tree-PLRU, " .. tlb, "measured", of = "kabylake" } },
    l1_itlb_4k = { policy = { "tree_plru", "vusec/tlbdr, preset.rs: PLRU8 of fetches, " .. tlb, "documented", of = "kabylake" } },
    l1_dtlb_2m = { entries = { 32, "4T009", "documented" }, ways = { 4, "4T009", "documented" } },
    l1_dtlb_1g = { entries = { 4, "4T010", "documented" }, ways = { 4, "4T010", "documented" } },
    l2_tlb = {
      entries = { 1536, "4T011", "documented" }, ways = { 12, "4T011", "documented" },
      policy = { "mru3_plru", "C1146: (MRU+1)%3 PLRU4, " .. tlb, "measured", of = "kabylake" },
      index = { "xor", "C1142: 128 sets, two groups of 7 address bits exclusive-or, " .. tlb, "measured", of = "kabylake" },
    },
    l2_tlb_1g = { entries = { 16, "4T012", "documented" }, ways = { 4, "4T012", "documented" } },
  },
  vmcs = {
    cap = {
      revision = { 4, dump, "measured" },
      pin = { 0x000000ff00000016, dump, "measured" },
      proc = { "0xfff9fffe04006172", dump, "measured" },
      proc2 = { 0x025f7fff00000000, dump, "measured" },
      proc3 = { 0, dump .. ": it lists no IA32_VMX_PROCBASED_CTLS3", "measured" },
      exit = { 0x01ffffff00036dfb, dump, "measured" },
      entry = { 0x0003ffff000011fb, dump, "measured" },
      misc = { 0x7004c1e7, dump, "measured" },
      cr0_fixed0 = { 0x80000021, dump, "measured" },
      cr0_fixed1 = { 0xffffffff, dump, "measured" },
      cr4_fixed0 = { 0x2000, dump, "measured" },
      cr4_fixed1 = { 0x7767ff, dump, "measured" },
      ept_vpid = { 0x00000f0106734141, dump, "measured" },
      vmfunc = { 1, dump, "measured" },
    },
    unexplained = { 186, rest, "derived" },
  },
}
