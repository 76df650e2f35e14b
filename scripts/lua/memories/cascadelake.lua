-- SPDX-License-Identifier: MIT
return {
  base = "skylake_sp",
  text = "Cascade Lake caches with six channels of DDR4-2933",
  borrows = "every latency of the Skylake-SP description, caches in core cycles and DRAM in ns",
  memory = {
    llc = { size = { "35.75MiB", "Intel Xeon Gold 6252 specification: 35.75 MB", "documented" } },
  },
}
