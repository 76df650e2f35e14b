-- SPDX-License-Identifier: MIT
-- Neoverse N1 core: geometry from Arm's manual; what virtualization costs is no part of this file.
return {
  text = "Arm Neoverse N1 core at the clock of an Ampere Altra",
  borrows = "latencies of TLB lookups and walk caches of the Skylake description; the manual's one first-level table of 48 for all sizes stands here as one a size; its second-level table holds walk-cache entries too, here a table of their own",
  cpu = { clock = { mhz = { 3000, "Ampere Altra Q80-30 specification: 3.0 GHz", "documented" } } },
  guest = { format = { "arm", "VMSAv8-64", "documented" } },
  ept = {
    l1_dtlb_4k = { entries = { 48, "Arm 100616 (Neoverse N1 TRM), TLB organization: 48 entries", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l1_dtlb_2m = { entries = { 48, "Arm 100616: 48 entries of any size", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l1_dtlb_1g = { entries = { 48, "Arm 100616: 48 entries of any size", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l1_itlb_4k = { entries = { 48, "Arm 100616: 48 entries", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l1_itlb_2m = { entries = { 48, "Arm 100616: 48 entries of any size", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l2_tlb = {
      entries = { 1280, "Arm 100616: 1280 entries", "documented" }, ways = { 5, "Arm 100616: 5 ways", "documented" },
      latency = { 5, "no measurement at hand; between the 5 to 9 cycles of the x86 parts described", "assumed" },
    },
    l2_tlb_1g = { entries = { 64, "the shared table takes 1 GiB blocks; a twentieth of it", "assumed" }, ways = { 0, "as assumed above", "assumed" } },
  },
}
