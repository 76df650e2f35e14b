-- SPDX-License-Identifier: MIT
return {
  base = "vtd_haswell",
  borrows = { haswell_ep = { why = "VT-d was measured on a Haswell host alone", "iommu" } },
  of = "skylake_sp",
  text = "VT-d of a Skylake host",
}
