-- SPDX-License-Identifier: MIT
-- an SMMUv3 is not modelled: VT-d, of a Haswell host, stands in for it on Arm machines.
return {
  base = "vtd_haswell",
  of = "haswell_ep",
  borrows = { haswell_ep = { why = "an SMMUv3 is not modelled", "iommu" } },
  text = "Intel's VT-d, of a Haswell host, in place of an SMMUv3",
}
