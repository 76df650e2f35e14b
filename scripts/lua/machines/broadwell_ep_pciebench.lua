-- SPDX-License-Identifier: MIT
return {
  text = "a Broadwell host of pcie-bench: no hypervisor, a programmable adapter; the IOMMU is off unless it is asked for",
  cpu = "broadwell_ep", memory = "broadwell_ep", hypervisor = "none", iommu = "vtd_for_intel", nic = "nfp6000",
  set = { iommu = { enabled = { false, "pcie-bench measures with and without it", "documented" } } },
}
