-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Skylake server core, from the latency staircase of an i9-7900X at 3312 MHz,
-- the same design: L2 and LLC in core cycles, DRAM in ns. LRU where that part keeps lines as random
-- replacement does.
return {
  same = { ddr4 = { why = "six channels of DDR4-2666", "memory.dram.banks", "memory.dram.row" } },
  text = "Skylake-SP caches with six channels of DDR4-2666",
  calibrated = "NL.skylake_sp.PR 4M094",
  host = { frames = { "colored", "NL.skylake_sp.PR.s64.768K..1024K: L2 answers to its full size, as it does where successive pages take turns in its sets; frames at random overfill some", "derived" } },
  guest = { frames = { "colored", "a guest's kernel gives out frames as the host's does", "assumed" } },
  memory = {
    remote_latency = { "54100", "4M094: Gold 6140, 144.3 ns remote less 90.2 local", "derived" },
    l1d = { latency = { 4, "NL.skylake_sp.PR.s64.8K..32K", "measured" } },
    l2 = { latency = { 14, "NL.skylake_sp.PR.s64.48K..256K", "measured" } },
    llc = { latency = { 66, "NL.skylake_sp.PR.s4096.2048K..6144K: 75 cycles less 9 of the second-level TLB", "derived" } },
    dram = {
      page_policy = { "closed", "NL.skylake_sp.PR.s64.524288K fixes one DRAM latency and no split of it into row hits and conflicts; closed rows need none", "assumed" },
      row_miss = { "82200", "NL.skylake_sp.PR.s64.524288K: 279 cycles at 3312 MHz, less 7 of the second-level TLB", "derived" },
      row_hit = { "82200", "closed rows: never taken", "derived" },
      row_conflict = { "82200", "closed rows: never taken", "derived" },
    },
  },
}
