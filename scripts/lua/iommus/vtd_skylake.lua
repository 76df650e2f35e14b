-- SPDX-License-Identifier: MIT
return {
  base = "vtd_haswell",
  text = "VT-d of a Skylake host",
  borrows = "everything from the Haswell measurements: none exists for Skylake",
}
