-- SPDX-License-Identifier: MIT
return {
  borrows = {
    nfp6000 = { why = "the latency of PCIe, host and adapter together, and an engine that makes transfers as it is told, were measured with another adapter", "pcie.upstream", "pcie.downstream", "dma_engine" },
    x710 = { why = "what the adapter's engines, buffers and switch take and hold is not published", "nic.engine", "nic.switch", "nic.rx_buffer", "nic.tx_buffer", "nic.fetch", "nic.first_vf_offset", "nic.vf_stride" },
  },
  text = "100 Gb/s SR-IOV adapter in the manner of a ConnectX-5; without inline payloads, doorbells that carry descriptors, completion queues of their own",
  pcie = {
    generation = { 3, "NVIDIA ConnectX-5 product brief: PCIe 3.0, 8 GT/s", "documented" },
    width = { 16, "NVIDIA ConnectX-5 product brief: 16 lanes", "documented" },
    sriov = { total_vfs = { 127, "mlxconfig of a ConnectX-5: NUM_OF_VFS up to 127 a port", "documented" } },
  },
  nic = {
    link = { gbps = { 100, "NVIDIA ConnectX-5 product brief: 100 Gb/s", "documented" } },
    ring = { descriptors = { 1024, "Linux mlx5 en.h: MLX5E_PARAMS_DEFAULT_LOG_SQ_SIZE and LOG_RQ_SIZE 0xa", "documented" } },
    moderation_ns = { 16000, "Linux mlx5 en.h: MLX5E_PARAMS_DEFAULT_RX_CQ_MODERATION_USEC 0x10", "documented" },
    rss = { entries = { 128, "Linux mlx5 en.h: MLX5E_LOG_INDIR_RQT_SIZE 0x7", "documented" } },
    has = {
      virtchnl = { false, "Linux mlx5 cmd.c: a function has a command queue to the firmware, and none to the physical one's driver", "documented" },
      pools = { 0, "Linux mlx5 en_main.c: no ndo_dfwd_add_station", "documented" },
      pairs = { 64, "Linux mlx5 en.h: MLX5E_MAX_NUM_CHANNELS, half of the table's 128 entries", "documented" },
      queues = { 65536, "queues are objects in the host's memory; nothing in the driver bounds their sum", "assumed" },
      descriptors = { 4096, "Linux mlx5 en.h: LOG_SQ_SIZE up to 0xd, 8192; this simulator's rings end at 4096", "assumed" },
      rss = { entries = { 128, "Linux mlx5 en.h: MLX5E_INDIR_RQT_SIZE 128", "documented" } },
      lro = { true, "Linux mlx5 en_main.c: NETIF_F_LRO where lro_cap says so; functions have the capability, too", "documented" },
      head_write_back = { false, "Linux mlx5: completions are entries of completion queues", "documented" },
    },
  },
}
