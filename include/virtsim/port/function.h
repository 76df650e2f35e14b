/* SPDX-License-Identifier: MIT */
/* A device function as its configuration space and its link reach it. */
#ifndef VIRTSIM_PORT_FUNCTION_H
#define VIRTSIM_PORT_FUNCTION_H

#include "virtsim/units.h"

#include <stdbool.h>
#include <stdint.h>

#define VS_PCI_BARS 6u

/* A base address register: bytes are a power of two, 16 at least; 0: there is none. */
struct vs_pci_bar {
    uint64_t bytes;
    bool wide, prefetch; /* 64 bits, which takes the next register too; reads change nothing */
    const char *stated;  /* by whom and as what it was stated, for errors; NULL: by nobody */
};

/* What a function says of itself. */
struct vs_pci_identity {
    uint16_t vendor, device;
    uint32_t class_code; /* 24 bits */
    struct vs_pci_bar bar[VS_PCI_BARS];
    uint32_t vectors;           /* of MSI-X; 0: it has none */
    uint32_t msix_bar;          /* where their table and pending bits are */
    uint32_t table, pending;    /* offsets there */
    uint32_t mps, mrrs;         /* bytes, as the link has them */
    uint32_t generation, width; /* of the link */
    bool virtual_function;      /* its memory is the physical function's to place */
    bool ats;                   /* it has translation services */
    /* Max PASID Width and what requests may ask for besides; Outstanding Page Request Capacity:
     * capabilities of a physical function, which its virtual ones go by; 0: it has none. */
    uint8_t pasid_width;
    bool pasid_execute, pasid_privileged;
    uint32_t page_requests;
    struct vs_pci_sriov {
        uint16_t total, initial; /* TotalVFs, InitialVFs; total 0: no such capability */
        uint16_t first, stride;  /* First VF Offset, VF Stride */
        uint16_t device;
        struct vs_pci_bar bar[VS_PCI_BARS]; /* of one virtual function */
    } sriov;
};

/* What is behind a function's base address registers, and what a reset of the function does to it.
 * The time of an access is the link's; `at` is when it is there. A register that a function does
 * not have reads as 0, and a write of it changes nothing. A function that is NULL: the device has
 * no registers, or nothing to reset. */
struct vs_function_port {
    void *ctx;
    uint64_t (*bar_read)(void *ctx, unsigned bar, uint64_t offset, unsigned bytes, vs_ps at);
    void (*bar_write)(void *ctx, unsigned bar, uint64_t offset, unsigned bytes, uint64_t value,
                      vs_ps at);
    void (*reset)(void *ctx, vs_ps at);
};

#endif
