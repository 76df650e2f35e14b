-- SPDX-License-Identifier: MIT
return {
  text = "a Haswell host of pcie-bench: no hypervisor, a programmable adapter; the IOMMU is off unless it is asked for",
  cpu = "haswell_ep", memory = "haswell_ep", hypervisor = "none", iommu = "vtd_haswell", nic = "nfp6000",
  set = { iommu = { enabled = { false, "pcie-bench measures with and without it", "documented" } } },
}
