-- SPDX-License-Identifier: MIT
-- The same translation reduced to one fully associative 64-entry TLB for data, one for code, 4 KiB pages.
local why = "TLB oracle: 64 entries, fully associative, true LRU"
return {
  text = "a single fully associative TLB of 64 entries, 4 KiB pages",
  base = "skylake_sp_native",
  set = {
    nic = { present = { false, "an oracle of TLBs", "documented" } },
    ept = {
      l1_dtlb_4k = { entries = { 64, why, "documented" }, ways = { 0, why, "documented" }, policy = { "lru", why, "documented" } },
      l1_itlb_4k = { entries = { 64, why, "documented" }, ways = { 0, why, "documented" }, policy = { "lru", why, "documented" } },
      l2_tlb = { entries = { 0, why, "documented" }, ways = { 0, why, "documented" } },
      l2_tlb_1g = { entries = { 0, why, "documented" }, ways = { 0, why, "documented" } },
    },
  },
}
