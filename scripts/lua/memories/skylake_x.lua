-- SPDX-License-Identifier: MIT
-- The caches and DRAM of the part whose staircase was measured.
return {
  base = "skylake_sp",
  same = { ddr4 = { why = "four channels of DDR4", "memory.dram.banks", "memory.dram.row" } },
  text = "Skylake-X caches of an i9-7900X with four channels of DDR4",
  memory = {
    llc = {
      size = { "14080KiB", "Intel i9-7900X specification: 13.75 MB, ten slices of 1.375 MiB", "documented" },
      policy = { "random", "NL.skylake_sp.PR.s64.12288K..131072K: part of a cyclic footprint survives, as random replacement has it", "derived" },
    },
    dram = { channels = { 4, "i9-7900X: four DDR4 channels", "documented" } },
  },
}
