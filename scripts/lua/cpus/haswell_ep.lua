-- SPDX-License-Identifier: MIT
-- Haswell server core. TLB geometry: InstLatX64 dumps of Haswell. Transition: Xeon E5-2680 v3.
-- VMX capabilities are the defaults of vmcs.cap.*, which are a dump of this part.
local split = "1X053: 453 cycles were measured, 329 of them go to parts of assumed length; the other 124 are split in half by assumption"
return {
  text = "Intel Haswell-EP core at the nominal clock of a Xeon E5-2680 v3",
  calibrated = "1X053",
  cpu = {
    clock = { mhz = { 2500, "1X053: Xeon E5-2680 v3, nominal clock", "documented" } },
    load_queue = { 72, "Intel Optimization Manual, Haswell: 72 load buffers", "documented" },
    string_stores = { width = { 32, "WikiChip, Haswell: one 32-byte store a cycle into the first-level data cache", "documented" } },
  },
  ept = {
    walkers = { 1, "Intel Optimization Manual, Skylake: parts before walked one page at a time", "documented" },
    l1_dtlb_4k = { entries = { 64, "4T002", "documented" }, ways = { 4, "4T002", "documented" } },
    l1_dtlb_2m = { entries = { 32, "4T003", "documented" }, ways = { 4, "4T003", "documented" } },
    l1_dtlb_1g = { entries = { 4, "4T004", "documented" }, ways = { 4, "4T004", "documented" } },
    l2_tlb = { entries = { 1024, "4T005", "documented" }, ways = { 8, "4T005", "documented" } },
    l2_tlb_1g = { entries = { 0, "4T002-005 list none", "documented" }, ways = { 0, "4T002-005 list none", "documented" } },
  },
  instruction = { pause = { 10, "Intel Optimization Manual, Pause Latency in Skylake Client Microarchitecture: about 10 cycles in the generations before", "documented" } },
  vmcs = {
    exit = { detect = { 62, split, "assumed" } },
    entry = { begin = { 62, split, "assumed" } },
  },
}
