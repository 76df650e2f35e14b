-- SPDX-License-Identifier: MIT
-- Cascade Lake server core: the Skylake-SP core in translation and caches. VMX capabilities: a Gold
-- 6252N, which has what Skylake-SP has.
local dump = "yulyugin/vmlatency, results/Intel(R) Xeon(R) Gold 6252N CPU @ 2.30GHz.txt"
return {
  base = "skylake_sp",
  text = "Intel Cascade Lake core at the nominal clock of a Xeon Gold 6252",
  borrows = "the transition of Skylake-SP; its TLBs are those of 4T008 to 4T012, which name Cascade Lake too",
  cpu = { clock = { mhz = { 2100, "Intel Xeon Gold 6252 specification: 2.10 GHz base", "documented" } } },
  vmcs = {
    cap = {
      revision = { 4, dump, "measured" },
      proc2 = { 0x025f7fff00000000, dump, "measured" },
      exit = { 0x01ffffff00036dfb, dump, "measured" },
      entry = { 0x0003ffff000011fb, dump, "measured" },
      misc = { 0x7004c1e7, dump, "measured" },
      cr4_fixed1 = { 0x7767ff, dump, "measured" },
      ept_vpid = { 0x00000f0106734141, dump, "measured" },
    },
  },
}
