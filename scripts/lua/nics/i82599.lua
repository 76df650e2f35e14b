-- SPDX-License-Identifier: MIT
return {
  borrows = {
    nfp6000 = { why = "the latency of PCIe, host and adapter together, and an engine that makes transfers as it is told, were measured with another adapter", "pcie.upstream", "pcie.downstream", "dma_engine" },
  },
  text = "10 Gb/s SR-IOV adapter in the manner of an 82599: 64 virtual functions of up to 4 pairs of queues out of 128",
  calibrated = "D1278 D1283",
  pcie = {
    generation = { 2, "Intel 82599 datasheet: PCIe v2.0, 5 GT/s", "documented" },
    width = { 8, "Intel 82599 datasheet: 8 lanes", "documented" },
    mmio_write = { 138, "D1278 beside D1283: a batch of one costs 396 cycles a packet, one of 32 costs 120; two tail registers a batch are what they share", "derived" },
    sriov = { total_vfs = { 64, "lspci of an 82599: Total VFs: 64", "documented" } },
  },
  nic = {
    first_vf_offset = { 128, "lspci of an 82599 with ARI: VF offset: 128, stride: 2", "documented" },
    vf_stride = { 2, "lspci of an 82599: VF offset: 128, stride: 2", "documented" },
    link = { gbps = { 10, "Intel 82599 datasheet: 10 Gb/s ports", "documented" } },
    ring = { descriptors = { 512, "Linux ixgbe.h: IXGBE_DEFAULT_TXD and IXGBE_DEFAULT_RXD 512", "documented" } },
    fetch = { ahead = { 40, "Linux ixgbe_main.c: PTHRESH 32, and a batch of 8 beyond it", "documented" } },
    write_back = { tx = { 8, "Linux ixgbe_main.c, ixgbe_configure_tx_ring: WTHRESH 8, or 1 above 100,000 interrupts a second", "documented" } },
    rx_buffer = { 524288, "Linux ixgbe_82599.c: IXGBE_82599_RX_PB_SIZE 512 KB", "documented" },
    tx_buffer = { 163840, "Linux ixgbe_type.h: IXGBE_TXPBSIZE_MAX 160 KB", "documented" },
    engine = { 44800, "Intel 82599 datasheet: the least frame every 67.2 ns and port, 14.88 million a second; two thirds of it, the switch the rest", "assumed" },
    switch = { 22400, "Intel 82599 datasheet: one third of 67.2 ns", "assumed" },
    interface = { 614400, "Linux ixgbe_type.h, IXGBE_MAC_D 4096 and IXGBE_XAUI_D 2048 bit times of an 82599's interface each way, at 10 Gb/s: what the headroom of flow control has to hold, the most that it takes; an external PHY's (IXGBE_PHY_D) is not an SFP+'s", "assumed" },
    rss = { entries = { 128, "Intel 82599 datasheet 7.1.2.8.1: redirection table of 128 entries", "documented" } },
    has = {
      virtchnl = { false, "Linux ixgbevf mbx.h: its functions have mailboxes of registers", "documented" },
      mailbox = { true, "Intel 82599 datasheet: VFMAILBOX, VFMBMEM; Linux ixgbevf mbx.h", "documented" },
      pools = { 63, "Linux ixgbe.h: IXGBE_MAX_MACVLANS 63, of the 64 pools of an 82599 (IXGBE_MAX_VMDQ_INDICES), one of which is the physical function's own", "documented" },
      pairs = { 4, "Linux ixgbe_lib.c, ixgbe_set_sriov_queues: 4 of each function up to 32 functions (IXGBE_RSS_4Q_MASK), 2 beyond", "documented" },
      queues = { 128, "Linux ixgbe_82599.c: IXGBE_82599_MAX_TX_QUEUES and MAX_RX_QUEUES 128", "documented" },
      descriptors = { 4096, "Linux ixgbe.h: IXGBE_MAX_TXD and IXGBE_MAX_RXD 4096", "documented" },
      rss = { entries = { 128, "Intel 82599 datasheet 7.1.2.8.1", "documented" } },
      head_write_back = { true, "Intel 82598 and 82599 datasheets: TDWBAL.Head_WB_En", "documented" },
    },
  },
}
