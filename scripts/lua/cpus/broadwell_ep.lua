-- SPDX-License-Identifier: MIT
-- Broadwell server core. TLB geometry: InstLatX64 dumps of Broadwell.
-- VMX capabilities: the part itself; beyond Haswell's RDSEED exiting, PML and #VE.
local dump = "yulyugin/vmlatency, results/Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz.txt"
return {
  base = "haswell_ep",
  text = "Intel Broadwell-EP core at the nominal clock of a Xeon E5-2680 v4",
  cpu = { clock = { mhz = { 2400, "Intel Xeon E5-2680 v4 specification: 2.40 GHz base", "documented" } } },
  ept = {
    walkers = { 2, "public accounts of Broadwell: a second page-miss handler", "assumed" },
    l2_tlb = { entries = { 1536, "4T006", "documented" }, ways = { 6, "4T006", "documented" } },
    l2_tlb_1g = { entries = { 16, "4T007", "documented" }, ways = { 16, "4T007", "documented" } },
  },
  instruction = { pause = { 10, "Intel Optimization Manual, Pause Latency in Skylake Client Microarchitecture: about 10 cycles in the generations before", "documented" } },
  vmcs = {
    cap = {
      proc2 = { 0x00077fff00000000, dump, "measured" },
      cr4_fixed1 = { 0x3767ff, dump, "measured" },
    },
  },
}
