-- SPDX-License-Identifier: MIT
return {
  text = "1 Gb/s SR-IOV adapter, Intel 82576: registers that take long to answer",
  borrows = {
    nfp6000 = { why = "the way over PCIe, host and adapter together, and an engine that makes transfers as it is told, were measured with another adapter", "pcie.upstream", "pcie.downstream", "dma_engine" },
  },
  calibrated = "D1645",
  pcie = {
    generation = { 1, "Intel 82576EB Gigabit Ethernet Controller datasheet: PCIe v2.0 at 2.5 GT/s", "documented" },
    width = { 4, "Intel 82576EB Gigabit Ethernet Controller datasheet: 4 lanes", "documented" },
    register = { "978.6ns", "D1645: a read of a virtual function's register takes 1581.2 ns; less the link both ways and the core's part on a Haswell host", "derived" },
    sriov = { total_vfs = { 8, "Intel 82576EB datasheet: 8 virtual functions a port", "documented" } },
  },
  nic = {
    link = { gbps = { 1, "Intel 82576EB: 1 Gb/s ports", "documented" } },
    has = { virtchnl = { false, "Linux igbvf mbx.h: its functions have mailboxes of registers", "documented" } },
  },
}
