-- SPDX-License-Identifier: MIT
return {
  borrows = { nfp6000 = { why = "the latency of PCIe, host and adapter together, and an engine that makes transfers as it is told, were measured with another adapter", "pcie.upstream", "pcie.downstream", "dma_engine" } },
  text = "10 Gb/s SR-IOV adapter in the manner of an X710",
  pcie = {
    width = { 8, "Intel Ethernet Controller X710 product brief: PCIe 3.0, 8 lanes", "documented" },
    sriov = { total_vfs = { 128, "Intel Ethernet Controller X710 datasheet: 128 virtual functions in all", "documented" } },
  },
  nic = {
    link = { gbps = { 10, "X710: 10 Gb/s ports", "documented" } },
    has = {
      virtchnl = { true, "Linux iavf_register.h, iavf_adminq.c: VF_ATQ and VF_ARQ of an X710's functions", "documented" },
      pools = { 128, "Linux i40e.h: I40E_MAX_MACVLANS 128, channel VSIs of the physical function's (VMDq2)", "documented" },
      pairs = { 16, "Linux i40e.h: I40E_MAX_VF_QUEUES 16; 4 unless more are asked for (I40E_DEFAULT_QUEUES_PER_VF)", "documented" },
      queues = { 1536, "Linux i40e_common.h: I40E_MAX_PF_QUEUES 1536", "documented" },
      descriptors = { 4096, "Linux i40e.h: I40E_MAX_NUM_DESCRIPTORS 4096", "documented" },
      head_write_back = { true, "Linux i40e_main.c: head_wb_ena of a transmit queue, its word behind the ring", "documented" },
    },
  },
}
