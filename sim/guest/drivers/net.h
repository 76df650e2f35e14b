/* SPDX-License-Identifier: MIT */
/*
 * The I/O side of the platform: link, IOMMU, NIC, the traffic that arrives, and each vCPU's driver
 * of its own virtual function (vCPU i drives VF i).
 */
#ifndef VIRTSIM_SIM_GUEST_DRIVERS_NET_H
#define VIRTSIM_SIM_GUEST_DRIVERS_NET_H

#include "cpu/vcpu.h"

#include "dma_engine/dma_engine.h"
#include "iommu/iommu.h"
#include "pcie/pcie.h"
#include "sriov_nic/sriov_nic.h"

#define VS__NET_BUFFER VS_NIC_BUFFER

#define VS__NET_RING_PAGES 16u /* of the longest ring, 4096 descriptors of 16 bytes */

/* A vCPU's driver. */
struct vs_driver {
    uint64_t tx_ring, rx_ring, tx_buffers, rx_buffers; /* guest virtual */
    uint64_t tx_iova, rx_iova, tx_buffers_iova, rx_buffers_iova;
    uint32_t tx_tail, tx_clean, rx_next, rx_tail;
    uint64_t got;
    struct vs_ring_page { /* where a page was found last, and what was edited by then */
        uint64_t page, hpa, edits;
        bool known;
    } found[2][VS__NET_RING_PAGES]; /* of the receive ring, of the transmit ring */
    bool made;                      /* it has its rings and buffers */
    bool ready, waiting;
    uint64_t second_level;          /* the function's domain; 0: no IOMMU */
    uint64_t pinned_at, pinned_end; /* the program's memory that is mapped in it last */
    struct vs_dma_job job;          /* what the function's engine is about */
};

struct vs_net {
    struct vs_platform *p;
    struct vs_iommu iommu;
    struct vs_pcie pcie;
    struct vs_nic nic;
    struct vs_dma_engine engine;
    struct vs_msi_port remapped; /* the IOMMU's, for the NIC's messages */
    struct vs_memory_dma dma, agent;
    struct vs_iommu_config iommu_config;
    struct vs_pcie_config pcie_config;
    struct vs_nic_config nic_config;
    struct vs_dma_engine_config engine_config;
    struct vs_driver *driver; /* per vCPU */
    /* The machine's: what a vCPU's driver needs when its program first sends or receives, tables of
     * the IOMMU, rings and buffers. A machine whose NIC nobody uses has none of it. False, and the
     * run fails, where it is not to be had; `what` the program asked for. */
    bool (*use)(struct vs_vcpu *v, const char *what);
    /* Maps a program's memory for the function of its vCPU; *iova: where. False, and the run fails,
     * where that is not to be had. */
    bool (*pin)(struct vs_vcpu *v, uint64_t at, uint64_t bytes, uint64_t *iova);
    unsigned nic_agent;
    uint64_t next_packet_ps;
    uint32_t next_vf;
    bool used;    /* the IOMMU has its tables: a driver has been made */
    bool traffic; /* somebody has asked for packets */
    bool raised;  /* a vCPU has been interrupted: the adapter's agent lets it act */
};

#endif
