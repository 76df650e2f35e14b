-- SPDX-License-Identifier: MIT
-- Neoverse N1 core: geometry from Arm's manual and, where it is silent, from that of the Cortex-A76,
-- which the N1 derives from. The manual's second-level table holds walk-cache entries too, here a table
-- of their own. What virtualization costs is no part of this file.
return {
  text = "Arm Neoverse N1 core at the clock of an Ampere Altra",
  cpu = { vendor = { "arm", "Ampere Altra", "documented" }, clock = { mhz = { 3000, "Ampere Altra Q80-30 specification: 3.0 GHz", "documented" } } },
  guest = {
    format = { "arm", "VMSAv8-64", "documented" },
    shootdown = { "broadcast", "Linux arch/arm64/include/asm/tlbflush.h: the inner-shareable forms of TLBI", "documented" },
  },
  os = { flush_ceiling = { 511, "Linux arch/arm64/include/asm/tlbflush.h: fewer than MAX_DVM_OPS = PTRS_PER_PTE = 512 are invalidated one by one", "documented" } },
  ept = {
    l1_dtlb = { shared = { true, "Arm 100798 (Cortex-A76 TRM), A5.2.2: one table", "documented", of = "cortex_a76" } },
    l1_dtlb_1g = { entries = { 0, "Arm 100798 (Cortex-A76 TRM), A5.2.2: pages up to 512 MiB; larger ones are broken down", "documented", of = "cortex_a76" }, ways = { 0, "no table of its own", "documented", of = "cortex_a76" } },
    l1_dtlb_4k = { entries = { 48, "Arm 100616 (Neoverse N1 TRM), TLB organization: 48 entries", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l1_itlb = { shared = { true, "Arm 100798 (Cortex-A76 TRM), A5.2.1: one table", "documented", of = "cortex_a76" } },
    l1_itlb_4k = { entries = { 48, "Arm 100616: 48 entries", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" } },
    l2_tlb = {
      entries = { 1280, "Arm 100616: 1280 entries", "documented" }, ways = { 5, "Arm 100616: 5 ways", "documented" },
      latency = { 3, "Arm 100798 (Cortex-A76 TRM), A5.2.3: usually three cycles", "documented", of = "cortex_a76" },
    },
    l2_tlb_1g = { place = { "shared", "Arm 100798 (Cortex-A76 TRM), A5.2.3: one table for blocks of every size", "documented", of = "cortex_a76" } },
  },
  instruction = { pause = { 1, "Arm ARM, YIELD: a hint that may do nothing; a core of one thread has nobody to yield to", "assumed" } },
}
