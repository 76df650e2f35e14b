-- SPDX-License-Identifier: MIT
-- Skylake server core. TLB geometry: InstLatX64 dumps of Skylake/SKX/CLX. Transition: Xeon Gold 6142M.
return {
  text = "Intel Skylake-SP core at the nominal clock of a Xeon Gold 6142M",
  borrows = "L2 and first-level latencies of an i9-7900X (Skylake-X); vmcs.cap.* of an E5-2680 v3",
  calibrated = "1X061 1X064",
  cpu = { clock = { mhz = { 2600, "1X061: Xeon Gold 6142M, nominal clock", "documented" } } },
  ept = {
    l1_dtlb_4k = { entries = { 64, "4T008", "documented" }, ways = { 4, "4T008", "documented" } },
    l1_dtlb_2m = { entries = { 32, "4T009", "documented" }, ways = { 4, "4T009", "documented" } },
    l1_dtlb_1g = { entries = { 4, "4T010", "documented" }, ways = { 4, "4T010", "documented" } },
    l2_tlb = { entries = { 1536, "4T011", "documented" }, ways = { 12, "4T011", "documented" } },
    l2_tlb_1g = { entries = { 16, "4T012", "documented" }, ways = { 4, "4T012", "documented" } },
  },
  vmcs = {
    exit = { detect = { 93, "1X061: round trip of 516 cycles less the parts modelled, half of the rest", "derived" } },
    entry = { begin = { 94, "1X061: round trip of 516 cycles less the parts modelled, half of the rest", "derived" } },
  },
}
