-- SPDX-License-Identifier: MIT
return {
  base = "vtd_haswell",
  of = "haswell_ep",
  borrows = { haswell_ep = { why = "VT-d was measured on a Haswell host alone", "iommu" } },
  text = "VT-d of a Haswell host on another Intel machine",
}
