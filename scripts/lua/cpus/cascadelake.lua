-- SPDX-License-Identifier: MIT
-- Cascade Lake server core: the Skylake-SP core in translation and caches; the transition, the last
-- level's latency and DRAM of that part are taken over. VMX capabilities: a Gold 6252N.
local dump = "yulyugin/vmlatency, results/Intel(R) Xeon(R) Gold 6252N CPU @ 2.30GHz.txt"
return {
  base = "skylake_sp",
  borrows = { skylake_sp = { why = "a transition changes with microcode: none of this part is at hand without EPT and VPID", "vmcs.unexplained" } },
  same = { skylake_sp = { why = "the same core: Cascade Lake is stepping 7 of CPUID model 06_55H (Linux intel-family.h); 4T008 to 4T012 name both", "cpu", "ept", "instruction", "memory.l1d", "memory.l1i", "memory.l2", "memory.llc.ways", "memory.llc.fill", "memory.llc.inclusive", "vmcs.branch_records" } },
  text = "Intel Cascade Lake core at the nominal clock of a Xeon Gold 6252",
  cpu = { affected = {
    l1tf = { false, "Linux arch/x86/kernel/cpu/common.c: ARCH_CAPABILITIES.RDCL_NO", "documented" },
    mds = { false, "Linux arch/x86/kernel/cpu/common.c: ARCH_CAPABILITIES.MDS_NO", "documented" },
    spectre_v2 = { false, "Linux arch/x86/kernel/cpu/bugs.c: enhanced IBRS", "documented" },
    retbleed = { false, "Linux arch/x86/kernel/cpu/bugs.c: enhanced IBRS is the mitigation", "documented" },
  }, clock = { mhz = { 2100, "Intel Xeon Gold 6252 specification: 2.10 GHz base", "documented" } } },
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
  },
}
