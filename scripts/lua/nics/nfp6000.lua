-- SPDX-License-Identifier: MIT
return {
  text = "the programmable adapter with which pcie-bench measures hosts, PCIe 3.0 with 8 lanes",
  borrows = { x710 = { why = "pcie-bench drives the adapter's DMA engine alone: no packet reaches rings, link or virtual functions", "nic", "pcie.sriov" } },
  groups = { link = {
    source = "6P060: 546.7 ns of a 64-byte read on a Haswell host, less serialization and the last-level cache", grade = "derived",
    with = { cpu = "haswell_ep" },
    "pcie.upstream", "pcie.downstream",
  } },
  calibrated = "6P060 6P063 6P064 6P069 6P070",
  pcie = { width = { 8, "6P057: the measured adapter is PCIe 3.0 x8", "documented" } },
}
