-- SPDX-License-Identifier: MIT
return {
  borrows = { nfp6000 = { why = "the latency of PCIe, host and adapter together, and an engine that makes transfers as it is told, were measured with another adapter", "pcie.upstream", "pcie.downstream", "dma_engine" } },
  text = "10 Gb/s SR-IOV adapter in the manner of an X710",
  pcie = { width = { 8, "Intel Ethernet Controller X710 product brief: PCIe 3.0, 8 lanes", "documented" } },
  nic = { link = { gbps = { 10, "X710: 10 Gb/s ports", "documented" } } },
}
