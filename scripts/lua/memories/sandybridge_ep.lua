-- SPDX-License-Identifier: MIT
-- Caches and DRAM behind a Sandy Bridge server core, from the latency staircase of an i7-3930K.
local manual = "Intel Optimization Manual, Sandy Bridge, cache parameters: 32 KiB, 8 ways"
return {
  text = "Sandy Bridge-EP caches with four channels of DDR3",
  calibrated = "NL.sandybridge_ep.PR",
  host = { frames = { "colored", "NL.sandybridge_ep.PR.s64.192K..256K: L2 answers to its full size, as it does where successive pages take turns in its sets; frames at random overfill some", "derived" } },
  guest = { frames = { "colored", "a guest's kernel gives out frames as the host's does", "assumed" } },
  memory = {
    l1d = { size = { "32KiB", "NL.sandybridge_ep.PR.s64.32K..48K: step at 32 KiB", "measured" }, ways = { 8, manual, "documented" }, latency = { 4, "NL.sandybridge_ep.PR.s64.2K..32K", "measured" } },
    l1i = { size = { "32KiB", manual, "documented" }, ways = { 8, manual, "documented" } },
    l2 = {
      size = { "256KiB", "Intel Optimization Manual, Sandy Bridge: 256 KiB L2", "documented" },
      ways = { 8, "Intel Optimization Manual, Sandy Bridge: 8 ways", "documented" },
      latency = { 12, "NL.sandybridge_ep.PR.s64.48K..256K", "measured" },
    },
    llc = {
      size = { "12MiB", "Intel i7-3930K specification: 12 MB", "documented" },
      ways = { 16, "2 MiB slices of 16 ways (E5-2600: 20 ways of 2.5 MiB); assumed for this cut", "assumed" },
      inclusive = { true, "Intel Optimization Manual, Sandy Bridge: inclusive LLC", "documented" },
      latency = { 38, "NL.sandybridge_ep.PR.s4096.1024K..2048K: 45 cycles less 7 of the second-level TLB", "derived" },
    },
    dram = {
      banks = { 16, "JESD79-3 (DDR3): eight banks a rank; two ranks a channel are assumed", "derived" },
      row = { "8KiB", "JESD79-3 (DDR3): pages of 1 KiB on each of the eight x8 devices of a rank", "documented" },
      channels = { 4, "i7-3930K: four DDR3 channels", "documented" },
      page_policy = { "closed", "NL.sandybridge_ep.PR.s64.32768K..524288K fix one DRAM latency and no split of it into row hits and conflicts; closed rows need none", "assumed" },
      row_miss = { "73500", "NL.sandybridge_ep.PR.s64.32768K..524288K: 241 cycles at 3209 MHz, less 5 of the second-level TLB", "derived" },
      row_hit = { "73500", "closed rows: never taken", "derived" },
      row_conflict = { "73500", "closed rows: never taken", "derived" },
    },
  },
}
