-- SPDX-License-Identifier: MIT
-- Cascade Lake server core: the Skylake-SP core in translation and caches.
return {
  base = "skylake_sp",
  text = "Intel Cascade Lake core at the nominal clock of a Xeon Gold 6252",
  borrows = "the transition of Skylake-SP; its TLBs are those of 4T008 to 4T012, which name Cascade Lake too",
  cpu = { clock = { mhz = { 2100, "Intel Xeon Gold 6252 specification: 2.10 GHz base", "documented" } } },
}
