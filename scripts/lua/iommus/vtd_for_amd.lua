-- SPDX-License-Identifier: MIT
-- AMD-Vi is not modelled: VT-d, of a Haswell host, stands in for it on AMD machines.
return {
  base = "vtd_haswell",
  of = "haswell_ep",
  borrows = { haswell_ep = { why = "AMD-Vi is not modelled", "iommu" } },
  text = "Intel's VT-d, of a Haswell host, in place of AMD-Vi",
}
