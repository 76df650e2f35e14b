/* SPDX-License-Identifier: MIT */
/*
 * A device with its functions as software on the host finds it: the physical function, its virtual
 * functions once they are enabled, who claims an address, and which registers claim the same one.
 */
#ifndef VIRTSIM_PCIE_DEVICE_H
#define VIRTSIM_PCIE_DEVICE_H

#include "pcie/config.h"

#define VS_PCI_NAME 48u /* characters of a register's name, "BAR 0 of virtual function 127" */

struct vs_pci_device {
    struct vs_pci_function *fn; /* the physical function, then TotalVFs virtual ones */
    uint32_t n;
    uint64_t reset_ps; /* how long a function level reset takes */
};

/* The functions of a device; `port` gives each of them what is behind its registers. */
enum vs_status vs_pci_device_init(
    struct vs_pci_device *d, const struct vs_pci_identity *physical,
    const struct vs_pci_identity *virtual_function, uint16_t requester, uint64_t reset_ps,
    void (*port)(void *ctx, uint32_t function, struct vs_function_port *out), void *ctx);
void vs_pci_device_free(struct vs_pci_device *d);
/* What firmware and the host's kernel do: registers of memory from `base` on, each at a multiple of
 * its size, memory and bus mastering enabled, `vfs` virtual functions. Where the memory ends. */
uint64_t vs_pci_device_place(struct vs_pci_device *d, uint64_t base, uint32_t vfs);

/* Configuration requests by function number. Nobody answers for a virtual function that is not
 * enabled: a read is all ones, a write is lost. vs_pci_device_write returns NULL, or why software
 * may not do that, when nothing has changed: `why` holds the words. */
uint64_t vs_pci_device_read(const struct vs_pci_device *d, uint32_t function, unsigned offset,
                            unsigned bytes, vs_ps at);
const char *vs_pci_device_write(struct vs_pci_device *d, uint32_t function, unsigned offset,
                                unsigned bytes, uint64_t value, vs_ps at, char *why, size_t room);
/* The function answers at all. */
bool vs_pci_device_enabled(const struct vs_pci_device *d, uint32_t function);
/* Which function's register claims an address; false: nobody's. */
bool vs_pci_device_claims(const struct vs_pci_device *d, uint64_t address, uint32_t *function,
                          unsigned *bar, uint64_t *offset);

#endif
