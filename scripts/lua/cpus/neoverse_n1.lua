-- SPDX-License-Identifier: MIT
-- Neoverse N1 core: geometry from Arm's manual and, where it is silent, from that of the Cortex-A76,
-- which the N1 derives from. The manual's second-level table holds walk-cache entries too, here a table
-- of their own. What virtualization costs is no part of this file.
return {
  borrows = {
    cortex_a76 = { why = "the core that this one derives from, where its own manual is silent", "cpu", "ept" },
    skylake_sp = { why = "no source at hand says how many walks run at one time, nor how long a read of the counter takes; CPUID, INVPCID and CR4 are x86's", "ept.walkers", "instruction" },
    ivybridge = { why = "the size of the walk cache is not published", "ept.guest_pwc.l3.entries" },
    intel = { why = "no source at hand says at which level this walker's references enter", "memory.walker.entry" },
  },
  text = "Arm Neoverse N1 core at the clock of an Ampere Altra",
  cpu = { affected = { bhb = { true, "Linux arch/arm64/kernel/proton-pack.c, spectre_bhb_loop_affected: 24 rounds on Neoverse N1", "documented" } },
    vendor = { "arm", "Ampere Altra", "documented" }, clock = { mhz = { 3000, "Ampere Altra Q80-30 specification: 3.0 GHz", "documented" } },
    issue_width = { 4, "Arm PJDOC-466751330-9707 (Neoverse N1 optimization guide), dispatch: up to 4 macro-operations a cycle", "documented" },
    load_queue = { 68, "AnandTech 12785, Cortex-A76: 68 loads in flight", "documented", of = "cortex_a76" },
    string_stores = { true, "no string instructions: Linux arch/arm64/lib/clear_page.S clears by DC ZVA, whose lines wait for one another no more than stores do", "assumed" },
    ["string_stores.width"] = { 32, "LLVM AArch64SchedNeoverseN1.td: two pipes of store data, of 16 bytes", "derived" },
  },
  guest = {
    format = { "arm", "VMSAv8-64", "documented" },
    shootdown = { "broadcast", "Linux arch/arm64/include/asm/tlbflush.h: the inner-shareable forms of TLBI", "documented" },
  },
  os = { flush_ceiling = { 511, "Linux arch/arm64/include/asm/tlbflush.h: fewer than MAX_DVM_OPS = PTRS_PER_PTE = 512 are invalidated one by one", "documented" } },
  ept = {
    accessed_dirty = { true, "Arm 100616, ID_AA64MMFR1_EL1.HAFDBS = 2: hardware keeps access flags and dirty state, at stage 2 too (FEAT_HAFDBS)", "documented" },
    walk_lines = { entries = { 0, "Arm 100616: the second-level TLB holds walk-cache entries; nothing by physical address", "documented" } },
    l1_dtlb_store = { entries = { 0, "Arm 100616: one first-level TLB of data", "documented" } },
    l2_itlb = { entries = { 0, "Arm 100616: one second-level TLB of instructions and data", "documented" } },
    l1_dtlb = { shared = { true, "Arm 100798 (Cortex-A76 TRM), A5.2.2: one table", "documented", of = "cortex_a76" } },
    l1_dtlb_1g = { entries = { 0, "Arm 100798 (Cortex-A76 TRM), A5.2.2: pages up to 512 MiB; larger ones are broken down", "documented", of = "cortex_a76" }, ways = { 0, "no table of its own", "documented", of = "cortex_a76" } },
    l1_dtlb_2m = { entries = { 48, "Arm 100798 (Cortex-A76 TRM), A5.2.2: the same 48 entries", "documented", of = "cortex_a76" } },
    l1_dtlb_4k = { entries = { 48, "Arm 100616 (Neoverse N1 TRM), TLB organization: 48 entries", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" }, latency = { 0, "Arm PJDOC-466751330-9707: loads take 4 cycles, translation included", "documented" } },
    l1_itlb = { shared = { true, "Arm 100798 (Cortex-A76 TRM), A5.2.1: one table", "documented", of = "cortex_a76" } },
    l1_itlb_2m = { entries = { 48, "Arm 100798 (Cortex-A76 TRM), A5.2.1: the same 48 entries", "documented", of = "cortex_a76" } },
    l1_itlb_4k = { entries = { 48, "Arm 100616: 48 entries", "documented" }, ways = { 0, "Arm 100616: fully associative", "documented" }, latency = { 0, "as the table of data", "assumed" } },
    l2_tlb = {
      large_pages = { true, "Arm 100798 (Cortex-A76 TRM), A5.2.3: one table for blocks of every size", "documented", of = "cortex_a76" },
      entries = { 1280, "Arm 100616: 1280 entries", "documented" }, ways = { 5, "Arm 100616: 5 ways", "documented" },
      latency = { 5, "C1244: 5 cycles on an Ampere Altra", "measured" },
    },
    l2_tlb_1g = { place = { "shared", "Arm 100798 (Cortex-A76 TRM), A5.2.3: one table for blocks of every size", "documented", of = "cortex_a76" } },
  },
  instruction = { pause = { 1, "Arm ARM, YIELD: a hint that may do nothing; a core of one thread has nobody to yield to", "assumed" } },
}
