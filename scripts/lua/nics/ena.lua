-- SPDX-License-Identifier: MIT
return {
  borrows = {
    nfp6000 = { why = "the latency of PCIe, host and adapter together, and an engine that makes transfers as it is told, were measured with another adapter", "pcie.upstream", "pcie.downstream", "dma_engine" },
    x710 = { why = "the card, its link and what its engines take are the cloud's own, and not published", "nic.engine", "nic.switch", "nic.rx_buffer", "nic.tx_buffer", "nic.fetch", "nic.first_vf_offset", "nic.vf_stride", "pcie.width", "pcie.sriov" },
  },
  text = "adapter of a cloud's machines in the manner of ENA: 25 Gb/s, 32 pairs of queues; descriptors in host memory, not pushed to the device (LLQ)",
  calibrated = "D1650 D1651 D1652",
  nic = {
    link = { gbps = { 25, "bandwidth depends on the instance; 25 Gb/s is a common one", "assumed" } },
    ring = { descriptors = { 1024, "D1651: default ring", "documented" } },
    moderation_ns = { 20000, "D1650: initial interval of receive interrupts", "documented" },
    rss = { entries = { 128, "ena_netdev.h: ENA_RX_RSS_TABLE_LOG_SIZE 7", "documented" } },
    has = {
      virtchnl = { false, "Linux ena_com.c: an admin queue to the card, in another format", "documented" },
      pools = { 0, "Linux ena_netdev.c: no ndo_dfwd_add_station", "documented" },
      pairs = { 32, "D1652: queues of an interface, at most", "documented" },
      queues = { 4096, "each interface has its own; the card's sum is not published", "assumed" },
      descriptors = { 1024, "D1651: transmit rings are 1024 descriptors at most", "documented" },
      rss = { entries = { 128, "ena_netdev.h: ENA_RX_RSS_TABLE_SIZE 128", "documented" } },
      head_write_back = { false, "ena_eth_io_defs.h: completions are descriptors of completion queues", "documented" },
    },
  },
}
