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
/* Where registers have their memory: of the physical function, of the first virtual one, whose
 * others follow, TotalVFs of them. 0: wherever there is room. */
struct vs_pci_places {
    uint64_t pf[VS_PCI_BARS], vf[VS_PCI_BARS];
};
/* Finds room from `base` on for what is not stated, each at a multiple of its size. */
struct vs_pci_places vs_pci_layout(const struct vs_pci_identity *physical,
                                   const struct vs_pci_places *stated, uint64_t base);
/* Adds what no bridge could pass on: stated places that are below `base`, where memory is, no
 * multiple of their size, or another one's. */
void vs_pci_places_check(const struct vs_pci_identity *physical, const struct vs_pci_places *stated,
                         uint64_t base, struct vs_errors *errors);
/* What firmware and the host's kernel do: registers' memory is placed, memory and bus mastering
 * enabled, and `vfs` virtual functions. */
void vs_pci_device_place(struct vs_pci_device *d, const struct vs_pci_places *at, uint32_t vfs);

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
