-- SPDX-License-Identifier: MIT
return {
  base = "vtd_haswell",
  of = "skylake_sp",
  text = "VT-d of a Skylake host",
}
