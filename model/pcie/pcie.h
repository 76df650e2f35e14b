/* SPDX-License-Identifier: MIT */
/*
 * A PCI Express link: serialization by generation, width and TLP overhead, propagation, one
 * resource per direction. A device calls it for each DMA; the access to memory behind it goes
 * through a vs_dma_port. Each call opens and closes dma.read or dma.write on the device's
 * transaction.
 */
#ifndef VIRTSIM_PCIE_H
#define VIRTSIM_PCIE_H

#include "virtsim/port/dma.h"

#define VS_DEF_NAME pcie
#define VS_DEF_FILE "pcie/pcie.def"
#include "virtsim/def_types.h"

struct vs_pcie {
    struct vs_pcie_config cfg;
    uint16_t account;
    uint64_t rate_num, rate_den; /* picoseconds for a byte = num / den, exactly */
    uint64_t up_busy_ps, down_busy_ps;
    struct vs_dma_port host;
    uint64_t count[VS_CNT_pcie_N];
};

void vs_pcie_check(const struct vs_pcie_config *cfg, struct vs_errors *errors);
void vs_pcie_init(struct vs_pcie *p, const struct vs_pcie_config *cfg, struct vs_ledger *ledger,
                  const struct vs_dma_port *host);
/* Time on the link of `bytes`, rounded up to a picosecond. */
uint64_t vs_pcie_ps(const struct vs_pcie *p, uint64_t bytes);
/* Bytes on the link for a write of `bytes` (upstream), and for a read (down; *up gets the
 * requests'). */
uint64_t vs_pcie_write_bytes(const struct vs_pcie *p, uint64_t bytes);
uint64_t vs_pcie_read_bytes(const struct vs_pcie *p, uint64_t bytes, uint64_t *up);
/* False: the IOMMU blocked it; buf is then untouched and memory too. */
bool vs_pcie_read(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                  size_t bytes);
bool vs_pcie_write(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                   const void *buf, size_t bytes);
/* A posted register write that leaves the CPU at `at`: when the device has it. */
vs_ps vs_pcie_doorbell(struct vs_pcie *p, vs_ps at);
/* A small posted write upstream (an MSI): link time and propagation on t, no memory behind it. */
void vs_pcie_message(struct vs_pcie *p, struct vs_txn *t);

#endif
