-- SPDX-License-Identifier: MIT
-- The part whose staircase was measured: a Skylake server core in a workstation. VMX capabilities: the
-- part itself, without the server's PML and VMCS shadowing.
local dump = "yulyugin/vmlatency, results/Intel(R) Core(TM) i9-7900X CPU @ 3.30GHz.txt"
return {
  base = "skylake_sp",
  same = { skylake_sp = { why = "the same design: one CPUID model, 06_55H, for Skylake-SP and Skylake-X (Linux intel-family.h, SKYLAKE_X)", "cpu", "ept", "memory", "vmcs", "instruction", "host.frames", "guest.frames" } },
  text = "Intel Skylake-X core at the clock of the i9-7900X that was measured",
  cpu = { affected = {
    l1tf = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_L1TF", "documented" },
    mds = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_MDS", "documented" },
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
    retbleed = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_blacklist: SKYLAKE_X RETBLEED", "documented" },
  }, clock = { mhz = { 3312, "NL.skylake_sp.PR.s64.8K: i9-7900X at 3311.94 MHz", "measured" } } },
  vmcs = {
    cap = {
      proc2 = { 0x025d3fff00000000, dump, "measured" },
      cr4_fixed1 = { 0x3727ff, dump, "measured" },
    },
  },
}
